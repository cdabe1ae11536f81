#include "admin/guard.h"

#include "relay/authority.h"

namespace llmrec::admin {

using relay::AddressClass;

Guard::Guard(const relay::IpAddress& listen)
    : listen_(listen), any_(relay::classify(listen) == AddressClass::unspecified) {}

bool Guard::knows_host(Bytes host) const {
  relay::Authority authority;
  if (!relay::parse_authority(host, 80, authority).empty()) return false;
  if (!authority.host_is_ip) return authority.host == "localhost";
  const auto ip = relay::parse_ip_literal(authority.host);
  if (!ip) return false;
  return any_ || *ip == listen_ || relay::classify(*ip) == AddressClass::loopback;
}

// Pages of other origins cannot send this media type without asking first, which we never answer;
// browsers say where a request comes from besides.
bool Guard::may_write(const Request& r) {
  Bytes type = r.content_type;
  type = type.substr(0, type.find(';'));
  while (!type.empty() && type.back() == ' ') type.remove_suffix(1);
  if (!equals_ignoring_case(type, "application/json")) return false;
  if (!r.origin.empty() && r.origin != "http://" + r.host) return false;
  return r.fetch_site.empty() || r.fetch_site == "same-origin" || r.fetch_site == "none";
}

}  // namespace llmrec::admin
