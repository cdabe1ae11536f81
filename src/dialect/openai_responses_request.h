// What a request of the Responses API asks for: `input` is one string or a list of items, of which
// the results of tools name the calls that they answer. Knows nothing of the answer. Pure.
#pragma once

#include <memory>

#include "dialect/dialect.h"
#include "wire/json.h"

namespace llmrec::dialect {

const wire::JsonPaths& responses_request_paths();
// `stream`: what holds where the body does not say, as in GET /responses/{id}?stream=true.
std::unique_ptr<wire::JsonSink> responses_request_sink(Asked&, bool stream);

}  // namespace llmrec::dialect
