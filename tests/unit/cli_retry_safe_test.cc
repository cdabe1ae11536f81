#include "cli/retry_safe.h"

#include <doctest/doctest.h>

#include "cli_store.h"

using namespace llmrec;
using namespace llmrec::cli;

namespace {

struct Answer {
  int status;
  std::string line;
};

Answer ask(const std::string& dir, const std::string& id) {
  Captured c;
  const int status = retry_safe({id, dir}, c.streams);
  return {status, c.out.str()};
}

}  // namespace

TEST_CASE("retry-safe: one line why, and the exit status") {
  const StoreFixture fixture;
  const auto of = [&](const std::string& name) {
    return ask(fixture.dir(), fixture.of(name).request_id.text());
  };
  CHECK(of("before_token").status == 0);
  CHECK(of("before_token").line == "safe: nothing of an answer had reached the client\n");
  CHECK(of("rejected").status == 0);
  CHECK(of("tool_call_cut").status == 1);
  CHECK(of("tool_call_cut").line ==
        "unsafe: it would duplicate output: 37 chunks, 1,842 characters had reached the client; "
        "safe where the client discards them\n");
  CHECK(of("executed_incomplete").status == 1);
  CHECK(of("executed_incomplete").line ==
        "unsafe: a complete tool call (look_up_customer) had reached the client and may have "
        "run\n");
  CHECK(of("open").status == 2);
  CHECK(of("open").line == "unknown: the call still runs\n");
  CHECK(of("blind").status == 2);
  CHECK(of("blind").line == "unknown: the recorder could not read all of the answer\n");
  CHECK(of("stopped").status == 2);
}

TEST_CASE("retry-safe: any id will do, none or several are unknown") {
  const StoreFixture fixture;
  CHECK(ask(fixture.dir(), "provider-rejected").status == 0);
  const Answer none = ask(fixture.dir(), "nothing\x1b");
  CHECK(none.status == 2);
  CHECK(none.line == "unknown: no record fits 'nothing?' in " + fixture.dir() + "\n");
  CHECK(ask(fixture.dir(), fixture.of("ok").client_request_id).status == 2);
  CHECK(ask(fixture.temp.path, "x").status == 3);
}
