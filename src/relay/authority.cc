#include "relay/authority.h"

#include <charconv>

#include "base/bytes.h"
#include "relay/destination.h"

namespace llmrec::relay {
namespace {

std::string_view parse_port(std::string_view digits, std::uint16_t& out) {
  unsigned number = 0;
  const char* end_of_text = digits.data() + digits.size();
  const auto [end, ec] = std::from_chars(digits.data(), end_of_text, number);
  if (digits.empty() || digits.size() > 5 || ec != std::errc{} || end != end_of_text ||
      number == 0 || number > 65535) {
    return "the port is not a number from 1 to 65535";
  }
  out = static_cast<std::uint16_t>(number);
  return {};
}

std::string_view parse_bracketed(std::string_view text, std::string_view& port, Authority& out) {
  const std::size_t close = text.find(']');
  if (close == std::string_view::npos) return "the bracket is not closed";
  const auto ip = parse_ip_literal(text.substr(1, close - 1));
  if (!ip || ip->v4) return "only an IPv6 address goes into brackets";
  port = text.substr(close + 1);
  out.host = ip->text();
  out.dial_host = out.host;
  out.host_is_ip = true;
  return {};
}

std::string_view parse_host(std::string_view host, Authority& out) {
  if (host.empty()) return "the target has no host";
  if (is_odd_address_literal(host)) return "odd address literal: write four decimal numbers";
  const std::string_view plain =
      host.size() > 1 && host.back() == '.' ? host.substr(0, host.size() - 1) : host;
  if (plain.size() > 253) return "the host name is longer than 253 characters";
  out.host_is_ip = parse_ip_literal(plain).has_value();
  if (!out.host_is_ip && !is_hostname(plain)) return "the target is not a host name";
  out.host.assign(plain);
  for (char& c : out.host) c = ascii_lower(c);
  out.dial_host.assign(host);
  return {};
}

std::string bracketed(const Authority& a) {
  return a.host.find(':') == std::string::npos ? a.host : "[" + a.host + "]";
}

}  // namespace

std::string Authority::text() const { return bracketed(*this) + ":" + std::to_string(port); }

std::string Authority::host_field(std::uint16_t default_port) const {
  return port == default_port ? bracketed(*this) : text();
}

std::string_view parse_authority(std::string_view text, std::uint16_t default_port,
                                 Authority& out) {
  out = {};
  if (text.find('@') != std::string_view::npos) return "user information in the target";
  if (text.find_first_of("/?#%\\") != std::string_view::npos) return "the target is not host:port";
  std::string_view port;
  if (text.starts_with('[')) {
    const std::string_view fault = parse_bracketed(text, port, out);
    if (!fault.empty()) return fault;
    if (!port.empty() && port.front() != ':') return "junk after the bracket";
  } else {
    const std::size_t colon = text.find(':');
    if (colon != std::string_view::npos) {
      port = text.substr(colon);
      if (port.find(':', 1) != std::string_view::npos)
        return "an IPv6 address has to be in brackets";
    }
    const std::string_view fault = parse_host(text.substr(0, colon), out);
    if (!fault.empty()) return fault;
  }
  if (port.empty()) {
    if (default_port == 0) return "the target has no port";
    out.port = default_port;
    return {};
  }
  port.remove_prefix(1);
  if (port.empty() && default_port != 0) {  // RFC 3986 §3.2.3: the colon alone says nothing
    out.port = default_port;
    return {};
  }
  return parse_port(port, out.port);
}

bool is_absolute_url(std::string_view text) {
  const std::size_t colon = text.find("://");
  if (colon == std::string_view::npos || colon + 3 == text.size()) return false;
  const std::string_view scheme = text.substr(0, colon);
  return equals_ignoring_case(scheme, "http") || equals_ignoring_case(scheme, "https");
}

std::string_view parse_url(std::string_view text, Url& out) {
  if (!is_absolute_url(text)) return "not an http:// or https:// URL";
  const std::size_t colon = text.find("://");
  out.https = colon == 5;
  text.remove_prefix(colon + 3);
  // RFC 9112 §3.2.2: absolute-form has none; it is the client's own business.
  if (text.find('#') != std::string_view::npos) return "a fragment in the URL";
  const std::size_t end = text.find_first_of("/?");
  out.rest = end == std::string_view::npos ? std::string_view() : text.substr(end);
  return parse_authority(text.substr(0, end), out.default_port(), out.authority);
}

}  // namespace llmrec::relay
