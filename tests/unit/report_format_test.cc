#include "report/format.h"

#include <doctest/doctest.h>

#include "base/clock.h"

using namespace llmrec;
using namespace llmrec::report;

TEST_CASE("numbers are grouped and counted") {
  CHECK(grouped(0) == "0");
  CHECK(grouped(999) == "999");
  CHECK(grouped(1000) == "1,000");
  CHECK(grouped(131'874) == "131,874");
  CHECK(grouped(18'446'744'073'709'551'615ULL) == "18,446,744,073,709,551,615");
  CHECK(counted(1, "chunk") == "1 chunk");
  CHECK(counted(0, "chunk") == "0 chunks");
  CHECK(counted(2, "query", "queries") == "2 queries");
  CHECK(octets(1) == "1 byte");
}

TEST_CASE("durations choose their unit, also where rounding moves them over its edge") {
  CHECK(duration(0) == "0 ms");
  CHECK(duration(-5) == "0 ms");
  CHECK(duration(412'000) == "0.4 ms");
  CHECK(duration(9'949'999) == "9.9 ms");
  CHECK(duration(9'960'000) == "10 ms");
  CHECK(duration(842'117'000) == "842 ms");
  CHECK(duration(999'499'999) == "999 ms");
  CHECK(duration(999'500'000) == "1 s");
  CHECK(duration(4'810'030'000) == "4.8 s");
  CHECK(duration(59'949'000'000) == "59.9 s");
  CHECK(duration(59'950'000'000) == "1 min 0 s");
  CHECK(duration(723 * kNsPerSecond) == "12 min 3 s");
  CHECK(duration(7'500 * kNsPerSecond) == "2 h 5 min");
  CHECK(duration(3 * 86'400 * kNsPerSecond) == "3 d 0 h");
}

TEST_CASE("money shows at least what it is made of") {
  CHECK(money(0) == "$0.00");
  CHECK(money(455'250) == "$0.000455");
  CHECK(money(455'500) == "$0.000456");
  CHECK(money(120) == "$0.000000120");
  CHECK(money(12'345'678) == "$0.0123");
  CHECK(money(999'999'999) == "$1.0000");
  CHECK(money(1'234'567'891'234) == "$1,234.57");
}

TEST_CASE("times in UTC") {
  CHECK(local_time(1'782'814'361'120'431, true) == "2026-06-30 10:12:41.120 UTC");
  CHECK(local_time(0, true) == "1970-01-01 00:00:00.000 UTC");
  CHECK(local_time(-1, true) == "1969-12-31 23:59:59.999 UTC");
}

TEST_CASE("strangers' texts cannot move a cursor") {
  CHECK(clean("gpt-4o") == "gpt-4o");
  CHECK(clean("a\x1b[31mb\x07\n") == "a?[31mb??");
  CHECK(clean("\xe6\x97\xa5x\x80") == "?x");
}

TEST_CASE("texts are cut and padded by columns") {
  const Style unicode;
  const Style ascii{false, true, 80};
  CHECK(shortened("abcdef", 6, unicode) == "abcdef");
  CHECK(shortened("abcdef", 4, unicode) == "abc…");
  CHECK(shortened("abcdef", 4, ascii) == "abc~");
  CHECK(shortened("··e··", 3, unicode) == "··…");
  CHECK(shortened("abc", 0, unicode).empty());
  CHECK(padded("·", 3) == "·  ");
  CHECK(padded_left("ab", 4) == "  ab");
  CHECK(padded("abc", 2) == "abc");
}

TEST_CASE("lines break at blanks, and inside a word only when it must be") {
  CHECK(wrapped("", 10) == std::vector<std::string>{""});
  CHECK(wrapped("one two three", 7) == std::vector<std::string>{"one two", "three"});
  CHECK(wrapped("abcdefghij xy", 4) == std::vector<std::string>{"abcd", "efgh", "ij", "xy"});
  CHECK(wrapped("a abcdefgh", 4) == std::vector<std::string>{"a", "abcd", "efgh"});
}
