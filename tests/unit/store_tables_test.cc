#include "store/tables.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include "store/directory.h"
#include "store/rows.h"
#include "store_sample.h"

using namespace llmrec::store;
using llmrec::Code;
using llmrec::RecordId;
using llmrec::RecordIdRange;
using sample::contains;
using sample::id_of;

namespace {

Tables made(const sample::TempDir& dir) {
  REQUIRE(make_directory(dir.store()));
  auto t = Tables::open_for_writing(sample::options_in(dir));
  REQUIRE(t);
  return *std::move(t);
}

// Puts `value` under `key` of `meta`.
void change_meta(const sample::TempDir& dir, const std::string& key, const std::string& value) {
  Tables t = made(dir);
  lmdb::Txn txn;
  REQUIRE(txn.begin(t.env.get(), 0) == MDB_SUCCESS);
  REQUIRE(txn.put(t.meta, key, value) == MDB_SUCCESS);
  REQUIRE(txn.commit() == MDB_SUCCESS);
}

}  // namespace

TEST_CASE("a new store has its files for the owner only, and keeps its key") {
  const sample::TempDir dir;
  { const Tables t = made(dir); }
  for (const char* file : {"/data.mdb", "/lock.mdb"}) {
    struct stat st {};
    REQUIRE(::stat((dir.store() + file).c_str(), &st) == 0);
    CHECK((st.st_mode & 07777) == 0600);
  }
  WriterOptions other = sample::options_in(dir);
  other.hmac_key.fill(9);
  other.now_ms = 5;
  const auto again = Tables::open_for_writing(other);
  REQUIRE(again);
  CHECK(again->hmac_key[0] == 7);
  CHECK(again->created_ms == 1'700'000'000'000);
}

TEST_CASE("a newer format is refused in words, by writer and reader") {
  const sample::TempDir dir;
  change_meta(dir, "schema", little_endian(2, 4));
  for (const auto& error : {Tables::open_for_writing(sample::options_in(dir)).error(),
                            Tables::open_for_reading(dir.store()).error()}) {
    CHECK(error.code == Code::unsupported);
    CHECK(contains(error.detail, "format 2"));
  }
}

TEST_CASE("another program's LMDB file is left alone") {
  const sample::TempDir dir;
  SUBCASE("with tables of its own") {
    REQUIRE(make_directory(dir.store()));
    lmdb::Env env;
    lmdb::Txn txn;
    MDB_dbi dbi = 0;
    REQUIRE(env.create() == MDB_SUCCESS);
    REQUIRE(mdb_env_set_maxdbs(env.get(), 2) == MDB_SUCCESS);
    REQUIRE(mdb_env_open(env.get(), dir.store().c_str(), 0, 0600) == MDB_SUCCESS);
    REQUIRE(txn.begin(env.get(), 0) == MDB_SUCCESS);
    REQUIRE(mdb_dbi_open(txn.get(), "cache", MDB_CREATE, &dbi) == MDB_SUCCESS);
    REQUIRE(txn.commit() == MDB_SUCCESS);
  }
  SUBCASE("with a plain key where our table would be") {
    REQUIRE(make_directory(dir.store()));
    lmdb::Env env;
    lmdb::Txn txn;
    MDB_dbi dbi = 0;
    REQUIRE(env.create() == MDB_SUCCESS);
    REQUIRE(mdb_env_open(env.get(), dir.store().c_str(), 0, 0600) == MDB_SUCCESS);
    REQUIRE(txn.begin(env.get(), 0) == MDB_SUCCESS);
    REQUIRE(mdb_dbi_open(txn.get(), nullptr, 0, &dbi) == MDB_SUCCESS);
    REQUIRE(txn.put(dbi, "meta", "x") == MDB_SUCCESS);
    REQUIRE(txn.commit() == MDB_SUCCESS);
  }
  SUBCASE("with another name in it") { change_meta(dir, "app", "other"); }
  for (const auto& error : {Tables::open_for_writing(sample::options_in(dir)).error(),
                            Tables::open_for_reading(dir.store()).error()}) {
    CHECK(error.code == Code::unsupported);
    CHECK(contains(error.detail, "another program"));
  }
}

TEST_CASE("a store that is not there is not found, and not made, by a reader") {
  const sample::TempDir dir;
  auto t = Tables::open_for_reading(dir.store());
  REQUIRE_FALSE(t);
  CHECK(t.error().code == Code::not_found);
  CHECK_FALSE(std::filesystem::exists(dir.store()));
}

TEST_CASE("a walk visits a prefix and a range in either order, from any key on") {
  const sample::TempDir dir;
  const Tables t = made(dir);
  lmdb::Txn txn;
  REQUIRE(txn.begin(t.env.get(), 0) == MDB_SUCCESS);
  for (std::uint64_t n = 10; n < 30; n += 2) {
    for (std::uint8_t status = 1; status <= 3; ++status) {
      REQUIRE(txn.put(t.status, status_row(status, 0, id_of(n)), {}) == MDB_SUCCESS);
    }
  }
  const auto visit = [&](Order order, std::optional<RecordIdRange> range,
                         std::optional<RecordId> after, std::size_t most = 1000) {
    std::vector<RecordId> ids;
    const int rc = walk(txn, {t.status, status_prefix(2, 0), order, range, after},
                        [&](const RecordId& id, llmrec::Bytes) {
                          ids.push_back(id);
                          return ids.size() < most;
                        });
    REQUIRE(rc == MDB_SUCCESS);
    return ids;
  };
  // Against the plain definition, for all bounds inside, between and outside the keys.
  for (std::uint64_t low = 8; low < 32; ++low) {
    for (std::uint64_t high = 8; high < 32; ++high) {
      for (const std::uint64_t after : {0U, 9U, 10U, 15U, 16U, 28U, 29U, 31U}) {
        std::vector<RecordId> expected;
        std::vector<RecordId> backwards;
        for (std::uint64_t n = 10; n < 30; n += 2) {
          if (n < low || n > high) continue;
          if (after == 0 || n > after) expected.push_back(id_of(n));
          if (after == 0 || n < after) backwards.insert(backwards.begin(), id_of(n));
        }
        const RecordIdRange range{id_of(low), id_of(high)};
        const std::optional<RecordId> from =
            after == 0 ? std::optional<RecordId>() : std::optional<RecordId>(id_of(after));
        // A resume key comes from the same scan, so it lies within the range.
        if (after != 0 && (after < low || after > high)) continue;
        REQUIRE(visit(Order::oldest_first, range, from) == expected);
        REQUIRE(visit(Order::newest_first, range, from) == backwards);
      }
    }
  }
  CHECK(visit(Order::oldest_first, {}, {}).size() == 10);
  CHECK(visit(Order::newest_first, {}, {}, 3).size() == 3);
  CHECK(visit(Order::newest_first, {}, {}).front() == id_of(28));
}
