#include "report/bar.h"

#include <doctest/doctest.h>

#include "report/format.h"

using namespace llmrec::report;

TEST_CASE("a bar is as long as its share, and never nothing where something is") {
  const Style unicode;
  CHECK(bar(0, 8, unicode).empty());
  CHECK(bar(0.0001, 8, unicode) == "▏");
  CHECK(bar(0.5, 8, unicode) == "████");
  CHECK(bar(1, 8, unicode) == "████████");
  CHECK(bar(7, 8, unicode) == "████████");
  CHECK(bar(0.53, 8, unicode) == "████▎");
  CHECK(bar(0.5, 0, unicode).empty());
  CHECK(bar(0.0 / 0.0, 8, unicode).empty());
  Style ascii;
  ascii.unicode = false;
  CHECK(bar(0.0001, 8, ascii) == "=");
  CHECK(bar(0.5, 8, ascii) == "====");
}

TEST_CASE("a column per value") {
  const Style unicode;
  CHECK(columns_of({0, 1, 4, 8}, 8, unicode) == " ▁▄█");
  CHECK(columns_of({1, 800}, 800, unicode) == "▁█");
  CHECK(columns_of({0, 0}, 0, unicode) == "  ");
  CHECK(columns_of({}, 5, unicode).empty());
  Style ascii;
  ascii.unicode = false;
  CHECK(columns_of({0, 1, 4, 8}, 8, ascii) == " .=@");
}
