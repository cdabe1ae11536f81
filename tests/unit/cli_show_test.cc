#include "cli/show.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "cli_store.h"
#include "record/json.h"
#include "report/receipt.h"

using namespace llmrec;
using namespace llmrec::cli;

namespace {

struct Shown {
  int status;
  std::string out;
  std::string err;
};

Shown shown(const std::string& dir, const std::string& id, bool json = false) {
  Captured c;
  ShowOptions o;
  o.store = dir;
  o.id = id;
  o.json = json;
  o.view.utc = true;
  const int status = show(o, c.streams);
  return {status, c.out.str(), c.err.str()};
}

}  // namespace

TEST_CASE("show: the receipt, or one JSON document") {
  const StoreFixture fixture;
  const record::Record& cut = fixture.of("tool_call_cut");
  const Shown text = shown(fixture.dir(), "provider-tool_call_cut");
  CHECK(text.status == 0);
  CHECK(text.err.empty());
  CHECK(text.out == report::sample::plain_text(report::receipt(cut, {false, true, 80})));
  const Shown json = shown(fixture.dir(), cut.request_id.text(), true);
  CHECK(json.status == 0);
  CHECK(json.out == record::to_json(cut) + "\n");
}

TEST_CASE("show: nothing fits, several fit, no store") {
  const StoreFixture fixture;
  const Shown none = shown(fixture.dir(), "chatcmpl-none\x1b[31m");
  CHECK(none.status == 1);
  CHECK(none.out.empty());
  CHECK(none.err == "llmrec: no record fits 'chatcmpl-none?[31m' in " + fixture.dir() + "\n");
  const Shown several = shown(fixture.dir(), "req_0");
  CHECK(several.status == 1);
  CHECK(several.out.empty());
  CHECK(several.err.starts_with("llmrec: 'req_0' fits 16 records; the newest:\nTIME"));
  CHECK(std::count(several.err.begin(), several.err.end(), '\n') == 12);
  const Shown missing = shown(fixture.temp.path + "/elsewhere", "last");
  CHECK(missing.status == 3);
  CHECK(missing.out.empty());
  CHECK(std::count(missing.err.begin(), missing.err.end(), '\n') == 1);
}

TEST_CASE("show: an empty store") {
  const TempDir dir;
  store::WriterOptions options;
  options.dir = dir.path;
  REQUIRE(store::Store::open_writer(options));
  const Shown last = shown(dir.path, "last");
  CHECK(last.status == 1);
  CHECK(last.err == "llmrec: there are no records in " + dir.path + "\n");
}
