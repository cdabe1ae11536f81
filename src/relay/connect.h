// The head of a request to the proxy port, read strictly: CONNECT host:port (RFC 9110 §9.3.6,
// RFC 9112 §3.2.3). The request line alone decides; header fields are checked for shape only, as
// clients send none at all (Python, HTTP/1.0) or odd ones.
// Does not dial, answer or keep time. Any split of the input gives the same result and the same
// count of consumed octets. Owner: the session. Pure; one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "relay/authority.h"

namespace llmrec::relay {

struct ConnectRequest {
  Authority to;
  std::string user;  // of Proxy-Authorization, see basic_auth.h
  int minor_version = 1;
};

// forward: an absolute-form request (`POST http://vllm:8000/... HTTP/1.1`), which is a
// RequestRewriter's to read: head() holds all octets consumed so far.
enum class ConnectState { need_more, ready, forward, refuse };

class ConnectParser {
 public:
  // `consumed`: how many octets belonged to the head. What follows it (a ClientHello that did not
  // wait for the answer) is left alone. After ready or refuse nothing more is consumed.
  ConnectState feed(Bytes, std::size_t& consumed);

  const ConnectRequest& request() const { return request_; }  // when ready

  int refuse_status() const { return status_; }               // 400, 405, 431, 505; else 0
  std::string_view refuse_reason() const { return reason_; }  // one line for people
  Bytes head() const { return forward_ ? Bytes(line_) : Bytes(); }

 private:
  enum class Phase { start, request_line, fields, done };

  ConnectState refuse(int status, std::string_view reason);
  ConnectState take(char);
  ConnectState end_of_line();
  ConnectState request_line(std::string_view line);
  ConnectState target(std::string_view authority);
  ConnectState field(std::string_view line);
  void wipe_line();

  ConnectRequest request_;
  std::string line_;  // the current line, with its CRLF; wiped when done with
  std::size_t head_octets_ = 0;
  ConnectState state_ = ConnectState::need_more;
  Phase phase_ = Phase::start;
  bool seen_cr_ = false;
  bool skipped_empty_line_ = false;
  bool forward_ = false;
  int status_ = 0;
  std::string_view reason_;  // always a literal
};

}  // namespace llmrec::relay
