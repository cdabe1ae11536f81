// Anthropic Messages, wherever it is served: api.anthropic.com, Vertex AI, Azure, Bedrock's inner
// documents, and the servers that copy it. https://platform.claude.com/docs/en/api/messages and
// .../build-with-claude/streaming (read 2026-11). Events are told by the JSON's own `type`: Bedrock
// sends them without SSE.
#include <array>
#include <limits>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "dialect/anthropic_request.h"
#include "dialect/dialect.h"
#include "dialect/object_size.h"
#include "dialect/openai_shared.h"
#include "dialect/path.h"
#include "dialect/text.h"
#include "dialect/tool_blocks.h"
#include "dialect/usage.h"

namespace llmrec::dialect {
namespace {

using anthropic::PathSays;
using record::FinishClass;
using wire::JsonPath;
using wire::JsonPaths;

enum Slot : std::uint16_t {
  kId,
  kModel,
  kType,
  kIndex,
  kBlock,        // of an event
  kAnswerBlock,  // of a whole answer
  kBlockType,
  kBlockId,
  kBlockName,
  kBlockText,
  kBlockThinking,
  kBlockInput,
  kDeltaType,
  kDeltaText,
  kDeltaThinking,
  kDeltaArguments,
  kStopReason,
  kInput,
  kCacheWrite,
  kCacheRead,
  kOutput,
  kThinkingTokens,
  kMetricsInput,
  kMetricsOutput,
  kMetricsCacheRead,
  kMetricsCacheWrite,
};

constexpr std::array kAnswer = std::to_array<JsonPath>({
    {"type", kType},
    {"index", kIndex},
    {"message.id", kId},
    {"message.model", kModel},
    {"message.usage.input_tokens", kInput},
    {"message.usage.cache_creation_input_tokens", kCacheWrite},
    {"message.usage.cache_read_input_tokens", kCacheRead},
    {"message.usage.output_tokens", kOutput},
    {"message.usage.output_tokens_details.thinking_tokens", kThinkingTokens},
    {"content_block", kBlock},
    {"content_block.type", kBlockType},
    {"content_block.id", kBlockId},
    {"content_block.name", kBlockName},
    {"content_block.text", kBlockText},
    {"content_block.thinking", kBlockThinking},
    {"content_block.input", kBlockInput},
    {"delta.type", kDeltaType},
    {"delta.text", kDeltaText},
    {"delta.thinking", kDeltaThinking},
    {"delta.partial_json", kDeltaArguments},
    {"delta.stop_reason", kStopReason},
    {"usage.input_tokens", kInput},
    {"usage.cache_creation_input_tokens", kCacheWrite},
    {"usage.cache_read_input_tokens", kCacheRead},
    {"usage.output_tokens", kOutput},
    {"usage.output_tokens_details.thinking_tokens", kThinkingTokens},
    {"amazon-bedrock-invocationMetrics.inputTokenCount", kMetricsInput},
    {"amazon-bedrock-invocationMetrics.outputTokenCount", kMetricsOutput},
    {"amazon-bedrock-invocationMetrics.cacheReadInputTokenCount", kMetricsCacheRead},
    {"amazon-bedrock-invocationMetrics.cacheWriteInputTokenCount", kMetricsCacheWrite},
    {"id", kId},  // a whole answer
    {"model", kModel},
    {"stop_reason", kStopReason},
    {"content[]", kAnswerBlock},
    {"content[].type", kBlockType},
    {"content[].id", kBlockId},
    {"content[].name", kBlockName},
    {"content[].text", kBlockText},
    {"content[].thinking", kBlockThinking},
    {"content[].input", kBlockInput},
});

const JsonPaths& answer_table() {
  static const JsonPaths paths = [] {
    std::vector<JsonPath> named(OpenaiErrors::paths().begin(), OpenaiErrors::paths().end());
    named.insert(named.end(), kAnswer.begin(), kAnswer.end());
    return with_object_paths(named, {"content_block.input", "content[].input"});
  }();
  return paths;
}

class AnthropicMessages final : public Dialect {
 public:
  explicit AnthropicMessages(PathSays path) : path_(std::move(path)) {}

  std::string_view name() const override { return "anthropic.messages"; }
  std::string_view operation() const override { return "messages"; }
  const JsonPaths& request_paths() const override { return anthropic::request_table(); }
  std::unique_ptr<wire::JsonSink> request_sink(Asked& asked) const override {
    return std::make_unique<anthropic::RequestSink>(asked, path_);
  }
  const JsonPaths& answer_paths() const override { return answer_table(); }

  // Every stream of every server ends with message_stop and tells its usage in message_delta.
  Owes owes(const Provider&, const Asked&) const override {
    return {.finish = true, .done = true, .usage = true};
  }

  record::Usage comparable(const Provider&, const record::Usage& reported) const override {
    record::Usage usage = reported;
    if (usage.input) {
      *usage.input += usage.cache_write.value_or(0) + usage.cached_input.value_or(0);
    }
    return with_total(usage);
  }

  void on_enter(std::uint16_t slot, std::uint32_t position) override {
    if (is_object_slot(slot)) return block_.input.on_enter(slot);
    if (OpenaiErrors::owns(slot)) return errors_.on_enter(slot, delta_);
    switch (slot) {
      case kAnswerBlock:
      case kBlock:
        block_.clear();
        block_.position = position;
        break;
      case kBlockInput:
        block_.input.begin();
        break;
      default:
        break;
    }
  }

  void on_leave(std::uint16_t slot) override {
    if (is_object_slot(slot)) return block_.input.on_leave();
    if (slot != kAnswerBlock || kind_ != DocumentKind::answer) return;
    count_block_text();
    ends_with_call_ = block_.type.is("tool_use");
    if (!ends_with_call_) return;
    tools_.begin_piece(0, block_.position);
    tools_.add_id(block_.id.text());
    tools_.add_name(block_.name.text());
    tools_.set_arguments_object(block_.input.octets());
  }

  void on_string(std::uint16_t slot, Bytes part, bool last) override {
    if (is_object_slot(slot)) return block_.input.on_string(slot, part, last);
    if (OpenaiErrors::owns(slot)) return errors_.on_string(slot, part, last, delta_);
    switch (slot) {
      case kId:
        append_cut(delta_.response_id, part, limits::kRecordIdTextMax);
        break;
      case kModel:
        append_cut(delta_.model, part, limits::kRecordModelMax);
        break;
      case kType:
        type_.add(part, last);
        break;
      case kBlockType:
        block_.type.add(part, last);
        break;
      case kBlockId:
        block_.id.add(part, last);
        break;
      case kBlockName:
        block_.name.add(part, last);
        break;
      case kBlockText:
        add_chars(block_.text, part);
        break;
      case kBlockThinking:
        add_chars(block_.thinking, part);
        break;
      case kDeltaType:
        delta_type_.add(part, last);
        break;
      case kDeltaText:
        add_chars(delta_text_, part);
        break;
      case kDeltaThinking:
        add_chars(delta_thinking_, part);
        break;
      case kDeltaArguments:
        arguments(part);
        break;
      case kStopReason:
        stop_reason_.add(part, last);
        break;
      default:
        break;
    }
  }

  void on_int(std::uint16_t slot, std::int64_t value) override {
    if (is_object_slot(slot)) return block_.input.on_int(slot, value);
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
      case kCacheWrite:
        delta_.usage.cache_write = value;
        break;
      case kCacheRead:
        delta_.usage.cached_input = value;
        break;
      case kOutput:
        delta_.usage.output = value;
        break;
      case kThinkingTokens:
        delta_.usage.reasoning = value;
        break;
      case kMetricsInput:
        metrics_.input = value;
        break;
      case kMetricsOutput:
        metrics_.output = value;
        break;
      case kMetricsCacheRead:
        metrics_.cached_input = value;
        break;
      case kMetricsCacheWrite:
        metrics_.cache_write = value;
        break;
      default:
        break;
    }
  }

  void on_bool(std::uint16_t slot, bool value) override {
    if (is_object_slot(slot)) block_.input.on_bool(slot, value);
  }
  void on_double(std::uint16_t slot, double value) override {
    if (is_object_slot(slot)) block_.input.on_double(slot, value);
  }
  void on_null(std::uint16_t slot) override {
    if (is_object_slot(slot)) block_.input.on_null(slot);
  }
  void on_key(std::uint16_t, Bytes key) override { block_.input.on_key(key); }

 protected:
  void start_document() override {
    errors_.clear();
    type_.clear();
    delta_type_.clear();
    stop_reason_.clear();
    block_.clear();
    delta_text_ = delta_thinking_ = 0;
    metrics_ = {};
    // index_ stays: a gateway that leaves it out means the block that it began last.
  }

  void finish_document(Bytes) override {
    if (type_.is("error")) error_of(delta_);
    if (kind_ == DocumentKind::answer) {
      finish_answer();
    } else if (kind_ == DocumentKind::event) {
      finish_event();
    }
    errors_.finish(kind_, delta_);
  }

 private:
  struct Block {
    Word type;
    Word id{limits::kRecordIdTextMax};
    Word name{limits::kToolNameMax};
    std::uint32_t position = 0;
    std::uint64_t text = 0;
    std::uint64_t thinking = 0;
    ObjectSize input;
    void clear() {
      type.clear();
      id.clear();
      name.clear();
      position = 0;
      text = thinking = 0;
      input.clear();
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

  void count_block_text() {
    if (block_.type.is("text")) delta_.text_chars = saturating_add(delta_.text_chars, block_.text);
    if (block_.type.is("thinking")) {
      delta_.reasoning_chars = saturating_add(delta_.reasoning_chars, block_.thinking);
    }
  }

  void finish() {
    if (stop_reason_.text().empty()) return;
    const FinishClass cls = finish_class(stop_reason_.text());
    delta_.finishes.push_back({0, stop_reason_.text(), cls});
    finished_ = true;
    if (cls == FinishClass::length) blocks_.cut();
  }

  // What an answer that was too long ends with was cut, whatever object was made of it.
  void finish_answer() {
    finish();
    delta_.usage_final = delta_.usage.output.has_value();
    const bool length = finish_class(stop_reason_.text()) == FinishClass::length;
    if (length && ends_with_call_ && tools_.staged()) tools_.set_cut();
  }

  void finish_event() {
    if (!type_.is("content_block_delta")) tools_.discard();
    if (type_.is("content_block_start")) {
      start_block();
    } else if (type_.is("content_block_delta")) {
      finish_delta();
    } else if (type_.is("content_block_stop")) {
      blocks_.stop(index_);
    } else if (type_.is("message_delta")) {
      finish();
      usage_told_ = usage_told_ || delta_.usage.output.has_value();
      delta_.usage_final = usage_told_ && finished_;
    } else if (type_.is("message_stop")) {
      delta_.done = true;
      if (!usage_told_ && metrics_.output) {
        delta_.usage = metrics_;
        delta_.usage_final = true;
      }
    } else if (type_.is("ping")) {
      delta_.ping = true;
    }
  }

  // The provider's own tools (server_tool_use, mcp_tool_use) are no calls of the client.
  void start_block() {
    count_block_text();
    if (block_.type.is("tool_use")) {
      blocks_.start(index_, block_.id.text(), block_.name.text(), block_.input.octets());
    } else {
      blocks_.forget(index_);
    }
  }

  bool delta_is(Bytes type) const {
    return delta_type_.text().empty() || delta_type_.text() == type;
  }

  void finish_delta() {
    if (delta_is("text_delta")) delta_.text_chars = delta_text_;
    if (delta_is("thinking_delta")) delta_.reasoning_chars = delta_thinking_;
    if (!delta_is("input_json_delta")) tools_.discard();
    if (tools_.staged()) blocks_.arguments(index_);
  }

  const PathSays path_;
  OpenaiErrors errors_;
  ToolBlocks blocks_{tools_};
  Word type_;
  Word delta_type_;
  Word stop_reason_;
  Block block_;
  std::uint32_t index_ = 0;
  std::uint64_t delta_text_ = 0;
  std::uint64_t delta_thinking_ = 0;
  record::Usage metrics_;    // Bedrock's own count, in its last document
  bool usage_told_ = false;  // by a message_delta
  bool finished_ = false;
  bool ends_with_call_ = false;  // the last block of a whole answer
};

constexpr Bytes kVertexModels = "/publishers/anthropic/models/";

// count-tokens stands where a model does: https://cloud.google.com/vertex-ai (count tokens).
PathSays vertex(Bytes path, bool& ours) {
  const GoogleMethod method = google_method(path);
  const bool stream = method.method == "streamRawPredict";
  ours = (stream || method.method == "rawPredict") && method.model != "count-tokens" &&
         percent_decoded(path).find(kVertexModels) != std::string::npos;
  return ours ? PathSays{method.model, stream} : PathSays{};
}

bool claims(const Target& target) {
  if (target.path.ends_with("/v1/messages")) return true;
  bool ours = false;
  if (target.path.ends_with("awPredict")) vertex(target.path, ours);
  return ours;
}

std::unique_ptr<Dialect> make(const Target& target) {
  bool ours = false;
  return std::make_unique<AnthropicMessages>(vertex(target.path, ours));
}

}  // namespace

extern const Entry anthropic_messages_entry;
const Entry anthropic_messages_entry{"anthropic.messages", claims, make};

}  // namespace llmrec::dialect
