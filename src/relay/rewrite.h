// The requests of a client that speaks clear HTTP/1.1 to us, with the one edit that each needs so
// that its provider answers; every other octet stays as it was.
//   forward  absolute-form to origin-form (RFC 9112 §3.2.2): the request target loses scheme and
//            authority, Host says what the target said, Proxy-Connection and Proxy-Authorization
//            go (they are for the proxy, RFC 9110 §11.7.2)
//   reverse  the value of Host, which names our own address, becomes the provider's
// A head is passed on when it is whole. What is no HTTP by the letter cannot be edited: reverse
// passes it and all after it unchanged, as the provider is to say what it thinks of it; forward
// refuses it, as nothing that was meant for the proxy may go further.
// Does not know connections or answers. Owner: an HttpLeg. Pure; one thread. The result does not
// depend on how the input is cut. Memory: one head, at most limits::kHttpHeadMax.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "relay/authority.h"
#include "relay/body_walk.h"

namespace llmrec::relay {

// What a head says that its forwarding depends on.
struct RequestLine {
  bool https = false;  // forward: of the request target
  Authority to;        // likewise
  std::string user;    // forward: of Proxy-Authorization; see basic_auth.h
  bool head = false;   // HEAD: the answer has no body
  bool connect = false;
  bool switches = false;  // CONNECT, or another protocol is asked for: the answer decides

  bool goes_to(const RequestLine& o) const {
    return https == o.https && to.host == o.to.host && to.port == o.to.port && user == o.user;
  }
};

class RequestRewriter {
 public:
  enum class Kind : std::uint8_t { forward, reverse };
  // `host`: reverse: what Host has to say.
  explicit RequestRewriter(Kind kind, std::string host = {});

  enum class Found : std::uint8_t { more, octets, request, refused };
  struct Step {
    Found found = Found::more;
    Bytes octets;  // to be passed on; valid until the next call
  };
  // Takes from the front of `input`. `request`: a head is whole, and the next step is its octets.
  // After `refused` nothing more is taken.
  Step next(Bytes& input);

  const RequestLine& request() const { return request_; }
  // All of a request has been passed on, and nothing of the next one is here.
  bool between_requests() const {
    return head_.empty() && (phase_ == Phase::head || (phase_ == Phase::body && body_.done()));
  }
  // From here on nothing is looked at: the connection speaks another protocol.
  void set_opaque() { phase_ = Phase::opaque; }
  int refuse_status() const { return status_; }
  std::string_view refuse_reason() const { return reason_; }  // a literal

 private:
  enum class Phase : std::uint8_t { head, edited, body, opaque, refused };

  bool collect(Bytes& input);
  Step head_is_whole(Bytes& input);
  Step broken(int status, std::string_view reason, Bytes& input);
  std::string_view edit();
  std::string_view edit_request_line(std::string_view line);
  std::string_view edit_field(std::string_view line);
  std::string_view frame(std::string_view name, std::string_view value);
  std::string host_field() const;
  void wipe_head();

  std::string host_;
  std::string head_;    // as it comes
  std::string edited_;  // as it goes
  RequestLine request_;
  BodyWalk body_;
  std::optional<std::uint64_t> length_;
  std::string_view reason_;
  int status_ = 0;
  std::uint8_t end_seen_ = 0;  // of CR LF CR LF
  Kind kind_;
  Phase phase_ = Phase::head;
  bool chunked_ = false;
  bool host_seen_ = false;
  bool old_ = false;  // HTTP/1.0
};

}  // namespace llmrec::relay
