// Gemini's generateContent and streamGenerateContent: Gemini API, Vertex AI, Firebase.
// https://ai.google.dev/api/generate-content and
// https://cloud.google.com/vertex-ai/generative-ai/docs/reference/rest (read 2026-11).
// Model and streaming stand in the path. Without `alt=sse` a stream is one JSON array. There is no
// marker behind the last chunk: the finish reason is the end.
#include <algorithm>
#include <array>
#include <bitset>
#include <span>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "dialect/dialect.h"
#include "dialect/gemini_request.h"
#include "dialect/object_size.h"
#include "dialect/openai_shared.h"
#include "dialect/path.h"
#include "dialect/text.h"

namespace llmrec::dialect {
namespace {

using gemini::PathSays;
using record::FinishClass;
using wire::JsonPath;
using wire::JsonPaths;

enum Slot : std::uint16_t {
  kId,
  kModel,
  kCandidate,
  kCandidateIndex,
  kFinish,
  kPart,
  kText,
  kThought,
  kCall,
  kCallId,
  kCallName,
  kCallArguments,
  kCallPart,
  kCallPartText,
  kCallContinues,
  kBlocked,
  kPrompt,
  kToolPrompt,
  kOutput,
  kThoughts,
  kCached,
  kTotal,
};

constexpr std::array kAnswer = std::to_array<JsonPath>({
    {"responseId", kId},
    {"modelVersion", kModel},
    {"candidates[]", kCandidate},
    {"candidates[].index", kCandidateIndex},
    {"candidates[].finishReason", kFinish},
    {"candidates[].content.parts[]", kPart},
    {"candidates[].content.parts[].text", kText},
    {"candidates[].content.parts[].thought", kThought},
    {"candidates[].content.parts[].functionCall", kCall},
    {"candidates[].content.parts[].functionCall.id", kCallId},
    {"candidates[].content.parts[].functionCall.name", kCallName},
    {"candidates[].content.parts[].functionCall.args", kCallArguments},
    {"candidates[].content.parts[].functionCall.partialArgs[]", kCallPart},
    {"candidates[].content.parts[].functionCall.partialArgs[].stringValue", kCallPartText},
    {"candidates[].content.parts[].functionCall.partialArgs[].numberValue", kCallPartText},
    {"candidates[].content.parts[].functionCall.partialArgs[].boolValue", kCallPartText},
    {"candidates[].content.parts[].functionCall.partialArgs[].nullValue", kCallPartText},
    {"candidates[].content.parts[].functionCall.willContinue", kCallContinues},
    {"promptFeedback.blockReason", kBlocked},
    {"usageMetadata.promptTokenCount", kPrompt},
    {"usageMetadata.toolUsePromptTokenCount", kToolPrompt},
    {"usageMetadata.candidatesTokenCount", kOutput},
    {"usageMetadata.thoughtsTokenCount", kThoughts},
    {"usageMetadata.cachedContentTokenCount", kCached},
    {"usageMetadata.totalTokenCount", kTotal},
});

const JsonPaths& answer_table() {
  static const JsonPaths paths = [] {
    std::vector<JsonPath> named(OpenaiErrors::paths().begin(), OpenaiErrors::paths().end());
    named.insert(named.end(), kAnswer.begin(), kAnswer.end());
    return with_object_paths(named, {"candidates[].content.parts[].functionCall.args"});
  }();
  return paths;
}

// The finish reasons as numbers, for clients that ask for `enum-encoding=int`. The two APIs number
// them differently: google/ai/generativelanguage/v1beta/generative_service.proto and
// google/cloud/aiplatform/v1/content.proto (read 2026-11).
constexpr std::array<std::string_view, 14> kGeminiReasons{"",
                                                          "STOP",
                                                          "MAX_TOKENS",
                                                          "SAFETY",
                                                          "RECITATION",
                                                          "OTHER",
                                                          "LANGUAGE",
                                                          "BLOCKLIST",
                                                          "PROHIBITED_CONTENT",
                                                          "SPII",
                                                          "MALFORMED_FUNCTION_CALL",
                                                          "IMAGE_SAFETY",
                                                          "UNEXPECTED_TOOL_CALL",
                                                          "TOO_MANY_TOOL_CALLS"};
constexpr std::array<std::string_view, 17> kVertexReasons{"",
                                                          "STOP",
                                                          "MAX_TOKENS",
                                                          "SAFETY",
                                                          "RECITATION",
                                                          "OTHER",
                                                          "BLOCKLIST",
                                                          "PROHIBITED_CONTENT",
                                                          "SPII",
                                                          "MALFORMED_FUNCTION_CALL",
                                                          "MODEL_ARMOR",
                                                          "IMAGE_SAFETY",
                                                          "IMAGE_PROHIBITED_CONTENT",
                                                          "IMAGE_RECITATION",
                                                          "IMAGE_OTHER",
                                                          "UNEXPECTED_TOOL_CALL",
                                                          "NO_IMAGE"};

std::string_view reason_name(std::int64_t number, bool vertex) {
  const auto names = vertex ? std::span<const std::string_view>(kVertexReasons)
                            : std::span<const std::string_view>(kGeminiReasons);
  return number > 0 && number < static_cast<std::int64_t>(names.size())
             ? names[static_cast<std::size_t>(number)]
             : std::string_view();
}

// A function call as one document shows it.
struct CallPart {
  std::string id;
  std::string name;
  std::uint64_t octets = 0;
  bool whole = false;      // args came
  bool partial = false;    // partialArgs came
  bool continues = false;  // more of it is to come
};

// A call whose arguments still come in parts.
struct OpenCall {
  std::uint32_t choice = 0;
  std::uint32_t index = 0;
  std::string id;
};

class GeminiGenerate final : public Dialect {
 public:
  explicit GeminiGenerate(PathSays path) : path_(std::move(path)) {}

  std::string_view name() const override { return "gemini.generate"; }
  std::string_view operation() const override { return "generate_content"; }
  const JsonPaths& request_paths() const override { return gemini::request_table(); }
  std::unique_ptr<wire::JsonSink> request_sink(Asked& asked) const override {
    return std::make_unique<gemini::RequestSink>(asked, path_);
  }
  const JsonPaths& answer_paths() const override { return answer_table(); }
  Framing framing() const override {
    return path_.stream.value_or(false) && !path_.sse ? Framing::json_array : Framing::sse;
  }

  // Google counts tokens in every chunk. A server that was not seen to do so owes no count with
  // its last one.
  Owes owes(const Provider&, const Asked&) const override {
    return {.finish = true, .done = false, .usage = usage_seen_};
  }

  record::Usage comparable(const Provider&, const record::Usage& reported) const override {
    record::Usage usage = reported;
    if (usage.input) *usage.input += tool_prompt_;
    if (usage.reasoning) usage.output = usage.output.value_or(0) + *usage.reasoning;
    return usage;
  }

  void on_enter(std::uint16_t slot, std::uint32_t position) override {
    if (is_object_slot(slot)) return arguments_.on_enter(slot);
    if (OpenaiErrors::owns(slot)) return errors_.on_enter(slot, delta_);
    switch (slot) {
      case kCandidate:
        choice_ = position;
        calls_.clear();
        finish_.clear();
        finish_number_ = 0;
        break;
      case kPart:
        part_chars_ = 0;
        part_thought_ = false;
        break;
      case kCall:
        if (calls_.size() == limits::kToolPiecesMax) calls_.pop_back();
        calls_.emplace_back();
        break;
      case kCallPart:
        if (!calls_.empty()) calls_.back().partial = true;
        break;
      case kCallArguments:
        arguments_.begin();
        break;
      default:
        break;
    }
  }

  void on_leave(std::uint16_t slot) override {
    if (is_object_slot(slot)) return arguments_.on_leave();
    switch (slot) {
      case kCandidate:
        finish_candidate();
        break;
      case kPart: {
        std::uint64_t& chars = part_thought_ ? delta_.reasoning_chars : delta_.text_chars;
        chars = saturating_add(chars, part_chars_);
        break;
      }
      case kCallArguments:
        if (calls_.empty()) break;
        calls_.back().whole = true;
        calls_.back().octets = arguments_.octets();
        break;
      default:
        break;
    }
  }

  void on_string(std::uint16_t slot, Bytes part, bool last) override {
    if (is_object_slot(slot)) return arguments_.on_string(slot, part, last);
    if (OpenaiErrors::owns(slot)) return errors_.on_string(slot, part, last, delta_);
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
      case kText:
        add_chars(part_chars_, part);
        break;
      case kCallId:
        if (!calls_.empty()) append_cut(calls_.back().id, part, limits::kRecordIdTextMax);
        break;
      case kCallName:
        if (!calls_.empty()) append_cut(calls_.back().name, part, limits::kToolNameMax);
        break;
      case kCallPartText:
        call_part(part.size());
        break;
      case kBlocked:
        blocked_.add(part, last);
        break;
      default:
        break;
    }
  }

  void on_int(std::uint16_t slot, std::int64_t value) override {
    if (is_object_slot(slot)) return arguments_.on_int(slot, value);
    if (OpenaiErrors::owns(slot)) return errors_.on_int(slot, value, delta_);
    switch (slot) {
      case kCandidateIndex:
        if (value >= 0 && value < static_cast<std::int64_t>(limits::kChoicesMax)) {
          choice_ = static_cast<std::uint32_t>(value);
        }
        break;
      case kFinish:
        finish_number_ = value;
        break;
      case kCallPartText:
        call_part(std::to_string(value).size());
        break;
      case kBlocked:
        if (value != 0) blocked_.add(std::to_string(value), true);
        break;
      case kPrompt:
        delta_.usage.input = value;
        break;
      case kToolPrompt:
        document_tool_prompt_ = value;
        break;
      case kOutput:
        delta_.usage.output = value;
        break;
      case kThoughts:
        delta_.usage.reasoning = value;
        break;
      case kCached:
        delta_.usage.cached_input = value;
        break;
      case kTotal:
        delta_.usage.total = value;
        break;
      default:
        break;
    }
  }

  void on_bool(std::uint16_t slot, bool value) override {
    if (is_object_slot(slot)) return arguments_.on_bool(slot, value);
    if (slot == kThought) part_thought_ = value;
    if (slot == kCallContinues && !calls_.empty()) calls_.back().continues = value;
    if (slot == kCallPartText) call_part(value ? 4 : 5);
  }
  void on_double(std::uint16_t slot, double value) override {
    if (is_object_slot(slot)) return arguments_.on_double(slot, value);
    constexpr std::size_t kUsualDigits = 4;  // a number in parts is counted, not kept
    if (slot == kCallPartText) call_part(kUsualDigits);
  }
  void on_null(std::uint16_t slot) override {
    if (is_object_slot(slot)) return arguments_.on_null(slot);
    if (slot == kCallPartText) call_part(4);
  }
  void on_key(std::uint16_t, Bytes key) override { arguments_.on_key(key); }

 protected:
  void start_document() override {
    errors_.clear();
    blocked_.clear();
    calls_.clear();
    finish_.clear();
    finish_number_ = 0;
    document_tool_prompt_.reset();
    document_open_ = open_;
    document_next_ = next_;
  }

  void finish_document(Bytes) override {
    errors_.finish(kind_, delta_);
    open_.swap(document_open_);
    next_ = document_next_;
    if (document_tool_prompt_) tool_prompt_ = *document_tool_prompt_;
    for (const std::uint32_t choice : delta_.choices) seen_.set(choice);
    for (const Finish& finish : delta_.finishes) ended_.set(finish.choice);
    const bool blocked = !blocked_.text().empty() &&
                         blocked_.text() != "BLOCK_REASON_UNSPECIFIED" &&
                         blocked_.text() != "BLOCKED_REASON_UNSPECIFIED";
    if (blocked) finish_blocked();
    const bool over = blocked || !delta_.finishes.empty();
    finished_ = finished_ || over;
    delta_.done = over && kind_ == DocumentKind::event;
    const record::Usage& usage = delta_.usage;
    const bool counted = usage.input || usage.output || usage.total;
    usage_seen_ = usage_seen_ || counted;
    delta_.usage_final = counted && (finished_ || kind_ == DocumentKind::answer);
  }

 private:
  void call_part(std::size_t octets) {
    if (calls_.empty()) return;
    calls_.back().partial = true;
    calls_.back().octets = saturating_add(calls_.back().octets, octets);
  }

  // The index of a candidate may stand behind what it says.
  void finish_candidate() {
    if (choice_ >= limits::kChoicesMax) return;
    if (delta_.choices.size() < limits::kChoicesMax) delta_.choices.push_back(choice_);
    for (const CallPart& call : calls_) stage(call);
    std::string_view reason = finish_.text();
    std::string raw = finish_.text();
    if (raw.empty() && finish_number_ != 0) {
      raw = std::to_string(finish_number_);
      reason = reason_name(finish_number_, path_.vertex);
    }
    if (raw.empty() || raw == "FINISH_REASON_UNSPECIFIED") return;
    FinishClass cls = finish_class(reason);
    // Calls of tools end with STOP like everything else.
    if (cls == FinishClass::stop && called(choice_)) cls = FinishClass::tool;
    if (delta_.finishes.size() < limits::kChoicesMax) {
      delta_.finishes.push_back({choice_, std::move(raw), cls});
    }
  }

  bool called(std::uint32_t choice) const {
    if (!calls_.empty()) return true;
    for (const ToolCallState& call : tools_.calls()) {
      if (call.choice == choice) return true;
    }
    return false;
  }

  // No candidate comes any more; one that had begun ends with the reason for that.
  void finish_blocked() {
    const std::bitset<limits::kChoicesMax> cut = seen_ & ~ended_;
    if (seen_.none()) delta_.finishes.push_back({0, {}, FinishClass::filter});
    for (std::size_t choice = 0; choice < cut.size(); ++choice) {
      if (!cut.test(choice)) continue;
      delta_.finishes.push_back(
          {static_cast<std::uint32_t>(choice), blocked_.text(), FinishClass::filter});
    }
    ended_ |= cut;
  }

  void stage(const CallPart& call) {
    const auto open =
        std::find_if(document_open_.begin(), document_open_.end(), [&](const OpenCall& o) {
          return o.choice == choice_ &&
                 (call.name.empty() || (!call.id.empty() && call.id == o.id));
        });
    if (open != document_open_.end()) {
      tools_.begin_piece(choice_, open->index);
      tools_.set_index(open->index);
      add_unfollowed(call.octets);
      if (!call.continues) {
        tools_.set_ended();
        document_open_.erase(open);
      }
      return;
    }
    // The end of a call that was not seen to begin.
    if (call.name.empty() && call.id.empty() && call.octets == 0 && !call.continues) return;
    const std::uint32_t index = document_next_++;
    tools_.begin_piece(choice_, index);
    tools_.set_index(index);
    tools_.add_id(call.id);
    tools_.add_name(call.name);
    if (call.whole || (!call.partial && !call.continues)) {
      tools_.set_arguments_object(call.octets);
      return;
    }
    add_unfollowed(call.octets);
    if (!call.continues) return tools_.set_ended();
    // A call that is still open when the next begins has lost its end.
    std::erase_if(document_open_, [this](const OpenCall& o) { return o.choice == choice_; });
    document_open_.push_back({choice_, index, call.id});
  }

  // Values at paths of an object are no JSON text that could be followed: only the end tells.
  void add_unfollowed(std::uint64_t octets) {
    static constexpr char kAny[256] = {};
    do {
      const std::uint64_t n = std::min<std::uint64_t>(octets, sizeof kAny);
      tools_.add_free_text({kAny, static_cast<std::size_t>(n)});
      octets -= n;
    } while (octets != 0);
  }

  const PathSays path_;
  OpenaiErrors errors_;
  ObjectSize arguments_;
  std::uint32_t choice_ = 0;
  std::uint64_t part_chars_ = 0;
  bool part_thought_ = false;
  std::vector<CallPart> calls_;  // of the candidate at hand, at most limits::kToolPiecesMax
  Word finish_;
  std::int64_t finish_number_ = 0;
  Word blocked_;
  std::optional<std::int64_t> document_tool_prompt_;
  std::vector<OpenCall> document_open_;  // as it will stand once the document is whole
  std::uint32_t document_next_ = 0;

  std::vector<OpenCall> open_;  // at most one for each choice
  std::uint32_t next_ = 0;      // the calls of an answer are numbered through
  std::bitset<limits::kChoicesMax> seen_;
  std::bitset<limits::kChoicesMax> ended_;
  std::int64_t tool_prompt_ = 0;
  bool usage_seen_ = false;
  bool finished_ = false;
};

PathSays path_says(const Target& target) {
  const GoogleMethod method = google_method(target.path);
  const bool stream = method.method == "streamGenerateContent";
  if (!stream && method.method != "generateContent") return {};
  return {.model = method.model,
          .stream = stream,
          .sse = query_value(target.query, "alt").value_or("") == "sse" ||
                 query_value(target.query, "$alt").value_or("") == "sse",
          .vertex = method.prefix.find("/locations/") != std::string::npos};
}

bool claims(const Target& target) {
  return target.path.ends_with("enerateContent") && path_says(target).stream.has_value();
}

std::unique_ptr<Dialect> make(const Target& target) {
  return std::make_unique<GeminiGenerate>(path_says(target));
}

}  // namespace

extern const Entry gemini_generate_entry;
const Entry gemini_generate_entry{"gemini.generate", claims, make};

}  // namespace llmrec::dialect
