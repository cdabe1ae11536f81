#include "store/amend.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <array>

#include "store_sample.h"

using namespace llmrec::store;
using llmrec::Code;
using llmrec::Error;
using llmrec::Result;
namespace limits = llmrec::limits;

namespace {

void fill(const sample::TempDir& dir, std::uint64_t n) {
  auto store = Store::open_writer(sample::options_in(dir));
  REQUIRE(store);
  std::vector<Entry> entries;
  for (std::uint64_t i = 0; i < n; ++i) entries.push_back(sample::entry_of(i));
  entries.push_back(sample::entry_of(n, Kind::open));
  REQUIRE(store->put_batch(entries, 0));
}

Result<Entry> with_a_note(const Row& row) {
  Entry e = sample::entry_of(3);
  e.blob = row.blob + "+";
  e.status = 2;
  e.stage = 1;
  return e;
}

}  // namespace

TEST_CASE("a stored record is changed, with its indexes") {
  const sample::TempDir dir;
  fill(dir, 8);
  REQUIRE(amend_final(dir.store(), sample::id_of(3), with_a_note));
  REQUIRE(amend_final(dir.store(), sample::id_of(3), with_a_note));
  const auto store = Store::open_reader(dir.store());
  REQUIRE(store);
  const auto row = store->get(sample::id_of(3));
  REQUIRE(row);
  CHECK((*row)->blob == sample::entry_of(3).blob + "++");
  ScanOptions of_status;
  of_status.status = 2;
  of_status.stage = 1;
  bool seen = false;
  REQUIRE(store->scan(of_status, [&](const auto& id, auto) {
    seen = seen || id == sample::id_of(3);
    return true;
  }));
  CHECK(seen);
  const auto found = store->find_by_id_value("client-3");
  REQUIRE(found);
  CHECK(found->size() == 1);
}

TEST_CASE("what cannot be changed is said, and nothing is written") {
  const sample::TempDir dir;
  const auto never = [](const Row&) -> Result<Entry> {
    FAIL("must not be asked");
    return Error{};
  };
  CHECK(amend_final(dir.store(), sample::id_of(1), never).error().code == Code::not_found);
  CHECK(::access(dir.store().c_str(), F_OK) != 0);
  fill(dir, 4);
  CHECK(amend_final(dir.store(), sample::id_of(99), never).error().code == Code::not_found);
  CHECK(amend_final(dir.store(), sample::id_of(4), never).error().code == Code::in_use);
  const auto refused = amend_final(dir.store(), sample::id_of(2), [](const Row&) -> Result<Entry> {
    return Error{Code::full, "too many"};
  });
  CHECK(refused.error().code == Code::full);
  const auto another = amend_final(dir.store(), sample::id_of(2),
                                   [](const Row&) -> Result<Entry> { return sample::entry_of(3); });
  CHECK(another.error().code == Code::bad_argument);
  const auto huge = amend_final(dir.store(), sample::id_of(2), [](const Row&) -> Result<Entry> {
    return sample::entry_of(2, Kind::final, limits::kStoreBlobMax + 1);
  });
  CHECK(huge.error().code == Code::bad_argument);
  const auto store = Store::open_reader(dir.store());
  REQUIRE(store);
  CHECK((*store->get(sample::id_of(2)))->blob == sample::entry_of(2).blob);
}

TEST_CASE("beside a living writer, neither loses anything") {
  const sample::TempDir dir;
  fill(dir, 4);
  std::array<int, 2> go{};
  REQUIRE(::pipe(go.data()) == 0);
  const pid_t child = sample::start_child([&] {
    char octet = 0;
    if (::read(go[0], &octet, 1) != 1) return 1;
    for (int i = 0; i < 200; ++i) {
      if (!amend_final(dir.store(), sample::id_of(3), with_a_note)) return 2;
    }
    return 0;
  });
  {
    auto writer = Store::open_writer(sample::options_in(dir));
    REQUIRE(writer);
    REQUIRE(::write(go[1], "g", 1) == 1);
    for (std::uint64_t n = 10; n < 210; ++n) {
      const std::array<Entry, 1> one{sample::entry_of(n)};
      REQUIRE(writer->put_batch(one, 0));
    }
    CHECK(sample::wait_for(child) == 0);
    const auto row = writer->get(sample::id_of(3));
    REQUIRE(row);
    CHECK((*row)->blob.size() == sample::entry_of(3).blob.size() + 200);
    CHECK(writer->stat()->records == 204);
  }
  ::close(go[0]);
  ::close(go[1]);
}
