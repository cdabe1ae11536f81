// Evidence in, verdict out: the classification of llmrec-record(5) as one pure function over
// set-once facts. Everything that decides "where did it fail and whose doing was it" is in this
// unit. Total: every combination has exactly one verdict. Monotonic: one more fact of progress
// never moves the stage back. Both are tested by enumeration.
#pragma once

#include <cstdint>

#include "record/names.h"

namespace llmrec::tap {

// The first end that was not the natural one of a finished message.
enum class End : std::uint8_t {
  none,                   // the HTTP message ended properly, or nothing ended yet
  upstream_close_notify,  // inside the message
  upstream_fin,           // TCP FIN, without close_notify on TLS
  upstream_reset,         // RST
  upstream_alert,         // a fatal TLS alert
  client_closed,          // close_notify or FIN, then gone
  client_reset,
  headers_timeout,  // the four that are enforced on request
  first_token_timeout,
  idle_timeout,
  total_timeout,
  draining,  // we were told to stop and the grace was over
  died,      // found open at the next start
};

struct Evidence {
  // The way to the provider. none: it stood.
  record::ErrorType setup_error = record::ErrorType::none;  // one of the before_request types
  bool request_begun = false;                               // an octet of a request passed
  bool request_complete = false;
  bool request_malformed = false;      // strict HTTP parsing gave up in the request
  bool client_at_own_timeout = false;  // it left at the time-out it had announced

  bool response_head = false;
  int status = 0;
  bool stream = false;  // the answer is a stream of documents
  bool body_begun = false;
  bool body_complete = false;  // HTTP framing ended properly
  bool response_malformed = false;
  bool bad_document = false;  // event data that is not JSON where the dialect owes JSON

  bool token = false;  // text, reasoning, refusal, or the start of a tool call
  bool tool_started = false;
  bool tool_open = false;
  bool finish = false;      // every choice that was seen has its finish reason
  bool finish_bad = false;  // some choice's finish reason says error or abort
  bool done = false;
  bool usage = false;  // final usage
  bool error_event = false;

  bool owes_finish = true;
  bool owes_done = false;
  bool owes_usage = false;

  End end = End::none;

  // The category of a rejection (HTTP status >= 400).
  record::ErrorType rejection = record::ErrorType::http_error;
  bool quota = false;  // the error, wherever it came, says that the money is gone
};

struct Verdict {
  record::Status status = record::Status::open;
  record::Stage stage = record::Stage::none;
  record::ErrorType error = record::ErrorType::none;
  record::Fault fault = record::Fault::none;
  record::Set<record::FaultEvidence> fault_evidence;
  int rule = 0;  // of llmrec-record(5), 1 to 10
};

// For a call that is over. What is still running has no verdict.
Verdict judge(const Evidence&);

record::Progress progress(const Evidence&);

// The dialect's finish signal, its marker and its usage, as far as they are owed.
bool terminal_condition(const Evidence&);
record::Set<record::Terminal> terminal_missing(const Evidence&);

}  // namespace llmrec::tap
