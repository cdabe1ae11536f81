// Numbers, durations and strangers' texts as people read them. Any thread; local_time asks the
// process's time zone, the rest is pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "report/text.h"

namespace llmrec::report {

std::string grouped(std::uint64_t n);  // "131,874"
// "1 chunk", "37 chunks"
std::string counted(std::uint64_t n, std::string_view singular, std::string_view plural);
std::string counted(std::uint64_t n, std::string_view singular);  // plural with s
// "0.4 ms", "842 ms", "4.8 s", "12 min 3 s", "2 h 5 min", "3 d 4 h"
std::string duration(std::int64_t ns);
std::string octets(std::uint64_t n);  // "131,874 bytes"
std::string money(
    std::int64_t nano_usd);  // "$0.0123", "$0.000455"; at least two digits that say something
// "2026-06-30 10:12:41.120 UTC"; the zone's name is the local one unless utc.
std::string local_time(std::int64_t unix_us, bool utc);
// Another layout, by strftime(3).
std::string local_time(std::int64_t unix_us, bool utc, const char* layout);

// Strangers' octets on somebody's terminal: printable ASCII stays, each other code point is '?'.
std::string clean(Bytes text);

std::size_t columns(std::string_view utf8);  // one per code point: we draw nothing wider
// Not longer than `width` columns; what was cut shows as an ellipsis.
std::string shortened(std::string_view text, std::size_t width, const Style&);
std::string padded(std::string_view text, std::size_t width);       // blanks behind
std::string padded_left(std::string_view text, std::size_t width);  // blanks before
// Breaks at blanks; a word longer than a line is broken inside. Never an empty result.
std::vector<std::string> wrapped(std::string_view text, std::size_t width);

}  // namespace llmrec::report
