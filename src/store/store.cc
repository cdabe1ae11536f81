#include "store/store.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <mutex>
#include <utility>

#include "store/batch.h"
#include "store/directory.h"
#include "store/rows.h"
#include "store/space.h"
#include "store/tables.h"

namespace llmrec::store {
namespace {

// One transaction of an explicit prune.
constexpr std::size_t kPruneRows = 1024;
// Pages that one transaction frees can be used by the one after the next: two for each pruning.
constexpr int kRoomRounds = 6;

}  // namespace

std::string_view name(LossReason reason) {
  constexpr std::array<std::string_view, 7> kNames{"queue_full",   "map_full",  "disk_full",
                                                   "write_failed", "too_large", "not_encodable",
                                                   "unreadable"};
  const auto at = static_cast<std::size_t>(reason);
  return at < kNames.size() ? kNames[at] : "unknown";
}

struct Store::Impl {
  // Declared before the tables: a store closes before its lock is given up.
  std::optional<WriterLock> writer_lock;
  Tables tables;
  std::int64_t readers_checked_ms = 0;
  LossReason failure = LossReason::write_failed;  // of the last put_batch
  bool disk_was_full = false;
  mutable std::mutex retention_mutex;
  Retention retention_now;

  Retention retention() const {
    const std::lock_guard lock(retention_mutex);
    return retention_now;
  }

  Error failed(int rc, Bytes doing) const {
    // Slots of dead readers pin pages and fill the table.
    if (rc == MDB_MAP_FULL || rc == MDB_READERS_FULL) mdb_reader_check(tables.env.get(), nullptr);
    return store_error(rc, doing, tables.dir);
  }

  void check_readers(std::int64_t now_ms) {
    // Also when the calendar was set back.
    if (std::abs(now_ms - readers_checked_ms) < limits::kStoreReaderCheckMs) return;
    readers_checked_ms = now_ms;
    mdb_reader_check(tables.env.get(), nullptr);
  }

  int prune_once(std::int64_t now_ms, std::size_t most, std::size_t& pruned) const {
    Space space;
    int rc = measure(tables, space);
    lmdb::Txn txn;
    if (rc == MDB_SUCCESS) rc = txn.begin(tables.env.get(), 0);
    std::size_t n = 0;
    if (rc == MDB_SUCCESS) {
      rc = prune_rows(tables, txn, space, {retention(), now_ms, 0, most}, n);
    }
    if (rc == MDB_SUCCESS && n > 0) rc = txn.commit();
    if (rc == MDB_SUCCESS) pruned += n;
    return rc;
  }

  // Commits a change of no meaning: what the transaction before freed can be used from then on.
  int let_pages_age() const {
    lmdb::Txn txn;
    int rc = txn.begin(tables.env.get(), 0);
    Bytes created;
    if (rc == MDB_SUCCESS) rc = txn.get(tables.meta, "created", created);
    if (rc == MDB_SUCCESS) rc = txn.put(tables.meta, "created", std::string(created));
    return rc == MDB_SUCCESS ? txn.commit() : rc;
  }

  int give_up(std::size_t most, std::size_t& pruned) const {
    lmdb::Txn txn;
    int rc = txn.begin(tables.env.get(), 0);
    if (rc != MDB_SUCCESS) return rc;
    const std::uint64_t have = txn.entries(tables.records);
    std::size_t n = 0;
    const Retention fewer{{}, have - std::min<std::uint64_t>(most, have / 2), {}};
    Space not_asked;
    not_asked.map_pages = 1;
    rc = prune_rows(tables, txn, not_asked, {fewer, 0, 0, most}, n);
    if (rc == MDB_SUCCESS) rc = txn.commit();
    if (rc == MDB_SUCCESS) pruned += n;
    return rc;
  }

  // On a full disk only pages that the file already has can be written, also for deleting: what few
  // are free decide how many rows can go at once.
  void give_up_oldest(std::size_t incoming, std::size_t& pruned) const {
    std::size_t left = incoming + limits::kStorePruneExtra;
    std::size_t at_once = left;
    while (left > 0 && at_once > 0 && let_pages_age() == MDB_SUCCESS) {
      if (give_up(std::min(at_once, left), pruned) == MDB_SUCCESS) {
        left -= std::min(at_once, left);
      } else {
        at_once /= 2;
      }
    }
    [[maybe_unused]] const int aged = let_pages_age();  // where it fails, the put will say why
  }

  Error put_failed(int rc) {
    Error error = failed(rc, "write to");
    if (error.code != Code::full) {
      failure = LossReason::write_failed;
    } else if (rc == MDB_MAP_FULL || rc == MDB_TXN_FULL) {
      failure = LossReason::map_full;
    } else {
      failure = LossReason::disk_full;
      disk_was_full = rc == ENOSPC || rc == EIO;  // deleting does not help against other limits
    }
    return error;
  }

  Result<void> make_room(std::size_t incoming, std::int64_t now_ms, Space& space,
                         std::size_t& pruned) {
    if (disk_was_full) give_up_oldest(incoming, pruned);
    int rc = measure(tables, space);
    // In a small map one batch can copy more pages than the last fifth has: index rows lie
    // scattered, and a page is copied for each row in it that comes or goes.
    const std::uint64_t copied = std::min<std::uint64_t>(space.used_pages, 16 * incoming + 64);
    const std::uint64_t ageing = space.live_pages - space.used_pages;
    if (rc == MDB_SUCCESS && ageing * 16 > space.map_pages && !space.room_for(copied)) {
      rc = let_pages_age();
      if (rc == MDB_SUCCESS) rc = measure(tables, space);
    }
    const std::size_t most = 2 * incoming + limits::kStorePruneExtra;
    for (int round = 0; rc == MDB_SUCCESS && space.must_drop() && round < kRoomRounds; ++round) {
      if (round == 0) mdb_reader_check(tables.env.get(), nullptr);
      // Where the pages are free but held, by a reader or by the last commit, deleting more records
      // gains nothing.
      if (space.should_prune()) {
        rc = prune_once(now_ms, most, pruned);
      } else {
        rc = let_pages_age();
      }
      if (rc == MDB_SUCCESS) rc = measure(tables, space);
    }
    if (rc != MDB_SUCCESS) return put_failed(rc);
    if (!space.must_drop()) return {};
    failure = LossReason::map_full;
    if (!space.should_prune() && space.oldest_reader_pid != 0) {
      return Error{Code::full,
                   fmt::format("cannot write to the store in {}: process {} has been reading in it "
                               "for too long: end that process",
                               tables.dir, space.oldest_reader_pid)};
    }
    return store_error(MDB_MAP_FULL, "write to", tables.dir);
  }

  // Entries with a blob over the cap are left out and noted.
  int put_all(lmdb::Txn& txn, std::span<const Entry> entries, std::int64_t now_ms,
              PutResult& result) const {
    for (const Entry& entry : entries) {
      if (entry.blob.size() > limits::kStoreBlobMax) {
        ++result.too_large;
        continue;
      }
      const int rc = put_entry(tables, txn, entry);
      if (rc != MDB_SUCCESS) return rc;
      ++result.stored;
    }
    if (result.too_large == 0) return MDB_SUCCESS;
    return put_loss(tables, txn, {LossReason::too_large, result.too_large, now_ms, now_ms});
  }
};

Store::Store(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Store::Store(Store&&) noexcept = default;
Store& Store::operator=(Store&&) noexcept = default;
Store::~Store() = default;

Result<Store> Store::open_writer(const WriterOptions& options) {
  if (const auto made = make_directory(options.dir); !made) return made.error();
  auto lock = WriterLock::take(options.dir);
  if (!lock) return lock.error();
  auto tables = Tables::open_for_writing(options);
  if (!tables) return tables.error();
  auto impl = std::make_unique<Impl>();
  impl->writer_lock.emplace(*std::move(lock));
  impl->tables = *std::move(tables);
  impl->retention_now = options.retention;
  impl->readers_checked_ms = options.now_ms;
  return Store(std::move(impl));
}

Result<Store> Store::open_reader(const std::string& dir) {
  auto tables = Tables::open_for_reading(dir);
  if (!tables) return tables.error();
  auto impl = std::make_unique<Impl>();
  impl->tables = *std::move(tables);
  return Store(std::move(impl));
}

void Store::set_retention(const Retention& retention) {
  const std::lock_guard lock(impl_->retention_mutex);
  impl_->retention_now = retention;
}

LossReason Store::failure_reason() const { return impl_->failure; }

Result<PutResult> Store::put_batch(std::span<const Entry> entries, std::int64_t now_ms,
                                   std::span<const Loss> losses) {
  const Tables& t = impl_->tables;
  PutResult result;
  if (entries.empty() && losses.empty()) return result;
  impl_->check_readers(now_ms);
  Space space;
  if (auto room = impl_->make_room(entries.size(), now_ms, space, result.pruned); !room) {
    return room.error();
  }
  lmdb::Txn txn;
  int rc = txn.begin(t.env.get(), 0);
  std::size_t pruned = 0;
  if (rc == MDB_SUCCESS) {
    const std::size_t most = 2 * entries.size() + limits::kStorePruneExtra;
    rc = prune_rows(t, txn, space, {impl_->retention(), now_ms, entries.size(), most}, pruned);
  }
  if (rc == MDB_SUCCESS) rc = impl_->put_all(txn, entries, now_ms, result);
  for (const Loss& loss : losses) {
    if (rc == MDB_SUCCESS) rc = put_loss(t, txn, loss);
  }
  if (rc == MDB_SUCCESS) rc = txn.commit();
  if (rc != MDB_SUCCESS) {
    txn.abort();
    return impl_->put_failed(rc);
  }
  impl_->disk_was_full = false;
  result.pruned += pruned;
  return result;
}

Result<std::size_t> Store::sweep(const CloseOpen& close, std::int64_t now_ms) {
  std::size_t replaced = 0;
  for (;;) {
    const Tables& t = impl_->tables;
    std::vector<std::pair<RecordId, std::string>> rows;
    lmdb::Txn txn;
    int rc = txn.begin(t.env.get(), 0);
    if (rc == MDB_SUCCESS) {
      rc = walk(txn, {t.open, {}, Order::oldest_first, {}, {}},
                [&](const RecordId& id, Bytes value) {
                  const auto parsed = parse_value(value);
                  rows.emplace_back(id, parsed ? std::string(parsed->blob) : std::string());
                  return rows.size() < limits::kStoreSweepRows;
                });
    }
    if (rc == MDB_SUCCESS && rows.empty()) return replaced;
    PutResult put;
    std::uint64_t unreadable = 0;
    for (const auto& [id, blob] : rows) {
      if (rc != MDB_SUCCESS) break;
      std::optional<Entry> closed = close(id, blob);
      if (closed && closed->key == id && closed->kind == Kind::final) {
        rc = impl_->put_all(txn, {&*closed, 1}, now_ms, put);
      } else {
        ++unreadable;
      }
      if (rc == MDB_SUCCESS) rc = erase_open(t, txn, id);
    }
    if (rc == MDB_SUCCESS && unreadable > 0) {
      rc = put_loss(t, txn, {LossReason::unreadable, unreadable, now_ms, now_ms});
    }
    if (rc == MDB_SUCCESS) rc = txn.commit();
    if (rc != MDB_SUCCESS) {
      txn.abort();
      return impl_->failed(rc, "write to");
    }
    replaced += put.stored;
  }
}

Result<std::size_t> Store::prune(std::int64_t now_ms) {
  std::size_t pruned = 0;
  for (;;) {
    const std::size_t before = pruned;
    const int rc = impl_->prune_once(now_ms, kPruneRows, pruned);
    if (rc != MDB_SUCCESS) return impl_->failed(rc, "prune");
    if (pruned == before) return pruned;
  }
}

Result<std::optional<Row>> Store::get(const RecordId& id) const {
  const Tables& t = impl_->tables;
  lmdb::Txn txn;
  int rc = t.begin_reading(txn);
  Bytes value;
  Kind kind = Kind::final;
  if (rc == MDB_SUCCESS) rc = txn.get(t.records, id.bytes(), value);
  if (rc == MDB_NOTFOUND) {
    kind = Kind::open;
    rc = txn.get(t.open, id.bytes(), value);
  }
  if (rc == MDB_NOTFOUND) return std::optional<Row>();
  if (rc != MDB_SUCCESS) return impl_->failed(rc, "read");
  const auto parsed = parse_value(value);
  if (!parsed) return store_error(MDB_CORRUPTED, "read", t.dir);
  return std::optional<Row>(Row{id, kind, std::string(parsed->blob)});
}

Result<std::vector<RecordId>> Store::find_by_id_value(Bytes value) const {
  const Tables& t = impl_->tables;
  std::vector<RecordId> found;
  if (value.empty()) return found;
  lmdb::Txn txn;
  int rc = t.begin_reading(txn);
  for (std::size_t kind = 0; rc == MDB_SUCCESS && kind < limits::kStoreIdKinds; ++kind) {
    std::size_t of_kind = 0;
    const std::string prefix = id_prefix(id_hash(static_cast<std::uint8_t>(kind), value));
    rc = walk(txn, {t.ids, prefix, Order::newest_first, {}, {}}, [&](const RecordId& id, Bytes) {
      found.push_back(id);
      return ++of_kind < limits::kStoreFindMax;
    });
  }
  if (rc != MDB_SUCCESS) return impl_->failed(rc, "read");
  std::sort(found.begin(), found.end(), std::greater<>());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  if (found.size() > limits::kStoreFindMax) found.resize(limits::kStoreFindMax);
  return found;
}

Result<std::vector<RecordId>> Store::find_in_range(const RecordIdRange& range,
                                                   std::size_t max) const {
  const Tables& t = impl_->tables;
  std::vector<RecordId> found;
  lmdb::Txn txn;
  int rc = t.begin_reading(txn);
  for (const MDB_dbi dbi : {t.records, t.open}) {
    std::size_t of_table = 0;
    if (rc != MDB_SUCCESS || max == 0) break;
    rc = walk(txn, {dbi, {}, Order::oldest_first, range, {}}, [&](const RecordId& id, Bytes) {
      found.push_back(id);
      return ++of_table < max;
    });
  }
  if (rc != MDB_SUCCESS) return impl_->failed(rc, "read");
  std::sort(found.begin(), found.end());
  if (found.size() > max) found.resize(max);
  return found;
}

namespace {

// The ids of one page of the index, all stages of a status merged.
int page_of_status(const Tables& t, const lmdb::Txn& txn, const ScanOptions& options,
                   const std::optional<RecordId>& after, std::vector<RecordId>& ids) {
  const unsigned first = options.stage.value_or(0);
  const unsigned last = options.stage.value_or(255);
  for (unsigned stage = first; stage <= last; ++stage) {
    lmdb::Cursor cursor;  // hops over stages that no record has
    int rc = cursor.open(txn, t.status);
    if (rc != MDB_SUCCESS) return rc;
    const std::string from = status_prefix(*options.status, static_cast<std::uint8_t>(stage));
    cursor.key = from;
    rc = cursor.move(MDB_SET_RANGE);
    if (rc == MDB_NOTFOUND) break;
    if (rc != MDB_SUCCESS) return rc;
    if (cursor.key.size() < 2 || static_cast<std::uint8_t>(cursor.key[0]) != *options.status) break;
    stage = static_cast<std::uint8_t>(cursor.key[1]);
    if (stage > last) break;
    std::size_t n = 0;
    rc = walk(txn,
              {t.status, status_prefix(*options.status, static_cast<std::uint8_t>(stage)),
               options.order, options.range, after},
              [&](const RecordId& id, Bytes) {
                ids.push_back(id);
                return ++n < limits::kStorePageRows;
              });
    if (rc != MDB_SUCCESS) return rc;
  }
  if (options.order == Order::oldest_first) {
    std::sort(ids.begin(), ids.end());
  } else {
    std::sort(ids.begin(), ids.end(), std::greater<>());
  }
  if (ids.size() > limits::kStorePageRows) ids.resize(limits::kStorePageRows);
  return MDB_SUCCESS;
}

// The rows of one read transaction, copied into one piece of memory that the next page uses again.
class Page {
 public:
  void clear() {
    rows_.clear();
    octets_.clear();
  }
  bool add(const RecordId& id, Bytes value) {
    const Bytes blob = blob_of(value);
    octets_.resize((octets_.size() + 7) / 8 * 8);  // whoever reads words need not copy it again
    rows_.push_back({id, octets_.size(), blob.size()});
    octets_ += blob;
    return rows_.size() < limits::kStorePageRows && octets_.size() < limits::kStorePageBytes;
  }
  bool empty() const { return rows_.empty(); }
  std::size_t size() const { return rows_.size(); }
  const RecordId& key(std::size_t i) const { return rows_[i].key; }
  Bytes blob(std::size_t i) const { return Bytes(octets_).substr(rows_[i].at, rows_[i].size); }

 private:
  struct Place {
    RecordId key;
    std::size_t at;
    std::size_t size;
  };
  std::vector<Place> rows_;
  std::string octets_;
};

int read_page(const Tables& t, const ScanOptions& options, const std::optional<RecordId>& after,
              Page& page) {
  lmdb::Txn txn;
  int rc = t.begin_reading(txn);
  if (rc != MDB_SUCCESS) return rc;
  if (!options.status) {
    return walk(txn, {t.records, {}, options.order, options.range, after},
                [&](const RecordId& id, Bytes value) { return page.add(id, value); });
  }
  std::vector<RecordId> ids;
  rc = page_of_status(t, txn, options, after, ids);
  for (const RecordId& id : ids) {
    Bytes value;
    if (rc == MDB_SUCCESS) rc = txn.get(t.records, id.bytes(), value);
    if (rc != MDB_SUCCESS) return rc == MDB_NOTFOUND ? MDB_CORRUPTED : rc;
    if (!page.add(id, value)) break;
  }
  return rc;
}

}  // namespace

Result<void> Store::scan(const ScanOptions& options, const OnRow& row) const {
  std::optional<RecordId> after = options.after;
  Page page;
  for (;;) {
    page.clear();
    const int rc = read_page(impl_->tables, options, after, page);
    if (rc != MDB_SUCCESS) return impl_->failed(rc, "read");
    if (page.empty()) return {};
    for (std::size_t i = 0; i < page.size(); ++i) {
      if (!row(page.key(i), page.blob(i))) return {};
    }
    after = page.key(page.size() - 1);
  }
}

Result<std::vector<Row>> Store::open_rows() const {
  const Tables& t = impl_->tables;
  std::vector<Row> all;
  std::optional<RecordId> after;
  Page page;
  for (;;) {
    page.clear();
    lmdb::Txn txn;
    int rc = t.begin_reading(txn);
    if (rc == MDB_SUCCESS) {
      rc = walk(txn, {t.open, {}, Order::oldest_first, {}, after},
                [&](const RecordId& id, Bytes value) { return page.add(id, value); });
    }
    if (rc != MDB_SUCCESS) return impl_->failed(rc, "read");
    if (page.empty()) return all;
    after = page.key(page.size() - 1);
    for (std::size_t i = 0; i < page.size(); ++i) {
      all.push_back({page.key(i), Kind::open, std::string(page.blob(i))});
    }
  }
}

Result<std::optional<RecordId>> Store::last_id() const {
  const Tables& t = impl_->tables;
  std::optional<RecordId> last;
  lmdb::Txn txn;
  int rc = t.begin_reading(txn);
  for (const MDB_dbi dbi : {t.records, t.open}) {
    if (rc != MDB_SUCCESS) break;
    rc = walk(txn, {dbi, {}, Order::newest_first, {}, {}}, [&](const RecordId& id, Bytes) {
      last = last ? std::max(*last, id) : id;
      return false;
    });
  }
  if (rc != MDB_SUCCESS) return impl_->failed(rc, "read");
  return last;
}

Result<Stat> Store::stat() const {
  const Tables& t = impl_->tables;
  Stat stat;
  Space space;
  int rc = measure(t, space);
  lmdb::Txn txn;
  if (rc == MDB_SUCCESS) rc = t.begin_reading(txn);
  MDB_stat records{};
  if (rc == MDB_SUCCESS) rc = mdb_stat(txn.get(), t.records, &records);
  if (rc == MDB_SUCCESS) {
    rc = walk(txn, {t.records, {}, Order::oldest_first, {}, {}},
              [&](const RecordId& id, Bytes) { return (stat.oldest = id, false); });
  }
  if (rc == MDB_SUCCESS) {
    rc = walk(txn, {t.records, {}, Order::newest_first, {}, {}},
              [&](const RecordId& id, Bytes) { return (stat.newest = id, false); });
  }
  lmdb::Cursor losses;
  if (rc == MDB_SUCCESS) rc = losses.open(txn, t.loss);
  if (rc == MDB_SUCCESS) rc = losses.move(MDB_FIRST);
  for (; rc == MDB_SUCCESS; rc = losses.move(MDB_NEXT)) {
    if (const auto loss = parse_loss(losses.key, losses.value)) stat.losses.push_back(*loss);
  }
  if (rc != MDB_NOTFOUND) return impl_->failed(rc, "read");
  stat.records = records.ms_entries;
  stat.open_rows = txn.entries(t.open);
  stat.blob_bytes = (records.ms_branch_pages + records.ms_leaf_pages + records.ms_overflow_pages) *
                    space.page_bytes;
  stat.map_bytes = t.map_bytes;
  stat.used_bytes = space.used_pages * space.page_bytes;
  stat.pinned_bytes = (space.live_pages - space.used_pages) * space.page_bytes;
  stat.readers = space.readers;
  stat.created_ms = t.created_ms;
  struct ::stat st {};
  if (::stat((t.dir + "/data.mdb").c_str(), &st) == 0) {
    stat.file_bytes = static_cast<std::uint64_t>(st.st_size);
  }
  return stat;
}

HmacKey Store::hmac_key() const { return impl_->tables.hmac_key; }
const std::string& Store::dir() const { return impl_->tables.dir; }

}  // namespace llmrec::store
