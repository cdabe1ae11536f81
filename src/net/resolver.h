// Names to addresses, in libuv's threads: one lookup per name at a time, however many ask, so that
// a dead name holds one thread and not all; a short memory of what was found, none of failures.
// Knows no ports, policies or deadlines: whoever asks stops waiting when it likes.
// Owned by a loop; loop thread only. What is still being looked up when the loop ends is waited for
// by uv_run().
#pragma once

#include <uv.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "relay/destination.h"

namespace llmrec::net {

class Resolver {
 public:
  // `status`: 0, or one of libuv's UV_EAI codes.
  using Done = std::function<void(int status, const std::vector<relay::IpAddress>&)>;
  using Ticket = std::uint64_t;  // 0: none

  explicit Resolver(uv_loop_t* loop) : loop_(loop) {}
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // What is remembered; nullptr: ask.
  const std::vector<relay::IpAddress>* remembered(const std::string& host) const;
  // Done is called later, once, unless the ticket is returned before. 0: out of memory.
  Ticket ask(const std::string& host, Done done);
  void forget(Ticket ticket);

 private:
  struct Lookup;
  struct Found {
    std::vector<relay::IpAddress> addresses;
    std::int64_t until_ns = 0;
  };
  static void on_done(uv_getaddrinfo_t* request, int status, addrinfo* list) noexcept;
  void remember(const std::string& host, const std::vector<relay::IpAddress>& addresses);

  uv_loop_t* loop_;
  std::map<std::string, Lookup*> running_;
  std::map<std::string, Found> found_;
  Ticket next_ticket_ = 1;
};

}  // namespace llmrec::net
