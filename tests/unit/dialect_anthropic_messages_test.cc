// Anthropic Messages, document by document.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "dialect_reading.h"

using namespace llmrec;
using namespace llmrec::dialect;
using record::FinishClass;

namespace {

Target at(Bytes path, Bytes host = "api.anthropic.com") {
  return {.method = "POST", .host = host, .path = path, .query = {}, .content_type = {}};
}

std::unique_ptr<Dialect> make() { return make_by_name("anthropic.messages", {}); }

std::string block(int index, const std::string& fields) {
  return R"({"type":"content_block_start","index":)" + std::to_string(index) +
         R"(,"content_block":{)" + fields + "}}";
}
std::string delta(int index, const std::string& fields) {
  return R"({"type":"content_block_delta","index":)" + std::to_string(index) + R"(,"delta":{)" +
         fields + "}}";
}
std::string stop(int index) {
  return R"({"type":"content_block_stop","index":)" + std::to_string(index) + "}";
}
std::string end(const std::string& reason, const std::string& usage) {
  return R"({"type":"message_delta","delta":{"stop_reason":)" + reason + R"(},"usage":{)" + usage +
         "}}";
}

const std::string kBegin =
    R"({"type":"message_start","message":{"id":"msg_1","model":"claude-t","content":[],)"
    R"("stop_reason":null,"usage":{"input_tokens":10,"cache_creation_input_tokens":3,)"
    R"("cache_read_input_tokens":5,"output_tokens":1}}    })";
const std::string kStop = R"({"type":"message_stop" })";
const std::string kTool = R"("type":"tool_use","id":"toolu_1","name":"f","input":{})";

}  // namespace

TEST_CASE("anthropic.messages: message_start says who answers, and counts provisionally") {
  Reading r(make());
  const Delta& d = r.event(kBegin);
  CHECK(d.response_id == "msg_1");
  CHECK(d.model == "claude-t");
  CHECK(d.usage.input == 10);
  CHECK(d.usage.output == 1);
  CHECK(!d.usage_final);
  CHECK(!d.content());
  CHECK(r.event(R"({"type": "ping"})").ping);
}

TEST_CASE(
    "anthropic.messages: text and thinking in code points; signatures and citations are none") {
  Reading r(make());
  r.event(block(0, R"("type":"text","text":"")"));
  CHECK(r.event(delta(0, R"("type":"text_delta","text":"aé\ud83d\ude00")")).text_chars == 3);
  CHECK(r.event(delta(0, R"("type":"thinking_delta","thinking":"hmm")")).reasoning_chars == 3);
  CHECK(!r.event(delta(0, R"("type":"signature_delta","signature":"xxxx")")).content());
  CHECK(!r.event(delta(0, R"("type":"citations_delta","citation":{"cited_text":"x"})")).content());
  CHECK(!r.event(delta(0, R"("type":"later_delta","text":"x","thinking":"y")")).content());
  CHECK(r.event(block(1, R"("type":"text","text":"ab")")).text_chars == 2);
  CHECK(!r.event(block(1, R"("type":"redacted_thinking","data":"xxxx")")).content());
}

TEST_CASE("anthropic.messages: a tool call, its stop, and what max_tokens cut") {
  Reading r(make());
  CHECK(r.event(block(0, kTool)).tool_piece);
  CHECK(r.calls()[0].open());
  CHECK(!r.event(delta(0, R"("type":"input_json_delta","partial_json":"")")).content());
  CHECK(r.event(delta(0, R"("type":"input_json_delta","partial_json":"{\"a\"")")).content());
  CHECK(!r.calls()[0].arguments_whole());
  SUBCASE("whole") {
    r.event(delta(0, R"("partial_json":":1}","type":"input_json_delta")"));
    CHECK(r.calls()[0].arguments_whole());
    CHECK(r.calls()[0].arguments_bytes == 7);
    r.event(stop(0));
    CHECK(r.calls()[0].ended);
  }
  SUBCASE("a stop does not make half of it whole") {
    r.event(stop(0));
    CHECK(!r.calls()[0].open());
    CHECK(!r.calls()[0].arguments_whole());
    r.event(end(R"("max_tokens")", R"("output_tokens":9)"));
    CHECK(!r.calls()[0].arguments_whole());
  }
}

TEST_CASE("anthropic.messages: a call without arguments") {
  Reading r(make());
  r.event(block(0, kTool));
  r.event(delta(0, R"("type":"input_json_delta","partial_json":"")"));
  r.event(stop(0));
  CHECK(r.calls()[0].arguments_whole());
  SUBCASE("is whole, since the model stopped for it") {
    r.event(end(R"("tool_use")", R"("output_tokens":9)"));
    CHECK(r.calls()[0].arguments_whole());
  }
  SUBCASE("is none if the answer was cut there") {
    CHECK(!r.event(end(R"("max_tokens")", R"("output_tokens":9)")).tool_piece);
    CHECK(!r.calls()[0].arguments_whole());
  }
  SUBCASE("is whole if the answer was cut later") {
    r.event(block(1, R"("type":"text","text":"")"));
    r.event(end(R"("max_tokens")", R"("output_tokens":9)"));
    CHECK(r.calls()[0].arguments_whole());
  }
}

TEST_CASE("anthropic.messages: arguments with the start, and a number behind them") {
  Reading r(make());
  r.event(block(0, R"("type":"tool_use","id":"a","name":"f","input":{"x":[1,"\n"],"y":{}})"));
  r.event(block(1, R"("type":"tool_use","id":"b","name":"g","input":{})"));
  r.event(R"({"delta":{"partial_json":"{}","type":"input_json_delta"},"index":1,)"
          R"("type":"content_block_delta"})");
  r.event(stop(1));
  CHECK(!r.event(stop(0)).tool_piece);
  REQUIRE(r.calls().size() == 2);
  CHECK(r.calls()[0].arguments_whole());
  CHECK(r.calls()[0].arguments_bytes == Bytes(R"({"x":[1,"\n"],"y":{}})").size());
  CHECK(r.calls()[1].arguments_bytes == 2);
}

TEST_CASE("anthropic.messages: the provider's own tools are no calls") {
  Reading r(make());
  for (const char* type : {"server_tool_use", "mcp_tool_use", "advisor_tool_use"}) {
    CHECK(!r.event(block(0, R"("id":"srvtoolu_1","name":"web_search","input":{},"type":")" +
                                std::string(type) + "\""))
               .content());
    CHECK(!r.event(delta(0, R"("type":"input_json_delta","partial_json":"{\"q\":1}")")).content());
    r.event(stop(0));
  }
  CHECK(r.calls().empty());
  // The number of a call that is over may be another block's.
  r.event(block(0, kTool));
  r.event(block(0, R"("type":"server_tool_use","id":"srvtoolu_2","name":"x","input":{})"));
  r.event(delta(0, R"("type":"input_json_delta","partial_json":"{}")"));
  CHECK(r.calls()[0].arguments_bytes == 0);
  CHECK(!r.event(delta(7, R"("type":"input_json_delta","partial_json":"{}")")).content());
}

TEST_CASE("anthropic.messages: the end") {
  Reading r(make());
  const Delta& d = r.event(end(
      R"("end_turn")",
      R"("input_tokens":12,"cache_read_input_tokens":null,"output_tokens":9,"output_tokens_details":{"thinking_tokens":4})"));
  REQUIRE(d.finishes.size() == 1);
  CHECK(d.finishes[0].reason == "end_turn");
  CHECK(d.usage.input == 12);
  CHECK(!d.usage.cached_input);
  CHECK(d.usage.reasoning == 4);
  CHECK(d.usage_final);
  CHECK(!d.done);
  CHECK(r.event(kStop).done);
  const Owes owes = r.dialect().owes({}, {});
  CHECK((owes.finish && owes.done && owes.usage));
  CHECK(!r.dialect().done_sentinel());
}

TEST_CASE("anthropic.messages: usage is final once the model has stopped") {
  Reading r(make());
  CHECK(!r.event(end("null", R"("output_tokens":9)")).usage_final);
  CHECK(r.event(end(R"("end_turn")", "")).usage_final);
}

TEST_CASE("anthropic.messages: Bedrock's count stands in for one that did not come") {
  const std::string last =
      R"({"type":"message_stop","amazon-bedrock-invocationMetrics":{"inputTokenCount":7,)"
      R"("outputTokenCount":8,"cacheReadInputTokenCount":2,"cacheWriteInputTokenCount":1}})";
  Reading r(make());
  r.event(end(R"("end_turn")", ""));
  const Delta& d = r.event(last);
  CHECK(d.usage_final);
  CHECK(d.usage == record::Usage{7, 8, {}, 2, 1, {}});
  Reading told(make());
  told.event(end(R"("end_turn")", R"("output_tokens":9)"));
  CHECK(told.event(last).usage == record::Usage{});
}

TEST_CASE("anthropic.messages: input includes the cache once it is made comparable") {
  Reading r(make());
  const record::Usage usage = r.comparable({10, 20, {}, 5, 3, 4});
  CHECK(usage == record::Usage{18, 20, 38, 5, 3, 4});
  CHECK(r.comparable({}) == record::Usage{});
}

TEST_CASE("anthropic.messages: a whole answer") {
  Reading r(make());
  const Delta& d = r.answer(
      R"({"content":[{"type":"thinking","thinking":"hm"},{"text":"abc","type":"text"},)"
      R"({"id":"srvtoolu_1","type":"server_tool_use","name":"s","input":{"a":1}},)"
      R"({"input":{"a":{"b":[true,null,-2.5]}},"name":"f","id":"toolu_1","type":"tool_use"}],)"
      R"("id":"msg_1","type":"message","model":"claude-t","stop_reason":"tool_use",)"
      R"("usage":{"input_tokens":1,"output_tokens":2}})");
  CHECK(d.text_chars == 3);
  CHECK(d.reasoning_chars == 2);
  CHECK(d.usage_final);
  CHECK(!d.done);
  CHECK(d.finishes.size() == 1);
  REQUIRE(r.calls().size() == 1);
  CHECK(r.calls()[0].name == "f");
  CHECK(r.calls()[0].arguments_bytes == Bytes(R"({"a":{"b":[true,null,-2.5]}})").size());
  CHECK(r.calls()[0].arguments_whole());
}

TEST_CASE("anthropic.messages: what a stream repeats of a whole answer is not counted") {
  Reading r(make());
  const Delta& d = r.event(R"({"type":"message","content":[{"type":"text","text":"abc"},)"
                           R"({"type":"tool_use","id":"a","name":"f","input":{}}]})");
  CHECK(!d.content());
  CHECK(r.calls().empty());
}

TEST_CASE("anthropic.messages: the last call of an answer that was too long") {
  Reading r(make());
  r.answer(R"({"content":[{"type":"tool_use","id":"a","name":"f","input":{"x":1}},)"
           R"({"type":"tool_use","id":"b","name":"g","input":{}}],"stop_reason":"max_tokens"})");
  REQUIRE(r.calls().size() == 2);
  CHECK(r.calls()[0].arguments_whole());
  CHECK(!r.calls()[1].arguments_whole());
}

TEST_CASE("anthropic.messages: errors in all their shapes") {
  struct {
    const char* json;
    const char* type;
    const char* code;
  } const shapes[] = {
      {R"({"type":"error","error":{"details":null,"type":"overloaded_error","message":"x"}})",
       "overloaded_error", ""},
      {R"({"error":{"code":429,"message":"x","status":"RESOURCE_EXHAUSTED"}})",
       "RESOURCE_EXHAUSTED", "429"},
      {R"({"error":{"message":"x","type":"BadRequestError","code":400}})", "BadRequestError",
       "400"},
      {R"({"type":"error"})", "", ""},
      {R"({"error":"x"})", "", ""},
  };
  for (const auto& shape : shapes) {
    INFO(shape.json);
    for (const DocumentKind kind :
         {DocumentKind::event, DocumentKind::answer, DocumentKind::error_body}) {
      Reading r(make());
      const Delta& d = r.document(shape.json, kind);
      REQUIRE(d.error);
      CHECK(d.error->type == shape.type);
      CHECK(d.error->code == shape.code);
      CHECK(d.finishes.empty());
    }
  }
  Reading r(make());
  CHECK(!r.event(R"({"type":"ping","error":null})").error);
}

TEST_CASE("anthropic.messages: the request") {
  const auto dialect = make();
  const Asked a = asked_of(
      *dialect,
      R"({"model":"claude-t","max_tokens":99,"stream":true,"system":[{"type":"text","text":"abc"}],)"
      R"("tools":[{"name":"f"},{"type":"web_search_20250305"}],"messages":[)"
      R"({"role":"user","content":"defg"},)"
      R"({"role":"assistant","content":[{"type":"tool_use","id":"t1","input":{"a":"é"}}]},)"
      R"({"role":"user","content":[{"tool_use_id":"t1","content":"hi","type":"tool_result"},)"
      R"({"type":"web_search_tool_result","tool_use_id":"srv"},)"
      R"({"type":"image","source":{"data":"AAAA","type":"base64"}},)"
      R"({"type":"document","source":{"data":"plain","type":"text"}}]}]})");
  CHECK(a.model == "claude-t");
  CHECK(a.max_output_tokens == 99);
  CHECK(a.stream == true);
  CHECK(a.message_count == 3);
  CHECK(a.tool_count == 2);
  CHECK(a.tool_result_ids == std::vector<std::string>{"t1"});
  CHECK(a.attachment_bytes == 4);
  CHECK(a.text_chars == 3 + 4 + Bytes(R"({"a":"x"})").size() + 2 + 5);
  CHECK(asked_of(*dialect, R"({"model":"m"})").stream == false);
}

TEST_CASE("anthropic.messages: Vertex says model and streaming in the path") {
  const char* base = "/v1/projects/p/locations/l/publishers/anthropic/models/";
  const std::string stream = std::string(base) + "claude-t%402026:streamRawPredict";
  const std::string plain = std::string(base) + "claude-t:rawPredict";
  const Asked a = asked_of(*choose(at(stream)), "");
  CHECK(a.model == "claude-t@2026");
  CHECK(a.stream == true);
  CHECK(asked_of(*choose(at(stream)), R"({"model":"x","stream":false})").model == "claude-t@2026");
  CHECK(asked_of(*choose(at(stream)), R"({"stream":false})").stream == true);
  CHECK(asked_of(*choose(at(plain)), "{}").stream == false);
  for (const Bytes path : {Bytes("/v1/messages"), Bytes("/anthropic/v1/messages"),
                           Bytes("/api/v1/messages"), Bytes(stream), Bytes(plain)}) {
    CHECK_MESSAGE(choose(at(path))->name() == "anthropic.messages", path);
  }
  const std::string counting = std::string(base) + "count-tokens:rawPredict";
  for (const Bytes path :
       {Bytes("/v1/messages/count_tokens"), Bytes("/v1/messages/batches"), Bytes(counting),
        Bytes("/v1/messages/"), Bytes("/v1/threads/t/messages"), Bytes("/rawPredict"),
        Bytes("/v1/projects/p/locations/l/publishers/meta/models/llama:rawPredict")}) {
    CHECK_MESSAGE(choose(at(path))->name() != "anthropic.messages", path);
  }
}

TEST_CASE("anthropic.messages: no split changes a document, and a cut one says nothing") {
  check_splits(make, {kBegin, block(0, kTool),
                      delta(0, R"("type":"input_json_delta","partial_json":"{\"é\":\"\\\"")"),
                      R"({"delta":{"partial_json":"\"}","type":"input_json_delta"},"index":0,)"
                      R"("type":"content_block_delta"})",
                      stop(0), end(R"("tool_use")", R"("output_tokens":9)"), kStop});
}

TEST_CASE("anthropic.messages: nothing before message_stop is the end") {
  Reading r(make());
  for (const std::string& json :
       {kBegin, block(0, R"("type":"text","text":"")"),
        delta(0, R"("type":"text_delta","text":"message_stop")"), stop(0)}) {
    const Delta& d = r.event(json);
    CHECK(!d.done);
    CHECK(d.finishes.empty());
    CHECK(!d.usage_final);
  }
}
