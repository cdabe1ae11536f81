// Cohere's Chat API, version 2, event by event.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "dialect_reading.h"

using namespace llmrec;
using namespace llmrec::dialect;
using record::FinishClass;

namespace {

std::unique_ptr<Dialect> make() { return make_by_name("cohere.v2", {}); }

std::string message(const std::string& type, int index, const std::string& fields) {
  return R"({"type":")" + type + R"(","index":)" + std::to_string(index) +
         R"(,"delta":{"message":{)" + fields + "}}}";
}

}  // namespace

TEST_CASE("cohere.v2: what was asked") {
  const Asked asked = asked_of(
      *make(), R"({"model":"command","stream":true,"max_tokens":9,"tools":[{},{}],"messages":[)"
               R"({"content":"ab"},{"content":[{"text":"c"},{"image_url":{"url":"data:AA"}}]},)"
               R"({"role":"tool","tool_call_id":"t1","content":"d"}]})");
  CHECK(asked.model == "command");
  CHECK(asked.stream == true);
  CHECK(asked.max_output_tokens == 9);
  CHECK(asked.message_count == 3);
  CHECK(asked.tool_count == 2);
  CHECK(asked.text_chars == 4);
  CHECK(asked.attachment_bytes == 7);
  CHECK(asked.tool_result_ids == std::vector<std::string>{"t1"});
  CHECK(asked_of(*make(), "{}").stream == false);
}

TEST_CASE("cohere.v2: text and thinking; the plan counts as speaking") {
  Reading r(make());
  const Delta& start =
      r.event(R"({"id":"x-1","delta":{"message":{"role":"assistant","content":[],"tool_plan":"",)"
              R"("tool_calls":[],"citations":[]}},"type":"message-start"})");
  CHECK(start.response_id == "x-1");
  CHECK(!start.content());
  CHECK(r.event(message("content-delta", 0, R"("content":{"text":"aé"})")).text_chars == 2);
  CHECK(r.event(message("content-delta", 0, R"("content":{"thinking":"abc"})")).reasoning_chars ==
        3);
  const Delta& plan =
      r.event(R"({"type":"tool-plan-delta","delta":{"message":{"tool_plan":"I will"}}})");
  CHECK(plan.content());
  CHECK(plan.text_chars == 0);
  CHECK(r.calls().empty());
}

TEST_CASE("cohere.v2: tool calls, with arguments and without") {
  Reading r(make());
  CHECK(r.event(message("tool-call-start", 0,
                        R"("tool_calls":{"id":"t1","type":"function","function":{"name":"f",)"
                        R"("arguments":""}})"))
            .tool_piece);
  r.event(message("tool-call-delta", 0, R"("tool_calls":{"function":{"arguments":"{\"a\""}})"));
  r.event(R"({"delta":{"message":{"tool_calls":{"function":{"arguments":":1}"}}}},"index":0,)"
          R"("type":"tool-call-delta"})");
  CHECK(r.calls()[0].arguments_whole());
  r.event(message("tool-call-start", 1, R"("tool_calls":{"id":"t2","function":{"name":"g"}})"));
  CHECK(r.calls()[1].open());
  r.event(R"({"type":"tool-call-end","index":1})");
  CHECK(r.calls()[1].arguments_whole());
  CHECK(r.calls()[1].id == "t2");
}

TEST_CASE("cohere.v2: the end says all") {
  Reading r(make());
  const Delta& d = r.event(
      R"({"type":"message-end","delta":{"finish_reason":"COMPLETE","usage":{"billed_units":)"
      R"({"input_tokens":1,"output_tokens":2},"tokens":{"input_tokens":10,"output_tokens":20,)"
      R"("reasoning_tokens":5},"cached_tokens":8}}})");
  CHECK(d.done);
  CHECK(d.usage_final);
  CHECK(d.usage.input == 10);
  CHECK(d.usage.output == 20);
  CHECK(d.usage.reasoning == 5);
  CHECK(d.usage.cached_input == 8);
  CHECK(!d.error);
  CHECK(!make()->done_sentinel());
  CHECK(make()->comparable({}, d.usage).total == 30);
}

TEST_CASE("cohere.v2: an end in error is an error") {
  Reading r(make());
  const Delta& d =
      r.event(R"({"type":"message-end","delta":{"error":"text","finish_reason":"ERROR"}})");
  REQUIRE(d.error);
  CHECK(d.error->type == "ERROR");
  CHECK(d.finishes[0].cls == FinishClass::error);
  CHECK(r.event(R"({"type":"message-end","delta":{"finish_reason":"TIMEOUT"}})").error);
  CHECK(!r.event(R"({"type":"message-end","delta":{"finish_reason":"MAX_TOKENS"}})").error);
  CHECK(r.event(R"({"id":"e","message":"text"})").error);
}

TEST_CASE("cohere.v2: whole answers and refusals") {
  Reading r(make());
  const Delta& d = r.answer(
      R"({"id":"x","finish_reason":"TOOL_CALL","message":{"role":"assistant","tool_plan":"p",)"
      R"("content":[{"type":"thinking","thinking":"ab"},{"type":"text","text":"c"}],"tool_calls":[)"
      R"({"id":"a","type":"function","function":{"name":"f","arguments":"{}"}},)"
      R"({"id":"b","function":{"name":"g"}}]},"usage":{"tokens":{"input_tokens":1,"output_tokens":2}}})");
  CHECK(d.text_chars == 1);
  CHECK(d.reasoning_chars == 2);
  CHECK(!d.error);
  CHECK(!d.done);
  CHECK(d.usage_final);
  REQUIRE(r.calls().size() == 2);
  CHECK(r.calls()[1].arguments_whole());
  const Delta& refused =
      r.error_body(R"({"error_type":"TOO_MANY_TOKENS","id":"e","message":"text"})");
  CHECK(refused.error->type == "TOO_MANY_TOKENS");
  CHECK(refused.response_id.empty());
}

TEST_CASE("cohere.v2: no split changes what is said") {
  check_splits(
      +[] { return make(); },
      {message("content-delta", 0, R"("content":{"text":"a\u00e9"})"),
       message("tool-call-start", 0, R"("tool_calls":{"id":"t1","function":{"name":"f"}})"),
       message("tool-call-delta", 0, R"("tool_calls":{"function":{"arguments":"{\"a\":1}"}})"),
       R"({"type":"tool-call-end","index":0})",
       R"({"type":"message-end","delta":{"finish_reason":"ERROR","error":"e","usage":{"tokens":{)"
       R"("input_tokens":1,"output_tokens":2}}}})"});
}
