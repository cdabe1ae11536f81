// Ollama's /api/chat, line by line.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "dialect_reading.h"

using namespace llmrec;
using namespace llmrec::dialect;
using record::FinishClass;

namespace {

std::unique_ptr<Dialect> make() { return make_by_name("ollama.chat", {}); }

std::string say(const std::string& fields) {
  return R"({"model":"m:1b","created_at":"t","message":{"role":"assistant",)" + fields +
         R"(},"done":false})";
}

}  // namespace

TEST_CASE("ollama.chat: streams unless told not to") {
  CHECK(asked_of(*make(), "").stream == true);
  CHECK(asked_of(*make(), "{}").stream == true);
  CHECK(asked_of(*make(), R"({"stream":false})").stream == false);
  const Asked asked =
      asked_of(*make(), R"({"model":"m:1b","messages":[{"content":"ab","images":["AAAA","BB"]},)"
                        R"({"role":"tool","tool_call_id":"c1","content":"c"}],"tools":[{}],)"
                        R"("options":{"num_predict":5,"temperature":0.5}})");
  CHECK(asked.model == "m:1b");
  CHECK(asked.message_count == 2);
  CHECK(asked.tool_count == 1);
  CHECK(asked.max_output_tokens == 5);
  CHECK(asked.text_chars == 3);
  CHECK(asked.attachment_bytes == 6);
  CHECK(asked.tool_result_ids == std::vector<std::string>{"c1"});
}

TEST_CASE("ollama.chat: text and thinking") {
  Reading r(make());
  const Delta& d = r.event(say(R"("content":"aé")"));
  CHECK(d.text_chars == 2);
  CHECK(d.model == "m:1b");
  CHECK(!d.done);
  CHECK(r.event(say(R"("content":"","thinking":"abc")")).reasoning_chars == 3);
}

TEST_CASE("ollama.chat: the end") {
  Reading r(make());
  const Delta& d =
      r.event(R"({"model":"m","message":{"content":""},"done":true,"done_reason":"length",)"
              R"("prompt_eval_count":3,"eval_count":4,"eval_duration":5})");
  CHECK(d.done);
  CHECK(d.finishes[0].reason == "length");
  CHECK(d.usage.input == 3);
  CHECK(d.usage.output == 4);
  CHECK(d.usage_final);
  CHECK(make()->comparable({}, d.usage).total == 7);
  Reading old(make());
  const Delta& no_reason = old.event(R"({"message":{"content":""},"done":true,"eval_count":4})");
  CHECK(no_reason.finish_signal);
  CHECK(no_reason.done);
  CHECK(!no_reason.usage.input);
  Reading load(make());
  CHECK(finish_class(load.event(R"({"done":true,"done_reason":"load"})").finishes[0].reason) ==
        FinishClass::stop);
}

TEST_CASE("ollama.chat: every tool call is another one, whole with its line") {
  Reading r(make());
  for (int i = 0; i < 2; ++i) {
    CHECK(r.event(say(R"("content":"","tool_calls":[{"function":{"index":0,"name":"f","arguments":)"
                      R"({"a":{"b":[1,2]}}}}])"))
              .tool_piece);
  }
  r.event(say(R"("tool_calls":[{"function":{"arguments":{},"name":"g"},"id":"c1"},)"
              R"({"function":{"name":"h","arguments":"{\"a\":1}"}}])"));
  REQUIRE(r.calls().size() == 4);
  for (std::uint32_t i = 0; i < 4; ++i) {
    CHECK(r.calls()[i].index == i);
    CHECK(r.calls()[i].arguments_whole());
  }
  CHECK(r.calls()[0].arguments_bytes == Bytes(R"({"a":{"b":[1,2]}})").size());
  CHECK(r.calls()[2].id == "c1");
  CHECK(r.calls()[3].arguments_bytes == 7);
  const Delta& d = r.event(R"({"done":true,"done_reason":"stop"})");
  CHECK(d.finishes[0].reason == "stop");
  CHECK(d.finishes[0].cls == FinishClass::tool);
  Reading none(make());
  CHECK(none.event(R"({"done":true,"done_reason":"stop"})").finishes[0].cls == FinishClass::none);
}

TEST_CASE("ollama.chat: errors") {
  Reading r(make());
  CHECK(r.event(R"({"error":"text"})").error);
  CHECK(r.error_body(R"({"error":"model not found"})").error);
  const Delta& object = r.event(R"({"error":{"type":"api_error","code":"x","message":"m"}})");
  CHECK(object.error->type == "api_error");
  CHECK(object.error->code == "x");
  CHECK(r.error_body("{}").error);
  CHECK(!r.event(say(R"("content":"error")")).error);
}

TEST_CASE("ollama.chat: a whole answer") {
  Reading r(make());
  const Delta& d = r.answer(
      R"({"model":"m","message":{"content":"ab","thinking":"c","tool_calls":[{"function":{"name":)"
      R"("f","arguments":{"a":null}}}]},"done":true,"done_reason":"stop","eval_count":4})");
  CHECK(d.text_chars == 2);
  CHECK(d.reasoning_chars == 1);
  CHECK(!d.done);
  CHECK(d.finishes[0].cls == FinishClass::tool);
  CHECK(r.calls()[0].arguments_bytes == 10);
}

TEST_CASE("ollama.chat: no split changes what is said") {
  check_splits(+[] { return make(); },
               {say(R"("content":"a\u00e9")"), say(R"("thinking":"abc")"),
                say(R"("tool_calls":[{"function":{"name":"f","arguments":{"a":[1.5,"x",true]}}}])"),
                R"({"done":true,"done_reason":"stop","prompt_eval_count":3,"eval_count":4})",
                R"({"error":"text"})"});
}
