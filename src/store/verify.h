// Walks a whole store, every page and every blob, before anybody relies on it: LMDB 0.9 keeps no
// checksums, and a damaged page can end the process that reads it. So the walk runs in a child.
// One thread, at the start, before the store is opened and before any other thread exists.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/bytes.h"
#include "base/result.h"

namespace llmrec::store {

using IntactBlob = std::function<bool(Bytes blob)>;

struct Check {
  std::uint64_t records = 0;
  std::uint64_t open_rows = 0;
  std::uint64_t damaged_rows = 0;   // unreadable row or blob
  std::uint64_t missing_index = 0;  // index rows that a record should have and has not
  std::uint64_t stray_index = 0;    // index rows without their record
  bool sound() const { return damaged_rows == 0 && missing_index == 0 && stray_index == 0; }
};

// In this process. In one transaction: use it where no writer lives, or on a copy.
Result<Check> check_store(const std::string& dir, const IntactBlob&);

enum class Verdict : std::uint8_t {
  absent,  // there is no store yet
  sound,
  damaged,   // or so broken that the child died of it
  not_ours,  // another program's, a newer llmrec's, another LMDB's: leave it alone
  unknown,   // the walk took longer than `wait_ms`, or no child could be started
};
Verdict verify_in_child(const std::string& dir, const IntactBlob&, int wait_ms);

enum class Depth : std::uint8_t {
  whole,  // rows and indexes, in one transaction
  rows,   // rows alone, a page at a time: also beside a living writer
};
struct Checked {
  Verdict verdict = Verdict::unknown;
  Check check;  // of a walk that came to its end
};
// The same, with figures.
Checked check_in_child(const std::string& dir, const IntactBlob&, int wait_ms, Depth);

// Renames data.mdb to data.mdb.damaged-N, the first N that is free, and removes lock.mdb. Nothing
// is deleted that could be evidence. Returns the new path. in_use: a writer lives.
Result<std::string> set_aside(const std::string& dir);

}  // namespace llmrec::store
