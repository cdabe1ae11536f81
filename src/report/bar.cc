#include "report/bar.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace llmrec::report {

std::string bar(double share, std::size_t width, const Style& style) {
  static constexpr std::array<const char*, 8> kEighths = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  if (!(share > 0) || width == 0) return {};
  share = std::min(share, 1.0);
  const std::size_t parts = style.unicode ? 8 : 1;
  const auto filled = std::max<std::size_t>(
      1, static_cast<std::size_t>(std::lround(share * static_cast<double>(width * parts))));
  if (!style.unicode) return std::string(filled, '=');
  std::string out;
  for (std::size_t i = 0; i < filled / 8; ++i) out += "█";
  return out + kEighths[filled % 8];
}

std::string columns_of(const std::vector<std::uint64_t>& values, std::uint64_t highest,
                       const Style& style) {
  static constexpr std::array<const char*, 8> kHeights = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  static constexpr std::array<const char*, 8> kAscii = {".", ":", "-", "=", "+", "*", "#", "@"};
  std::string out;
  for (const std::uint64_t value : values) {
    if (value == 0 || highest == 0) {
      out += ' ';
      continue;
    }
    const double share = static_cast<double>(value) / static_cast<double>(highest);
    const auto step = static_cast<std::size_t>(std::clamp(std::ceil(share * 8) - 1, 0.0, 7.0));
    out += style.unicode ? kHeights[step] : kAscii[step];
  }
  return out;
}

}  // namespace llmrec::report
