#include "record/names.h"

namespace llmrec::record {
namespace {

template <class E, std::size_t N>
std::string_view spelled(const std::array<std::string_view, N>& table, E e) {
  static_assert(N == kCount<E>);
  const auto at = static_cast<std::size_t>(e);
  return at < N ? table[at] : std::string_view();
}

constexpr std::array<std::string_view, 4> kStatus{"open", "ok", "failed", "aborted"};
constexpr std::array<std::string_view, 9> kStage{"",
                                                 "before_request",
                                                 "request_rejected",
                                                 "before_first_token",
                                                 "after_first_token",
                                                 "during_tool_call",
                                                 "after_finish_reason",
                                                 "client_aborted",
                                                 "unknown"};
constexpr std::array<std::string_view, 9> kProgress{"none",          "connected",   "request_sent",
                                                    "headers",       "first_token", "tool_call",
                                                    "finish_reason", "done",        "complete"};
constexpr std::array<std::string_view, 44> kErrorType{
    "",
    "client_untrusted_ca",
    "client_tls_failed",
    "dns_failed",
    "connect_refused",
    "connect_timeout",
    "connect_failed",
    "tls_certificate_invalid",
    "tls_handshake_failed",
    "destination_denied",
    "upstream_proxy_failed",
    "request_incomplete",
    "malformed_request",
    "authentication",
    "permission",
    "not_found",
    "rate_limit",
    "quota_exceeded",
    "context_length_exceeded",
    "invalid_request",
    "content_policy",
    "request_too_large",
    "overloaded",
    "server_error",
    "http_error",
    "headers_timeout",
    "first_token_timeout",
    "idle_timeout",
    "total_timeout",
    "stream_interrupted",
    "upstream_reset",
    "stream_error_event",
    "malformed_response",
    "invalid_stream_chunk",
    "incomplete_tool_arguments",
    "missing_finish_reason",
    "missing_done_event",
    "missing_usage",
    "client_closed",
    "client_reset",
    "client_closed_early",
    "client_timeout",
    "recorder_stopped",
    "recorder_draining",
};
constexpr std::array<std::string_view, 6> kFault{"",       "provider", "network",
                                                 "client", "app",      "recorder"};
constexpr std::array<std::string_view, 4> kRetrySafety{"unknown", "safe", "duplicates_output",
                                                       "unsafe"};
constexpr std::array<std::string_view, 7> kFinishClass{"",       "stop",  "length", "tool",
                                                       "filter", "abort", "error"};
constexpr std::array<std::string_view, 4> kParty{"", "upstream", "client", "recorder"};
constexpr std::array<std::string_view, 6> kCloseHow{"none",  "close_notify", "fin",
                                                    "reset", "tls_alert",    "timeout"};
constexpr std::array<std::string_view, 4> kDelivery{"unknown", "full", "partial", "none"};
constexpr std::array<std::string_view, 3> kTapState{"complete", "partial", "blind"};
constexpr std::array<std::string_view, 4> kMode{"connect", "reverse", "forward", "transparent"};
constexpr std::array<std::string_view, 3> kCostSource{"", "reported", "estimated"};
constexpr std::array<std::string_view, 3> kTerminal{"finish_reason", "usage", "done"};
constexpr std::array<std::string_view, 5> kBudget{"connect", "headers", "first_token", "idle",
                                                  "total"};
constexpr std::array<std::string_view, 8> kWarning{"empty_output",
                                                   "usage_all_zero",
                                                   "sequence_gap",
                                                   "unterminated_tail",
                                                   "done_event_absent",
                                                   "finish_contradicts_tool_call",
                                                   "unlabelled_content_encoding",
                                                   "executed_incomplete"};
constexpr std::array<std::string_view, 32> kFaultEvidence{
    "upstream_close_notify_without_finish",
    "upstream_fin_without_close_notify",
    "upstream_reset",
    "upstream_tls_alert",
    "body_incomplete",
    "body_complete_without_finish",
    "terminal_signal_missing",
    "error_event",
    "finish_reason_says_error",
    "http_status_4xx",
    "http_status_5xx",
    "error_code_says_quota",
    "client_closed_first",
    "client_reset_first",
    "client_closed_at_its_own_timeout",
    "client_refused_certificate",
    "client_left_during_handshake",
    "client_request_incomplete",
    "client_request_malformed",
    "name_not_resolved",
    "connection_refused",
    "connection_failed",
    "connection_timed_out",
    "certificate_not_verified",
    "upstream_handshake_failed",
    "destination_not_allowed",
    "upstream_proxy_refused",
    "response_framing_broken",
    "event_data_not_json",
    "timeout_enforced",
    "recorder_shutting_down",
    "recorder_died",
};

}  // namespace

std::string_view name(Status v) { return spelled(kStatus, v); }
std::string_view name(Stage v) { return spelled(kStage, v); }
std::string_view name(Progress v) { return spelled(kProgress, v); }
std::string_view name(ErrorType v) { return spelled(kErrorType, v); }
std::string_view name(Fault v) { return spelled(kFault, v); }
std::string_view name(RetrySafety v) { return spelled(kRetrySafety, v); }
std::string_view name(FinishClass v) { return spelled(kFinishClass, v); }
std::string_view name(Party v) { return spelled(kParty, v); }
std::string_view name(CloseHow v) { return spelled(kCloseHow, v); }
std::string_view name(Delivery v) { return spelled(kDelivery, v); }
std::string_view name(TapState v) { return spelled(kTapState, v); }
std::string_view name(Mode v) { return spelled(kMode, v); }
std::string_view name(CostSource v) { return spelled(kCostSource, v); }
std::string_view name(Terminal v) { return spelled(kTerminal, v); }
std::string_view name(Budget v) { return spelled(kBudget, v); }
std::string_view name(Warning v) { return spelled(kWarning, v); }
std::string_view name(FaultEvidence v) { return spelled(kFaultEvidence, v); }

}  // namespace llmrec::record
