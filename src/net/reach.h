// From a destination to a connection that stands: dials it, or a proxy that is asked to, and opens
// its TLS where that is wanted. What fails is told once, in the words of a record and of an answer.
// Knows nothing of clients. One per session, used again for each upstream; the session's loop.
//
// The peer is the session's and may change between two uses; events of its socket come in here
// while busy().
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "net/dialer.h"
#include "net/peer.h"
#include "net/refusal.h"
#include "record/record.h"
#include "relay/proxy_answer.h"
#include "tls/context.h"

namespace llmrec::net {

class Loop;

std::string authority(const std::string& host, std::uint16_t port);  // "[::1]:443"

// Where to. Texts for people and records name `host` and `port`, whoever is dialled.
struct Way {
  std::string host;       // to match, record and verify
  std::string dial_host;  // to resolve
  std::uint16_t port = 0;
  std::vector<Address> addresses;  // not empty: these, and the name is not looked up
  bool settled = false;  // the addresses are what was connected to before: no rule applies
  bool tls = false;
  bool listener_is_loopback = true;

  std::string authority() const;
};

struct Unreachable {
  record::ErrorType error = record::ErrorType::none;
  std::string detail;
  record::Party by = record::Party::none;
  Refusal refusal;
  // The upstream wanted a certificate of the client and got none.
  bool wants_client_certificate = false;
};

class ReachOwner {
 public:
  virtual bool take_upstream(UniqueFd fd) = 0;  // opens the peer's socket; false: it cannot
  virtual void on_reached() = 0;
  virtual void on_unreachable(Unreachable&& why) = 0;
  virtual void arm(std::int64_t ns) = 0;  // the session's timer: it calls on_timer()
  virtual void disarm() = 0;
  virtual void update_interest() = 0;  // after an event that was not the session's own

 protected:
  ~ReachOwner() = default;
};

class Reach {
 public:
  Reach(Loop& loop, ReachOwner& owner) : loop_(loop), owner_(owner) {}
  ~Reach() { cancel(); }
  Reach(const Reach&) = delete;
  Reach& operator=(const Reach&) = delete;

  void start(Peer& peer, Way way);
  // On a connection that start() made without: TLS, verified by `host`.
  void start_tls(Peer& peer, const std::string& host);
  void cancel();

  bool busy() const { return state_ != State::idle; }
  bool wants_read() const { return state_ == State::proxy || state_ == State::tls; }
  void on_octets(Bytes octets);
  void on_end(Io io, int error);
  void on_timer();

  // The same once more, without TLS: to the very address that was connected to.
  Way way_again() const;
  // What the upstream said behind a proxy's 200, already read; once.
  std::string take_surplus() { return std::exchange(surplus_, {}); }
  record::Nanos connect_ns() const { return connect_ns_; }
  record::Nanos tls_ns() const { return tls_ns_; }
  bool identity_shown() const { return identity_shown_; }

 private:
  enum class State : std::uint8_t { idle, dialing, proxy, tls };

  bool goes_through_proxy() const;
  bool may_dial(const relay::IpAddress& ip, bool named) const;
  void dial();
  void on_dialled(DialResult result);
  void unconnected(const DialResult& result);
  void ask_proxy();
  void on_proxy_answer(Bytes octets);
  void proxy_failed(std::string detail, bool timed_out, std::string_view error);
  void connected();
  void open_tls();
  void on_tls(Bytes octets);
  void tls_failed(std::string_view how);
  void fail(Unreachable why);

  Loop& loop_;
  ReachOwner& owner_;
  Peer* peer_ = nullptr;
  Dialer* dialer_ = nullptr;
  Way way_;
  std::string tls_host_;  // verified; usually the way's
  DialRequest dial_;
  relay::ProxyAnswer answer_;
  Address address_;
  Instant started_;
  Instant tls_started_;
  record::Nanos connect_ns_;
  record::Nanos tls_ns_;
  std::string surplus_;
  State state_ = State::idle;
  bool through_proxy_ = false;
  bool identity_shown_ = false;
};

}  // namespace llmrec::net
