#include "tap/verdict.h"

namespace llmrec::tap {
namespace {

using record::ErrorType;
using record::Fault;
using record::FaultEvidence;
using record::Progress;
using record::Set;
using record::Stage;
using record::Status;
using record::Terminal;

bool client_left(End end) { return end == End::client_closed || end == End::client_reset; }

bool upstream_broke(End end) {
  return end == End::upstream_close_notify || end == End::upstream_fin ||
         end == End::upstream_reset || end == End::upstream_alert;
}

// A stream whose content is followed. Of any other body the framing is all that is known.
bool followed(const Evidence& e) { return e.stream && (e.owes_finish || e.owes_done); }

ErrorType enforced_timeout(End end) {
  switch (end) {
    case End::headers_timeout:
      return ErrorType::headers_timeout;
    case End::first_token_timeout:
      return ErrorType::first_token_timeout;
    case End::idle_timeout:
      return ErrorType::idle_timeout;
    case End::total_timeout:
      return ErrorType::total_timeout;
    default:
      return ErrorType::none;
  }
}

ErrorType client_error(const Evidence& e) {
  if (e.client_at_own_timeout) return ErrorType::client_timeout;
  return e.end == End::client_reset ? ErrorType::client_reset : ErrorType::client_closed;
}

// How it ended, where that is the error (rules 6, 8 and 9).
ErrorType broken_off(End end) {
  if (end == End::draining) return ErrorType::recorder_draining;
  if (const ErrorType timeout = enforced_timeout(end); timeout != ErrorType::none) return timeout;
  if (end == End::upstream_reset || end == End::upstream_alert) return ErrorType::upstream_reset;
  if (upstream_broke(end)) return ErrorType::stream_interrupted;
  return ErrorType::none;
}

ErrorType unfinished(const Evidence& e) {
  if (e.response_malformed) return ErrorType::malformed_response;
  if (const ErrorType broken = broken_off(e.end); broken != ErrorType::none) return broken;
  if (e.bad_document) return ErrorType::invalid_stream_chunk;
  return ErrorType::missing_finish_reason;
}

ErrorType after_finish(const Evidence& e) {
  if (const ErrorType broken = broken_off(e.end); broken != ErrorType::none) return broken;
  if (e.response_malformed) return ErrorType::malformed_response;
  return e.owes_done && !e.done ? ErrorType::missing_done_event : ErrorType::missing_usage;
}

// A plain answer has no stages, and in a body that is not followed none can be seen: there a body
// octet is the first token.
Stage stage_reached(const Evidence& e) {
  if (e.stream && e.finish) return Stage::after_finish_reason;
  if (e.stream && e.tool_open) return Stage::during_tool_call;
  if (e.stream && e.token) return Stage::after_first_token;
  return !followed(e) && e.body_begun ? Stage::after_first_token : Stage::before_first_token;
}

// The rules of llmrec-record(5), in their order; the first that matches decides.
void classify(const Evidence& e, Verdict& v) {
  const auto set = [&v](int rule, Status status, Stage stage, ErrorType error) {
    v.rule = rule;
    v.status = status;
    v.stage = stage;
    v.error = error;
  };
  if (e.end == End::died) {
    return set(10, Status::failed, Stage::unknown, ErrorType::recorder_stopped);
  }
  if (e.setup_error != ErrorType::none) {
    const bool left = e.setup_error == ErrorType::request_incomplete;
    return set(1, left ? Status::aborted : Status::failed, Stage::before_request, e.setup_error);
  }
  // What we could not read the provider may have understood: an answer other than an error says so.
  if (e.request_malformed && !(e.response_head && e.status < 400)) {
    return set(1, Status::failed, Stage::before_request, ErrorType::malformed_request);
  }
  if (client_left(e.end) && !e.request_complete && !e.request_malformed) {
    return set(1, Status::aborted, Stage::before_request, ErrorType::request_incomplete);
  }
  if (e.response_head && e.status >= 400) {
    return set(2, Status::failed, Stage::request_rejected, e.rejection);
  }
  if (e.error_event || e.finish_bad) {
    return set(3, Status::failed, stage_reached(e), ErrorType::stream_error_event);
  }
  if (terminal_condition(e)) return set(4, Status::ok, Stage::none, ErrorType::none);
  if (client_left(e.end)) {
    return e.finish
               ? set(5, Status::aborted, Stage::after_finish_reason, ErrorType::client_closed_early)
               : set(5, Status::aborted, Stage::client_aborted, client_error(e));
  }
  if (e.finish && e.stream) {
    return set(6, Status::failed, Stage::after_finish_reason, after_finish(e));
  }
  if (e.tool_open && e.stream) {
    const bool draining = e.end == End::draining;
    return set(7, Status::failed, Stage::during_tool_call,
               draining ? ErrorType::recorder_draining : ErrorType::incomplete_tool_arguments);
  }
  const Stage stage = stage_reached(e);
  if (stage == Stage::after_first_token) return set(8, Status::failed, stage, unfinished(e));
  if (e.request_begun) return set(9, Status::failed, stage, unfinished(e));
  set(10, Status::failed, Stage::unknown, ErrorType::recorder_stopped);
}

void blame_connection_end(const Evidence& e, Verdict& v) {
  switch (e.end) {
    case End::upstream_fin:
      v.fault = Fault::network;
      v.fault_evidence.insert(FaultEvidence::upstream_fin_without_close_notify);
      break;
    case End::upstream_reset:
      v.fault = Fault::network;
      v.fault_evidence.insert(FaultEvidence::upstream_reset);
      break;
    case End::upstream_alert:
      v.fault = Fault::network;
      v.fault_evidence.insert(FaultEvidence::upstream_tls_alert);
      break;
    case End::upstream_close_notify:
      v.fault = Fault::provider;
      if (!e.finish) v.fault_evidence.insert(FaultEvidence::upstream_close_notify_without_finish);
      break;
    case End::draining:
      v.fault = Fault::recorder;
      v.fault_evidence.insert(FaultEvidence::recorder_shutting_down);
      break;
    case End::headers_timeout:
    case End::first_token_timeout:
    case End::idle_timeout:
    case End::total_timeout:
      v.fault = Fault::provider;
      v.fault_evidence.insert(FaultEvidence::timeout_enforced);
      break;
    default:
      v.fault = Fault::provider;
      break;
  }
}

void blame_setup(const Evidence& e, Verdict& v) {
  const auto because = [&v](Fault fault, FaultEvidence evidence) {
    v.fault = fault;
    v.fault_evidence.insert(evidence);
  };
  switch (v.error) {
    case ErrorType::client_untrusted_ca:
      return because(Fault::app, FaultEvidence::client_refused_certificate);
    case ErrorType::client_tls_failed:
      return because(Fault::client, FaultEvidence::client_left_during_handshake);
    case ErrorType::dns_failed:
      return because(Fault::network, FaultEvidence::name_not_resolved);
    case ErrorType::connect_refused:
      return because(Fault::network, FaultEvidence::connection_refused);
    case ErrorType::connect_timeout:
      return because(Fault::network, FaultEvidence::connection_timed_out);
    case ErrorType::connect_failed:
      return because(Fault::network, FaultEvidence::connection_failed);
    case ErrorType::tls_certificate_invalid:
      return because(Fault::network, FaultEvidence::certificate_not_verified);
    case ErrorType::tls_handshake_failed:
      return because(Fault::network, FaultEvidence::upstream_handshake_failed);
    case ErrorType::destination_denied:
      return because(Fault::recorder, FaultEvidence::destination_not_allowed);
    case ErrorType::upstream_proxy_failed:
      return because(Fault::network, FaultEvidence::upstream_proxy_refused);
    case ErrorType::malformed_request:
      return because(Fault::app, FaultEvidence::client_request_malformed);
    default:
      because(Fault::app, FaultEvidence::client_request_incomplete);
      if (e.end == End::client_reset) v.fault_evidence.insert(FaultEvidence::client_reset_first);
  }
}

void blame_rejection(const Evidence& e, Verdict& v) {
  v.fault_evidence.insert(e.status >= 500 ? FaultEvidence::http_status_5xx
                                          : FaultEvidence::http_status_4xx);
  if (e.quota) v.fault_evidence.insert(FaultEvidence::error_code_says_quota);
  const bool providers = e.status >= 500 || v.error == ErrorType::rate_limit ||
                         v.error == ErrorType::overloaded || v.error == ErrorType::server_error;
  v.fault = providers && !e.quota ? Fault::provider : Fault::app;
}

void blame_client(const Evidence& e, Verdict& v) {
  v.fault_evidence.insert(e.end == End::client_reset ? FaultEvidence::client_reset_first
                                                     : FaultEvidence::client_closed_first);
  v.fault = Fault::client;
  if (e.client_at_own_timeout) {
    v.fault = Fault::app;
    v.fault_evidence.insert(FaultEvidence::client_closed_at_its_own_timeout);
  }
}

void blame_stream(const Evidence& e, Verdict& v) {
  blame_connection_end(e, v);
  if (e.response_malformed) {
    v.fault = Fault::provider;
    v.fault_evidence.insert(FaultEvidence::response_framing_broken);
  }
  if (e.bad_document) v.fault_evidence.insert(FaultEvidence::event_data_not_json);
  if (e.response_head && !e.body_complete) {
    v.fault_evidence.insert(FaultEvidence::body_incomplete);
  }
  if (e.body_complete && !e.finish) {
    v.fault_evidence.insert(FaultEvidence::body_complete_without_finish);
  }
  if (e.finish && e.stream) v.fault_evidence.insert(FaultEvidence::terminal_signal_missing);
}

void blame(const Evidence& e, Verdict& v) {
  switch (v.rule) {
    case 1:
      return blame_setup(e, v);
    case 2:
      return blame_rejection(e, v);
    case 3:
      v.fault = e.quota ? Fault::app : Fault::provider;
      if (e.error_event) v.fault_evidence.insert(FaultEvidence::error_event);
      if (e.finish_bad) v.fault_evidence.insert(FaultEvidence::finish_reason_says_error);
      if (e.quota) v.fault_evidence.insert(FaultEvidence::error_code_says_quota);
      return;
    case 4:
      return;
    case 5:
      return blame_client(e, v);
    case 10:
      v.fault = Fault::recorder;
      v.fault_evidence.insert(FaultEvidence::recorder_died);
      return;
    default:
      return blame_stream(e, v);
  }
}

}  // namespace

bool terminal_condition(const Evidence& e) {
  if (!e.response_head) return false;
  if (!followed(e)) return e.body_complete && !(e.stream && e.owes_usage && !e.usage);
  return terminal_missing(e).empty();
}

record::Set<record::Terminal> terminal_missing(const Evidence& e) {
  Set<Terminal> missing;
  if (!e.stream) return missing;
  if (e.owes_finish && !e.finish) missing.insert(Terminal::finish_reason);
  if (e.owes_usage && !e.usage) missing.insert(Terminal::usage);
  if (e.owes_done && !e.done) missing.insert(Terminal::done);
  return missing;
}

Progress progress(const Evidence& e) {
  if (e.setup_error != ErrorType::none) return Progress::none;
  if (e.response_head && e.status < 400 && terminal_condition(e)) return Progress::complete;
  if (e.done) return Progress::done;
  if (e.finish) return Progress::finish_reason;
  if (e.tool_started) return Progress::tool_call;
  if (e.token) return Progress::first_token;
  if (e.response_head) return Progress::headers;
  if (e.request_complete) return Progress::request_sent;
  return Progress::connected;
}

Verdict judge(const Evidence& e) {
  Verdict v;
  classify(e, v);
  blame(e, v);
  return v;
}

}  // namespace llmrec::tap
