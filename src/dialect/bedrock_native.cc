#include "dialect/bedrock_native.h"

#include <array>
#include <cmath>

#include "base/limits.h"
#include "dialect/text.h"
#include "dialect/usage.h"

namespace llmrec::dialect {
namespace {

using wire::JsonPath;
using wire::JsonPaths;

enum Slot : std::uint16_t {
  kChoice,
  kText,
  kFinish,
  kTool,
  kToolId,
  kToolName,
  kToolArguments,
  kInput,
  kOutput,
  kTotal,
  kTotalOutput,
  kGuardrail,
  kErrorType,
};

// https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters.html (read 2026-11)
constexpr std::array kAnswer = std::to_array<JsonPath>({
    {"outputText", kText},  // Titan
    {"completionReason", kFinish},
    {"inputTextTokenCount", kInput},
    {"totalOutputTextTokenCount", kTotalOutput},
    {"results[]", kChoice},
    {"results[].outputText", kText},
    {"results[].completionReason", kFinish},
    {"results[].tokenCount", kOutput},
    {"generation", kText},  // Llama; also its stop_reason
    {"prompt_token_count", kInput},
    {"generation_token_count", kOutput},
    {"completion", kText},  // Claude's text completions
    {"stop_reason", kFinish},
    {"outputs[]", kChoice},  // Mistral
    {"outputs[].text", kText},
    {"outputs[].stop_reason", kFinish},
    {"choices[]", kChoice},  // Mistral Large, which gives whole messages as deltas; DeepSeek
    {"choices[].text", kText},
    {"choices[].message.content", kText},
    {"choices[].delta.content", kText},
    {"choices[].stop_reason", kFinish},
    {"choices[].finish_reason", kFinish},
    {"choices[].message.tool_calls[]", kTool},
    {"choices[].message.tool_calls[].id", kToolId},
    {"choices[].message.tool_calls[].function.name", kToolName},
    {"choices[].message.tool_calls[].function.arguments", kToolArguments},
    {"usage.prompt_tokens", kInput},
    {"usage.completion_tokens", kOutput},
    {"usage.total_tokens", kTotal},
    {"completions[]", kChoice},  // Jurassic
    {"completions[].data.text", kText},
    {"completions[].finishReason.reason", kFinish},
    {"amazon-bedrock-guardrailAction", kGuardrail},
    {"__type", kErrorType},
});

const JsonPaths& answer_table() {
  static const JsonPaths paths{kAnswer};
  return paths;
}

const JsonPaths& request_table() {
  static const JsonPaths paths{{}};
  return paths;
}

class BedrockNative final : public Dialect {
 public:
  std::string_view name() const override { return "bedrock.invoke"; }
  std::string_view operation() const override { return "invoke_model"; }
  // The request is read by the dialect that this one is a part of.
  const JsonPaths& request_paths() const override { return request_table(); }
  std::unique_ptr<wire::JsonSink> request_sink(Asked&) const override {
    return std::make_unique<wire::JsonSink>();
  }
  const JsonPaths& answer_paths() const override { return answer_table(); }
  Framing framing() const override { return Framing::event_stream; }
  Owes owes(const Provider&, const Asked&) const override { return {.finish = true}; }
  record::Usage comparable(const Provider&, const record::Usage& reported) const override {
    return with_total(reported);
  }

  void on_enter(std::uint16_t slot, std::uint32_t position) override {
    if (slot == kChoice) choice_ = position;
    // Whole calls: every one is another, whatever the place that it has in its chunk.
    if (slot == kTool) {
      tools_.begin_piece(choice_, 0);
      tools_.set_index(static_cast<std::uint32_t>(tools_.calls().size() + tools_.staged_count()) -
                       1);
    }
  }

  void on_string(std::uint16_t slot, Bytes part, bool last) override {
    switch (slot) {
      case kText:
        add_chars(delta_.text_chars, part);
        break;
      case kFinish:
        if (finish_.add(part, last) && delta_.finishes.size() < limits::kChoicesMax) {
          delta_.finishes.push_back({choice_, finish_.text()});
        }
        break;
      case kToolId:
        if (tools_.staged()) tools_.add_id(part);
        break;
      case kToolName:
        if (tools_.staged()) tools_.add_name(part);
        break;
      case kToolArguments:
        if (tools_.staged()) tools_.add_arguments(part);
        break;
      case kGuardrail:
        guardrail_.add(part, last);
        break;
      case kErrorType:
        error_type_.add(part, last);
        break;
      default:
        break;
    }
  }

  void on_int(std::uint16_t slot, std::int64_t value) override {
    switch (slot) {
      case kInput:
        delta_.usage.input = value;
        break;
      case kOutput:
        delta_.usage.output = delta_.usage.output.value_or(0) + value;  // of several results
        break;
      case kTotalOutput:
        delta_.usage.output = value;
        total_output_ = true;
        break;
      case kTotal:
        delta_.usage.total = value;
        break;
      default:
        break;
    }
  }
  // Titan behind a guardrail counts in fractions: 6.0.
  void on_double(std::uint16_t slot, double value) override {
    if (value >= 0 && value < 1e15) on_int(slot, std::llround(value));
  }

 protected:
  void start_document() override {
    choice_ = 0;
    total_output_ = false;
    finish_.clear();
    guardrail_.clear();
    error_type_.clear();
  }

  void finish_document(Bytes) override {
    if (kind_ == DocumentKind::error_body) {
      append_cut(error_of(delta_).type, error_type_.text(), limits::kRecordNameMax);
      return;
    }
    const bool whole = kind_ == DocumentKind::answer;
    finished_ = finished_ || !delta_.finishes.empty();
    // A Titan stream that a guardrail blocked ends with its totals and gives no reason.
    const bool blocked = delta_.finishes.empty() && total_output_ && guardrail_.is("INTERVENED");
    delta_.done = !whole && !delta_.finishes.empty();
    if (blocked) delta_.finishes.push_back({choice_, {}, record::FinishClass::filter});
    // Llama counts on in every chunk.
    delta_.usage_final = delta_.usage.output.has_value() && (whole || finished_ || blocked);
  }

 private:
  Word finish_;
  Word guardrail_;
  Word error_type_;
  std::uint32_t choice_ = 0;
  bool total_output_ = false;
  bool finished_ = false;
};

}  // namespace

std::unique_ptr<Dialect> make_bedrock_native() { return std::make_unique<BedrockNative>(); }

}  // namespace llmrec::dialect
