// Two kinds of check.
//   LLMREC_REQUIRE(x)            aborts: start-up and store invariants, where going on would do
//   harm. if (LLMREC_FAILS(x)) {...}   aborts in debug builds; in release builds counts and says
//   true, and
//                                the caller recovers: this program sits in somebody's traffic.
// wire, dialect and tap use only the second kind.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace llmrec {

inline std::atomic<std::uint64_t> failed_checks{0};

[[noreturn]] inline void require_failed(const char* what, const char* file, int line) {
  std::fprintf(stderr, "llmrec: broken invariant: %s (%s:%d)\n", what, file, line);
  std::abort();
}

inline bool check_failed([[maybe_unused]] const char* what, [[maybe_unused]] const char* file,
                         [[maybe_unused]] int line) {
#ifndef NDEBUG
  require_failed(what, file, line);
#else
  failed_checks.fetch_add(1, std::memory_order_relaxed);
  return true;
#endif
}

}  // namespace llmrec

#define LLMREC_REQUIRE(x) ((x) ? void() : ::llmrec::require_failed(#x, __FILE__, __LINE__))
#define LLMREC_FAILS(x) (!(x) && ::llmrec::check_failed(#x, __FILE__, __LINE__))
