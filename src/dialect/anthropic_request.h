// What a request in the form of Anthropic Messages asks for: model, limits, how much prompt, whose
// tool results. On Vertex AI the model and the streaming stand in the path.
// https://platform.claude.com/docs/en/api/messages (read 2026-11). Pure; one object per request.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "base/limits.h"
#include "dialect/dialect.h"
#include "dialect/object_size.h"
#include "dialect/text.h"
#include "wire/json.h"

namespace llmrec::dialect::anthropic {

using wire::JsonPath;
using wire::JsonPaths;

enum RequestSlot : std::uint16_t {
  kAskedModel,
  kAskedStream,
  kAskedMaxTokens,
  kAskedMessage,
  kAskedTool,
  kAskedText,
  kAskedPart,
  kAskedPartType,
  kAskedResultId,
  kAskedSource,
  kAskedSourceType,
  kAskedSourceData,
  kAskedInput,
};

inline constexpr std::array kRequest = std::to_array<JsonPath>({
    {"model", kAskedModel},
    {"stream", kAskedStream},
    {"max_tokens", kAskedMaxTokens},
    {"messages[]", kAskedMessage},
    {"tools[]", kAskedTool},
    {"system", kAskedText},
    {"system[].text", kAskedText},
    {"messages[].content", kAskedText},
    {"messages[].content[]", kAskedPart},
    {"messages[].content[].type", kAskedPartType},
    {"messages[].content[].text", kAskedText},
    {"messages[].content[].thinking", kAskedText},
    {"messages[].content[].input", kAskedInput},
    {"messages[].content[].tool_use_id", kAskedResultId},
    {"messages[].content[].source", kAskedSource},
    {"messages[].content[].source.type", kAskedSourceType},
    {"messages[].content[].source.data", kAskedSourceData},
    {"messages[].content[].source.content[].text", kAskedText},
    {"messages[].content[].content", kAskedText},  // of a tool's result
    {"messages[].content[].content[].text", kAskedText},
    {"messages[].content[].content[].source", kAskedSource},
    {"messages[].content[].content[].source.type", kAskedSourceType},
    {"messages[].content[].content[].source.data", kAskedSourceData},
});

inline const JsonPaths& request_table() {
  static const JsonPaths paths = with_object_paths(kRequest, {"messages[].content[].input"});
  return paths;
}

// What Vertex AI says in the path; empty elsewhere.
struct PathSays {
  std::string model;
  bool stream = false;
};

class RequestSink final : public wire::JsonSink {
 public:
  RequestSink(Asked& asked, const PathSays& path)
      : asked_(asked), path_model_(!path.model.empty()), path_stream_(path.stream) {
    asked_.model = path.model;
    asked_.stream = path.stream;  // elsewhere: absent means no
    asked_.tool_count = 0;
  }

  void on_enter(std::uint16_t slot, std::uint32_t) override {
    if (is_object_slot(slot)) return input_.on_enter(slot);
    switch (slot) {
      case kAskedMessage:
        count_one(asked_.message_count);
        break;
      case kAskedTool:
        count_one(asked_.tool_count);
        break;
      case kAskedPart:
        part_type_.clear();
        result_id_.clear();
        break;
      case kAskedSource:
        source_type_.clear();
        source_bytes_ = source_chars_ = 0;
        break;
      case kAskedInput:
        input_.begin();
        break;
      default:
        break;
    }
  }

  void on_leave(std::uint16_t slot) override {
    if (is_object_slot(slot)) return input_.on_leave();
    switch (slot) {
      case kAskedInput:
        asked_.text_chars = saturating_add(asked_.text_chars, input_.chars());
        break;
      case kAskedSource:  // a document may be plain text
        if (source_type_.is("text")) {
          asked_.text_chars = saturating_add(asked_.text_chars, source_chars_);
        } else {
          asked_.attachment_bytes = saturating_add(asked_.attachment_bytes, source_bytes_);
        }
        break;
      case kAskedPart:  // the results of the provider's own tools have other types
        if (part_type_.is("tool_result")) add_tool_result_id(asked_, result_id_.text());
        break;
      default:
        break;
    }
  }

  void on_string(std::uint16_t slot, Bytes part, bool last) override {
    if (is_object_slot(slot)) return input_.on_string(slot, part, last);
    switch (slot) {
      case kAskedModel:
        if (!path_model_) append_cut(asked_.model, part, limits::kRecordModelMax);
        break;
      case kAskedText:
        add_chars(asked_.text_chars, part);
        break;
      case kAskedPartType:
        part_type_.add(part, last);
        break;
      case kAskedResultId:
        result_id_.add(part, last);
        break;
      case kAskedSourceType:
        source_type_.add(part, last);
        break;
      case kAskedSourceData:
        add_bytes(source_bytes_, part);
        add_chars(source_chars_, part);
        break;
      default:
        break;
    }
  }

  void on_int(std::uint16_t slot, std::int64_t value) override {
    if (is_object_slot(slot)) return input_.on_int(slot, value);
    if (slot == kAskedMaxTokens) asked_.max_output_tokens = value;
  }
  void on_bool(std::uint16_t slot, bool value) override {
    if (is_object_slot(slot)) return input_.on_bool(slot, value);
    if (slot == kAskedStream) asked_.stream = value || path_stream_;
  }
  void on_double(std::uint16_t slot, double value) override {
    if (is_object_slot(slot)) input_.on_double(slot, value);
  }
  void on_null(std::uint16_t slot) override {
    if (is_object_slot(slot)) input_.on_null(slot);
  }
  void on_key(std::uint16_t, Bytes key) override { input_.on_key(key); }

 private:
  Asked& asked_;
  const bool path_model_;
  const bool path_stream_;
  Word part_type_;
  Word result_id_{limits::kRecordIdTextMax};
  Word source_type_;
  std::uint64_t source_bytes_ = 0;
  std::uint64_t source_chars_ = 0;
  ObjectSize input_;
};

}  // namespace llmrec::dialect::anthropic
