// Cohere's Chat API, version 2. https://docs.cohere.com/v2/reference/chat-stream (read 2026-11)
#include <array>

#include "base/limits.h"
#include "dialect/asked_sink.h"
#include "dialect/cohere.h"
#include "dialect/dialect.h"
#include "dialect/text.h"
#include "dialect/usage.h"

namespace llmrec::dialect {
namespace {

using wire::JsonPath;
using wire::JsonPaths;

enum Slot : std::uint16_t {
  kId,
  kType,
  kIndex,
  kText,
  kThinking,
  kToolPlan,
  kTool,
  kToolId,
  kToolName,
  kToolArguments,
  kFinish,
  kFailure,
  kInput,
  kOutput,
  kReasoning,
  kCached,
  kError,
  kErrorType,
};

constexpr std::array kAnswer = std::to_array<JsonPath>({
    {"id", kId},
    {"type", kType},
    {"index", kIndex},
    {"delta.message.content.text", kText},
    {"delta.message.content.thinking", kThinking},
    {"delta.message.tool_plan", kToolPlan},
    {"delta.message.tool_calls.id", kToolId},  // an object; in message-start an empty array
    {"delta.message.tool_calls.function.name", kToolName},
    {"delta.message.tool_calls.function.arguments", kToolArguments},
    {"delta.finish_reason", kFinish},
    {"delta.error", kFailure},
    {"delta.usage.tokens.input_tokens", kInput},
    {"delta.usage.tokens.output_tokens", kOutput},
    {"delta.usage.tokens.reasoning_tokens", kReasoning},
    {"delta.usage.cached_tokens", kCached},
    {"message", kError},  // a text; in a whole answer it is an object
    {"error_type", kErrorType},
    {"message.content[].text", kText},
    {"message.content[].thinking", kThinking},
    {"message.tool_plan", kToolPlan},
    {"message.tool_calls[]", kTool},
    {"message.tool_calls[].id", kToolId},
    {"message.tool_calls[].function.name", kToolName},
    {"message.tool_calls[].function.arguments", kToolArguments},
    {"finish_reason", kFinish},
    {"usage.tokens.input_tokens", kInput},
    {"usage.tokens.output_tokens", kOutput},
    {"usage.tokens.reasoning_tokens", kReasoning},
    {"usage.cached_tokens", kCached},
});

const JsonPaths& answer_table() {
  static const JsonPaths paths{kAnswer};
  return paths;
}

constexpr std::array kRequest = std::to_array<JsonPath>({
    {"model", kAskedModel},
    {"stream", kAskedStream},
    {"max_tokens", kAskedMaxTokens},
    {"messages[]", kAskedMessage},
    {"tools[]", kAskedTool},
    {"messages[].content", kAskedText},
    {"messages[].content[].text", kAskedText},
    {"messages[].content[].image_url.url", kAskedAttachment},
    {"messages[].tool_plan", kAskedText},
    {"messages[].tool_calls[].function.arguments", kAskedText},
    {"messages[].tool_call_id", kAskedToolCallId},
});

const JsonPaths& request_table() {
  static const JsonPaths paths{kRequest};
  return paths;
}

class CohereV2 final : public Dialect {
 public:
  std::string_view name() const override { return "cohere.v2"; }
  std::string_view operation() const override { return "chat"; }
  const JsonPaths& request_paths() const override { return request_table(); }
  std::unique_ptr<wire::JsonSink> request_sink(Asked& asked) const override {
    auto sink = std::make_unique<AskedSink>(asked, std::string(), std::nullopt);
    sink->stream_by_default(false);
    return sink;
  }
  const JsonPaths& answer_paths() const override { return answer_table(); }

  // message-end is the end and carries all there is to say; `[DONE]` behind it adds nothing.
  Owes owes(const Provider&, const Asked&) const override { return {.finish = true, .done = true}; }
  record::Usage comparable(const Provider&, const record::Usage& reported) const override {
    return with_total(reported);
  }

  void on_enter(std::uint16_t slot, std::uint32_t position) override {
    if (slot == kTool) tools_.begin_piece(0, position);
  }

  void on_leave(std::uint16_t slot) override {
    if (slot == kTool) tools_.set_ended();
  }

  void on_string(std::uint16_t slot, Bytes part, bool last) override {
    switch (slot) {
      case kId:
        if (kind_ != DocumentKind::error_body) {
          append_cut(delta_.response_id, part, limits::kRecordIdTextMax);
        }
        break;
      case kType:
        type_.add(part, last);
        break;
      case kText:
        add_chars(delta_.text_chars, part);
        break;
      case kThinking:
        add_chars(delta_.reasoning_chars, part);
        break;
      case kToolPlan:
        // What the model is about to call, in words: not the answer's text, but a sign that it
        // speaks, and part of what calls a tool.
        if (!part.empty()) delta_.tool_piece = true;
        break;
      case kToolId:
        piece().add_id(part);
        break;
      case kToolName:
        piece().add_name(part);
        break;
      case kToolArguments:
        piece().add_arguments(part);
        break;
      case kFinish:
        if (finish_.add(part, last)) add_cohere_finish(delta_, 0, finish_.text());
        break;
      case kFailure:
      case kError:
        if (!part.empty()) error_of(delta_);
        break;
      case kErrorType:
        append_cut(error_of(delta_).type, part, limits::kRecordNameMax);
        break;
      default:
        break;
    }
  }

  void on_int(std::uint16_t slot, std::int64_t value) override {
    switch (slot) {
      case kIndex:
        if (value < 0 || value > kIndexMax) return;
        index_ = static_cast<std::uint32_t>(value);
        if (tools_.staged()) tools_.set_index(*index_);
        break;
      case kInput:
        delta_.usage.input = value;
        break;
      case kOutput:
        delta_.usage.output = value;
        break;
      case kReasoning:
        delta_.usage.reasoning = value;
        break;
      case kCached:
        delta_.usage.cached_input = value;
        break;
      default:
        break;
    }
  }

 protected:
  void start_document() override {
    type_.clear();
    finish_.clear();
    index_.reset();
  }

  void finish_document(Bytes event) override {
    if (kind_ == DocumentKind::error_body) {
      error_of(delta_);
      return;
    }
    delta_.usage_final = delta_.usage.output.has_value();
    if (kind_ == DocumentKind::answer) return;
    const Bytes type = type_.text().empty() ? event : Bytes(type_.text());
    if (type == "tool-call-end") tools_.end_call(0, index_.value_or(0));
    delta_.done = type == "message-end";
  }

 private:
  static constexpr std::int64_t kIndexMax = 1'000'000;

  // In a stream one event speaks of one call, whose index stands beside it.
  ToolCalls& piece() {
    if (!tools_.staged()) {
      tools_.begin_piece(0, 0);
      if (index_) tools_.set_index(*index_);
    }
    return tools_;
  }

  Word type_;
  Word finish_;
  std::optional<std::uint32_t> index_;
};

bool claims(const Target& target) { return target.path.ends_with("/v2/chat"); }

std::unique_ptr<Dialect> make(const Target&) { return std::make_unique<CohereV2>(); }

}  // namespace

extern const Entry cohere_v2_entry;
const Entry cohere_v2_entry{"cohere.v2", claims, make};

}  // namespace llmrec::dialect
