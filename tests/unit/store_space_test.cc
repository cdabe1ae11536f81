#include "store/space.h"

#include <doctest/doctest.h>

#include "store/batch.h"
#include "store/directory.h"
#include "store_sample.h"

using namespace llmrec::store;
using sample::entry_of;

namespace {

void put(const Tables& t, std::uint64_t from, std::uint64_t to) {
  lmdb::Txn txn;
  REQUIRE(txn.begin(t.env.get(), 0) == MDB_SUCCESS);
  for (std::uint64_t n = from; n < to; ++n) REQUIRE(put_entry(t, txn, entry_of(n)) == MDB_SUCCESS);
  REQUIRE(txn.commit() == MDB_SUCCESS);
}

std::size_t prune(const Tables& t, std::size_t most) {
  lmdb::Txn txn;
  REQUIRE(txn.begin(t.env.get(), 0) == MDB_SUCCESS);
  std::size_t pruned = 0;
  Space roomy;
  roomy.map_pages = 1;
  REQUIRE(prune_rows(t, txn, roomy, {{{}, 0, {}}, 0, 0, most}, pruned) == MDB_SUCCESS);
  REQUIRE(txn.commit() == MDB_SUCCESS);
  return pruned;
}

Space measured(const Tables& t) {
  Space space;
  REQUIRE(measure(t, space) == MDB_SUCCESS);
  return space;
}

}  // namespace

TEST_CASE("pages that were freed are not in use; a reader keeps them from being used again") {
  const sample::TempDir dir;
  REQUIRE(make_directory(dir.store()));
  auto made = Tables::open_for_writing(sample::options_in(dir));
  REQUIRE(made);
  const Tables& t = *made;
  const Space empty = measured(t);
  CHECK(empty.map_pages == 64 * 1024 * 1024 / empty.page_bytes);
  CHECK(empty.readers == 0);
  put(t, 0, 2000);
  const Space full = measured(t);
  CHECK(full.used_pages > empty.used_pages + 2000 / 4);
  {
    lmdb::Txn reader;
    REQUIRE(t.begin_reading(reader) == MDB_SUCCESS);
    CHECK(prune(t, 1500) == 1500);
    put(t, 2000, 2001);
    put(t, 2001, 2002);
    const Space pinned = measured(t);
    CHECK(pinned.readers == 1);
    CHECK(pinned.oldest_reader_pid == ::getpid());
    CHECK(pinned.used_pages < full.used_pages / 2);
    CHECK(pinned.live_pages >= full.used_pages);
  }
  const Space free = measured(t);
  CHECK(free.readers == 0);
  CHECK(free.live_pages < full.used_pages / 2);
}

TEST_CASE("thresholds are percentages of the map") {
  Space s;
  s.map_pages = 1000;
  s.used_pages = 699;
  s.live_pages = 899;
  CHECK_FALSE(s.should_prune());
  CHECK_FALSE(s.must_drop());
  s.used_pages = 700;
  s.live_pages = 900;
  CHECK(s.should_prune());
  CHECK(s.must_drop());
}
