#include "net/resolver.h"

#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "base/limits.h"
#include "net/address.h"
#include "relay/address_order.h"

namespace llmrec::net {
namespace {

std::int64_t now_ns() { return static_cast<std::int64_t>(uv_hrtime()); }

std::vector<relay::IpAddress> addresses_of(const addrinfo* list) {
  std::vector<relay::IpAddress> out;
  for (const addrinfo* a = list; a != nullptr; a = a->ai_next) {
    if (a->ai_family != AF_INET && a->ai_family != AF_INET6) continue;
    const relay::IpAddress ip = Address::from(a->ai_addr).ip;
    if (std::find(out.begin(), out.end(), ip) == out.end()) out.push_back(ip);
  }
  relay::let_families_take_turns(out);
  return out;
}

}  // namespace

struct Resolver::Lookup {
  uv_getaddrinfo_t request{};
  Resolver* resolver = nullptr;
  std::string host;
  std::vector<std::pair<Ticket, Done>> waiting;
};

const std::vector<relay::IpAddress>* Resolver::remembered(const std::string& host) const {
  const auto it = found_.find(host);
  return it == found_.end() || it->second.until_ns < now_ns() ? nullptr : &it->second.addresses;
}

Resolver::Ticket Resolver::ask(const std::string& host, Done done) {
  const Ticket ticket = next_ticket_++;
  if (const auto it = running_.find(host); it != running_.end()) {
    it->second->waiting.emplace_back(ticket, std::move(done));
    return ticket;
  }
  auto lookup = std::make_unique<Lookup>();
  lookup->resolver = this;
  lookup->host = host;
  lookup->request.data = lookup.get();
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  if (uv_getaddrinfo(loop_, &lookup->request, on_done, host.c_str(), nullptr, &hints) != 0) {
    return 0;
  }
  lookup->waiting.emplace_back(ticket, std::move(done));
  running_.emplace(host, lookup.release());
  return ticket;
}

void Resolver::forget(Ticket ticket) {
  for (auto& [host, lookup] : running_) {
    const auto gone = std::erase_if(lookup->waiting,
                                    [ticket](const auto& entry) { return entry.first == ticket; });
    if (gone == 0) continue;
    // What has not begun need not begin; what runs in a thread cannot be called back.
    if (lookup->waiting.empty() && uv_cancel(reinterpret_cast<uv_req_t*>(&lookup->request)) == 0) {
      running_.erase(host);
    }
    return;
  }
}

void Resolver::on_done(uv_getaddrinfo_t* request, int status, addrinfo* list) noexcept {
  const std::unique_ptr<Lookup> lookup(static_cast<Lookup*>(request->data));
  Resolver& self = *lookup->resolver;
  const auto running = self.running_.find(lookup->host);
  if (running != self.running_.end() && running->second == lookup.get()) {
    self.running_.erase(running);
  }
  const std::vector<relay::IpAddress> addresses = addresses_of(list);
  if (list != nullptr) uv_freeaddrinfo(list);
  if (status == 0 && !addresses.empty()) self.remember(lookup->host, addresses);
  for (const auto& entry : lookup->waiting) entry.second(status, addresses);
}

void Resolver::remember(const std::string& host, const std::vector<relay::IpAddress>& addresses) {
  if (found_.size() >= limits::kDnsCacheEntries && !found_.contains(host)) {
    found_.erase(std::min_element(found_.begin(), found_.end(), [](const auto& a, const auto& b) {
      return a.second.until_ns < b.second.until_ns;
    }));
  }
  found_[host] = {addresses, now_ns() + limits::kDnsCacheNs};
}

}  // namespace llmrec::net
