// Instants on the monotonic clock, as numbers that somebody else read.
// Only net/, daemon/ and tests make them; pure code receives them. Differences are in nanoseconds.
#pragma once

#include <compare>
#include <cstdint>

namespace llmrec {

struct Instant {
  std::int64_t ns = 0;
  friend constexpr auto operator<=>(Instant, Instant) = default;
  friend constexpr std::int64_t operator-(Instant a, Instant b) { return a.ns - b.ns; }
  friend constexpr Instant operator+(Instant a, std::int64_t by_ns) { return {a.ns + by_ns}; }
};

inline constexpr std::int64_t kNsPerUs = 1'000;
inline constexpr std::int64_t kNsPerMs = 1'000'000;
inline constexpr std::int64_t kNsPerSecond = 1'000'000'000;

// Ties the monotonic clock to the calendar: read once, so that a stepped wall clock cannot make a
// duration negative.
struct WallAnchor {
  Instant instant;
  std::int64_t unix_us = 0;
  constexpr std::int64_t unix_us_at(Instant t) const { return unix_us + (t - instant) / kNsPerUs; }
};

}  // namespace llmrec
