// What a request to Gemini's generateContent asks for. Model and streaming stand in its path.
// https://ai.google.dev/api/generate-content (read 2026-11). Pure; one object per request.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "base/limits.h"
#include "dialect/dialect.h"
#include "dialect/object_size.h"
#include "dialect/text.h"
#include "wire/json.h"

namespace llmrec::dialect::gemini {

using wire::JsonPath;
using wire::JsonPaths;

enum RequestSlot : std::uint16_t {
  kAskedModel,
  kAskedMaxTokens,
  kAskedMessage,
  kAskedFunction,
  kAskedTool,
  kAskedText,
  kAskedAttachment,
  kAskedResultId,
  kAskedObject,
};

// Google's JSON reader takes both spellings of every field.
inline constexpr std::array kRequest = std::to_array<JsonPath>({
    {"model", kAskedModel},
    {"generationConfig.maxOutputTokens", kAskedMaxTokens},
    {"generationConfig.max_output_tokens", kAskedMaxTokens},
    {"generation_config.maxOutputTokens", kAskedMaxTokens},
    {"generation_config.max_output_tokens", kAskedMaxTokens},
    {"tools[].functionDeclarations[]", kAskedFunction},
    {"tools[].function_declarations[]", kAskedFunction},
    {"tools[].*", kAskedTool},
    {"systemInstruction.parts[].text", kAskedText},
    {"systemInstruction.parts.text", kAskedText},
    {"system_instruction.parts[].text", kAskedText},
    {"system_instruction.parts.text", kAskedText},
    {"contents[]", kAskedMessage},
    {"contents[].parts[].text", kAskedText},
    {"contents[].parts[].inlineData.data", kAskedAttachment},
    {"contents[].parts[].inline_data.data", kAskedAttachment},
    {"contents[].parts[].functionCall.args", kAskedObject},
    {"contents[].parts[].function_call.args", kAskedObject},
    {"contents[].parts[].functionResponse.id", kAskedResultId},
    {"contents[].parts[].function_response.id", kAskedResultId},
    {"contents[].parts[].functionResponse.response", kAskedObject},
    {"contents[].parts[].function_response.response", kAskedObject},
});

inline const JsonPaths& request_table() {
  static const JsonPaths paths = with_object_paths(
      kRequest, {"contents[].parts[].functionCall.args", "contents[].parts[].function_call.args",
                 "contents[].parts[].functionResponse.response",
                 "contents[].parts[].function_response.response"});
  return paths;
}

// What the path says; empty where the dialect was chosen by something else.
struct PathSays {
  std::string model;
  std::optional<bool> stream;
  bool sse = false;
  bool vertex = false;
};

class RequestSink final : public wire::JsonSink {
 public:
  RequestSink(Asked& asked, const PathSays& path) : asked_(asked), path_(!path.model.empty()) {
    asked_.model = path.model;
    asked_.stream = path.stream;
    asked_.tool_count = 0;
  }

  void on_enter(std::uint16_t slot, std::uint32_t) override {
    if (is_object_slot(slot)) return object_.on_enter(slot);
    if (slot == kAskedMessage) count_one(asked_.message_count);
    if (slot == kAskedFunction || slot == kAskedTool) count_one(asked_.tool_count);
    if (slot == kAskedObject) object_.begin();
  }
  void on_leave(std::uint16_t slot) override {
    if (is_object_slot(slot)) return object_.on_leave();
    if (slot == kAskedObject) {
      asked_.text_chars = saturating_add(asked_.text_chars, object_.chars());
    }
  }
  void on_string(std::uint16_t slot, Bytes part, bool last) override {
    if (is_object_slot(slot)) return object_.on_string(slot, part, last);
    switch (slot) {
      case kAskedModel:
        if (!path_) append_cut(asked_.model, part, limits::kRecordModelMax);
        break;
      case kAskedText:
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
    if (is_object_slot(slot)) return object_.on_int(slot, value);
    if (slot == kAskedMaxTokens) asked_.max_output_tokens = value;
  }
  void on_bool(std::uint16_t slot, bool value) override {
    if (is_object_slot(slot)) object_.on_bool(slot, value);
  }
  void on_double(std::uint16_t slot, double value) override {
    if (is_object_slot(slot)) object_.on_double(slot, value);
  }
  void on_null(std::uint16_t slot) override {
    if (is_object_slot(slot)) object_.on_null(slot);
  }
  void on_key(std::uint16_t slot, Bytes key) override {
    if (is_object_slot(slot)) object_.on_key(key);
  }

 private:
  Asked& asked_;
  const bool path_;
  Word result_id_{limits::kRecordIdTextMax};
  ObjectSize object_;
};

}  // namespace llmrec::dialect::gemini
