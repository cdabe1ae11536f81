#include "report/sentence.h"

#include "report/format.h"

namespace llmrec::report {
namespace {

using record::CloseHow;
using record::Delivery;
using record::ErrorType;
using record::FaultEvidence;
using record::FinishClass;
using record::Party;
using record::Progress;
using record::Record;
using record::RetrySafety;
using record::Stage;
using record::Status;
using record::Warning;

std::string host(const Record& r) { return r.host.empty() ? "the upstream" : clean(r.host); }

std::string in_brackets(const std::string& text) {
  return text.empty() ? std::string() : " (" + text + ")";
}

std::string detail(const Record& r) { return in_brackets(clean(r.error_detail)); }

std::string finish(const Record& r) {
  return r.finish_reasons.empty() ? std::string() : clean(r.finish_reasons.front());
}

std::string limit(const record::Nanos& ns) { return ns ? " of " + duration(*ns) : std::string(); }

std::string after(const record::Nanos& ns, std::string_view behind) {
  return ns ? duration(*ns) + std::string(behind) : std::string();
}

bool is_stream(const Record& r) { return r.chunks_received > 0 || r.stream.value_or(false); }

bool body_begun(const Record& r) {
  return r.time_to_first_byte_ns.has_value() || r.chunks_received > 0;
}

std::string tool_name(const Record& r) {
  if (!r.cut_tool_call || *r.cut_tool_call >= r.tool_calls.size()) return {};
  return clean(r.tool_calls[*r.cut_tool_call].name);
}

bool in_tool_call(const Record& r) {
  return r.failure_stage == Stage::during_tool_call ||
         (r.failure_stage != Stage::after_first_token && r.cut_tool_call.has_value());
}

std::string arguments_of_call(const Record& r) {
  const std::string name = tool_name(r);
  return "inside the arguments of " + (name.empty() ? "a tool call" : "tool call " + name);
}

// Where the call stood when it ended: goes behind a verb.
std::string place(const Record& r) {
  if (r.failure_stage == Stage::after_finish_reason) {
    return "after the finish reason" + in_brackets(finish(r)) + " had passed";
  }
  if (!r.http_status && !body_begun(r)) {
    const std::string when = after(r.duration_ns, " after the request began, ");
    return when + "before any answer came";
  }
  if (!is_stream(r)) {
    return body_begun(r) ? "inside the body of the answer" : "before the body of the answer came";
  }
  if (r.failure_stage == Stage::before_first_token || r.progress <= Progress::headers) {
    const std::string when = after(r.duration_ns, " after the request began, ");
    return when + "after the response head and before the first token";
  }
  std::string out = after(r.stream_duration_ns, " into the stream");
  if (out.empty()) out = "in mid-stream";
  if (in_tool_call(r)) out += ", " + arguments_of_call(r);
  return out;
}

std::string upstream_went(const Record& r) {
  switch (r.upstream_close) {
    case CloseHow::close_notify:
      return "The upstream closed the connection (close_notify)";
    case CloseHow::fin:
      return "The upstream dropped the connection (FIN without close_notify)";
    case CloseHow::reset:
      return "The upstream reset the connection";
    case CloseHow::tls_alert:
      return "The upstream broke the connection off (" +
             close_text(r.upstream_close, r.upstream_alert) + ")";
    case CloseHow::timeout:
      return "The connection to the upstream timed out";
    case CloseHow::none:
      break;
  }
  return "The upstream ended the connection";
}

// A tool call that was cut: by whom, or by nobody.
std::string tool_call_cut(const Record& r) {
  if (r.body_complete.value_or(false)) {
    return "The answer ended properly as an HTTP message, but " + arguments_of_call(r);
  }
  if (r.closed_by == Party::client) return "The client closed the connection " + place(r);
  if (r.closed_by == Party::recorder) return "llmrec ended the call " + place(r);
  return upstream_went(r) + ' ' + place(r);
}

std::string timed_out(std::string_view name, const record::Nanos& budget, std::string_view what) {
  return "llmrec ended the call at its " + std::string(name) + " time-out" + limit(budget) + ": " +
         std::string(what);
}

std::string rejected(const Record& r, std::string_view why) {
  std::string with;
  if (r.http_status) with = "HTTP " + std::to_string(*r.http_status);
  const std::string words = clean(r.error_detail);
  if (!words.empty()) with += with.empty() ? words : ", " + words;
  return "The provider rejected the request" + in_brackets(with) + ": " + std::string(why);
}

std::string setup_error(const Record& r) {
  const std::string to = host(r);
  switch (r.error_type) {
    case ErrorType::client_untrusted_ca:
      return "The client does not trust llmrec's CA" + detail(r) +
             " and refused its certificate for " + to +
             ". Give it the CA bundle: llmrec(7) says how";
    case ErrorType::client_tls_failed:
      return "The TLS handshake between the client and llmrec failed" + detail(r);
    case ErrorType::dns_failed:
      return "The name " + to + " could not be resolved" + detail(r);
    case ErrorType::connect_refused:
      return "The connection to " + to + " was refused" + detail(r);
    case ErrorType::connect_timeout:
      return "No connection to " + to + " came about within the connect time-out" +
             limit(r.budgets.connect_ns) + detail(r);
    case ErrorType::connect_failed:
      return "The connection to " + to + " could not be made" + detail(r);
    case ErrorType::tls_certificate_invalid:
      return "The certificate of " + to + " could not be verified" + detail(r) +
             ", so nothing was sent to it";
    case ErrorType::tls_handshake_failed:
      return "The TLS handshake with " + to + " failed" + detail(r);
    case ErrorType::destination_denied:
      return "llmrec is not allowed to connect to " + to + detail(r);
    case ErrorType::upstream_proxy_failed:
      return "The proxy on the way out did not connect to " + to + detail(r);
    case ErrorType::request_incomplete:
      return "The client left before its request was whole, after " + octets(r.request_bytes);
    default:
      return "The client's request is not valid HTTP/1.1" + detail(r);
  }
}

std::string rejection(const Record& r) {
  switch (r.error_type) {
    case ErrorType::authentication:
      return rejected(r, "the API key is missing or not valid");
    case ErrorType::permission:
      return rejected(r, "this key is not allowed to do this");
    case ErrorType::not_found:
      return rejected(r, "this model or path does not exist");
    case ErrorType::rate_limit:
      return rejected(r, "too many requests or tokens at the moment");
    case ErrorType::quota_exceeded:
      return rejected(r, "the quota or the credit is used up");
    case ErrorType::context_length_exceeded:
      return rejected(r, "the prompt is longer than the model's context");
    case ErrorType::invalid_request:
      return rejected(r, "it is not valid for this API");
    case ErrorType::content_policy:
      return rejected(r, "the content policy forbids it");
    case ErrorType::request_too_large:
      return rejected(r, "its body is too large");
    case ErrorType::overloaded:
      return rejected(r, "the service is overloaded");
    case ErrorType::server_error:
      return rejected(r, "the service failed");
    default:
      return rejected(r, "no error that is known");
  }
}

// The errors of a call that was under way.
std::string stream_error(const Record& r) {
  switch (r.error_type) {
    case ErrorType::headers_timeout:
      return timed_out("headers", r.budgets.headers_ns, "no response head had come");
    case ErrorType::first_token_timeout:
      return timed_out("first-token", r.budgets.first_token_ns, "no token had come");
    case ErrorType::idle_timeout:
      return timed_out("idle", r.budgets.idle_ns, "nothing more came " + place(r));
    case ErrorType::total_timeout:
      return timed_out("total", r.budgets.total_ns, "it stood " + place(r));
    case ErrorType::stream_interrupted:
      return upstream_went(r) + ' ' + place(r);
    case ErrorType::upstream_reset:
      return r.upstream_close == CloseHow::tls_alert
                 ? upstream_went(r) + ' ' + place(r)
                 : "The upstream reset the connection " + place(r);
    case ErrorType::stream_error_event:
      return r.error_event_received
                 ? "The provider sent an error in its answer" + detail(r) + ", " + place(r)
                 : "The provider ended the answer with finish reason " +
                       (finish(r).empty() ? "error" : finish(r));
    case ErrorType::malformed_response:
      return "The upstream sent an answer that is not valid HTTP" + detail(r) + ", " + place(r);
    case ErrorType::invalid_stream_chunk:
      return "The upstream sent event data that is not JSON, and the model never finished";
    case ErrorType::incomplete_tool_arguments:
      return tool_call_cut(r);
    case ErrorType::missing_finish_reason:
      return "The answer ended properly as an HTTP message, but the model never finished: "
             "no finish reason came";
    case ErrorType::missing_done_event:
      return "The model finished" + in_brackets(finish(r)) +
             ", but the end marker that this API owes never came";
    case ErrorType::missing_usage:
      return "The model finished" + in_brackets(finish(r)) +
             ", but the usage that was owed never came";
    case ErrorType::client_closed:
      return "The client closed the connection " + place(r);
    case ErrorType::client_reset:
      return "The client reset the connection " + place(r);
    case ErrorType::client_closed_early:
      return "The client left after the finish reason" + in_brackets(finish(r)) +
             " and before the end of the answer";
    case ErrorType::client_timeout:
      return "The client gave up at its own time-out" + limit(r.client_timeout_ns) + ", " +
             place(r);
    case ErrorType::recorder_draining:
      return "llmrec was told to stop and cut the call when its drain time was over, " + place(r);
    default:
      break;
  }
  return "llmrec stopped or was killed while this call ran, so how it ended is not known";
}

std::string nothing_named(const Record& r) {
  return r.status == Status::aborted ? "The client left " + place(r)
                                     : "The call failed " + place(r);
}

std::string went_well(const Record& r) {
  const std::string time = after(r.duration_ns, "");
  const std::string ended = time.empty() ? "The call ended" : "The call ended after " + time;
  const std::string reason = in_brackets(finish(r));
  if (r.finish_class == FinishClass::length) {
    return ended + ", but the model reached its output limit" + reason + " and the text is cut";
  }
  if (r.finish_class == FinishClass::filter) {
    return ended + ", but a content filter stopped the model" + reason;
  }
  if (r.truncated.value_or(false)) return ended + ", but the output is incomplete" + reason;
  std::string out = time.empty() ? "The call ended well" : "The call ended well after " + time;
  if (!finish(r).empty()) out += ", finish reason " + finish(r);
  return out;
}

std::string running(const Record& r) {
  if (!r.http_status) return "The call is running and has no answer yet";
  return r.progress >= Progress::first_token
             ? "The call is running and its answer is coming"
             : "The call is running: the response head has come, the first token has not";
}

std::string what_happened(const Record& r) {
  if (r.status == Status::ok) return went_well(r);
  if (r.status == Status::open) return running(r);
  if (r.error_type == ErrorType::none) return nothing_named(r);
  if (r.error_type <= ErrorType::malformed_request) return setup_error(r);
  if (r.error_type <= ErrorType::http_error) return rejection(r);
  return stream_error(r);
}

// "37 chunks, 1,842 characters"; "" where nothing of an answer came.
std::string what_came(const Record& r) {
  std::string out;
  const auto add = [&out](const std::string& part) {
    if (!out.empty()) out += ", ";
    out += part;
  };
  if (r.chunks_received > 0) add(counted(r.chunks_received, "chunk"));
  if (r.output_chars_received > 0) add(counted(r.output_chars_received, "character"));
  if (r.reasoning_chars_received > 0) {
    add(counted(r.reasoning_chars_received, "character") + " of reasoning");
  }
  if (r.refusal_chars_received > 0) {
    add(counted(r.refusal_chars_received, "character") + " of refusal");
  }
  const std::uint64_t calls = r.tool_calls.size() + r.tool_calls_not_kept;
  if (calls > 0 && !in_tool_call(r)) add(counted(calls, "tool call"));
  if (out.empty() && r.response_bytes > 0 && body_begun(r)) add(octets(r.response_bytes));
  return out;
}

std::string how_much_came(const Record& r) {
  const std::string came = what_came(r);
  const bool answered = r.failure_stage != Stage::before_request &&
                        r.failure_stage != Stage::request_rejected && r.http_status.has_value();
  if (came.empty() || !answered) return {};
  if (r.status == Status::open) return "So far " + came + " came.";
  switch (r.client_delivery_status) {
    case Delivery::full:
      return r.status == Status::ok ? came + " reached the client."
                                    : came + " had reached the client.";
    case Delivery::partial:
      return came + " came; the client took " +
             grouped(static_cast<std::uint64_t>(r.bytes_to_client.value_or(0))) + " of " +
             octets(r.response_bytes) + '.';
    case Delivery::none:
      return came + " came, but nothing reached the client.";
    case Delivery::unknown:
      break;
  }
  return came + (came.starts_with("1 ") && came.find(',') == std::string::npos ? " was" : " were") +
         " seen.";
}

std::string about_usage(const Record& r) {
  const bool answered =
      r.http_status.has_value() && *r.http_status < 400 && r.failure_stage != Stage::before_request;
  if (!answered || r.status == Status::open) return {};
  if (!r.usage_available) {
    const bool owed = r.status != Status::ok || r.usage_requested.value_or(false);
    if (!owed || r.error_type == ErrorType::missing_usage) return {};
    return r.usage_reported == record::Usage{} ? "No usage came." : "Only provisional usage came.";
  }
  if (!r.usage.input && !r.usage.output) return {};
  std::string out = "Usage: ";
  if (r.usage.input) out += counted(static_cast<std::uint64_t>(*r.usage.input), "token") + " in";
  if (r.usage.output) {
    if (r.usage.input) out += ", ";
    out += grouped(static_cast<std::uint64_t>(*r.usage.output)) + " out";
  }
  return out + '.';
}

bool model_had_finished(const Record& r) {
  return r.failure_stage == Stage::after_finish_reason &&
         r.error_type != ErrorType::stream_error_event;
}

}  // namespace

std::string retry_advice(const Record& r) {
  if (r.status == Status::ok || r.status == Status::open) return {};
  const std::string wait = r.retry_after_ns ? " after " + duration(*r.retry_after_ns) : "";
  if (r.retry_safety == RetrySafety::unsafe) {
    return "Do not retry blindly: a complete tool call had reached the client and may have run.";
  }
  if (model_had_finished(r)) return "A retry is not needed: the model had finished its answer.";
  if (r.retryable.has_value() && !*r.retryable) {
    return "A retry will fail the same way until this is fixed.";
  }
  switch (r.retry_safety) {
    case RetrySafety::safe:
      return "A retry is safe" + wait + '.';
    case RetrySafety::duplicates_output: {
      const bool text =
          r.output_chars_received + r.reasoning_chars_received + r.refusal_chars_received > 0 ||
          r.tool_calls.empty();
      return "A retry" + wait + " is safe if the partial " + (text ? "text" : "tool call") +
             " is discarded.";
    }
    default:
      return "Whether a retry is safe is not known.";
  }
}

std::vector<std::string> verdict(const Record& r) {
  std::vector<std::string> out{what_happened(r) + '.'};
  const auto add = [&out](std::string sentence) {
    if (!sentence.empty()) out.push_back(std::move(sentence));
  };
  add(how_much_came(r));
  add(about_usage(r));
  if (r.warnings.contains(Warning::executed_incomplete)) {
    add(warning_text(Warning::executed_incomplete));
  }
  add(retry_advice(r));
  return out;
}

std::string close_text(CloseHow how, const std::string& alert) {
  switch (how) {
    case CloseHow::none:
      return "no close";
    case CloseHow::close_notify:
      return "close_notify";
    case CloseHow::fin:
      return "FIN without close_notify";
    case CloseHow::reset:
      return "reset";
    case CloseHow::tls_alert:
      return alert.empty() ? "TLS alert" : "TLS alert " + clean(alert);
    case CloseHow::timeout:
      return "time-out";
  }
  return "no close";
}

std::string evidence_text(FaultEvidence e) {
  switch (e) {
    case FaultEvidence::upstream_close_notify_without_finish:
      return "the upstream said goodbye (close_notify) before the model had finished";
    case FaultEvidence::upstream_fin_without_close_notify:
      return "the upstream's TCP connection ended (FIN) without a TLS close_notify";
    case FaultEvidence::upstream_reset:
      return "the upstream reset the connection";
    case FaultEvidence::upstream_tls_alert:
      return "the upstream sent a TLS alert";
    case FaultEvidence::body_incomplete:
      return "the HTTP message was not complete";
    case FaultEvidence::body_complete_without_finish:
      return "the HTTP message was complete, yet no finish reason was in it";
    case FaultEvidence::terminal_signal_missing:
      return "a closing signal that is owed is missing";
    case FaultEvidence::error_event:
      return "the provider reported an error in its answer";
    case FaultEvidence::finish_reason_says_error:
      return "the finish reason itself is an error";
    case FaultEvidence::http_status_4xx:
      return "the HTTP status is 4xx";
    case FaultEvidence::http_status_5xx:
      return "the HTTP status is 5xx";
    case FaultEvidence::error_code_says_quota:
      return "the error code says that a quota is used up";
    case FaultEvidence::client_closed_first:
      return "the client closed first";
    case FaultEvidence::client_reset_first:
      return "the client reset first";
    case FaultEvidence::client_closed_at_its_own_timeout:
      return "the client left at the time-out that it had announced";
    case FaultEvidence::client_refused_certificate:
      return "the client refused our certificate";
    case FaultEvidence::client_left_during_handshake:
      return "the client left during the TLS handshake";
    case FaultEvidence::client_request_incomplete:
      return "the client's request was not complete";
    case FaultEvidence::client_request_malformed:
      return "the client's request is not valid HTTP";
    case FaultEvidence::name_not_resolved:
      return "the host name has no address";
    case FaultEvidence::connection_refused:
      return "nothing accepts connections there";
    case FaultEvidence::connection_failed:
      return "the connection could not be made";
    case FaultEvidence::connection_timed_out:
      return "the connection took too long";
    case FaultEvidence::certificate_not_verified:
      return "the certificate did not verify";
    case FaultEvidence::upstream_handshake_failed:
      return "the upstream's TLS handshake failed";
    case FaultEvidence::destination_not_allowed:
      return "the destination is not allowed here";
    case FaultEvidence::upstream_proxy_refused:
      return "the proxy on the way out refused";
    case FaultEvidence::response_framing_broken:
      return "the HTTP framing of the answer is broken";
    case FaultEvidence::event_data_not_json:
      return "an event's data is not JSON";
    case FaultEvidence::timeout_enforced:
      return "a time-out that llmrec enforces had passed";
    case FaultEvidence::recorder_shutting_down:
      return "llmrec was shutting down";
    case FaultEvidence::recorder_died:
      return "llmrec died before the call ended";
  }
  return {};
}

std::string warning_text(Warning w) {
  switch (w) {
    case Warning::empty_output:
      return "The model finished without saying anything.";
    case Warning::usage_all_zero:
      return "The usage that came is all zeros.";
    case Warning::sequence_gap:
      return "Events are missing: their sequence numbers have a gap.";
    case Warning::unterminated_tail:
      return "The last event lacked its blank line; it was counted all the same.";
    case Warning::done_event_absent:
      return "The end marker usual for this API did not come.";
    case Warning::finish_contradicts_tool_call:
      return "The finish reason says all is well, yet a tool call is incomplete.";
    case Warning::unlabelled_content_encoding:
      return "The body was compressed without saying so in Content-Encoding.";
    case Warning::executed_incomplete:
      return "The app executed a tool call whose arguments were incomplete.";
  }
  return {};
}

std::string tap_text(const Record& r) {
  if (r.tap == record::TapState::complete) return {};
  const std::string why = in_brackets(clean(r.tap_reason));
  return r.tap == record::TapState::partial
             ? "llmrec read only a part of this call" + why + ": what it counted is a lower bound."
             : "llmrec could not read this call" + why +
                   ": bytes were forwarded, but what they meant is not known.";
}

}  // namespace llmrec::report
