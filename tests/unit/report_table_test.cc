#include "report/table.h"

#include <doctest/doctest.h>

#include "report/format.h"
#include "report_samples.h"

using namespace llmrec::report;

namespace {

std::string drawn(const std::vector<Column>& columns, const std::vector<Row>& rows,
                  std::size_t width, const std::vector<std::size_t>& shrink,
                  std::size_t indent = 0) {
  return sample::plain_text(table(columns, rows, width, shrink, {}, indent));
}

}  // namespace

TEST_CASE("columns are as wide as what is in them") {
  CHECK(drawn({{"NAME"}, {"N", true}}, {{{"a"}, {"1"}}, {{"longer"}, {"1,000"}}}, 80, {}) ==
        "NAME        N\n"
        "a           1\n"
        "longer  1,000\n");
}

TEST_CASE("no row at all, and an indent") {
  CHECK(drawn({{"NAME"}, {"N"}}, {}, 80, {}, 2) == "  NAME  N\n");
}

TEST_CASE("columns shrink in the order named, to no less than they allow") {
  const std::vector<Column> columns{{"A", false, 4}, {"B", false, 2}, {"C"}};
  const std::vector<Row> rows{{{"aaaaaaaa"}, {"bbbbbbbb"}, {"cccccccc"}}};
  CHECK(drawn(columns, rows, 26, {0, 1}) == "A       B         C\naaaaa…  bbbbbbbb  cccccccc\n");
  CHECK(drawn(columns, rows, 20, {0, 1}) == "A     B     C\naaa…  bbb…  cccccccc\n");
  CHECK(drawn(columns, rows, 10, {0, 1}) == "A     B   C\naaa…  b…  cccccccc\n");
}

TEST_CASE("a column with a most is never wider") {
  CHECK(drawn({{"NAME", false, 0, 6}, {"N"}}, {{{"abcdefghij"}, {"1"}}}, 80, {}) ==
        "NAME    N\nabcde…  1\n");
}
