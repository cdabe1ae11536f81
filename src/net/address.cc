#include "net/address.h"

#include <linux/netfilter_ipv4.h>
#include <unistd.h>

#include <charconv>
#include <cstring>

namespace llmrec::net {

std::string Address::text() const {
  return (ip.v4 ? ip.text() : "[" + ip.text() + "]") + ":" + std::to_string(port);
}

socklen_t Address::to(sockaddr_storage& out) const {
  out = {};
  if (ip.v4) {
    auto* v4 = reinterpret_cast<sockaddr_in*>(&out);
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    std::memcpy(&v4->sin_addr, ip.octets.data(), 4);
    return sizeof(sockaddr_in);
  }
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&out);
  v6->sin6_family = AF_INET6;
  v6->sin6_port = htons(port);
  std::memcpy(&v6->sin6_addr, ip.octets.data(), 16);
  return sizeof(sockaddr_in6);
}

Address Address::from(const sockaddr* address) {
  Address out;
  if (address->sa_family == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(address);
    out.ip.v4 = true;
    std::memcpy(out.ip.octets.data(), &v4->sin_addr, 4);
    out.port = ntohs(v4->sin_port);
  } else if (address->sa_family == AF_INET6) {
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(address);
    std::memcpy(out.ip.octets.data(), &v6->sin6_addr, 16);
    out.port = ntohs(v6->sin6_port);
  }
  return out;
}

Result<Address> parse_listen_address(std::string_view text) {
  const auto colon = text.rfind(':');
  const auto bad = [&](std::string_view why) {
    std::string detail = "cannot listen on '";
    detail.append(text).append("': ").append(why);
    detail += "; write ADDRESS:PORT, for example 127.0.0.1:8790";
    return Error{Code::bad_argument, detail};
  };
  if (colon == std::string_view::npos) return bad("the port is missing");
  std::string_view host = text.substr(0, colon);
  const std::string_view digits = text.substr(colon + 1);
  unsigned port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc() || end != digits.data() + digits.size() || port > 65535) {
    return bad("the port is not a number from 0 to 65535");
  }
  if (host == "localhost") host = "127.0.0.1";
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  const auto ip = relay::parse_ip_literal(host);
  if (!ip) return bad("'" + std::string(host) + "' is not an IP address");
  return Address{*ip, static_cast<std::uint16_t>(port)};
}

Address local_address(int fd) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return {};
  return Address::from(reinterpret_cast<const sockaddr*>(&storage));
}

std::optional<Address> original_destination(int fd) {
  // Of linux/netfilter_ipv6/ip6_tables.h, which does not compile beside netinet/in.h.
  constexpr int kOriginalDestinationV6 = 80;
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (::getsockopt(fd, SOL_IP, SO_ORIGINAL_DST, &storage, &size) != 0) {
    size = sizeof storage;
    if (::getsockopt(fd, SOL_IPV6, kOriginalDestinationV6, &storage, &size) != 0) {
      return std::nullopt;
    }
  }
  return Address::from(reinterpret_cast<const sockaddr*>(&storage));
}

bool is_local(const relay::IpAddress& ip) {
  sockaddr_storage storage{};
  const socklen_t size = Address{ip, 0}.to(storage);
  const int fd = ::socket(storage.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  const bool bound = ::bind(fd, reinterpret_cast<const sockaddr*>(&storage), size) == 0;
  ::close(fd);
  return bound;
}

}  // namespace llmrec::net
