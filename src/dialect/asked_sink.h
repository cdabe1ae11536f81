// What a request asked for, read off its body: dialects that ask in the same words and differ only
// in their paths name the paths and leave the reading to this sink. Knows no provider. Made for one
// request; pure.
#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "dialect/dialect.h"
#include "dialect/text.h"
#include "wire/json.h"

namespace llmrec::dialect {

enum AskedSlot : std::uint16_t {
  kAskedModel,       // only where the target did not name one
  kAskedStream,      // likewise
  kAskedMaxTokens,   // the last of several
  kAskedMessage,     // an element per message
  kAskedTool,        // an element per tool
  kAskedText,        // prompt text
  kAskedAttachment,  // inline media
  kAskedToolCallId,  // the id of a call whose result this is
  kAskedSlots,       // a dialect's own slots begin here
};

class AskedSink : public wire::JsonSink {
 public:
  // What the target tells; a body that says otherwise does not change it.
  AskedSink(Asked& asked, const std::string& model, std::optional<bool> stream)
      : asked_(asked), model_fixed_(!model.empty()), stream_fixed_(stream.has_value()) {
    asked_.model = model;
    asked_.stream = stream;
    asked_.tool_count = 0;
  }
  // Of a body that does not say.
  void stream_by_default(bool stream) {
    if (!stream_fixed_) asked_.stream = stream;
  }

  void on_enter(std::uint16_t slot, std::uint32_t) override {
    if (slot == kAskedMessage) count_one(asked_.message_count);
    if (slot == kAskedTool) count_one(asked_.tool_count);
  }
  void on_string(std::uint16_t slot, Bytes part, bool last) override {
    switch (slot) {
      case kAskedModel:
        if (!model_fixed_) append_cut(asked_.model, part, limits::kRecordModelMax);
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
    if (slot == kAskedMaxTokens) asked_.max_output_tokens = value;
  }
  void on_bool(std::uint16_t slot, bool value) override {
    if (slot == kAskedStream && !stream_fixed_) asked_.stream = value;
  }

 protected:
  Asked& asked_;

 private:
  Word tool_call_id_{limits::kRecordIdTextMax};
  bool model_fixed_;
  bool stream_fixed_;
};

}  // namespace llmrec::dialect
