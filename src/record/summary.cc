#include "record/summary.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <optional>

#include "base/limits.h"
#include "record/codec.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "record_generated.h"
#pragma GCC diagnostic pop

namespace llmrec::record {
namespace {

namespace fb = flatbuffers;
using stored::Number;

constexpr std::size_t kHeaderBytes = 8;
constexpr std::size_t kNumbers = static_cast<std::size_t>(Number::MAX) + 1;
constexpr fb::uoffset_t kTablesMax = 1024;
constexpr fb::uoffset_t kDepthMax = 8;

// The numbers by position; those that a shorter list does not have are 0, as in codec.cc.
class Numbers {
 public:
  bool read(const fb::Vector<std::uint8_t>* list) {
    if (list == nullptr) return true;
    const std::uint8_t* at = list->data();
    const std::uint8_t* end = at + list->size();
    for (std::size_t i = 0; i < kNumbers && at != end; ++i) {
      std::uint64_t value = *at & 0x7fU;
      for (unsigned shift = 7; (*at++ & 0x80U) != 0; shift += 7) {
        if (at == end || shift > 63 || (shift == 63 && *at > 1)) return false;
        value |= static_cast<std::uint64_t>(*at & 0x7fU) << shift;
      }
      values_[i] = value;
    }
    return true;
  }
  std::uint64_t total(Number n) const { return values_[static_cast<std::size_t>(n)]; }
  Count maybe(Number n) const {
    const std::uint64_t v = total(n);
    if (v == 0 || v - 1 > kMax) return {};
    return static_cast<std::int64_t>(v - 1);
  }
  Nanos time(Number n) const {
    const Count us = maybe(n);
    return us && *us <= std::numeric_limits<std::int64_t>::max() / 1000 ? Nanos(*us * 1000)
                                                                        : Nanos();
  }
  static constexpr std::uint64_t kMax =
      static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());

 private:
  std::array<std::uint64_t, kNumbers> values_{};
};

template <class E>
bool word(std::uint8_t v, E& out) {
  out = static_cast<E>(v);
  return v < kCount<E>;
}

Bytes text(const fb::String* s) { return s == nullptr ? Bytes() : Bytes(s->data(), s->size()); }

RecordId id(const stored::Ulid* from) {
  RecordId to;
  if (from != nullptr) std::memcpy(to.octets.data(), from->octets()->data(), to.octets.size());
  return to;
}

}  // namespace

Summary summary_of(const Record& r) {
  Summary s;
  s.request_id = r.request_id;
  s.retry_of = r.retry_of;
  s.started_at_us = r.started_at_us;
  s.status = r.status;
  s.failure_stage = r.failure_stage;
  s.progress = r.progress;
  s.error_type = r.error_type;
  s.fault = r.fault;
  s.cost_source = r.cost_source;
  s.tap = r.tap;
  s.terminal_missing = r.terminal_missing;
  s.usage_available = r.usage_available;
  s.stream = r.stream;
  s.chunks_received = r.chunks_received;
  s.usage_input = r.usage.input;
  s.usage_output = r.usage.output;
  s.input_tokens_estimated = r.input_tokens_estimated;
  s.actual_output_tokens = r.actual_output_tokens;
  s.cost_nano_usd = r.cost_nano_usd;
  s.time_to_first_token_ns = r.time_to_first_token_ns;
  s.duration_ns = r.duration_ns;
  s.attempt = r.attempt;
  s.provider = r.provider;
  s.host = r.host;
  s.operation = r.operation;
  s.model = r.model;
  s.response_model = r.response_model;
  s.tap_reason = r.tap_reason;
  s.error_detail = r.error_detail;
  s.tags.assign(r.tags.begin(), r.tags.end());
  return s;
}

const Summary* SummaryReader::read(Bytes stored_form) {
  if (!intact(stored_form) || static_cast<std::uint8_t>(stored_form[0]) != kFormat ||
      stored_form[1] != 0 || stored_form[2] != 0 || stored_form[3] != 0) {
    return nullptr;
  }
  const Bytes body = stored_form.substr(kHeaderBytes);
  const auto* start = reinterpret_cast<const std::uint8_t*>(body.data());
  // FlatBuffers reads aligned words in place; a blob may lie anywhere.
  if (reinterpret_cast<std::uintptr_t>(start) % sizeof(std::uint64_t) != 0) {
    const std::size_t words = (body.size() + 7) / 8;
    if (aligned_.size() < words) aligned_.resize(words);
    std::memcpy(aligned_.data(), body.data(), body.size());
    start = reinterpret_cast<const std::uint8_t*>(aligned_.data());
  }
  fb::Verifier verifier(start, body.size(), kDepthMax, kTablesMax);
  if (!stored::VerifyRecordBuffer(verifier)) return nullptr;
  const stored::Record& in = *stored::GetRecord(start);
  Numbers n;
  if (in.request_id() == nullptr || in.words() == nullptr || !n.read(in.numbers())) return nullptr;

  Summary& s = summary_;
  const stored::Words& w = *in.words();
  if (!word(w.status(), s.status) || !word(w.failure_stage(), s.failure_stage) ||
      !word(w.progress(), s.progress) || !word(w.error_type(), s.error_type) ||
      !word(w.fault(), s.fault) || !word(w.cost_source(), s.cost_source) || !word(w.tap(), s.tap)) {
    return nullptr;
  }
  s.request_id = id(in.request_id());
  s.retry_of = id(in.retry_of());
  s.terminal_missing = Set<Terminal>(w.terminal_missing());
  s.usage_available = (w.flags() & static_cast<std::uint8_t>(stored::Flag::usage_available)) != 0;
  const unsigned stream =
      unsigned{w.maybes()} >> (2U * static_cast<unsigned>(stored::Maybe::stream));
  s.stream = (stream & 2U) != 0 ? std::optional<bool>((stream & 1U) != 0) : std::nullopt;
  s.started_at_us =
      static_cast<std::int64_t>(std::min(n.total(Number::started_at_us), Numbers::kMax));
  s.chunks_received = n.total(Number::chunks_received);
  s.usage_input = n.maybe(Number::usage_input);
  s.usage_output = n.maybe(Number::usage_output);
  s.input_tokens_estimated = n.maybe(Number::input_tokens_estimated);
  s.actual_output_tokens = n.maybe(Number::actual_output_tokens);
  s.cost_nano_usd = n.maybe(Number::cost_nano_usd);
  s.time_to_first_token_ns = n.time(Number::time_to_first_token_us);
  s.duration_ns = n.time(Number::duration_us);
  s.attempt = static_cast<std::int64_t>(std::min(n.total(Number::attempt), Numbers::kMax));
  s.provider = text(in.provider());
  s.host = text(in.host());
  s.operation = text(in.operation());
  s.model = text(in.model());
  s.response_model = text(in.response_model());
  s.tap_reason = text(in.tap_reason());
  s.error_detail = text(in.error_detail());
  s.tags.clear();
  if (in.tags() != nullptr) {
    for (const stored::Fact* fact : *in.tags()) {
      s.tags.emplace_back(text(fact->key()), text(fact->value()));
    }
  }
  return &s;
}

}  // namespace llmrec::record
