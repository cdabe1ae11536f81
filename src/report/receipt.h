// One record as a receipt: the verdict in plain English first, then where the time went, then what
// it rests on, tokens and cost, retry, and the ids to quote. Facts only, no terminal codes.
#pragma once

#include "record/record.h"
#include "report/text.h"

namespace llmrec::report {

// No line is wider than style.width, which is at least 60.
Lines receipt(const record::Record&, const Style&);

}  // namespace llmrec::report
