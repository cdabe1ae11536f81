// The whole space of evidence, against a second implementation that was written from the text of
// llmrec-record(5) and not from verdict.cc; and the table that a person can read,
// golden/verdicts.txt.
#include "tap/verdict.h"

#include <doctest/doctest.h>

#include <array>
#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "golden.h"

using namespace llmrec;
using namespace llmrec::record;
using llmrec::tap::End;
using llmrec::tap::Evidence;
using llmrec::tap::judge;
using llmrec::tap::Verdict;

namespace {

constexpr auto kEnds = std::to_array<std::pair<End, const char*>>(
    {{End::none, "complete"},
     {End::upstream_close_notify, "upstream_close_notify"},
     {End::upstream_fin, "upstream_fin"},
     {End::upstream_reset, "upstream_reset"},
     {End::upstream_alert, "upstream_alert"},
     {End::client_closed, "client_closed"},
     {End::client_reset, "client_reset"},
     {End::headers_timeout, "headers_timeout"},
     {End::first_token_timeout, "first_token_timeout"},
     {End::idle_timeout, "idle_timeout"},
     {End::total_timeout, "total_timeout"},
     {End::draining, "draining"},
     {End::died, "died"}});

constexpr auto kSetupErrors = std::to_array<ErrorType>(
    {ErrorType::client_untrusted_ca, ErrorType::client_tls_failed, ErrorType::dns_failed,
     ErrorType::connect_refused, ErrorType::connect_timeout, ErrorType::connect_failed,
     ErrorType::tls_certificate_invalid, ErrorType::tls_handshake_failed,
     ErrorType::destination_denied, ErrorType::upstream_proxy_failed, ErrorType::request_incomplete,
     ErrorType::malformed_request});

struct Rejection {
  int status;
  ErrorType category;
};
constexpr auto kRejections = std::to_array<Rejection>({{400, ErrorType::invalid_request},
                                                       {400, ErrorType::context_length_exceeded},
                                                       {400, ErrorType::content_policy},
                                                       {401, ErrorType::authentication},
                                                       {403, ErrorType::permission},
                                                       {404, ErrorType::not_found},
                                                       {413, ErrorType::request_too_large},
                                                       {418, ErrorType::http_error},
                                                       {429, ErrorType::rate_limit},
                                                       {429, ErrorType::quota_exceeded},
                                                       {429, ErrorType::overloaded},
                                                       {500, ErrorType::server_error},
                                                       {500, ErrorType::quota_exceeded},
                                                       {503, ErrorType::overloaded}});

bool by_client(End end) { return end == End::client_closed || end == End::client_reset; }

// --- the ten rules, from the text ---------------------------------------------------------------

struct Book {
  int rule = 0;
  Status status = Status::failed;
  Stage stage = Stage::unknown;
  ErrorType error = ErrorType::recorder_stopped;
  Fault fault = Fault::recorder;
};

// "stream_interrupted (close_notify or FIN inside the HTTP message), upstream_reset, a time-out".
// The text is silent on what we end ourselves: it is recorder_draining, of the closed list.
ErrorType how_it_ended(End end) {
  switch (end) {
    case End::upstream_close_notify:
    case End::upstream_fin:
      return ErrorType::stream_interrupted;
    case End::upstream_reset:
    case End::upstream_alert:
      return ErrorType::upstream_reset;
    case End::headers_timeout:
      return ErrorType::headers_timeout;
    case End::first_token_timeout:
      return ErrorType::first_token_timeout;
    case End::idle_timeout:
      return ErrorType::idle_timeout;
    case End::total_timeout:
      return ErrorType::total_timeout;
    case End::draining:
      return ErrorType::recorder_draining;
    default:
      return ErrorType::none;
  }
}

// "fault: provider — clean close or proper end without a finish; network — FIN without
// close_notify, reset; recorder — ours".
Fault fault_of_end(End end) {
  switch (end) {
    case End::upstream_fin:
    case End::upstream_reset:
    case End::upstream_alert:
      return Fault::network;
    case End::draining:
      return Fault::recorder;
    default:
      return Fault::provider;
  }
}

// The text says nothing of a stream of which no terminal signal is known, because the dialect is
// unknown or the tap lost the content. It is treated as "a non-streaming answer": its framing says
// whether it is whole, and an octet of the body is a token.
bool has_signals(const Evidence& e) { return e.stream && (e.owes_finish || e.owes_done); }

bool is_whole(const Evidence& e) {
  if (!e.response_head) return false;
  if (e.stream && e.owes_usage && !e.usage) return false;
  if (!has_signals(e)) return e.body_complete;
  return (e.finish || !e.owes_finish) && (e.done || !e.owes_done);
}

Stage stage_by_rules_6_to_9(const Evidence& e) {
  if (e.stream && e.finish) return Stage::after_finish_reason;
  if (e.stream && e.tool_open) return Stage::during_tool_call;
  if (e.stream && e.token) return Stage::after_first_token;
  if (!has_signals(e) && e.body_begun) return Stage::after_first_token;
  return Stage::before_first_token;
}

Fault fault_of_setup(ErrorType error) {
  switch (error) {
    case ErrorType::client_untrusted_ca:  // "refused CA"
    case ErrorType::malformed_request:    // "malformed or incomplete request"
    case ErrorType::request_incomplete:
      return Fault::app;
    case ErrorType::client_tls_failed:
      return Fault::client;
    case ErrorType::destination_denied:
      return Fault::recorder;
    default:  // "DNS, connect, TLS"
      return Fault::network;
  }
}

Book by_the_book(const Evidence& e) {
  const bool whole = is_whole(e);
  // 10, second half: "every record found open after a crash", whatever it had reached.
  if (e.end == End::died) return {10};
  // 1
  const bool understood = e.response_head && e.status < 400;
  if (e.setup_error != ErrorType::none && e.setup_error != ErrorType::request_incomplete) {
    return {1, Status::failed, Stage::before_request, e.setup_error, fault_of_setup(e.setup_error)};
  }
  if (e.request_malformed && !understood) {
    return {1, Status::failed, Stage::before_request, ErrorType::malformed_request, Fault::app};
  }
  // "A client that leaves before its request is whole: aborted, before_request,
  // request_incomplete." Of a request that we could not read nobody knows whether it was.
  if (e.setup_error == ErrorType::request_incomplete ||
      (by_client(e.end) && !e.request_complete && !e.request_malformed)) {
    return {1, Status::aborted, Stage::before_request, ErrorType::request_incomplete, Fault::app};
  }
  // 2: "5xx, overload, rate limit" are the provider's, "a quota" and "other 4xx" the app's.
  if (e.response_head && e.status >= 400) {
    const bool quota = e.rejection == ErrorType::quota_exceeded;
    const bool provider = e.status >= 500 || e.rejection == ErrorType::overloaded ||
                          e.rejection == ErrorType::rate_limit;
    return {2, Status::failed, Stage::request_rejected, e.rejection,
            provider && !quota ? Fault::provider : Fault::app};
  }
  // 3
  if (e.error_event || e.finish_bad) {
    return {3, Status::failed, stage_by_rules_6_to_9(e), ErrorType::stream_error_event,
            e.quota ? Fault::app : Fault::provider};
  }
  // 4
  if (whole) return {4, Status::ok, Stage::none, ErrorType::none, Fault::none};
  // 5
  if (by_client(e.end)) {
    const Fault fault = e.client_at_own_timeout ? Fault::app : Fault::client;
    if (e.finish) {
      return {5, Status::aborted, Stage::after_finish_reason, ErrorType::client_closed_early,
              fault};
    }
    const ErrorType error = e.client_at_own_timeout      ? ErrorType::client_timeout
                            : e.end == End::client_reset ? ErrorType::client_reset
                                                         : ErrorType::client_closed;
    return {5, Status::aborted, Stage::client_aborted, error, fault};
  }
  const Fault fault = e.response_malformed ? Fault::provider : fault_of_end(e.end);
  // 6
  if (e.stream && e.finish) {
    ErrorType error = how_it_ended(e.end);
    if (error == ErrorType::none) {
      error = e.owes_done && !e.done ? ErrorType::missing_done_event : ErrorType::missing_usage;
    }
    return {6, Status::failed, Stage::after_finish_reason, error, fault};
  }
  // 7
  if (e.stream && e.tool_open) {
    const bool ours = e.end == End::draining;
    return {7, Status::failed, Stage::during_tool_call,
            ours ? ErrorType::recorder_draining : ErrorType::incomplete_tool_arguments, fault};
  }
  // 8 and 9
  ErrorType error = how_it_ended(e.end);
  if (e.response_malformed) error = ErrorType::malformed_response;
  if (error == ErrorType::none) {
    error = e.bad_document ? ErrorType::invalid_stream_chunk : ErrorType::missing_finish_reason;
  }
  const Stage stage = stage_by_rules_6_to_9(e);
  if (stage == Stage::after_first_token) return {8, Status::failed, stage, error, fault};
  if (e.request_begun) return {9, Status::failed, stage, error, fault};
  return {10};
}

// --- the space ----------------------------------------------------------------------------------

// Calls `each` for every combination that can be: a token needs a body, a body needs a head, and
// so on. What is left out contradicts itself.
template <class F>
void each_end(Evidence& e, F&& each) {
  for (const auto& [end, name] : kEnds) {
    // A message that ended properly has no other end, and a call that is over has one.
    if (e.body_complete != (end == End::none)) continue;
    e.end = end;
    for (const bool own : {false, true}) {
      if (own && !by_client(end)) continue;
      e.client_at_own_timeout = own;
      each(e);
    }
  }
  e.end = End::none;
  e.client_at_own_timeout = false;
}

struct Bits {  // takes the lowest bits of a number, one by one
  std::uint32_t bits;
  bool next() {
    const bool bit = (bits & 1U) != 0;
    bits >>= 1;
    return bit;
  }
};

template <class F>
void each_answer(Evidence& e, F&& each) {
  constexpr std::uint32_t kFlags = 16;
  for (std::uint32_t n = 0; n < 1U << kFlags; ++n) {
    Bits bit{n};
    e.stream = bit.next();
    e.body_begun = bit.next();
    e.body_complete = bit.next();
    e.response_malformed = bit.next();
    e.bad_document = bit.next();
    e.token = bit.next();
    e.tool_started = bit.next();
    e.tool_open = bit.next();
    e.finish = bit.next();
    e.finish_bad = bit.next();
    e.done = bit.next();
    e.usage = bit.next();
    e.error_event = bit.next();
    e.owes_finish = bit.next();
    e.owes_done = bit.next();
    e.owes_usage = bit.next();
    const bool said = e.bad_document || e.token || e.tool_started || e.finish || e.finish_bad ||
                      e.done || e.usage || e.error_event;
    if ((e.body_begun && !e.response_head) || (e.body_complete && !e.response_head)) continue;
    if (said && !e.body_begun) continue;
    if (e.body_complete && e.response_malformed) continue;
    if (e.tool_open && !e.tool_started) continue;
    // Tokens, markers and events are things of a stream.
    if (!e.stream && (e.token || e.done || e.bad_document)) continue;
    if (e.stream && e.tool_started && !e.token) continue;
    if (e.error_event && e.status >= 400) continue;
    each_end(e, each);
    if (e.error_event) {
      e.quota = true;
      each_end(e, each);
      e.quota = false;
    }
  }
}

template <class F>
void each_evidence(F&& each) {
  for (const ErrorType error : kSetupErrors) {
    for (const auto& [end, name] : kEnds) {
      Evidence e;
      e.setup_error = error;
      e.end = end;
      each(e);
    }
  }
  each(Evidence{});  // nothing is known at all
  enum class Request { begun, complete, malformed };
  for (const Request request : {Request::begun, Request::complete, Request::malformed}) {
    Evidence e;
    e.request_begun = true;
    e.request_complete = request == Request::complete;
    e.request_malformed = request == Request::malformed;
    each_answer(e, each);
    e.response_head = true;
    for (const int status : {200, 302}) {
      e.status = status;
      each_answer(e, each);
    }
    for (const Rejection& rejection : kRejections) {
      // The flags of a stream mean nothing here; one rejection shows that.
      e.status = rejection.status;
      e.rejection = rejection.category;
      e.quota = rejection.category == ErrorType::quota_exceeded;
      if (rejection.category == ErrorType::invalid_request) {
        each_answer(e, each);
        continue;
      }
      Evidence plain = e;
      each_end(plain, each);
      plain.body_begun = plain.body_complete = true;
      each_end(plain, each);
    }
  }
}

std::string text(const Evidence& e) {
  std::string out = "status " + std::to_string(e.status);
  const auto flag = [&out](const char* name, bool set) {
    if (set) out += std::string(" ") + name;
  };
  if (e.setup_error != ErrorType::none) out += " " + std::string(name(e.setup_error));
  flag("begun", e.request_begun);
  flag("request", e.request_complete);
  flag("malformed_request", e.request_malformed);
  flag("own_timeout", e.client_at_own_timeout);
  flag("head", e.response_head);
  flag("stream", e.stream);
  flag("body", e.body_begun);
  flag("complete", e.body_complete);
  flag("malformed", e.response_malformed);
  flag("bad_document", e.bad_document);
  flag("token", e.token);
  flag("tool", e.tool_started);
  flag("open", e.tool_open);
  flag("finish", e.finish);
  flag("bad", e.finish_bad);
  flag("done", e.done);
  flag("usage", e.usage);
  flag("error_event", e.error_event);
  flag("owes_finish", e.owes_finish);
  flag("owes_done", e.owes_done);
  flag("owes_usage", e.owes_usage);
  flag("quota", e.quota);
  for (const auto& [end, name] : kEnds) flag(name, e.end == end);
  return out;
}

// --- progress -----------------------------------------------------------------------------------

// How far along a verdict lies; -1: it is not on this line.
int rank(const Verdict& v) {
  switch (v.stage) {
    case Stage::none:
      return 5;
    case Stage::before_request:
      return 0;
    case Stage::before_first_token:
    case Stage::request_rejected:
      return 1;
    case Stage::after_first_token:
      return 2;
    case Stage::during_tool_call:
      return 3;
    case Stage::after_finish_reason:
      return 4;
    default:
      return -1;
  }
}

bool moved_back(const Verdict& before, const Verdict& after) {
  // Whoever left can have left at any stage between the request and the finish.
  if (before.stage == Stage::client_aborted) return rank(after) == 0;
  if (after.stage == Stage::client_aborted) return rank(before) >= 4;
  return rank(before) >= 0 && rank(after) >= 0 && rank(after) < rank(before);
}

// One more fact of progress; false: it is there already, or cannot be now.
using Fact = bool (*)(Evidence&);
constexpr auto kFacts = std::to_array<std::pair<const char*, Fact>>({
    {"request_complete",
     [](Evidence& e) {
       if (!e.request_begun || e.request_malformed) return false;
       return !std::exchange(e.request_complete, true);
     }},
    {"response_head",
     [](Evidence& e) {
       if (!e.request_begun || e.response_head) return false;
       e.status = 200;
       return e.response_head = true;
     }},
    {"rejection",
     [](Evidence& e) {
       if (!e.request_begun || e.response_head) return false;
       e.status = 429;
       return e.response_head = true;
     }},
    {"body_begun",
     [](Evidence& e) { return e.response_head && !std::exchange(e.body_begun, true); }},
    {"token",
     [](Evidence& e) { return e.body_begun && e.stream && !std::exchange(e.token, true); }},
    {"tool_started",
     [](Evidence& e) {
       if (!e.body_begun || !e.stream || e.tool_started) return false;
       return e.token = e.tool_started = e.tool_open = true;
     }},
    {"finish", [](Evidence& e) { return e.body_begun && !std::exchange(e.finish, true); }},
    {"done", [](Evidence& e) { return e.body_begun && e.stream && !std::exchange(e.done, true); }},
    {"usage", [](Evidence& e) { return e.body_begun && !std::exchange(e.usage, true); }},
    {"body_complete",
     [](Evidence& e) {
       if (!e.response_head || e.response_malformed || e.end == End::died) return false;
       e.end = End::none;
       e.client_at_own_timeout = false;
       return !std::exchange(e.body_complete, true);
     }},
});

// --- the table ----------------------------------------------------------------------------------

std::string row(const std::string& what, const std::string& end, const Evidence& e) {
  const Verdict v = judge(e);
  const auto or_dash = [](std::string_view s) {
    return s.empty() ? std::string("-") : std::string(s);
  };
  std::string out = what + " | " + end + " | " + std::to_string(v.rule) + " " +
                    or_dash(name(v.status)) + " | " + or_dash(name(v.stage)) + " | " +
                    or_dash(name(v.error)) + " | " + or_dash(name(v.fault)) + " |";
  for (std::size_t i = 0; i < kCount<FaultEvidence>; ++i) {
    const auto evidence = static_cast<FaultEvidence>(i);
    if (v.fault_evidence.contains(evidence)) out += " " + std::string(name(evidence));
  }
  return out + "\n";
}

Evidence answered(int status, bool stream) {
  Evidence e;
  e.request_begun = e.request_complete = e.response_head = true;
  e.status = status;
  e.stream = stream;
  return e;
}

void rows_for_every_end(std::string& out, const std::string& what, Evidence e, bool complete) {
  for (const auto& [end, name] : kEnds) {
    if (end == End::none && !complete) continue;
    e.body_complete = end == End::none;
    e.end = end;
    e.client_at_own_timeout = false;
    out += row(what, name, e);
    if (!by_client(end)) continue;
    e.client_at_own_timeout = true;
    out += row(what, std::string(name) + " at its time-out", e);
  }
}

std::string stream_rows() {
  std::string out;
  Evidence e = answered(200, true);
  e.owes_done = e.owes_usage = true;
  rows_for_every_end(out, "stream: head", e, true);
  e.body_begun = true;
  rows_for_every_end(out, "stream: pings only", e, true);
  e.bad_document = true;
  rows_for_every_end(out, "stream: event data is not JSON", e, true);
  e.bad_document = false;
  e.token = true;
  rows_for_every_end(out, "stream: token", e, true);
  e.tool_started = e.tool_open = true;
  rows_for_every_end(out, "stream: tool call open", e, true);
  e.tool_open = false;
  rows_for_every_end(out, "stream: tool call whole", e, true);
  e.finish = true;
  rows_for_every_end(out, "stream: finish", e, true);
  e.usage = true;
  rows_for_every_end(out, "stream: finish, usage", e, true);
  e.usage = false;
  e.done = true;
  rows_for_every_end(out, "stream: finish, done", e, true);
  e.usage = true;
  rows_for_every_end(out, "stream: finish, usage, done", e, true);
  e.finish = false;
  rows_for_every_end(out, "stream: usage and done, no finish", e, true);
  return out;
}

std::string error_rows() {
  std::string out;
  for (const bool quota : {false, true}) {
    const std::string what = quota ? "error event (quota): " : "error event: ";
    Evidence e = answered(200, true);
    e.body_begun = e.error_event = true;
    e.quota = quota;
    out += row(what + "first thing", "complete", e);
    e.token = true;
    out += row(what + "after a token", "complete", e);
    e.tool_started = e.tool_open = true;
    out += row(what + "in a tool call", "complete", e);
    e.finish = true;
    out += row(what + "after the finish", "complete", e);
  }
  Evidence e = answered(200, true);
  e.body_begun = e.token = e.finish = e.finish_bad = true;
  out += row("finish says error", "complete", e);
  e.finish = false;
  e.end = End::upstream_fin;
  out += row("finish of one of several choices says error", "upstream_fin", e);
  e = answered(200, true);
  e.response_malformed = e.body_begun = true;
  rows_for_every_end(out, "framing broken before a token", e, false);
  e.token = true;
  rows_for_every_end(out, "framing broken after a token", e, false);
  e.finish = true;
  rows_for_every_end(out, "framing broken after the finish", e, false);
  return out;
}

std::string other_rows() {
  std::string out;
  for (const bool body : {false, true}) {
    Evidence e = answered(200, false);
    e.body_begun = body;
    rows_for_every_end(out, body ? "answer: body begun" : "answer: head", e, true);
  }
  Evidence unread = answered(200, true);
  unread.body_begun = true;
  unread.owes_finish = false;
  rows_for_every_end(out, "stream that is not followed", unread, true);
  Evidence silent = answered(0, true);
  silent.response_head = false;
  rows_for_every_end(out, "no response head", silent, false);
  silent.request_complete = false;
  rows_for_every_end(out, "request not whole", silent, false);
  silent.request_malformed = true;
  rows_for_every_end(out, "request malformed", silent, false);
  Evidence understood = answered(200, false);
  understood.request_complete = false;
  understood.request_malformed = true;
  understood.body_begun = true;
  rows_for_every_end(out, "request malformed, but answered", understood, true);
  for (const Rejection& rejection : kRejections) {
    Evidence e = answered(rejection.status, false);
    e.body_complete = true;
    e.rejection = rejection.category;
    e.quota = rejection.category == ErrorType::quota_exceeded;
    out += row("rejected with " + std::to_string(rejection.status), "complete", e);
  }
  for (const ErrorType error : kSetupErrors) {
    for (const End end : {End::none, End::client_reset}) {
      Evidence e;
      e.setup_error = error;
      e.end = end;
      out += row("no connection", end == End::none ? "-" : "client_reset", e);
    }
  }
  return out;
}

}  // namespace

TEST_CASE("verdict: every combination has the verdict that the text gives it") {
  std::uint64_t combinations = 0;
  std::uint64_t wrong = 0;
  std::set<int> rules;
  std::set<ErrorType> errors;
  each_evidence([&](const Evidence& e) {
    ++combinations;
    const Verdict v = judge(e);
    const Book book = by_the_book(e);
    rules.insert(v.rule);
    errors.insert(v.error);
    const bool same = v.rule == book.rule && v.status == book.status && v.stage == book.stage &&
                      v.error == book.error && v.fault == book.fault;
    // Nobody is accused without a reason, and nobody where nothing is wrong.
    const bool reasoned = (v.fault == Fault::none) == v.fault_evidence.empty() &&
                          (v.fault == Fault::none) == (v.status == Status::ok);
    if (same && reasoned) return;
    if (++wrong <= 10) {
      MESSAGE(text(e), ": rule ", v.rule, " ", name(v.stage), " ", name(v.error), " ",
              name(v.fault), "; the text says rule ", book.rule, " ", name(book.stage), " ",
              name(book.error), " ", name(book.fault));
    }
  });
  MESSAGE(combinations, " combinations");
  CHECK(combinations > 500'000);
  CHECK(wrong == 0);
  CHECK(rules == std::set<int>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10});
  for (std::size_t i = 0; i < kCount<ErrorType>; ++i) {
    const auto error = static_cast<ErrorType>(i);
    CHECK_MESSAGE(errors.count(error) == 1, name(error));
  }
}

TEST_CASE("verdict: one more fact of progress never moves the stage back") {
  std::uint64_t steps = 0;
  std::uint64_t wrong = 0;
  each_evidence([&](const Evidence& e) {
    const Verdict before = judge(e);
    const Progress progress = tap::progress(e);
    for (const auto& fact : kFacts) {
      Evidence more = e;
      if (!fact.second(more)) continue;
      ++steps;
      const Verdict after = judge(more);
      if (!moved_back(before, after) && tap::progress(more) >= progress) continue;
      if (++wrong <= 10) {
        MESSAGE(text(e), " + ", fact.first, ": from ", name(before.stage), " to ",
                name(after.stage));
      }
    }
  });
  MESSAGE(steps, " steps");
  CHECK(steps > 1'000'000);
  CHECK(wrong == 0);
}

TEST_CASE("verdict: what is missing is a subset of what is owed") {
  std::uint64_t wrong = 0;
  each_evidence([&](const Evidence& e) {
    const Set<Terminal> missing = tap::terminal_missing(e);
    const bool followed = e.stream && (e.owes_finish || e.owes_done);
    const auto agrees = [&](Terminal t, bool owed, bool came) {
      return missing.contains(t) == (e.stream && owed && !came);
    };
    const bool right = agrees(Terminal::finish_reason, e.owes_finish, e.finish) &&
                       agrees(Terminal::usage, e.owes_usage, e.usage) &&
                       agrees(Terminal::done, e.owes_done, e.done);
    // A followed stream is whole when nothing is missing, with or without its last chunk.
    const bool whole = e.response_head && missing.empty();
    if (!right || (followed && tap::terminal_condition(e) != whole)) ++wrong;
  });
  CHECK(wrong == 0);
}

TEST_CASE("verdict: the table") {
  golden::check("verdicts.txt",
                "what happened | how it ended | rule, status | failure_stage | "
                "error_type | fault | fault_evidence\n" +
                    stream_rows() + error_rows() + other_rows());
}
