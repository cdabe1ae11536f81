// The environment and its tables, opened and checked. Internal to store/: includes LMDB.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/id.h"
#include "base/result.h"
#include "store/lmdb.h"
#include "store/store.h"

namespace llmrec::store {

struct Tables {
  std::string dir;
  lmdb::Env env;
  MDB_dbi records = 0;
  MDB_dbi open = 0;
  MDB_dbi ids = 0;
  MDB_dbi status = 0;
  MDB_dbi meta = 0;
  MDB_dbi loss = 0;
  HmacKey hmac_key{};
  std::int64_t created_ms = 0;
  std::size_t map_bytes = 0;  // the budget; LMDB's own map may be larger

  // The writer's: makes what is missing. The writer's lock must be held.
  static Result<Tables> open_for_writing(const WriterOptions&);
  static Result<Tables> open_for_reading(const std::string& dir);
  // For a short writing transaction beside the writer's: LMDB lets one in at a time. Changes
  // neither the map's size nor any table's form.
  static Result<Tables> open_for_amending(const std::string& dir);

  // A transaction that only reads; follows a map that another process has resized.
  int begin_reading(lmdb::Txn&) const;
  int begin_writing(lmdb::Txn&) const;  // likewise; waits for the process that is writing
};

// Calls `row` for the keys that begin with `prefix` and end in an id within `range`, in order, from
// beyond `after`, until it says false. Returns an LMDB code; reaching the end is success.
struct Walk {
  MDB_dbi dbi = 0;
  std::string prefix;
  Order order = Order::oldest_first;
  std::optional<RecordIdRange> range;
  std::optional<RecordId> after;
};
int walk(const lmdb::Txn&, const Walk&,
         const std::function<bool(const RecordId&, Bytes value)>& row);

}  // namespace llmrec::store
