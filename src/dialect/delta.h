// What one document of a provider's answer said, in words that are the same for all providers.
// One document is one SSE event, one NDJSON line, one array element, one event-stream message or
// one whole JSON answer. A dialect fills a Delta while the document passes and the tap applies it
// only once the document is whole: an event that was cut counts nothing. Holds sizes and names,
// never text. Owned by the dialect, reused for every document.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "record/record.h"

namespace llmrec::dialect {

struct Finish {
  std::uint32_t choice = 0;
  std::string reason;  // as sent
  // Where the reason alone does not tell; none: see finish_class().
  record::FinishClass cls = record::FinishClass::none;
};

struct ErrorEvent {
  std::string type;  // the provider's own words, cut at limits::kRecordNameMax
  std::string code;
  std::int64_t status = 0;  // where the document carries one
};

struct Delta {
  std::uint64_t text_chars = 0;
  std::uint64_t reasoning_chars = 0;
  std::uint64_t refusal_chars = 0;
  bool tool_piece = false;     // a tool call began or its arguments went on
  bool ping = false;           // a sign of life that says nothing
  bool done = false;           // the dialect's own terminal event
  bool finish_signal = false;  // the model ended without giving a reason (dialects that can)
  std::vector<std::uint32_t> choices;  // choices that this document spoke of
  std::vector<Finish> finishes;
  record::Usage usage;                         // only the fields that this document carried
  bool usage_final = false;                    // these are the numbers for the whole call
  bool sequence_gap = false;                   // numbered events, and one is missing before this
  std::optional<std::int64_t> cost_nano_usd;   // the provider's own bill for the call
  std::optional<std::int64_t> retry_after_ns;  // from an error's body
  std::optional<ErrorEvent> error;
  std::string response_id;
  std::string model;

  bool content() const {
    return text_chars != 0 || reasoning_chars != 0 || refusal_chars != 0 || tool_piece;
  }
  void clear() {
    text_chars = reasoning_chars = refusal_chars = 0;
    tool_piece = ping = done = finish_signal = usage_final = sequence_gap = false;
    cost_nano_usd.reset();
    retry_after_ns.reset();
    choices.clear();
    finishes.clear();
    usage = {};
    error.reset();
    response_id.clear();
    model.clear();
  }
};

}  // namespace llmrec::dialect
