#include "report/table.h"

#include <algorithm>
#include <string_view>

#include "report/format.h"

namespace llmrec::report {
namespace {

constexpr std::string_view kBetween = "  ";

}  // namespace

Lines table(const std::vector<Column>& columns_of, const std::vector<Row>& rows,
            std::size_t width_max, const std::vector<std::size_t>& shrink_first, const Style& style,
            std::size_t indent) {
  std::vector<std::size_t> widths;
  std::size_t total = indent + kBetween.size() * (columns_of.size() - 1);
  for (std::size_t c = 0; c < columns_of.size(); ++c) {
    std::size_t width = columns(columns_of[c].name);
    for (const Row& row : rows) width = std::max(width, columns(row[c].text));
    if (columns_of[c].most > 0) width = std::min(width, columns_of[c].most);
    widths.push_back(width);
    total += width;
  }
  for (const std::size_t c : shrink_first) {
    if (total <= width_max) break;
    const std::size_t least = columns_of[c].least;
    const std::size_t less = std::min(total - width_max, widths[c] - std::min(widths[c], least));
    widths[c] -= less;
    total -= less;
  }
  Lines out;
  const auto line = [&](auto&& cell_of) {
    Line spans;
    if (indent > 0) spans.push_back({Role::plain, std::string(indent, ' ')});
    for (std::size_t c = 0; c < columns_of.size(); ++c) {
      const Cell cell = cell_of(c);
      const bool last = c + 1 == columns_of.size();
      std::string text = shortened(cell.text, widths[c], style);
      text = columns_of[c].right ? padded_left(text, widths[c])
             : last              ? text
                                 : padded(text, widths[c]);
      if (!last) text += kBetween;
      spans.push_back({cell.role, std::move(text)});
    }
    out.push_back(std::move(spans));
  };
  line([&](std::size_t c) { return Cell{columns_of[c].name, Role::dim}; });
  for (const Row& row : rows) line([&](std::size_t c) { return row[c]; });
  return out;
}

}  // namespace llmrec::report
