// OpenAI Chat Completions and the many that copy it.
// https://platform.openai.com/docs/api-reference/chat (read 2026-11); what the copies do
// differently is beside the line that deals with it.
#include <algorithm>
#include <array>

#include "base/limits.h"
#include "dialect/dialect.h"

namespace llmrec::dialect {
namespace {

using wire::JsonPath;
using wire::JsonPaths;

enum Slot : std::uint16_t {
  kId,
  kModel,
  kObject,
  kTopType,
  kTopCode,
  kErrorObject,
  kErrorType,
  kErrorCode,
  kErrorStatus,
  kErrorWord,
  kChoice,
  kChoiceIndex,
  kFinish,
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
  kUsagePrompt,
  kUsageCompletion,
  kUsageTotal,
  kUsageCached,
  kUsageCacheHit,
  kUsageCacheWrite,
  kUsageReasoning,
};

constexpr std::array kAnswer = std::to_array<JsonPath>({
    {"id", kId},
    {"model", kModel},
    {"object", kObject},
    {"type", kTopType},
    {"code", kTopCode},
    {"error", kErrorObject},
    {"error.type", kErrorType},
    {"error.code", kErrorCode},
    {"error.status", kErrorWord},  // Google's type
    {"error_type", kErrorWord},    // TGI's
    {"[].error", kErrorObject},    // Google wraps some error bodies in an array
    {"[].error.code", kErrorCode},
    {"[].error.status", kErrorWord},
    {"error.status_code", kErrorStatus},
    {"error.http_status_code", kErrorStatus},
    {"choices[]", kChoice},
    {"choices[].index", kChoiceIndex},
    {"choices[].finish_reason", kFinish},
    {"choices[].error", kErrorObject},
    {"choices[].error.code", kErrorCode},
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
    {"usage.prompt_tokens", kUsagePrompt},
    {"usage.completion_tokens", kUsageCompletion},
    {"usage.total_tokens", kUsageTotal},
    {"usage.prompt_tokens_details.cached_tokens", kUsageCached},
    {"usage.prompt_tokens_details.cache_write_tokens", kUsageCacheWrite},
    {"usage.prompt_cache_hit_tokens", kUsageCacheHit},  // DeepSeek
    {"usage.completion_tokens_details.reasoning_tokens", kUsageReasoning},
    {"x_groq.usage.prompt_tokens", kUsagePrompt},  // Groq without include_usage
    {"x_groq.usage.completion_tokens", kUsageCompletion},
    {"x_groq.usage.total_tokens", kUsageTotal},
    {"choices[].usage.prompt_tokens", kUsagePrompt},  // Moonshot
    {"choices[].usage.completion_tokens", kUsageCompletion},
    {"choices[].usage.total_tokens", kUsageTotal},
});

const JsonPaths& answer_table() {
  static const JsonPaths paths{kAnswer};
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
});

const JsonPaths& request_table() {
  static const JsonPaths paths{kRequest};
  return paths;
}

void append_cut(std::string& to, Bytes part, std::size_t max) {
  if (to.size() < max) to.append(part.substr(0, max - to.size()));
}

class RequestSink final : public wire::JsonSink {
 public:
  explicit RequestSink(Asked& asked) : asked_(asked) {
    asked_.stream = false;  // absent means no
    asked_.usage_requested = false;
    asked_.tool_count = 0;
  }
  void on_enter(std::uint16_t slot, std::uint32_t) override {
    if (slot == kAskedMessage) asked_.message_count = asked_.message_count.value_or(0) + 1;
    if (slot == kAskedTool) asked_.tool_count = asked_.tool_count.value_or(0) + 1;
  }
  void on_string(std::uint16_t slot, Bytes part, bool last) override {
    switch (slot) {
      case kAskedModel:
        append_cut(asked_.model, part, limits::kRecordModelMax);
        break;
      case kAskedText:
        asked_.text_chars = saturating_add(asked_.text_chars, code_points(part));
        break;
      case kAskedAttachment:
        asked_.attachment_bytes = saturating_add(asked_.attachment_bytes, part.size());
        break;
      case kAskedToolCallId:
        append_cut(tool_call_id_, part, limits::kRecordIdTextMax);
        if (last) {
          if (!tool_call_id_.empty() && asked_.tool_result_ids.size() < limits::kToolResultIdsMax) {
            asked_.tool_result_ids.push_back(tool_call_id_);
          }
          tool_call_id_.clear();
        }
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
  std::string tool_call_id_;
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
        finishes_before_choice_ = delta_.finishes.size();
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
      case kErrorObject:
        error();
        break;
      default:
        break;
    }
  }

  void on_leave(std::uint16_t slot) override {
    if (slot != kChoice || delta_.choices.size() == limits::kChoicesMax) return;
    delta_.choices.push_back(choice_);
  }

  void on_string(std::uint16_t slot, Bytes part, bool last) override {
    switch (slot) {
      case kId:
        append_cut(delta_.response_id, part, limits::kRecordIdTextMax);
        break;
      case kModel:
        append_cut(delta_.model, part, limits::kRecordModelMax);
        break;
      case kObject:
        append_cut(object_, part, 16);
        break;
      case kTopType:
        append_cut(top_type_, part, limits::kRecordNameMax);
        break;
      case kTopCode:
        append_cut(top_code_, part, limits::kRecordNameMax);
        break;
      case kErrorObject:  // "error": "text", as xAI and Hugging Face write it
        if (!part.empty()) error();
        break;
      case kErrorType:
        append_cut(error().type, part, limits::kRecordNameMax);
        break;
      case kErrorCode:
        append_cut(error().code, part, limits::kRecordNameMax);
        break;
      case kErrorWord:
        append_cut(error_word_, part, limits::kRecordNameMax);
        break;
      case kFinish:
        finish(part, last);
        break;
      default:
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
      case kErrorCode:  // OpenRouter and Google give the HTTP status as the code
        error().code = std::to_string(value);
        error().status = value;
        break;
      case kErrorStatus:
        error().status = value;
        break;
      case kTopCode:
        top_code_ = std::to_string(value);
        break;
      case kUsagePrompt:
        delta_.usage.input = value;
        break;
      case kUsageCompletion:
        delta_.usage.output = value;
        break;
      case kUsageTotal:
        delta_.usage.total = value;
        break;
      case kUsageCached:
        delta_.usage.cached_input = value;
        break;
      case kUsageCacheHit:
        if (!delta_.usage.cached_input) delta_.usage.cached_input = value;
        break;
      case kUsageCacheWrite:
        delta_.usage.cache_write = value;
        break;
      case kUsageReasoning:
        delta_.usage.reasoning = value;
        break;
      default:
        break;
    }
  }

 protected:
  void start_document() override {
    choice_ = 0;
    pieces_before_choice_ = finishes_before_choice_ = 0;
    reasoning_ = reasoning_content_ = 0;
    object_.clear();
    top_type_.clear();
    top_code_.clear();
    error_word_.clear();
    finish_.clear();
  }

  void finish_document(Bytes) override {
    // The two names of one text: vLLM was seen to send both.
    delta_.reasoning_chars += std::max(reasoning_, reasoning_content_);
    if (object_ == "error" || (kind_ == DocumentKind::error_body && !delta_.error)) {
      error();
    }
    if (delta_.error) {
      if (delta_.error->type.empty()) delta_.error->type = error_word_;
      // Mistral, xAI and others put the words at the top level.
      if (delta_.error->type.empty()) delta_.error->type = top_type_;
      if (delta_.error->code.empty()) delta_.error->code = top_code_;
    }
    finished_ = finished_ || !delta_.finishes.empty();
    // Perplexity repeats running totals in every chunk; they are final only where the choice ends.
    delta_.usage_final =
        delta_.usage.output.has_value() && (whole() || finished_ || delta_.choices.empty());
  }

 private:
  bool whole() const { return kind_ == DocumentKind::answer; }

  ErrorEvent& error() {
    if (!delta_.error) delta_.error.emplace();
    return *delta_.error;
  }

  void set_choice(std::int64_t index) {
    if (index < 0 || index >= static_cast<std::int64_t>(limits::kChoicesMax)) return;
    choice_ = static_cast<std::uint32_t>(index);
    tools_.set_choice_from(pieces_before_choice_, choice_);
    for (std::size_t i = finishes_before_choice_; i < delta_.finishes.size(); ++i) {
      delta_.finishes[i].choice = choice_;
    }
  }

  void finish(Bytes part, bool last) {
    append_cut(finish_, part, limits::kRecordNameMax);
    if (!last) return;
    if (!finish_.empty() && delta_.finishes.size() < limits::kChoicesMax) {
      delta_.finishes.push_back({choice_, finish_});
    }
    finish_.clear();
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
  std::size_t finishes_before_choice_ = 0;
  std::uint64_t reasoning_ = 0;
  std::uint64_t reasoning_content_ = 0;
  std::string object_;
  std::string top_type_;
  std::string top_code_;
  std::string error_word_;
  std::string finish_;
  bool finished_ = false;
};

bool claims(const Target& target) { return target.path.ends_with("/chat/completions"); }

std::unique_ptr<Dialect> make(const Target&) { return std::make_unique<OpenaiChat>(); }

}  // namespace

extern const Entry openai_chat_entry;
const Entry openai_chat_entry{"openai.chat", claims, make};

}  // namespace llmrec::dialect
