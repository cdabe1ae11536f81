// Whether the JSON body of a request asks for usage in a stream (OpenAI: stream_options
// .include_usage, https://platform.openai.com/docs/api-reference/chat/create), and the smallest
// change of its text that makes it ask. Reads the text as a whole. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/bytes.h"

namespace llmrec::edit {

struct UsageAsk {
  enum class Is : std::uint8_t {
    unreadable,     // see `why`
    not_streaming,  // no stream was asked for
    asked,
    unasked,  // the three below make it ask
  };
  Is is = Is::unreadable;
  std::string_view why;  // a literal: not_json, not_an_object, duplicate_key, escaped_key,
                         // unexpected_value
  std::size_t at = 0;    // `size` octets here become `text`
  std::size_t size = 0;
  std::string_view text;
  bool refused = false;  // it says false
};

UsageAsk read_usage_ask(Bytes json);

}  // namespace llmrec::edit
