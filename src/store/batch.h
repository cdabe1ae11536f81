// What one writing transaction does to the tables: rows with their indexes, retention, losses.
// Internal to store/. Every function returns an LMDB code; after anything but MDB_SUCCESS the
// transaction is to be aborted.
#pragma once

#include <cstdint>
#include <span>

#include "store/space.h"
#include "store/tables.h"

namespace llmrec::store {

// A final entry replaces the open row of its key, and an older final entry with its index rows. An
// open entry that comes after the final one is ignored.
int put_entry(const Tables&, lmdb::Txn&, const Entry&);

int erase_open(const Tables&, lmdb::Txn&, const RecordId&);

// Adds to the last episode of the same reason, or begins one; forgets the oldest beyond the cap.
int put_loss(const Tables&, lmdb::Txn&, const Loss&);

struct PruneOrder {
  Retention retention;
  std::int64_t now_ms = 0;
  std::size_t incoming = 0;  // records about to be stored
  std::size_t most = 0;      // records to delete at most
};
// Deletes from the oldest on what retention or the map no longer has room for; counts into
// `pruned`.
int prune_rows(const Tables&, lmdb::Txn&, const Space&, const PruneOrder&, std::size_t& pruned);

}  // namespace llmrec::store
