#include "store/batch.h"

#include <algorithm>

#include "store/rows.h"

namespace llmrec::store {
namespace {

int erase_index_rows(const Tables& t, lmdb::Txn& txn, const RecordId& key, const Value& value) {
  int rc = txn.erase(t.status, status_row(value.status, value.stage, key));
  for (const std::uint64_t hash : value.hashes) {
    if (rc != MDB_SUCCESS) return rc;
    rc = txn.erase(t.ids, id_row(hash, key));
  }
  return rc;
}

int put_index_rows(const Tables& t, lmdb::Txn& txn, const RecordId& key, const Value& value) {
  int rc = txn.put(t.status, status_row(value.status, value.stage, key), {});
  for (const std::uint64_t hash : value.hashes) {
    if (rc != MDB_SUCCESS) return rc;
    rc = txn.put(t.ids, id_row(hash, key), {});
  }
  return rc;
}

}  // namespace

int erase_open(const Tables& t, lmdb::Txn& txn, const RecordId& key) {
  return txn.erase(t.open, key.bytes());
}

int put_entry(const Tables& t, lmdb::Txn& txn, const Entry& entry) {
  const Bytes key = entry.key.bytes();
  Bytes stored;
  int rc = txn.get(t.records, key, stored);
  const bool replaces = rc == MDB_SUCCESS;
  if (rc != MDB_SUCCESS && rc != MDB_NOTFOUND) return rc;
  const std::string value = make_value(entry);
  if (entry.kind == Kind::open) {
    return replaces ? MDB_SUCCESS : txn.append(t.open, key, value);
  }
  if (replaces) {
    const auto old = parse_value(stored);  // names its index rows before the page changes
    rc = old ? erase_index_rows(t, txn, entry.key, *old) : MDB_SUCCESS;
    if (rc != MDB_SUCCESS) return rc;
  }
  rc = erase_open(t, txn, entry.key);
  if (rc == MDB_SUCCESS) rc = txn.append(t.records, key, value);
  if (rc != MDB_SUCCESS) return rc;
  return put_index_rows(t, txn, entry.key, *parse_value(value));
}

int put_loss(const Tables& t, lmdb::Txn& txn, const Loss& loss) {
  Loss merged = loss;
  {
    lmdb::Cursor cursor;
    int rc = cursor.open(txn, t.loss);
    if (rc != MDB_SUCCESS) return rc;
    // Newest first; an episode that still goes on is among the last few.
    int looked_at = 0;
    for (rc = cursor.move(MDB_LAST); rc == MDB_SUCCESS && looked_at < 16; ++looked_at) {
      const auto last = parse_loss(cursor.key, cursor.value);
      if (last && last->reason == loss.reason &&
          loss.first_ms - last->last_ms <= limits::kStoreLossPauseMs) {
        merged.count = saturating_add(loss.count, last->count);
        merged.first_ms = std::min(loss.first_ms, last->first_ms);
        merged.last_ms = std::max(loss.last_ms, last->last_ms);
        rc = cursor.erase();
        break;
      }
      rc = cursor.move(MDB_PREV);
    }
    if (rc != MDB_SUCCESS && rc != MDB_NOTFOUND) return rc;
  }
  Bytes same_start;
  LossRow row = make_loss(merged);
  if (txn.get(t.loss, row.key, same_start) == MDB_SUCCESS) {
    if (const auto other = parse_loss(row.key, same_start)) {
      merged.count = saturating_add(merged.count, other->count);
      merged.last_ms = std::max(merged.last_ms, other->last_ms);
      row = make_loss(merged);
    }
  }
  int rc = txn.put(t.loss, row.key, row.value);
  if (rc == MDB_SUCCESS && txn.entries(t.loss) > limits::kStoreLossRows) {
    lmdb::Cursor cursor;
    rc = cursor.open(txn, t.loss);
    if (rc == MDB_SUCCESS) rc = cursor.move(MDB_FIRST);
    if (rc == MDB_SUCCESS) rc = cursor.erase();
  }
  return rc;
}

int prune_rows(const Tables& t, lmdb::Txn& txn, const Space& space, const PruneOrder& order,
               std::size_t& pruned) {
  const Retention& keep = order.retention;
  const bool no_room =
      space.should_prune() || (keep.bytes && space.used_pages * space.page_bytes > *keep.bytes);
  const std::uint64_t have = txn.entries(t.records) + order.incoming;
  const std::uint64_t excess = keep.records && have > *keep.records ? have - *keep.records : 0;
  const std::int64_t oldest_ms = keep.age_ms ? order.now_ms - *keep.age_ms : 0;
  if (!no_room && excess == 0 && !keep.age_ms) return MDB_SUCCESS;

  lmdb::Cursor cursor;
  int rc = cursor.open(txn, t.records);
  std::size_t n = 0;
  for (; rc == MDB_SUCCESS && n < order.most; ++n) {
    rc = cursor.move(MDB_FIRST);
    if (rc != MDB_SUCCESS) break;
    const auto id = RecordId::from_bytes(cursor.key);
    if (!id) return MDB_CORRUPTED;
    if (!no_room && n >= excess && id->unix_ms() >= oldest_ms) break;
    const auto value = parse_value(cursor.value);
    if (value) rc = erase_index_rows(t, txn, *id, *value);
    if (rc == MDB_SUCCESS) rc = cursor.erase();
  }
  pruned += n;
  return rc == MDB_NOTFOUND ? MDB_SUCCESS : rc;
}

}  // namespace llmrec::store
