#include "admin/store_view.h"

#include <doctest/doctest.h>

#include <string>
#include <thread>
#include <vector>

#include "cli_store.h"
#include "net/payload.h"
#include "record/json.h"
#include "report/stats.h"
#include "report/stats_json.h"

using namespace llmrec;
using namespace llmrec::admin;
using cli::StoreFixture;

namespace {

Vitals at(std::int64_t unix_ms) {
  Vitals v;
  v.version = "1.2.3";
  v.started_unix_ms = v.now_unix_ms = unix_ms;
  return v;
}

// A store as the daemon has it: open for writing, with its writer.
struct Open {
  explicit Open(const StoreFixture& fixture) {
    store::WriterOptions options;
    options.dir = fixture.dir();
    auto opened = store::Store::open_writer(options);
    REQUIRE(opened);
    store.emplace(*std::move(opened));
    writer = std::make_unique<store::Writer>(
        *store,
        store::WriterHooks{[] { return Instant{}; }, [] { return std::int64_t{0}; }, {}, {}});
  }
  std::optional<store::Store> store;
  std::unique_ptr<store::Writer> writer;
};

bool has(const Response& r, const std::string& what) {
  return r.body.find(what) != std::string::npos;
}

}  // namespace

TEST_CASE("store view: statistics are those of `llmrec stats`, and the newest failures") {
  const StoreFixture fixture;
  Open open(fixture);
  const StoreView view(*open.store);
  const std::int64_t last_ms = fixture.records.back().started_at_us / 1000;
  const Response r = view.stats("1h", at(last_ms + 1000));
  CHECK(r.status == 200);
  CHECK(r.content_type == "application/json");

  report::Stats stats;
  std::string newest;
  for (auto i = fixture.records.rbegin(); i != fixture.records.rend(); ++i) {
    stats.add(record::summary_of(*i));
    const bool bad = i->status == record::Status::failed || i->status == record::Status::aborted;
    if (bad && newest.empty()) newest = i->request_id.text();
  }
  std::string expected = report::to_json(stats.finish());
  expected.pop_back();
  CHECK(r.body.starts_with(expected + ",\"since\":\""));
  CHECK(has(r, "\"complete\":true,\"newest_failures\":[{\"request_id\":\"" + newest + "\""));
  CHECK(has(r, "\"recorder\":{\"status\":\"ok\",\"version\":\"1.2.3\""));
  CHECK(r.body.ends_with("}}\n"));
}

TEST_CASE("store view: since leaves out what is older, and has to make sense") {
  const StoreFixture fixture;
  Open open(fixture);
  const StoreView view(*open.store);
  const std::int64_t last_ms = fixture.records.back().started_at_us / 1000;
  const std::string none =
      "\"calls\":0,\"ok\":0,\"failed\":0,\"aborted\":0,\"interrupted\":0,"
      "\"failure_rate\":null";
  CHECK(has(view.stats("1h", at(last_ms + 4'000'000)), "\"unreadable\":0," + none));
  CHECK(!has(view.stats("", at(last_ms + 4'000'000)), "\"unreadable\":0," + none));
  CHECK(has(view.stats("2026-06-30T10:12:41Z", at(last_ms)),
            "\"since\":\"2026-06-30T10:12:41.000Z\""));
  for (const char* since : {"canary", "-1h", "1", "1h;", "<script>"}) {
    const Response r = view.stats(since, at(last_ms));
    CHECK(r.status == 400);
    CHECK(!has(r, "canary"));
    CHECK(!has(r, "script"));
  }
}

TEST_CASE("store view: a record by any of its ids, as JSON or as a page") {
  const StoreFixture fixture;
  Open open(fixture);
  const StoreView view(*open.store);
  const record::Record& ok = fixture.of("ok");
  CHECK(view.record(ok.request_id.text(), false).body == record::to_json(ok) + "\n");
  CHECK(view.record("response-ok", false).body == record::to_json(ok) + "\n");
  const Response page = view.record("response-ok", true);
  CHECK(page.content_type == "text/html; charset=utf-8");
  CHECK(has(page, ok.request_id.text()));
  CHECK(view.record("canary", false).status == 404);
  CHECK(!has(view.record("canary", false), "canary"));
  CHECK(view.record("canary", true).status == 404);
  CHECK(!has(view.record("canary", true), "canary"));
  const Response several = view.record("req_", false);
  CHECK(several.status == 404);  // no beginning of an id
  const Response prefix = view.record("req_01", false);
  CHECK(prefix.status == 300);
  CHECK(has(prefix, "\"request_ids\":[\"req_01"));
  CHECK(view.record("req_01", true).status == 300);
}

TEST_CASE("store view: notes are stored when the answer comes") {
  const StoreFixture fixture;
  Open open(fixture);
  const StoreView view(*open.store);
  const Response r = view.note("response-ok", R"({"message_persisted":true})", *open.writer);
  CHECK(r.status == 200);
  CHECK(has(r, "\"notes\":{\"message_persisted\":\"true\"}"));
  CHECK(has(view.record("response-ok", false), "\"notes\":{\"message_persisted\":\"true\"}"));
  CHECK(view.note("response-ok", "{}", *open.writer).status == 400);
  CHECK(view.note("nobody", R"({"a":1})", *open.writer).status == 404);
  CHECK(view.note("req_01", R"({"a":1})", *open.writer).status == 300);
  std::string many = "{\"k\":1";
  for (std::size_t i = 1; i < limits::kFactsMax; ++i) many += ",\"k" + std::to_string(i) + "\":1";
  CHECK(view.note("response-ok", many + "}", *open.writer).status == 400);  // one is there already
  open.writer->stop();
  CHECK(view.note("response-ok", R"({"a":1})", *open.writer).status == 503);
}

TEST_CASE("store view: a call that still runs takes no notes yet") {
  const StoreFixture fixture;
  Open open(fixture);
  const StoreView view(*open.store);
  for (const record::Record& r : fixture.records) {
    if (r.status != record::Status::open) continue;
    CHECK(view.note(r.request_id.text(), R"({"a":1})", *open.writer).status == 503);
  }
}
