#include "store/verify.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <fstream>

#include "store/rows.h"
#include "store/tables.h"
#include "store_sample.h"

using namespace llmrec::store;
using llmrec::Bytes;
using llmrec::Code;
using sample::entry_of;
using sample::options_in;

namespace {

constexpr int kWaitMs = 60'000;

bool is_sample(Bytes blob) {  // stands for the CRC of a record
  if (blob.substr(0, 5) != "blob-") return false;
  const auto dash = blob.find('-', 5);
  if (dash == Bytes::npos) return false;
  for (const char c : blob.substr(dash + 2)) {
    if (c != blob[dash + 1]) return false;
  }
  return true;
}

void fill(const sample::TempDir& dir, std::uint64_t n) {
  auto store = Store::open_writer(options_in(dir));
  REQUIRE(store);
  std::vector<Entry> batch;
  for (std::uint64_t i = 0; i < n; ++i) batch.push_back(entry_of(i));
  batch.push_back(entry_of(n, Kind::open));
  REQUIRE(store->put_batch(batch, 0));
}

void overwrite(const std::string& file, std::uint64_t at, const std::string& with) {
  std::fstream f(file, std::ios::in | std::ios::out | std::ios::binary);
  f.seekp(static_cast<std::streamoff>(at));
  f << with;
  REQUIRE(f.good());
}

}  // namespace

TEST_CASE("a sound store, no store, and somebody else's") {
  const sample::TempDir dir;
  CHECK(verify_in_child(dir.store(), is_sample, kWaitMs) == Verdict::absent);
  fill(dir, 500);
  CHECK(verify_in_child(dir.store(), is_sample, kWaitMs) == Verdict::sound);
  const auto check = check_store(dir.store(), is_sample);
  REQUIRE(check);
  CHECK(check->records == 500);
  CHECK(check->open_rows == 1);
  std::string later(8192, '\0');
  later.replace(24, 4, "\xde\xc0\xef\xbe");
  std::ofstream(dir.store() + "/data.mdb", std::ios::trunc) << later;
  CHECK(verify_in_child(dir.store(), is_sample, kWaitMs) == Verdict::not_ours);
}

TEST_CASE("the child hands back its figures, and rows alone can be walked beside a writer") {
  const sample::TempDir dir;
  fill(dir, 500);
  for (const Depth depth : {Depth::whole, Depth::rows}) {
    const Checked sound = check_in_child(dir.store(), is_sample, kWaitMs, depth);
    CHECK(sound.verdict == Verdict::sound);
    CHECK(sound.check.records == 500);
    CHECK(sound.check.open_rows == 1);
    const Checked bad = check_in_child(
        dir.store(), [](Bytes) { return false; }, kWaitMs, depth);
    CHECK(bad.verdict == Verdict::damaged);
    CHECK(bad.check.damaged_rows == 501);
  }
  CHECK(check_in_child(dir.path(), is_sample, kWaitMs, Depth::rows).verdict == Verdict::absent);
}

TEST_CASE("an index row without its record, or the other way round, is seen") {
  const sample::TempDir dir;
  fill(dir, 50);
  {
    auto t = Tables::open_for_writing(options_in(dir));
    REQUIRE(t);
    lmdb::Txn txn;
    REQUIRE(txn.begin(t->env.get(), 0) == MDB_SUCCESS);
    REQUIRE(txn.put(t->status, status_row(9, 9, sample::id_of(7)), {}) == MDB_SUCCESS);
    REQUIRE(txn.erase(t->ids, id_row(id_hash(0, "client-7"), sample::id_of(7))) == MDB_SUCCESS);
    REQUIRE(txn.commit() == MDB_SUCCESS);
  }
  const auto check = check_store(dir.store(), is_sample);
  REQUIRE(check);
  CHECK(check->missing_index == 1);
  CHECK(check->stray_index == 1);
  CHECK_FALSE(check->sound());
}

TEST_CASE("whatever octets are damaged, this process lives and the verdict is never an error") {
  const sample::TempDir dir;
  fill(dir, 500);
  const std::string file = dir.store() + "/data.mdb";
  std::string good;
  {
    std::ifstream in(file, std::ios::binary);
    good.assign(std::istreambuf_iterator<char>(in), {});
  }
  std::uint64_t x = 88172645463325252ULL;
  int damaged = 0;
  constexpr int kRounds = 40;
  for (int round = 0; round < kRounds; ++round) {
    std::ofstream(file, std::ios::binary | std::ios::trunc) << good;
    for (int i = 0; i < 40; ++i) {
      x ^= x << 13, x ^= x >> 7, x ^= x << 17;
      overwrite(file, 8192 + x % (good.size() - 8192 - 8), std::string(8, '\xa5'));
    }
    const Verdict verdict = verify_in_child(dir.store(), is_sample, kWaitMs);
    CAPTURE(static_cast<int>(verdict));
    CHECK((verdict == Verdict::damaged || verdict == Verdict::sound));  // free pages may be hit
    damaged += verdict == Verdict::damaged;
  }
  CHECK(damaged == kRounds);
}

TEST_CASE("a file that was cut short is damaged") {
  const sample::TempDir dir;
  fill(dir, 500);
  const std::string file = dir.store() + "/data.mdb";
  const auto size = std::filesystem::file_size(file);
  for (const std::uintmax_t left : {size / 2, std::uintmax_t{8192}, std::uintmax_t{5000},
                                    std::uintmax_t{100}, std::uintmax_t{1}}) {
    std::filesystem::resize_file(file, left);
    CHECK(verify_in_child(dir.store(), is_sample, kWaitMs) == Verdict::damaged);
    const auto reader = Store::open_reader(dir.store());
    REQUIRE_FALSE(reader);
    CHECK(reader.error().code == Code::corrupt);
  }
}

TEST_CASE("a walk that takes too long is ended") {
  const sample::TempDir dir;
  fill(dir, 5);
  CHECK(verify_in_child(
            dir.store(), [](Bytes) { return ::pause() == 0; }, 50) == Verdict::unknown);
}

TEST_CASE("a damaged store is set aside, never deleted, and a new one can be made") {
  const sample::TempDir dir;
  for (int n = 1; n <= 3; ++n) {
    fill(dir, 5);
    const auto moved = set_aside(dir.store());
    REQUIRE(moved);
    CHECK(*moved == dir.store() + "/data.mdb.damaged-" + std::to_string(n));
    CHECK(std::filesystem::exists(*moved));
    CHECK_FALSE(std::filesystem::exists(dir.store() + "/data.mdb"));
    CHECK_FALSE(std::filesystem::exists(dir.store() + "/lock.mdb"));
  }
  fill(dir, 5);
  const auto living = Store::open_writer(options_in(dir));
  REQUIRE(living);
  const auto refused = set_aside(dir.store());
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Code::in_use);
}
