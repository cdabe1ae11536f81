#include "cli/follow.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <iostream>

#include "cli_store.h"

using namespace llmrec;
using namespace llmrec::cli;

namespace {

std::vector<RecordId> ids_of(const std::vector<record::Record>& records) {
  std::vector<RecordId> out;
  for (const auto& r : records) out.push_back(r.request_id);
  return out;
}

struct Rig {
  StoreFixture fixture;
  std::optional<store::Store> writer;
  std::int64_t now = fixture.records.back().started_at_us / 1000 + 3'600'000;
  RecordIdMint mint{77};

  Rig() {
    store::WriterOptions options;
    options.dir = fixture.dir();
    auto opened = store::Store::open_writer(options);
    REQUIRE(opened);
    writer.emplace(*std::move(opened));
  }
  record::Record make(record::Status status, std::int64_t at_ms) {
    record::Record r = record::sample::typical();
    r.status = status;
    r.started_at_us = at_ms * 1000;
    r.request_id = mint.mint(at_ms);
    return r;
  }
  void put(const record::Record& r) {
    const std::vector<store::Entry> one{entry_of(r)};
    REQUIRE(writer->put_batch(one, 0));
  }
  std::vector<RecordId> look(Follower& follower) const {
    std::vector<record::Record> out;
    REQUIRE(follower.look(now, [&out](record::Record&& r) {
      out.push_back(std::move(r));
      return true;
    }));
    return ids_of(out);
  }
};

}  // namespace

TEST_CASE("begin: the newest that fit, oldest first; a look without news shows nothing") {
  Rig rig;
  const Filter any;
  Follower follower(*rig.writer, any);
  const auto begun = follower.begin(3, rig.now);
  REQUIRE(begun);
  std::vector<RecordId> final_ids;
  for (const auto& r : rig.fixture.records) {
    if (r.status != record::Status::open) final_ids.push_back(r.request_id);
  }
  CHECK(ids_of(*begun) == std::vector<RecordId>(final_ids.end() - 3, final_ids.end()));
  CHECK(rig.look(follower).empty());
  Follower all(*rig.writer, any);
  CHECK(ids_of(*all.begin(0, rig.now)) == final_ids);
}

TEST_CASE("calls come as they end, once each, also those that began long before others") {
  Rig rig;
  const Filter any;
  Follower follower(*rig.writer, any);
  REQUIRE(follower.begin(1, rig.now));
  record::Record slow = rig.make(record::Status::open, rig.now - 60'000);
  rig.put(slow);
  CHECK(rig.look(follower).empty());
  const record::Record quick = rig.make(record::Status::ok, rig.now);
  rig.put(quick);
  CHECK(rig.look(follower) == std::vector<RecordId>{quick.request_id});
  CHECK(rig.look(follower).empty());
  rig.now += 600'000;
  CHECK(rig.look(follower).empty());
  slow.status = record::Status::ok;
  rig.put(slow);
  CHECK(rig.look(follower) == std::vector<RecordId>{slow.request_id});
  // The sample that is open since the beginning ends as well.
  record::Record oldest = rig.fixture.of("open");
  oldest.status = record::Status::failed;
  rig.put(oldest);
  CHECK(rig.look(follower) == std::vector<RecordId>{oldest.request_id});
  rig.now += 600'000;
  CHECK(rig.look(follower).empty());
}

TEST_CASE("filters hold for what comes") {
  Rig rig;
  Filter failed;
  failed.status = "failed";
  Follower follower(*rig.writer, failed);
  const auto begun = follower.begin(2, rig.now);
  REQUIRE(begun);
  for (const auto& r : *begun) CHECK(r.status == record::Status::failed);
  rig.put(rig.make(record::Status::ok, rig.now));
  const record::Record bad = rig.make(record::Status::failed, rig.now);
  rig.put(bad);
  CHECK(rig.look(follower) == std::vector<RecordId>{bad.request_id});
}

TEST_CASE("ls -f wakes when the store changes and ends at SIGINT") {
  Rig rig;
  std::array<int, 2> pipe{};
  REQUIRE(::pipe2(pipe.data(), O_CLOEXEC) == 0);
  const std::string dir = rig.fixture.dir();
  // A program of its own: a child must not use a store that its parent has opened.
  rig.writer.reset();
  std::cout.flush();  // else the child prints what the test program has said so far
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::dup2(pipe[1], STDOUT_FILENO);
    LsOptions o;
    o.store = dir;
    o.follow = true;
    o.count = 1;
    o.output = Output::csv;
    Streams streams{std::cout, std::cerr, false,
                    [](const std::string&) { return std::optional<std::string>(); }, 0};
    ::_exit(follow(o, streams));
  }
  ::close(pipe[1]);
  std::FILE* from = ::fdopen(pipe[0], "r");
  std::array<char, 4096> line{};
  REQUIRE(std::fgets(line.data(), line.size(), from) != nullptr);  // the head of the table
  REQUIRE(std::fgets(line.data(), line.size(), from) != nullptr);  // the newest
  {
    store::WriterOptions options;
    options.dir = dir;
    auto writer = store::Store::open_writer(options);
    REQUIRE(writer);
    record::Record next = rig.make(record::Status::ok, rig.now);
    const std::vector<store::Entry> one{entry_of(next)};
    REQUIRE(writer->put_batch(one, 0));
    REQUIRE(std::fgets(line.data(), line.size(), from) != nullptr);
    CHECK(std::string(line.data()).find(next.request_id.text()) != std::string::npos);
  }
  REQUIRE(::kill(child, SIGINT) == 0);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 0));
  std::fclose(from);
}
