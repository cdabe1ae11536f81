#include "relay/destination.h"

#include <algorithm>
#include <charconv>
#include <tuple>

#include "base/limits.h"

namespace llmrec::relay {
namespace {

using Octets = std::array<std::uint8_t, 16>;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  const char l = ascii_lower(c);
  return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

bool is_name_char(char c) {
  const char l = ascii_lower(c);
  return is_digit(c) || (l >= 'a' && l <= 'z') || c == '-' || c == '_';
}

std::string lowered(std::string_view s) {
  std::string out(s);
  for (char& c : out) c = ascii_lower(c);
  return out;
}

std::string_view without_trailing_dot(std::string_view s) {
  if (s.size() > 1 && s.back() == '.') s.remove_suffix(1);
  return s;
}

bool parse_quad(std::string_view s, std::uint8_t out[4]) {
  for (int part = 0; part < 4; ++part) {
    if (part > 0) {
      if (s.empty() || s.front() != '.') return false;
      s.remove_prefix(1);
    }
    std::size_t digits = 0;
    unsigned value = 0;
    while (digits < s.size() && digits < 4 && is_digit(s[digits])) {
      value = value * 10 + static_cast<unsigned>(s[digits++] - '0');
    }
    if (digits == 0 || digits > 3 || value > 255 || (digits > 1 && s.front() == '0')) return false;
    out[part] = static_cast<std::uint8_t>(value);
    s.remove_prefix(digits);
  }
  return s.empty();
}

// RFC 4291 §2.2: up to eight groups, at most one "::", maybe a dotted quad at the end.
bool parse_v6(std::string_view s, Octets& out) {
  Octets head{};
  std::size_t n = 0;
  std::optional<std::size_t> gap;
  if (s.starts_with("::")) {
    gap = 0;
    s.remove_prefix(2);
  }
  while (!s.empty()) {
    const std::size_t colon = s.find(':');
    const std::string_view group = s.substr(0, colon);
    if (colon == std::string_view::npos && group.find('.') != std::string_view::npos) {
      if (n > 12 || !parse_quad(group, &head[n])) return false;
      n += 4;
      break;
    }
    if (group.empty() || group.size() > 4 || n > 14) return false;
    unsigned value = 0;
    for (const char c : group) {
      const int h = hex_value(c);
      if (h < 0) return false;
      value = value * 16 + static_cast<unsigned>(h);
    }
    head[n++] = static_cast<std::uint8_t>(value >> 8);
    head[n++] = static_cast<std::uint8_t>(value & 0xff);
    if (colon == std::string_view::npos) break;
    s.remove_prefix(colon + 1);
    if (s.starts_with(':')) {
      if (gap) return false;
      gap = n;
      s.remove_prefix(1);
    } else if (s.empty()) {
      return false;  // a single colon at the end
    }
  }
  if (!gap) {
    out = head;
    return n == 16;
  }
  if (n > 14) return false;  // "::" stands for at least one group
  out = {};
  std::copy_n(head.begin(), *gap, out.begin());
  std::copy(head.begin() + static_cast<std::ptrdiff_t>(*gap),
            head.begin() + static_cast<std::ptrdiff_t>(n),
            out.end() - static_cast<std::ptrdiff_t>(n - *gap));
  return true;
}

std::string v6_text(const Octets& o) {
  unsigned groups[8];
  for (std::size_t i = 0; i < 8; ++i) groups[i] = o[2 * i] * 256U + o[2 * i + 1];
  int best = -1, best_length = 1;  // RFC 5952 §4.2.2: a single zero group is not shortened
  for (int i = 0; i < 8; ++i) {
    int end = i;
    while (end < 8 && groups[end] == 0) ++end;
    if (end - i > best_length) {
      best = i;
      best_length = end - i;
    }
    if (end > i) i = end - 1;
  }
  std::string text;
  for (int i = 0; i < 8; ++i) {
    if (i == best) {
      text += "::";
      i += best_length - 1;
      continue;
    }
    if (!text.empty() && text.back() != ':') text += ':';
    char hex[4];
    const auto end = std::to_chars(hex, hex + sizeof hex, groups[i], 16).ptr;
    text.append(hex, end);
  }
  return text;
}

bool has_prefix(const Octets& o, std::initializer_list<std::uint8_t> prefix) {
  return std::equal(prefix.begin(), prefix.end(), o.begin());
}

AddressClass classify_v4(const std::uint8_t* o) {
  const std::uint32_t a =
      (std::uint32_t{o[0]} << 24) | (std::uint32_t{o[1]} << 16) | (std::uint32_t{o[2]} << 8) | o[3];
  const auto in = [a](std::uint32_t net, int bits) {
    return (a >> (32 - bits)) == (net >> (32 - bits));
  };
  // Where credentials are handed out: EC2/GCE/Azure/OCI, ECS tasks, EKS pod identities, Alibaba,
  // Azure's wire server, OCI's older address.
  for (const std::uint32_t m :
       {0xa9fea9feU, 0xa9feaa02U, 0xa9feaa17U, 0x646464c8U, 0xa83f8110U, 0xc00000c0U}) {
    if (a == m) return AddressClass::metadata;
  }
  if (in(0x00000000, 8)) return AddressClass::unspecified;
  if (in(0x7f000000, 8)) return AddressClass::loopback;
  if (in(0xa9fe0000, 16)) return AddressClass::link_local;
  if (a == 0xffffffffU) return AddressClass::broadcast;
  if (in(0xe0000000, 4)) return AddressClass::multicast;
  struct Net {
    std::uint32_t net;
    int bits;
  };
  // RFC 1918, RFC 6598, RFC 2544, RFC 5737, RFC 6890 (192.0.0/24), RFC 1112 (240/4).
  for (const Net n :
       {Net{0x0a000000, 8}, Net{0xac100000, 12}, Net{0xc0a80000, 16}, Net{0x64400000, 10},
        Net{0xc6120000, 15}, Net{0xc0000200, 24}, Net{0xc6336400, 24}, Net{0xcb007100, 24},
        Net{0xc0000000, 24}, Net{0xf0000000, 4}}) {
    if (in(n.net, n.bits)) return AddressClass::private_;
  }
  return AddressClass::public_;
}

// '*' for zero or more characters of one label. Greedy with one point of return, linear in
// practice and bounded by pattern times name (253 characters each).
bool glob_in_label(std::string_view pattern, std::string_view text) {
  std::size_t p = 0, t = 0;
  std::size_t star = std::string_view::npos, resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

// Label by label from the right, so that a leading "*." may take what is left over.
bool glob_matches(std::string_view pattern, std::string_view host) {
  while (true) {
    if (pattern == "*") return !host.empty();
    const std::size_t pd = pattern.rfind('.');
    const std::size_t hd = host.rfind('.');
    const bool last_p = pd == std::string_view::npos;
    const bool last_h = hd == std::string_view::npos;
    const std::string_view pl = last_p ? pattern : pattern.substr(pd + 1);
    const std::string_view hl = last_h ? host : host.substr(hd + 1);
    if (!glob_in_label(pl, hl)) return false;
    if (last_p || last_h) return last_p && last_h;
    pattern = pattern.substr(0, pd);
    host = host.substr(0, hd);
  }
}

Error bad_entry(std::string_view entry, std::string_view why) {
  std::string shown;
  for (const char c : entry.substr(0, 80)) shown += is_printable_ascii(c) ? c : '?';
  return {Code::bad_argument, "\"" + shown + "\": " + std::string(why) +
                                  " (expected HOST[:PORT][=DIALECT], an IPv6 address in brackets)"};
}

std::optional<std::uint16_t> parse_port(std::string_view s) {
  unsigned value = 0;
  const auto [end, ec] = std::from_chars(s.data(), s.data() + s.size(), value);
  if (ec != std::errc{} || end != s.data() + s.size() || s.size() > 5) return std::nullopt;
  if (value == 0 || value > 65535) return std::nullopt;
  return static_cast<std::uint16_t>(value);
}

bool is_dialect_name(std::string_view s) {
  return !s.empty() && s.size() <= 32 && std::all_of(s.begin(), s.end(), [](char c) {
    return (is_name_char(c) || c == '.') && c == ascii_lower(c);
  });
}

// Empty where the pattern is fine.
std::string_view glob_fault(std::string_view pattern) {
  std::string name(pattern);
  std::replace(name.begin(), name.end(), '*', 'x');
  if (!is_hostname(name)) return "not a host name";
  const std::size_t dot = pattern.rfind('.');
  const std::string_view last = dot == std::string_view::npos ? pattern : pattern.substr(dot + 1);
  if (last.find('*') != std::string_view::npos) return "the last label must not hold a '*'";
  return {};
}

}  // namespace

std::string IpAddress::text() const {
  if (!v4) return v6_text(octets);
  std::string s;
  for (std::size_t i = 0; i < 4; ++i) {
    if (i > 0) s += '.';
    s += std::to_string(octets[i]);
  }
  return s;
}

std::optional<IpAddress> IpAddress::from_octets(Bytes b) {
  if (b.size() != 4 && b.size() != 16) return std::nullopt;
  IpAddress ip;
  ip.v4 = b.size() == 4;
  std::transform(b.begin(), b.end(), ip.octets.begin(),
                 [](char c) { return static_cast<std::uint8_t>(c); });
  return ip;
}

std::optional<IpAddress> parse_ip_literal(std::string_view s) {
  IpAddress ip;
  if (s.find(':') == std::string_view::npos) {
    ip.v4 = true;
    if (!parse_quad(s, ip.octets.data())) return std::nullopt;
    return ip;
  }
  if (!parse_v6(s, ip.octets)) return std::nullopt;
  return ip;
}

bool is_odd_address_literal(std::string_view host) {
  const bool dotted = host.size() > 1 && host.back() == '.';
  const std::string_view h = without_trailing_dot(host);
  const std::size_t dot = h.rfind('.');
  const std::string_view last = dot == std::string_view::npos ? h : h.substr(dot + 1);
  if (last.empty()) return false;
  const bool decimal = std::all_of(last.begin(), last.end(), is_digit);
  const bool hex =
      last.size() >= 2 && last[0] == '0' && ascii_lower(last[1]) == 'x' &&
      std::all_of(last.begin() + 2, last.end(), [](char c) { return hex_value(c) >= 0; });
  if (!decimal && !hex) return false;
  return dotted || !parse_ip_literal(h);
}

bool is_hostname(std::string_view s) {
  if (s.empty() || s.size() > 253) return false;
  std::size_t label = 0;
  for (const char c : s) {
    if (c == '.') {
      if (label == 0) return false;
      label = 0;
    } else if (!is_name_char(c) || ++label > 63) {
      return false;
    }
  }
  return label > 0;
}

std::string_view name_of(AddressClass c) {
  switch (c) {
    case AddressClass::public_:
      return "public";
    case AddressClass::private_:
      return "private";
    case AddressClass::loopback:
      return "loopback";
    case AddressClass::link_local:
      return "link-local";
    case AddressClass::metadata:
      return "cloud metadata";
    case AddressClass::unspecified:
      return "unspecified";
    case AddressClass::multicast:
      return "multicast";
    case AddressClass::broadcast:
      return "broadcast";
  }
  return "unknown";
}

AddressClass classify(const IpAddress& ip) {
  const Octets& o = ip.octets;
  if (ip.v4) return classify_v4(o.data());
  if (has_prefix(o, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})) {
    if (has_prefix(o, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})) {
      if (o[15] == 0) return AddressClass::unspecified;
      if (o[15] == 1) return AddressClass::loopback;
    }
    return classify_v4(&o[12]);  // RFC 4291 §2.5.5.1
  }
  if (has_prefix(o, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff})) return classify_v4(&o[12]);
  if (has_prefix(o, {0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0})) return classify_v4(&o[12]);
  if (has_prefix(o, {0x20, 0x02})) return classify_v4(&o[2]);  // RFC 3056
  // EC2's and EKS pod identities' endpoints.
  if (has_prefix(o, {0xfd, 0x00, 0x0e, 0xc2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}) &&
      (o[14] == 0x02 && o[15] == 0x54)) {
    return AddressClass::metadata;
  }
  if (has_prefix(o, {0xfd, 0x00, 0x0e, 0xc2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x23})) {
    return AddressClass::metadata;
  }
  if (o[0] == 0xff) return AddressClass::multicast;
  if (o[0] == 0xfe && (o[1] & 0xc0) == 0x80) return AddressClass::link_local;
  if ((o[0] & 0xfe) == 0xfc) return AddressClass::private_;
  // RFC 3849, RFC 8215, deprecated site-local.
  if (has_prefix(o, {0x20, 0x01, 0x0d, 0xb8}) || has_prefix(o, {0, 0x64, 0xff, 0x9b, 0, 1}) ||
      (o[0] == 0xfe && (o[1] & 0xc0) == 0xc0)) {
    return AddressClass::private_;
  }
  return AddressClass::public_;
}

bool allowed(AddressClass c, const DestinationPolicy& policy, bool named) {
  switch (c) {
    case AddressClass::public_:
    case AddressClass::private_:
      return true;
    case AddressClass::loopback:
      return policy.listener_is_loopback || named;
    case AddressClass::link_local:
    case AddressClass::metadata:
    case AddressClass::unspecified:
    case AddressClass::multicast:
    case AddressClass::broadcast:
      return named;
  }
  return false;
}

Result<HostEntry> parse_host_entry(std::string_view entry) {
  HostEntry out;
  std::string_view rest = entry;
  if (const std::size_t eq = rest.find('='); eq != std::string_view::npos) {
    if (!is_dialect_name(rest.substr(eq + 1))) return bad_entry(entry, "not a dialect's name");
    out.dialect = rest.substr(eq + 1);
    rest = rest.substr(0, eq);
  }
  std::string_view host = rest;
  std::optional<std::string_view> port;
  if (rest.starts_with('[')) {
    const std::size_t close = rest.find(']');
    if (close == std::string_view::npos) return bad_entry(entry, "the bracket is not closed");
    host = rest.substr(1, close - 1);
    rest = rest.substr(close + 1);
    if (!rest.empty() && rest.front() != ':') return bad_entry(entry, "junk after the bracket");
    if (!rest.empty()) port = rest.substr(1);
    const auto ip = parse_ip_literal(host);
    if (!ip || ip->v4) return bad_entry(entry, "only an IPv6 address goes into brackets");
    out.pattern = ip->text();
    out.is_ip = true;
  } else {
    if (const std::size_t colon = rest.find(':'); colon != std::string_view::npos) {
      host = rest.substr(0, colon);
      port = rest.substr(colon + 1);
    }
    out.pattern = lowered(without_trailing_dot(host));
    if (out.pattern.empty()) return bad_entry(entry, "no host");
    if (out.pattern.find('*') != std::string::npos) {
      if (const auto fault = glob_fault(out.pattern); !fault.empty())
        return bad_entry(entry, fault);
      out.is_glob = true;
    } else if (is_odd_address_literal(host)) {
      return bad_entry(entry, "odd address literal; write four decimal numbers");
    } else if (parse_ip_literal(out.pattern)) {
      out.is_ip = true;
    } else if (!is_hostname(out.pattern)) {
      return bad_entry(entry, "not a host name");
    }
  }
  if (port) {
    out.port = parse_port(*port);
    if (!out.port) return bad_entry(entry, "the port is not a number from 1 to 65535");
  }
  return out;
}

Result<void> HostList::add(HostEntry entry) {
  if (entries_.size() >= limits::kHostListEntries) {
    return Error{Code::full, "more than " + std::to_string(limits::kHostListEntries) +
                                 " hosts are listed; use globs"};
  }
  entries_.push_back(std::move(entry));
  return {};
}

Result<void> HostList::add(std::string_view entry) {
  auto parsed = parse_host_entry(entry);
  if (!parsed) return parsed.error();
  return add(*std::move(parsed));
}

const HostEntry* HostList::match(std::string_view host, std::uint16_t port) const {
  std::string name;
  if (const auto ip = parse_ip_literal(host)) {
    name = ip->text();
  } else {
    name = lowered(without_trailing_dot(host));
  }
  const HostEntry* best = nullptr;
  const auto rank = [](const HostEntry& e) {
    return std::tuple(!e.is_glob, e.port.has_value(), e.pattern.size());
  };
  for (const HostEntry& e : entries_) {
    if (e.port && *e.port != port) continue;
    if (e.is_glob ? !glob_matches(e.pattern, name) : e.pattern != name) continue;
    if (best == nullptr || rank(e) > rank(*best)) best = &e;
  }
  return best;
}

}  // namespace llmrec::relay
