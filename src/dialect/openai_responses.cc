// OpenAI Responses and its copies (Azure, xAI, DeepSeek, OpenRouter, Bedrock's mantle, vLLM, ...).
// https://platform.openai.com/docs/api-reference/responses-streaming (read 2026-11). What an event
// is stands in its JSON `type` alone: OpenRouter and Bedrock send no event names. Members come in
// any order, so `delta` may pass before the type that says what it is a piece of. A WebSocket's
// messages are the same events: one document each.
#include <algorithm>
#include <array>
#include <limits>

#include "base/limits.h"
#include "dialect/dialect.h"
#include "dialect/openai_responses_request.h"
#include "dialect/openai_shared.h"
#include "dialect/text.h"

namespace llmrec::dialect {
namespace {

using record::FinishClass;
using wire::JsonPath;
using wire::JsonPaths;

enum Slot : std::uint16_t {
  kType,
  kSequence,
  kOutputIndex,
  kDelta,
  kArguments,  // the whole of it again, where no delta brought it
  kInput,
  kCode,
  kItem,
  kItemType,
  kItemStatus,
  kItemCallId,
  kItemName,
  kItemArguments,
  kItemInput,
  kItemEnvironment,
  kResponseId,
  kResponseModel,
  kResponseStatus,
  kResponseReason,
  kResponseError,
  kResponseErrorCode,
  // Of a whole answer.
  kAnswerId,
  kAnswerModel,
  kAnswerStatus,
  kAnswerReason,
  kOutput,
  kPart,
  kPartType,
  kPartText,
  kPartRefusal,
  kSummaryText,
};

// Behind those of the errors: an event's `type` and `code` are not an error's.
constexpr std::array kAnswer = std::to_array<JsonPath>({
    {"type", kType},
    {"code", kCode},
    {"sequence_number", kSequence},
    {"output_index", kOutputIndex},
    {"delta", kDelta},
    {"arguments", kArguments},
    {"input", kInput},
    {"item", kItem},
    {"item.type", kItemType},
    {"item.status", kItemStatus},
    {"item.call_id", kItemCallId},
    {"item.name", kItemName},
    {"item.arguments", kItemArguments},
    {"item.input", kItemInput},
    {"item.environment.type", kItemEnvironment},
    {"response.id", kResponseId},
    {"response.model", kResponseModel},
    {"response.status", kResponseStatus},
    {"response.incomplete_details.reason", kResponseReason},
    {"response.error", kResponseError},
    {"response.error.code", kResponseErrorCode},
    {"id", kAnswerId},
    {"model", kAnswerModel},
    {"status", kAnswerStatus},
    {"incomplete_details.reason", kAnswerReason},
    {"output[]", kOutput},
    {"output[].type", kItemType},
    {"output[].status", kItemStatus},
    {"output[].call_id", kItemCallId},
    {"output[].name", kItemName},
    {"output[].arguments", kItemArguments},
    {"output[].input", kItemInput},
    {"output[].environment.type", kItemEnvironment},
    {"output[].content[]", kPart},
    {"output[].content[].type", kPartType},
    {"output[].content[].text", kPartText},
    {"output[].content[].refusal", kPartRefusal},
    {"output[].summary[].text", kSummaryText},
});

const JsonPaths& answer_table() {
  static const JsonPaths paths =
      join({OpenaiErrors::paths(), OpenaiUsage::responses_paths(), kAnswer});
  return paths;
}

bool is_terminal(Bytes status) {
  return status == "completed" || status == "incomplete" || status == "failed" ||
         status == "cancelled" || status == "complete";  // the last from proxies
}

// What an event's `delta` is a piece of.
enum class Piece : std::uint8_t { none, text, refusal, reasoning, arguments, free_text };

Piece piece_of(Bytes type) {
  struct Row {
    Bytes type;
    Piece piece;
  };
  static constexpr std::array kRows = std::to_array<Row>({
      {"response.output_text.delta", Piece::text},
      {"response.refusal.delta", Piece::refusal},
      {"response.reasoning_text.delta", Piece::reasoning},
      {"response.reasoning_summary_text.delta", Piece::reasoning},
      {"response.reasoning.delta", Piece::reasoning},  // older names of the two
      {"response.reasoning_summary.delta", Piece::reasoning},
      {"response.function_call_arguments.delta", Piece::arguments},
      {"response.custom_tool_call_input.delta", Piece::free_text},
  });
  for (const Row& row : kRows) {
    if (row.type == type) return row.piece;
  }
  return Piece::none;
}

// A call that the client has to carry out. Web search, MCP and the like run at the provider.
enum class Call : std::uint8_t { none, function, free_text };

Call call_of(const Word& type, const Word& environment) {
  if (type.is("function_call")) return Call::function;
  if (type.is("custom_tool_call") || type.is("local_shell_call") || type.is("computer_call") ||
      type.is("apply_patch_call") || (type.is("shell_call") && environment.is("local"))) {
    return Call::free_text;
  }
  return Call::none;
}

class OpenaiResponses final : public Dialect {
 public:
  explicit OpenaiResponses(bool stream_by_query) : stream_by_query_(stream_by_query) {}

  std::string_view name() const override { return "openai.responses"; }
  std::string_view operation() const override { return "responses"; }
  const JsonPaths& request_paths() const override { return responses_request_paths(); }
  std::unique_ptr<wire::JsonSink> request_sink(Asked& asked) const override {
    return responses_request_sink(asked, stream_by_query_);
  }
  const JsonPaths& answer_paths() const override { return answer_table(); }

  // The terminal event is marker, finish and usage in one. Once it is there no more can come.
  Owes owes(const Provider&, const Asked&) const override {
    return {.finish = true, .done = true, .usage = !ended_};
  }

  // Cached input and reasoning are in the sums, at xAI too.
  record::Usage comparable(const Provider&, const record::Usage& reported) const override {
    record::Usage usage = reported;
    if (usage.cached_input && usage.input) {
      usage.cached_input = std::min(*usage.cached_input, *usage.input);
    }
    return usage;
  }

  void on_enter(std::uint16_t slot, std::uint32_t position) override {
    switch (slot) {
      case kOutput:
        if (kind_ != DocumentKind::answer) break;
        clear_item();
        in_output_ = true;
        tools_.begin_piece(0, position);
        break;
      case kPart:
        part_type_.clear();
        part_chars_ = 0;
        break;
      case kResponseError:
        error_of(delta_);
        break;
      default:
        errors_.on_enter(slot, delta_);
        break;
    }
  }

  void on_leave(std::uint16_t slot) override {
    if (kind_ != DocumentKind::answer) return;
    if (slot == kPart) {
      (part_type_.is("reasoning_text") ? item_reasoning_ : item_text_) += part_chars_;
    } else if (slot == kOutput) {
      end_answer_item();
      in_output_ = false;
    }
  }

  void on_string(std::uint16_t slot, Bytes part, bool last) override {
    if (OpenaiErrors::owns(slot)) return errors_.on_string(slot, part, last, delta_);
    switch (slot) {
      case kType:
        type_.add(part, last);
        break;
      case kCode:
        code_.add(part, last);
        break;
      case kDelta:
        on_delta(part);
        break;
      case kArguments:
      case kInput:
        if (kind_ == DocumentKind::event) stage(part);
        break;
      case kResponseId:
      case kAnswerId:
        append_cut(delta_.response_id, part, limits::kRecordIdTextMax);
        break;
      case kResponseModel:
      case kAnswerModel:
        append_cut(delta_.model, part, limits::kRecordModelMax);
        break;
      case kResponseStatus:
      case kAnswerStatus:
        status_.add(part, last);
        break;
      case kResponseReason:
      case kAnswerReason:
        reason_.add(part, last);
        break;
      case kResponseErrorCode:
        append_cut(error_of(delta_).code, part, limits::kRecordNameMax);
        break;
      default:
        on_item(slot, part, last);
        break;
    }
  }

  void on_int(std::uint16_t slot, std::int64_t value) override {
    if (OpenaiErrors::owns(slot)) return errors_.on_int(slot, value, delta_);
    if (OpenaiUsage::owns(slot)) return OpenaiUsage::on_int(slot, value, delta_);
    switch (slot) {
      case kSequence:
        sequence_ = value;
        break;
      case kCode:
        code_.add(std::to_string(value), true);
        break;
      case kOutputIndex:
        if (value < 0 || value >= std::numeric_limits<std::uint32_t>::max()) break;
        index_ = static_cast<std::uint32_t>(value);
        if (tools_.staged()) tools_.set_index(*index_);
        break;
      default:
        break;
    }
  }

  void on_double(std::uint16_t slot, double value) override {
    if (OpenaiUsage::owns(slot)) OpenaiUsage::on_double(slot, value, delta_);
  }

 protected:
  void start_document() override {
    type_.clear();
    code_.clear();
    status_.clear();
    reason_.clear();
    errors_.clear();
    clear_item();
    index_.reset();
    sequence_.reset();
    chars_ = piece_bytes_ = 0;
    in_output_ = false;
  }

  void finish_document(Bytes) override {
    if (kind_ == DocumentKind::event) {
      finish_event();
    } else if (kind_ == DocumentKind::answer && is_terminal(status_.text())) {
      finish_response();
    }
    errors_.finish(kind_, delta_);
    if (!delta_.error) return;
    if (kind_ == DocumentKind::error_body && delta_.error->type.empty()) {
      delta_.error->type = type_.text();
    }
    if (delta_.error->code.empty()) delta_.error->code = code_.text();
  }

 private:
  // `item` of an event, or one of output[].
  void clear_item() {
    item_type_.clear();
    item_status_.clear();
    item_environment_.clear();
    call_id_.clear();
    call_name_.clear();
    item_text_ = item_reasoning_ = item_refusal_ = 0;
  }

  // Text, or arguments of a call: only the type tells, and it may yet come.
  void on_delta(Bytes part) {
    if (kind_ != DocumentKind::event) return;
    chars_ += code_points(part);
    const Piece piece = type_.text().empty() ? Piece::arguments : piece_of(type_.text());
    if (piece == Piece::arguments || piece == Piece::free_text) stage(part);
  }

  void stage(Bytes part) {
    if (!tools_.staged()) {
      tools_.begin_piece(0, 0);
      tools_.set_index(index_.value_or(last_index_));
    }
    tools_.add_arguments(part);
    piece_bytes_ += part.size();
  }

  void on_item(std::uint16_t slot, Bytes part, bool last) {
    switch (slot) {
      case kItemType:
        item_type_.add(part, last);
        break;
      case kItemStatus:
        item_status_.add(part, last);
        break;
      case kItemEnvironment:
        item_environment_.add(part, last);
        break;
      case kItemCallId:
        call_id_.add(part, last);
        break;
      case kItemName:
        call_name_.add(part, last);
        break;
      case kItemArguments:
      case kItemInput:
        if (kind_ == DocumentKind::event || in_output_) stage(part);
        break;
      case kPartType:
        part_type_.add(part, last);
        break;
      case kPartText:
        part_chars_ += code_points(part);
        break;
      case kPartRefusal:
        item_refusal_ += code_points(part);
        break;
      case kSummaryText:
        item_reasoning_ += code_points(part);
        break;
      default:
        break;
    }
  }

  // --- events

  void finish_event() {
    const Bytes type = type_.text();
    note_sequence();
    if (type == "response.output_item.added") {
      finish_item(false);
    } else if (type == "response.output_item.done") {
      finish_item(true);
    } else if (type == "response.function_call_arguments.done") {
      finish_arguments(Piece::arguments);
    } else if (type == "response.custom_tool_call_input.done") {
      finish_arguments(Piece::free_text);
    } else {
      finish_piece(piece_of(type));
    }
    delta_.ping = type == "keepalive";
    if (type == "error") error_of(delta_);
    const bool terminal = type == "response.completed" || type == "response.incomplete" ||
                          type == "response.failed" || type == "response.cancelled";
    if (terminal) {
      finish_response();
      delta_.done = ended_ = true;
    } else {
      // Numbers of a response that goes on are not the last.
      delta_.cost_nano_usd.reset();
    }
  }

  // Numbered from 0, one by one, keep-alives included. Where the first is not 0 the stream was
  // taken up again, or the copy counts in its own way.
  void note_sequence() {
    if (!sequence_ || *sequence_ < 0) return;
    delta_.sequence_gap =
        last_sequence_ && *sequence_ > *last_sequence_ && *sequence_ - *last_sequence_ > 1;
    last_sequence_ = sequence_;
  }

  void finish_piece(Piece piece) {
    switch (piece) {
      case Piece::text:
        delta_.text_chars = chars_;
        break;
      case Piece::refusal:
        delta_.refusal_chars = chars_;
        break;
      case Piece::reasoning:
        delta_.reasoning_chars = chars_;
        break;
      case Piece::free_text:
      case Piece::arguments:
        last_index_ = index_.value_or(last_index_);
        if (piece_bytes_ == 0) break;
        if (piece == Piece::free_text) tools_.add_free_text({});
        return;
      case Piece::none:
        break;
    }
    tools_.discard();
  }

  // The whole arguments once more. They count where a copy sends no deltas.
  void finish_arguments(Piece piece) {
    const ToolCallState* call = known_call(index_.value_or(last_index_));
    if (call == nullptr || call->arguments_bytes != 0 || piece_bytes_ == 0) {
      return tools_.discard();
    }
    if (piece == Piece::free_text) tools_.add_free_text({});
  }

  void finish_item(bool done) {
    const Call kind = call_of(item_type_, item_environment_);
    if (kind == Call::none) return tools_.discard();
    const std::uint32_t index = index_.value_or(done ? last_index_ : next_index_);
    last_index_ = index;
    next_index_ = std::max(next_index_, index + 1);
    const ToolCallState* call = known_call(index);
    const bool news = call == nullptr || (call->arguments_bytes == 0 && piece_bytes_ != 0);
    if (done && !news) {  // no more than the end of what is known
      tools_.discard();
      if (item_status_.is("incomplete")) {
        tools_.cut_call(0, index);
      } else {
        tools_.end_call(0, index);
      }
      return;
    }
    // Arguments that stand in the first event of a call come again in its deltas.
    if (!done) tools_.discard();
    if (!tools_.staged()) tools_.begin_piece(0, 0);
    tools_.set_index(index);
    tools_.add_id(call_id_.text());
    name_call();
    if (kind == Call::free_text) tools_.add_free_text({});
    if (done) end_piece();
  }

  // The limit cut it: its arguments, however they look, are not all of them.
  void end_piece() {
    if (item_status_.is("incomplete")) {
      tools_.set_cut();
    } else {
      tools_.set_ended();
    }
  }

  // Some calls have no name but what they are.
  void name_call() {
    tools_.add_name(call_name_.text().empty() ? item_type_.text() : call_name_.text());
  }

  const ToolCallState* known_call(std::uint32_t index) const {
    const auto& calls = tools_.calls();
    const auto it = std::find_if(calls.rbegin(), calls.rend(), [index](const ToolCallState& call) {
      return call.index == index;
    });
    return it == calls.rend() ? nullptr : &*it;
  }

  bool called_tool() const { return !tools_.calls().empty() || tools_.staged(); }

  // --- the response object

  void finish_response() {
    if (status_.text().empty()) {  // left out by some copies; the event says it too
      const Bytes type = type_.text();
      const auto dot = type.rfind('.');
      if (dot != Bytes::npos) status_.add(type.substr(dot + 1), true);
    }
    Finish finish{.choice = 0, .reason = status_.text()};
    const FinishClass said = finish_class(finish.reason);
    if (said == FinishClass::stop && called_tool()) finish.cls = FinishClass::tool;
    if (status_.is("incomplete") && reason_.is("content_filter")) finish.cls = FinishClass::filter;
    delta_.finishes.push_back(finish);
    // `incomplete` was seen with nothing but zeros: those are no numbers.
    const record::Usage& usage = delta_.usage;
    const bool zeros = usage.input.value_or(0) == 0 && usage.output.value_or(0) == 0;
    delta_.usage_final = usage.output.has_value() && !(status_.is("incomplete") && zeros);
  }

  void end_answer_item() {
    const Call kind = call_of(item_type_, item_environment_);
    if (kind == Call::none) {
      tools_.drop_piece();
    } else {
      tools_.add_id(call_id_.text());
      name_call();
      if (kind == Call::free_text) tools_.add_free_text({});
      end_piece();
    }
    if (item_type_.is("reasoning")) {
      item_reasoning_ += item_text_;
      item_text_ = 0;
    }
    if (item_type_.is("reasoning") || item_type_.is("message")) {
      delta_.text_chars += item_text_;
      delta_.reasoning_chars += item_reasoning_;
      delta_.refusal_chars += item_refusal_;
    }
  }

  const bool stream_by_query_;
  OpenaiErrors errors_;
  Word type_;
  Word code_;
  Word status_;
  Word reason_;
  Word item_type_;
  Word item_status_;
  Word item_environment_;
  Word call_id_{limits::kRecordIdTextMax};
  Word call_name_{limits::kToolNameMax};
  Word part_type_;
  bool in_output_ = false;
  std::uint64_t part_chars_ = 0;
  std::uint64_t item_text_ = 0;
  std::uint64_t item_reasoning_ = 0;
  std::uint64_t item_refusal_ = 0;
  std::uint64_t chars_ = 0;  // of `delta`
  std::uint64_t piece_bytes_ = 0;
  std::optional<std::uint32_t> index_;
  std::optional<std::int64_t> sequence_;
  // Over the whole answer.
  std::optional<std::int64_t> last_sequence_;
  std::uint32_t last_index_ = 0;  // of the call that was last spoken of
  std::uint32_t next_index_ = 0;
  bool ended_ = false;
};

bool has_parameter(Bytes query, Bytes wanted) {
  while (!query.empty()) {
    const auto end = query.find('&');
    if (query.substr(0, end) == wanted) return true;
    if (end == Bytes::npos) break;
    query.remove_prefix(end + 1);
  }
  return false;
}

// A response that runs in the background is read, also as a stream, by GET /responses/{id}; what
// else stands behind /responses/ (cancel, compact, input_items) is something else.
bool claims(const Target& target) {
  constexpr Bytes kName = "/responses";
  if (target.path.ends_with(kName)) return true;
  const auto slash = target.path.rfind('/');
  return target.method == "GET" && slash != Bytes::npos && slash + 1 < target.path.size() &&
         target.path.substr(0, slash).ends_with(kName);
}

std::unique_ptr<Dialect> make(const Target& target) {
  return std::make_unique<OpenaiResponses>(has_parameter(target.query, "stream=true"));
}

}  // namespace

extern const Entry openai_responses_entry;
const Entry openai_responses_entry{"openai.responses", claims, make};

}  // namespace llmrec::dialect
