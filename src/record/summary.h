// What lists and statistics ask of a record, read straight from its stored form: no texts are
// copied and no lists are built, so that a million records take less than a second.
// Pure. A reader belongs to one thread.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "record/record.h"

namespace llmrec::record {

// Names and units are those of Record.
struct Summary {
  RecordId request_id;
  RecordId retry_of;  // empty: none known
  std::int64_t started_at_us = 0;
  Status status = Status::open;
  Stage failure_stage = Stage::none;
  Progress progress = Progress::none;
  ErrorType error_type = ErrorType::none;
  Fault fault = Fault::none;
  CostSource cost_source = CostSource::none;
  TapState tap = TapState::complete;
  Set<Terminal> terminal_missing;
  bool usage_available = false;
  std::optional<bool> stream;
  std::uint64_t chunks_received = 0;
  Count usage_input;
  Count usage_output;
  Count input_tokens_estimated;
  Count actual_output_tokens;
  std::optional<std::int64_t> cost_nano_usd;
  Nanos time_to_first_token_ns;
  Nanos duration_ns;
  std::int64_t attempt = 1;
  Bytes provider;
  Bytes host;
  Bytes operation;
  Bytes model;
  Bytes response_model;
  Bytes tap_reason;
  Bytes error_detail;
  std::vector<std::pair<Bytes, Bytes>> tags;

  Bytes tag(Bytes key) const {  // "" where there is none
    for (const auto& [name, value] : tags) {
      if (name == key) return value;
    }
    return {};
  }
};

// Views into the record.
Summary summary_of(const Record&);

class SummaryReader {
 public:
  // Never trusts its input. nullptr: damaged, or written by a newer llmrec. The answer holds views:
  // it is good until the next call, and as long as the octets are.
  const Summary* read(Bytes stored_form);

 private:
  Summary summary_;
  std::vector<std::uint64_t> aligned_;
};

}  // namespace llmrec::record
