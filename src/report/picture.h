// The pictures of a receipt: where the time went, and when chunks came. Any thread; pure.
#pragma once

#include "record/record.h"
#include "report/text.h"

namespace llmrec::report {

// One row per milestone that is known; its bar runs from the one before, all on one time axis.
Lines waterfall(const record::Record&, const Style&);

// The arrival rate as a sparkline, stalls as dots, the longest silence marked below. Empty where no
// chunk came.
Lines arrivals(const record::Record&, const Style&);

inline constexpr std::size_t kLabelColumns = 16;  // two blanks, a label, blanks

}  // namespace llmrec::report
