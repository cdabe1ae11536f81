// Amazon Bedrock Converse and ConverseStream.
// https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html and
// …_ConverseStream.html (read 2026-11). Amazon's own Nova models answer InvokeModel with the same
// objects, each under its event's name, so that the same table serves them.
#include <array>

#include "base/limits.h"
#include "dialect/asked_sink.h"
#include "dialect/bedrock.h"
#include "dialect/dialect.h"
#include "dialect/object_size.h"
#include "dialect/text.h"
#include "dialect/tool_blocks.h"
#include "dialect/usage.h"

namespace llmrec::dialect {
namespace {

using wire::JsonPath;
using wire::JsonPaths;

enum Slot : std::uint16_t {
  kBlockIndex,
  kStartTool,
  kToolId,
  kToolName,
  kToolType,
  kDeltaTool,
  kToolInput,
  kText,
  kReasoning,
  kStopReason,
  kBlockStop,
  kMessageBlock,
  kMessageTool,
  kMessageToolInput,
  kUsageInput,
  kUsageOutput,
  kUsageTotal,
  kUsageCacheRead,
  kUsageCacheWrite,
  kErrorType,
  kErrorStatus,
};

constexpr std::array kAnswer = std::to_array<JsonPath>({
    {"contentBlockIndex", kBlockIndex},
    {"start.toolUse", kStartTool},
    {"start.toolUse.toolUseId", kToolId},
    {"start.toolUse.name", kToolName},
    {"start.toolUse.type", kToolType},
    {"delta.text", kText},
    {"delta.reasoningContent.text", kReasoning},
    {"delta.toolUse", kDeltaTool},
    {"delta.toolUse.input", kToolInput},
    {"stopReason", kStopReason},
    {"usage.inputTokens", kUsageInput},
    {"usage.outputTokens", kUsageOutput},
    {"usage.totalTokens", kUsageTotal},
    {"usage.cacheReadInputTokens", kUsageCacheRead},
    {"usage.cacheWriteInputTokens", kUsageCacheWrite},
    {"usage.cacheReadInputTokenCount", kUsageCacheRead},  // Nova's names
    {"usage.cacheWriteInputTokenCount", kUsageCacheWrite},
    {"output.message.content[]", kMessageBlock},
    {"output.message.content[].text", kText},
    {"output.message.content[].citationsContent.content[].text", kText},
    {"output.message.content[].reasoningContent.reasoningText.text", kReasoning},
    {"output.message.content[].toolUse", kMessageTool},
    {"output.message.content[].toolUse.toolUseId", kToolId},
    {"output.message.content[].toolUse.name", kToolName},
    {"output.message.content[].toolUse.type", kToolType},
    {"output.message.content[].toolUse.input", kMessageToolInput},
    // Nova under InvokeModel.
    {"contentBlockStart.contentBlockIndex", kBlockIndex},
    {"contentBlockStart.start.toolUse", kStartTool},
    {"contentBlockStart.start.toolUse.toolUseId", kToolId},
    {"contentBlockStart.start.toolUse.name", kToolName},
    {"contentBlockStart.start.toolUse.type", kToolType},
    {"contentBlockDelta.contentBlockIndex", kBlockIndex},
    {"contentBlockDelta.delta.text", kText},
    {"contentBlockDelta.delta.reasoningContent.text", kReasoning},
    {"contentBlockDelta.delta.toolUse", kDeltaTool},
    {"contentBlockDelta.delta.toolUse.input", kToolInput},
    {"contentBlockStop", kBlockStop},
    {"contentBlockStop.contentBlockIndex", kBlockIndex},
    {"messageStop.stopReason", kStopReason},
    {"metadata.usage.inputTokens", kUsageInput},
    {"metadata.usage.outputTokens", kUsageOutput},
    {"metadata.usage.totalTokens", kUsageTotal},
    {"metadata.usage.cacheReadInputTokens", kUsageCacheRead},
    {"metadata.usage.cacheWriteInputTokens", kUsageCacheWrite},
    {"metadata.usage.cacheReadInputTokenCount", kUsageCacheRead},
    {"metadata.usage.cacheWriteInputTokenCount", kUsageCacheWrite},
    {"__type", kErrorType},
    {"originalStatusCode", kErrorStatus},  // of modelStreamErrorException: the model's own
});

const JsonPaths& answer_table() {
  static const JsonPaths paths =
      with_object_paths(kAnswer, {"output.message.content[].toolUse.input"});
  return paths;
}

constexpr std::array kRequest = std::to_array<JsonPath>({
    {"inferenceConfig.maxTokens", kAskedMaxTokens},
    {"messages[]", kAskedMessage},
    {"toolConfig.tools[]", kAskedTool},
    {"system[].text", kAskedText},
    {"messages[].content[].text", kAskedText},
    {"messages[].content[].toolResult.toolUseId", kAskedToolCallId},
    {"messages[].content[].toolResult.content[].text", kAskedText},
    {"messages[].content[].image.source.bytes", kAskedAttachment},
    {"messages[].content[].document.source.bytes", kAskedAttachment},
    {"messages[].content[].video.source.bytes", kAskedAttachment},
    {"messages[].content[].audio.source.bytes", kAskedAttachment},
});

const JsonPaths& request_table() {
  static const JsonPaths paths{kRequest};
  return paths;
}

constexpr Bytes kOperation = "/converse";
constexpr Bytes kStreaming = "/converse-stream";

class BedrockConverse final : public Dialect {
 public:
  explicit BedrockConverse(BedrockPath path) : path_(std::move(path)) {}

  std::string_view name() const override { return "bedrock.converse"; }
  std::string_view operation() const override { return "converse"; }
  const JsonPaths& request_paths() const override { return request_table(); }
  std::unique_ptr<wire::JsonSink> request_sink(Asked& asked) const override {
    return std::make_unique<AskedSink>(asked, path_.model(), path_.stream());
  }
  const JsonPaths& answer_paths() const override { return answer_table(); }
  Framing framing() const override { return Framing::event_stream; }

  // messageStop carries the finish reason, and a frame of metadata comes behind it.
  Owes owes(const Provider&, const Asked&) const override {
    return {.finish = true, .done = true, .usage = true};
  }

  // inputTokens leaves out what came from or went into the cache.
  record::Usage comparable(const Provider&, const record::Usage& reported) const override {
    record::Usage usage = reported;
    if (usage.input) {
      usage.input = *usage.input + usage.cached_input.value_or(0) + usage.cache_write.value_or(0);
    }
    return with_total(usage);
  }

  void on_enter(std::uint16_t slot, std::uint32_t position) override {
    if (is_object_slot(slot)) return input_.on_enter(slot);
    switch (slot) {
      case kStartTool:
        start_ = true;
        break;
      case kDeltaTool:
        begin_piece(block_);
        break;
      case kBlockStop:
        stop_ = true;
        break;
      case kMessageBlock:
        block_ = position;
        break;
      case kMessageTool:
        begin_piece(block_);
        tool_id_.clear();
        tool_name_.clear();
        tool_type_.clear();
        input_.clear();
        break;
      case kMessageToolInput:
        input_.begin();
        break;
      default:
        break;
    }
  }

  void on_leave(std::uint16_t slot) override {
    if (is_object_slot(slot)) return input_.on_leave();
    if (slot != kMessageTool) return;
    if (hosted() || kind_ != DocumentKind::answer) return tools_.drop_piece();
    tools_.add_id(tool_id_.text());
    tools_.add_name(tool_name_.text());
    tools_.set_arguments_object(input_.octets());
    tools_.set_ended();
  }

  void on_key(std::uint16_t, Bytes key) override { input_.on_key(key); }

  void on_string(std::uint16_t slot, Bytes part, bool last) override {
    if (is_object_slot(slot)) return input_.on_string(slot, part, last);
    switch (slot) {
      case kText:
        add_chars(delta_.text_chars, part);
        break;
      case kReasoning:
        add_chars(delta_.reasoning_chars, part);
        break;
      case kToolId:
        tool_id_.add(part, last);
        break;
      case kToolName:
        tool_name_.add(part, last);
        break;
      case kToolType:
        tool_type_.add(part, last);
        break;
      case kToolInput:
        if (tools_.staged()) tools_.add_arguments(part);
        break;
      case kStopReason:
        if (stop_reason_.add(part, last)) delta_.finishes.push_back({0, stop_reason_.text()});
        break;
      case kErrorType:
        error_type_.add(part, last);
        break;
      default:
        break;
    }
  }

  void on_int(std::uint16_t slot, std::int64_t value) override {
    if (is_object_slot(slot)) return input_.on_int(slot, value);
    switch (slot) {
      case kBlockIndex:
        if (value < 0 || value > kBlockMax) return;
        block_ = static_cast<std::uint32_t>(value);
        if (tools_.staged()) tools_.set_index(*block_);
        break;
      case kUsageInput:
        delta_.usage.input = value;
        break;
      case kUsageOutput:
        delta_.usage.output = value;
        break;
      case kUsageTotal:
        delta_.usage.total = value;
        break;
      case kUsageCacheRead:
        delta_.usage.cached_input = value;
        break;
      case kUsageCacheWrite:
        delta_.usage.cache_write = value;
        break;
      case kErrorStatus:
        original_status_ = value;
        break;
      default:
        break;
    }
  }

  void on_double(std::uint16_t slot, double value) override {
    if (is_object_slot(slot)) input_.on_double(slot, value);
  }
  void on_bool(std::uint16_t slot, bool value) override {
    if (is_object_slot(slot)) input_.on_bool(slot, value);
  }
  void on_null(std::uint16_t slot) override {
    if (is_object_slot(slot)) input_.on_null(slot);
  }

 protected:
  void start_document() override {
    block_.reset();
    start_ = stop_ = false;
    original_status_ = 0;
    for (Word* word : {&tool_id_, &tool_name_, &tool_type_, &stop_reason_, &error_type_}) {
      word->clear();
    }
  }

  void finish_document(Bytes event) override {
    if (kind_ == DocumentKind::error_body) {
      ErrorEvent& error = error_of(delta_);
      append_cut(error.type, event.empty() ? bedrock_error_type(error_type_.text()) : event,
                 limits::kRecordNameMax);
      error.status = original_status_;
      return;
    }
    delta_.usage_final = delta_.usage.output.has_value();
    if (kind_ == DocumentKind::answer) return;
    delta_.done = !delta_.finishes.empty();
    const std::uint32_t block = block_.value_or(0);
    if (tools_.staged()) blocks_.arguments(block);
    if (start_ && !hosted()) blocks_.start(block, tool_id_.text(), tool_name_.text(), 0);
    if (stop_ || event == "contentBlockStop") blocks_.stop(block);
  }

 private:
  static constexpr std::int64_t kBlockMax = 1'000'000;

  // Tools that Bedrock runs itself are not the client's calls.
  bool hosted() const { return tool_type_.is("server_tool_use"); }

  // The index of the block may stand before the piece that it belongs to, and behind it.
  void begin_piece(const std::optional<std::uint32_t>& block) {
    tools_.begin_piece(0, 0);
    if (block) tools_.set_index(*block);
  }

  BedrockPath path_;
  ToolBlocks blocks_{tools_};
  ObjectSize input_;
  Word tool_id_{limits::kRecordIdTextMax};
  Word tool_name_{limits::kToolNameMax};
  Word tool_type_;
  Word stop_reason_;
  Word error_type_;
  std::int64_t original_status_ = 0;
  std::optional<std::uint32_t> block_;  // contentBlockIndex of this document
  bool start_ = false;
  bool stop_ = false;
};

bool claims(const Target& target) {
  return BedrockPath(target.path, kOperation, kStreaming).valid();
}

std::unique_ptr<Dialect> make(const Target& target) {
  return std::make_unique<BedrockConverse>(BedrockPath(target.path, kOperation, kStreaming));
}

}  // namespace

extern const Entry bedrock_converse_entry;
const Entry bedrock_converse_entry{"bedrock.converse", claims, make};

}  // namespace llmrec::dialect
