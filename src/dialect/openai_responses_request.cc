#include "dialect/openai_responses_request.h"

#include <array>

#include "base/limits.h"
#include "dialect/text.h"

namespace llmrec::dialect {
namespace {

using wire::JsonPath;
using wire::JsonPaths;

enum RequestSlot : std::uint16_t {
  kAskedModel,
  kAskedStream,
  kAskedMaxTokens,
  kAskedInputText,  // the whole input as one string
  kAskedItem,
  kAskedItemType,
  kAskedItemCallId,
  kAskedTool,
  kAskedText,
  kAskedAttachment,
};

constexpr std::array kRequest = std::to_array<JsonPath>({
    {"model", kAskedModel},
    {"stream", kAskedStream},
    {"max_output_tokens", kAskedMaxTokens},
    {"instructions", kAskedText},
    {"input", kAskedInputText},
    {"input[]", kAskedItem},
    {"input[].type", kAskedItemType},
    {"input[].call_id", kAskedItemCallId},
    {"input[].approval_request_id", kAskedItemCallId},
    {"input[].content", kAskedText},
    {"input[].content[].text", kAskedText},
    {"input[].content[].image_url", kAskedAttachment},
    {"input[].content[].file_data", kAskedAttachment},
    {"input[].content[].data", kAskedAttachment},
    {"input[].content[].input_audio.data", kAskedAttachment},
    {"input[].arguments", kAskedText},
    {"input[].input", kAskedText},
    {"input[].output", kAskedText},
    {"input[].output[].text", kAskedText},
    {"input[].output[].image_url", kAskedAttachment},
    {"input[].output[].file_data", kAskedAttachment},
    {"input[].output[].stdout", kAskedText},
    {"input[].output[].stderr", kAskedText},
    {"input[].output.output", kAskedText},
    {"input[].output.image_url", kAskedAttachment},  // a computer's screen
    {"input[].summary[].text", kAskedText},
    {"tools[]", kAskedTool},
});

class RequestSink final : public wire::JsonSink {
 public:
  RequestSink(Asked& asked, bool stream) : asked_(asked) {
    asked_.stream = stream;
    asked_.tool_count = 0;
  }
  void on_enter(std::uint16_t slot, std::uint32_t) override {
    if (slot == kAskedItem) {
      count_one(asked_.message_count);
      type_.clear();
      call_id_.clear();
    }
    if (slot == kAskedTool) count_one(asked_.tool_count);
  }
  void on_leave(std::uint16_t slot) override {
    // A call that the model made carries its call_id too; only the answers to it count.
    const bool result = type_.text().ends_with("_output") || type_.is("mcp_approval_response");
    if (slot == kAskedItem && result) add_tool_result_id(asked_, call_id_.text());
  }
  void on_string(std::uint16_t slot, Bytes part, bool last) override {
    switch (slot) {
      case kAskedModel:
        append_cut(asked_.model, part, limits::kRecordModelMax);
        break;
      case kAskedInputText:
        asked_.message_count = 1;
        add_chars(asked_.text_chars, part);
        break;
      case kAskedItemType:
        type_.add(part, last);
        break;
      case kAskedItemCallId:
        call_id_.add(part, last);
        break;
      case kAskedText:
        add_chars(asked_.text_chars, part);
        break;
      case kAskedAttachment:
        add_bytes(asked_.attachment_bytes, part);
        break;
      default:
        break;
    }
  }
  void on_int(std::uint16_t slot, std::int64_t value) override {
    if (slot == kAskedMaxTokens) asked_.max_output_tokens = value;
  }
  void on_bool(std::uint16_t slot, bool value) override {
    if (slot == kAskedStream) asked_.stream = value;
  }

 private:
  Asked& asked_;
  Word type_;
  Word call_id_{limits::kRecordIdTextMax};
};

}  // namespace

const JsonPaths& responses_request_paths() {
  static const JsonPaths paths{kRequest};
  return paths;
}

std::unique_ptr<wire::JsonSink> responses_request_sink(Asked& asked, bool stream) {
  return std::make_unique<RequestSink>(asked, stream);
}

}  // namespace llmrec::dialect
