// Small pictures of numbers: a bar, a row of columns. ASCII where the terminal has no more. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "report/text.h"

namespace llmrec::report {

// `share` of `width` columns, 0 to 1; a share above 0 shows at least the smallest mark.
std::string bar(double share, std::size_t width, const Style&);

// One column per value, the highest fills the line; 0 is a blank.
std::string columns_of(const std::vector<std::uint64_t>& values, std::uint64_t highest,
                       const Style&);

}  // namespace llmrec::report
