#include <malloc.h>

#include "fuzz/fuzz.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LLMREC_ASAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define LLMREC_ASAN 1
#endif
#if defined(LLMREC_ASAN)
// g++ 12 comes without its header.
extern "C" std::size_t __sanitizer_get_current_allocated_bytes();
#endif

namespace llmrec::fuzz {

std::size_t heap_in_use() {
#if defined(LLMREC_ASAN)
  return __sanitizer_get_current_allocated_bytes();
#elif defined(__SANITIZE_THREAD__)
  return 0;
#else
  const struct mallinfo2 info = ::mallinfo2();
  return info.uordblks + info.hblkhd;
#endif
}

}  // namespace llmrec::fuzz
