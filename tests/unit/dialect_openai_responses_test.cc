// Responses, event by event: the order of members, echoes, calls, ends.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "base/limits.h"
#include "dialect/dialect.h"

using namespace llmrec;
using namespace llmrec::dialect;
using record::FinishClass;

namespace {

class Responses {
 public:
  const Delta& event(const std::string& json, Bytes name = {}) {
    return document(json, DocumentKind::event, name);
  }
  const Delta& answer(const std::string& json) { return document(json, DocumentKind::answer, {}); }
  const Delta& error_body(const std::string& json) {
    return document(json, DocumentKind::error_body, {});
  }
  const std::vector<ToolCallState>& calls() const { return dialect_->tools().calls(); }
  Dialect& dialect() { return *dialect_; }

 private:
  const Delta& document(const std::string& json, DocumentKind kind, Bytes name) {
    dialect_->begin_document(kind);
    reader_.reset();
    for (const char c : json) reader_.feed(Bytes(&c, 1));  // every string in parts
    REQUIRE_MESSAGE(reader_.finish() == wire::JsonState::done, json);
    return dialect_->end_document(name);
  }

  std::unique_ptr<Dialect> dialect_ = make_by_name("openai.responses", {});
  wire::JsonReader reader_{dialect_->answer_paths(), *dialect_};
};

std::string delta(const std::string& kind, const std::string& text, int index = 0) {
  return R"({"type":"response.)" + kind + R"(.delta","item_id":"i","output_index":)" +
         std::to_string(index) + R"(,"delta":")" + text + R"(","obfuscation":"xxxxxxxx"})";
}

// The same with its members in the order of their names.
std::string sorted_delta(const std::string& kind, const std::string& text, int index = 0) {
  return R"({"delta":")" + text + R"(","item_id":"i","output_index":)" + std::to_string(index) +
         R"(,"type":"response.)" + kind + R"(.delta"})";
}

std::string item(const std::string& when, const std::string& fields, int index = 0) {
  return R"({"type":"response.output_item.)" + when + R"(","output_index":)" +
         std::to_string(index) + R"(,"item":{)" + fields + "}}";
}

std::string call(const std::string& status, const std::string& arguments) {
  return R"("id":"fc_1","type":"function_call","status":")" + status +
         R"(","call_id":"call_1","name":"f","arguments":")" + arguments + R"(")";
}

std::string terminal(const std::string& status, const std::string& more = "") {
  return R"({"type":"response.)" + status +
         R"(","response":{"id":"resp_1","model":"m-1","output":[{"type":"message","content":[{"type":)"
         R"("output_text","text":"all of it"}]}],"status":")" +
         status + "\"" + more + "}}";
}

}  // namespace

TEST_CASE("openai.responses: the first events say who answers and no more") {
  Responses r;
  const Delta& d = r.event(
      R"({"type":"response.created","response":{"id":"resp_1","model":"m-1","status":"in_progress",)"
      R"("error":null,"instructions":"long","tools":[{"type":"function","name":"f"}],"usage":null},)"
      R"("sequence_number":0})");
  CHECK(d.response_id == "resp_1");
  CHECK(d.model == "m-1");
  CHECK(!d.content());
  CHECK(d.finishes.empty());
  CHECK(!d.done);
  CHECK(!d.error);
  CHECK(!d.usage_final);
  CHECK(!r.event(item("added", R"("type":"message","content":[])")).content());
}

TEST_CASE("openai.responses: deltas count, by what their type says, wherever it stands") {
  for (const auto make : {delta, sorted_delta}) {
    Responses r;
    CHECK(r.event(make("output_text", "aé", 0)).text_chars == 2);
    CHECK(r.event(make("refusal", "no", 0)).refusal_chars == 2);
    CHECK(r.event(make("reasoning_text", "hmm", 0)).reasoning_chars == 3);
    CHECK(r.event(make("reasoning_summary_text", "so", 0)).reasoning_chars == 2);
    CHECK(!r.event(make("code_interpreter_call_code", "1+1", 0)).content());
    CHECK(!r.event(make("mcp_call_arguments", "{}", 0)).content());
    CHECK(!r.event(make("brand_new", "x", 0)).content());
    CHECK(r.calls().empty());
  }
}

TEST_CASE("openai.responses: the event's name does not matter") {
  Responses r;
  CHECK(r.event(delta("output_text", "a"), "response.refusal.delta").text_chars == 1);
  CHECK(r.event(terminal("completed"), "message").done);
}

TEST_CASE("openai.responses: echoes do not count") {
  Responses r;
  CHECK(!r.event(R"({"type":"response.output_text.done","text":"abc"})").content());
  CHECK(!r.event(
              R"({"type":"response.content_part.done","part":{"type":"output_text","text":"abc"}})")
             .content());
  CHECK(
      !r.event(item("done", R"("type":"message","content":[{"type":"output_text","text":"abc"}])"))
           .content());
  CHECK(!r.event(R"({"type":"response.reasoning_summary_text.done","text":"abc"})").content());
  CHECK(!r.event(terminal("completed")).content());
}

TEST_CASE("openai.responses: a function call from its start to its end") {
  for (const auto make : {delta, sorted_delta}) {
    Responses r;
    CHECK(r.event(item("added", call("in_progress", ""))).tool_piece);
    REQUIRE(r.calls().size() == 1);
    CHECK(r.calls()[0].id == "call_1");
    CHECK(r.calls()[0].name == "f");
    CHECK(r.calls()[0].open());
    CHECK(r.event(make("function_call_arguments", R"({\"a\":)", 0)).tool_piece);
    CHECK(r.calls()[0].open());
    r.event(make("function_call_arguments", "1}", 0));
    CHECK(r.calls()[0].arguments_whole());
    CHECK(r.calls()[0].arguments_bytes == 7);
    CHECK(!r.event(R"({"type":"response.function_call_arguments.done","output_index":0,)"
                   R"("arguments":"{\"a\":1}"})")
               .tool_piece);
    CHECK(!r.event(item("done", call("completed", R"({\"a\":1})"))).tool_piece);
    REQUIRE(r.calls().size() == 1);
    CHECK(r.calls()[0].arguments_bytes == 7);
    CHECK(r.calls()[0].ended);
    const Delta& end = r.event(terminal("completed"));
    REQUIRE(end.finishes.size() == 1);
    CHECK(end.finishes[0].reason == "completed");
    CHECK(end.finishes[0].cls == FinishClass::tool);
  }
}

TEST_CASE("openai.responses: calls side by side") {
  for (const auto make : {delta, sorted_delta}) {
    Responses r;
    r.event(item("added", R"("type":"function_call","call_id":"a","name":"f")", 1));
    r.event(item("added", R"("type":"function_call","call_id":"b","name":"g")", 2));
    r.event(make("function_call_arguments", R"({\"x)", 1));
    r.event(make("function_call_arguments", "[1,", 2));
    r.event(make("function_call_arguments", R"(\":2})", 1));
    CHECK(r.calls()[0].arguments_whole());
    CHECK(!r.calls()[1].arguments_whole());
    r.event(make("function_call_arguments", "2]", 2));
    CHECK(r.calls()[1].arguments_whole());
    CHECK(r.calls()[0].arguments_bytes == 7);
    CHECK(r.calls()[1].arguments_bytes == 5);
  }
}

TEST_CASE("openai.responses: a call without arguments") {
  Responses r;
  r.event(item("added", call("in_progress", "")));
  CHECK(!r.event(delta("function_call_arguments", "")).content());
  CHECK(r.calls()[0].open());
  CHECK(!r.event(item("done", call("completed", ""))).content());
  CHECK(r.calls()[0].arguments_whole());
}

TEST_CASE("openai.responses: arguments that come whole, without deltas, count once") {
  Responses r;
  r.event(item("added", call("in_progress", "")));
  CHECK(r.event(R"({"type":"response.function_call_arguments.done","output_index":0,)"
                R"("arguments":"{\"a\":1}"})")
            .tool_piece);
  CHECK(r.calls()[0].arguments_bytes == 7);
  CHECK(!r.event(item("done", call("completed", R"({\"a\":1})"))).tool_piece);
  CHECK(r.calls()[0].arguments_bytes == 7);
  Responses only_item;
  CHECK(only_item.event(item("done", call("completed", R"({\"a\":1})"))).tool_piece);
  REQUIRE(only_item.calls().size() == 1);
  CHECK(only_item.calls()[0].name == "f");
  CHECK(only_item.calls()[0].arguments_whole());
  Responses early;  // whole in the first event, and again in a delta
  early.event(item("added", call("in_progress", R"({\"a\":1})")));
  early.event(delta("function_call_arguments", R"({\"a\":1})"));
  CHECK(early.calls()[0].arguments_bytes == 7);
}

TEST_CASE("openai.responses: events without output_index speak of the call at hand") {
  Responses r;
  const std::string added =
      R"({"type":"response.output_item.added","item":{"type":"function_call",)"
      R"("call_id":")";
  r.event(added + R"(a","name":"f"}})");
  r.event(R"({"type":"response.function_call_arguments.delta","delta":"{}"})");
  r.event(added + R"(b","name":"g"}})");
  r.event(R"({"type":"response.function_call_arguments.delta","delta":"[]"})");
  REQUIRE(r.calls().size() == 2);
  CHECK(r.calls()[0].arguments_bytes == 2);
  CHECK(r.calls()[1].arguments_bytes == 2);
}

TEST_CASE("openai.responses: a call that the limit cut is not whole, however it looks") {
  for (const char* arguments : {R"({\"x\":48)", R"({\"x\":48})", ""}) {
    INFO(arguments);
    Responses r;
    r.event(item("added", call("in_progress", "")));
    r.event(delta("function_call_arguments", arguments));
    r.event(R"({"type":"response.function_call_arguments.done","output_index":0,"arguments":")" +
            std::string(arguments) + "\"}");
    r.event(item("done", call("incomplete", arguments)));
    CHECK(!r.calls()[0].arguments_whole());
    const Delta& end =
        r.event(terminal("incomplete", R"(,"incomplete_details":{"reason":"max_output_tokens"})"));
    CHECK(end.finishes[0].reason == "incomplete");
    CHECK(finish_class(end.finishes[0].reason) == FinishClass::length);
    CHECK(end.finishes[0].cls == FinishClass::none);
    CHECK(end.done);
  }
}

TEST_CASE("openai.responses: custom tools take free text") {
  for (const auto make : {delta, sorted_delta}) {
    Responses r;
    r.event(item("added", R"("type":"custom_tool_call","call_id":"c","name":"sh","input":"")"));
    REQUIRE(r.calls().size() == 1);
    CHECK(r.event(make("custom_tool_call_input", "ls | {", 0)).tool_piece);
    CHECK(r.calls()[0].arguments_bytes == 6);
    CHECK(r.calls()[0].open());
    r.event(R"({"type":"response.custom_tool_call_input.done","output_index":0,"input":"ls | {"})");
    r.event(item(
        "done",
        R"("type":"custom_tool_call","status":"completed","call_id":"c","name":"sh","input":"ls | {")"));
    CHECK(r.calls()[0].arguments_whole());
    CHECK(r.calls()[0].arguments_bytes == 6);
  }
  Responses cut;
  cut.event(item("added", R"("type":"custom_tool_call","call_id":"c","name":"sh")"));
  cut.event(item("done", R"("type":"custom_tool_call","status":"incomplete","call_id":"c")"));
  CHECK(!cut.calls()[0].arguments_whole());
  cut.dialect().end_tool_calls();
  CHECK(!cut.calls()[0].arguments_whole());
}

TEST_CASE("openai.responses: what the provider runs itself is no call of the client's") {
  Responses r;
  for (const char* type : {"web_search_call", "file_search_call", "code_interpreter_call",
                           "image_generation_call", "mcp_call", "mcp_list_tools",
                           "tool_search_call", "shell_call", "reasoning", "message", "brand_new"}) {
    const std::string fields =
        std::string(R"("type":")") + type +
        R"(","status":"completed","call_id":"x","name":"n","arguments":"{}")";
    CHECK(!r.event(item("added", fields)).tool_piece);
    CHECK(!r.event(item("done", fields)).tool_piece);
  }
  CHECK(!r.event(R"({"type":"response.mcp_call_arguments.done","arguments":"{}"})").tool_piece);
  CHECK(r.calls().empty());
  CHECK(r.event(terminal("completed")).finishes[0].cls == FinishClass::none);
}

TEST_CASE("openai.responses: tools that are the provider's by kind and run at the client") {
  for (const char* type : {"local_shell_call", "computer_call", "apply_patch_call"}) {
    INFO(type);
    Responses r;
    const std::string fields =
        std::string(R"("call_id":"x","action":{"command":["ls"]},"type":")") + type + "\"";
    CHECK(r.event(item("added", fields)).tool_piece);
    CHECK(r.calls()[0].name == type);
    CHECK(r.calls()[0].open());
    r.event(item("done", fields + R"(,"status":"completed")"));
    CHECK(r.calls()[0].arguments_whole());
  }
  Responses shell;
  shell.event(item("added", R"("type":"shell_call","call_id":"x","environment":{"type":"local"})"));
  CHECK(shell.calls().size() == 1);
}

TEST_CASE("openai.responses: ends") {
  struct Row {
    const char* status;
    const char* more;
    FinishClass cls;
  };
  const Row rows[] = {
      {"completed", "", FinishClass::stop},
      {"incomplete", R"(,"incomplete_details":{"reason":"max_output_tokens"})",
       FinishClass::length},
      {"incomplete", R"(,"incomplete_details":{"reason":"content_filter"})", FinishClass::filter},
      {"incomplete", R"(,"incomplete_details":null)", FinishClass::length},
      {"failed", R"(,"error":{"code":"server_error","message":"m"})", FinishClass::error},
      {"cancelled", "", FinishClass::abort},
  };
  for (const Row& row : rows) {
    INFO(row.status, row.more);
    for (const bool whole : {false, true}) {
      Responses r;
      const Delta& d = whole ? r.answer(R"({"id":"resp_1","model":"m-1","status":")" +
                                        std::string(row.status) + "\"" + row.more + "}")
                             : r.event(terminal(row.status, row.more));
      REQUIRE(d.finishes.size() == 1);
      const Finish& finish = d.finishes[0];
      CHECK(finish.reason == row.status);
      CHECK((finish.cls == FinishClass::none ? finish_class(finish.reason) : finish.cls) ==
            row.cls);
      CHECK(d.done == !whole);
      CHECK(d.error.has_value() == (row.cls == FinishClass::error));
      CHECK(d.response_id == "resp_1");
      CHECK(d.model == "m-1");
    }
  }
}

TEST_CASE("openai.responses: a response that is still at work has no finish") {
  Responses r;
  CHECK(r.event(R"({"type":"response.queued","response":{"status":"queued"}})").finishes.empty());
  const Delta& d = r.answer(R"({"id":"resp_1","status":"in_progress","output":[],"usage":null})");
  CHECK(d.finishes.empty());
  CHECK(!d.usage_final);
}

TEST_CASE("openai.responses: errors, nested and flat, and the end that repeats them") {
  Responses r;
  const Delta& nested = r.event(
      R"({"type":"error","sequence_number":2,"error":{"type":"tokens","code":"rate_limit_exceeded",)"
      R"("message":"m","param":null}})");
  REQUIRE(nested.error);
  CHECK(nested.error->type == "tokens");
  CHECK(nested.error->code == "rate_limit_exceeded");
  CHECK(!nested.done);
  const Delta& end =
      r.event(terminal("failed", R"(,"error":{"code":"rate_limit_exceeded","message":"m"})"));
  CHECK(end.error->code == "rate_limit_exceeded");
  CHECK(end.error->type.empty());
  CHECK(end.done);

  Responses flat;
  const Delta& d = flat.event(
      R"({"type":"error","code":"server_error","message":"m","param":null,"sequence_number":3})");
  REQUIRE(d.error);
  CHECK(d.error->code == "server_error");
  CHECK(d.error->type.empty());
  const Delta& null = flat.event(R"({"message":"m","code":null,"type":"error"})");
  CHECK(null.error);
  CHECK(null.error->code.empty());
  CHECK(flat.event(R"({"type":"error","code":429,"message":"m"})").error->code == "429");
}

TEST_CASE("openai.responses: the bodies of rejections") {
  Responses r;
  CHECK(r.error_body(R"({"error":{"type":"invalid_request_error","code":"c"}})").error->type ==
        "invalid_request_error");
  CHECK(r.error_body(R"({"code":"invalid-argument","error":"text"})").error->code ==
        "invalid-argument");
  CHECK(r.error_body(R"({"object":"error","type":"rate_limited","code":1300})").error->type ==
        "rate_limited");
  CHECK(r.error_body(R"({"detail":"Not Found"})").error);
  CHECK(r.answer(R"({"error":{"code":"server_error"},"status":"failed"})").error->code ==
        "server_error");
}

TEST_CASE("openai.responses: usage stands at the end, and zeros of an incomplete one are none") {
  const std::string usage =
      R"(,"usage":{"input_tokens":9,"input_tokens_details":{"cached_tokens":3,)"
      R"("cache_write_tokens":1},"output_tokens":5,"output_tokens_details":{"reasoning_tokens":2},)"
      R"("total_tokens":14})";
  Responses r;
  const Delta& d = r.event(terminal("completed", usage));
  CHECK(d.usage_final);
  CHECK(d.usage.input == 9);
  CHECK(d.usage.output == 5);
  CHECK(d.usage.total == 14);
  CHECK(d.usage.cached_input == 3);
  CHECK(d.usage.cache_write == 1);
  CHECK(d.usage.reasoning == 2);
  const std::string zeros = R"(,"usage":{"input_tokens":0,"output_tokens":0,"total_tokens":0})";
  Responses none;
  CHECK(none.dialect().owes({}, {}).usage);
  const Delta& zero = none.event(terminal("incomplete", zeros));
  CHECK(!zero.usage_final);
  CHECK(zero.usage.output == 0);
  CHECK(!none.dialect().owes({}, {}).usage);  // nothing can come any more
  Responses real;
  CHECK(real.event(terminal("incomplete", usage)).usage_final);
  Responses missing;
  CHECK(!missing.event(terminal("failed", R"(,"usage":null)")).usage_final);
  Responses whole;
  CHECK(whole.answer(R"({"status":"completed")" + usage + "}").usage_final);
}

TEST_CASE("openai.responses: the provider's own bill") {
  Responses r;
  CHECK(r.event(terminal("completed", R"(,"usage":{"output_tokens":1,"cost":0.0000113})"))
            .cost_nano_usd == 11'300);
  CHECK(r.event(terminal("completed", R"(,"usage":{"output_tokens":1,"cost_in_usd_ticks":2500})"))
            .cost_nano_usd == 250);
}

TEST_CASE("openai.responses: a missing number shows, once") {
  const auto numbered = [](const std::string& n) {
    return R"({"type":"response.in_progress","sequence_number":)" + n + "}";
  };
  Responses r;
  CHECK(!r.event(numbered("0")).sequence_gap);
  CHECK(!r.event(numbered("1")).sequence_gap);
  CHECK(!r.event(R"({"type":"keepalive","sequence_number":2})").sequence_gap);
  CHECK(!r.event(numbered("3")).sequence_gap);
  CHECK(r.event(numbered("5")).sequence_gap);
  CHECK(!r.event(numbered("6")).sequence_gap);
  CHECK(!r.event(numbered("6")).sequence_gap);
  CHECK(!r.event(R"({"type":"response.in_progress"})").sequence_gap);  // older ones have none
  CHECK(!r.event(numbered("-1")).sequence_gap);
  CHECK(!r.event(numbered("7")).sequence_gap);
  CHECK(r.event(numbered("9223372036854775807")).sequence_gap);
  Responses resumed;  // ?starting_after=41
  CHECK(!resumed.event(numbered("42")).sequence_gap);
}

TEST_CASE("openai.responses: keep-alives are pings") {
  Responses r;
  const Delta& d = r.event(R"({"type":"keepalive","sequence_number":4})");
  CHECK(d.ping);
  CHECK(!d.content());
  CHECK(!r.event(delta("output_text", "a")).ping);
}

TEST_CASE("openai.responses: a plain answer, whatever the order of its members") {
  const std::string answers[] = {
      R"({"id":"resp_1","object":"response","model":"m","status":"completed","error":null,"output":[)"
      R"({"type":"reasoning","summary":[{"type":"summary_text","text":"ab"}],"content":[{"type":)"
      R"("reasoning_text","text":"c"}]},{"type":"mcp_call","name":"n","arguments":"{}"},)"
      R"({"type":"message","content":[{"type":"output_text","text":"hello"},{"type":"refusal",)"
      R"("refusal":"no"}]},{"type":"function_call","call_id":"a","name":"f","arguments":"{}",)"
      R"("status":"completed"},{"type":"custom_tool_call","call_id":"b","name":"g","input":"x"}],)"
      R"("usage":{"input_tokens":1,"output_tokens":2}})",
      R"({"output":[{"summary":[{"text":"ab"}],"content":[{"text":"c","type":"reasoning_text"}],)"
      R"("type":"reasoning"},{"arguments":"{}","name":"n","type":"mcp_call"},{"content":[{"text":)"
      R"("hello","type":"output_text"},{"refusal":"no","type":"refusal"}],"type":"message"},)"
      R"({"arguments":"{}","call_id":"a","name":"f","status":"completed","type":"function_call"},)"
      R"({"call_id":"b","input":"x","name":"g","type":"custom_tool_call"}],"status":"completed",)"
      R"("usage":{"input_tokens":1,"output_tokens":2}})"};
  for (const std::string& json : answers) {
    Responses r;
    const Delta& d = r.answer(json);
    CHECK(d.text_chars == 5);
    CHECK(d.refusal_chars == 2);
    CHECK(d.reasoning_chars == 3);
    CHECK(d.usage_final);
    REQUIRE(r.calls().size() == 2);
    CHECK(r.calls()[0].id == "a");
    CHECK(r.calls()[0].index == 3);
    CHECK(r.calls()[0].arguments_whole());
    CHECK(r.calls()[1].name == "g");
    CHECK(r.calls()[1].arguments_whole());
    CHECK(d.finishes[0].cls == FinishClass::tool);
  }
  Responses cut;
  cut.answer(
      R"({"status":"incomplete","incomplete_details":{"reason":"max_output_tokens"},)"
      R"("output":[{"type":"function_call","name":"f","arguments":"{}","status":"incomplete"}]})");
  CHECK(!cut.calls()[0].arguments_whole());
}

TEST_CASE("openai.responses: a document that was cut leaves nothing behind") {
  Responses r;
  Dialect& dialect = r.dialect();
  wire::JsonReader reader(dialect.answer_paths(), dialect);
  dialect.begin_document(DocumentKind::event);
  reader.feed(
      R"({"type":"response.output_item.added","sequence_number":7,"item":{"type":"function_call",)"
      R"("call_id":"cut","arguments":"{)");
  const Delta& d = r.event(delta("output_text", "a"));
  CHECK(d.text_chars == 1);
  CHECK(!d.tool_piece);
  CHECK(r.calls().empty());
  CHECK(!r.event(R"({"type":"x","sequence_number":9})").sequence_gap);
}

TEST_CASE("openai.responses: indices beyond all limits") {
  Responses r;
  r.event(item("added", call("in_progress", ""), -1));
  r.event(R"({"type":"response.output_item.added","output_index":4294967295,"item":{)" +
          call("in_progress", "") + "}}");
  r.event(R"({"type":"response.output_item.added","output_index":4294967294,"item":{)" +
          call("in_progress", "") + "}}");
  r.event(item("added", R"("type":"function_call","call_id":"z","name":"g")", 3));
  CHECK(r.calls().size() >= 2);
  Responses many;
  for (int i = 0; i < 500; ++i) {
    many.event(
        item("added", R"("type":"function_call","call_id":"c)" + std::to_string(i) + "\"", i));
  }
  CHECK(many.calls().size() == limits::kToolCallsMax);
  CHECK(many.dialect().tools().not_kept() == 500 - limits::kToolCallsMax);
}

TEST_CASE("openai.responses: a stream that is asked for by the query") {
  const auto stream = [](Bytes query) {
    Asked asked;  // there is no body
    const auto dialect =
        make_by_name("openai.responses",
                     {.method = "GET", .host = "", .path = "", .query = query, .content_type = ""});
    dialect->request_sink(asked);
    return asked.stream.value();
  };
  CHECK(stream("stream=true&starting_after=41"));
  CHECK(stream("starting_after=41&stream=true"));
  CHECK(!stream("stream=false"));
  CHECK(!stream("upstream=true"));
  CHECK(!stream(""));
}

TEST_CASE("openai.responses: whose requests they are") {
  const auto name = [](Bytes method, Bytes path) {
    return std::string(
        choose({.method = method, .host = "h", .path = path, .query = "", .content_type = ""})
            ->name());
  };
  for (const char* path : {"/v1/responses", "/openai/responses", "/api/v1/responses", "/responses",
                           "/backend-api/codex/responses"}) {
    CHECK_MESSAGE(name("POST", path) == "openai.responses", path);
  }
  CHECK(name("GET", "/v1/responses") == "openai.responses");  // the WebSocket's handshake
  CHECK(name("GET", "/v1/responses/resp_1") == "openai.responses");
  CHECK(name("POST", "/v1/responses/resp_1/cancel") == "unknown");
  CHECK(name("POST", "/v1/responses/compact") == "unknown");
  CHECK(name("GET", "/v1/responses/resp_1/input_items") == "unknown");
  CHECK(name("DELETE", "/v1/responses/resp_1") == "unknown");
  CHECK(name("GET", "/v1/responses/") == "unknown");
  CHECK(make_by_name("openai.responses", {})->operation() == "responses");
  CHECK(!make_by_name("openai.responses", {})->done_sentinel());
}
