// The closed vocabularies of a record and their spellings, which are the ones that users grep for.
// Numbers are stored: append only, never renumber. Pure; any thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace llmrec::record {

enum class Status : std::uint8_t { open, ok, failed, aborted };

enum class Stage : std::uint8_t {
  none,  // null: nothing failed, or the call is still running
  before_request,
  request_rejected,
  before_first_token,
  after_first_token,
  during_tool_call,
  after_finish_reason,
  client_aborted,
  unknown,
};

// How far the call got, whatever the verdict. Ordered: a later value includes the earlier ones.
enum class Progress : std::uint8_t {
  none,
  connected,
  request_sent,
  headers,
  first_token,
  tool_call,
  finish_reason,
  done,
  complete,
};

enum class ErrorType : std::uint8_t {
  none,
  // before_request
  client_untrusted_ca,
  client_tls_failed,
  dns_failed,
  connect_refused,
  connect_timeout,
  connect_failed,
  tls_certificate_invalid,
  tls_handshake_failed,
  destination_denied,
  upstream_proxy_failed,
  request_incomplete,
  malformed_request,
  // request_rejected; also the values of error_category
  authentication,
  permission,
  not_found,
  rate_limit,
  quota_exceeded,
  context_length_exceeded,
  invalid_request,
  content_policy,
  request_too_large,
  overloaded,
  server_error,
  http_error,
  // streaming
  headers_timeout,
  first_token_timeout,
  idle_timeout,
  total_timeout,
  stream_interrupted,
  upstream_reset,
  stream_error_event,
  malformed_response,
  invalid_stream_chunk,
  incomplete_tool_arguments,
  missing_finish_reason,
  missing_done_event,
  missing_usage,
  client_closed,
  client_reset,
  client_closed_early,
  client_timeout,
  // recorder
  recorder_stopped,
  recorder_draining,
};

enum class Fault : std::uint8_t { none, provider, network, client, app, recorder };

enum class RetrySafety : std::uint8_t { unknown, safe, duplicates_output, unsafe };

enum class FinishClass : std::uint8_t { none, stop, length, tool, filter, abort, error };

enum class Party : std::uint8_t { none, upstream, client, recorder };

enum class CloseHow : std::uint8_t { none, close_notify, fin, reset, tls_alert, timeout };

enum class Delivery : std::uint8_t { unknown, full, partial, none };

enum class TapState : std::uint8_t { complete, partial, blind };

enum class Mode : std::uint8_t { connect, reverse, forward, transparent };

enum class CostSource : std::uint8_t { none, reported, estimated };

// Sets, stored as bits.
enum class Terminal : std::uint8_t { finish_reason, usage, done };

enum class Budget : std::uint8_t { connect, headers, first_token, idle, total };

enum class Warning : std::uint8_t {
  empty_output,
  usage_all_zero,
  sequence_gap,
  unterminated_tail,
  done_event_absent,
  finish_contradicts_tool_call,
  unlabelled_content_encoding,
  executed_incomplete,
};

// What a fault rests on.
enum class FaultEvidence : std::uint8_t {
  upstream_close_notify_without_finish,
  upstream_fin_without_close_notify,
  upstream_reset,
  upstream_tls_alert,
  body_incomplete,
  body_complete_without_finish,
  terminal_signal_missing,
  error_event,
  finish_reason_says_error,
  http_status_4xx,
  http_status_5xx,
  error_code_says_quota,
  client_closed_first,
  client_reset_first,
  client_closed_at_its_own_timeout,
  client_refused_certificate,
  client_left_during_handshake,
  client_request_incomplete,
  client_request_malformed,
  name_not_resolved,
  connection_refused,
  connection_failed,
  connection_timed_out,
  certificate_not_verified,
  upstream_handshake_failed,
  destination_not_allowed,
  upstream_proxy_refused,
  response_framing_broken,
  event_data_not_json,
  timeout_enforced,
  recorder_shutting_down,
  recorder_died,
};

template <class E>
class Set {
 public:
  constexpr Set() = default;
  constexpr explicit Set(std::uint64_t bits) : bits_(bits) {}
  constexpr void insert(E e) { bits_ |= bit(e); }
  constexpr void erase(E e) { bits_ &= ~bit(e); }
  constexpr bool contains(E e) const { return (bits_ & bit(e)) != 0; }
  constexpr bool empty() const { return bits_ == 0; }
  constexpr std::uint64_t bits() const { return bits_; }
  friend constexpr bool operator==(Set, Set) = default;

 private:
  static constexpr std::uint64_t bit(E e) { return std::uint64_t{1} << static_cast<unsigned>(e); }
  std::uint64_t bits_ = 0;
};

// The spelling of a value; "" for the ones that JSON shows as null (none).
std::string_view name(Status);
std::string_view name(Stage);
std::string_view name(Progress);
std::string_view name(ErrorType);
std::string_view name(Fault);
std::string_view name(RetrySafety);
std::string_view name(FinishClass);
std::string_view name(Party);
std::string_view name(CloseHow);
std::string_view name(Delivery);
std::string_view name(TapState);
std::string_view name(Mode);
std::string_view name(CostSource);
std::string_view name(Terminal);
std::string_view name(Budget);
std::string_view name(Warning);
std::string_view name(FaultEvidence);

// How many values an enumeration has: numbers read from a store are checked against it.
template <class E>
inline constexpr std::size_t kCount = 0;
template <>
inline constexpr std::size_t kCount<Status> = 4;
template <>
inline constexpr std::size_t kCount<Stage> = 9;
template <>
inline constexpr std::size_t kCount<Progress> = 9;
template <>
inline constexpr std::size_t kCount<ErrorType> = 44;
template <>
inline constexpr std::size_t kCount<Fault> = 6;
template <>
inline constexpr std::size_t kCount<RetrySafety> = 4;
template <>
inline constexpr std::size_t kCount<FinishClass> = 7;
template <>
inline constexpr std::size_t kCount<Party> = 4;
template <>
inline constexpr std::size_t kCount<CloseHow> = 6;
template <>
inline constexpr std::size_t kCount<Delivery> = 4;
template <>
inline constexpr std::size_t kCount<TapState> = 3;
template <>
inline constexpr std::size_t kCount<Mode> = 4;
template <>
inline constexpr std::size_t kCount<CostSource> = 3;
template <>
inline constexpr std::size_t kCount<Terminal> = 3;
template <>
inline constexpr std::size_t kCount<Budget> = 5;
template <>
inline constexpr std::size_t kCount<Warning> = 8;
template <>
inline constexpr std::size_t kCount<FaultEvidence> = 32;

template <class E>
std::optional<E> value_by_name(std::string_view text) {
  for (std::size_t i = 0; i < kCount<E>; ++i) {
    if (name(static_cast<E>(i)) == text) return static_cast<E>(i);
  }
  return std::nullopt;
}

}  // namespace llmrec::record
