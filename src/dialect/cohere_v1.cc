// Cohere's API before version 2, also what its Command models speak on Amazon Bedrock.
// https://docs.cohere.com/v1/reference/chat-stream (read 2026-11)
#include <array>
#include <cmath>

#include "base/limits.h"
#include "dialect/asked_sink.h"
#include "dialect/cohere.h"
#include "dialect/object_size.h"
#include "dialect/text.h"
#include "dialect/usage.h"

namespace llmrec::dialect {
namespace {

using wire::JsonPath;
using wire::JsonPaths;

enum Slot : std::uint16_t {
  kEventType,
  kFinished,
  kText,
  kChoice,
  kGeneration,
  kGenerationText,
  kGenerationFinish,
  kFinish,
  kResponseFinish,
  kGenerationId,
  kId,
  kChunk,
  kChunkIndex,
  kChunkName,
  kChunkArguments,
  kTool,
  kToolName,
  kToolArguments,
  kInput,
  kOutput,
  kFailure,
  kErrorType,
};

constexpr std::array kAnswer = std::to_array<JsonPath>({
    {"event_type", kEventType},
    {"is_finished", kFinished},
    {"text", kText},
    {"index", kChoice},  // of several generations
    {"generations[]", kGeneration},
    {"generations[].text", kGenerationText},
    {"generations[].finish_reason", kGenerationFinish},
    {"response.generations[]", kGeneration},
    {"response.generations[].finish_reason", kGenerationFinish},
    {"finish_reason", kFinish},
    {"response.finish_reason", kResponseFinish},
    {"generation_id", kGenerationId},
    {"response_id", kId},
    {"id", kId},
    {"response.id", kId},
    {"tool_call_delta", kChunk},
    {"tool_call_delta.index", kChunkIndex},
    {"tool_call_delta.name", kChunkName},
    {"tool_call_delta.parameters", kChunkArguments},
    {"tool_calls[]", kTool},
    {"tool_calls[].name", kToolName},
    {"tool_calls[].parameters", kToolArguments},
    {"meta.tokens.input_tokens", kInput},
    {"meta.tokens.output_tokens", kOutput},
    {"response.meta.tokens.input_tokens", kInput},
    {"response.meta.tokens.output_tokens", kOutput},
    {"err", kFailure},
    {"message", kFailure},
    {"error_type", kErrorType},
});

const JsonPaths& answer_table() {
  static const JsonPaths paths = with_object_paths(kAnswer, {"tool_calls[].parameters"});
  return paths;
}

constexpr std::array kRequest = std::to_array<JsonPath>({
    {"model", kAskedModel},
    {"stream", kAskedStream},
    {"max_tokens", kAskedMaxTokens},
    {"chat_history[]", kAskedMessage},
    {"tools[]", kAskedTool},
    {"message", kAskedText},
    {"preamble", kAskedText},
    {"prompt", kAskedText},
    {"chat_history[].message", kAskedText},
});

const JsonPaths& request_table() {
  static const JsonPaths paths{kRequest};
  return paths;
}

class CohereV1 final : public Dialect {
 public:
  explicit CohereV1(CohereCall call) : call_(call) {}

  std::string_view name() const override {
    return call_ == CohereCall::chat ? "cohere.v1" : "cohere.v1-generate";
  }
  std::string_view operation() const override {
    return call_ == CohereCall::chat ? "chat" : "generate";
  }
  const JsonPaths& request_paths() const override { return request_table(); }
  std::unique_ptr<wire::JsonSink> request_sink(Asked& asked) const override {
    auto sink = std::make_unique<AskedSink>(asked, std::string(), std::nullopt);
    sink->stream_by_default(false);
    // The message that is asked stands beside those before it.
    if (call_ == CohereCall::chat) asked.message_count = 1;
    return sink;
  }
  const JsonPaths& answer_paths() const override { return answer_table(); }
  Framing framing() const override { return Framing::ndjson; }
  Owes owes(const Provider&, const Asked&) const override { return {.finish = true, .done = true}; }
  record::Usage comparable(const Provider&, const record::Usage& reported) const override {
    return with_total(reported);
  }

  void on_enter(std::uint16_t slot, std::uint32_t position) override {
    if (is_object_slot(slot)) return arguments_.on_enter(slot);
    switch (slot) {
      case kGeneration:
        generation_ = position;
        break;
      case kChunk:
        tools_.begin_piece(0, 0);
        break;
      case kTool:
        tools_.begin_piece(0, position);
        break;
      case kToolArguments:
        arguments_.begin();
        break;
      default:
        break;
    }
  }

  void on_leave(std::uint16_t slot) override {
    if (is_object_slot(slot)) return arguments_.on_leave();
    if (slot == kToolArguments) tools_.set_arguments_object(arguments_.octets());
    if (slot == kTool) tools_.set_ended();
  }

  void on_key(std::uint16_t, Bytes key) override { arguments_.on_key(key); }

  void on_string(std::uint16_t slot, Bytes part, bool last) override {
    if (is_object_slot(slot)) return arguments_.on_string(slot, part, last);
    switch (slot) {
      case kEventType:
        event_type_.add(part, last);
        break;
      case kText:
        add_chars(text_, part);
        if (!part.empty()) spoke_ = true;
        break;
      case kGenerationText:
        add_chars(delta_.text_chars, part);
        break;
      case kFinish:
        finish_.add(part, last);
        break;
      case kResponseFinish:
        response_finish_.add(part, last);
        break;
      case kGenerationFinish:
        if (generation_finish_.add(part, last)) {
          add_cohere_finish(delta_, generation_, generation_finish_.text());
        }
        break;
      case kGenerationId:
        generation_id_.add(part, last);
        break;
      case kId:
        id_.add(part, last);
        break;
      case kChunkName:
      case kToolName:
        tools_.add_name(part);
        break;
      case kChunkArguments:
      case kToolArguments:
        tools_.add_arguments(part);
        break;
      case kFailure:
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
    if (is_object_slot(slot)) return arguments_.on_int(slot, value);
    switch (slot) {
      case kChoice:
        if (value >= 0 && value < static_cast<std::int64_t>(limits::kChoicesMax)) {
          choice_ = static_cast<std::uint32_t>(value);
        }
        break;
      case kChunkIndex:
        if (value >= 0 && value < kIndexMax) tools_.set_index(static_cast<std::uint32_t>(value));
        break;
      case kInput:
        delta_.usage.input = value;
        break;
      case kOutput:
        delta_.usage.output = value;
        break;
      default:
        break;
    }
  }
  void on_double(std::uint16_t slot, double value) override {
    if (is_object_slot(slot)) return arguments_.on_double(slot, value);
    // "input_tokens": 69.0, as older models count.
    if (value >= 0 && value < 1e15) on_int(slot, std::llround(value));
  }
  void on_bool(std::uint16_t slot, bool value) override {
    if (is_object_slot(slot)) return arguments_.on_bool(slot, value);
    if (slot == kFinished) finished_ = value;
  }
  void on_null(std::uint16_t slot) override {
    if (is_object_slot(slot)) arguments_.on_null(slot);
  }

 protected:
  void start_document() override {
    text_ = 0;
    choice_ = generation_ = 0;
    spoke_ = finished_ = false;
    for (Word* word :
         {&event_type_, &finish_, &response_finish_, &generation_finish_, &generation_id_, &id_}) {
      word->clear();
    }
  }

  void finish_document(Bytes) override {
    if (kind_ == DocumentKind::error_body) {
      error_of(delta_);
      return;
    }
    // The one that every event and the answer share; in /v1/generate only `id` has it.
    delta_.response_id = generation_id_.text().empty() ? id_.text() : generation_id_.text();
    const bool whole = kind_ == DocumentKind::answer;
    settle_text(whole);
    if (!whole) settle_tools();
    if (whole || finished_) settle_finish();
    delta_.done = !whole && finished_;
    delta_.usage_final = delta_.usage.output.has_value();
  }

 private:
  static constexpr std::int64_t kIndexMax = 1'000'000;

  void settle_text(bool whole) {
    const Bytes type = event_type_.text();
    if (whole || type.empty() || type == "text-generation") {
      delta_.text_chars = saturating_add(delta_.text_chars, text_);
      if (!whole && spoke_) delta_.choices.push_back(choice_);
    } else if (spoke_ && type.starts_with("tool-calls")) {
      delta_.tool_piece = true;  // what is about to be called, in words: not the answer's text
    }
  }

  // tool-calls-generation repeats what came in chunks; where none came it is all there is.
  void settle_tools() {
    if (event_type_.is("tool-calls-generation") && !tools_.calls().empty()) {
      tools_.discard();
      tools_.end_all();
    }
  }

  void settle_finish() {
    const std::string& reason = finish_.text().empty() ? response_finish_.text() : finish_.text();
    if (!reason.empty() && delta_.finishes.empty()) add_cohere_finish(delta_, choice_, reason);
  }

  CohereCall call_;
  ObjectSize arguments_;
  Word event_type_;
  Word finish_;
  Word response_finish_;
  Word generation_finish_;
  Word generation_id_{limits::kRecordIdTextMax};
  Word id_{limits::kRecordIdTextMax};
  std::uint64_t text_ = 0;
  std::uint32_t choice_ = 0;
  std::uint32_t generation_ = 0;
  bool spoke_ = false;
  bool finished_ = false;
};

bool claims(const Target& target) {
  return is_cohere_host(target.host) &&
         (target.path.ends_with("/v1/chat") || target.path == "/chat");
}

std::unique_ptr<Dialect> make(const Target&) { return make_cohere_v1(CohereCall::chat); }

}  // namespace

std::unique_ptr<Dialect> make_cohere_v1(CohereCall call) {
  return std::make_unique<CohereV1>(call);
}

extern const Entry cohere_v1_entry;
const Entry cohere_v1_entry{"cohere.v1", claims, make};

}  // namespace llmrec::dialect
