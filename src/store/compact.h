// Writes a store anew without its free pages: the only way in which its file gets smaller.
// One thread, in a process that has the store not open. Takes as much free disk as the store's
// records need.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "store/verify.h"

namespace llmrec::store {

struct Compacted {
  std::uint64_t bytes_before = 0;
  std::uint64_t bytes_after = 0;
};

// The copy is walked before it takes the place of the old file; until then nothing has changed.
// in_use: a writer lives, or somebody reads. corrupt: the copy is not sound; the old file stays.
Result<Compacted> compact(const std::string& dir, const IntactBlob&);

}  // namespace llmrec::store
