// The way of clear HTTP through us: requests in, the same with their edit out, and a look at the
// answers, to know when the connection is between two calls. Only there may a forward client's next
// request go to another origin, and only an answer tells that what follows is another protocol.
// Does not know sockets, TLS or records. Owner: a session in mode forward or reverse. Pure; one
// thread. Requests that have to wait are left in the caller's hands, who then stops reading.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/limits.h"
#include "relay/rewrite.h"
#include "wire/http1.h"

namespace llmrec::relay {

// Counts the answers of one connection. Octets that break HTTP's framing lose the count for good.
class AnswerWatch final : private wire::Http1Handler {
 public:
  AnswerWatch() : parser_(wire::Http1Kind::response, *this) {}
  void expect(const RequestLine& request) { expected_.push_back({request.head, request.connect}); }
  void feed(Bytes octets);
  bool idle() const { return expected_.empty() && !parser_.in_message() && !lost(); }
  bool full() const { return expected_.size() >= limits::kAnswersDueMax && !lost(); }
  bool lost() const { return parser_.error() != wire::Http1Error::none; }
  bool switched() const { return parser_.upgraded(); }
  bool body_until_close() const { return parser_.body_until_close(); }

 private:
  void on_message_begin() override {}
  bool wants_field(Bytes) override { return false; }
  void on_field(Bytes, Bytes) override {}
  wire::BodyRule on_head(const wire::Http1Head& head) override;
  void on_body(Bytes) override {}
  void on_message_complete() override;

  struct Expected {
    bool head = false;
    bool connect = false;
  };
  wire::Http1Parser parser_;
  std::deque<Expected> expected_;
  bool interim_ = false;
};

class HttpLeg {
 public:
  using Kind = RequestRewriter::Kind;
  explicit HttpLeg(Kind kind, std::string host = {});

  enum class Next : std::uint8_t {
    more,     // nothing to do until more octets come, or answers
    send,     // octets for the upstream
    route,    // request() goes to an origin that is not the present one: see routed()
    refuse,   // 400 or 431, and nothing after it
    give_up,  // the same, where an answer that is still due makes it impossible to say so
  };
  struct Step {
    Next next = Next::more;
    Bytes octets;  // valid until the next call
  };
  // Takes from the front of `input`. With `more`, what is left of it has to wait: see wants_more().
  Step next(Bytes& input);
  // The upstream of request() stands: its connection is new, and nothing has been asked on it.
  void routed();
  // Octets of the upstream, as they were passed on.
  void answered(Bytes octets);

  const RequestLine& request() const { return rewriter_.request(); }
  bool wants_more() const { return !waits_; }
  bool idle() const { return watch_->idle(); }  // no answer is due
  bool body_until_close() const { return watch_->body_until_close(); }
  int refuse_status() const { return rewriter_.refuse_status(); }
  std::string_view refuse_reason() const { return rewriter_.refuse_reason(); }

 private:
  Step wait();

  RequestRewriter rewriter_;
  std::unique_ptr<AnswerWatch> watch_;  // its parser cannot be used again
  RequestLine origin_;                  // of the present upstream
  Kind kind_;
  bool routed_ = false;
  bool found_ = false;      // request() has not been passed on yet
  bool switching_ = false;  // nothing more goes on before the answer is there
  bool opaque_ = false;
  bool waits_ = false;
};

}  // namespace llmrec::relay
