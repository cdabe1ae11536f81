// The directory of a store: its making, the lock that keeps a second writer out, a look at the file
// before LMDB maps it, and the words for what can go wrong. Any thread.
#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "base/result.h"

namespace llmrec::store {

// Creates `dir` and its parents; a directory it makes is 0700, one that exists stays as it is.
// Refuses network file systems: LMDB needs shared memory and locks that all its users see.
Result<void> make_directory(const std::string& dir);

// An flock on DIR/writer.lock, which holds the owner's process id. Released by closing, so also by
// any kind of death.
class WriterLock {
 public:
  static Result<WriterLock> take(const std::string& dir);
  WriterLock(WriterLock&& other) noexcept;
  WriterLock& operator=(WriterLock&&) noexcept;
  ~WriterLock();

 private:
  explicit WriterLock(int fd) : fd_(fd) {}
  int fd_ = -1;
};

// The process that writes to the store in `dir`: 0 for none, -1 where its number is not known.
int living_writer(const std::string& dir);

struct DataFile {
  bool exists = false;  // false also for an empty file, which LMDB fills
  std::uint64_t bytes = 0;
  std::uint64_t pages = 0;  // that have ever been used
  std::uint64_t page_bytes = 0;
};

// Reads the two meta pages of DIR/data.mdb. unsupported: LMDB 1.0, another word size or octet
// order; corrupt: not LMDB at all, or cut short.
Result<DataFile> inspect(const std::string& dir);

bool is_read_only_file_system(const std::string& dir);

// An LMDB or errno code as an Error; `doing` as in "cannot <doing>".
Error store_error(int code, Bytes doing, const std::string& dir);

}  // namespace llmrec::store
