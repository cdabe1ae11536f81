// Records for tests: a typical one, and random ones that use every field.
#pragma once

#include <cstdint>
#include <random>
#include <string>

#include "base/limits.h"
#include "record/record.h"

namespace llmrec::record::sample {

// A streamed chat completion that ends in one tool call, as an instrumented service sends it.
inline Record typical() {
  Record r;
  r.request_id = *RecordId::from_text("req_01JZ0T0M3V6Q3C1B4W0V7W9K2D");
  r.client_request_id = "5f0c7f4e-6f0b-4c62-9b1c-0f6f2f1f9a11";
  r.provider_request_id = "req_8f1f2a51d9f84a4a9a3d4b0d5c0e7f61";
  r.response_id = "chatcmpl-BnZ1fX0aQm5Yk3dTt7H2Lw9sJc4Rv";
  r.trace_id = "4bf92f3577b34da6a3ce929d0e0e4736";
  r.span_id = "00f067aa0ba902b7";
  r.tags = {{"route", "checkout"}};
  r.started_at_us = 1'782'814'361'120'431;
  r.provider = "openai";
  r.host = "api.openai.com";
  r.operation = "chat.completions.stream";
  r.dialect = "openai_chat";
  r.model = "gpt-4o-mini";
  r.response_model = "gpt-4o-mini-2024-07-18";
  r.stream = true;
  r.message_count = 6;
  r.tool_count = 4;
  r.max_output_tokens = 1024;
  r.request_bytes = 5'321;
  r.input_tokens_estimated = 1'290;
  r.usage_requested = true;
  r.api_key_present = true;
  r.user_agent = "OpenAI/Python 1.93.0";
  r.client_timeout_ns = 600'000'000'000;
  r.status = Status::ok;
  r.progress = Progress::complete;
  r.http_status = 200;
  r.retryable = false;
  r.retry_safety = RetrySafety::unsafe;
  r.finish_reasons = {"tool_calls"};
  r.finish_class = FinishClass::tool;
  r.done_event_received = true;
  r.usage_available = true;
  r.truncated = false;
  r.chunks_received = 412;
  r.content_chunks = 409;
  r.output_chars_received = 1'842;
  r.usage_reported = {1'311, 431, 1'742, 1'024, {}, 0};
  r.usage = {1'311, 431, 1'742, 1'024, {}, 0};
  r.expected_output_tokens = 431;
  r.actual_output_tokens = 428;
  r.actual_output_tokens_low = 385;
  r.actual_output_tokens_high = 471;
  r.cost_nano_usd = 455'250;
  r.cost_source = CostSource::reported;
  r.tool_calls = {{0, "call_Yx1b2C3d4E5f6G7h8I9j0K1l", "create_invoice", 164, true, false}};
  r.time_to_connect_ns = 11'204'000;
  r.time_to_tls_ns = 24'510'000;
  r.time_to_request_sent_ns = 36'900'000;
  r.time_to_headers_ns = 410'400'000;
  r.time_to_first_byte_ns = 411'002'000;
  r.time_to_first_token_ns = 842'117'000;
  r.last_chunk_ns = 5'221'032'000;
  r.stream_duration_ns = 4'810'030'000;
  r.duration_ns = 5'221'040'000;
  r.max_gap_ns = 431'115'000;
  r.max_gap_at_chunk = 1;
  r.gap_had_pings = false;
  r.chunk_timeline.bucket_ns = 160'000'000;
  for (std::uint32_t i = 0; i < 31; ++i) r.chunk_timeline.counts.push_back(3 + (i * 7) % 23);
  r.budgets.connect_ns = 10'000'000'000;
  r.body_complete = true;
  r.last_event = "chunk";
  r.response_bytes = 131'874;
  r.bytes_to_client = 131'874;
  r.client_delivery_status = Delivery::full;
  r.retry_of = RecordId{};
  return r;
}

class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}

  std::uint64_t below(std::uint64_t n) { return engine_() % n; }
  bool coin() { return below(2) == 0; }
  template <class E>
  E word() {
    return static_cast<E>(below(kCount<E>));
  }
  template <class E>
  Set<E> set() {
    Set<E> s;
    for (std::size_t i = 0; i < kCount<E>; ++i) {
      if (coin()) s.insert(static_cast<E>(i));
    }
    return s;
  }
  std::uint64_t number() { return engine_() >> (1 + below(63)); }
  Count count() { return coin() ? Count() : Count(static_cast<std::int64_t>(number())); }
  // Whole microseconds, and no more than fits.
  Nanos time() {
    if (coin()) return {};
    return static_cast<std::int64_t>(number() / 1000) * 1000;
  }
  std::optional<bool> maybe() {
    const auto v = below(3);
    return v == 2 ? std::optional<bool>() : v == 1;
  }
  std::string text(std::size_t max, std::size_t min = 0) {  // any octets
    std::string s(min + below(coin() ? 12 : max - min + 1), ' ');
    for (char& c : s) c = static_cast<char>(below(coin() ? 256 : 128));
    return s;
  }
  RecordId id() {
    RecordId id;
    for (auto& octet : id.octets) octet = static_cast<std::uint8_t>(below(256));
    return id;
  }

 private:
  std::mt19937_64 engine_;
};

inline Record random(Random& x) {
  using namespace limits;
  Record r;
  r.request_id = x.id();
  for (std::string* id :
       {&r.client_request_id, &r.provider_request_id, &r.response_id, &r.trace_id, &r.span_id}) {
    *id = x.text(kRecordIdTextMax);
  }
  for (Facts* facts : {&r.tags, &r.notes}) {
    for (auto n = x.below(4); n > 0; --n) {
      facts->emplace_back(std::to_string(n) + x.text(kFactKeyMax - 1), x.text(kFactValueMax));
    }
  }
  r.started_at_us = static_cast<std::int64_t>(x.number());
  for (std::string* name : {&r.provider, &r.operation, &r.dialect, &r.region, &r.last_event,
                            &r.tap_reason, &r.upstream_alert, &r.client_alert}) {
    *name = x.text(kRecordNameMax);
  }
  r.host = x.text(kRecordHostMax);
  r.mode = x.word<Mode>();
  r.model = x.text(kRecordModelMax);
  r.response_model = x.coin() ? r.model : x.text(kRecordModelMax);
  for (std::optional<bool>* b :
       {&r.stream, &r.usage_requested, &r.api_key_present, &r.retryable, &r.truncated,
        &r.gap_had_pings, &r.body_complete, &r.upstream_active_at_abort}) {
    *b = x.maybe();
  }
  for (Count* c : {&r.message_count, &r.tool_count, &r.max_output_tokens, &r.input_tokens_estimated,
                   &r.expected_output_tokens, &r.actual_output_tokens, &r.actual_output_tokens_low,
                   &r.actual_output_tokens_high, &r.expected_chunks, &r.cost_nano_usd,
                   &r.max_gap_at_chunk, &r.bytes_to_client}) {
    *c = x.count();
  }
  for (Usage* u : {&r.usage_reported, &r.usage}) {
    *u = {x.count(), x.count(), x.count(), x.count(), x.count(), x.count()};
  }
  for (std::uint64_t* n :
       {&r.request_bytes, &r.chunks_received, &r.content_chunks, &r.output_chars_received,
        &r.reasoning_chars_received, &r.refusal_chars_received, &r.response_bytes}) {
    *n = x.number();
  }
  for (Nanos* t :
       {&r.client_timeout_ns, &r.retry_after_ns, &r.time_to_connect_ns, &r.time_to_tls_ns,
        &r.time_to_request_sent_ns, &r.time_to_headers_ns, &r.time_to_first_byte_ns,
        &r.time_to_first_token_ns, &r.last_chunk_ns, &r.stream_duration_ns, &r.duration_ns,
        &r.max_gap_ns, &r.budgets.connect_ns, &r.budgets.headers_ns, &r.budgets.first_token_ns,
        &r.budgets.idle_ns, &r.budgets.total_ns}) {
    *t = x.time();
  }
  r.user_agent = x.text(kRecordUserAgentMax);
  r.status = x.word<Status>();
  r.failure_stage = x.word<Stage>();
  r.progress = x.word<Progress>();
  r.error_type = x.word<ErrorType>();
  r.error_detail = x.text(kRecordErrorDetailMax);
  r.error_category = x.word<ErrorType>();
  r.fault = x.word<Fault>();
  r.fault_evidence = x.set<FaultEvidence>();
  if (x.coin()) r.http_status = static_cast<int>(x.below(600));
  r.retry_safety = x.word<RetrySafety>();
  for (auto n = x.below(4); n > 0; --n) r.finish_reasons.push_back(x.text(kRecordNameMax));
  r.finish_class = x.word<FinishClass>();
  r.done_event_received = x.coin();
  r.usage_available = x.coin();
  r.error_event_received = x.coin();
  r.terminal_missing = x.set<Terminal>();
  r.warnings = x.set<Warning>();
  r.cost_source = x.word<CostSource>();
  for (auto n = x.below(5); n > 0; --n) {
    r.tool_calls.push_back({static_cast<std::uint32_t>(x.number()), x.text(kRecordIdTextMax),
                            x.text(kToolNameMax), x.number(), x.coin(), x.coin()});
  }
  r.tool_calls_not_kept = static_cast<std::uint32_t>(x.number());
  if (!r.tool_calls.empty() && x.coin()) {
    r.cut_tool_call = static_cast<std::uint32_t>(x.below(r.tool_calls.size()));
  }
  r.chunk_timeline.bucket_ns = static_cast<std::int64_t>(x.number() / 1000) * 1000;
  for (auto n = x.below(kTimelineBuckets + 1); n > 0; --n) {
    r.chunk_timeline.counts.push_back(static_cast<std::uint32_t>(x.number()));
  }
  r.timeouts_exceeded = x.set<Budget>();
  r.closed_by = x.word<Party>();
  r.upstream_close = x.word<CloseHow>();
  r.client_close = x.word<CloseHow>();
  r.client_delivery_status = x.word<Delivery>();
  r.upstream_cancelled = x.coin();
  r.attempt = static_cast<std::int64_t>(x.number());
  if (x.coin()) r.retry_of = x.id();
  r.tap = x.word<TapState>();
  return r;
}

}  // namespace llmrec::record::sample
