// Gemini's Interactions API: an answer in numbered steps.
// https://ai.google.dev/gemini-api/docs/interactions/streaming (read 2026-11). Events are told by
// the JSON's own `event_type`. Before May 2026 the steps of a stream were called content, and their
// list in a whole answer outputs; both names are read.
#include <array>
#include <limits>
#include <vector>

#include "base/limits.h"
#include "dialect/dialect.h"
#include "dialect/object_size.h"
#include "dialect/openai_shared.h"
#include "dialect/path.h"
#include "dialect/text.h"
#include "dialect/tool_blocks.h"

namespace llmrec::dialect {
namespace {

using record::FinishClass;
using wire::JsonPath;
using wire::JsonPaths;

enum Slot : std::uint16_t {
  kEvent,
  kIndex,
  kId,
  kModel,
  kStatus,
  kStep,        // of an event
  kAnswerStep,  // of a whole answer
  kStepType,
  kStepId,
  kStepName,
  kStepArguments,
  kStepText,
  kStepSummary,
  kDeltaType,
  kDeltaText,
  kDeltaSummary,
  kDeltaArguments,
  kDeltaId,
  kDeltaName,
  kInput,
  kOutput,
  kCached,
  kThought,
  kToolUse,
  kTotal,
};

constexpr std::array kAnswer = std::to_array<JsonPath>({
    {"event_type", kEvent},
    {"index", kIndex},
    {"interaction.id", kId},
    {"interaction.model", kModel},
    {"interaction.status", kStatus},
    {"interaction.usage.total_input_tokens", kInput},
    {"interaction.usage.total_output_tokens", kOutput},
    {"interaction.usage.total_cached_tokens", kCached},
    {"interaction.usage.total_thought_tokens", kThought},
    {"interaction.usage.total_tool_use_tokens", kToolUse},
    {"interaction.usage.total_tokens", kTotal},
    {"status", kStatus},  // of a status update, and of a whole answer
    {"step", kStep},
    {"step.type", kStepType},
    {"step.id", kStepId},
    {"step.name", kStepName},
    {"step.arguments", kStepArguments},
    {"step.content[].text", kStepText},
    {"step.summary[].text", kStepSummary},
    {"content", kStep},
    {"content.type", kStepType},
    {"content.id", kStepId},
    {"content.name", kStepName},
    {"content.arguments", kStepArguments},
    {"content.text", kStepText},
    {"delta.type", kDeltaType},
    {"delta.text", kDeltaText},
    {"delta.content.text", kDeltaSummary},
    {"delta.arguments", kDeltaArguments},
    {"delta.id", kDeltaId},
    {"delta.name", kDeltaName},
    {"id", kId},
    {"model", kModel},
    {"usage.total_input_tokens", kInput},
    {"usage.total_output_tokens", kOutput},
    {"usage.total_cached_tokens", kCached},
    {"usage.total_thought_tokens", kThought},
    {"usage.total_tool_use_tokens", kToolUse},
    {"usage.total_tokens", kTotal},
    {"steps[]", kAnswerStep},
    {"steps[].type", kStepType},
    {"steps[].id", kStepId},
    {"steps[].name", kStepName},
    {"steps[].arguments", kStepArguments},
    {"steps[].content[].text", kStepText},
    {"steps[].summary[].text", kStepSummary},
    {"outputs[]", kAnswerStep},
    {"outputs[].type", kStepType},
    {"outputs[].id", kStepId},
    {"outputs[].name", kStepName},
    {"outputs[].arguments", kStepArguments},
    {"outputs[].text", kStepText},
    {"outputs[].summary[].text", kStepSummary},
});

const JsonPaths& answer_table() {
  static const JsonPaths paths = [] {
    std::vector<JsonPath> named(OpenaiErrors::paths().begin(), OpenaiErrors::paths().end());
    named.insert(named.end(), kAnswer.begin(), kAnswer.end());
    return with_object_paths(named, {"step.arguments", "content.arguments", "delta.arguments",
                                     "steps[].arguments", "outputs[].arguments"});
  }();
  return paths;
}

enum RequestSlot : std::uint16_t {
  kAskedModel,
  kAskedStream,
  kAskedMaxTokens,
  kAskedTool,
  kAskedInput,
  kAskedInputObject,
  kAskedText,
  kAskedAttachment,
  kAskedResultId,
  kAskedResult,
};

constexpr std::array kRequest = std::to_array<JsonPath>({
    {"model", kAskedModel},
    {"agent", kAskedModel},
    {"stream", kAskedStream},
    {"generation_config.max_output_tokens", kAskedMaxTokens},
    {"tools[]", kAskedTool},
    {"system_instruction", kAskedText},
    {"input", kAskedInput},  // a text, or one part
    {"input.text", kAskedText},
    {"input.data", kAskedAttachment},
    {"input[]", kAskedInputObject},
    {"input[].text", kAskedText},
    {"input[].data", kAskedAttachment},
    {"input[].content", kAskedText},
    {"input[].content[].text", kAskedText},
    {"input[].content[].data", kAskedAttachment},
    {"input[].call_id", kAskedResultId},
    {"input[].result", kAskedResult},
});

const JsonPaths& request_table() {
  static const JsonPaths paths = with_object_paths(kRequest, {"input[].result"});
  return paths;
}

class RequestSink final : public wire::JsonSink {
 public:
  RequestSink(Asked& asked, bool stream) : asked_(asked), path_stream_(stream) {
    asked_.stream = stream;
    asked_.tool_count = 0;
  }
  void on_enter(std::uint16_t slot, std::uint32_t) override {
    if (is_object_slot(slot)) return result_.on_enter(slot);
    if (slot == kAskedTool) count_one(asked_.tool_count);
    if (slot == kAskedInputObject) count_one(asked_.message_count);
    if (slot == kAskedResult) result_.begin();
  }
  void on_leave(std::uint16_t slot) override {
    if (is_object_slot(slot)) return result_.on_leave();
    if (slot == kAskedResult) {
      asked_.text_chars = saturating_add(asked_.text_chars, result_.chars());
    }
  }
  void on_string(std::uint16_t slot, Bytes part, bool last) override {
    if (is_object_slot(slot)) return result_.on_string(slot, part, last);
    switch (slot) {
      case kAskedModel:
        append_cut(asked_.model, part, limits::kRecordModelMax);
        break;
      case kAskedInput:
        if (last) asked_.message_count = 1;
        add_chars(asked_.text_chars, part);
        break;
      case kAskedText:
      case kAskedResult:
        add_chars(asked_.text_chars, part);
        break;
      case kAskedAttachment:
        add_bytes(asked_.attachment_bytes, part);
        break;
      case kAskedResultId:
        if (result_id_.add(part, last)) add_tool_result_id(asked_, result_id_.text());
        break;
      default:
        break;
    }
  }
  void on_int(std::uint16_t slot, std::int64_t value) override {
    if (is_object_slot(slot)) return result_.on_int(slot, value);
    if (slot == kAskedMaxTokens) asked_.max_output_tokens = value;
  }
  void on_bool(std::uint16_t slot, bool value) override {
    if (is_object_slot(slot)) return result_.on_bool(slot, value);
    if (slot == kAskedStream) asked_.stream = value || path_stream_;
  }
  void on_double(std::uint16_t slot, double value) override {
    if (is_object_slot(slot)) result_.on_double(slot, value);
  }
  void on_null(std::uint16_t slot) override {
    if (is_object_slot(slot)) result_.on_null(slot);
  }
  void on_key(std::uint16_t, Bytes key) override { result_.on_key(key); }

 private:
  Asked& asked_;
  const bool path_stream_;
  Word result_id_{limits::kRecordIdTextMax};
  ObjectSize result_;
};

class GeminiInteractions final : public Dialect {
 public:
  explicit GeminiInteractions(bool stream) : path_stream_(stream) {}

  std::string_view name() const override { return "gemini.interactions"; }
  std::string_view operation() const override { return "interactions"; }
  const JsonPaths& request_paths() const override { return request_table(); }
  std::unique_ptr<wire::JsonSink> request_sink(Asked& asked) const override {
    return std::make_unique<RequestSink>(asked, path_stream_);
  }
  const JsonPaths& answer_paths() const override { return answer_table(); }
  bool done_sentinel() const override { return true; }

  // interaction.completed is the end and carries the usage; the [DONE] behind it adds nothing.
  Owes owes(const Provider&, const Asked&) const override {
    return {.finish = true, .done = true, .usage = false};
  }

  record::Usage comparable(const Provider&, const record::Usage& reported) const override {
    record::Usage usage = reported;
    if (usage.input) *usage.input += tool_use_;
    if (usage.reasoning) usage.output = usage.output.value_or(0) + *usage.reasoning;
    return usage;
  }

  void on_enter(std::uint16_t slot, std::uint32_t position) override {
    if (is_object_slot(slot)) return step_.arguments.on_enter(slot);
    if (OpenaiErrors::owns(slot)) return errors_.on_enter(slot, delta_);
    switch (slot) {
      case kAnswerStep:
      case kStep:
        step_.clear();
        step_.position = position;
        break;
      case kStepArguments:
      case kDeltaArguments:
        step_.arguments.begin();
        break;
      default:
        break;
    }
  }

  void on_leave(std::uint16_t slot) override {
    if (is_object_slot(slot)) return step_.arguments.on_leave();
    if (slot != kAnswerStep || kind_ != DocumentKind::answer) return;
    count_step_text();
    if (!step_.type.is(kCall)) return;
    tools_.begin_piece(0, step_.position);
    tools_.add_id(step_.id.text());
    tools_.add_name(step_.name.text());
    tools_.set_arguments_object(step_.arguments.octets());
  }

  void on_string(std::uint16_t slot, Bytes part, bool last) override {
    if (is_object_slot(slot)) return step_.arguments.on_string(slot, part, last);
    if (OpenaiErrors::owns(slot)) return errors_.on_string(slot, part, last, delta_);
    switch (slot) {
      case kEvent:
        event_.add(part, last);
        break;
      case kId:
        append_cut(delta_.response_id, part, limits::kRecordIdTextMax);
        break;
      case kModel:
        append_cut(delta_.model, part, limits::kRecordModelMax);
        break;
      case kStatus:
        status_.add(part, last);
        break;
      case kStepType:
        step_.type.add(part, last);
        break;
      case kStepId:
      case kDeltaId:
        step_.id.add(part, last);
        break;
      case kStepName:
      case kDeltaName:
        step_.name.add(part, last);
        break;
      case kStepText:
        add_chars(step_.text, part);
        break;
      case kStepSummary:
        add_chars(step_.summary, part);
        break;
      case kDeltaType:
        delta_type_.add(part, last);
        break;
      case kDeltaText:
        add_chars(delta_text_, part);
        break;
      case kDeltaSummary:
        add_chars(delta_summary_, part);
        break;
      case kDeltaArguments:
        arguments(part);
        break;
      default:
        break;
    }
  }

  void on_int(std::uint16_t slot, std::int64_t value) override {
    if (is_object_slot(slot)) return step_.arguments.on_int(slot, value);
    if (OpenaiErrors::owns(slot)) return errors_.on_int(slot, value, delta_);
    switch (slot) {
      case kIndex:
        if (value < 0 || value > std::numeric_limits<std::uint32_t>::max()) break;
        index_ = static_cast<std::uint32_t>(value);
        if (tools_.staged()) tools_.set_index(index_);
        break;
      case kInput:
        delta_.usage.input = value;
        break;
      case kOutput:
        delta_.usage.output = value;
        break;
      case kCached:
        delta_.usage.cached_input = value;
        break;
      case kThought:
        delta_.usage.reasoning = value;
        break;
      case kToolUse:
        document_tool_use_ = value;
        break;
      case kTotal:
        delta_.usage.total = value;
        break;
      default:
        break;
    }
  }

  void on_bool(std::uint16_t slot, bool value) override {
    if (is_object_slot(slot)) step_.arguments.on_bool(slot, value);
  }
  void on_double(std::uint16_t slot, double value) override {
    if (is_object_slot(slot)) step_.arguments.on_double(slot, value);
  }
  void on_null(std::uint16_t slot) override {
    if (is_object_slot(slot)) step_.arguments.on_null(slot);
  }
  void on_key(std::uint16_t, Bytes key) override { step_.arguments.on_key(key); }

 protected:
  void start_document() override {
    errors_.clear();
    event_.clear();
    status_.clear();
    delta_type_.clear();
    step_.clear();
    delta_text_ = delta_summary_ = 0;
    document_tool_use_.reset();
  }

  void finish_document(Bytes) override {
    if (event_.is("error")) error_of(delta_);
    if (kind_ == DocumentKind::answer) {
      finish();
      delta_.usage_final = delta_.usage.output.has_value();
    } else if (kind_ == DocumentKind::event) {
      finish_event();
    }
    if (document_tool_use_) tool_use_ = *document_tool_use_;
    errors_.finish(kind_, delta_);
  }

 private:
  static constexpr Bytes kCall = "function_call";

  struct Step {
    Word type;
    Word id{limits::kRecordIdTextMax};
    Word name{limits::kToolNameMax};
    std::uint32_t position = 0;
    std::uint64_t text = 0;
    std::uint64_t summary = 0;
    ObjectSize arguments;
    void clear() {
      type.clear();
      id.clear();
      name.clear();
      position = 0;
      text = summary = 0;
      arguments.clear();
    }
  };

  void arguments(Bytes part) {
    if (part.empty() || kind_ != DocumentKind::event) return;
    if (!tools_.staged()) {
      tools_.begin_piece(0, index_);
      tools_.set_index(index_);  // a number behind the arguments corrects it
    }
    tools_.add_arguments(part);
  }

  void count_step_text() {
    if (step_.type.is("model_output") || step_.type.is("text")) {
      delta_.text_chars = saturating_add(delta_.text_chars, step_.text);
    }
    if (step_.type.is("thought")) {
      delta_.reasoning_chars = saturating_add(delta_.reasoning_chars, step_.summary);
    }
  }

  // An interaction is over with any status but these.
  void finish() {
    if (status_.text().empty() || status_.is("in_progress") || status_.is("queued")) return;
    FinishClass cls = finish_class(status_.text());
    if (status_.is("budget_exceeded")) cls = FinishClass::length;
    const bool called = !tools_.calls().empty() || tools_.staged();
    if (cls == FinishClass::stop && called) cls = FinishClass::tool;
    if (cls == FinishClass::length) blocks_.cut();
    delta_.finishes.push_back({0, status_.text(), cls});
  }

  bool event_is(Bytes now, Bytes before) const { return event_.is(now) || event_.is(before); }

  void finish_event() {
    const bool piece = event_is("step.delta", "content.delta");
    if (!piece) tools_.discard();
    if (piece) {
      finish_delta();
    } else if (event_is("step.start", "content.start")) {
      count_step_text();
      if (step_.type.is(kCall)) {
        blocks_.start(index_, step_.id.text(), step_.name.text(), step_.arguments.octets());
      } else {
        blocks_.forget(index_);
      }
    } else if (event_is("step.stop", "content.stop")) {
      blocks_.stop(index_);
    } else if (event_is("interaction.completed", "interaction.complete")) {
      finish();
      delta_.done = true;
      delta_.usage_final = delta_.usage.output.has_value();
    } else if (event_.is("interaction.status_update")) {
      finish();
    }
  }

  void finish_delta() {
    if (delta_type_.is("text")) delta_.text_chars = delta_text_;
    if (delta_type_.is("thought_summary")) {
      delta_.reasoning_chars = saturating_add(delta_summary_, delta_text_);
    }
    if (delta_type_.is(kCall)) {  // before May 2026: the whole call in one delta
      tools_.discard();
      tools_.begin_piece(0, index_);
      tools_.set_index(index_);
      tools_.add_id(step_.id.text());
      tools_.add_name(step_.name.text());
      tools_.set_arguments_object(step_.arguments.octets());
      return;
    }
    if (!delta_type_.is("arguments_delta")) tools_.discard();
    if (tools_.staged()) blocks_.arguments(index_);
  }

  const bool path_stream_;
  OpenaiErrors errors_;
  ToolBlocks blocks_{tools_};
  Word event_;
  Word status_;
  Word delta_type_;
  Step step_;
  std::uint32_t index_ = 0;
  std::uint64_t delta_text_ = 0;
  std::uint64_t delta_summary_ = 0;
  std::optional<std::int64_t> document_tool_use_;
  std::int64_t tool_use_ = 0;
};

// A new interaction, or one that is watched again by its id.
bool claims(const Target& target) {
  constexpr Bytes kName = "/interactions";
  if (!target.path.starts_with("/v1")) return false;
  if (target.path.ends_with(kName)) return true;
  const auto slash = target.path.rfind('/');
  const Bytes id = target.path.substr(slash + 1);
  return target.method == "GET" && target.path.substr(0, slash).ends_with(kName) && !id.empty() &&
         id.find(':') == Bytes::npos;
}

std::unique_ptr<Dialect> make(const Target& target) {
  return std::make_unique<GeminiInteractions>(query_value(target.query, "stream").value_or("") ==
                                              "true");
}

}  // namespace

extern const Entry gemini_interactions_entry;
const Entry gemini_interactions_entry{"gemini.interactions", claims, make};

}  // namespace llmrec::dialect
