// Socket addresses: between text, relay::IpAddress and sockaddr. Any thread.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "relay/destination.h"

namespace llmrec::net {

struct Address {
  relay::IpAddress ip;
  std::uint16_t port = 0;

  friend bool operator==(const Address&, const Address&) = default;
  std::string text() const;  // "127.0.0.1:8790", "[::1]:8790"
  socklen_t to(sockaddr_storage& out) const;
  static Address from(const sockaddr* address);
};

// "127.0.0.1:8790", "[::1]:0", "localhost:8790". bad_argument names what is wrong.
Result<Address> parse_listen_address(std::string_view text);

// The address that a bound socket has.
Address local_address(int fd);

// Where a connection was going before a netfilter rule redirected it to us (SO_ORIGINAL_DST);
// nullopt: it was not redirected, or this system cannot tell.
std::optional<Address> original_destination(int fd);

// Whether this machine has the address.
bool is_local(const relay::IpAddress& ip);

}  // namespace llmrec::net
