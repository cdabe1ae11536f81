// One connection from a client and the one to its upstream: opens them in the right order, then
// moves octets and ends both ways, and shows the tap what it has moved.
//
// Lifetime: a session owns itself. pins_ counts its open uv handles and its dialer; close() is
// idempotent and closes what is open; the last unpin() deletes. Nothing outside keeps a pointer
// but the loop's list, which the destructor leaves.
// Loop thread only.
//
// Phases of a CONNECT:
//   head          reading the CONNECT head
//   dialing       resolving and connecting
//   upstream_tls  a recorded host: its TLS is verified before the client is told 200
//   hello         200 is sent; reading the ClientHello, to see whether it is ours to open
//   redialing     it is not: the octets go blind over a fresh connection
//   client_tls    our handshake with the client
//   relay         octets both ways
//   lingering     our refusal is sent; reading until the client has taken it
//   resetting     waiting for the last acknowledgement before an RST
//   closed
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "net/dialer.h"
#include "net/peer.h"
#include "net/refusal.h"
#include "relay/connect.h"
#include "relay/hello.h"
#include "relay/relay.h"
#include "tap/tap.h"

namespace llmrec::net {

class Loop;

class Session final : private tap::TapHost {
 public:
  static void accept(Loop& loop, UniqueFd fd, const Address& listener);

  void on_drain();  // no new calls: ends at once unless one is running
  void end_now();   // the grace is over
  void checkpoint(Instant now);

  // The loop's own marks.
  std::size_t place = 0;
  bool noted = false;

 private:
  enum class Phase : std::uint8_t {
    head,
    dialing,
    upstream_tls,
    hello,
    redialing,
    client_tls,
    relay,
    lingering,
    resetting,
    closed,
  };
  using Side = relay::Side;

  // Socket events, told apart by side.
  struct Events final : SocketOwner {
    Events(Session& s, Side which) : session(s), side(which) {}
    void on_readable() noexcept override { session.on_readable(side); }
    void on_writable() noexcept override { session.on_writable(side); }
    void on_broken() noexcept override { session.on_broken(side); }
    void on_socket_closed() noexcept override { session.unpin(); }
    Session& session;
    Side side;
  };

  // What only the opening needs; gone once octets flow.
  struct Opening {
    relay::ConnectParser connect;
    relay::HelloPeek hello;
    std::string early;  // of the client, not yet passed on
    Dialer* dialer = nullptr;
    Address upstream_address;
    const relay::HostEntry* entry = nullptr;  // null: not recorded
    std::size_t lingered = 0;
  };

  Session(Loop& loop, const Address& listener);
  ~Session();

  // Events.
  void on_readable(Side side);
  void on_writable(Side side);
  void on_broken(Side side);
  void on_timer();
  // Reads what the phase wants of this side, until there is no more or it is not wanted.
  void read(Side side);
  void on_octets(Side side, Bytes octets);
  void on_end(Side side, Io io, int error);

  // Opening.
  void on_head(Bytes octets);
  void route();
  void dial(std::vector<Address> addresses, Phase phase);
  void on_dialled(DialResult result);
  void on_upstream_tls(Bytes octets);
  void upstream_tls_failed(std::string_view how);
  void on_upstream_ready();
  void on_hello(Bytes octets);
  void go_blind(std::string_view why);
  void open_client_tls();
  void on_client_tls(Bytes octets);
  void client_tls_failed();
  void start_relay();
  void start_tap();
  void refuse(const Refusal& refusal);
  void setup_failed(record::ErrorType error, std::string_view detail, record::Party by);
  void record_unused();

  // Relaying.
  void relay_octets(Side side, Bytes octets);
  void relay_plain(Side side, Bytes plain);
  void relay_notify(Side side);
  void relay_end(Side side, Io io, int error);
  void side_is_gone(Side side);
  void take_steps();
  void begin_reset(Side side);
  void poll_reset();
  void tell_tap_end(Side side);
  void enforce_budgets();
  void cut(tap::End reason);
  void settle_accepted();
  bool key_update_flood(Side side);

  // Shell.
  Peer& peer(Side side) { return side == Side::client ? client_ : *upstream_; }
  const Peer& peer(Side side) const { return side == Side::client ? client_ : *upstream_; }
  tap::SideEnd side_end(Side side) const { return {peer(side).close_how, peer(side).alert}; }
  void update_interest();
  bool wants_read(Side side) const;
  void arm(std::int64_t ns);
  void disarm();
  void linger();
  void close();
  void unpin();
  std::string authority() const;
  Instant now() const;

  // TapHost.
  RecordId mint(Instant now) override;
  void on_finished(record::Record&& record) override;

  Loop& loop_;
  Events client_events_{*this, Side::client};
  Events upstream_events_{*this, Side::upstream};
  Peer client_;
  std::unique_ptr<Peer> upstream_;
  std::unique_ptr<Peer> retired_upstream_;  // verified, then not used; its handle may still close
  uv_timer_t timer_{};
  std::unique_ptr<Opening> opening_;
  std::unique_ptr<tap::Tap> tap_;
  relay::Relay relay_;
  tap::ConnFacts facts_;
  Instant accepted_;
  Instant tls_started_;
  Instant reset_deadline_;
  std::size_t unacknowledged_ = 0;  // when last looked at
  std::string_view blind_reason_;   // static text
  std::uint64_t to_client_ = 0;     // plain octets handed to the client's side
  std::uint64_t to_upstream_ = 0;   // and to the upstream's
  unsigned pins_ = 0;
  Phase phase_ = Phase::head;
  Side reset_side_ = Side::client;
  bool recorded_ = false;
  bool listener_is_loopback_ = true;
};

}  // namespace llmrec::net
