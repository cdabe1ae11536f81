// The models that Amazon Bedrock hosts in their own words under InvokeModel and that speak no
// dialect of their own elsewhere: Titan, Llama, Claude before Messages, Mistral, Jurassic,
// DeepSeek. Their fields do not overlap, so that one table serves them all.
#pragma once

#include <memory>

#include "dialect/dialect.h"

namespace llmrec::dialect {

std::unique_ptr<Dialect> make_bedrock_native();

}  // namespace llmrec::dialect
