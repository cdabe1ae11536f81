// How full the map is, and who keeps it so. Internal to store/.
#pragma once

#include <cstdint>

#include "store/tables.h"

namespace llmrec::store {

struct Space {
  std::uint64_t page_bytes = 0;
  std::uint64_t map_pages = 0;   // the budget
  std::uint64_t used_pages = 0;  // that hold something
  std::uint64_t live_pages = 0;  // the same and those that cannot be used again yet
  unsigned readers = 0;          // with a transaction open
  int oldest_reader_pid = 0;     // 0: none

  bool should_prune() const { return used_pages * 100 >= map_pages * limits::kStorePrunePercent; }
  bool room_for(std::uint64_t pages) const {
    return (live_pages + pages) * 100 < map_pages * limits::kStoreDropPercent;
  }
  bool must_drop() const { return !room_for(0); }
};

// Reads the free list, in a transaction of its own: LMDB shows it only to readers. Returns an LMDB
// code. Exact for the writer between its transactions, a snapshot for anybody else.
int measure(const Tables&, Space&);

}  // namespace llmrec::store
