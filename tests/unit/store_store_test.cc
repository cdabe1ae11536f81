#include "store/store.h"

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>

#include "store/verify.h"
#include "store_sample.h"

using namespace llmrec::store;
using llmrec::Bytes;
using llmrec::Code;
using llmrec::RecordId;
using llmrec::RecordIdRange;
using sample::contains;
using sample::entry_of;
using sample::id_of;
using sample::options_in;
namespace limits = llmrec::limits;

namespace {

constexpr std::int64_t kNow = 1'700'000'000'000;

bool any_blob(Bytes) { return true; }

Store writer_in(const WriterOptions& options) {
  auto store = Store::open_writer(options);
  if (!store) FAIL(store.error().detail);
  return *std::move(store);
}

void put(Store& store, std::uint64_t from, std::uint64_t to, Kind kind = Kind::final) {
  std::vector<Entry> batch;
  for (std::uint64_t n = from; n < to; ++n) batch.push_back(entry_of(n, kind));
  const auto done = store.put_batch(batch, kNow);
  if (!done) FAIL(done.error().detail);
  REQUIRE(done->stored == to - from);
}

std::vector<RecordId> scanned(const Store& store, const ScanOptions& options,
                              std::size_t most = SIZE_MAX) {
  std::vector<RecordId> ids;
  const auto done = store.scan(options, [&](const RecordId& id, Bytes blob) {
    CHECK(contains(std::string(blob), "blob-"));
    ids.push_back(id);
    return ids.size() < most;
  });
  REQUIRE(done);
  return ids;
}

// Every index row has its record and every record its index rows.
void check_sound(const std::string& dir) {
  const auto check = check_store(dir, any_blob);
  REQUIRE(check);
  CHECK(check->sound());
}

}  // namespace

TEST_CASE("what is put can be got, found and scanned, now and after a restart") {
  const sample::TempDir dir;
  const auto verify = [](const Store& store) {
    const auto row = store.get(id_of(7));
    REQUIRE(row);
    REQUIRE(row->has_value());
    CHECK((*row)->blob == entry_of(7).blob);
    CHECK((*row)->kind == Kind::final);
    CHECK((*store.get(id_of(500)))->kind == Kind::open);
    CHECK_FALSE(store.get(id_of(10'000))->has_value());
    CHECK(*store.find_by_id_value("client-7") == std::vector<RecordId>{id_of(7)});
    CHECK(*store.find_by_id_value("provider-3") == std::vector<RecordId>{id_of(7), id_of(6)});
    CHECK(store.find_by_id_value("nobody")->empty());
    CHECK(store.find_by_id_value("")->empty());
    CHECK(*store.last_id() == id_of(500));
    CHECK(store.open_rows()->size() == 1);
    CHECK(store.hmac_key()[31] == 7);
    const auto stat = store.stat();
    REQUIRE(stat);
    CHECK(stat->records == 100);
    CHECK(stat->open_rows == 1);
    CHECK(stat->oldest == id_of(0));
    CHECK(stat->newest == id_of(99));
    CHECK(stat->created_ms == kNow);
    CHECK(stat->losses.empty());
    CHECK(stat->used_bytes <= stat->file_bytes + 16 * 4096);
  };
  {
    Store store = writer_in(options_in(dir));
    CHECK_FALSE(store.last_id()->has_value());
    put(store, 0, 100);
    put(store, 500, 501, Kind::open);
    verify(store);
  }
  {
    const auto reader = Store::open_reader(dir.store());
    REQUIRE(reader);
    verify(*reader);
  }
  verify(writer_in(options_in(dir)));
}

TEST_CASE("a scan goes both ways, page by page, from any key on, by range and by status") {
  const sample::TempDir dir;
  Store store = writer_in(options_in(dir));
  constexpr std::uint64_t kN = 1000;  // several pages
  put(store, 0, kN);
  std::vector<RecordId> all;
  for (std::uint64_t n = 0; n < kN; ++n) all.push_back(id_of(n));
  CHECK(scanned(store, {Order::oldest_first, {}, {}, {}, {}}) == all);
  std::vector<RecordId> reversed(all.rbegin(), all.rend());
  CHECK(scanned(store, {}) == reversed);
  CHECK(scanned(store, {}, 3) == std::vector<RecordId>{id_of(999), id_of(998), id_of(997)});
  ScanOptions resume;
  resume.after = id_of(3);
  CHECK(scanned(store, resume) == std::vector<RecordId>{id_of(2), id_of(1), id_of(0)});
  ScanOptions range;
  range.range = RecordIdRange{id_of(10), id_of(12)};
  CHECK(scanned(store, range) == std::vector<RecordId>{id_of(12), id_of(11), id_of(10)});

  for (const Order order : {Order::oldest_first, Order::newest_first}) {
    for (std::uint8_t status = 0; status < 5; ++status) {
      const auto expect = [&](const ScanOptions& options, auto&& wanted) {
        std::vector<RecordId> expected;
        for (std::uint64_t n = 0; n < kN; ++n) {
          if (wanted(entry_of(n))) expected.push_back(id_of(n));
        }
        if (order == Order::newest_first) std::reverse(expected.begin(), expected.end());
        CHECK(scanned(store, options) == expected);
      };
      ScanOptions options;
      options.order = order;
      options.status = status;
      expect(options, [&](const Entry& e) { return e.status == status; });
      options.stage = 2;
      expect(options, [&](const Entry& e) { return e.status == status && e.stage == 2; });
    }
  }
}

TEST_CASE("rows may be changed while a scan shows them: no transaction is open") {
  const sample::TempDir dir;
  Store store = writer_in(options_in(dir));
  put(store, 0, 600);
  std::uint64_t next = 600;
  std::size_t seen = 0;
  REQUIRE(store.scan({}, [&](const RecordId&, Bytes) {
    ++seen;
    if (seen % 100 == 0) {
      CHECK(store.stat()->readers == 0);
      put(store, next, next + 1);
      ++next;
    }
    return true;
  }));
  CHECK(seen == 600);
}

TEST_CASE("a prefix of an id finds it among records and open calls") {
  const sample::TempDir dir;
  Store store = writer_in(options_in(dir));
  put(store, 0, 300);
  put(store, 300, 310, Kind::open);
  for (const std::uint64_t n : {0U, 57U, 299U, 300U, 309U}) {
    const std::string text = id_of(n).text();
    for (std::size_t length = 6; length <= text.size(); ++length) {
      const auto range = llmrec::record_id_prefix(Bytes(text).substr(0, length));
      REQUIRE(range);
      std::vector<RecordId> expected;
      for (std::uint64_t m = 0; m < 310; ++m) {
        if (id_of(m).text().compare(0, length, text, 0, length) == 0) expected.push_back(id_of(m));
      }
      const auto found = store.find_in_range(*range, 1000);
      REQUIRE(found);
      REQUIRE(*found == expected);
      const auto two = store.find_in_range(*range, 2);  // enough to say "not unique"
      REQUIRE(two->size() == std::min<std::size_t>(2, expected.size()));
    }
  }
  CHECK(store.find_in_range({id_of(0), id_of(9)}, 0)->empty());
}

TEST_CASE("one id with every request gives the newest, and no more than asked for") {
  const sample::TempDir dir;
  Store store = writer_in(options_in(dir));
  std::vector<Entry> batch;
  for (std::uint64_t n = 0; n < 200; ++n) {
    batch.push_back(entry_of(n));
    batch.back().ids = {{4, "the-same"}, {0, "the-same"}};
  }
  REQUIRE(store.put_batch(batch, kNow));
  const auto found = store.find_by_id_value("the-same");
  REQUIRE(found);
  CHECK(found->size() == limits::kStoreFindMax);
  CHECK(found->front() == id_of(199));
  CHECK(found->back() == id_of(200 - limits::kStoreFindMax));
}

TEST_CASE("calls left open by a crash are closed at the next start, whatever their number") {
  const sample::TempDir dir;
  constexpr std::uint64_t kOpen = limits::kStoreSweepRows + 50;
  {
    Store store = writer_in(options_in(dir));
    put(store, 0, 10);
    put(store, 10, 10 + kOpen, Kind::open);
    put(store, 5000, 5001);  // newer than they are
  }
  Store store = writer_in(options_in(dir));
  const auto closed = store.sweep(
      [](const RecordId& id, Bytes blob) -> std::optional<Entry> {
        Entry e;
        e.key = id;
        e.blob = "closed " + std::string(blob);
        e.ids = {{0, "swept"}};
        if (id == id_of(12)) return std::nullopt;  // unreadable
        return e;
      },
      kNow);
  REQUIRE(closed);
  CHECK(*closed == kOpen - 1);
  CHECK(store.open_rows()->empty());
  const auto stat = store.stat();
  CHECK(stat->records == 10 + kOpen - 1 + 1);
  REQUIRE(stat->losses.size() == 1);
  CHECK(stat->losses[0].reason == LossReason::unreadable);
  CHECK(stat->losses[0].count == 1);
  CHECK((*store.get(id_of(11)))->blob == "closed " + entry_of(11, Kind::open).blob);
  CHECK(*store.sweep([](const RecordId&, Bytes) { return std::optional<Entry>(); }, kNow) == 0);
  check_sound(dir.store());
}

TEST_CASE("retention by number and by age") {
  const sample::TempDir dir;
  WriterOptions options = options_in(dir);
  options.retention.records = 300;
  Store store = writer_in(options);
  for (std::uint64_t n = 0; n < 2000; n += 50) put(store, n, n + 50);
  CHECK(store.stat()->records == 300);
  CHECK(store.stat()->oldest == id_of(1700));
  store.set_retention({100'000, {}, {}});
  const auto pruned = store.prune(kNow + 2'000'000);  // older than second 1900
  REQUIRE(pruned);
  CHECK(*pruned == 200);
  CHECK(store.stat()->oldest == id_of(1900));
  CHECK(store.stat()->losses.empty());  // retention is no loss
  check_sound(dir.store());
}

TEST_CASE("retention by bytes, and the file stops growing") {
  const sample::TempDir dir;
  WriterOptions options = options_in(dir);
  options.retention.bytes = 2 * 1024 * 1024;
  Store store = writer_in(options);
  std::uint64_t file = 0;
  for (std::uint64_t n = 0; n < 20'000; n += 100) {
    put(store, n, n + 100);
    if (n == 10'000) file = store.stat()->file_bytes;
  }
  const auto stat = store.stat();
  CHECK(stat->used_bytes < 2'400'000);
  CHECK(stat->records > 500);
  CHECK(stat->file_bytes <= file + file / 10);
  CHECK(stat->newest == id_of(19'999));
  check_sound(dir.store());
}

TEST_CASE("a map of the smallest size is never full: the oldest records go") {
  const sample::TempDir dir;
  Store store = writer_in(options_in(dir, limits::kStoreMapBytesMin));
  std::uint64_t next = 0;
  for (const std::uint64_t batch : {1U, 20U, unsigned{limits::kCommitRecords}, 3U}) {
    for (int n = 0; n < 60; ++n, next += batch) put(store, next, next + batch);
  }
  const auto stat = store.stat();
  CHECK(stat->records > 1'000);
  CHECK(stat->newest == id_of(next - 1));
  CHECK(stat->used_bytes * 100 <= stat->map_bytes * limits::kStoreDropPercent);
  CHECK(stat->file_bytes <= limits::kStoreMapBytesMin);
  check_sound(dir.store());
}

TEST_CASE("a store larger than its new size limit is made smaller, not wedged") {
  const sample::TempDir dir;
  {
    Store store = writer_in(options_in(dir));
    for (std::uint64_t n = 0; n < 10'000; n += 500) put(store, n, n + 500);
  }
  Store store = writer_in(options_in(dir, limits::kStoreMapBytesMin));
  REQUIRE(store.prune(kNow));
  put(store, 10'000, 10'100);
  const auto stat = store.stat();
  CHECK(stat->used_bytes <= limits::kStoreMapBytesMin);
  CHECK(stat->newest == id_of(10'099));
  check_sound(dir.store());
}

TEST_CASE("a reader that never ends fills the map: records are refused in words, none is deleted") {
  const sample::TempDir dir;
  std::array<int, 2> ready{};
  std::array<int, 2> end{};
  REQUIRE(::pipe(ready.data()) == 0);
  REQUIRE(::pipe(end.data()) == 0);
  { put(*std::make_unique<Store>(writer_in(options_in(dir, 4 * 1024 * 1024))), 0, 100); }
  const pid_t reader = sample::start_child([&] {
    const auto store = Store::open_reader(dir.store());
    if (!store) return 1;
    // The check of a blob runs inside the transaction of check_store().
    bool told = false;
    const auto checked = check_store(dir.store(), [&](Bytes) {
      char c = 'r';
      if (!told && ::write(ready[1], &c, 1) == 1 && ::read(end[0], &c, 1) < 0) return false;
      told = true;
      return true;
    });
    return checked ? 0 : 2;
  });
  char c = 0;
  REQUIRE(::read(ready[0], &c, 1) == 1);
  {
    Store store = writer_in(options_in(dir, 4 * 1024 * 1024));
    store.set_retention({{}, 200, {}});
    llmrec::Error error;
    for (std::uint64_t n = 100; n < 20'000 && error.detail.empty(); n += 50) {
      std::vector<Entry> batch;
      for (std::uint64_t m = n; m < n + 50; ++m) batch.push_back(entry_of(m));
      const auto done = store.put_batch(batch, kNow);
      if (!done) error = done.error();
    }
    CHECK(error.code == Code::full);
    CAPTURE(error.detail);
    CHECK(contains(error.detail, "process " + std::to_string(reader)));
    CHECK(store.failure_reason() == LossReason::map_full);
    CHECK(store.stat()->records == 200);
    CHECK(::write(end[1], &c, 1) == 1);
    CHECK(sample::wait_for(reader) == 0);
    put(store, 30'000, 30'050);  // the pages are free again
  }
  for (const int fd : {ready[0], ready[1], end[0], end[1]}) ::close(fd);
  check_sound(dir.store());
}

TEST_CASE("an entry over the cap is dropped and noted, its neighbours are stored") {
  const sample::TempDir dir;
  Store store = writer_in(options_in(dir));
  std::vector<Entry> batch{entry_of(1), entry_of(2), entry_of(3)};
  batch[1].blob.assign(limits::kStoreBlobMax + 1, 'x');
  const auto done = store.put_batch(batch, kNow);
  REQUIRE(done);
  CHECK(done->stored == 2);
  CHECK(done->too_large == 1);
  const auto stat = store.stat();
  CHECK(stat->records == 2);
  REQUIRE(stat->losses.size() == 1);
  CHECK(name(stat->losses[0].reason) == "too_large");
}

TEST_CASE("losses are stored with a batch or alone") {
  const sample::TempDir dir;
  Store store = writer_in(options_in(dir));
  const Loss loss{LossReason::queue_full, 5, kNow, kNow + 10};
  REQUIRE(store.put_batch({}, kNow, {&loss, 1}));
  REQUIRE(store.stat()->losses.size() == 1);
  CHECK(store.stat()->losses[0].count == 5);
}

TEST_CASE("two processes: one writes, another reads what is committed, a third may not write") {
  const sample::TempDir dir;
  std::array<int, 2> go{};
  std::array<int, 2> done{};
  REQUIRE(::pipe(go.data()) == 0);
  REQUIRE(::pipe(done.data()) == 0);
  const pid_t writer = sample::start_child([&] {
    auto store = Store::open_writer(options_in(dir));
    if (!store) return 1;
    for (std::uint64_t n = 0; n < 400; n += 100) {
      std::vector<Entry> batch;
      for (std::uint64_t m = n; m < n + 100; ++m) batch.push_back(entry_of(m));
      if (!store->put_batch(batch, kNow)) return 2;
      char c = 'd';
      if (::write(done[1], &c, 1) != 1 || ::read(go[0], &c, 1) != 1) return 3;
    }
    return 0;
  });
  char c = 'g';
  REQUIRE(::read(done[0], &c, 1) == 1);
  {
    const auto reader = Store::open_reader(dir.store());
    REQUIRE(reader);
    for (std::uint64_t n = 100; n <= 400; n += 100) {
      CHECK(scanned(*reader, {}).size() == n);
      if (n == 400) break;
      REQUIRE(::write(go[1], &c, 1) == 1);
      REQUIRE(::read(done[0], &c, 1) == 1);
    }
    const auto second = Store::open_writer(options_in(dir));
    REQUIRE_FALSE(second);
    CHECK(second.error().code == Code::in_use);
    CHECK(contains(second.error().detail, "process " + std::to_string(writer)));
    REQUIRE(::write(go[1], &c, 1) == 1);
    CHECK(sample::wait_for(writer) == 0);
  }
  for (const int fd : {go[0], go[1], done[0], done[1]}) ::close(fd);
  CHECK(Store::open_writer(options_in(dir)));
}

TEST_CASE("every kind of user is told what is missing") {
  if (::geteuid() != 0) {
    MESSAGE("skipped: needs root to become another user");
    return;
  }
  const sample::TempDir dir;
  REQUIRE(::chmod(dir.path().c_str(), 0755) == 0);
  { put(*std::make_unique<Store>(writer_in(options_in(dir))), 0, 5); }
  const auto as_nobody = [&](auto&& body) {
    return sample::in_child([&] {
      if (::setgid(65534) != 0 || ::setuid(65534) != 0) return 50;
      return body();
    });
  };
  const auto is_denied = [&](const llmrec::Error& e) {
    return e.code == Code::permission && contains(e.detail, dir.path()) ? 0 : 1;
  };
  // A directory that it may not enter; a place where it may make none.
  CHECK(as_nobody([&] { return is_denied(Store::open_reader(dir.store()).error()); }) == 0);
  CHECK(as_nobody([&] { return is_denied(Store::open_writer(options_in(dir)).error()); }) == 0);
  CHECK(as_nobody([&] {
          WriterOptions o = options_in(dir);
          o.dir = dir.path() + "/new/store";
          return is_denied(Store::open_writer(o).error());
        }) == 0);
  // Files that it may read but not lock.
  REQUIRE(::chmod(dir.store().c_str(), 0755) == 0);
  for (const char* file : {"/data.mdb", "/lock.mdb"}) {
    REQUIRE(::chmod((dir.store() + file).c_str(), 0644) == 0);
  }
  CHECK(as_nobody([&] {
          const auto store = Store::open_reader(dir.store());
          if (store) return 2;
          return contains(store.error().detail, "lock.mdb") ? is_denied(store.error()) : 3;
        }) == 0);
}

TEST_CASE("a store on a read-only file system can be read, not written") {
  const sample::TempDir dir;
  const std::string at = dir.store();
  const sample::Tmpfs disk(at, "size=4m");
  if (!disk.mounted()) return;
  { put(*std::make_unique<Store>(writer_in(options_in(dir))), 0, 50); }
  REQUIRE(disk.make_read_only());
  {
    const auto reader = Store::open_reader(at);
    REQUIRE(reader);
    CHECK(scanned(*reader, {}).size() == 50);
    const auto writer = Store::open_writer(options_in(dir));
    REQUIRE_FALSE(writer);
    CHECK(writer.error().code == Code::permission);
    CHECK(contains(writer.error().detail, "read-only"));
  }
}

TEST_CASE("a full disk: an error in words, what was stored stays, and it goes on by reuse") {
  const sample::TempDir dir;
  const std::string at = dir.store();
  const sample::Tmpfs disk(at, "size=2m");
  if (!disk.mounted()) return;
  {
    Store store = writer_in(options_in(dir));
    std::uint64_t failed = 0;
    std::uint64_t failed_twice = 0;
    std::uint64_t last_good = 0;
    for (std::uint64_t n = 0; n < 10'000; n += 50) {
      std::vector<Entry> batch;
      for (std::uint64_t m = n; m < n + 50; ++m) batch.push_back(entry_of(m));
      const auto done = store.put_batch(batch, kNow);
      if (done) {
        last_good = n;
        continue;
      }
      ++failed;
      if (store.put_batch(batch, kNow)) {  // as the writer does
        last_good = n;
      } else {
        ++failed_twice;
      }
      CHECK(done.error().code == Code::full);
      CHECK(contains(done.error().detail, "disk is full"));
      CHECK(store.failure_reason() == LossReason::disk_full);
      CHECK((*store.get(id_of(last_good)))->blob == entry_of(last_good).blob);
    }
    CHECK(failed > 0);
    CHECK(failed_twice < 5);
    CHECK(last_good > 9'000);
    MESSAGE("of 200 batches on a full disk ", failed, " failed once and ", failed_twice, " twice");
  }
  check_sound(at);
}

TEST_CASE("a file size limit is an error, not the end") {
  const sample::TempDir dir;
  CHECK(sample::in_child([&] {
          ::signal(SIGXFSZ, SIG_IGN);
          const rlimit limit{1024 * 1024, 1024 * 1024};
          if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return 1;
          auto store = Store::open_writer(options_in(dir));
          if (!store) return 2;
          std::uint64_t failed = 0;
          std::uint64_t last_good = 0;
          for (std::uint64_t n = 0; n < 5'000; n += 50) {
            std::vector<Entry> batch;
            for (std::uint64_t m = n; m < n + 50; ++m) batch.push_back(entry_of(m));
            const auto done = store->put_batch(batch, kNow);
            if (done) {
              last_good = n;
            } else {
              ++failed;
              if (done.error().code != Code::full && done.error().code != Code::io) return 3;
            }
          }
          if (failed == 0) return 4;
          const auto row = store->get(id_of(last_good));
          return row && row->has_value() && (*row)->blob == entry_of(last_good).blob ? 0 : 5;
        }) == 0);
  check_sound(dir.store());
}

TEST_CASE("a writer killed in the middle of batches loses nothing that it had acknowledged") {
  const sample::TempDir dir;
  std::uint64_t acknowledged = 0;
  for (int round = 0; round < 20; ++round) {
    std::array<int, 2> acks{};
    REQUIRE(::pipe(acks.data()) == 0);
    const std::uint64_t from = acknowledged;
    const pid_t child = sample::start_child([&] {
      auto store = Store::open_writer(options_in(dir));
      if (!store) return 1;
      for (std::uint64_t n = from;; n += 10) {
        std::vector<Entry> batch;
        for (std::uint64_t m = n; m < n + 10; ++m) batch.push_back(entry_of(m));
        batch.push_back(entry_of(1'000'000 + n, Kind::open));
        if (!store->put_batch(batch, kNow)) return 2;
        const std::uint64_t upto = n + 10;
        if (::write(acks[1], &upto, sizeof upto) != sizeof upto) return 3;
      }
    });
    ::close(acks[1]);
    std::uint64_t upto = 0;
    for (int n = 0; n < 3 + round; ++n) REQUIRE(::read(acks[0], &upto, sizeof upto) == sizeof upto);
    ::kill(child, SIGKILL);
    CHECK(sample::wait_for(child) == 1000 + SIGKILL);
    while (::read(acks[0], &upto, sizeof upto) == sizeof upto) {  // acknowledged before it died
    }
    ::close(acks[0]);
    acknowledged = upto;
    check_sound(dir.store());
    const auto reader = Store::open_reader(dir.store());
    REQUIRE(reader);
    for (std::uint64_t n = 0; n < acknowledged; ++n) {
      const auto row = reader->get(id_of(n));
      REQUIRE(row);
      REQUIRE(row->has_value());
      REQUIRE((*row)->blob == entry_of(n).blob);
    }
  }
  MESSAGE("20 kills, ", acknowledged, " acknowledged records, none lost");
}
