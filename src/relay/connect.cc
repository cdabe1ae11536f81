#include "relay/connect.h"

#include <algorithm>
#include <array>

#include "base/limits.h"
#include "relay/authority.h"
#include "relay/basic_auth.h"
#include "relay/field.h"

namespace llmrec::relay {
namespace {

constexpr std::size_t kMethodOctets = 32;
// Reserved at once: a string that grows leaves copies behind that nobody wipes.
constexpr std::size_t kLineOctets = 1024;

}  // namespace

ConnectState ConnectParser::feed(Bytes bytes, std::size_t& consumed) {
  consumed = 0;
  while (state_ == ConnectState::need_more && consumed < bytes.size()) {
    state_ = take(bytes[consumed++]);
  }
  if (state_ != ConnectState::need_more) {
    phase_ = Phase::done;
    if (!forward_) wipe_line();
  }
  return state_;
}

ConnectState ConnectParser::refuse(int status, std::string_view reason) {
  status_ = status;
  reason_ = reason;
  return ConnectState::refuse;
}

// One octet at a time: then no cut in the input can make a difference.
ConnectState ConnectParser::take(char c) {
  if (++head_octets_ > limits::kConnectHeadOctets) {
    return refuse(431, "the request head is larger than 16 KiB");
  }
  if (phase_ == Phase::start && line_.empty()) {
    line_.reserve(kLineOctets);
    if (c == 0x16) {
      return refuse(400, "TLS where a CONNECT is expected: the proxy URL has to be http://");
    }
    if (c == 0x04 || c == 0x05)
      return refuse(400, "SOCKS is not spoken here: use an http:// proxy");
  }
  if (seen_cr_) {
    if (c != '\n') return refuse(400, "a CR without LF");
    seen_cr_ = false;
    line_ += c;
    return end_of_line();
  }
  if (c == '\n') return refuse(400, "a line ends in LF without CR");
  line_ += c;
  if (c == '\r') {
    seen_cr_ = true;
    return ConnectState::need_more;
  }
  const auto u = static_cast<unsigned char>(c);
  const bool in_field = phase_ == Phase::fields;
  if (u == 0x7f || (u < 0x20 && !(in_field && c == '\t'))) {
    return refuse(400, "a control character in the head");
  }
  if (in_field) return ConnectState::need_more;
  phase_ = Phase::request_line;
  if (u >= 0x80) return refuse(400, "not HTTP: an octet over 127 in the request line");
  if (line_.size() > kMethodOctets && line_.find(' ') == std::string::npos) {
    return refuse(400, "not HTTP: no method");
  }
  return ConnectState::need_more;
}

ConnectState ConnectParser::end_of_line() {
  const std::string_view line = std::string_view(line_).substr(0, line_.size() - 2);
  ConnectState state = ConnectState::need_more;
  if (phase_ == Phase::fields) {
    state = line.empty() ? ConnectState::ready : field(line);
  } else if (!line.empty()) {
    state = request_line(line);
    phase_ = Phase::fields;
  } else if (skipped_empty_line_) {
    state = refuse(400, "empty lines before the request");
  } else {
    skipped_empty_line_ = true;  // RFC 9112 §2.2: one may be left over from a request before
  }
  if (!forward_) wipe_line();
  return state;
}

ConnectState ConnectParser::request_line(std::string_view line) {
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return refuse(400, "no HTTP request line");
  const std::string_view method = line.substr(0, first);
  const std::string_view wanted = line.substr(first + 1, last - first - 1);
  const std::string_view version = line.substr(last + 1);
  if (!is_token(method) || wanted.empty() || wanted.find(' ') != std::string_view::npos) {
    return refuse(400, "no HTTP request line");
  }
  if (method == "PRI" && version == "HTTP/2.0") {
    return refuse(400, "HTTP/2 is not spoken here: use HTTP/1.1 to the proxy");
  }
  if (version.size() != 8 || !version.starts_with("HTTP/")) {
    return refuse(400, "no HTTP version in the request line");
  }
  const char minor = version[7];
  if (version[5] != '1' || version[6] != '.' || minor < '0' || minor > '9') {
    return refuse(505, "only HTTP/1.0 and HTTP/1.1 are spoken here");
  }
  request_.minor_version = minor == '0' ? 0 : 1;  // RFC 9110 §2.5: 1.2 is read as 1.1
  if (method == "CONNECT") return target(wanted);
  if (is_absolute_url(wanted)) {
    forward_ = true;
    return ConnectState::forward;
  }
  return refuse(405,
                "this is a proxy: it takes CONNECT and absolute URLs; a base URL needs --reverse");
}

ConnectState ConnectParser::target(std::string_view authority) {
  const std::string_view fault = parse_authority(authority, 0, request_.to);
  return fault.empty() ? ConnectState::need_more : refuse(400, fault);
}

ConnectState ConnectParser::field(std::string_view line) {
  if (line.front() == ' ' || line.front() == '\t') {
    return refuse(400, "a folded header line");  // RFC 9112 §5.2
  }
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) {
    return refuse(400, "a header line that is no header");
  }
  const std::string_view name = line.substr(0, colon);
  const std::string_view value = trimmed(line.substr(colon + 1));
  // RFC 9110 §9.3.6: CONNECT has no content. Whoever announces some and whoever does not look
  // would disagree about where the tunnel begins.
  if (equals_ignoring_case(name, "transfer-encoding")) {
    return refuse(400, "a CONNECT with a body");
  }
  if (equals_ignoring_case(name, "content-length") && value != "0") {
    return refuse(400, "a CONNECT with a body");
  }
  if (equals_ignoring_case(name, "proxy-authorization")) request_.user = basic_user(value);
  return ConnectState::need_more;
}

// The line may have held a password.
void ConnectParser::wipe_line() {
  std::fill(line_.begin(), line_.end(), '\0');
  line_.clear();
}

}  // namespace llmrec::relay
