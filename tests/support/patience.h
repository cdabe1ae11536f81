// How long a test waits for what has to happen: under a sanitizer everything takes several times as
// long. Constants; they bound a failure and never decide a success.
#pragma once

#include <cstdint>

namespace llmrec::support {

#if defined(__SANITIZE_THREAD__)
inline constexpr std::int64_t kSlowness = 8;
#elif defined(__SANITIZE_ADDRESS__)
inline constexpr std::int64_t kSlowness = 3;
#else
inline constexpr std::int64_t kSlowness = 1;
#endif

}  // namespace llmrec::support
