#include "cli/walk.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "cli_store.h"

using namespace llmrec;
using namespace llmrec::cli;

namespace {

std::vector<RecordId> ids(const StoreFixture& fixture, bool newest_first, const Filter& filter,
                          const RecordId& after = {}, const RecordId& end = {}) {
  const auto from = store::Store::open_reader(fixture.dir());
  REQUIRE(from);
  std::vector<RecordId> out;
  const OnFound keep = [&out](const record::Summary& s, Bytes blob) {
    CHECK(record::decode(blob)->request_id == s.request_id);
    out.push_back(s.request_id);
    return true;
  };
  const auto walked = newest_first ? walk_newest_first(*from, filter, keep)
                                   : walk_oldest_first(*from, filter, after, end, keep);
  REQUIRE(walked);
  CHECK(walked->unreadable == 0);
  return out;
}

}  // namespace

TEST_CASE("newest first, running calls among the others") {
  const StoreFixture fixture;
  const auto seen = ids(fixture, true, {});
  CHECK(seen.size() == fixture.records.size());
  CHECK(std::is_sorted(seen.rbegin(), seen.rend()));
}

TEST_CASE("oldest first: final ones alone, from and to") {
  const StoreFixture fixture;
  const auto all = ids(fixture, false, {});
  CHECK(all.size() == fixture.records.size() - 1);
  CHECK(std::is_sorted(all.begin(), all.end()));
  CHECK(std::find(all.begin(), all.end(), fixture.of("open").request_id) == all.end());
  const auto some = ids(fixture, false, {}, all[2], all[6]);
  CHECK(some == std::vector<RecordId>(all.begin() + 3, all.begin() + 6));
  Filter failed;
  failed.status = "failed";
  for (const RecordId& id : ids(fixture, false, failed, all[1])) CHECK(id > all[1]);
}

TEST_CASE("every filter alone") {
  const record::Record r = record::sample::typical();
  const record::Summary s = record::summary_of(r);
  const auto passes = [&s](const std::function<void(Filter&)>& set) {
    Filter f;
    set(f);
    return fits(s, f);
  };
  const std::int64_t at = r.started_at_us / 1000;
  CHECK(passes([](Filter&) {}));
  CHECK(passes([at](Filter& f) { f.since_unix_ms = at; }));
  CHECK_FALSE(passes([at](Filter& f) { f.since_unix_ms = at + 1; }));
  CHECK(passes([at](Filter& f) { f.until_unix_ms = at + 1; }));
  CHECK_FALSE(passes([at](Filter& f) { f.until_unix_ms = at; }));
  CHECK(passes([](Filter& f) { f.status = "ok"; }));
  CHECK_FALSE(passes([](Filter& f) { f.status = "failed"; }));
  CHECK_FALSE(passes([](Filter& f) { f.stage = "before_request"; }));
  CHECK_FALSE(passes([](Filter& f) { f.error = "rate_limit"; }));
  CHECK(passes([](Filter& f) { f.provider = "OpenAI"; }));
  CHECK_FALSE(passes([](Filter& f) { f.provider = "open"; }));
  CHECK(passes([](Filter& f) { f.model = "gpt-4o-*-2024*"; }));
  CHECK(passes([](Filter& f) { f.model = "GPT-4o-mini"; }));
  CHECK_FALSE(passes([](Filter& f) { f.model = "gpt-4o"; }));
  CHECK(passes([](Filter& f) { f.model = "*"; }));
  CHECK(passes([](Filter& f) { f.slow_ns = 5'221'040'000; }));
  CHECK_FALSE(passes([](Filter& f) { f.slow_ns = 5'221'041'000; }));
  CHECK(passes([](Filter& f) { f.tags = {{"route", "checkout"}}; }));
  CHECK_FALSE(passes([](Filter& f) { f.tags = {{"route", "checkout"}, {"a", "b"}}; }));
  CHECK_FALSE(passes([](Filter& f) { f.tags = {{"route", "x"}}; }));
}

TEST_CASE("the smallest id of a time") {
  CHECK(id_at(1'782'814'361'120).unix_ms() == 1'782'814'361'120);
  RecordIdMint mint(3);
  CHECK(id_at(1'782'814'361'120) <= mint.mint(1'782'814'361'120));
  CHECK(id_at(1'782'814'361'121) > mint.mint(1'782'814'361'120));
}
