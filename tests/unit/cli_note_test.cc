#include "cli/note.h"

#include <doctest/doctest.h>

#include "base/limits.h"
#include "cli_store.h"

using namespace llmrec;
using namespace llmrec::cli;

namespace {

struct Said {
  int status;
  std::string err;
};

Said add(const std::string& dir, const std::string& id, const record::Facts& facts) {
  Captured c;
  const int status = note({id, dir, facts}, entry_of, c.streams);
  CHECK(c.out.str().empty());
  return {status, c.err.str()};
}

record::Record stored(const StoreFixture& fixture, const std::string& name) {
  const auto from = store::Store::open_reader(fixture.dir());
  REQUIRE(from);
  const auto row = from->get(fixture.of(name).request_id);
  REQUIRE((row && row->has_value()));
  return *record::decode((*row)->blob);
}

}  // namespace

TEST_CASE("note: facts are added, and a known key gets the new value") {
  const StoreFixture fixture;
  CHECK(add(fixture.dir(), "provider-ok", {{"message_persisted", "true"}, {"user", "7"}}).status ==
        0);
  CHECK(add(fixture.dir(), "provider-ok", {{"user", "8"}}).status == 0);
  record::Record expected = fixture.of("ok");
  expected.notes = {{"message_persisted", "true"}, {"user", "8"}};
  CHECK(stored(fixture, "ok") == expected);
}

TEST_CASE("note: what cannot be done is said, and changes nothing") {
  const StoreFixture fixture;
  CHECK(add(fixture.dir(), "nothing", {{"a", "b"}}).status == 1);
  CHECK(add(fixture.dir(), "nothing", {{"a", "b"}}).err ==
        "llmrec: no record fits 'nothing' in " + fixture.dir() + "\n");
  const auto several = add(fixture.dir(), fixture.of("ok").client_request_id, {{"a", "b"}});
  CHECK(several.status == 1);
  CHECK(several.err.find("records: llmrec show lists them") != std::string::npos);
  const auto open = add(fixture.dir(), fixture.of("open").request_id.text(), {{"a", "b"}});
  CHECK(open.status == 1);
  CHECK(open.err.find("still runs") != std::string::npos);
  record::Facts many;
  for (std::size_t i = 0; i <= limits::kFactsMax; ++i) many.emplace_back(std::to_string(i), "");
  CHECK(add(fixture.dir(), "provider-ok", many).status == 1);
  CHECK(stored(fixture, "ok").notes.empty());
  CHECK(add(fixture.temp.path, "x", {{"a", "b"}}).status == 3);
}
