#include "relay/connect.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "base/limits.h"
#include "relay/destination.h"

namespace llmrec::relay {
namespace {

constexpr std::size_t kUserOctets = 64;
constexpr std::size_t kMethodOctets = 32;
// Reserved at once: a string that grows leaves copies behind that nobody wipes.
constexpr std::size_t kLineOctets = 1024;

bool is_tchar(char c) {
  const char l = ascii_lower(c);
  if ((c >= '0' && c <= '9') || (l >= 'a' && l <= 'z')) return true;
  return c != '\0' && std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool is_token(std::string_view s) {
  return !s.empty() && std::all_of(s.begin(), s.end(), is_tchar);
}

std::string_view trimmed(std::string_view s) {
  while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) s.remove_prefix(1);
  while (!s.empty() && (s.back() == ' ' || s.back() == '\t')) s.remove_suffix(1);
  return s;
}

int base64_value(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+' || c == '-') return 62;
  if (c == '/' || c == '_') return 63;
  return -1;
}

// Absolute-form (RFC 9112 §3.2.2): a scheme, "://", something.
bool is_absolute_form(std::string_view target) {
  const std::size_t colon = target.find("://");
  if (colon == std::string_view::npos || colon + 3 == target.size()) return false;
  const std::string_view scheme = target.substr(0, colon);
  return equals_ignoring_case(scheme, "http") || equals_ignoring_case(scheme, "https");
}

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
  if (is_absolute_form(wanted)) {
    forward_ = true;
    return refuse(501, "forwarding of absolute-form requests is not available");
  }
  return refuse(405, "this is a proxy: only CONNECT host:port is answered here");
}

ConnectState ConnectParser::target(std::string_view authority) {
  if (authority.find('@') != std::string_view::npos) {
    return refuse(400, "user information in the CONNECT target");
  }
  if (authority.find_first_of("/?#%\\") != std::string_view::npos) {
    return refuse(400, "the CONNECT target is not host:port");
  }
  std::string_view host;
  std::string_view port;
  if (authority.starts_with('[')) {
    const std::size_t close = authority.find(']');
    if (close == std::string_view::npos) return refuse(400, "the bracket is not closed");
    host = authority.substr(1, close - 1);
    const auto ip = parse_ip_literal(host);
    if (!ip || ip->v4) return refuse(400, "only an IPv6 address goes into brackets");
    port = authority.substr(close + 1);
    if (!port.starts_with(':')) return refuse(400, "the CONNECT target has no port");
    request_.host = ip->text();
    request_.dial_host = request_.host;
    request_.host_is_ip = true;
  } else {
    const std::size_t colon = authority.find(':');
    if (colon == std::string_view::npos) return refuse(400, "the CONNECT target has no port");
    host = authority.substr(0, colon);
    port = authority.substr(colon);
    if (port.find(':', 1) != std::string_view::npos) {
      return refuse(400, "an IPv6 address has to be in brackets");
    }
    if (host.empty()) return refuse(400, "the CONNECT target has no host");
    if (is_odd_address_literal(host)) {
      return refuse(400, "odd address literal: write four decimal numbers");
    }
    const std::string_view plain =
        host.size() > 1 && host.back() == '.' ? host.substr(0, host.size() - 1) : host;
    if (plain.size() > 253) return refuse(400, "the host name is longer than 253 characters");
    request_.host_is_ip = parse_ip_literal(plain).has_value();
    if (!request_.host_is_ip && !is_hostname(plain)) {
      return refuse(400, "the CONNECT target is not a host name");
    }
    request_.host.assign(plain);
    for (char& c : request_.host) c = ascii_lower(c);
    request_.dial_host.assign(host);
  }
  port.remove_prefix(1);
  unsigned number = 0;
  const auto [end, ec] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (port.empty() || port.size() > 5 || ec != std::errc{} || end != port.data() + port.size() ||
      number == 0 || number > 65535) {
    return refuse(400, "the port is not a number from 1 to 65535");
  }
  request_.port = static_cast<std::uint16_t>(number);
  return ConnectState::need_more;
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
  if (equals_ignoring_case(name, "proxy-authorization")) user_from(value);
  return ConnectState::need_more;
}

// What cannot be read names nobody; it is no reason to refuse, as no password is asked for here.
void ConnectParser::user_from(std::string_view credentials) {
  const std::size_t space = credentials.find(' ');
  if (space == std::string_view::npos) return;
  if (!equals_ignoring_case(credentials.substr(0, space), "basic")) return;
  std::string user;
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : trimmed(credentials.substr(space))) {
    const int v = base64_value(c);
    if (v < 0) return;
    bits = (bits << 6) | static_cast<std::uint32_t>(v);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    const char decoded = static_cast<char>((bits >> count) & 0xff);
    if (decoded == ':') {  // here the password begins: nothing of it is decoded
      request_.user = std::move(user);
      return;
    }
    if (!is_printable_ascii(decoded) || user.size() >= kUserOctets) return;
    user += decoded;
  }
}

// The line may have held a password.
void ConnectParser::wipe_line() {
  std::fill(line_.begin(), line_.end(), '\0');
  line_.clear();
}

}  // namespace llmrec::relay
