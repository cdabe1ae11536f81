// Bedrock Converse, frame by frame, and the same objects as Nova sends them under InvokeModel.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "dialect_reading.h"

using namespace llmrec;
using namespace llmrec::dialect;

namespace {

Target at(Bytes path) {
  return {.method = "POST",
          .host = "bedrock-runtime.us-east-1.amazonaws.com",
          .path = path,
          .query = {},
          .content_type = {}};
}

std::unique_ptr<Dialect> make() { return make_by_name("bedrock.converse", {}); }

// Frames, each with the name that its head gives it.
class Frames {
 public:
  const Delta& event(Bytes name, const std::string& json) {
    return frame(DocumentKind::event, name, json);
  }
  const Delta& error(Bytes name, const std::string& json) {
    return frame(DocumentKind::error_body, name, json);
  }
  const std::vector<ToolCallState>& calls() const { return dialect_->tools().calls(); }

 private:
  const Delta& frame(DocumentKind kind, Bytes name, const std::string& json) {
    dialect_->begin_document(kind);
    reader_.reset();
    reader_.feed(json);
    REQUIRE_MESSAGE(reader_.finish() == wire::JsonState::done, json);
    return dialect_->end_document(name);
  }

  std::unique_ptr<Dialect> dialect_ = make();
  wire::JsonReader reader_{dialect_->answer_paths(), *dialect_};
};

}  // namespace

TEST_CASE("bedrock.converse: the path names the model and whether it streams") {
  struct Row {
    Bytes path;
    Bytes model;
    bool stream;
  };
  const Row rows[] = {
      {"/model/anthropic.claude-v3%3A0/converse", "anthropic.claude-v3:0", false},
      {"/model/anthropic.claude-v3:0/converse-stream", "anthropic.claude-v3:0", true},
      {"/aws/model/m/converse-stream", "m", true},
      {"/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fx/converse",
       "arn:aws:bedrock:us-east-1:1:inference-profile/x", false},
      {"/model/arn:aws:bedrock:us-east-1:1:inference-profile/x/converse",
       "arn:aws:bedrock:us-east-1:1:inference-profile/x", false},
      {"/model/50%/converse", "50%", false},
  };
  for (const Row& row : rows) {
    INFO(row.path);
    const auto dialect = choose(at(row.path));
    CHECK(dialect->name() == "bedrock.converse");
    CHECK(dialect->operation() == "converse");
    CHECK(dialect->framing() == Framing::event_stream);
    const Asked asked = asked_of(*dialect, "");
    CHECK(asked.model == row.model);
    CHECK(asked.stream == row.stream);
  }
  for (const Bytes path : {"/model//converse", "/model/converse", "/converse", "/model/m/converses",
                           "/models/m/converse"}) {
    CHECK_MESSAGE(choose(at(path))->name() != "bedrock.converse", path);
  }
  const std::string longest = "/model/" + std::string(1000, 'm') + "/converse";
  CHECK(asked_of(*choose(at(longest)), "").model.size() == limits::kRecordModelMax);
}

TEST_CASE("bedrock.converse: what was asked") {
  const Asked asked = asked_of(
      *choose(at("/model/m/converse-stream")),
      R"({"messages":[{"role":"user","content":[{"text":"ab"},{"image":{"format":"png","source":)"
      R"({"bytes":"AAAA"}}}]},{"role":"user","content":[{"toolResult":{"toolUseId":"t1","content":)"
      R"([{"text":"cd"}]}},{"toolResult":{"toolUseId":"t2","content":[]}}]}],"system":[{"text":"e"}],)"
      R"("inferenceConfig":{"maxTokens":9},"toolConfig":{"tools":[{"toolSpec":{}},{}]},"stream":false,)"
      R"("model":"other"})");
  CHECK(asked.model == "m");
  CHECK(asked.stream == true);
  CHECK(asked.message_count == 2);
  CHECK(asked.tool_count == 2);
  CHECK(asked.max_output_tokens == 9);
  CHECK(asked.text_chars == 5);
  CHECK(asked.attachment_bytes == 4);
  CHECK(asked.tool_result_ids == std::vector<std::string>{"t1", "t2"});
}

TEST_CASE("bedrock.converse: text, reasoning, the end and what comes behind it") {
  Frames f;
  CHECK(!f.event("messageStart", R"({"role":"assistant","p":"abc"})").content());
  CHECK(f.event("contentBlockDelta", R"({"contentBlockIndex":0,"delta":{"text":"aé"},"p":"ab"})")
            .text_chars == 2);
  const Delta& thought =
      f.event("contentBlockDelta",
              R"({"delta":{"reasoningContent":{"text":"abc"}},"contentBlockIndex":1})");
  CHECK(thought.reasoning_chars == 3);
  CHECK(!f.event("contentBlockDelta", R"({"delta":{"reasoningContent":{"signature":"abc"}}})")
             .content());
  CHECK(!f.event("contentBlockDelta", R"({"delta":{"citation":{"title":"t"}}})").content());
  const Delta& stop = f.event("messageStop", R"({"stopReason":"end_turn"})");
  REQUIRE(stop.finishes.size() == 1);
  CHECK(stop.finishes[0].reason == "end_turn");
  CHECK(stop.done);
  CHECK(!stop.usage_final);
  const Delta& last =
      f.event("metadata",
              R"({"usage":{"inputTokens":1,"outputTokens":2,"totalTokens":13,)"
              R"("cacheReadInputTokens":6,"cacheWriteInputTokens":4},"metrics":{"latencyMs":1}})");
  CHECK(last.usage_final);
  CHECK(!last.done);
  CHECK(last.usage.input == 1);
  CHECK(last.usage.cached_input == 6);
  CHECK(last.usage.cache_write == 4);
}

TEST_CASE("bedrock.converse: what is owed, and input with its cache") {
  const Owes owes = make()->owes({}, {});
  CHECK(owes.finish);
  CHECK(owes.done);
  CHECK(owes.usage);
  record::Usage reported;
  reported.input = 1;
  reported.output = 2;
  reported.cached_input = 6;
  reported.cache_write = 4;
  const record::Usage usage = make()->comparable({}, reported);
  CHECK(usage.input == 11);
  CHECK(usage.total == 13);
  CHECK(!make()->comparable({}, {}).input);
}

TEST_CASE("bedrock.converse: tool calls by block, the index before or behind") {
  Frames f;
  CHECK(f.event("contentBlockStart",
                R"({"start":{"toolUse":{"toolUseId":"t1","name":"f"}},"contentBlockIndex":1})")
            .tool_piece);
  f.event("contentBlockDelta", R"({"contentBlockIndex":1,"delta":{"toolUse":{"input":"{\"a\""}}})");
  f.event("contentBlockDelta", R"({"delta":{"toolUse":{"input":":1}"}},"contentBlockIndex":1})");
  REQUIRE(f.calls().size() == 1);
  CHECK(f.calls()[0].id == "t1");
  CHECK(f.calls()[0].index == 1);
  CHECK(f.calls()[0].arguments_bytes == 7);
  CHECK(f.calls()[0].arguments_whole());
  f.event("contentBlockStart",
          R"({"start":{"toolUse":{"toolUseId":"t2","name":"g"}},"contentBlockIndex":2})");
  CHECK(f.calls()[1].open());
  f.event("contentBlockStop", R"({"contentBlockIndex":2})");
  CHECK(f.calls()[1].arguments_whole());  // no arguments at all
}

TEST_CASE("bedrock.converse: the end of a block does not make cut arguments whole") {
  Frames f;
  f.event("contentBlockStart",
          R"({"start":{"toolUse":{"toolUseId":"t1","name":"f"}},"contentBlockIndex":0})");
  f.event("contentBlockDelta", R"({"contentBlockIndex":0,"delta":{"toolUse":{"input":"{\"a"}}})");
  CHECK(f.calls()[0].open());
  f.event("contentBlockStop", R"({"contentBlockIndex":0})");
  CHECK(!f.calls()[0].open());
  CHECK(!f.calls()[0].arguments_whole());
}

TEST_CASE("bedrock.converse: tools that Bedrock runs are not the client's") {
  Frames f;
  CHECK(!f.event("contentBlockStart", R"({"start":{"toolUse":{"toolUseId":"s","name":"n","type":)"
                                      R"("server_tool_use"}},"contentBlockIndex":0})")
             .tool_piece);
  CHECK(
      !f.event("contentBlockDelta", R"({"contentBlockIndex":0,"delta":{"toolUse":{"input":"{}"}}})")
           .tool_piece);
  f.event("contentBlockStop", R"({"contentBlockIndex":0})");
  CHECK(f.calls().empty());
}

TEST_CASE("bedrock.converse: exceptions") {
  Frames f;
  const Delta& d = f.error("throttlingException", R"({"message":"slow"})");
  REQUIRE(d.error);
  CHECK(d.error->type == "throttlingException");
  const Delta& model = f.error("modelStreamErrorException",
                               R"({"message":"m","originalStatusCode":503,"originalMessage":"x"})");
  CHECK(model.error->status == 503);
  CHECK(f.error("InternalFailure", "{}").error->type == "InternalFailure");
  CHECK(f.error("", R"({"__type":"com.amazon#AccessDeniedException"})").error->type ==
        "AccessDeniedException");
  CHECK(f.error("", R"({"Message":"m"})").error->type.empty());  // the type is in the header
}

TEST_CASE("bedrock.converse: a whole answer") {
  Reading r(make());
  const Delta& d = r.answer(
      R"({"output":{"message":{"role":"assistant","content":[)"
      R"({"reasoningContent":{"reasoningText":{"text":"ab","signature":"sig"}}},{"text":"cde"},)"
      R"({"citationsContent":{"content":[{"text":"f"}]}},)"
      R"({"toolUse":{"name":"n","input":{"q":1},"toolUseId":"s","type":"server_tool_use"}},)"
      R"({"toolUse":{"input":{"a":[true,null,1.5],"b":"x"},"name":"f","toolUseId":"t1"}}]}},)"
      R"("stopReason":"tool_use","usage":{"inputTokens":3,"outputTokens":4,"totalTokens":7}})");
  CHECK(d.reasoning_chars == 2);
  CHECK(d.text_chars == 4);
  CHECK(!d.done);
  CHECK(d.usage_final);
  REQUIRE(r.calls().size() == 1);
  CHECK(r.calls()[0].name == "f");
  CHECK(r.calls()[0].index == 4);
  CHECK(r.calls()[0].arguments_bytes == Bytes(R"({"a":[true,null,1.5],"b":"x"})").size());
  CHECK(r.calls()[0].arguments_whole());
}

TEST_CASE("bedrock.converse: no split changes what Nova's objects say") {
  check_splits(
      +[] { return make(); },
      {R"({"messageStart":{"role":"assistant"}})",
       R"({"contentBlockDelta":{"delta":{"text":"a\u00e9"},"contentBlockIndex":0}})",
       R"({"contentBlockStop":{"contentBlockIndex":0}})",
       R"({"contentBlockStart":{"start":{"toolUse":{"toolUseId":"t","name":"f"}},"contentBlockIndex":1}})",
       R"({"contentBlockDelta":{"contentBlockIndex":1,"delta":{"toolUse":{"input":"{\"a\":1}"}}}})",
       R"({"contentBlockStop":{"contentBlockIndex":1}})",
       R"({"messageStop":{"stopReason":"tool_use"}})",
       R"({"metadata":{"usage":{"inputTokens":1,"outputTokens":2,"cacheReadInputTokenCount":3}}})"});
}

TEST_CASE("bedrock.converse: documents of strange shape do no harm") {
  Frames f;
  for (const std::string json :
       {R"({"delta":null})", R"({"delta":{"toolUse":null}})", R"({"contentBlockIndex":-1})",
        R"({"contentBlockIndex":9999999999,"delta":{"text":1}})", R"({"start":{"toolUse":[]}})",
        R"({"stopReason":null})", R"({"usage":{"outputTokens":null}})", "[]", "1", "null",
        R"({"output":{"message":{"content":[{"toolUse":{"input":{"a":{}}}}]}}})"}) {
    INFO(json);
    const Delta& d = f.event("contentBlockStop", json);
    CHECK(d.finishes.empty());
    CHECK(!d.done);
  }
}
