// host:port as it stands in a CONNECT target, in the URL of an absolute-form request (RFC 9112
// §3.2) and in our own flags, read strictly: no user information, no odd address literals, brackets
// around IPv6 and nothing else.
// Does not resolve or decide anything. Pure; any thread. A fault is a literal, one line for people;
// empty: none.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace llmrec::relay {

struct Authority {
  std::string host;       // to match with: lower case, no trailing dot; IPv6 without brackets
  std::string dial_host;  // to dial: as sent (with its trailing dot), IPv6 without brackets
  std::uint16_t port = 0;
  bool host_is_ip = false;

  friend bool operator==(const Authority&, const Authority&) = default;
  // "api.openai.com:443", "[::1]:80".
  std::string text() const;
  // As a Host field has it: without the port where it is the scheme's own.
  std::string host_field(std::uint16_t default_port) const;
};

// `default_port` 0: the port has to be there.
std::string_view parse_authority(std::string_view text, std::uint16_t default_port, Authority& out);

// http:// and https:// only.
struct Url {
  bool https = false;
  Authority authority;
  std::string_view rest;  // behind the authority: path and query; may be empty; a view of the text
  std::uint16_t default_port() const { return https ? 443 : 80; }
};
std::string_view parse_url(std::string_view text, Url& out);
// A scheme of ours, "://", something.
bool is_absolute_url(std::string_view text);

}  // namespace llmrec::relay
