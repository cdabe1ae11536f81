// What is kept of one exchange. Metadata only: no field can hold a prompt, an output, tool
// arguments, a key, a cookie or a query string. Field names are those of llmrec-record(5).
// A fact that is not known is nullopt (null in JSON), never 0.
// Owned by the tap while a call runs, then moved to whoever stores it. Not thread safe.
// Times are nanoseconds; *_ns without another word count from started_at.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/id.h"
#include "record/names.h"

namespace llmrec::record {

inline constexpr int kSchema = 1;

using Count = std::optional<std::int64_t>;
using Nanos = std::optional<std::int64_t>;

// Tokens, as one party counts them.
struct Usage {
  Count input;
  Count output;
  Count total;
  Count cached_input;
  Count cache_write;
  Count reasoning;
  friend bool operator==(const Usage&, const Usage&) = default;
};

struct ToolCall {
  std::uint32_t index = 0;
  std::string id;
  std::string name;
  std::uint64_t arguments_bytes = 0;
  bool arguments_completed = false;
  bool execution_observed = false;
  friend bool operator==(const ToolCall&, const ToolCall&) = default;
};

// A bounded picture of the arrival rate of chunks: equal buckets from the first body octet on.
struct ChunkTimeline {
  std::int64_t bucket_ns = 0;
  std::vector<std::uint32_t> counts;  // at most limits::kTimelineBuckets
  friend bool operator==(const ChunkTimeline&, const ChunkTimeline&) = default;
};

struct Budgets {  // as configured when the call began; nullopt: none
  Nanos connect_ns;
  Nanos headers_ns;
  Nanos first_token_ns;
  Nanos idle_ns;
  Nanos total_ns;
  friend bool operator==(const Budgets&, const Budgets&) = default;
};

using Facts = std::vector<std::pair<std::string, std::string>>;  // ordered as added, keys unique

struct Record {
  // Identity
  RecordId request_id;
  std::string client_request_id;
  std::string provider_request_id;
  std::string response_id;
  std::string trace_id;
  std::string span_id;
  Facts tags;
  Facts notes;

  // What was asked
  std::int64_t started_at_us = 0;  // Unix time
  std::string provider;
  std::string host;
  std::string operation;
  std::string dialect;
  Mode mode = Mode::connect;
  std::string model;
  std::string response_model;
  std::optional<bool> stream;
  Count message_count;
  Count tool_count;
  Count max_output_tokens;
  std::uint64_t request_bytes = 0;
  Count input_tokens_estimated;
  std::optional<bool> usage_requested;
  std::optional<bool> api_key_present;
  std::string user_agent;
  Nanos client_timeout_ns;
  std::string region;

  // What happened
  Status status = Status::open;
  Stage failure_stage = Stage::none;
  Progress progress = Progress::none;
  ErrorType error_type = ErrorType::none;
  std::string error_detail;
  ErrorType error_category = ErrorType::none;
  Fault fault = Fault::none;
  Set<FaultEvidence> fault_evidence;
  std::optional<int> http_status;
  std::optional<bool> retryable;
  Nanos retry_after_ns;
  RetrySafety retry_safety = RetrySafety::unknown;
  std::vector<std::string> finish_reasons;  // one per choice that has finished, in index order
  FinishClass finish_class = FinishClass::none;
  bool done_event_received = false;
  bool usage_available = false;
  bool error_event_received = false;
  Set<Terminal> terminal_missing;
  std::optional<bool> truncated;
  Set<Warning> warnings;

  // How much
  std::uint64_t chunks_received = 0;
  std::uint64_t content_chunks = 0;
  std::uint64_t output_chars_received = 0;
  std::uint64_t reasoning_chars_received = 0;
  std::uint64_t refusal_chars_received = 0;
  Usage usage_reported;
  Usage usage;
  Count expected_output_tokens;
  Count actual_output_tokens;
  Count actual_output_tokens_low;
  Count actual_output_tokens_high;
  Count expected_chunks;
  std::optional<std::int64_t> cost_nano_usd;
  CostSource cost_source = CostSource::none;
  std::vector<ToolCall> tool_calls;
  std::uint32_t tool_calls_not_kept = 0;       // beyond limits::kToolCallsMax
  std::optional<std::uint32_t> cut_tool_call;  // position in tool_calls of the one that was cut

  // When
  Nanos time_to_connect_ns;  // how long the connection took; nullopt on a reused one
  Nanos time_to_tls_ns;      // how long the handshake with the upstream took; likewise
  Nanos time_to_request_sent_ns;
  Nanos time_to_headers_ns;
  Nanos time_to_first_byte_ns;
  Nanos time_to_first_token_ns;
  Nanos last_chunk_ns;
  Nanos stream_duration_ns;
  Nanos duration_ns;
  Nanos max_gap_ns;
  Count max_gap_at_chunk;
  std::optional<bool> gap_had_pings;
  ChunkTimeline chunk_timeline;
  Set<Budget> timeouts_exceeded;
  Budgets budgets;

  // How it ended
  Party closed_by = Party::none;
  CloseHow upstream_close = CloseHow::none;
  std::string upstream_alert;  // the name, where upstream_close is tls_alert
  CloseHow client_close = CloseHow::none;
  std::string client_alert;
  std::optional<bool> body_complete;
  std::string last_event;
  std::uint64_t response_bytes = 0;
  Count bytes_to_client;
  Delivery client_delivery_status = Delivery::unknown;
  bool upstream_cancelled = false;
  std::optional<bool> upstream_active_at_abort;

  // Retries
  std::int64_t attempt = 1;
  RecordId retry_of;  // empty: none known

  // The recorder's own honesty
  TapState tap = TapState::complete;
  std::string tap_reason;

  friend bool operator==(const Record&, const Record&) = default;
};

// An open record that its recorder never finished: rule 10.
void close_as_stopped(Record&);

}  // namespace llmrec::record
