#include "report/format.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <limits>

#include "base/clock.h"

namespace llmrec::report {
namespace {

std::string tenth(std::int64_t tenths) {
  std::string out = std::to_string(tenths / 10);
  if (tenths % 10 != 0) out += fmt::format(".{}", tenths % 10);
  return out;
}

}  // namespace

std::string grouped(std::uint64_t n) {
  std::string out = std::to_string(n);
  for (std::size_t at = out.size(); at > 3;) {
    at -= 3;
    out.insert(at, 1, ',');
  }
  return out;
}

std::string counted(std::uint64_t n, std::string_view singular, std::string_view plural) {
  return grouped(n) + ' ' + std::string(n == 1 ? singular : plural);
}

std::string counted(std::uint64_t n, std::string_view singular) {
  return counted(n, singular, std::string(singular) + 's');
}

std::string duration(std::int64_t ns) {
  // A damaged number is still rounded without running over.
  ns = std::clamp<std::int64_t>(ns, 0, std::numeric_limits<std::int64_t>::max() - kNsPerSecond);
  constexpr std::int64_t kTenthOfMs = kNsPerMs / 10;
  const std::int64_t tenths_of_ms = (ns + kTenthOfMs / 2) / kTenthOfMs;
  if (tenths_of_ms < 100) return tenth(tenths_of_ms) + " ms";
  const std::int64_t ms = (ns + kNsPerMs / 2) / kNsPerMs;
  if (ms < 1000) return fmt::format("{} ms", ms);
  const std::int64_t tenths = (ms + 50) / 100;
  if (tenths < 600) return tenth(tenths) + " s";
  const std::int64_t s = (ms + 500) / 1000;
  if (s < 3600) return fmt::format("{} min {} s", s / 60, s % 60);
  const std::int64_t min = s / 60;
  if (min < 24 * 60) return fmt::format("{} h {} min", min / 60, min % 60);
  return fmt::format("{} d {} h", min / 60 / 24, min / 60 % 24);
}

std::string octets(std::uint64_t n) { return counted(n, "byte"); }

std::string money(std::int64_t nano_usd) {
  if (nano_usd < 0) nano_usd = 0;
  const auto with_digits = [nano_usd](int digits) {
    std::int64_t unit = 1'000'000'000;
    for (int i = 0; i < digits; ++i) unit /= 10;
    const std::int64_t parts = nano_usd / unit + (nano_usd % unit >= unit - unit / 2 ? 1 : 0);
    const std::int64_t one = 1'000'000'000 / unit;
    return fmt::format("${}.{:0{}}", grouped(static_cast<std::uint64_t>(parts / one)), parts % one,
                       digits);
  };
  if (nano_usd >= 1'000'000'000 || nano_usd == 0) return with_digits(2);
  if (nano_usd >= 10'000'000) return with_digits(4);
  return with_digits(nano_usd >= 10'000 ? 6 : 9);
}

std::string local_time(std::int64_t unix_us, bool utc, const char* layout) {
  const std::int64_t whole = unix_us / 1'000'000 - (unix_us % 1'000'000 < 0 ? 1 : 0);
  const auto seconds = static_cast<std::time_t>(whole);
  std::tm parts{};
  if ((utc ? gmtime_r(&seconds, &parts) : localtime_r(&seconds, &parts)) == nullptr) return "?";
  std::array<char, 64> text{};
  const std::size_t size = std::strftime(text.data(), text.size(), layout, &parts);
  return {text.data(), size};
}

std::string local_time(std::int64_t unix_us, bool utc) {
  const std::int64_t ms = (unix_us % 1'000'000 + 1'000'000) % 1'000'000 / 1000;
  return local_time(unix_us, utc, "%Y-%m-%d %H:%M:%S") + fmt::format(".{:03} ", ms) +
         (utc ? "UTC" : local_time(unix_us, utc, "%Z"));
}

std::string clean(Bytes text) {
  std::string out;
  for (const char c : text) {
    if (is_printable_ascii(c)) {
      out += c;
    } else if ((static_cast<unsigned char>(c) & 0xc0U) != 0x80U) {
      out += '?';
    }
  }
  return out;
}

std::size_t columns(std::string_view utf8) { return static_cast<std::size_t>(code_points(utf8)); }

std::string shortened(std::string_view text, std::size_t width, const Style& style) {
  if (columns(text) <= width) return std::string(text);
  if (width == 0) return {};
  std::size_t end = 0;
  for (std::size_t seen = 0; end < text.size(); ++end) {
    const bool begins = (static_cast<unsigned char>(text[end]) & 0xc0U) != 0x80U;
    if (begins && seen++ == width - 1) break;
  }
  return std::string(text.substr(0, end)) + (style.unicode ? "…" : "~");
}

std::string padded(std::string_view text, std::size_t width) {
  std::string out(text);
  const std::size_t have = columns(text);
  if (have < width) out.append(width - have, ' ');
  return out;
}

std::string padded_left(std::string_view text, std::size_t width) {
  const std::size_t have = columns(text);
  return std::string(have < width ? width - have : 0, ' ') + std::string(text);
}

std::vector<std::string> wrapped(std::string_view text, std::size_t width) {
  if (width == 0) width = 1;
  std::vector<std::string> lines(1);
  while (!text.empty()) {
    const std::size_t blank = text.find(' ');
    std::string_view word = text.substr(0, blank);
    text.remove_prefix(blank == std::string_view::npos ? text.size() : blank + 1);
    if (word.empty()) continue;
    if (!lines.back().empty() && columns(lines.back()) + 1 + columns(word) > width) {
      lines.emplace_back();
    }
    while (columns(word) > width) {  // only ASCII is ever this long
      lines.back() = word.substr(0, width);
      word.remove_prefix(width);
      lines.emplace_back();
    }
    if (!lines.back().empty()) lines.back() += ' ';
    lines.back() += word;
  }
  return lines;
}

}  // namespace llmrec::report
