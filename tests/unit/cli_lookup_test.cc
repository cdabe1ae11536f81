#include "cli/lookup.h"

#include <doctest/doctest.h>

#include "cli_store.h"

using namespace llmrec;
using namespace llmrec::cli;

namespace {

std::vector<RecordId> found(const store::Store& from, const std::string& id) {
  const auto records = find_records(from, id);
  REQUIRE(records);
  std::vector<RecordId> out;
  for (const auto& r : *records) out.push_back(r.request_id);
  return out;
}

}  // namespace

TEST_CASE("records are found by whatever one has in hand") {
  const StoreFixture fixture;
  const auto from = store::Store::open_reader(fixture.dir());
  REQUIRE(from);
  const record::Record& cut = fixture.of("tool_call_cut");
  const std::vector<RecordId> only{cut.request_id};
  const std::string whole = cut.request_id.text();
  CHECK(found(*from, whole) == only);
  CHECK(found(*from, whole.substr(4)) == only);
  CHECK(found(*from, whole.substr(0, whole.size() - 3)) == only);
  CHECK(found(*from, "provider-tool_call_cut") == only);
  CHECK(found(*from, "response-tool_call_cut") == only);
  CHECK(found(*from, "call-tool_call_cut") == only);
  CHECK(found(*from, "last") == std::vector<RecordId>{fixture.records.back().request_id});
  CHECK(found(*from, "nothing like it").empty());
  CHECK(found(*from, "").empty());
  CHECK(found(*from, "provider-tool_call_cu").empty());
}

TEST_CASE("an id that several records share finds them all, newest first, the running one too") {
  const StoreFixture fixture;
  const auto from = store::Store::open_reader(fixture.dir());
  REQUIRE(from);
  std::vector<RecordId> expected;
  for (auto r = fixture.records.rbegin(); r != fixture.records.rend(); ++r) {
    if (!r->client_request_id.empty()) expected.push_back(r->request_id);
  }
  CHECK(found(*from, fixture.of("open").client_request_id) == expected);
  CHECK(found(*from, "req_0").size() == fixture.records.size());
  CHECK(found(*from, fixture.of("open").request_id.text()) ==
        std::vector<RecordId>{fixture.of("open").request_id});
}

TEST_CASE("ids compare whole") {
  record::Record r;
  CHECK_FALSE(has_id(r, ""));
  r.trace_id = "t";
  r.tool_calls.push_back({0, "call", "name", 0, false, false});
  CHECK(has_id(r, "t"));
  CHECK(has_id(r, "call"));
  CHECK_FALSE(has_id(r, "cal"));
}
