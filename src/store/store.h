// The store: one LMDB environment in a directory of its own. It knows keys and blobs, never what is
// in a blob. Owned by the daemon (one writer per directory, guarded by writer.lock) or by a command
// (any number of readers, in any process).
// Threads: the functions that change something belong to one thread; the reading ones are for any
// thread and copy what they return, in transactions of milliseconds. One process opens a directory
// once, and never forks while it is open.
// Errors are one line for a person and name the directory. Times are Unix milliseconds of the
// caller.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/id.h"
#include "base/limits.h"
#include "base/result.h"

namespace llmrec::store {

inline constexpr std::uint32_t kStoreSchema = 1;

using HmacKey = std::array<std::uint8_t, 32>;

enum class Kind : std::uint8_t { open, final };

// One name by which a record can be found. Kinds are the caller's, below limits::kStoreIdKinds.
// Empty values are skipped.
struct IdKey {
  std::uint8_t kind = 0;
  std::string value;
};

// `open`: a call that runs; replaced by each later entry of the same key, gone with the final one.
struct Entry {
  RecordId key;
  Kind kind = Kind::final;
  std::string blob;
  std::vector<IdKey> ids;  // of a final entry; at most limits::kStoreIdsMax are kept
  std::uint8_t status = 0;
  std::uint8_t stage = 0;
};

struct Retention {  // nullopt: no such limit. The oldest records go first.
  std::optional<std::int64_t> age_ms;
  std::optional<std::uint64_t> records;
  std::optional<std::uint64_t> bytes;  // pages in use; the file itself does not shrink
};

struct WriterOptions {
  std::string dir;
  std::size_t map_bytes = limits::kStoreMapBytes;  // at least limits::kStoreMapBytesMin
  HmacKey hmac_key{};  // random octets, used when the store is new; hmac_key() is the one to use
  std::int64_t now_ms = 0;
  Retention retention;
};

enum class LossReason : std::uint8_t {
  queue_full,     // the disk was slower than the traffic
  map_full,       // retention could not make room
  disk_full,      // no space, quota or file size limit
  write_failed,   // any other error of the disk or the store
  too_large,      // over limits::kStoreBlobMax
  not_encodable,  // a payload failed to encode
  unreadable,     // an open row that could not be read back
};
std::string_view name(LossReason);

// Final records that should be here and are not.
struct Loss {
  LossReason reason = LossReason::queue_full;
  std::uint64_t count = 0;
  std::int64_t first_ms = 0;
  std::int64_t last_ms = 0;
};

struct PutResult {
  std::size_t stored = 0;
  std::size_t pruned = 0;
  std::size_t too_large = 0;  // dropped, and noted in `loss`
};

struct Row {
  RecordId key;
  Kind kind = Kind::final;
  std::string blob;
};

enum class Order : std::uint8_t { newest_first, oldest_first };

struct ScanOptions {  // final records only
  Order order = Order::newest_first;
  std::optional<RecordIdRange> range;  // both ends included
  std::optional<RecordId> after;       // resume: begin beyond this key, in the order given
  std::optional<std::uint8_t> status;  // by index
  std::optional<std::uint8_t> stage;   // only together with status
};

struct Stat {
  std::uint64_t records = 0;
  std::uint64_t open_rows = 0;
  std::uint64_t blob_bytes = 0;  // pages of the table of records
  std::uint64_t map_bytes = 0;
  std::uint64_t used_bytes = 0;    // pages in use; the rest of the file is free for reuse
  std::uint64_t file_bytes = 0;    // size of data.mdb
  std::uint64_t pinned_bytes = 0;  // free, but held by the oldest reader
  unsigned readers = 0;
  std::optional<RecordId> oldest;
  std::optional<RecordId> newest;
  std::int64_t created_ms = 0;
  std::vector<Loss> losses;  // oldest first
};

class Store {
 public:
  // Creates the directory (0700) and the files (0600) where they are missing.
  // in_use: another writer lives. unsupported: a newer schema, another program's file, LMDB 1.0.
  static Result<Store> open_writer(const WriterOptions&);
  // not_found: no store there. Without locks only where the file system is read-only.
  static Result<Store> open_reader(const std::string& dir);

  Store(Store&&) noexcept;
  Store& operator=(Store&&) noexcept;
  ~Store();

  // Writer: one transaction, synced when it returns. On an error nothing of it is stored; full
  // means that pruning did not help or that the disk is full. After a full disk the next call first
  // gives up the oldest records, so that their pages can be used again. `losses` are written along.
  Result<PutResult> put_batch(std::span<const Entry>, std::int64_t now_ms,
                              std::span<const Loss> losses = {});
  // Writer, once at the start: every open row is handed to `close`, whose final entry replaces it.
  // nullopt: unreadable; the row is dropped and noted in `loss`. Returns how many were replaced.
  using CloseOpen = std::function<std::optional<Entry>(const RecordId&, Bytes blob)>;
  Result<std::size_t> sweep(const CloseOpen&, std::int64_t now_ms);
  // Writer: deletes what retention no longer covers, in as many transactions as it takes.
  Result<std::size_t> prune(std::int64_t now_ms);
  // Writer: what the failure of the last put_batch means for the records that were in it.
  LossReason failure_reason() const;
  void set_retention(const Retention&);  // any thread

  // The final record, else the open one; nullopt where there is neither.
  Result<std::optional<Row>> get(const RecordId&) const;
  // Newest first, at most limits::kStoreFindMax. Found by a 64-bit hash: the caller compares.
  Result<std::vector<RecordId>> find_by_id_value(Bytes value) const;
  // Final and open ids within a range, oldest first, at most `max`.
  Result<std::vector<RecordId>> find_in_range(const RecordIdRange&, std::size_t max) const;
  // Calls `row` with no transaction open, until it says false. Rows that come or go during the scan
  // may or may not be seen.
  using OnRow = std::function<bool(const RecordId&, Bytes blob)>;
  Result<void> scan(const ScanOptions&, const OnRow& row) const;
  Result<std::vector<Row>> open_rows() const;
  Result<std::optional<RecordId>> last_id() const;  // the floor for new ids
  Result<Stat> stat() const;
  HmacKey hmac_key() const;
  const std::string& dir() const;

 private:
  struct Impl;
  explicit Store(std::unique_ptr<Impl>);
  std::unique_ptr<Impl> impl_;
};

}  // namespace llmrec::store
