// The opt-in edits of one connection: the only code that changes an octet of a request's body or of
// an answer. Octets of both directions go in, octets for the other side come out. Each edit is as
// small as it can be; whatever cannot be edited safely passes unchanged, and a note says why. A
// connection without an edit that is on has no Pipe.
//   ensure_usage       a streaming request of OpenAI's chat or completions asks for usage. It is
//                      held until it is whole, since its length stands ahead of it
//   strip_usage_frame  the usage chunk that the client did not ask for goes; see usage_frame.h
//   request_id_header  X-Llmrec-Request-Id in the head of each final answer
// Knows no socket, no TLS and no record. Owned by whoever moves the octets; pure; one thread. What
// comes out does not depend on how the input is cut. Memory: limits::kEditBodyOctets for a request,
// a few times limits::kEditHeldOctets for an answer.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/id.h"
#include "edit/cutter.h"
#include "edit/head.h"
#include "edit/stream_edit.h"
#include "edit/usage_ask.h"

namespace llmrec::edit {

struct Options {
  bool ensure_usage = false;
  bool strip_usage_frame = false;
  bool request_id_header = false;
  bool any() const { return ensure_usage || strip_usage_frame || request_id_header; }
};

// What was done to one call.
struct Outcome {
  // "ensure_usage": "added", "replaced" or "skipped:..."; "strip_usage_frame": "dropped", "blanked"
  // or "skipped:...".
  std::vector<std::pair<std::string, std::string>> notes;
  bool ensured = false;          // we asked for usage
  bool against_client = false;   // who had said false
  std::int64_t answer_grew = 0;  // octets that went to the client, less those that came
};

class Pipe {
 public:
  // `dialect`: forced by the user, else empty. Of `host` and `dialect` copies are made.
  Pipe(Options options, std::string_view host, std::string_view dialect);

  // What goes on now; valid until the next call for the same direction.
  Bytes request(Bytes octets);
  Bytes answer(Bytes octets);
  // The same where that direction has ended: what was held.
  Bytes end_of_requests();
  Bytes end_of_answers();

  // The ids of the calls, in their order; each once the first octet of its request has been here.
  void name_call(const RecordId& id);
  // Whether we asked for the usage of this call.
  bool ensured(const RecordId& id) const;
  // A call is over; nothing is known of it afterwards.
  Outcome take(const RecordId& id);

 private:
  struct Call {
    std::optional<RecordId> id;
    bool head = false;  // HEAD: the answer has no body
    bool connect = false;
    bool relevant = false;  // a chat or completion that may stream
    bool answered = false;
    bool over = false;          // taken
    std::optional<bool> asked;  // the client asked for usage, in a stream; nullopt: not known
    bool streams = false;
    bool ensured = false;
    bool refused = false;
    std::string_view ensure_note;  // literals
    std::string_view skipped;      // why its usage was not ensured
    std::string_view strip_note;
    std::string_view not_stripped;
    std::int64_t grew = 0;
  };

  void request_piece(const Cutter::Piece& piece);
  void request_head(Bytes text);
  void request_data(Bytes octets);
  void request_end();
  bool relevant(const Head& head) const;
  std::string_view unreadable(const Head& head) const;
  std::string_view unchangeable(const Head& head) const;
  void release_request();
  void send_edited(const UsageAsk& ask);
  void stop();

  void answer_piece(const Cutter::Piece& piece);
  void answer_head(Bytes text);
  void begin_body(const Head& head, Call* call);
  bool to_be_stripped(const Head& head, Call& call) const;
  void end_stream();
  Call* open_call();

  Options options_;
  std::string host_;
  std::string dialect_;
  std::deque<Call> calls_;  // oldest first
  bool stopped_ = false;    // too many of them, or not HTTP by the letter: nothing is looked at

  Cutter requests_;
  std::string to_upstream_;
  bool in_request_ = false;   // calls_.back() is the one
  bool copies_body_ = false;  // into body_
  bool holds_ = false;        // head_ and body_ have not gone on
  std::string head_;
  std::size_t length_at_ = 0;
  std::size_t length_size_ = 0;
  std::string body_;

  Cutter answers_;
  std::string to_client_;
  Call* answering_ = nullptr;  // a place in calls_; reset by take()
  std::unique_ptr<StreamEdit> stream_;
  bool interim_ = false;
};

}  // namespace llmrec::edit
