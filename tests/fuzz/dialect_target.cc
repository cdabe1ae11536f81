// LLMREC_FUZZ_ENTRY names the dialect.
#include "fuzz/dialect.h"
#include "fuzz/fuzz.h"

namespace llmrec::dialect {
extern const Entry LLMREC_FUZZ_ENTRY;
}  // namespace llmrec::dialect

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  llmrec::fuzz::run_dialect(llmrec::dialect::LLMREC_FUZZ_ENTRY, llmrec::fuzz::bytes(data, size));
  return 0;
}
