#include "cli/ls.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>

#include "cli_store.h"
#include "golden.h"
#include "record/json.h"

using namespace llmrec;
using namespace llmrec::cli;

namespace {

struct Listed {
  int status;
  std::string out;
  std::string err;
};

Listed listed(LsOptions o, const std::string& dir) {
  Captured c;
  o.store = dir;
  o.view.utc = true;
  const int status = ls(o, c.streams);
  return {status, c.out.str(), c.err.str()};
}

// What jsonl prints, against the records that a filter should leave, newest first.
void check_filter(const StoreFixture& fixture, LsOptions o,
                  const std::function<bool(const record::Record&)>& wanted) {
  o.output = Output::jsonl;
  std::string expected;
  for (auto r = fixture.records.rbegin(); r != fixture.records.rend(); ++r) {
    if (wanted(*r)) expected += record::to_json(*r) + "\n";
  }
  const Listed l = listed(o, fixture.dir());
  CHECK(l.out == expected);
  CHECK(l.status == (expected.empty() ? 1 : 0));
}

}  // namespace

TEST_CASE("ls: the table, newest first, running calls among the others") {
  const StoreFixture fixture;
  const Listed l = listed({}, fixture.dir());
  CHECK(l.status == 0);
  CHECK(l.err.empty());
  golden::check("ls_store.txt", l.out);
}

TEST_CASE("ls: filters") {
  const StoreFixture fixture;
  LsOptions o;
  check_filter(fixture, o, [](const auto&) { return true; });
  o.status = "failed";
  check_filter(fixture, o, [](const auto& r) { return r.status == record::Status::failed; });
  o.stage = "during_tool_call";
  check_filter(fixture, o,
               [](const auto& r) { return r.failure_stage == record::Stage::during_tool_call; });
  o.status = "";
  check_filter(fixture, o,
               [](const auto& r) { return r.failure_stage == record::Stage::during_tool_call; });
  o = {};
  o.status = "open";
  check_filter(fixture, o, [](const auto& r) { return r.status == record::Status::open; });
  o = {};
  o.error = "rate_limit";
  check_filter(fixture, o,
               [](const auto& r) { return r.error_type == record::ErrorType::rate_limit; });
  o = {};
  o.model = "FT:*invoices*";
  check_filter(fixture, o, [](const auto& r) { return r.model.starts_with("ft:"); });
  o.model = "nothing";
  check_filter(fixture, o, [](const auto&) { return false; });
  o = {};
  o.slow_ns = 10'000'000'000;
  check_filter(fixture, o, [](const auto& r) { return *r.duration_ns >= 10'000'000'000; });
  o = {};
  o.tags = {{"route", "checkout"}, {"customer", "x"}};
  check_filter(fixture, o, [](const auto&) { return false; });
  o = {};
  o.provider = "OpenAI";
  check_filter(fixture, o, [](const auto&) { return true; });
}

TEST_CASE("ls: since, until and how many") {
  const StoreFixture fixture;
  const std::int64_t middle = fixture.records[5].started_at_us;
  LsOptions o;
  o.since_unix_ms = middle / 1000;
  check_filter(fixture, o, [&](const auto& r) { return r.started_at_us >= middle; });
  o.since_unix_ms = middle / 1000 + 1;
  check_filter(fixture, o, [&](const auto& r) { return r.started_at_us > middle; });
  o = {};
  o.until_unix_ms = middle / 1000;
  check_filter(fixture, o, [&](const auto& r) { return r.started_at_us < middle; });
  o = {};
  o.count = 4;
  const std::int64_t fourth = fixture.records[fixture.records.size() - 4].started_at_us;
  check_filter(fixture, o, [&](const auto& r) { return r.started_at_us >= fourth; });
}

TEST_CASE("ls: json is one document, csv has a head") {
  const StoreFixture fixture;
  LsOptions o;
  o.output = Output::json;
  o.count = 2;
  const auto last = fixture.records.rbegin();
  CHECK(listed(o, fixture.dir()).out ==
        "[\n" + record::to_json(*last) + ",\n" + record::to_json(*(last + 1)) + "\n]\n");
  o.model = "none";
  CHECK(listed(o, fixture.dir()).out == "[]\n");
  o = {};
  o.output = Output::csv;
  const Listed csv = listed(o, fixture.dir());
  CHECK(csv.out.starts_with("started_at,request_id,"));
  CHECK(static_cast<std::size_t>(std::count(csv.out.begin(), csv.out.end(), '\n')) ==
        fixture.records.size() + 1);
}

TEST_CASE("ls: what cannot be read is counted, not hidden") {
  const StoreFixture fixture;
  {
    store::WriterOptions options;
    options.dir = fixture.dir();
    auto writer = store::Store::open_writer(options);
    REQUIRE(writer);
    store::Entry bad = entry_of(fixture.of("ok"));
    bad.key.octets[0] = 0x7f;
    bad.blob[bad.blob.size() / 2] = static_cast<char>(~bad.blob[bad.blob.size() / 2]);
    const std::vector<store::Entry> entries{bad};
    REQUIRE(writer->put_batch(entries, 0));
  }
  const Listed l = listed({}, fixture.dir());
  CHECK(l.status == 0);
  CHECK(l.err == "llmrec: records left out because they are damaged or of a newer llmrec: 1\n");
}

TEST_CASE("ls: nothing and nowhere") {
  const StoreFixture fixture;
  LsOptions o;
  o.provider = "nobody";
  const Listed none = listed(o, fixture.dir());
  CHECK(none.status == 1);
  CHECK(none.out.empty());
  CHECK(none.err == "llmrec: no record fits in " + fixture.dir() + "\n");
  CHECK(listed({}, fixture.temp.path).status == 3);
}
