#include "cli/export.h"

#include <doctest/doctest.h>

#include "cli_store.h"
#include "record/json.h"

using namespace llmrec;
using namespace llmrec::cli;

namespace {

std::string exported(ExportOptions o, const std::string& dir, std::int64_t now_unix_ms,
                     int status = 0) {
  Captured c;
  c.streams.now_unix_ms = now_unix_ms;
  o.store = dir;
  CHECK(export_records(o, c.streams) == status);
  return c.out.str();
}

}  // namespace

TEST_CASE("export: oldest first, up to the oldest call that still runs") {
  const StoreFixture fixture;
  const std::int64_t later = fixture.records.back().started_at_us / 1000 + 3'600'000;
  std::string before_open;
  std::string all;
  bool open_came = false;
  for (const auto& r : fixture.records) {
    open_came = open_came || r.status == record::Status::open;
    if (r.status == record::Status::open) continue;
    all += record::to_json(r) + "\n";
    if (!open_came) before_open += record::to_json(r) + "\n";
  }
  REQUIRE(before_open != all);
  CHECK(exported({}, fixture.dir(), later) == before_open);
  ExportOptions o;
  o.unsettled = true;
  CHECK(exported(o, fixture.dir(), later) == all);
}

TEST_CASE("export: what began just now waits for the next run") {
  const StoreFixture fixture;
  const std::int64_t third = fixture.records[2].started_at_us / 1000;
  const std::string first_two =
      record::to_json(fixture.records[0]) + "\n" + record::to_json(fixture.records[1]) + "\n";
  CHECK(exported({}, fixture.dir(), third + 1000) == first_two);
}

TEST_CASE("export: one run goes on where another ended") {
  const StoreFixture fixture;
  ExportOptions o;
  o.unsettled = true;
  const std::string all = exported(o, fixture.dir(), 0);
  o.after = fixture.records[3].request_id.text();
  const std::string rest = exported(o, fixture.dir(), 0);
  CHECK(all.ends_with(rest));
  CHECK(rest.starts_with(record::to_json(fixture.records[4])));
  o.after = fixture.records.back().request_id.text();
  CHECK(exported(o, fixture.dir(), 0).empty());
  o.after.clear();
  o.error = "rate_limit";
  CHECK(exported(o, fixture.dir(), 0) == record::to_json(fixture.of("rejected")) + "\n");
}

TEST_CASE("export: no store") {
  const TempDir dir;
  CHECK(exported({}, dir.path, 0, 3).empty());
}
