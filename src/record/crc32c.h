// CRC-32C (Castagnoli, RFC 3720 appendix B.4), which guards a stored record: LMDB 0.9 has no
// checksums of its own. Uses the processor's instruction where there is one. Pure; any thread.
#pragma once

#include <cstdint>

#include "base/bytes.h"

namespace llmrec::record {

std::uint32_t crc32c(Bytes);

// The table-driven form, for processors without the instruction. Always the same result.
std::uint32_t crc32c_portable(Bytes);

}  // namespace llmrec::record
