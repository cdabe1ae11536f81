// One dialect under any documents; what dialect_target.cc is compiled for each of.
#pragma once

#include <cstdint>

#include "dialect/dialect.h"

namespace llmrec::fuzz {
void run_dialect(const dialect::Entry& entry, Bytes octets);
}  // namespace llmrec::fuzz
