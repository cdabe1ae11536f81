// Records as people meet them, one per kind of end.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "record/record.h"
#include "record_sample.h"
#include "report/text.h"

namespace llmrec::report::sample {

using namespace llmrec::record;

inline Record no_ending() {
  Record r = record::sample::typical();
  r.finish_reasons = {};
  r.finish_class = FinishClass::none;
  r.done_event_received = false;
  r.usage_available = false;
  r.usage = {};
  r.usage_reported = {};
  r.expected_output_tokens = {};
  r.cost_nano_usd = {};
  r.cost_source = CostSource::none;
  r.progress = Progress::first_token;
  r.tool_calls = {};
  r.body_complete = false;
  r.truncated = true;
  r.status = Status::failed;
  r.retryable = true;
  r.retry_safety = RetrySafety::duplicates_output;
  r.closed_by = Party::upstream;
  for (const auto t : {Terminal::finish_reason, Terminal::usage, Terminal::done}) {
    r.terminal_missing.insert(t);
  }
  return r;
}

inline Record tool_call_cut() {
  Record r = no_ending();
  r.failure_stage = Stage::during_tool_call;
  r.error_type = ErrorType::incomplete_tool_arguments;
  r.progress = Progress::tool_call;
  r.fault = Fault::network;
  r.fault_evidence.insert(FaultEvidence::upstream_fin_without_close_notify);
  r.fault_evidence.insert(FaultEvidence::body_incomplete);
  r.upstream_close = CloseHow::fin;
  r.tool_calls = {{0, "call_Yx1b2C3d4E5f6G7h8I9j0K1l", "create_invoice", 112, false, false}};
  r.cut_tool_call = 0;
  r.chunks_received = 37;
  r.content_chunks = 36;
  r.actual_output_tokens = 461;
  r.actual_output_tokens_low = 415;
  r.actual_output_tokens_high = 507;
  r.response_bytes = 11'902;
  r.bytes_to_client = 11'902;
  r.last_chunk_ns = 3'690'000'000;
  r.chunk_timeline.counts = {1, 0, 2, 1, 2, 3, 2, 1, 3, 4, 2, 3, 2, 2, 1, 2, 2, 1, 1, 1, 1};
  r.max_gap_ns = 1'531'040'000;
  r.max_gap_at_chunk = 38;
  return r;
}

inline Record silent_truncation() {
  Record r = no_ending();
  r.failure_stage = Stage::after_first_token;
  r.error_type = ErrorType::missing_finish_reason;
  r.fault = Fault::provider;
  r.fault_evidence.insert(FaultEvidence::body_complete_without_finish);
  r.body_complete = true;
  r.closed_by = Party::none;
  return r;
}

inline Record client_left() {
  Record r = no_ending();
  r.status = Status::aborted;
  r.failure_stage = Stage::client_aborted;
  r.error_type = ErrorType::client_closed;
  r.fault = Fault::client;
  r.fault_evidence.insert(FaultEvidence::client_closed_first);
  r.retryable = {};
  r.closed_by = Party::client;
  r.client_close = CloseHow::close_notify;
  r.upstream_cancelled = true;
  r.upstream_active_at_abort = true;
  r.bytes_to_client = 98'304;
  r.client_delivery_status = Delivery::partial;
  return r;
}

inline Record before_token() {
  Record r = no_ending();
  r.failure_stage = Stage::before_first_token;
  r.progress = Progress::headers;
  r.chunks_received = 1;
  r.content_chunks = 0;
  r.output_chars_received = 0;
  r.actual_output_tokens = r.actual_output_tokens_low = r.actual_output_tokens_high = Count();
  r.time_to_first_token_ns = {};
  r.chunk_timeline.counts = {1};
  r.stream_duration_ns = 59'590'000'000;
  r.duration_ns = 60'001'000'000;
  r.max_gap_ns = 59'580'000'000;
  r.max_gap_at_chunk = 2;
  r.gap_had_pings = true;
  r.truncated = {};
  r.response_bytes = 540;
  r.bytes_to_client = 540;
  r.retry_safety = RetrySafety::safe;
  r.timeouts_exceeded.insert(Budget::first_token);
  r.budgets.first_token_ns = 30'000'000'000;
  r.error_type = ErrorType::upstream_reset;
  r.upstream_close = CloseHow::reset;
  r.fault = Fault::network;
  r.fault_evidence.insert(FaultEvidence::upstream_reset);
  return r;
}

inline Record unanswered(Record r) {
  r.progress = Progress::none;
  r.http_status = {};
  r.chunks_received = r.content_chunks = r.output_chars_received = r.response_bytes = 0;
  r.bytes_to_client = r.actual_output_tokens = r.actual_output_tokens_low = Count();
  r.actual_output_tokens_high = Count();
  r.client_delivery_status = Delivery::unknown;
  r.chunk_timeline = {};
  r.time_to_headers_ns = r.time_to_first_byte_ns = r.time_to_first_token_ns = Nanos();
  r.last_chunk_ns = r.stream_duration_ns = r.max_gap_ns = Nanos();
  r.max_gap_at_chunk = {};
  r.gap_had_pings = r.body_complete = r.truncated = std::optional<bool>();
  r.last_event = r.provider_request_id = r.response_id = r.response_model = "";
  r.terminal_missing = {};
  r.retry_safety = RetrySafety::safe;
  return r;
}

inline Record setup(ErrorType error, Fault fault, FaultEvidence evidence, const char* detail) {
  Record r = unanswered(no_ending());
  r.failure_stage = Stage::before_request;
  r.error_type = error;
  r.error_detail = detail;
  r.fault = fault;
  r.fault_evidence.insert(evidence);
  r.time_to_request_sent_ns = r.time_to_tls_ns = r.time_to_connect_ns = Nanos();
  r.duration_ns = 2'140'000;
  r.closed_by = Party::none;
  r.model = r.operation = r.user_agent = r.client_request_id = r.trace_id = "";
  r.request_bytes = 0;
  r.input_tokens_estimated = r.max_output_tokens = Count();
  return r;
}

inline Record rejected() {
  Record r = unanswered(no_ending());
  r.failure_stage = Stage::request_rejected;
  r.progress = Progress::headers;
  r.error_type = r.error_category = ErrorType::rate_limit;
  r.error_detail = "rate_limit_exceeded";
  r.fault = Fault::provider;
  r.fault_evidence.insert(FaultEvidence::http_status_4xx);
  r.http_status = 429;
  r.retry_after_ns = 20'000'000'000;
  r.provider_request_id = "req_8f1f2a51d9f84a4a9a3d4b0d5c0e7f61";
  r.time_to_headers_ns = 88'000'000;
  r.time_to_first_byte_ns = 88'100'000;
  r.duration_ns = 88'400'000;
  r.response_bytes = 612;
  r.bytes_to_client = 612;
  r.client_delivery_status = Delivery::full;
  r.body_complete = true;
  r.closed_by = Party::none;
  r.attempt = 2;
  r.retry_of = *RecordId::from_text("req_01JZ0T0KZZ6Q3C1B4W0V7W9K2D");
  return r;
}

inline std::vector<std::pair<std::string, Record>> all() {
  std::vector<std::pair<std::string, Record>> out;
  out.emplace_back("ok", record::sample::typical());
  out.emplace_back("tool_call_cut", tool_call_cut());
  out.emplace_back("silent_truncation", silent_truncation());
  out.emplace_back("client_left", client_left());
  out.emplace_back("before_token", before_token());
  out.emplace_back("rejected", rejected());
  out.emplace_back("dns", setup(ErrorType::dns_failed, Fault::network,
                                FaultEvidence::name_not_resolved, "EAI_AGAIN"));
  Record refused = setup(ErrorType::client_untrusted_ca, Fault::app,
                         FaultEvidence::client_refused_certificate, "unknown_ca");
  refused.client_close = CloseHow::tls_alert;
  refused.client_alert = "unknown_ca";
  refused.closed_by = Party::client;
  refused.retryable = false;
  refused.progress = Progress::connected;
  out.emplace_back("untrusted_ca", refused);

  Record length = record::sample::typical();
  length.finish_reasons = {"length"};
  length.finish_class = FinishClass::length;
  length.truncated = true;
  length.tool_calls = {};
  out.emplace_back("length", length);

  Record error = no_ending();
  error.failure_stage = Stage::after_first_token;
  error.error_type = ErrorType::stream_error_event;
  error.error_category = ErrorType::overloaded;
  error.error_detail = "overloaded_error";
  error.error_event_received = true;
  error.fault = Fault::provider;
  error.fault_evidence.insert(FaultEvidence::error_event);
  out.emplace_back("error_event", error);

  Record usage = record::sample::typical();
  usage.status = Status::failed;
  usage.failure_stage = Stage::after_finish_reason;
  usage.error_type = ErrorType::missing_usage;
  usage.progress = Progress::done;
  usage.usage_available = false;
  usage.usage = usage.usage_reported = {};
  usage.expected_output_tokens = {};
  usage.cost_source = CostSource::estimated;
  usage.terminal_missing.insert(Terminal::usage);
  usage.fault = Fault::provider;
  usage.fault_evidence.insert(FaultEvidence::terminal_signal_missing);
  usage.tool_calls = {};
  usage.finish_reasons = {"stop"};
  usage.finish_class = FinishClass::stop;
  usage.retry_safety = RetrySafety::duplicates_output;
  out.emplace_back("missing_usage", usage);

  Record open = unanswered(no_ending());
  open.status = Status::open;
  open.retryable = {};
  open.progress = Progress::request_sent;
  open.duration_ns = 4'000'000'000;
  open.closed_by = Party::none;
  out.emplace_back("open", open);

  Record stopped = no_ending();
  stopped.failure_stage = Stage::unknown;
  stopped.error_type = ErrorType::recorder_stopped;
  stopped.fault = Fault::recorder;
  stopped.fault_evidence.insert(FaultEvidence::recorder_died);
  stopped.retry_safety = RetrySafety::unknown;
  stopped.retryable = {};
  stopped.closed_by = Party::recorder;
  stopped.client_delivery_status = Delivery::unknown;
  stopped.bytes_to_client = {};
  out.emplace_back("stopped", stopped);

  Record plain = record::sample::typical();
  plain.stream = false;
  plain.operation = "chat.completions";
  plain.chunks_received = plain.content_chunks = 0;
  plain.chunk_timeline = {};
  plain.time_to_first_token_ns = plain.last_chunk_ns = plain.max_gap_ns = Nanos();
  plain.max_gap_at_chunk = {};
  plain.time_to_connect_ns = plain.time_to_tls_ns = Nanos();
  plain.last_event = "";
  plain.done_event_received = false;
  out.emplace_back("plain", plain);

  Record blind = no_ending();
  blind.failure_stage = Stage::after_first_token;
  blind.error_type = ErrorType::malformed_response;
  blind.error_detail = "HPE_INVALID_CHUNK_SIZE";
  blind.fault = Fault::provider;
  blind.fault_evidence.insert(FaultEvidence::response_framing_broken);
  blind.tap = TapState::blind;
  blind.tap_reason = "parse_error";
  blind.retry_safety = RetrySafety::unknown;
  blind.upstream_close = CloseHow::close_notify;
  out.emplace_back("blind", blind);

  Record executed = tool_call_cut();
  executed.warnings.insert(Warning::executed_incomplete);
  executed.tool_calls[0].execution_observed = true;
  executed.tool_calls.insert(executed.tool_calls.begin(),
                             {0, "call_A", "look_up_customer", 41, true, true});
  executed.cut_tool_call = 1;
  executed.retry_safety = RetrySafety::unsafe;
  executed.model = "ft:gpt-4o-mini-2024-07-18:a-company-with-a-long-name:invoices-v17:9hQx2LkP";
  executed.response_model = executed.model;
  executed.tags.emplace_back("customer", "\x1b[31mred\x07 \xe6\x97\xa5");
  out.emplace_back("executed_incomplete", executed);
  return out;
}

inline std::string plain_text(const Lines& lines) {
  std::string out;
  for (const Line& line : lines) {
    std::string text;
    for (const Span& span : line) text += span.text;
    text.resize(text.find_last_not_of(' ') + 1);
    out += text + '\n';
  }
  return out;
}

}  // namespace llmrec::report::sample
