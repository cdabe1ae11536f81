// Text arranged for people: lines of spans with roles. Knows no terminal and no HTML; who shows it
// decides what a role looks like. Every span is free of control characters.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace llmrec::report {

enum class Role : std::uint8_t { plain, strong, good, warn, bad, dim };

struct Span {
  Role role = Role::plain;
  std::string text;
};

using Line = std::vector<Span>;
using Lines = std::vector<Line>;

struct Style {
  bool unicode = true;  // else ASCII only
  bool utc = false;     // else the local time zone
  std::size_t width = 80;
};

}  // namespace llmrec::report
