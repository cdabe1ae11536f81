// OpenAI Chat Completions and the many that copy it.
// https://platform.openai.com/docs/api-reference/chat (read 2026-11); what the copies do
// differently is beside the line that deals with it.
#include <algorithm>
#include <array>

#include "base/limits.h"
#include "dialect/dialect.h"
#include "dialect/openai_shared.h"
#include "dialect/text.h"

namespace llmrec::dialect {
namespace {

using wire::JsonPath;
using wire::JsonPaths;

enum Slot : std::uint16_t {
  kId,
  kModel,
  kChoice,
  kChoiceIndex,
  kFinish,
  kNativeFinish,
  kText,
  kReasoning,
  kReasoningContent,
  kThinkingPart,
  kRefusal,
  kMessageText,
  kMessageReasoning,
  kMessageReasoningContent,
  kMessageThinkingPart,
  kMessageRefusal,
  kTool,
  kToolIndex,
  kToolId,
  kToolName,
  kToolArguments,
  kToolInput,
  kFunctionCall,
  kMessageTool,
  kMessageFunctionCall,
  kMessageToolId,
  kMessageToolName,
  kMessageToolArguments,
  kMessageToolInput,
};

constexpr std::array kAnswer = std::to_array<JsonPath>({
    {"id", kId},
    {"model", kModel},
    {"choices[]", kChoice},
    {"choices[].index", kChoiceIndex},
    {"choices[].finish_reason", kFinish},
    {"choices[].native_finish_reason", kNativeFinish},  // OpenRouter
    {"choices[].delta.content", kText},
    {"choices[].delta.content[].text", kText},                     // Mistral's parts
    {"choices[].delta.content[].thinking[].text", kThinkingPart},  // and its reasoning
    {"choices[].delta.reasoning", kReasoning},
    {"choices[].delta.reasoning_content", kReasoningContent},
    {"choices[].delta.refusal", kRefusal},
    {"choices[].delta.tool_calls[]", kTool},
    {"choices[].delta.tool_calls[].index", kToolIndex},
    {"choices[].delta.tool_calls[].id", kToolId},
    {"choices[].delta.tool_calls[].function.name", kToolName},
    {"choices[].delta.tool_calls[].function.arguments", kToolArguments},
    {"choices[].delta.tool_calls[].custom.name", kToolName},
    {"choices[].delta.tool_calls[].custom.input", kToolInput},
    {"choices[].delta.function_call", kFunctionCall},
    {"choices[].delta.function_call.name", kToolName},
    {"choices[].delta.function_call.arguments", kToolArguments},
    {"choices[].message.content", kMessageText},
    {"choices[].message.content[].text", kMessageText},
    {"choices[].message.content[].thinking[].text", kMessageThinkingPart},
    {"choices[].message.reasoning", kMessageReasoning},
    {"choices[].message.reasoning_content", kMessageReasoningContent},
    {"choices[].message.refusal", kMessageRefusal},
    {"choices[].message.tool_calls[]", kMessageTool},
    {"choices[].message.tool_calls[].id", kMessageToolId},
    {"choices[].message.tool_calls[].function.name", kMessageToolName},
    {"choices[].message.tool_calls[].function.arguments", kMessageToolArguments},
    {"choices[].message.tool_calls[].custom.name", kMessageToolName},
    {"choices[].message.tool_calls[].custom.input", kMessageToolInput},
    {"choices[].message.function_call", kMessageFunctionCall},
    {"choices[].message.function_call.name", kMessageToolName},
    {"choices[].message.function_call.arguments", kMessageToolArguments},
});

const JsonPaths& answer_table() {
  static const JsonPaths paths = join({OpenaiErrors::paths(), OpenaiUsage::paths(), kAnswer});
  return paths;
}

enum RequestSlot : std::uint16_t {
  kAskedModel,
  kAskedStream,
  kAskedIncludeUsage,
  kAskedMaxTokens,
  kAskedMaxCompletionTokens,
  kAskedMessage,
  kAskedTool,
  kAskedText,
  kAskedAttachment,
  kAskedToolCallId,
};

constexpr std::array kRequest = std::to_array<JsonPath>({
    {"model", kAskedModel},
    {"stream", kAskedStream},
    {"stream_options.include_usage", kAskedIncludeUsage},
    {"max_tokens", kAskedMaxTokens},
    {"max_completion_tokens", kAskedMaxCompletionTokens},
    {"messages[]", kAskedMessage},
    {"tools[]", kAskedTool},
    {"functions[]", kAskedTool},
    {"messages[].content", kAskedText},
    {"messages[].content[].text", kAskedText},
    {"messages[].content[].image_url", kAskedAttachment},
    {"messages[].content[].image_url.url", kAskedAttachment},
    {"messages[].content[].input_audio.data", kAskedAttachment},
    {"messages[].content[].file.file_data", kAskedAttachment},
    {"messages[].tool_calls[].function.arguments", kAskedText},
    {"messages[].tool_call_id", kAskedToolCallId},
    {"prompt", kAskedText},  // Mistral's fill-in-the-middle
    {"suffix", kAskedText},
});

const JsonPaths& request_table() {
  static const JsonPaths paths{kRequest};
  return paths;
}

class RequestSink final : public wire::JsonSink {
 public:
  explicit RequestSink(Asked& asked) : asked_(asked) {
    asked_.stream = false;  // absent means no
    asked_.usage_requested = false;
    asked_.tool_count = 0;
  }
  void on_enter(std::uint16_t slot, std::uint32_t) override {
    if (slot == kAskedMessage) count_one(asked_.message_count);
    if (slot == kAskedTool) count_one(asked_.tool_count);
  }
  void on_string(std::uint16_t slot, Bytes part, bool last) override {
    switch (slot) {
      case kAskedModel:
        append_cut(asked_.model, part, limits::kRecordModelMax);
        break;
      case kAskedText:
        add_chars(asked_.text_chars, part);
        break;
      case kAskedAttachment:
        add_bytes(asked_.attachment_bytes, part);
        break;
      case kAskedToolCallId:
        if (tool_call_id_.add(part, last)) add_tool_result_id(asked_, tool_call_id_.text());
        break;
      default:
        break;
    }
  }
  void on_int(std::uint16_t slot, std::int64_t value) override {
    // max_tokens is the old name of max_completion_tokens; the new one wins where both stand.
    if (slot == kAskedMaxCompletionTokens) {
      asked_.max_output_tokens = value;
      new_name_ = true;
    } else if (slot == kAskedMaxTokens && !new_name_) {
      asked_.max_output_tokens = value;
    }
  }
  void on_bool(std::uint16_t slot, bool value) override {
    if (slot == kAskedStream) asked_.stream = value;
    if (slot == kAskedIncludeUsage) asked_.usage_requested = value;
  }

 private:
  Asked& asked_;
  Word tool_call_id_{limits::kRecordIdTextMax};
  bool new_name_ = false;
};

class OpenaiChat final : public Dialect {
 public:
  std::string_view name() const override { return "openai.chat"; }
  std::string_view operation() const override { return "chat.completions"; }
  const JsonPaths& request_paths() const override { return request_table(); }
  std::unique_ptr<wire::JsonSink> request_sink(Asked& asked) const override {
    return std::make_unique<RequestSink>(asked);
  }
  const JsonPaths& answer_paths() const override { return answer_table(); }
  bool done_sentinel() const override { return true; }

  Owes owes(const Provider& provider, const Asked& asked) const override {
    return {.finish = provider.sends_finish != Known::no,
            .done = provider.sends_done == Known::yes,
            .usage = asked.usage_requested.value_or(false) || provider.always_usage == Known::yes};
  }

  record::Usage comparable(const Provider& provider, const record::Usage& reported) const override {
    record::Usage usage = reported;
    if (provider.output_excludes_reasoning && usage.output && usage.reasoning) {
      usage.output = *usage.output + *usage.reasoning;
    }
    // Grok on Azure was seen to report more cached than there was input.
    if (usage.cached_input && usage.input) {
      usage.cached_input = std::min(*usage.cached_input, *usage.input);
    }
    return usage;
  }

  void on_enter(std::uint16_t slot, std::uint32_t position) override {
    switch (slot) {
      case kChoice:
        choice_ = position;
        pieces_before_choice_ = tools_.staged_count();
        finish_.clear();
        native_finish_.clear();
        break;
      case kTool:
        if (kind_ == DocumentKind::event) tools_.begin_piece(choice_, position);
        break;
      case kMessageTool:
        if (whole()) tools_.begin_piece(choice_, position);
        break;
      case kFunctionCall:
        if (kind_ == DocumentKind::event) tools_.begin_piece(choice_, 0);
        break;
      case kMessageFunctionCall:
        if (whole()) tools_.begin_piece(choice_, 0);
        break;
      case kToolArguments:  // as an object, which is whole when the document is
        if (kind_ == DocumentKind::event && tools_.staged()) tools_.set_arguments_object(0);
        break;
      case kMessageToolArguments:
        if (whole() && tools_.staged()) tools_.set_arguments_object(0);
        break;
      default:
        errors_.on_enter(slot, delta_);
        break;
    }
  }

  void on_leave(std::uint16_t slot) override {
    if (slot != kChoice) return;
    end_choice();
    if (delta_.choices.size() < limits::kChoicesMax) delta_.choices.push_back(choice_);
  }

  void on_string(std::uint16_t slot, Bytes part, bool last) override {
    switch (slot) {
      case kId:
        append_cut(delta_.response_id, part, limits::kRecordIdTextMax);
        break;
      case kModel:
        append_cut(delta_.model, part, limits::kRecordModelMax);
        break;
      case kFinish:
        finish_.add(part, last);
        break;
      case kNativeFinish:
        native_finish_.add(part, last);
        break;
      default:
        if (OpenaiErrors::owns(slot)) return errors_.on_string(slot, part, last, delta_);
        on_output(slot, part);
        break;
    }
  }

  void on_int(std::uint16_t slot, std::int64_t value) override {
    switch (slot) {
      case kChoiceIndex:
        set_choice(value);
        break;
      case kToolIndex:
        if (tools_.staged() && value >= 0) tools_.set_index(static_cast<std::uint32_t>(value));
        break;
      default:
        if (OpenaiErrors::owns(slot)) return errors_.on_int(slot, value, delta_);
        if (OpenaiUsage::owns(slot)) return OpenaiUsage::on_int(slot, value, delta_);
        break;
    }
  }

  void on_double(std::uint16_t slot, double value) override {
    if (OpenaiUsage::owns(slot)) OpenaiUsage::on_double(slot, value, delta_);
  }

 protected:
  void start_document() override {
    choice_ = 0;
    pieces_before_choice_ = 0;
    reasoning_ = reasoning_content_ = 0;
    errors_.clear();
  }

  void finish_document(Bytes) override {
    // The two names of one text: vLLM was seen to send both.
    delta_.reasoning_chars += std::max(reasoning_, reasoning_content_);
    errors_.finish(kind_, delta_);
    finished_ = finished_ || !delta_.finishes.empty();
    // Perplexity repeats running totals in every chunk; they are final only where the choice ends.
    delta_.usage_final =
        delta_.usage.output.has_value() && (whole() || finished_ || delta_.choices.empty());
  }

 private:
  bool whole() const { return kind_ == DocumentKind::answer; }

  void set_choice(std::int64_t index) {
    if (index < 0 || index >= static_cast<std::int64_t>(limits::kChoicesMax)) return;
    choice_ = static_cast<std::uint32_t>(index);
    tools_.set_choice_from(pieces_before_choice_, choice_);
  }

  // The reason, and its class where the word alone would mislead.
  void end_choice() {
    if (finish_.text().empty() || delta_.finishes.size() == limits::kChoicesMax) return;
    using record::FinishClass;
    delta_.finishes.push_back({.choice = choice_, .reason = finish_.text()});
    Finish& finish = delta_.finishes.back();
    const FinishClass said = finish_class(finish.reason);
    if (said != FinishClass::stop && said != FinishClass::tool) return;
    if (finish_class(native_finish_.text()) == FinishClass::length) {
      // OpenRouter says `tool_calls` of calls that the token limit cut; the native reason tells.
      finish.cls = FinishClass::length;
    } else if (called_tool()) {
      // Gemini, and OpenAI where the tool was forced, call tools and say `stop`.
      finish.cls = FinishClass::tool;
    }
  }

  bool called_tool() const {
    if (tools_.staged_count() > pieces_before_choice_) return true;
    return std::any_of(tools_.calls().begin(), tools_.calls().end(),
                       [this](const ToolCallState& call) { return call.choice == choice_; });
  }

  void on_output(std::uint16_t slot, Bytes part) {
    if (slot >= kMessageText && slot <= kMessageRefusal) {
      if (!whole()) return;  // Perplexity repeats the text so far in every event
      slot = static_cast<std::uint16_t>(slot - kMessageText + kText);
    } else if (slot >= kMessageToolId && slot <= kMessageToolInput) {
      if (!whole()) return;
      slot = static_cast<std::uint16_t>(slot - kMessageToolId + kToolId);
    }
    switch (slot) {
      case kText:
        delta_.text_chars += code_points(part);
        break;
      case kReasoning:
        reasoning_ += code_points(part);
        break;
      case kReasoningContent:
        reasoning_content_ += code_points(part);
        break;
      case kThinkingPart:
        delta_.reasoning_chars += code_points(part);
        break;
      case kRefusal:
        delta_.refusal_chars += code_points(part);
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
      case kToolInput:
        if (tools_.staged()) tools_.add_free_text(part);
        break;
      default:
        break;
    }
  }

  std::uint32_t choice_ = 0;
  std::size_t pieces_before_choice_ = 0;
  std::uint64_t reasoning_ = 0;
  std::uint64_t reasoning_content_ = 0;
  OpenaiErrors errors_;
  Word finish_;
  Word native_finish_;
  bool finished_ = false;
};

bool claims(const Target& target) {
  return target.path.ends_with("/chat/completions") ||
         target.path.ends_with("/fim/completions") ||  // Mistral: asked otherwise, answered alike
         target.path.ends_with("/agents/completions");
}

std::unique_ptr<Dialect> make(const Target&) { return std::make_unique<OpenaiChat>(); }

}  // namespace

extern const Entry openai_chat_entry;
const Entry openai_chat_entry{"openai.chat", claims, make};

}  // namespace llmrec::dialect
