// Bedrock InvokeModel: frames of Base64 around the words of whatever model was asked.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "dialect_reading.h"

using namespace llmrec;
using namespace llmrec::dialect;

namespace {

constexpr Bytes kStream = "/invoke-with-response-stream";
constexpr Bytes kProfile =
    "arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Aapplication-inference-profile%2Fx";

Target at(Bytes path) {
  return {.method = "POST",
          .host = "bedrock-runtime.us-east-1.amazonaws.com",
          .path = path,
          .query = {},
          .content_type = {}};
}

std::unique_ptr<Dialect> make(Bytes model, Bytes operation = kStream) {
  const std::string path = "/model/" + std::string(model) + std::string(operation);
  return choose(at(path));
}

std::string base64(const std::string& octets) {
  const Bytes alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i < octets.size(); i += 3) {
    const std::size_t n = std::min<std::size_t>(3, octets.size() - i);
    unsigned bits = 0;
    for (std::size_t j = 0; j < 3; ++j) {
      bits = bits << 8 | (j < n ? static_cast<unsigned char>(octets[i + j]) : 0U);
    }
    for (std::size_t j = 0; j < 4; ++j) {
      out += j <= n ? alphabet[bits >> (18 - 6 * j) & 63U] : '=';
    }
  }
  return out;
}

std::string chunk(const std::string& json) {
  return R"({"bytes":")" + base64(json) + R"(","p":"abcdefg"})";
}

const std::string kMetrics = R"("amazon-bedrock-invocationMetrics":{"inputTokenCount":12,)"
                             R"("outputTokenCount":7,"cacheReadInputTokenCount":2}})";

}  // namespace

TEST_CASE("bedrock.invoke: the path") {
  const auto stream = make("amazon.titan-text-lite-v1");
  CHECK(stream->name() == "bedrock.invoke");
  CHECK(stream->operation() == "invoke_model");
  CHECK(stream->framing() == Framing::event_stream);
  CHECK(asked_of(*stream, "").stream == true);
  const auto plain = make("meta.llama3-8b-v1%3A0", "/invoke");
  CHECK(asked_of(*plain, "").model == "meta.llama3-8b-v1:0");
  CHECK(asked_of(*plain, "").stream == false);
  CHECK(choose(at("/model/m/invoke-with-bidirectional-stream"))->name() == "unknown");
}

TEST_CASE("bedrock.invoke: what was asked, in every family's words") {
  struct Row {
    std::string json;
    record::Count messages;
    record::Count max;
    std::uint64_t chars;
  };
  const Row rows[] = {
      {R"({"anthropic_version":"v","max_tokens":5,"messages":[{"content":"ab"}],"system":"c"})", 1,
       5, 3},
      {R"({"prompt":"abc","max_tokens_to_sample":6})", {}, 6, 3},
      {R"({"inputText":"abcd","textGenerationConfig":{"maxTokenCount":7}})", {}, 7, 4},
      {R"({"prompt":"ab","max_gen_len":8})", {}, 8, 2},
      {R"({"message":"abc","max_tokens":9})", {}, 9, 3},
      {R"({"messages":[{"content":[{"text":"ab"}]}],"inferenceConfig":{"max_new_tokens":3}})", 1, 3,
       2},
  };
  for (const Row& row : rows) {
    INFO(row.json);
    const Asked asked = asked_of(*make("m"), row.json);
    CHECK(asked.message_count == row.messages);
    CHECK(asked.max_output_tokens == row.max);
    CHECK(asked.text_chars == row.chars);
  }
  const Asked results = asked_of(
      *make("m"),
      R"({"tools":[{},{}],"messages":[{"content":[{"type":"tool_result","tool_use_id":"t1","content":)"
      R"([{"text":"ab"}]},{"toolResult":{"toolUseId":"t2"}},{"source":{"data":"AAAA"}}]},)"
      R"({"tool_call_id":"t3","content":"c"}]})");
  CHECK(results.tool_result_ids == std::vector<std::string>{"t1", "t2", "t3"});
  CHECK(results.tool_count == 2);
  CHECK(results.attachment_bytes == 4);
  CHECK(results.text_chars == 3);
}

TEST_CASE("bedrock.invoke: Claude, with its tool calls") {
  Reading r(make("anthropic.claude-3-haiku-v1%3A0"));
  const Delta& start = r.event(chunk(
      R"({"type":"message_start","message":{"id":"msg_1","model":"claude","usage":{"input_tokens":9,)"
      R"("output_tokens":1}}})"));
  CHECK(start.response_id == "msg_1");
  CHECK(r.event(chunk(R"({"type":"content_block_delta","index":0,"delta":{"type":"text_delta",)"
                      R"("text":"aé"}})"))
            .text_chars == 2);
  CHECK(
      r.event(chunk(R"({"type":"content_block_start","index":1,"content_block":{"type":"tool_use",)"
                    R"("id":"t1","name":"f","input":{}}})"))
          .tool_piece);
  REQUIRE(r.calls().size() == 1);
  CHECK(r.calls()[0].id == "t1");
  CHECK(r.dialect().tools().any_open());
  r.event(chunk(R"({"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta",)"
                R"("partial_json":"{\"a\":1}"}})"));
  CHECK(!r.dialect().tools().any_open());
  r.event(chunk(R"({"type":"content_block_stop","index":1})"));
  const Delta& end = r.event(chunk(
      R"({"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":33}})"));
  CHECK(end.finishes[0].reason == "tool_use");
  CHECK(!end.done);
  const Delta& stop = r.event(chunk(R"({"type":"message_stop",)" + kMetrics));
  CHECK(stop.done);
  CHECK(!stop.usage.output);  // Bedrock's count does not replace Claude's own
  CHECK(r.dialect().owes({}, {}).usage);
}

TEST_CASE("bedrock.invoke: Bedrock's count fills in what the model does not say") {
  Reading r(make("mistral.mixtral-8x7b-v0%3A1"));
  r.event(chunk(R"({"outputs":[{"text":"ab","stop_reason":null}]})"));
  const Delta& d = r.event(chunk(R"({"outputs":[{"text":"","stop_reason":"stop"}],)" + kMetrics));
  CHECK(d.usage.input == 12);
  CHECK(d.usage.output == 7);
  CHECK(d.usage.cached_input == 2);
  CHECK(d.usage_final);
  CHECK(d.done);
}

TEST_CASE("bedrock.invoke: nobody sends [DONE] in here") {
  Reading r(make("openai.gpt-oss-20b-1%3A0"));
  CHECK(!r.event(chunk(R"({"id":"c","choices":[{"index":0,"delta":{"content":"ab"}}]})")).done);
  const Delta& d =
      r.event(chunk(R"({"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],)" + kMetrics));
  CHECK(d.done);
  CHECK(d.usage_final);
  CHECK(!r.dialect().owes({}, {}).done);
}

TEST_CASE("bedrock.invoke: a profile does not name its family; the words do") {
  struct Row {
    std::vector<std::string> events;
    std::string finish;
  };
  const Row rows[] = {
      {{R"({"type":"message_start","message":{"id":"m","usage":{"input_tokens":1}}})",
        R"({"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"abc"}})",
        R"({"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":2}})"},
       "end_turn"},
      {{R"({"messageStart":{"role":"assistant"}})",
        R"({"contentBlockDelta":{"delta":{"text":"abc"},"contentBlockIndex":0}})",
        R"({"messageStop":{"stopReason":"max_tokens"}})"},
       "max_tokens"},
      {{R"({"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"abc"}}]})",
        R"({"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"length"}]})"},
       "length"},
      {{R"({"event_type":"text-generation","text":"abc","is_finished":false})",
        R"({"event_type":"stream-end","is_finished":true,"finish_reason":"COMPLETE","response":{"text":"abc"}})"},
       "COMPLETE"},
      {{R"({"generation":"abc","generation_token_count":1})",
        R"({"generation":"","generation_token_count":2,"stop_reason":"stop"})"},
       "stop"},
      {{R"({"outputText":"abc"})", R"({"outputText":"","completionReason":"FINISH"})"}, "FINISH"},
  };
  for (const Row& row : rows) {
    Reading r(make(kProfile));
    std::uint64_t chars = 0;
    std::string finish;
    for (const std::string& json : row.events) {
      INFO(json);
      const Delta& d = r.event(chunk(json));
      chars += d.text_chars;
      if (!d.finishes.empty()) finish = d.finishes[0].reason;
    }
    CHECK(chars == 3);
    CHECK(finish == row.finish);
  }
}

TEST_CASE("bedrock.invoke: a whole answer is the model's own") {
  const auto answer = [](Bytes model, const std::string& request, const std::string& json) {
    auto dialect = make(model, "/invoke");
    asked_of(*dialect, request);
    Reading r(std::move(dialect));
    const Delta d = r.answer(json);
    return summary(d, r.calls());
  };
  const std::string claude =
      R"({"id":"m","content":[{"type":"text","text":"ab"},{"type":"tool_use","id":"t","name":"f",)"
      R"("input":{"a":1}}],"stop_reason":"tool_use","usage":{"input_tokens":3,"output_tokens":4}})";
  CHECK(answer("us.anthropic.claude-3-v1%3A0", "{}", claude) ==
        "2 0 3 4 final piece tool_use [t f 7 whole]");
  CHECK(answer(kProfile, R"({"anthropic_version":"v"})", claude) ==
        "2 0 3 4 final piece tool_use [t f 7 whole]");
  CHECK(answer("amazon.titan-text-v1", "{}",
               R"({"inputTextTokenCount":1,"results":[{"tokenCount":2,"outputText":"abc",)"
               R"("completionReason":"FINISH"}]})") == "3 0 1 2 final FINISH");
  CHECK(answer(kProfile, R"({"prompt":"p"})",
               R"({"generation":"ab","generation_token_count":2,"stop_reason":"stop"})") ==
        "2 0 -1 2 final stop");
  CHECK(answer(kProfile, R"({"messages":[]})",
               R"({"choices":[{"message":{"content":"ab"},"finish_reason":"stop"}],)"
               R"("usage":{"prompt_tokens":1,"completion_tokens":2}})") == "2 0 1 2 final stop");
  CHECK(answer("cohere.command-r-v1%3A0", R"({"message":"m"})",
               R"({"text":"ab","generation_id":"g","finish_reason":"COMPLETE"})") ==
        "2 0 -1 -1 COMPLETE");
  CHECK(answer("amazon.nova-lite-v1%3A0", "{}",
               R"({"output":{"message":{"content":[{"text":"ab"}]}},"stopReason":"end_turn",)"
               R"("usage":{"inputTokens":1,"outputTokens":2}})") == "2 0 1 2 final end_turn");
}

TEST_CASE("bedrock.invoke: exceptions and refusals") {
  const auto dialect = make("anthropic.claude-3-haiku-v1%3A0");
  wire::JsonReader reader(dialect->answer_paths(), *dialect);
  dialect->begin_document(DocumentKind::error_body);
  reader.feed(R"({"message":"m","originalStatusCode":500})");
  CHECK(reader.finish() == wire::JsonState::done);
  const Delta d = dialect->end_document("modelTimeoutException");
  REQUIRE(d.error);
  CHECK(d.error->type == "modelTimeoutException");
  CHECK(d.error->status == 500);
  Reading plain(make("meta.llama3-v1%3A0", "/invoke"));
  CHECK(plain.error_body(R"({"message":"m"})").error);
  Reading inner(make("anthropic.claude-3-haiku-v1%3A0"));
  const Delta& event =
      inner.event(chunk(R"({"type":"error","error":{"type":"overloaded_error","message":"m"}})"));
  REQUIRE(event.error);
  CHECK(event.error->type == "overloaded_error");
}

TEST_CASE("bedrock.invoke: what is not what it should be says nothing") {
  Reading r(make("meta.llama3-v1%3A0"));
  for (const std::string& json :
       {std::string(R"({"p":"abc"})"), std::string(R"({"bytes":""})"),
        std::string(R"({"bytes":"e30"})"), std::string(R"({"bytes":"?!"})"), std::string("[]"),
        std::string(R"({"bytes":null})"), chunk("not JSON"), chunk("{\"generation\":\"ab"),
        chunk("[]")}) {
    INFO(json);
    const Delta& d = r.event(json);
    CHECK(!d.content());
    CHECK(!d.done);
    CHECK(d.finishes.empty());
  }
  CHECK(r.event(chunk(R"({"generation":"ab"})")).text_chars == 2);
}

TEST_CASE("bedrock.invoke: no split changes what is said") {
  const std::vector<std::string> llama = {
      chunk(R"({"generation":"a\u00e9","prompt_token_count":9,"generation_token_count":1})"),
      chunk(R"({"generation":"","generation_token_count":2,"stop_reason":"stop",)" + kMetrics)};
  check_splits(
      +[] { return make("meta.llama3-v1%3A0"); }, llama);
  check_splits(
      +[] { return make(kProfile); }, llama);
  check_splits(
      +[] { return make("anthropic.claude-3-v1%3A0"); },
      {chunk(
           R"({"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"t",)"
           R"("name":"f","input":{}}})"),
       chunk(R"({"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta",)"
             R"("partial_json":"{}"}})")});
}
