#include "store/batch.h"

#include <doctest/doctest.h>

#include <set>

#include "store/directory.h"
#include "store/rows.h"
#include "store_sample.h"

using namespace llmrec::store;
using sample::entry_of;
using sample::id_of;
namespace limits = llmrec::limits;

namespace {

struct Fixture {
  sample::TempDir dir;
  Tables t;
  lmdb::Txn txn;

  Fixture() {
    REQUIRE(make_directory(dir.store()));
    auto made = Tables::open_for_writing(sample::options_in(dir));
    REQUIRE(made);
    t = *std::move(made);
    REQUIRE(txn.begin(t.env.get(), 0) == MDB_SUCCESS);
  }
  void put(const Entry& e) { REQUIRE(put_entry(t, txn, e) == MDB_SUCCESS); }
  std::size_t count(MDB_dbi dbi) const { return txn.entries(dbi); }
  std::vector<Loss> losses() const {
    std::vector<Loss> all;
    lmdb::Cursor cursor;
    REQUIRE(cursor.open(txn, t.loss) == MDB_SUCCESS);
    for (int rc = cursor.move(MDB_FIRST); rc == MDB_SUCCESS; rc = cursor.move(MDB_NEXT)) {
      all.push_back(*parse_loss(cursor.key, cursor.value));
    }
    return all;
  }
};

Space roomy() {
  Space s;
  s.page_bytes = 4096;
  s.map_pages = 1000;
  s.used_pages = 100;
  s.live_pages = 100;
  return s;
}

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a final entry takes the place of the open one") {
  put(entry_of(1, Kind::open));
  put(entry_of(1, Kind::open));
  CHECK(count(t.open) == 1);
  CHECK(count(t.records) == 0);
  CHECK(count(t.ids) == 0);
  put(entry_of(1));
  CHECK(count(t.open) == 0);
  CHECK(count(t.records) == 1);
  CHECK(count(t.ids) == 2);
  CHECK(count(t.status) == 1);
  put(entry_of(1, Kind::open));  // late: the call is over
  CHECK(count(t.open) == 0);
}

TEST_CASE_FIXTURE(Fixture, "a record that is put again leaves no index row of its past") {
  put(entry_of(1));
  Entry changed = entry_of(1);
  changed.ids = {{0, "client-1"}, {4, "new"}, {5, "newer"}};
  changed.status = 9;
  changed.blob = "x";
  put(changed);
  CHECK(count(t.records) == 1);
  CHECK(count(t.ids) == 3);
  CHECK(count(t.status) == 1);
  llmrec::Bytes nothing;
  CHECK(txn.get(t.status, status_row(9, changed.stage, id_of(1)), nothing) == MDB_SUCCESS);
  CHECK(txn.get(t.ids, id_row(id_hash(4, "new"), id_of(1)), nothing) == MDB_SUCCESS);
  CHECK(txn.get(t.ids, id_row(id_hash(1, "provider-0"), id_of(1)), nothing) == MDB_NOTFOUND);
}

TEST_CASE_FIXTURE(Fixture, "keys that do not ascend find their place") {
  for (const std::uint64_t n : {5U, 9U, 7U, 1U, 8U}) put(entry_of(n));
  std::vector<std::uint64_t> seconds;
  REQUIRE(walk(txn, {t.records, {}, Order::oldest_first, {}, {}},
               [&](const llmrec::RecordId& id, llmrec::Bytes) {
                 seconds.push_back(static_cast<std::uint64_t>(id.octets[15]));
                 return true;
               }) == MDB_SUCCESS);
  CHECK(seconds == std::vector<std::uint64_t>{1, 5, 7, 8, 9});
}

TEST_CASE_FIXTURE(Fixture, "pruning takes the oldest, with their index rows, by each rule") {
  for (std::uint64_t n = 0; n < 100; ++n) put(entry_of(n));
  std::size_t pruned = 0;
  const auto prune = [&](const Space& space, const PruneOrder& order) {
    pruned = 0;
    REQUIRE(prune_rows(t, txn, space, order, pruned) == MDB_SUCCESS);
    CHECK(count(t.status) == count(t.records));
    CHECK(count(t.ids) == 2 * count(t.records));
    return pruned;
  };
  const std::int64_t start = 1'700'000'000'000;
  CHECK(prune(roomy(), {{}, start, 10, 50}) == 0);
  CHECK(prune(roomy(), {{{}, 98, {}}, start, 3, 50}) == 5);               // 100 + 3 - 98
  CHECK(prune(roomy(), {{1'000'000, {}, {}}, start, 0, 50}) == 0);        // none is older than that
  CHECK(prune(roomy(), {{10'000, {}, {}}, start + 20'000, 0, 50}) == 5);  // seconds 5 to 9
  CHECK(prune(roomy(), {{{}, {}, 100 * 4096}, start, 0, 7}) == 0);
  CHECK(prune(roomy(), {{{}, {}, 99 * 4096}, start, 0, 7}) == 7);
  Space tight = roomy();
  tight.used_pages = 700;
  CHECK(prune(tight, {{}, start, 0, 9}) == 9);
  CHECK(count(t.records) == 74);
  CHECK(prune(tight, {{}, start, 0, 1000}) == 74);
  CHECK(prune(tight, {{}, start, 0, 1000}) == 0);
}

TEST_CASE_FIXTURE(Fixture, "losses of one reason within a minute are one episode") {
  const auto lose = [&](LossReason reason, std::uint64_t n, std::int64_t first, std::int64_t last) {
    REQUIRE(put_loss(t, txn, {reason, n, first, last}) == MDB_SUCCESS);
  };
  lose(LossReason::queue_full, 3, 1000, 2000);
  lose(LossReason::disk_full, 1, 1500, 1500);
  lose(LossReason::queue_full, 4, 30'000, 31'000);
  lose(LossReason::queue_full, 5, 31'000 + limits::kStoreLossPauseMs + 1, 200'000);
  const auto all = losses();
  REQUIRE(all.size() == 3);
  CHECK(all[0].count == 7);
  CHECK(all[0].first_ms == 1000);
  CHECK(all[0].last_ms == 31'000);
  CHECK(all[1].reason == LossReason::disk_full);
  CHECK(all[2].count == 5);
}

TEST_CASE_FIXTURE(Fixture, "episodes that begin in the same instant are added") {
  const std::int64_t later = 10 * limits::kStoreLossPauseMs;
  REQUIRE(put_loss(t, txn, {LossReason::map_full, 1, later, later}) == MDB_SUCCESS);
  REQUIRE(put_loss(t, txn, {LossReason::map_full, 1, later, later}) == MDB_SUCCESS);
  REQUIRE(losses().size() == 1);
  CHECK(losses()[0].count == 2);
}

TEST_CASE_FIXTURE(Fixture, "only so many episodes are remembered") {
  for (std::int64_t n = 0; n < static_cast<std::int64_t>(limits::kStoreLossRows) + 10; ++n) {
    const std::int64_t at = n * 2 * limits::kStoreLossPauseMs;
    REQUIRE(put_loss(t, txn, {LossReason::disk_full, 1, at, at}) == MDB_SUCCESS);
  }
  const auto all = losses();
  CHECK(all.size() == limits::kStoreLossRows);
  CHECK(all.front().first_ms == 10 * 2 * limits::kStoreLossPauseMs);
}
