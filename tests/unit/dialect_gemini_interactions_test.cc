// Gemini's Interactions, document by document.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "dialect_reading.h"

using namespace llmrec;
using namespace llmrec::dialect;
using record::FinishClass;

namespace {

std::unique_ptr<Dialect> make() { return make_by_name("gemini.interactions", {}); }

std::string event(const std::string& type, const std::string& fields) {
  return R"({"event_type":")" + type + "\"," + fields + "}";
}
std::string start(int index, const std::string& fields) {
  return event("step.start", "\"index\":" + std::to_string(index) + ",\"step\":{" + fields + "}");
}
std::string delta(int index, const std::string& fields) {
  return event("step.delta", "\"index\":" + std::to_string(index) + ",\"delta\":{" + fields + "}");
}
std::string stop(int index) { return event("step.stop", "\"index\":" + std::to_string(index)); }
std::string completed(const std::string& status) {
  return event(
      "interaction.completed",
      R"("interaction":{"id":"v1_a","status":")" + status +
          R"(","usage":{"total_input_tokens":13,"total_output_tokens":7,"total_thought_tokens":20,)"
          R"("total_cached_tokens":4,"total_tool_use_tokens":2,"total_tokens":42}})");
}

}  // namespace

TEST_CASE("gemini.interactions: text, summaries of thoughts, and what is neither") {
  Reading r(make());
  const Delta& d = r.event(event(
      "interaction.created", R"("interaction":{"id":"v1_a","model":"m","status":"in_progress"})"));
  CHECK(d.response_id == "v1_a");
  CHECK(d.model == "m");
  CHECK(d.finishes.empty());
  CHECK(r.event(delta(0, R"("type":"text","text":"aé")")).text_chars == 2);
  CHECK(r.event(delta(0, R"("content":{"type":"text","text":"hmm"},"type":"thought_summary")"))
            .reasoning_chars == 3);
  CHECK(!r.event(delta(0, R"("type":"thought_signature","signature":"xx")")).content());
  CHECK(!r.event(delta(0, R"("type":"image","data":"AAAA")")).content());
}

TEST_CASE("gemini.interactions: a function call in a step") {
  Reading r(make());
  r.event(start(2, R"("type":"function_call","id":"c1","name":"f")"));
  REQUIRE(r.calls().size() == 1);
  CHECK(r.calls()[0].open());
  r.event(delta(2, R"("type":"arguments_delta","arguments":"{\"a\":")"));
  r.event(
      R"({"delta":{"arguments":"1}","type":"arguments_delta"},"index":2,"event_type":"step.delta"})");
  CHECK(r.calls()[0].arguments_whole());
  CHECK(r.calls()[0].arguments_bytes == 7);
  r.event(stop(2));
  r.event(start(3, R"("type":"code_execution_call","id":"s1")"));
  CHECK(!r.event(delta(3, R"("type":"arguments_delta","arguments":"{}")")).content());
  CHECK(r.calls().size() == 1);
}

TEST_CASE("gemini.interactions: the status is the finish, interaction.completed the end") {
  const struct {
    const char* status;
    FinishClass cls;
  } ends[] = {{"completed", FinishClass::stop},    {"requires_action", FinishClass::tool},
              {"incomplete", FinishClass::length}, {"budget_exceeded", FinishClass::length},
              {"cancelled", FinishClass::abort},   {"failed", FinishClass::error}};
  for (const auto& e : ends) {
    Reading r(make());
    const Delta& d = r.event(completed(e.status));
    CHECK(d.done);
    CHECK(d.usage_final);
    CHECK(d.usage == record::Usage{13, 7, 42, 4, {}, 20});
    REQUIRE(d.finishes.size() == 1);
    CHECK(d.finishes[0].reason == e.status);
    CHECK(d.finishes[0].cls == e.cls);
    CHECK(r.comparable(d.usage) == record::Usage{15, 27, 42, 4, {}, 20});
  }
  Reading r(make());
  const Delta& failed = r.event(event("interaction.status_update", R"("status":"failed")"));
  CHECK(failed.finishes.size() == 1);
  CHECK(!failed.done);
  CHECK(r.event(event("interaction.status_update", R"("status":"in_progress")")).finishes.empty());
  CHECK(r.dialect().done_sentinel());
}

TEST_CASE("gemini.interactions: whole answers, in both spellings") {
  for (const char* list : {"steps", "outputs"}) {
    Reading r(make());
    const std::string text =
        std::string(list) == "steps"
            ? R"("type":"model_output","content":[{"type":"text","text":"abc"}])"
            : R"("type":"text","text":"abc")";
    const Delta& d =
        r.answer(R"({"id":"v1_a","model":"m","status":"requires_action",")" + std::string(list) +
                 R"(":[{"type":"thought","summary":[{"type":"text","text":"hm"}]},{)" + text +
                 R"(},{"type":"google_search_call","id":"s","arguments":{}},)"
                 R"({"arguments":{"a":[1,2]},"type":"function_call","id":"c1","name":"f"}],)"
                 R"("usage":{"total_input_tokens":1,"total_output_tokens":2}})");
    CHECK(d.text_chars == 3);
    CHECK(d.reasoning_chars == 2);
    CHECK(d.usage_final);
    CHECK(!d.done);
    REQUIRE(r.calls().size() == 1);
    CHECK(r.calls()[0].arguments_bytes == 11);
    CHECK(r.calls()[0].arguments_whole());
  }
}

TEST_CASE("gemini.interactions: errors") {
  Reading r(make());
  const Delta& d =
      r.event(event("error", R"("error":{"code":"rate_limit_exceeded","message":"x"})"));
  REQUIRE(d.error);
  CHECK(d.error->code == "rate_limit_exceeded");
  CHECK(Reading(make()).event(event("error", R"("event_id":"1")")).error);
  CHECK(Reading(make()).error_body(R"({"error":{"code":"authentication"}})").error->code ==
        "authentication");
}

TEST_CASE("gemini.interactions: the request and its target") {
  const Asked a = asked_of(
      *make(),
      R"({"model":"m","stream":true,"system_instruction":"abc","generation_config":{"max_output_tokens":9},)"
      R"("tools":[{"type":"function"},{"type":"google_search"}],"input":[)"
      R"({"type":"user_input","content":[{"type":"text","text":"de"},{"type":"image","data":"AAAA"}]},)"
      R"({"type":"function_result","call_id":"c1","result":{"x":1}}]})");
  CHECK(a.model == "m");
  CHECK(a.stream == true);
  CHECK(a.max_output_tokens == 9);
  CHECK(a.message_count == 2);
  CHECK(a.tool_count == 2);
  CHECK(a.text_chars == 3 + 2 + 7);
  CHECK(a.attachment_bytes == 4);
  CHECK(a.tool_result_ids == std::vector<std::string>{"c1"});
  const Asked text = asked_of(*make(), R"({"agent":"deep","input":"abcd"})");
  CHECK(text.model == "deep");
  CHECK(text.message_count == 1);
  CHECK(text.text_chars == 4);
  CHECK(text.stream == false);

  const auto at = [](Bytes method, Bytes path, Bytes query) {
    return choose(
        {.method = method, .host = "h", .path = path, .query = query, .content_type = {}});
  };
  CHECK(at("POST", "/v1beta/interactions", "alt=sse")->name() == "gemini.interactions");
  const auto watched = at("GET", "/v1beta/interactions/v1_a", "stream=true");
  CHECK(watched->name() == "gemini.interactions");
  CHECK(asked_of(*watched, "").stream == true);
  CHECK(at("DELETE", "/v1beta/interactions/v1_a", "")->name() != "gemini.interactions");
  CHECK(at("POST", "/v1beta/interactions/v1_a:cancel", "")->name() != "gemini.interactions");
  CHECK(at("POST", "/interactions", "")->name() != "gemini.interactions");
}

TEST_CASE("gemini.interactions: no split changes a document, and a cut one says nothing") {
  check_splits(
      make,
      {start(0, R"("type":"function_call","id":"c1","name":"f")"),
       delta(0, R"("type":"arguments_delta","arguments":"{\"é\":\"\\\"")"),
       R"({"delta":{"arguments":"\"}","type":"arguments_delta"},"index":0,"event_type":"step.delta"})",
       stop(0), delta(1, R"("type":"text","text":"aé")"), completed("requires_action")});
}
