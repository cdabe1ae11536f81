#include "store/compact.h"

#include <doctest/doctest.h>

#include "store/directory.h"
#include "store_sample.h"

using namespace llmrec::store;
using llmrec::Bytes;
using llmrec::Code;

namespace {

const IntactBlob kAny = [](Bytes) { return true; };

void fill(const sample::TempDir& dir, std::uint64_t keep) {
  auto options = sample::options_in(dir);
  auto store = Store::open_writer(options);
  REQUIRE(store);
  std::vector<Entry> entries;
  for (std::uint64_t i = 0; i < 2000; ++i) entries.push_back(sample::entry_of(i));
  REQUIRE(store->put_batch(entries, 0));
  store->set_retention({{}, keep, {}});
  REQUIRE(store->prune(0));
}

}  // namespace

TEST_CASE("a pruned store gets smaller and keeps what it has") {
  const sample::TempDir dir;
  fill(dir, 100);
  const auto done = compact(dir.store(), kAny);
  REQUIRE(done);
  CHECK(done->bytes_after < done->bytes_before / 4);
  const auto check = check_store(dir.store(), kAny);
  REQUIRE(check);
  CHECK(check->records == 100);
  CHECK(check->sound());
  // It is a store like any other: written to, read, compacted again.
  {
    auto writer = Store::open_writer(sample::options_in(dir));
    REQUIRE(writer);
    const std::vector<Entry> more{sample::entry_of(3000)};
    REQUIRE(writer->put_batch(more, 0));
    CHECK(writer->hmac_key()[0] == 7);
  }
  REQUIRE(compact(dir.store(), kAny));
  CHECK(check_store(dir.store(), kAny)->records == 101);
  CHECK_FALSE(std::filesystem::exists(dir.store() + "/compact.tmp"));
}

TEST_CASE("not beside a writer, not under a reader, not where there is none") {
  const sample::TempDir dir;
  CHECK(compact(dir.store(), kAny).error().code == Code::not_found);
  fill(dir, 100);
  {
    const auto writer = Store::open_writer(sample::options_in(dir));
    REQUIRE(writer);
    // In another process: one process opens a store once.
    CHECK(sample::in_child([&] {
            return compact(dir.store(), kAny).error().code == Code::in_use ? 0 : 1;
          }) == 0);
  }
  {
    const auto reader = Store::open_reader(dir.store());
    REQUIRE(reader);
    CHECK(sample::in_child([&] {
            return compact(dir.store(), kAny).error().code == Code::in_use ? 0 : 1;
          }) == 0);
  }
  CHECK(compact(dir.store(), kAny));
}

TEST_CASE("an unsound copy does not replace anything") {
  const sample::TempDir dir;
  fill(dir, 100);
  CHECK(compact(dir.store(), [](Bytes) { return false; }).error().code == Code::corrupt);
  CHECK(check_store(dir.store(), kAny)->records == 100);
  CHECK_FALSE(std::filesystem::exists(dir.store() + "/compact.tmp"));
}
