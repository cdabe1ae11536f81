// Figures as one JSON document, for `llmrec stats --json` and the dashboard. Pure.
#pragma once

#include <string>

#include "report/stats.h"

namespace llmrec::report {

// No line end. Shares are between 0 and 1, null where there is nothing to divide by. Times are UTC.
std::string to_json(const Figures&);

}  // namespace llmrec::report
