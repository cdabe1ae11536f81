// Cohere's /v1/chat, line by line.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "dialect_reading.h"

using namespace llmrec;
using namespace llmrec::dialect;
using record::FinishClass;

namespace {

std::unique_ptr<Dialect> make() { return make_by_name("cohere.v1", {}); }

std::string end(const std::string& reason, const std::string& response = "{}") {
  return R"({"is_finished":true,"event_type":"stream-end","response":)" + response +
         R"(,"finish_reason":")" + reason + R"("})";
}

}  // namespace

TEST_CASE("cohere.v1: claimed on Cohere's hosts only") {
  const auto name = [](Bytes host, Bytes path) {
    return choose({.method = "POST", .host = host, .path = path, .query = {}, .content_type = {}})
        ->name();
  };
  CHECK(name("api.cohere.com", "/v1/chat") == "cohere.v1");
  CHECK(name("api.cohere.ai", "/chat") == "cohere.v1");
  CHECK(name("api.cohere.ai", "/v1/generate") == "cohere.v1-generate");
  CHECK(name("api.example.com", "/v1/chat") == "unknown");
  CHECK(name("api.example.com", "/v2/chat") == "cohere.v2");
}

TEST_CASE("cohere.v1: what was asked") {
  const Asked asked =
      asked_of(*make(), R"({"message":"ab","chat_history":[{"message":"c"},{"message":"d"}],)"
                        R"("model":"command","stream":true,"max_tokens":7,"tools":[{}]})");
  CHECK(asked.message_count == 3);
  CHECK(asked.text_chars == 4);
  CHECK(asked.tool_count == 1);
  CHECK(asked.max_output_tokens == 7);
  CHECK(asked.stream == true);
  CHECK(make()->framing() == Framing::ndjson);
}

TEST_CASE("cohere.v1: text; the end repeats it and is not counted") {
  Reading r(make());
  CHECK(r.event(R"({"event_type":"stream-start","generation_id":"g-1"})").response_id == "g-1");
  CHECK(r.event(R"({"text":"aé","event_type":"text-generation","is_finished":false})").text_chars ==
        2);
  CHECK(!r.event(R"({"event_type":"citation-generation","citations":[{"text":"x"}]})").content());
  const Delta& d = r.event(
      end("COMPLETE", R"({"text":"aé","response_id":"r","generation_id":"g-1","finish_reason":)"
                      R"("COMPLETE","meta":{"tokens":{"input_tokens":69.0,"output_tokens":116},)"
                      R"("billed_units":{"input_tokens":7,"output_tokens":115}}})"));
  CHECK(d.text_chars == 0);
  CHECK(d.done);
  REQUIRE(d.finishes.size() == 1);
  CHECK(d.finishes[0].reason == "COMPLETE");
  CHECK(d.usage.input == 69);
  CHECK(d.usage.output == 116);
  CHECK(d.usage_final);
}

TEST_CASE("cohere.v1: a plan before tools is no text") {
  Reading r(make());
  const Delta& d = r.event(R"({"text":"I will","event_type":"tool-calls-chunk"})");
  CHECK(d.text_chars == 0);
  CHECK(d.content());
}

TEST_CASE("cohere.v1: tool calls in chunks, then repeated whole") {
  Reading r(make());
  r.event(R"({"event_type":"tool-calls-chunk","tool_call_delta":{"index":0,"name":"f"}})");
  r.event(
      R"({"event_type":"tool-calls-chunk","tool_call_delta":{"parameters":"{\"a\"","index":0}})");
  CHECK(r.calls()[0].open());
  r.event(R"({"event_type":"tool-calls-chunk","tool_call_delta":{"index":0,"parameters":":1}"}})");
  r.event(R"({"event_type":"tool-calls-chunk","tool_call_delta":{"index":1,"name":"f"}})");
  r.event(R"({"tool_calls":[{"name":"f","parameters":{"a":1}},{"name":"f","parameters":{}}],)"
          R"("event_type":"tool-calls-generation"})");
  REQUIRE(r.calls().size() == 2);
  CHECK(r.calls()[0].arguments_bytes == 7);
  CHECK(r.calls()[1].arguments_whole());
}

TEST_CASE("cohere.v1: tool calls that only come whole") {
  Reading r(make());
  CHECK(r.event(R"({"event_type":"tool-calls-generation","tool_calls":[{"name":"f","parameters":)"
                R"({"a":[1,"b"]}},{"parameters":{},"name":"g"}]})")
            .tool_piece);
  REQUIRE(r.calls().size() == 2);
  CHECK(r.calls()[0].arguments_bytes == Bytes(R"({"a":[1,"b"]})").size());
  CHECK(r.calls()[1].name == "g");
  CHECK(r.calls()[1].arguments_whole());
}

TEST_CASE("cohere.v1: ends that are none of the good ones") {
  Reading r(make());
  const Delta error = r.event(end("ERROR"));
  CHECK(error.error);
  CHECK(error.finishes[0].cls == FinishClass::error);
  CHECK(r.event(end("USER_CANCEL")).finishes[0].cls == FinishClass::abort);
  CHECK(finish_class("ERROR_TOXIC") == FinishClass::filter);
  CHECK(finish_class("ERROR_LIMIT") == FinishClass::length);
  CHECK(!r.event(end("ERROR_LIMIT")).error);
  CHECK(r.event(R"({"message":"text"})").error);
  CHECK(r.event(R"({"is_finished":true,"event_type":"stream-end","response":{"finish_reason":)"
                R"("MAX_TOKENS"}})")
            .finishes[0]
            .reason == "MAX_TOKENS");
}

TEST_CASE("cohere.v1: a whole answer") {
  Reading r(make());
  const Delta& d = r.answer(
      R"({"response_id":"r","text":"abc","generation_id":"g","finish_reason":"COMPLETE",)"
      R"("tool_calls":[{"name":"f","parameters":{"a":1}}],"meta":{"tokens":{"input_tokens":1,)"
      R"("output_tokens":2}}})");
  CHECK(d.text_chars == 3);
  CHECK(d.response_id == "g");
  CHECK(d.finishes.size() == 1);
  CHECK(!d.done);
  CHECK(d.usage_final);
  CHECK(r.calls().size() == 1);
  CHECK(r.error_body(R"({"message":"m"})").error);
}

TEST_CASE("cohere.v1: no split changes what is said") {
  check_splits(
      +[] { return make(); },
      {R"({"event_type":"stream-start","generation_id":"g-1"})",
       R"({"text":"a\u00e9","event_type":"text-generation"})",
       R"({"event_type":"tool-calls-chunk","tool_call_delta":{"index":0,"name":"f"}})",
       R"({"event_type":"tool-calls-chunk","tool_call_delta":{"index":0,"parameters":"{}"}})",
       R"({"event_type":"tool-calls-generation","tool_calls":[{"name":"f","parameters":{"a":1}}]})",
       end("COMPLETE", R"({"meta":{"tokens":{"input_tokens":6.5,"output_tokens":2}}})")});
}
