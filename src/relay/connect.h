// The head of a request to the proxy port, read strictly: CONNECT host:port (RFC 9110 §9.3.6,
// RFC 9112 §3.2.3). The request line alone decides; header fields are checked for shape only, as
// clients send none at all (Python, HTTP/1.0) or odd ones. It is the one place that acts on HTTP.
// Does not dial, answer or keep time. Any split of the input gives the same result and the same
// count of consumed octets. Owner: the session. Pure; one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace llmrec::relay {

struct ConnectRequest {
  std::string host;       // to match with: lower case, no trailing dot; IPv6 without brackets
  std::string dial_host;  // to dial: as sent (with its trailing dot), IPv6 without brackets
  std::uint16_t port = 0;
  bool host_is_ip = false;
  std::string user;  // name out of Proxy-Authorization: Basic; printable, at most 64. The password
                     // is never kept
  int minor_version = 1;
};

enum class ConnectState { need_more, ready, refuse };

class ConnectParser {
 public:
  // `consumed`: how many octets belonged to the head. What follows it (a ClientHello that did not
  // wait for the answer) is left alone. After ready or refuse nothing more is consumed.
  ConnectState feed(Bytes, std::size_t& consumed);

  const ConnectRequest& request() const { return request_; }  // when ready

  int refuse_status() const { return status_; }               // 400, 405, 431, 501, 505; else 0
  std::string_view refuse_reason() const { return reason_; }  // one line for people
  // Absolute-form (`POST http://vllm:8000/... HTTP/1.1`): status 501 here, but a forward layer may
  // take it over: head() holds the octets consumed so far, which end with the request line.
  bool is_forward_request() const { return forward_; }
  Bytes head() const { return forward_ ? Bytes(line_) : Bytes(); }

 private:
  enum class Phase { start, request_line, fields, done };

  ConnectState refuse(int status, std::string_view reason);
  ConnectState take(char);
  ConnectState end_of_line();
  ConnectState request_line(std::string_view line);
  ConnectState target(std::string_view authority);
  ConnectState field(std::string_view line);
  void user_from(std::string_view credentials);
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
