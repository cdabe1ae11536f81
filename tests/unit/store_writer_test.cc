#include "store/writer.h"

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/statvfs.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <fstream>
#include <mutex>
#include <new>
#include <stdexcept>
#include <thread>

#include "store/verify.h"
#include "store_sample.h"

using namespace llmrec::store;
using llmrec::Bytes;
using llmrec::Instant;
using sample::contains;
using sample::entry_of;
using sample::id_of;
using sample::options_in;
namespace limits = llmrec::limits;
using std::chrono::seconds;

namespace {

constexpr std::int64_t kNow = 1'700'000'000'000;

class Simple : public Payload {
 public:
  explicit Simple(std::uint64_t n, Kind kind = Kind::final, std::string blob = "",
                  std::size_t bytes = 1000)
      : Payload(id_of(n), kind, bytes), n_(n), blob_(std::move(blob)) {}
  Entry encode() override {
    ++encoded;
    Entry e = entry_of(n_, kind());
    if (!blob_.empty()) e.blob = blob_;
    return e;
  }
  static inline std::atomic<int> encoded{0};

 private:
  std::uint64_t n_;
  std::string blob_;
};

class Throwing : public Simple {
 public:
  using Simple::Simple;
  Entry encode() override { throw std::runtime_error("no"); }
};

class Note : public Payload {
 public:
  Note(std::uint64_t n, std::string note)
      : Payload(id_of(n), Kind::final, 100), n_(n), note_(std::move(note)) {}
  Entry encode() override { throw std::logic_error("an amendment is not encoded"); }
  bool is_amendment() const override { return true; }
  std::optional<Entry> amend(const Row& row) override {
    Entry e = entry_of(n_, row.kind);
    e.blob = row.blob + note_;
    return e;
  }

 private:
  std::uint64_t n_;
  std::string note_;
};

// Holds the writer's thread in encode() until it is opened.
class Gate {
 public:
  void open() {
    const std::lock_guard lock(m_);
    open_ = true;
    cv_.notify_all();
  }
  void wait_until_reached() {
    std::unique_lock lock(m_);
    cv_.wait(lock, [&] { return reached_; });
  }
  void pass() {
    std::unique_lock lock(m_);
    reached_ = true;
    cv_.notify_all();
    cv_.wait(lock, [&] { return open_; });
  }

 private:
  std::mutex m_;
  std::condition_variable cv_;
  bool open_ = false;
  bool reached_ = false;
};

class Blocking : public Simple {
 public:
  Blocking(std::uint64_t n, Gate& gate) : Simple(n), gate_(gate) {}
  Entry encode() override {
    gate_.pass();
    return Simple::encode();
  }

 private:
  Gate& gate_;
};

struct Fixture {
  sample::TempDir dir;
  Store store;
  std::atomic<std::int64_t> clock_ns{0};
  std::mutex log_mutex;
  std::vector<std::string> log;

  explicit Fixture(std::size_t map_bytes = 64 * 1024 * 1024)
      : store(*Store::open_writer(options_in(dir, map_bytes))) {}

  WriterHooks hooks() {
    WriterHooks h;
    h.now = [this] { return Instant{clock_ns += 1000}; };
    h.unix_ms = [] { return kNow; };
    h.log = [this](Level, const std::string& text) {
      const std::lock_guard lock(log_mutex);
      log.push_back(text);
    };
    return h;
  }
};

std::unique_ptr<Payload> payload(std::uint64_t n, Kind kind = Kind::final) {
  return std::make_unique<Simple>(n, kind);
}

}  // namespace

TEST_CASE_FIXTURE(Fixture, "what is pushed is stored, in order, and counted") {
  Writer writer(store, hooks());
  for (std::uint64_t n = 0; n < 1000; ++n) REQUIRE(writer.push(payload(n)));
  REQUIRE(writer.flush(seconds(60)));
  CHECK(store.stat()->records == 1000);
  const auto c = writer.counters();
  CHECK(c.committed == 1000);
  CHECK(c.dropped == 0);
  CHECK(c.failures == 0);
  CHECK(c.batches >= 1000 / limits::kCommitRecords);
  CHECK(c.queue_depth == 0);
  CHECK(c.queue_bytes == 0);
  CHECK(c.last_commit_ns > 0);
}

TEST_CASE_FIXTURE(Fixture, "a single record is committed without anybody asking") {
  Gate committed;
  std::thread opener([&] {
    committed.wait_until_reached();
    committed.open();
  });
  WriterHooks h = hooks();
  h.after_commit = [&] { committed.pass(); };
  Writer writer(store, std::move(h));
  REQUIRE(writer.push(payload(1)));
  opener.join();  // only after_commit lets it end
  CHECK(store.get(id_of(1))->has_value());
}

TEST_CASE_FIXTURE(Fixture, "an open entry that is followed by a later one is not even encoded") {
  Gate gate;
  Writer writer(store, hooks());
  REQUIRE(writer.push(std::make_unique<Blocking>(0, gate)));
  gate.wait_until_reached();  // the rest comes in one batch
  Simple::encoded = 0;
  REQUIRE(writer.push(payload(1, Kind::open)));
  REQUIRE(writer.push(payload(2, Kind::open)));
  REQUIRE(writer.push(payload(1, Kind::open)));
  REQUIRE(writer.push(payload(2, Kind::final)));
  gate.open();
  REQUIRE(writer.flush(seconds(60)));
  CHECK(Simple::encoded == 3);  // the gate's, the second 1, the final 2
  CHECK(writer.counters().superseded == 2);
  CHECK((*store.get(id_of(1)))->kind == Kind::open);
  CHECK((*store.get(id_of(2)))->kind == Kind::final);
}

TEST_CASE_FIXTURE(Fixture,
                  "a full mailbox drops, counts and notes; push never waits for the disk") {
  Gate gate;
  {
    Writer writer(store, hooks());
    REQUIRE(writer.push(std::make_unique<Blocking>(0, gate)));
    gate.wait_until_reached();
    for (std::uint64_t n = 1; n <= limits::kMailboxEntries; ++n) REQUIRE(writer.push(payload(n)));
    CHECK(writer.counters().queue_depth == limits::kMailboxEntries);
    for (std::uint64_t n = 0; n < 5; ++n) CHECK_FALSE(writer.push(payload(20'000 + n)));
    CHECK_FALSE(writer.push(payload(30'000, Kind::open)));
    CHECK_FALSE(writer.flush(std::chrono::milliseconds(1)));
    gate.open();
    REQUIRE(writer.flush(seconds(60)));
    CHECK(writer.counters().dropped == 6);
    CHECK(writer.counters().committed == limits::kMailboxEntries + 1);
    writer.stop();
    CHECK_FALSE(writer.push(payload(40'000)));
  }
  const auto losses = store.stat()->losses;
  REQUIRE(losses.size() == 1);
  CHECK(losses[0].reason == LossReason::queue_full);
  CHECK(losses[0].count == 5);
}

TEST_CASE_FIXTURE(Fixture, "the mailbox is bounded by bytes too") {
  Gate gate;
  Writer writer(store, hooks());
  REQUIRE(writer.push(std::make_unique<Blocking>(0, gate)));
  gate.wait_until_reached();
  const std::size_t quarter = limits::kMailboxBytes / 4;
  for (std::uint64_t n = 1; n <= 4; ++n) {
    REQUIRE(writer.push(std::make_unique<Simple>(n, Kind::final, "", quarter)));
  }
  CHECK_FALSE(writer.push(std::make_unique<Simple>(5, Kind::final, "", 1)));
  CHECK_FALSE(writer.push(std::make_unique<Simple>(6, Kind::final, "", SIZE_MAX)));
  gate.open();
  REQUIRE(writer.flush(seconds(60)));
  CHECK(writer.counters().queue_bytes == 0);
  CHECK(writer.push(payload(7)));
}

TEST_CASE_FIXTURE(Fixture, "a payload that throws is lost alone, and that is said once") {
  Writer writer(store, hooks());
  for (std::uint64_t n = 0; n < 20; ++n) {
    REQUIRE(writer.push(payload(2 * n)));
    REQUIRE(writer.push(std::make_unique<Throwing>(2 * n + 1)));
  }
  REQUIRE(writer.flush(seconds(60)));
  CHECK(writer.counters().committed == 20);
  CHECK(writer.counters().dropped == 20);
  writer.stop();
  CHECK(log.size() == 1);
  REQUIRE(store.stat()->losses.size() == 1);
  CHECK(store.stat()->losses[0].count == 20);
}

TEST_CASE_FIXTURE(Fixture, "an amendment sees the newest form, stored or in the same batch") {
  Writer writer(store, hooks());
  REQUIRE(writer.push(std::make_unique<Simple>(1, Kind::final, "one")));
  REQUIRE(writer.flush(seconds(60)));
  Gate gate;
  REQUIRE(writer.push(std::make_unique<Blocking>(0, gate)));
  gate.wait_until_reached();
  REQUIRE(writer.push(std::make_unique<Note>(1, "+a")));
  REQUIRE(writer.push(std::make_unique<Note>(1, "+b")));
  REQUIRE(writer.push(std::make_unique<Simple>(2, Kind::open, "two")));
  REQUIRE(writer.push(std::make_unique<Note>(2, "+c")));
  REQUIRE(writer.push(std::make_unique<Note>(3, "+nobody")));
  gate.open();
  REQUIRE(writer.flush(seconds(60)));
  CHECK((*store.get(id_of(1)))->blob == "one+a+b");
  CHECK((*store.get(id_of(2)))->blob == "two+c");
  CHECK((*store.get(id_of(2)))->kind == Kind::open);
  CHECK_FALSE(store.get(id_of(3))->has_value());
  CHECK(writer.counters().dropped == 0);
}

TEST_CASE_FIXTURE(Fixture, "stop commits what is queued") {
  Writer writer(store, hooks());
  for (std::uint64_t n = 0; n < 700; ++n) REQUIRE(writer.push(payload(n)));
  writer.stop();
  CHECK(writer.counters().committed == 700);
  CHECK(store.stat()->records == 700);
  writer.stop();
  CHECK(writer.flush(seconds(1)));
}

TEST_CASE_FIXTURE(Fixture, "an idle writer does not look for work") {
  Writer writer(store, hooks());
  REQUIRE(writer.push(payload(1)));
  REQUIRE(writer.flush(seconds(60)));
  // One more round trip, so that the thread has come back to its sleep at least once.
  const auto before = writer.counters().wakeups;
  REQUIRE(writer.push(payload(2)));
  REQUIRE(writer.flush(seconds(60)));
  CHECK(writer.counters().wakeups - before <= 6);
}

TEST_CASE_FIXTURE(Fixture, "many threads push, others read") {
  Writer writer(store, hooks());
  std::vector<std::thread> threads;
  std::atomic<bool> end{false};
  for (std::uint64_t t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      for (std::uint64_t n = 0; n < 1500; ++n) {
        const std::uint64_t id = n * 3 + t;
        if (n % 4 == 0) writer.push(payload(id, Kind::open));
        writer.push(payload(id));
      }
    });
  }
  std::thread reader([&] {
    while (!end) {
      std::size_t seen = 0;
      if (!store.scan({}, [&](const llmrec::RecordId&, Bytes) { return ++seen < 500; })) break;
      (void)store.stat();
      (void)store.get(id_of(7));
      (void)writer.counters();
    }
  });
  for (auto& t : threads) t.join();
  REQUIRE(writer.flush(seconds(120)));
  end = true;
  reader.join();
  const auto c = writer.counters();
  CHECK(c.dropped == 0);
  CHECK(store.stat()->records == 4500);
  CHECK(store.open_rows()->empty());
}

TEST_CASE("a map that is too small loses records by retention, never the traffic") {
  Fixture f(limits::kStoreMapBytesMin);
  Writer writer(f.store, f.hooks());
  for (std::uint64_t n = 0; n < 20'000; ++n) {
    writer.push(payload(n));
    if (n % 4'000 == 0) REQUIRE(writer.flush(seconds(120)));
  }
  REQUIRE(writer.flush(seconds(120)));
  const auto c = writer.counters();
  CHECK(c.committed == 20'000);
  CHECK(c.pruned > 10'000);
  CHECK(c.dropped == 0);
  CHECK(f.store.get(id_of(19'999))->has_value());
}

TEST_CASE("a full disk: dropped, counted, one line in the log, and it recovers") {
  const sample::TempDir dir;
  const sample::Tmpfs disk(dir.store(), "size=4m");
  if (!disk.mounted()) return;
  {
    auto store = Store::open_writer(options_in(dir));
    REQUIRE(store);
    const std::string filler = dir.store() + "/filler";
    const auto fill_disk = [&] {
      std::ofstream f(filler, std::ios::binary);
      const std::string block(4096, 'f');
      struct statvfs fs {};
      while (f.good() && ::statvfs(dir.store().c_str(), &fs) == 0 && fs.f_bavail > 0) {
        f << block << std::flush;
      }
    };
    std::vector<std::string> log;
    std::atomic<std::int64_t> clock_ns{0};
    WriterHooks hooks;
    hooks.now = [&] { return Instant{clock_ns += 1000}; };
    hooks.unix_ms = [] { return kNow; };
    hooks.log = [&](Level, std::string text) { log.push_back(std::move(text)); };
    Writer writer(*store, hooks);
    REQUIRE(writer.push(payload(0)));
    REQUIRE(writer.flush(seconds(60)));
    fill_disk();
    // Nothing old to give up: all of this is lost.
    for (std::uint64_t n = 1; n <= 2'000; ++n) {
      writer.push(payload(n));
      if (n % 200 == 0) REQUIRE(writer.flush(seconds(60)));
    }
    auto c = writer.counters();
    CHECK(c.dropped > 0);
    CHECK(c.failures > 1);
    CHECK(c.committed + c.dropped == 2'001);
    const std::uint64_t lost = c.dropped;
    std::filesystem::remove(filler);
    for (std::uint64_t n = 3'000; n < 3'100; ++n) REQUIRE(writer.push(payload(n)));
    REQUIRE(writer.flush(seconds(60)));
    c = writer.counters();
    CHECK(c.dropped == lost);
    writer.stop();
    REQUIRE(log.size() == 1);
    CHECK(contains(log[0], "disk is full"));
    CHECK(contains(log[0], "traffic goes on"));
    const auto losses = store->stat()->losses;
    REQUIRE(losses.size() == 1);
    CHECK(losses[0].reason == LossReason::disk_full);
    CHECK(losses[0].count == lost);
    CHECK(store->get(id_of(3'099))->has_value());
  }
}

TEST_CASE("killed at any moment: what flush acknowledged is there, and the indexes agree") {
  const sample::TempDir dir;
  auto* const acknowledged = static_cast<std::atomic<std::uint64_t>*>(
      ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  REQUIRE(acknowledged != MAP_FAILED);
  new (acknowledged) std::atomic<std::uint64_t>(0);
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t from = *acknowledged;
    std::array<int, 2> alive{};
    REQUIRE(::pipe(alive.data()) == 0);
    const pid_t child = sample::start_child([&] {
      auto store = Store::open_writer(options_in(dir));
      if (!store) return 1;
      WriterHooks hooks;
      hooks.now = [] { return Instant{0}; };
      hooks.unix_ms = [] { return kNow; };
      Writer writer(*store, hooks);
      for (std::uint64_t n = from;; n += 30) {
        for (std::uint64_t m = n; m < n + 30; ++m) {
          writer.push(payload(m, Kind::open));
          writer.push(payload(m));
        }
        if (!writer.flush(seconds(60))) return 2;
        *acknowledged = n + 30;
        const char c = 'a';
        if (::write(alive[1], &c, 1) != 1) return 3;
      }
    });
    ::close(alive[1]);
    char c = 0;
    for (int n = 0; n < 2 + round % 5; ++n) REQUIRE(::read(alive[0], &c, 1) == 1);
    ::kill(child, SIGKILL);
    CHECK(sample::wait_for(child) == 1000 + SIGKILL);
    ::close(alive[0]);
    const auto check = check_store(dir.store(), [](Bytes) { return true; });
    REQUIRE(check);
    CHECK(check->sound());
    const auto reader = Store::open_reader(dir.store());
    REQUIRE(reader);
    for (std::uint64_t n = 0; n < *acknowledged; ++n) {
      const auto row = reader->get(id_of(n));
      REQUIRE(row);
      REQUIRE(row->has_value());
      REQUIRE((*row)->kind == Kind::final);
    }
  }
  MESSAGE("10 kills, ", acknowledged->load(), " acknowledged records, none lost");
  ::munmap(acknowledged, 4096);
}
