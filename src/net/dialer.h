// From a host and port to a connected socket: resolves once, lets the caller check every address,
// and tries those in turn, the next one after 250 ms of silence (RFC 8305; the order is
// getaddrinfo's, with the families taking turns). The first that connects wins.
// Does not know TLS or who asked. One Dialer per connection attempt; loop thread only. It owns
// itself: after cancel() or the callback the caller forgets it, and it goes when libuv has let go
// of its last handle and request.
#pragma once

#include <uv.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "net/address.h"
#include "net/resolver.h"
#include "net/socket.h"
#include "record/names.h"

namespace llmrec::net {

struct DialRequest {
  std::string host;  // a name, or an address without brackets
  std::uint16_t port = 0;
  std::vector<Address> addresses;  // not empty: already resolved, the name is not looked up
  std::int64_t timeout_ns = 0;     // for everything
  // Whether an address may be dialled; asked before any is.
  std::function<bool(const relay::IpAddress&)> allowed;
};

struct DialResult {
  UniqueFd fd;  // connected, tuned
  Address address;
  record::ErrorType error = record::ErrorType::none;  // one of the before_request types
  std::string detail;                                 // errno or EAI name
  bool timed_out = false;
  bool unroutable = false;
  std::int64_t connect_ns = 0;  // of the winner: from its SYN
};

class Dialer {
 public:
  using Done = std::function<void(DialResult)>;

  // Done is called once, never from inside start() itself, unless cancelled before.
  static Dialer* start(uv_loop_t* loop, Resolver& resolver, DialRequest request, Done done);
  void cancel();

 private:
  struct Attempt;

  Dialer(uv_loop_t* loop, Resolver& resolver, DialRequest request, Done done);
  ~Dialer();

  void begin();
  void on_resolved(int status, const std::vector<relay::IpAddress>& addresses);
  bool all_allowed() const;
  void next();
  bool launch(const Address& address);
  void on_attempt(Attempt* attempt, int error);
  void fail(record::ErrorType error, std::string detail);
  void finish(DialResult result);
  void close_handles();
  void unpin();
  void arm(std::int64_t ns);
  static void on_timer(uv_timer_t* timer) noexcept;

  uv_loop_t* loop_;
  Resolver& resolver_;
  DialRequest request_;
  Done done_;
  uv_timer_t timer_{};
  std::vector<Address> addresses_;
  std::size_t next_ = 0;
  std::vector<Attempt*> attempts_;
  Resolver::Ticket lookup_ = 0;
  std::int64_t deadline_ns_ = 0;
  int last_error_ = 0;
  unsigned pins_ = 0;
  bool over_ = false;
};

}  // namespace llmrec::net
