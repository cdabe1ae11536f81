// Where a connection may go, and which destinations are ours to record: address literals, address
// classes, the egress rule and the list of hosts.
// Does not know who listens, resolves or dials; addresses come as octets, names as text.
// Pure; any thread. A HostList is frozen before it is shared.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace llmrec::relay {

struct IpAddress {
  std::array<std::uint8_t, 16> octets{};  // network order; an IPv4 address uses the first four
  bool v4 = false;

  friend bool operator==(const IpAddress&, const IpAddress&) = default;
  // Dotted quad, or RFC 5952 without brackets.
  std::string text() const;
  // 4 or 16 octets as they stand in sin_addr / sin6_addr.
  static std::optional<IpAddress> from_octets(Bytes);
};

// Strict dotted quad (four decimal numbers, no leading zero) or RFC 4291 §2.2 without brackets and
// without a zone. Nothing else is an address here.
std::optional<IpAddress> parse_ip_literal(std::string_view);

// True where a resolver may take the name for an IPv4 address although it is not a dotted quad:
// 127.1, 0x7f.1, 2130706433, 0177.0.0.1 (reliability.md §2.4). The last label decides, as in the
// WHATWG URL standard ("ends in a number").
bool is_odd_address_literal(std::string_view host);

// Letters, digits, '-', '_' in labels of 1 to 63, at most 253 in all; no trailing dot.
bool is_hostname(std::string_view);

enum class AddressClass {
  public_,
  private_,  // RFC 1918, fc00::/7, 100.64/10, and what is reserved but harmless
  loopback,
  link_local,   // 169.254/16, fe80::/10
  metadata,     // cloud metadata and credential endpoints
  unspecified,  // 0/8 and ::, which Linux dials as loopback
  multicast,
  broadcast,
};
std::string_view name_of(AddressClass);  // "link-local", for a refusal's text

// IPv4 inside IPv6 (::ffff:/96, ::/96, 64:ff9b::/96, 2002::/16) is judged as the IPv4 address.
AddressClass classify(const IpAddress&);

struct DestinationPolicy {
  bool listener_is_loopback = true;
};
// `named`: somebody listed this destination by its exact name or address. Every answer of a
// resolver has to pass, and the address that passed is the one to dial (DNS rebinding).
bool allowed(AddressClass, const DestinationPolicy&, bool named);

// One `HOST[:PORT][=DIALECT]`. Host: a name, an IPv4 or [IPv6] literal, or a glob. A leading "*."
// stands for one or more labels; any other '*' for zero or more characters within its label.
struct HostEntry {
  std::string pattern;                // lower case, no trailing dot, IPv6 without brackets
  std::optional<std::uint16_t> port;  // none: every port
  std::string dialect;                // empty: found out by looking
  bool is_glob = false;
  bool is_ip = false;
};
// bad_argument with a text that names the entry and what is wrong with it.
Result<HostEntry> parse_host_entry(std::string_view);

class HostList {
 public:
  // full past limits::kHostListEntries.
  Result<void> add(HostEntry);
  Result<void> add(std::string_view entry);  // parses first

  // The most specific entry: exact before glob, with port before without, longer before shorter,
  // earlier before later. `host` may have upper case and a trailing dot; IPv6 without brackets.
  // The pointer holds until the next add().
  const HostEntry* match(std::string_view host, std::uint16_t port) const;

  const std::vector<HostEntry>& entries() const { return entries_; }

 private:
  std::vector<HostEntry> entries_;
};

}  // namespace llmrec::relay
