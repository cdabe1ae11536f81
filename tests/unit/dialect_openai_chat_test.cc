// Chat Completions, document by document: what OpenAI sends and what its copies do differently.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/limits.h"
#include "dialect/dialect.h"

using namespace llmrec;
using namespace llmrec::dialect;

namespace {

class Chat {
 public:
  const Delta& event(const std::string& json) { return document(json, DocumentKind::event); }
  const Delta& answer(const std::string& json) { return document(json, DocumentKind::answer); }
  const Delta& error_body(const std::string& json) {
    return document(json, DocumentKind::error_body);
  }
  const std::vector<ToolCallState>& calls() const { return dialect_->tools().calls(); }
  Dialect& dialect() { return *dialect_; }

 private:
  const Delta& document(const std::string& json, DocumentKind kind) {
    dialect_->begin_document(kind);
    reader_.reset();
    reader_.feed(json);
    REQUIRE_MESSAGE(reader_.finish() == wire::JsonState::done, json);
    return dialect_->end_document({});
  }

  std::unique_ptr<Dialect> dialect_ = make_by_name("openai.chat", {});
  wire::JsonReader reader_{dialect_->answer_paths(), *dialect_};
};

Asked asked(const std::string& json) {
  const auto dialect = make_by_name("openai.chat", {});
  Asked a;
  const auto sink = dialect->request_sink(a);
  wire::JsonReader reader(dialect->request_paths(), *sink);
  reader.feed(json);
  REQUIRE(reader.finish() == wire::JsonState::done);
  return a;
}

std::string delta(const std::string& fields) {
  return R"({"choices":[{"index":0,"delta":{)" + fields + "}}]}";
}

}  // namespace

TEST_CASE("openai.chat: the first chunk says who speaks and no more") {
  Chat chat;
  const Delta& d = chat.event(
      R"({"id":"chatcmpl-1","object":"chat.completion.chunk","model":"gpt-x","choices":[{"index":0,)"
      R"("delta":{"role":"assistant","content":""},"finish_reason":null}],"usage":null})");
  CHECK(!d.content());
  CHECK(d.response_id == "chatcmpl-1");
  CHECK(d.model == "gpt-x");
  CHECK(d.choices == std::vector<std::uint32_t>{0});
  CHECK(d.finishes.empty());
  CHECK(!d.usage_final);
  CHECK(!d.error);
}

TEST_CASE("openai.chat: text is counted in code points") {
  Chat chat;
  CHECK(chat.event(delta(R"("content":"aé\ud83d\ude00")")).text_chars == 3);
  CHECK(chat.event(delta(R"("content":null)")).text_chars == 0);
  CHECK(chat.event(delta(R"("refusal":"no")")).refusal_chars == 2);
  CHECK(
      chat.event(R"({"choices":[{"delta":{"content":"a"}}],"obfuscation":"xxxxxx"})").text_chars ==
      1);
}

TEST_CASE("openai.chat: reasoning by its several names, counted once") {
  Chat chat;
  CHECK(chat.event(delta(R"("reasoning":"abc")")).reasoning_chars == 3);
  CHECK(chat.event(delta(R"("reasoning_content":"abcd")")).reasoning_chars == 4);
  CHECK(chat.event(delta(R"("reasoning":"abc","reasoning_content":"abc")")).reasoning_chars == 3);
  const Delta& parts = chat.event(
      delta(R"("content":[{"type":"thinking","thinking":[{"type":"text","text":"hmm"}]},)"
            R"({"type":"text","text":"hi"}])"));
  CHECK(parts.reasoning_chars == 3);
  CHECK(parts.text_chars == 2);
}

TEST_CASE("openai.chat: what repeats the whole text so far is not a delta") {
  Chat chat;  // Perplexity
  const Delta& d = chat.event(
      R"({"choices":[{"delta":{"content":"c"},"message":{"content":"abc","tool_calls":[{"id":"x"}]}}]})");
  CHECK(d.text_chars == 1);
  CHECK(chat.calls().empty());
}

TEST_CASE("openai.chat: a tool call in pieces") {
  Chat chat;
  CHECK(chat.event(delta(R"("tool_calls":[{"index":0,"id":"call_1","type":"function",)"
                         R"("function":{"name":"f","arguments":""}}])"))
            .tool_piece);
  REQUIRE(chat.calls().size() == 1);
  CHECK(chat.calls()[0].open());
  chat.event(delta(R"("tool_calls":[{"index":0,"function":{"arguments":"{\"a\""}}])"));
  chat.event(delta(R"("tool_calls":[{"function":{"arguments":":1}"},"index":0}])"));
  CHECK(chat.calls()[0].arguments_whole());
  CHECK(chat.calls()[0].arguments_bytes == 7);
  chat.event(delta(
      R"("tool_calls":[{"index":1,"id":"call_2","function":{"name":"g","arguments":"{}"}}])"));
  REQUIRE(chat.calls().size() == 2);
  CHECK(chat.calls()[1].name == "g");
}

TEST_CASE("openai.chat: several calls in one chunk") {
  Chat chat;
  chat.event(delta(R"("tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}},)"
                   R"({"index":1,"id":"b","function":{"name":"g","arguments":"[]"}}])"));
  REQUIRE(chat.calls().size() == 2);
  CHECK(!chat.dialect().tools().any_open());
}

TEST_CASE("openai.chat: the choice's index may come last") {
  Chat chat;
  const Delta& d = chat.event(
      R"({"choices":[{"finish_reason":"stop","delta":{"content":"x","tool_calls":[{"index":0,)"
      R"("id":"a","function":{"name":"f","arguments":"{}"}}]},"index":3}]})");
  REQUIRE(d.finishes.size() == 1);
  CHECK(d.finishes[0].choice == 3);
  CHECK(d.choices == std::vector<std::uint32_t>{3});
  CHECK(chat.calls()[0].choice == 3);
}

TEST_CASE("openai.chat: a choice beyond all limits is not followed") {
  Chat chat;
  const Delta& d = chat.event(R"({"choices":[{"index":4000000000,"delta":{"content":"x"}},)"
                              R"({"index":-1,"delta":{}}]})");
  CHECK(d.text_chars == 1);
  CHECK(d.choices == std::vector<std::uint32_t>{0, 1});
}

TEST_CASE("openai.chat: custom tools and the old function_call") {
  Chat chat;
  chat.event(delta(
      R"("tool_calls":[{"index":0,"id":"a","type":"custom","custom":{"name":"sh","input":"ls"}}])"));
  REQUIRE(chat.calls().size() == 1);
  CHECK(chat.calls()[0].free_text);
  CHECK(chat.calls()[0].open());
  chat.dialect().end_tool_calls();
  CHECK(chat.calls()[0].arguments_whole());
  Chat old;
  CHECK(old.event(delta(R"("function_call":{"name":"f","arguments":""})")).tool_piece);
  old.event(delta(R"("function_call":{"arguments":"{}"})"));
  REQUIRE(old.calls().size() == 1);
  CHECK(old.calls()[0].name == "f");
  CHECK(old.calls()[0].arguments_whole());
}

TEST_CASE("openai.chat: finish reasons, per choice, as sent") {
  Chat chat;
  const Delta& d = chat.event(R"({"choices":[{"index":0,"delta":{},"finish_reason":"stop"},)"
                              R"({"index":1,"delta":{},"finish_reason":"Brand_New"},)"
                              R"({"index":2,"delta":{},"finish_reason":null},)"
                              R"({"index":3,"delta":{},"finish_reason":""}]})");
  REQUIRE(d.finishes.size() == 2);
  CHECK(d.finishes[1].choice == 1);
  CHECK(d.finishes[1].reason == "Brand_New");
  CHECK(d.choices.size() == 4);
}

TEST_CASE("openai.chat: usage in its places") {
  const std::string numbers =
      R"({"prompt_tokens":9,"completion_tokens":5,"total_tokens":14,)"
      R"("prompt_tokens_details":{"cached_tokens":3,"cache_write_tokens":1},)"
      R"("completion_tokens_details":{"reasoning_tokens":2}})";
  Chat openai;
  CHECK(!openai.event(delta(R"("content":"x")")).usage_final);
  const Delta& d = openai.event(R"({"choices":[],"usage":)" + numbers + "}");
  CHECK(d.usage_final);
  CHECK(d.usage.input == 9);
  CHECK(d.usage.output == 5);
  CHECK(d.usage.total == 14);
  CHECK(d.usage.cached_input == 3);
  CHECK(d.usage.cache_write == 1);
  CHECK(d.usage.reasoning == 2);

  Chat perplexity;  // running totals in every chunk
  CHECK(!perplexity.event(R"({"choices":[{"delta":{}}],"usage":)" + numbers + "}").usage_final);
  CHECK(perplexity.event(R"({"choices":[{"finish_reason":"stop"}],"usage":)" + numbers + "}")
            .usage_final);
  Chat openrouter;  // on a chunk of its own behind the finish, with choices
  openrouter.event(R"({"choices":[{"finish_reason":"stop"}]})");
  CHECK(openrouter.event(R"({"choices":[{"delta":{}}],"usage":)" + numbers + "}").usage_final);
  Chat groq;
  const Delta& x =
      groq.event(R"({"choices":[{"finish_reason":"stop"}],"x_groq":{"usage":{"prompt_tokens":1,)"
                 R"("completion_tokens":2,"total_tokens":3}}})");
  CHECK(x.usage_final);
  CHECK(x.usage.total == 3);
  Chat moonshot;
  CHECK(moonshot
            .event(R"({"choices":[{"finish_reason":"stop","usage":{"prompt_tokens":1,)"
                   R"("completion_tokens":2}}]})")
            .usage.output == 2);
  Chat deepseek;
  CHECK(deepseek
            .event(R"({"choices":[],"usage":{"prompt_cache_hit_tokens":4,"completion_tokens":1}})")
            .usage.cached_input == 4);
  Chat both;
  CHECK(both.event(R"({"choices":[],"usage":{"prompt_cache_hit_tokens":4,)"
                   R"("prompt_tokens_details":{"cached_tokens":5}}})")
            .usage.cached_input == 5);
  Chat null;
  CHECK(!null.event(R"({"choices":[],"usage":null})").usage_final);
}

TEST_CASE("openai.chat: a plain answer") {
  Chat chat;
  const Delta& d = chat.answer(
      R"({"id":"x","choices":[{"index":0,"message":{"content":"hello","refusal":null,"tool_calls":[)"
      R"({"id":"a","type":"function","function":{"name":"f","arguments":"{}"}},)"
      R"({"id":"b","type":"custom","custom":{"name":"g","input":"free"}}]},)"
      R"("finish_reason":"tool_calls"}],"usage":{"prompt_tokens":1,"completion_tokens":2}})");
  CHECK(d.text_chars == 5);
  CHECK(d.finishes.size() == 1);
  CHECK(d.usage_final);
  REQUIRE(chat.calls().size() == 2);
  CHECK(chat.calls()[0].arguments_whole());
  CHECK(chat.calls()[1].index == 1);
  Chat old;
  old.answer(R"({"choices":[{"message":{"function_call":{"name":"f","arguments":"{}"}}}]})");
  CHECK(old.calls().size() == 1);
  Chat mistral;
  const Delta& m = mistral.answer(
      R"({"choices":[{"message":{"content":[{"type":"thinking","thinking":[{"text":"ab"}]},)"
      R"({"type":"text","text":"c"}],"reasoning_content":null}}]})");
  CHECK(m.reasoning_chars == 2);
  CHECK(m.text_chars == 1);
  Chat no_finish;
  CHECK(no_finish.answer(R"({"choices":[{"message":{}}],"usage":{"completion_tokens":2}})")
            .usage_final);
}

TEST_CASE("openai.chat: errors in all their shapes") {
  struct Row {
    std::string json;
    std::string type;
    std::string code;
    std::int64_t status = 0;
  };
  const Row rows[] = {
      {R"({"error":{"message":"m","type":"server_error","param":null,"code":"c"}})", "server_error",
       "c"},
      {R"({"error":{"type":"server_error","code":null}})", "server_error", ""},
      {R"({"error":{"code":429,"message":"m"}})", "", "429", 429},
      {R"({"choices":[{"delta":{},"error":{"code":502}}]})", "", "502", 502},
      {R"({"error":{"type":"invalid_request_error","code":"tool_use_failed","status_code":400}})",
       "invalid_request_error", "tool_use_failed", 400},
      {R"({"error":{"message":"m","http_status_code":422}})", "", "", 422},
      {R"({"error":"text"})", "", ""},
      {R"({"error":"text","error_type":"overloaded"})", "overloaded", ""},
      {R"({"error_type":"overloaded","error":"text"})", "overloaded", ""},
      {R"({"code":"invalid-argument","error":"text"})", "", "invalid-argument"},
      {R"({"object":"error","message":"m","type":"T","code":40001})", "T", "40001"},
      {R"({"error":{"code":503,"status":"UNAVAILABLE"}})", "UNAVAILABLE", "503", 503},
      {R"([{"error":{"code":400,"status":"INVALID_ARGUMENT"}}])", "INVALID_ARGUMENT", "400", 400},
      {R"({"error":{}})", "", ""},
  };
  for (const Row& row : rows) {
    INFO(row.json);
    Chat chat;
    const Delta& d = chat.event(row.json);
    REQUIRE(d.error);
    CHECK(d.error->type == row.type);
    CHECK(d.error->code == row.code);
    CHECK(d.error->status == row.status);
  }
}

TEST_CASE("openai.chat: what is no error") {
  for (const std::string json :
       {R"({"error":null})", R"({"error":""})", R"({"choices":[],"type":"x","code":"y"})",
        R"({"object":"error.log","choices":[]})", "{}", "[]", "\"error\""}) {
    Chat chat;
    CHECK_MESSAGE(!chat.event(json).error, json);
  }
  Chat chat;  // but the body of a rejection is one whatever it says
  CHECK(chat.error_body(R"({"detail":"Unauthorized"})").error);
  CHECK(chat.error_body(R"({"message":"m","type":"T"})").error->type == "T");
  CHECK(!chat.event("{}").error);  // and nothing of it stays
}

TEST_CASE("openai.chat: an error does not hide what came with it") {
  Chat chat;  // OpenRouter
  const Delta& d =
      chat.event(R"({"id":"gen-1","choices":[{"delta":{"content":"x"},"finish_reason":"error"}],)"
                 R"("error":{"code":502,"message":"m"}})");
  CHECK(d.error);
  CHECK(d.text_chars == 1);
  CHECK(d.finishes.size() == 1);
}

TEST_CASE("openai.chat: a document that was cut leaves nothing behind") {
  Chat chat;
  Dialect& dialect = chat.dialect();
  wire::JsonReader reader(dialect.answer_paths(), dialect);
  dialect.begin_document(DocumentKind::event);
  reader.feed(R"({"id":"cut","error":{"type":"t"},"choices":[{"finish_reason":"st)");
  const Delta& d = chat.event(delta(R"("content":"a","tool_calls":[])"));
  CHECK(d.response_id.empty());
  CHECK(!d.error);
  CHECK(d.finishes.empty());
  CHECK(chat.event(R"({"choices":[{"finish_reason":"stop"}]})").finishes[0].reason == "stop");
}

TEST_CASE("openai.chat: what was asked") {
  const Asked a = asked(
      R"({"messages":[{"role":"system","content":"abc"},{"role":"user","content":[{"type":"text",)"
      R"("text":"de"},{"type":"image_url","image_url":{"url":"data:xyz"}},{"type":"input_audio",)"
      R"("input_audio":{"data":"QUJD"}},{"type":"file","file":{"file_data":"Q"}}]},)"
      R"({"role":"assistant","tool_calls":[{"function":{"arguments":"{}"}}]},)"
      R"({"role":"tool","tool_call_id":"call_1","content":"f"}],"tools":[{},{}],"model":"gpt-x",)"
      R"("max_completion_tokens":7,"max_tokens":5,"stream":true,)"
      R"("stream_options":{"include_usage":true}})");
  CHECK(a.model == "gpt-x");
  CHECK(a.stream == true);
  CHECK(a.usage_requested == true);
  CHECK(a.message_count == 4);
  CHECK(a.tool_count == 2);
  CHECK(a.max_output_tokens == 7);
  CHECK(a.text_chars == 8);
  CHECK(a.attachment_bytes == 13);
  CHECK(a.tool_result_ids == std::vector<std::string>{"call_1"});
  CHECK(asked(R"({"max_completion_tokens":7,"max_tokens":5})").max_output_tokens == 7);
  CHECK(asked(R"({"max_tokens":5})").max_output_tokens == 5);
  const Asked nothing = asked("{}");
  CHECK(nothing.stream == false);
  CHECK(nothing.usage_requested == false);
  CHECK(nothing.tool_count == 0);
  CHECK(!nothing.message_count);
  CHECK(!nothing.max_output_tokens);
}

TEST_CASE("openai.chat: more tool results than are kept") {
  std::string json = R"({"messages":[)";
  for (std::size_t i = 0; i < limits::kToolResultIdsMax + 10; ++i) {
    if (i != 0) json += ',';
    json += R"({"role":"tool","tool_call_id":"call_)" + std::to_string(i) + R"("})";
  }
  const Asked a = asked(json + "]}");
  CHECK(a.tool_result_ids.size() == limits::kToolResultIdsMax);
  CHECK(a.message_count == static_cast<std::int64_t>(limits::kToolResultIdsMax + 10));
}

TEST_CASE("openai.chat: usage made comparable") {
  const auto chat = make_by_name("openai.chat", {});
  record::Usage reported;
  reported.input = 10;
  reported.output = 4;
  reported.reasoning = 6;
  reported.cached_input = 12;
  const record::Usage openai = chat->comparable(provider_by_host("api.openai.com"), reported);
  CHECK(openai.output == 4);
  CHECK(openai.cached_input == 10);  // more than there was cannot be
  CHECK(chat->comparable(provider_by_host("api.x.ai"), reported).output == 10);
  reported.reasoning.reset();
  CHECK(chat->comparable(provider_by_host("api.x.ai"), reported).output == 4);
}

TEST_CASE("openai.chat: where the reason's word alone would mislead") {
  using record::FinishClass;
  const auto cls = [](const std::string& choice) {
    Chat chat;
    return chat.event(R"({"choices":[)" + choice + "]}").finishes.at(0).cls;
  };
  const std::string call =
      R"("delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":""}}]})";
  CHECK(cls(R"({"delta":{},"finish_reason":"stop"})") == FinishClass::none);
  CHECK(cls(R"({"finish_reason":"stop",)" + call + "}") == FinishClass::tool);
  CHECK(cls(R"({"finish_reason":"length",)" + call + "}") == FinishClass::none);
  // OpenRouter
  for (const char* native : {"length", "max_tokens", "MAX_TOKENS", "max_output_tokens"}) {
    CHECK(cls(std::string(R"({"finish_reason":"tool_calls","native_finish_reason":")") + native +
              "\"," + call + "}") == FinishClass::length);
    CHECK(cls(std::string(R"({"native_finish_reason":")") + native +
              R"(","finish_reason":"stop"})") == FinishClass::length);
  }
  CHECK(cls(R"({"finish_reason":"stop","native_finish_reason":"end_turn"})") == FinishClass::none);
  CHECK(cls(R"({"finish_reason":"error","native_finish_reason":"length"})") == FinishClass::none);

  Chat later;  // the call came before, and another choice called none
  later.event(R"({"choices":[{"index":1,)" + call + "}]}");
  CHECK(later.event(R"({"choices":[{"index":1,"finish_reason":"stop"}]})").finishes[0].cls ==
        FinishClass::tool);
  CHECK(later.event(R"({"choices":[{"index":0,"finish_reason":"stop"}]})").finishes[0].cls ==
        FinishClass::none);
  Chat whole;
  CHECK(whole
            .answer(R"({"choices":[{"finish_reason":"stop","message":{"tool_calls":[{"id":"a",)"
                    R"("function":{"name":"f","arguments":"{}"}}]}}]})")
            .finishes[0]
            .cls == FinishClass::tool);
}

TEST_CASE("openai.chat: Together repeats the text beside the delta") {
  Chat chat;
  CHECK(chat.event(R"({"choices":[{"text":"abc","delta":{"content":"abc","token_id":5}}]})")
            .text_chars == 3);
}

TEST_CASE("openai.chat: arguments given as an object are whole") {
  Chat chat;
  chat.event(delta(
      R"("tool_calls":[{"id":"a","function":{"name":"f","arguments":{"city":"x","n":[1]}}}])"));
  REQUIRE(chat.calls().size() == 1);
  CHECK(chat.calls()[0].arguments_whole());
  CHECK(chat.calls()[0].name == "f");
}

TEST_CASE("openai.chat: the provider's own bill") {
  Chat openrouter;
  CHECK(openrouter.event(R"({"choices":[],"usage":{"completion_tokens":1,"cost":0.00012}})")
            .cost_nano_usd == 120'000);
  Chat xai;
  CHECK(xai.event(R"({"choices":[],"usage":{"completion_tokens":1,"cost_in_usd_ticks":50}})")
            .cost_nano_usd == 5);
}

TEST_CASE("openai.chat: Mistral's fill-in-the-middle asks otherwise") {
  const Asked a = asked(R"({"model":"codestral","prompt":"abc","suffix":"de","max_tokens":4})");
  CHECK(a.text_chars == 5);
  CHECK(a.max_output_tokens == 4);
}
