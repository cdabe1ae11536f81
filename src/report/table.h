// Columns of text. Pure; any thread.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "report/text.h"

namespace llmrec::report {

struct Cell {
  std::string text;
  Role role = Role::plain;
};

struct Column {
  std::string name;
  bool right = false;
  std::size_t least = 0;  // it may be shortened to so much where the table is too wide; 0: never
  std::size_t most = 0;   // never wider than this; 0: as wide as it gets
};

using Row = std::vector<Cell>;  // one cell per column

// A head and a line per row. `shrink_first`: columns to shorten, in this order, until the table
// fits `width_max`. `indent`: blanks before each line, counted in it.
Lines table(const std::vector<Column>&, const std::vector<Row>&, std::size_t width_max,
            const std::vector<std::size_t>& shrink_first, const Style&, std::size_t indent = 0);

}  // namespace llmrec::report
