// Usage made comparable, as far as most dialects need it. Pure.
#pragma once

#include "record/record.h"

namespace llmrec::dialect {

// The total where the provider leaves the sum to its reader.
inline record::Usage with_total(record::Usage usage) {
  if (!usage.total && usage.input && usage.output) usage.total = *usage.input + *usage.output;
  return usage;
}

}  // namespace llmrec::dialect
