#include "store/space.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <limits>

namespace llmrec::store {
namespace {

constexpr MDB_dbi kFreeList = 0;

struct Readers {
  unsigned count = 0;
  std::uint64_t oldest_txn = std::numeric_limits<std::uint64_t>::max();
  int oldest_pid = 0;
};

// mdb_reader_list() has no other form than lines of "pid thread txnid"; "-" where none is open.
int on_reader_line(const char* line, void* context) noexcept {
  auto& readers = *static_cast<Readers*>(context);
  int pid = 0;
  char thread[32] = {};
  unsigned long long txn = 0;
  // LMDB wrote the line from numbers. NOLINTNEXTLINE(cert-err34-c)
  if (std::sscanf(line, "%d %31s %llu", &pid, thread, &txn) != 3) return 0;
  ++readers.count;
  if (txn < readers.oldest_txn) {
    readers.oldest_txn = txn;
    readers.oldest_pid = pid;
  }
  return 0;
}

}  // namespace

int measure(const Tables& t, Space& space) {
  Readers readers;
  mdb_reader_list(t.env.get(), on_reader_line, &readers);
  lmdb::Txn txn;
  int rc = t.begin_reading(txn);
  if (rc != MDB_SUCCESS) return rc;
  MDB_envinfo info{};
  MDB_stat stat{};
  mdb_env_info(t.env.get(), &info);
  mdb_env_stat(t.env.get(), &stat);

  // A row of the free list: the transaction that freed the pages, their number, and their names.
  // The next transaction takes only what was freed before the oldest snapshot still in use.
  const std::uint64_t oldest = std::min<std::uint64_t>(readers.oldest_txn, mdb_txn_id(txn.get()));
  std::uint64_t free_pages = 0;
  std::uint64_t reusable = 0;
  lmdb::Cursor cursor;
  rc = cursor.open(txn, kFreeList);
  if (rc == MDB_SUCCESS) rc = cursor.move(MDB_FIRST);
  for (; rc == MDB_SUCCESS; rc = cursor.move(MDB_NEXT)) {
    std::size_t freed_by = 0;
    std::size_t pages = 0;
    if (cursor.key.size() != sizeof freed_by || cursor.value.size() < sizeof pages) {
      return MDB_CORRUPTED;
    }
    std::memcpy(&freed_by, cursor.key.data(), sizeof freed_by);
    std::memcpy(&pages, cursor.value.data(), sizeof pages);
    free_pages += pages;
    if (freed_by < oldest) reusable += pages;
  }
  if (rc != MDB_NOTFOUND) return rc;
  const std::uint64_t taken = info.me_last_pgno + 1;
  space.page_bytes = stat.ms_psize;
  space.map_pages = t.map_bytes / stat.ms_psize;
  space.used_pages = taken - std::min(taken, free_pages);
  space.live_pages = taken - std::min(taken, reusable);
  space.readers = readers.count;
  space.oldest_reader_pid = readers.oldest_pid;
  return MDB_SUCCESS;
}

}  // namespace llmrec::store
