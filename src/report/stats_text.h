// Figures as tables and bars for a terminal: the totals first, then when, where, and in which
// groups. Facts only, no terminal codes. Pure but for the time zone.
#pragma once

#include "report/stats.h"
#include "report/text.h"

namespace llmrec::report {

// No line is wider than style.width, which is at least 80.
Lines stats_text(const Figures&, const Style&);

}  // namespace llmrec::report
