#include "cli/db.h"

#include <doctest/doctest.h>

#include <fstream>

#include "cli_store.h"

using namespace llmrec;
using namespace llmrec::cli;

namespace {

struct Said {
  int status;
  std::string out;
  std::string err;
};

Said run(DbAction action, const std::string& dir, const std::function<void(DbOptions&)>& set = {}) {
  Captured c;
  DbOptions o;
  o.action = action;
  o.store = dir;
  if (set) set(o);
  const int status = db(o, c.streams);
  return {status, c.out.str(), c.err.str()};
}

}  // namespace

TEST_CASE("db stat: figures for people and for programs") {
  const StoreFixture fixture;
  const Said text = run(DbAction::stat, fixture.dir());
  CHECK(text.status == 0);
  CHECK(text.out.find("records       15, and 1 still open\n") != std::string::npos);
  CHECK(text.out.find("recorder      not running\n") != std::string::npos);
  CHECK(text.out.find("lost          nothing\n") != std::string::npos);
  const Said json = run(DbAction::stat, fixture.dir(), [](DbOptions& o) { o.json = true; });
  CHECK(json.out.starts_with("{\"schema\":1,\"records\":15,\"open\":1,\"oldest\":\"" +
                             fixture.records.front().request_id.text() + "\""));
  CHECK(json.out.ends_with("\"writer_pid\":null,\"losses\":[]}\n"));
}

TEST_CASE("db stat: losses are listed") {
  const StoreFixture fixture;
  {
    store::WriterOptions options;
    options.dir = fixture.dir();
    auto writer = store::Store::open_writer(options);
    REQUIRE(writer);
    const std::vector<store::Loss> losses{{store::LossReason::disk_full, 3, 1000, 2000}};
    REQUIRE(writer->put_batch({}, 0, losses));
  }
  CHECK(run(DbAction::stat, fixture.dir()).out.find("lost          3 records, disk_full, ") !=
        std::string::npos);
  CHECK(run(DbAction::stat, fixture.dir(), [](DbOptions& o) { o.json = true; })
            .out.find(R"({"reason":"disk_full","count":3,"first":"1970-01-01T00:00:01.000Z",)") !=
        std::string::npos);
}

TEST_CASE("db verify: sound, and damaged") {
  const StoreFixture fixture;
  const Said sound = run(DbAction::verify, fixture.dir());
  CHECK(sound.status == 0);
  CHECK(sound.out == "sound: 15 records, 1 open\n");
  {
    store::WriterOptions options;
    options.dir = fixture.dir();
    auto writer = store::Store::open_writer(options);
    REQUIRE(writer);
    store::Entry bad = entry_of(fixture.of("ok"));
    bad.blob[20] = static_cast<char>(~bad.blob[20]);
    const std::vector<store::Entry> entries{bad};
    REQUIRE(writer->put_batch(entries, 0));
  }
  const Said damaged = run(DbAction::verify, fixture.dir());
  CHECK(damaged.status == 1);
  CHECK(damaged.out.starts_with("damaged: of 16 rows 1 cannot be read"));
  CHECK(damaged.err.find("move") != std::string::npos);
}

TEST_CASE("db prune: the oldest go") {
  const StoreFixture fixture;
  const Said pruned =
      run(DbAction::prune, fixture.dir(), [](DbOptions& o) { o.retain_records = 4; });
  CHECK(pruned.status == 0);
  CHECK(pruned.out == "11 records deleted\n");
  CHECK(run(DbAction::verify, fixture.dir()).out == "sound: 4 records, 1 open\n");
}

TEST_CASE("db compact: smaller or the same, and sound") {
  const StoreFixture fixture;
  const Said done = run(DbAction::compact, fixture.dir());
  CHECK(done.status == 0);
  CHECK(done.out.find(" before, ") != std::string::npos);
  CHECK(run(DbAction::verify, fixture.dir()).out == "sound: 15 records, 1 open\n");
}

TEST_CASE("db: no store, and a recorder in the way") {
  const TempDir empty;
  for (const DbAction action :
       {DbAction::stat, DbAction::verify, DbAction::prune, DbAction::compact}) {
    const Said none = run(action, empty.path, [](DbOptions& o) { o.retain_records = 1; });
    CHECK(none.status == 3);
    CHECK(none.out.empty());
    CHECK(none.err.find("there is none") != std::string::npos);
  }
  CHECK(std::filesystem::is_empty(empty.path));
}
