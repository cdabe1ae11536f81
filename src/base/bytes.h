// A view of octets, and arithmetic on counts that must never wrap.
// Knows nothing of text or encodings: where octets are text, the name says so.
// Any thread; the view owns nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>

namespace llmrec {

using Bytes = std::string_view;

// Counters saturate: a wrong huge number is better than a wrong small one.
constexpr std::uint64_t saturating_add(std::uint64_t a, std::uint64_t b) {
  return a > std::numeric_limits<std::uint64_t>::max() - b
             ? std::numeric_limits<std::uint64_t>::max()
             : a + b;
}

constexpr bool is_printable_ascii(char c) { return c >= 0x20 && c < 0x7f; }

constexpr char ascii_lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

constexpr bool equals_ignoring_case(Bytes a, Bytes b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (ascii_lower(a[i]) != ascii_lower(b[i])) return false;
  }
  return true;
}

// Unicode code points in a piece of UTF-8: every octet that does not continue a sequence begins
// one, so that the sum over pieces does not depend on where they were cut.
constexpr std::uint64_t code_points(Bytes utf8) {
  std::uint64_t n = 0;
  for (const char c : utf8) n += (static_cast<unsigned char>(c) & 0xc0U) != 0x80U;
  return n;
}

}  // namespace llmrec
