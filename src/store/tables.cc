#include "store/tables.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "store/directory.h"
#include "store/rows.h"

namespace llmrec::store {
namespace {

constexpr Bytes kApp = "llmrec";
constexpr unsigned kTables = 6;
// Room that a file larger than its budget gets, so that there are free pages to delete with.
constexpr std::size_t kSlackBytes = 256 * 1024;

struct Table {
  const char* name;
  MDB_dbi Tables::*dbi;
};
constexpr std::array<Table, kTables> kAll{{{"records", &Tables::records},
                                           {"open", &Tables::open},
                                           {"ids", &Tables::ids},
                                           {"status", &Tables::status},
                                           {"meta", &Tables::meta},
                                           {"loss", &Tables::loss}}};

Error another_programs(const std::string& dir) {
  return {Code::unsupported,
          fmt::format("{}/data.mdb belongs to another program: use another directory", dir)};
}

// One of the few words in `meta`; `octets` 0: any length.
Result<std::string> read_meta(const Tables& t, const lmdb::Txn& txn, Bytes key,
                              std::size_t octets) {
  Bytes value;
  const int rc = txn.get(t.meta, key, value);
  if (rc == MDB_NOTFOUND || (rc == MDB_SUCCESS && octets != 0 && value.size() != octets)) {
    return another_programs(t.dir);
  }
  if (rc != MDB_SUCCESS) return store_error(rc, "read", t.dir);
  return std::string(value);
}

Result<void> check_meta(Tables& t, const lmdb::Txn& txn) {
  auto app = read_meta(t, txn, "app", 0);
  if (!app) return app.error();
  if (*app != kApp) return another_programs(t.dir);
  auto schema = read_meta(t, txn, "schema", 4);
  if (!schema) return schema.error();
  const std::uint64_t number = from_little_endian(*schema);
  if (number > kStoreSchema) {
    return Error{Code::unsupported,
                 fmt::format("the store in {} has format {}, this llmrec knows up to {}: use the "
                             "newer llmrec, or another directory",
                             t.dir, number, kStoreSchema)};
  }
  auto created = read_meta(t, txn, "created", 8);
  if (!created) return created.error();
  auto key = read_meta(t, txn, "hmac_key", t.hmac_key.size());
  if (!key) return key.error();
  t.created_ms = static_cast<std::int64_t>(from_little_endian(*created));
  std::copy(key->begin(), key->end(), reinterpret_cast<char*>(t.hmac_key.data()));
  return {};
}

int write_meta(Tables& t, lmdb::Txn& txn, const WriterOptions& options) {
  t.hmac_key = options.hmac_key;
  t.created_ms = options.now_ms;
  const Bytes key(reinterpret_cast<const char*>(t.hmac_key.data()), t.hmac_key.size());
  int rc = txn.put(t.meta, "app", kApp);
  if (rc == MDB_SUCCESS) rc = txn.put(t.meta, "schema", little_endian(kStoreSchema, 4));
  if (rc == MDB_SUCCESS) {
    rc = txn.put(t.meta, "created", little_endian(static_cast<std::uint64_t>(t.created_ms), 8));
  }
  if (rc == MDB_SUCCESS) rc = txn.put(t.meta, "hmac_key", key);
  return rc;
}

int open_tables(Tables& t, const lmdb::Txn& txn, unsigned flags) {
  for (const Table& table : kAll) {
    const int rc = mdb_dbi_open(txn.get(), table.name, flags, &(t.*table.dbi));
    if (rc != MDB_SUCCESS) return rc;
  }
  return MDB_SUCCESS;
}

// Entries of the unnamed table: nothing in it means that the store was never finished.
int count_named(const lmdb::Txn& txn, std::size_t& n) {
  MDB_dbi unnamed = 0;
  const int rc = mdb_dbi_open(txn.get(), nullptr, 0, &unnamed);
  if (rc == MDB_SUCCESS) n = txn.entries(unnamed);
  return rc;
}

bool is_missing(int rc) { return rc == MDB_NOTFOUND || rc == MDB_INCOMPATIBLE; }

int open_env(Tables& t, unsigned flags, std::size_t map_bytes) {
  int rc = t.env.create();
  if (rc == MDB_SUCCESS) rc = mdb_env_set_maxreaders(t.env.get(), limits::kStoreReadersMax);
  if (rc == MDB_SUCCESS) rc = mdb_env_set_maxdbs(t.env.get(), kTables);
  if (rc == MDB_SUCCESS && map_bytes != 0) rc = mdb_env_set_mapsize(t.env.get(), map_bytes);
  if (rc == MDB_SUCCESS) rc = mdb_env_open(t.env.get(), t.dir.c_str(), flags, 0600);
  return rc;
}

// The names of new files are on disk only when their directory is.
int sync_directory(const std::string& dir) {
  const int fd = ::open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return errno;
  const int rc = ::fsync(fd) == 0 ? 0 : errno;
  ::close(fd);
  return rc;
}

}  // namespace

Result<Tables> Tables::open_for_writing(const WriterOptions& options) {
  const auto file = inspect(options.dir);
  if (!file) return file.error();
  Tables t;
  t.dir = options.dir;
  t.map_bytes = std::max(options.map_bytes, limits::kStoreMapBytesMin);
  const std::size_t in_file = file->pages * file->page_bytes;
  int rc = open_env(t, MDB_NOTLS, std::max(t.map_bytes, in_file + in_file / 8 + kSlackBytes));
  if (rc != MDB_SUCCESS) return store_error(rc, "open", t.dir);

  lmdb::Txn txn;
  std::size_t named = 0;
  rc = txn.begin(t.env.get(), 0);
  if (rc == MDB_SUCCESS) rc = count_named(txn, named);
  if (rc != MDB_SUCCESS) return store_error(rc, "open", t.dir);
  if (named > 0) {  // looked at before anything is written to it
    rc = mdb_dbi_open(txn.get(), "meta", 0, &t.meta);
    if (is_missing(rc)) return another_programs(t.dir);
    if (rc != MDB_SUCCESS) return store_error(rc, "open", t.dir);
    const auto ours = check_meta(t, txn);
    if (!ours) return ours.error();
  }
  rc = open_tables(t, txn, MDB_CREATE);
  if (rc == MDB_SUCCESS && named == 0) rc = write_meta(t, txn, options);
  if (rc == MDB_SUCCESS) rc = txn.commit();
  if (rc == MDB_SUCCESS && named == 0) rc = sync_directory(t.dir);
  if (rc != MDB_SUCCESS) return store_error(rc, "create", t.dir);
  mdb_reader_check(t.env.get(), nullptr);
  return t;
}

namespace {

Result<Tables> open_existing(const std::string& dir, unsigned flags) {
  const auto file = inspect(dir);
  if (!file) return file.error();
  if (!file->exists) return store_error(ENOENT, "open", dir);
  Tables t;
  t.dir = dir;
  int rc = open_env(t, MDB_NOTLS | flags, 0);
  if (rc != MDB_SUCCESS) return store_error(rc, "open", dir);

  lmdb::Txn txn;
  std::size_t named = 0;
  rc = t.begin_reading(txn);
  if (rc == MDB_SUCCESS) rc = count_named(txn, named);
  if (rc != MDB_SUCCESS) return store_error(rc, "open", dir);
  if (named == 0) return store_error(ENOENT, "open", dir);
  rc = mdb_dbi_open(txn.get(), "meta", 0, &t.meta);
  if (is_missing(rc)) return another_programs(dir);
  if (rc == MDB_SUCCESS) {
    const auto ours = check_meta(t, txn);
    if (!ours) return ours.error();
    rc = open_tables(t, txn, 0);
  }
  if (rc == MDB_SUCCESS) rc = txn.commit();  // keeps the handles of the tables
  if (rc != MDB_SUCCESS) return store_error(rc, "open", dir);
  MDB_envinfo info{};
  mdb_env_info(t.env.get(), &info);
  t.map_bytes = info.me_mapsize;
  return t;
}

}  // namespace

Result<Tables> Tables::open_for_reading(const std::string& dir) {
  // Nobody writes to a read-only file system, so nothing needs to be locked there.
  return open_existing(dir, MDB_RDONLY | (is_read_only_file_system(dir) ? MDB_NOLOCK : 0U));
}

Result<Tables> Tables::open_for_amending(const std::string& dir) { return open_existing(dir, 0); }

int Tables::begin_writing(lmdb::Txn& txn) const {
  int rc = txn.begin(env.get(), 0);
  if (rc == MDB_MAP_RESIZED) {
    rc = mdb_env_set_mapsize(env.get(), 0);
    if (rc == MDB_SUCCESS) rc = txn.begin(env.get(), 0);
  }
  return rc;
}

int Tables::begin_reading(lmdb::Txn& txn) const {
  int rc = txn.begin(env.get(), MDB_RDONLY);
  if (rc == MDB_MAP_RESIZED) {
    rc = mdb_env_set_mapsize(env.get(), 0);
    if (rc == MDB_SUCCESS) rc = txn.begin(env.get(), MDB_RDONLY);
  }
  if (rc == MDB_READERS_FULL) {  // slots of processes that died
    mdb_reader_check(env.get(), nullptr);
    rc = txn.begin(env.get(), MDB_RDONLY);
  }
  return rc;
}

int walk(const lmdb::Txn& txn, const Walk& w,
         const std::function<bool(const RecordId&, Bytes value)>& row) {
  const bool forward = w.order == Order::oldest_first;
  RecordIdRange range = w.range.value_or(RecordIdRange{});
  if (!w.range) range.last.octets.fill(0xff);
  if (w.after) (forward ? range.first : range.last) = *w.after;
  if (range.last < range.first) return MDB_SUCCESS;

  lmdb::Cursor cursor;
  int rc = cursor.open(txn, w.dbi);
  if (rc != MDB_SUCCESS) return rc;
  const std::string start = w.prefix + std::string((forward ? range.first : range.last).bytes());
  cursor.key = start;
  rc = cursor.move(MDB_SET_RANGE);
  if (!forward) {  // the first key at or before the start
    if (rc == MDB_NOTFOUND) {
      rc = cursor.move(MDB_LAST);
    } else if (rc == MDB_SUCCESS && cursor.key != start) {
      rc = cursor.move(MDB_PREV);
    }
  }
  const MDB_cursor_op next = forward ? MDB_NEXT : MDB_PREV;
  if (rc == MDB_SUCCESS && w.after && cursor.key == start) rc = cursor.move(next);
  for (; rc == MDB_SUCCESS; rc = cursor.move(next)) {
    if (cursor.key.substr(0, w.prefix.size()) != w.prefix) break;
    const auto id = RecordId::from_bytes(cursor.key.substr(w.prefix.size()));
    if (!id) return MDB_CORRUPTED;
    if (*id < range.first || *id > range.last) break;
    if (!row(*id, cursor.value)) break;
  }
  return rc == MDB_NOTFOUND ? MDB_SUCCESS : rc;
}

}  // namespace llmrec::store
