// What joins calls: which is another try of which, and which tool results were seen. Each call is
// on a connection of its own.
#include <doctest/doctest.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "rig.h"

using namespace llmrec;
using namespace llmrec::integration;
using record::ErrorType;
using record::Status;

namespace {

// A rejection, whose body waits for the test; all calls after it are answered well.
RigOptions rejecting_once(const Answer& rejection) {
  auto calls = std::make_shared<std::atomic<int>>(0);
  const Script fine = play(events(openai::text(words(3)).events));
  return answering([calls, fine, rejected = play(rejection)](const Request&) {
    return calls->fetch_add(1) == 0 ? rejected : fine;
  });
}

void check_retried(const std::vector<record::Record>& records) {
  REQUIRE(records.size() == 2);
  CHECK(records[0].error_type == ErrorType::rate_limit);
  CHECK(records[0].attempt == 1);
  CHECK(records[0].retry_of.empty());
  CHECK(records[1].status == Status::ok);
  CHECK(records[1].attempt == 2);
  CHECK(records[1].retry_of == records[0].request_id);
}

std::string with_results(int count) {
  openai::Ask ask;
  ask.tool_results = count;
  RawRequest request;
  request.headers = {{"Content-Type", "application/json"}};
  request.body = openai::request_json(ask);
  return render(request);
}

}  // namespace

TEST_CASE("integration joined: a call that is tried again") {
  Rig rig(rejecting_once(json(openai::error_json(429), 429)));
  for (const char* until : {"rate_limit", "[DONE]"}) {
    TlsClient client = rig.connect();
    REQUIRE(client.send(chat()));
    REQUIRE(client.read_until(until));
  }
  check_retried(rig.recorder().wait_for_records(2));
}

// SDKs that retry need no more than the head of the rejection.
TEST_CASE("integration joined: a call that is tried again before its answer is whole") {
  Answer rejection = json(openai::error_json(429), 429);
  rejection.before[0] = {WaitFor{"body"}};
  Rig rig(rejecting_once(rejection));
  TlsClient first = rig.connect();
  REQUIRE(first.send(chat()));
  REQUIRE(first.read_bytes(build(rejection).head_bytes));
  TlsClient second = rig.connect();
  REQUIRE(second.send(chat()));
  REQUIRE(second.read_until("[DONE]"));
  rig.provider().open_gate("body");
  REQUIRE(first.read_until("rate_limit"));
  check_retried(rig.recorder().wait_for_records(2));
}

TEST_CASE("integration joined: the same question again, which is no retry") {
  Rig rig(answering(play(events(openai::text(words(3)).events))));
  for (int i = 0; i < 2; ++i) {
    TlsClient client = rig.connect();
    REQUIRE(client.send(chat()));
    REQUIRE(client.read_until("[DONE]"));
  }
  for (const record::Record& r : rig.recorder().wait_for_records(2)) {
    CHECK(r.attempt == 1);
    CHECK(r.retry_of.empty());
  }
}

TEST_CASE("integration joined: the result of a tool call") {
  openai::Shape shape = words(3);
  shape.tools = 2;
  Rig rig(answering(play(events(openai::tools(shape).events))));
  for (const std::string& request : {chat(), with_results(1)}) {
    TlsClient client = rig.connect();
    REQUIRE(client.send(request));
    REQUIRE(client.read_until("[DONE]"));
  }
  rig.recorder().wait_for_records(2);
  rig.recorder().stop();
  const auto records = rig.recorder().records();
  REQUIRE(records.at(0).tool_calls.size() == 2);
  CHECK(records[0].tool_calls[0].execution_observed);
  CHECK(!records[0].tool_calls[1].execution_observed);
}
