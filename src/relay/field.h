// The grammar of a header line (RFC 9110 §5.6), for those who read heads by hand. Pure.
#pragma once

#include <algorithm>
#include <string_view>

#include "base/bytes.h"

namespace llmrec::relay {

constexpr bool is_tchar(char c) {
  const char l = ascii_lower(c);
  if ((c >= '0' && c <= '9') || (l >= 'a' && l <= 'z')) return true;
  return c != '\0' && std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

constexpr bool is_token(std::string_view s) {
  return !s.empty() && std::all_of(s.begin(), s.end(), is_tchar);
}

constexpr std::string_view trimmed(std::string_view s) {
  while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) s.remove_prefix(1);
  while (!s.empty() && (s.back() == ' ' || s.back() == '\t')) s.remove_suffix(1);
  return s;
}

// Anything that is neither text nor a blank within a line.
constexpr bool has_control(std::string_view s) {
  return std::any_of(s.begin(), s.end(), [](char c) {
    const auto u = static_cast<unsigned char>(c);
    return u == 0x7f || (u < 0x20 && c != '\t');
  });
}

}  // namespace llmrec::relay
