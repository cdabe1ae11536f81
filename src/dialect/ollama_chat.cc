#include <array>

#include "base/limits.h"
#include "dialect/asked_sink.h"
#include "dialect/object_size.h"
#include "dialect/ollama.h"
#include "dialect/text.h"
#include "dialect/usage.h"

namespace llmrec::dialect {
namespace {

using wire::JsonPath;
using wire::JsonPaths;

enum Slot : std::uint16_t {
  kModel,
  kText,
  kThinking,
  kTool,
  kToolId,
  kToolName,
  kToolArguments,
  kDone,
  kDoneReason,
  kPromptTokens,
  kTokens,
  kError,
  kErrorType,
  kErrorCode,
};

constexpr std::array kAnswer = std::to_array<JsonPath>({
    {"model", kModel},
    {"message.content", kText},
    {"message.thinking", kThinking},
    {"message.tool_calls[]", kTool},
    {"message.tool_calls[].id", kToolId},
    {"message.tool_calls[].function.name", kToolName},
    {"message.tool_calls[].function.arguments", kToolArguments},
    {"response", kText},
    {"thinking", kThinking},
    {"tool_calls[]", kTool},
    {"tool_calls[].id", kToolId},
    {"tool_calls[].function.name", kToolName},
    {"tool_calls[].function.arguments", kToolArguments},
    {"done", kDone},
    {"done_reason", kDoneReason},
    {"prompt_eval_count", kPromptTokens},
    {"eval_count", kTokens},
    {"error", kError},
    {"error.type", kErrorType},  // servers that only resemble Ollama
    {"error.code", kErrorCode},
});

const JsonPaths& answer_table() {
  static const JsonPaths paths = with_object_paths(
      kAnswer, {"message.tool_calls[].function.arguments", "tool_calls[].function.arguments"});
  return paths;
}

constexpr std::array kRequest = std::to_array<JsonPath>({
    {"model", kAskedModel},
    {"stream", kAskedStream},
    {"options.num_predict", kAskedMaxTokens},
    {"messages[]", kAskedMessage},
    {"tools[]", kAskedTool},
    {"messages[].content", kAskedText},
    {"messages[].images[]", kAskedAttachment},
    {"messages[].tool_call_id", kAskedToolCallId},
    {"prompt", kAskedText},
    {"system", kAskedText},
    {"suffix", kAskedText},
    {"images[]", kAskedAttachment},
});

const JsonPaths& request_table() {
  static const JsonPaths paths{kRequest};
  return paths;
}

class Ollama final : public Dialect {
 public:
  explicit Ollama(OllamaCall call) : call_(call) {}

  std::string_view name() const override {
    return call_ == OllamaCall::chat ? "ollama.chat" : "ollama.generate";
  }
  std::string_view operation() const override {
    return call_ == OllamaCall::chat ? "chat" : "generate";
  }
  const JsonPaths& request_paths() const override { return request_table(); }
  std::unique_ptr<wire::JsonSink> request_sink(Asked& asked) const override {
    auto sink = std::make_unique<AskedSink>(asked, std::string(), std::nullopt);
    sink->stream_by_default(true);
    return sink;
  }
  const JsonPaths& answer_paths() const override { return answer_table(); }
  Framing framing() const override { return Framing::ndjson; }

  // Counts stand on the last line, but not all of them: what is 0, or came from the prompt cache,
  // is left out.
  Owes owes(const Provider&, const Asked&) const override { return {.finish = true, .done = true}; }
  record::Usage comparable(const Provider&, const record::Usage& reported) const override {
    return with_total(reported);
  }

  void on_enter(std::uint16_t slot, std::uint32_t) override {
    if (is_object_slot(slot)) return arguments_.on_enter(slot);
    switch (slot) {
      case kTool:
        // Every call is whole and another one, whatever its place in its line.
        tools_.begin_piece(0, 0);
        tools_.set_index(
            static_cast<std::uint32_t>(tools_.calls().size() + tools_.staged_count() - 1));
        break;
      case kToolArguments:
        arguments_.begin();
        break;
      case kError:
        error_of(delta_);
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
      case kModel:
        append_cut(delta_.model, part, limits::kRecordModelMax);
        break;
      case kText:
        add_chars(delta_.text_chars, part);
        break;
      case kThinking:
        add_chars(delta_.reasoning_chars, part);
        break;
      case kToolId:
        tools_.add_id(part);
        break;
      case kToolName:
        tools_.add_name(part);
        break;
      case kToolArguments:
        tools_.add_arguments(part);
        break;
      case kDoneReason:
        done_reason_.add(part, last);
        break;
      case kError:
        if (!part.empty()) error_of(delta_);
        break;
      case kErrorType:
        append_cut(error_of(delta_).type, part, limits::kRecordNameMax);
        break;
      case kErrorCode:
        append_cut(error_of(delta_).code, part, limits::kRecordNameMax);
        break;
      default:
        break;
    }
  }

  void on_int(std::uint16_t slot, std::int64_t value) override {
    if (is_object_slot(slot)) return arguments_.on_int(slot, value);
    if (slot == kPromptTokens) delta_.usage.input = value;
    if (slot == kTokens) delta_.usage.output = value;
  }
  void on_double(std::uint16_t slot, double value) override {
    if (is_object_slot(slot)) arguments_.on_double(slot, value);
  }
  void on_bool(std::uint16_t slot, bool value) override {
    if (is_object_slot(slot)) arguments_.on_bool(slot, value);
    if (slot == kDone) done_ = value;
  }
  void on_null(std::uint16_t slot) override {
    if (is_object_slot(slot)) arguments_.on_null(slot);
  }

 protected:
  void start_document() override {
    done_ = false;
    done_reason_.clear();
  }

  void finish_document(Bytes) override {
    if (kind_ == DocumentKind::error_body) {
      error_of(delta_);
      return;
    }
    if (!done_) return;
    if (done_reason_.text().empty()) {
      delta_.finish_signal = true;  // before version 0.1.38 the end had no reason
    } else {
      delta_.finishes.push_back({0, done_reason_.text(), finish_class()});
    }
    delta_.done = kind_ == DocumentKind::event;
    delta_.usage_final = delta_.usage.output.has_value();
  }

 private:
  record::FinishClass finish_class() const {
    using record::FinishClass;
    // A turn that calls tools ends with "stop" as any other does.
    const bool calls = !tools_.calls().empty() || tools_.staged();
    return done_reason_.is("stop") && calls ? FinishClass::tool : FinishClass::none;
  }

  OllamaCall call_;
  ObjectSize arguments_;
  Word done_reason_;
  bool done_ = false;
};

bool claims(const Target& target) { return target.path.ends_with("/api/chat"); }

std::unique_ptr<Dialect> make(const Target&) { return make_ollama(OllamaCall::chat); }

}  // namespace

std::unique_ptr<Dialect> make_ollama(OllamaCall call) { return std::make_unique<Ollama>(call); }

extern const Entry ollama_chat_entry;
const Entry ollama_chat_entry{"ollama.chat", claims, make};

}  // namespace llmrec::dialect
