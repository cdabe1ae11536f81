#include "cli/stats.h"

#include <doctest/doctest.h>

#include "cli_store.h"
#include "report/stats_json.h"
#include "report/stats_text.h"
#include "stats_sample.h"

using namespace llmrec;
using namespace llmrec::cli;

namespace {

struct Shown {
  int status;
  std::string out;
  std::string err;
};

Shown shown(StatsOptions o, const std::string& dir) {
  Captured c;
  o.store = dir;
  o.view.utc = true;
  const int status = stats(o, c.streams);
  return {status, c.out.str(), c.err.str()};
}

}  // namespace

TEST_CASE("stats: what the figures of the store's records say") {
  const StoreFixture fixture;
  const auto figures = report::sample::figures_of(fixture.records);
  StatsOptions o;
  o.json = true;
  const Shown json = shown(o, fixture.dir());
  CHECK(json.status == 0);
  CHECK(json.out == report::to_json(figures) + "\n");
  CHECK(json.err.empty());
  report::Style style;
  style.utc = true;
  style.unicode = false;
  CHECK(shown({}, fixture.dir()).out ==
        report::sample::plain_text(report::stats_text(figures, style)));
}

TEST_CASE("stats: filters and breakdowns") {
  const StoreFixture fixture;
  StatsOptions o;
  o.status = "failed";
  o.by = {"host"};
  o.json = true;
  const Shown failed = shown(o, fixture.dir());
  CHECK(failed.out.find("\"failure_rate\":1.0") != std::string::npos);
  CHECK(failed.out.find("\"by\":{\"host\":") != std::string::npos);
}

TEST_CASE("stats: nothing fits, and no store") {
  const StoreFixture fixture;
  StatsOptions o;
  o.provider = "nobody";
  CHECK(shown(o, fixture.dir()).status == 1);
  CHECK(shown(o, fixture.dir()).out.empty());
  CHECK(shown(o, fixture.dir()).err == "llmrec: no record fits in " + fixture.dir() + "\n");
  o.json = true;  // a document even then
  CHECK(shown(o, fixture.dir()).out.starts_with("{\"schema\":1,"));
  CHECK(shown(o, fixture.temp.path).status == 3);
}
