#include "record/codec.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <span>
#include <type_traits>

#include "base/limits.h"
#include "record/crc32c.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "record_generated.h"
#pragma GCC diagnostic pop

namespace llmrec::record {
namespace {

namespace fb = flatbuffers;
using stored::Flag;
using stored::Maybe;
using stored::Number;

constexpr std::size_t kHeaderBytes = 8;
constexpr std::size_t kCrcAt = 4;
// A record has one table, one per tool call and one per fact.
constexpr fb::uoffset_t kTablesMax = 1024;
constexpr fb::uoffset_t kDepthMax = 8;

// The one place that ties positions to members. `v` has total (never unknown), maybe (nullopt:
// unknown) and time (nanoseconds, nullopt: unknown).
template <class R, class V>
void visit_numbers(R& r, V& v) {
  v.total(Number::started_at_us, r.started_at_us);
  v.maybe(Number::message_count, r.message_count);
  v.maybe(Number::tool_count, r.tool_count);
  v.maybe(Number::max_output_tokens, r.max_output_tokens);
  v.total(Number::request_bytes, r.request_bytes);
  v.maybe(Number::input_tokens_estimated, r.input_tokens_estimated);
  v.time(Number::client_timeout_us, r.client_timeout_ns);
  v.maybe(Number::http_status, r.http_status);
  v.time(Number::retry_after_us, r.retry_after_ns);
  v.total(Number::chunks_received, r.chunks_received);
  v.total(Number::content_chunks, r.content_chunks);
  v.total(Number::output_chars_received, r.output_chars_received);
  v.total(Number::reasoning_chars_received, r.reasoning_chars_received);
  v.total(Number::refusal_chars_received, r.refusal_chars_received);
  v.maybe(Number::reported_input, r.usage_reported.input);
  v.maybe(Number::reported_output, r.usage_reported.output);
  v.maybe(Number::reported_total, r.usage_reported.total);
  v.maybe(Number::reported_cached_input, r.usage_reported.cached_input);
  v.maybe(Number::reported_cache_write, r.usage_reported.cache_write);
  v.maybe(Number::reported_reasoning, r.usage_reported.reasoning);
  v.maybe(Number::usage_input, r.usage.input);
  v.maybe(Number::usage_output, r.usage.output);
  v.maybe(Number::usage_total, r.usage.total);
  v.maybe(Number::usage_cached_input, r.usage.cached_input);
  v.maybe(Number::usage_cache_write, r.usage.cache_write);
  v.maybe(Number::usage_reasoning, r.usage.reasoning);
  v.maybe(Number::expected_output_tokens, r.expected_output_tokens);
  v.maybe(Number::actual_output_tokens, r.actual_output_tokens);
  v.maybe(Number::actual_output_tokens_low, r.actual_output_tokens_low);
  v.maybe(Number::actual_output_tokens_high, r.actual_output_tokens_high);
  v.maybe(Number::expected_chunks, r.expected_chunks);
  v.maybe(Number::cost_nano_usd, r.cost_nano_usd);
  v.total(Number::tool_calls_not_kept, r.tool_calls_not_kept);
  v.maybe(Number::cut_tool_call, r.cut_tool_call);
  v.time(Number::time_to_connect_us, r.time_to_connect_ns);
  v.time(Number::time_to_tls_us, r.time_to_tls_ns);
  v.time(Number::time_to_request_sent_us, r.time_to_request_sent_ns);
  v.time(Number::time_to_headers_us, r.time_to_headers_ns);
  v.time(Number::time_to_first_byte_us, r.time_to_first_byte_ns);
  v.time(Number::time_to_first_token_us, r.time_to_first_token_ns);
  v.time(Number::last_chunk_us, r.last_chunk_ns);
  v.time(Number::stream_duration_us, r.stream_duration_ns);
  v.time(Number::duration_us, r.duration_ns);
  v.time(Number::max_gap_us, r.max_gap_ns);
  v.maybe(Number::max_gap_at_chunk, r.max_gap_at_chunk);
  v.bucket(Number::timeline_bucket_us, r.chunk_timeline.bucket_ns);
  v.time(Number::budget_connect_us, r.budgets.connect_ns);
  v.time(Number::budget_headers_us, r.budgets.headers_ns);
  v.time(Number::budget_first_token_us, r.budgets.first_token_ns);
  v.time(Number::budget_idle_us, r.budgets.idle_ns);
  v.time(Number::budget_total_us, r.budgets.total_ns);
  v.total(Number::response_bytes, r.response_bytes);
  v.maybe(Number::bytes_to_client, r.bytes_to_client);
  v.total(Number::attempt, r.attempt);
}

template <class R, class V>
void visit_maybes(R& r, V&& v) {
  v(Maybe::stream, r.stream);
  v(Maybe::usage_requested, r.usage_requested);
  v(Maybe::api_key_present, r.api_key_present);
  v(Maybe::retryable, r.retryable);
  v(Maybe::truncated, r.truncated);
  v(Maybe::gap_had_pings, r.gap_had_pings);
  v(Maybe::body_complete, r.body_complete);
  v(Maybe::upstream_active_at_abort, r.upstream_active_at_abort);
}

template <class R, class V>
void visit_flags(R& r, V&& v) {
  v(Flag::done_event_received, r.done_event_received);
  v(Flag::usage_available, r.usage_available);
  v(Flag::error_event_received, r.error_event_received);
  v(Flag::upstream_cancelled, r.upstream_cancelled);
}

using Octets = std::vector<std::uint8_t>;

void append_varint(Octets& out, std::uint64_t v) {
  for (; v >= 0x80; v >>= 7) out.push_back(static_cast<std::uint8_t>(v | 0x80U));
  out.push_back(static_cast<std::uint8_t>(v));
}

class NumberWriter {
 public:
  explicit NumberWriter(Octets& out) : out_(out) {}

  template <class T>
  void total(Number, T v) {
    if constexpr (std::is_signed_v<T>) v = std::max<T>(v, 0);
    append_varint(out_, static_cast<std::uint64_t>(v));
  }
  template <class T>
  void maybe(Number, const std::optional<T>& v) {
    bool known = v.has_value();
    if constexpr (std::is_signed_v<T>) known = known && *v >= 0;
    append_varint(out_, known ? static_cast<std::uint64_t>(*v) + 1 : 0);
  }
  void time(Number n, const Nanos& v) { maybe(n, v && *v >= 0 ? Nanos(*v / 1000) : Nanos()); }
  void bucket(Number n, std::int64_t ns) { total(n, ns / 1000); }

 private:
  Octets& out_;
};

class NumberReader {
 public:
  explicit NumberReader(std::span<const std::uint8_t> in) : in_(in) {}
  bool good() const { return good_; }

  std::optional<std::uint64_t> next() {  // nullopt: the list has ended, or is broken
    if (at_ == in_.size() || !good_) return std::nullopt;
    std::uint64_t v = 0;
    for (unsigned shift = 0; at_ < in_.size() && shift < 64; shift += 7) {
      const std::uint8_t octet = in_[at_++];
      if (shift == 63 && octet > 1) break;
      v |= static_cast<std::uint64_t>(octet & 0x7fU) << shift;
      if ((octet & 0x80U) == 0) return v;
    }
    good_ = false;
    return std::nullopt;
  }
  template <class T>
  void total(Number, T& out) {
    if (const auto v = next()) take(*v, out);
  }
  template <class T>
  void maybe(Number, std::optional<T>& out) {
    const auto v = next();
    if (!v || *v == 0) return;
    T value{};
    if (take(*v - 1, value)) out = value;
  }
  void time(Number n, Nanos& out) {
    Nanos us;
    maybe(n, us);
    if (us && in_range(*us)) out = *us * 1000;
  }
  void bucket(Number n, std::int64_t& ns) {
    std::int64_t us = 0;
    total(n, us);
    if (in_range(us)) ns = us * 1000;
  }

 private:
  template <class T>
  bool take(std::uint64_t v, T& out) {
    if (v > static_cast<std::uint64_t>(std::numeric_limits<T>::max())) return good_ = false;
    out = static_cast<T>(v);
    return true;
  }
  bool in_range(std::int64_t us) {
    if (us > std::numeric_limits<std::int64_t>::max() / 1000) good_ = false;
    return good_;
  }

  std::span<const std::uint8_t> in_;
  std::size_t at_ = 0;
  bool good_ = true;
};

// At most `max` octets, and no part of a code point.
Bytes cut(const std::string& text, std::size_t max) {
  if (text.size() <= max) return text;
  std::size_t end = max;
  while (end > 0 && max - end < 4 && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80U) {
    --end;
  }
  return Bytes(text).substr(0, end);
}

class Encoder {
 public:
  std::string run(const Record& r);

 private:
  using Text = fb::Offset<fb::String>;

  Text text(const std::string& s, std::size_t max) {
    const Bytes kept = cut(s, max);
    return kept.empty() ? Text() : b_.CreateString(kept.data(), kept.size());
  }
  fb::Offset<fb::Vector<std::uint8_t>> numbers(const Record& r) {
    octets_.clear();
    NumberWriter out(octets_);
    visit_numbers(r, out);
    return b_.CreateVector(octets_);
  }
  fb::Offset<fb::Vector<std::uint8_t>> timeline(const Record& r) {
    const auto& counts = r.chunk_timeline.counts;
    if (counts.empty()) return {};
    octets_.clear();
    const std::size_t n = std::min(counts.size(), limits::kTimelineBuckets);
    for (std::size_t i = 0; i < n; ++i) append_varint(octets_, counts[i]);
    return b_.CreateVector(octets_);
  }
  fb::Offset<fb::Vector<Text>> finish_reasons(const Record& r) {
    std::vector<Text> all;
    for (const auto& reason : r.finish_reasons) {
      if (all.size() == limits::kFinishReasonsMax) break;
      const Bytes kept = cut(reason, limits::kRecordNameMax);
      all.push_back(b_.CreateString(kept.data(), kept.size()));
    }
    if (all.empty()) return {};
    return b_.CreateVector(all);
  }
  fb::Offset<fb::Vector<fb::Offset<stored::ToolCall>>> tool_calls(const Record& r) {
    std::vector<fb::Offset<stored::ToolCall>> all;
    for (const auto& call : r.tool_calls) {
      if (all.size() == limits::kToolCallsMax) break;
      const Text id = text(call.id, limits::kRecordIdTextMax);
      const Text called = text(call.name, limits::kToolNameMax);
      all.push_back(stored::CreateToolCall(b_, id, called, call.arguments_bytes, call.index,
                                           call.arguments_completed, call.execution_observed));
    }
    if (all.empty()) return {};
    return b_.CreateVector(all);
  }
  fb::Offset<fb::Vector<fb::Offset<stored::Fact>>> facts(const Facts& from) {
    std::vector<fb::Offset<stored::Fact>> all;
    for (const auto& [key, value] : from) {
      if (all.size() == limits::kFactsMax) break;
      const Text k = text(key, limits::kFactKeyMax);
      const Text v = text(value, limits::kFactValueMax);
      all.push_back(stored::CreateFact(b_, k, v));
    }
    if (all.empty()) return {};
    return b_.CreateVector(all);
  }

  fb::FlatBufferBuilder b_;
  Octets octets_;
};

template <class E>
std::uint8_t octet(E e) {
  return static_cast<std::uint8_t>(e);
}

template <class E>
std::uint8_t bits(Set<E> set) {
  static_assert(kCount<E> <= 8, "append a wider field to record.fbs");
  return static_cast<std::uint8_t>(set.bits());
}

stored::Words words_of(const Record& r) {
  std::uint8_t flags = 0;
  visit_flags(
      r, [&](Flag f, bool on) { flags = static_cast<std::uint8_t>(flags | (on ? octet(f) : 0)); });
  unsigned maybes = 0;
  visit_maybes(r, [&](Maybe m, const std::optional<bool>& v) {
    const unsigned two_bits = v ? (*v ? 3U : 2U) : 0U;
    maybes |= two_bits << (2U * static_cast<unsigned>(m));
  });
  return stored::Words(
      octet(r.status), octet(r.failure_stage), octet(r.progress), octet(r.error_type),
      octet(r.error_category), octet(r.fault), octet(r.retry_safety), octet(r.finish_class),
      octet(r.cost_source), octet(r.closed_by), octet(r.upstream_close), octet(r.client_close),
      octet(r.client_delivery_status), octet(r.mode), octet(r.tap), bits(r.terminal_missing),
      bits(r.timeouts_exceeded), flags, static_cast<std::uint16_t>(maybes));
}

stored::Ulid ulid_of(const RecordId& id) {
  return stored::Ulid(fb::span<const std::uint8_t, 16>(id.octets));
}

std::string Encoder::run(const Record& r) {
  using namespace limits;
  const auto all_numbers = numbers(r);
  const Text provider = text(r.provider, kRecordNameMax);
  const Text host = text(r.host, kRecordHostMax);
  const Text operation = text(r.operation, kRecordNameMax);
  const Text dialect = text(r.dialect, kRecordNameMax);
  const Text model = text(r.model, kRecordModelMax);
  const Text response_model =
      r.response_model == r.model ? model : text(r.response_model, kRecordModelMax);
  const Text provider_request_id = text(r.provider_request_id, kRecordIdTextMax);
  const Text response_id = text(r.response_id, kRecordIdTextMax);
  const Text user_agent = text(r.user_agent, kRecordUserAgentMax);
  const auto reasons = finish_reasons(r);
  const Text last_event = text(r.last_event, kRecordNameMax);
  const auto counts = timeline(r);
  const auto calls = tool_calls(r);
  const Text client_request_id = text(r.client_request_id, kRecordIdTextMax);
  const Text error_detail = text(r.error_detail, kRecordErrorDetailMax);
  const auto tags = facts(r.tags);
  const Text trace_id = text(r.trace_id, kRecordIdTextMax);
  const Text span_id = text(r.span_id, kRecordIdTextMax);
  const auto notes = facts(r.notes);
  const Text region = text(r.region, kRecordNameMax);
  const Text tap_reason = text(r.tap_reason, kRecordNameMax);
  const Text upstream_alert = text(r.upstream_alert, kRecordNameMax);
  const Text client_alert = text(r.client_alert, kRecordNameMax);
  const stored::Ulid id = ulid_of(r.request_id);
  const stored::Ulid retry_of = ulid_of(r.retry_of);
  const stored::Words words = words_of(r);
  b_.Finish(stored::CreateRecord(b_, &id, &words, all_numbers, provider, host, operation, dialect,
                                 model, response_model, provider_request_id, response_id,
                                 user_agent, reasons, last_event, counts, calls, client_request_id,
                                 r.fault_evidence.bits(), r.warnings.bits(), error_detail, tags,
                                 trace_id, span_id, r.retry_of.empty() ? nullptr : &retry_of, notes,
                                 region, tap_reason, upstream_alert, client_alert));

  const Bytes body(reinterpret_cast<const char*>(b_.GetBufferPointer()), b_.GetSize());
  std::string out(kHeaderBytes, '\0');
  out[0] = static_cast<char>(kFormat);
  const std::uint32_t crc = fb::EndianScalar(crc32c(body));
  std::memcpy(&out[kCrcAt], &crc, sizeof crc);
  out += body;
  return out;
}

class Decoder {
 public:
  explicit Decoder(const stored::Record& in) : in_(in) {}
  Result<Record> run();

 private:
  void words();
  void texts();
  void lists();
  void numbers();

  template <class E>
  void word(std::uint8_t v, E& out) {
    if (v < kCount<E>) {
      out = static_cast<E>(v);
    } else {
      newer_ = true;
    }
  }
  static std::string text(const fb::String* s) {
    return s == nullptr ? std::string() : std::string(s->data(), s->size());
  }
  static void facts(const fb::Vector<fb::Offset<stored::Fact>>* from, Facts& to) {
    if (from == nullptr) return;
    for (const auto* fact : *from) to.emplace_back(text(fact->key()), text(fact->value()));
  }
  static RecordId id(const stored::Ulid& from) {
    RecordId to;
    for (fb::uoffset_t i = 0; i < 16; ++i) to.octets[i] = from.octets()->Get(i);
    return to;
  }

  const stored::Record& in_;
  Record r_;
  bool newer_ = false;
  bool broken_ = false;
};

void Decoder::words() {
  const stored::Words& w = *in_.words();
  word(w.status(), r_.status);
  word(w.failure_stage(), r_.failure_stage);
  word(w.progress(), r_.progress);
  word(w.error_type(), r_.error_type);
  word(w.error_category(), r_.error_category);
  word(w.fault(), r_.fault);
  word(w.retry_safety(), r_.retry_safety);
  word(w.finish_class(), r_.finish_class);
  word(w.cost_source(), r_.cost_source);
  word(w.closed_by(), r_.closed_by);
  word(w.upstream_close(), r_.upstream_close);
  word(w.client_close(), r_.client_close);
  word(w.client_delivery_status(), r_.client_delivery_status);
  word(w.mode(), r_.mode);
  word(w.tap(), r_.tap);
  r_.terminal_missing = Set<Terminal>(w.terminal_missing());
  r_.timeouts_exceeded = Set<Budget>(w.timeouts_exceeded());
  r_.fault_evidence = Set<FaultEvidence>(in_.fault_evidence());
  r_.warnings = Set<Warning>(in_.warnings());
  visit_flags(r_, [&](Flag f, bool& on) { on = (w.flags() & octet(f)) != 0; });
  visit_maybes(r_, [&](Maybe m, std::optional<bool>& v) {
    const unsigned two_bits = (unsigned{w.maybes()} >> (2U * static_cast<unsigned>(m))) & 3U;
    if ((two_bits & 2U) != 0) v = (two_bits & 1U) != 0;
  });
}

void Decoder::texts() {
  r_.provider = text(in_.provider());
  r_.host = text(in_.host());
  r_.operation = text(in_.operation());
  r_.dialect = text(in_.dialect());
  r_.model = text(in_.model());
  r_.response_model = text(in_.response_model());
  r_.provider_request_id = text(in_.provider_request_id());
  r_.response_id = text(in_.response_id());
  r_.user_agent = text(in_.user_agent());
  r_.last_event = text(in_.last_event());
  r_.client_request_id = text(in_.client_request_id());
  r_.error_detail = text(in_.error_detail());
  r_.trace_id = text(in_.trace_id());
  r_.span_id = text(in_.span_id());
  r_.region = text(in_.region());
  r_.tap_reason = text(in_.tap_reason());
  r_.upstream_alert = text(in_.upstream_alert());
  r_.client_alert = text(in_.client_alert());
}

void Decoder::lists() {
  if (const auto* reasons = in_.finish_reasons()) {
    for (const auto* reason : *reasons) r_.finish_reasons.push_back(text(reason));
  }
  if (const auto* calls = in_.tool_calls()) {
    for (const auto* call : *calls) {
      r_.tool_calls.push_back({call->index(), text(call->id()), text(call->name()),
                               call->arguments_bytes(), call->arguments_completed(),
                               call->execution_observed()});
    }
  }
  facts(in_.tags(), r_.tags);
  facts(in_.notes(), r_.notes);
  if (const auto* counts = in_.timeline_counts()) {
    NumberReader reader({counts->data(), counts->size()});
    while (const auto v = reader.next()) {
      if (*v > std::numeric_limits<std::uint32_t>::max()) broken_ = true;
      r_.chunk_timeline.counts.push_back(static_cast<std::uint32_t>(*v));
    }
    broken_ =
        broken_ || !reader.good() || r_.chunk_timeline.counts.size() > limits::kTimelineBuckets;
  }
}

void Decoder::numbers() {
  if (const auto* list = in_.numbers()) {
    NumberReader reader({list->data(), list->size()});
    visit_numbers(r_, reader);
    broken_ = broken_ || !reader.good();
  }
  if (r_.cut_tool_call && *r_.cut_tool_call >= r_.tool_calls.size()) r_.cut_tool_call.reset();
}

Error damaged() { return {Code::corrupt, "the stored record is damaged"}; }

Result<Record> Decoder::run() {
  if (in_.request_id() == nullptr || in_.words() == nullptr) return damaged();
  r_.request_id = id(*in_.request_id());
  if (in_.retry_of() != nullptr) r_.retry_of = id(*in_.retry_of());
  words();
  texts();
  lists();
  numbers();
  if (broken_) return damaged();
  if (newer_) {
    return Error{Code::unsupported, "the record uses words of a newer llmrec: read it with that"};
  }
  return std::move(r_);
}

}  // namespace

std::string encode(const Record& r) { return Encoder().run(r); }

bool intact(Bytes stored_form) {
  if (stored_form.size() <= kHeaderBytes || stored_form.size() > limits::kEncodedRecordMax) {
    return false;
  }
  std::uint32_t crc = 0;
  std::memcpy(&crc, stored_form.data() + kCrcAt, sizeof crc);
  return fb::EndianScalar(crc) == crc32c(stored_form.substr(kHeaderBytes));
}

Result<Record> decode(Bytes stored_form) {
  if (!intact(stored_form)) return damaged();
  if (static_cast<std::uint8_t>(stored_form[0]) > kFormat) {
    return Error{Code::unsupported, "the record has a newer format: read it with a newer llmrec"};
  }
  if (static_cast<std::uint8_t>(stored_form[0]) != kFormat || stored_form[1] != 0 ||
      stored_form[2] != 0 || stored_form[3] != 0) {
    return damaged();
  }
  // FlatBuffers reads aligned words in place; a blob may lie anywhere.
  const Bytes body = stored_form.substr(kHeaderBytes);
  std::vector<std::uint64_t> aligned((body.size() + 7) / 8);
  std::memcpy(aligned.data(), body.data(), body.size());
  const auto* start = reinterpret_cast<const std::uint8_t*>(aligned.data());
  fb::Verifier verifier(start, body.size(), kDepthMax, kTablesMax);
  if (!stored::VerifyRecordBuffer(verifier)) return damaged();
  return Decoder(*stored::GetRecord(start)).run();
}

}  // namespace llmrec::record
