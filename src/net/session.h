// One connection from a client and the one to its upstream: moves octets and ends both ways, and
// shows the tap what it has moved. How it begins is net/opening.h's matter.
//
// Lifetime: a session owns itself. pins_ counts its open uv handles; close() is idempotent and
// closes what is open; the last unpin() deletes. Nothing outside keeps a pointer but the loop's
// list, which the destructor leaves.
// Loop thread only.
//
// Phases:
//   opening       until there are two connections that belong together
//   relay         octets both ways; a forward client may go back to opening between two calls
//   lingering     our refusal is sent; reading until the client has taken it
//   resetting     waiting for the last acknowledgement before an RST
//   closed
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/opening.h"
#include "net/peer.h"
#include "net/recording.h"
#include "net/refusal.h"
#include "net/shared.h"
#include "relay/http_leg.h"
#include "relay/relay.h"

namespace llmrec::net {

class Loop;

class Session final {
 public:
  static void accept(Loop& loop, UniqueFd fd, const Door& door, const Address& listener);

  void on_drain();  // no new calls: ends at once unless one is running
  void end_now();   // the grace is over
  void checkpoint(Instant now);

  // For its Opening.
  Loop& loop() { return loop_; }
  Peer& client() { return client_; }
  Peer& upstream() { return *upstream_; }
  Recording& recording() { return recording_; }
  Instant now() const;
  std::string authority() const;
  bool take_upstream(UniqueFd fd);
  void update_interest();
  void retire_upstream();  // its connection ends in order; a new one may be made
  void arm(std::int64_t ns);
  void disarm();
  // What the upstream said before the relay began.
  void keep_upstream_octets(Bytes octets) { upstream_octets_.append(octets); }
  bool has_upstream_octets() const { return !upstream_octets_.empty(); }
  // `first`: octets of the client, plain where it speaks TLS.
  void start_relay(std::string first, bool client_closed = false);
  void refuse(const Refusal& refusal);
  void reset_client();
  void linger();
  void close();
  void setup_failed(record::ErrorType error, std::string_view detail, record::Party by);

  // Likewise, where the client speaks clear HTTP: its requests are held until they can go on.
  void begin_leg(relay::HttpLeg::Kind kind, std::string host);
  relay::HttpLeg* leg() { return leg_.get(); }
  void hold(Bytes octets);
  relay::HttpLeg::Next find_request();
  void refuse_request();

  // The loop's own marks.
  std::size_t place = 0;
  bool noted = false;

 private:
  enum class Phase : std::uint8_t { opening, relay, lingering, resetting, closed };
  using Side = relay::Side;

  // Socket events, told apart by side.
  struct Events final : SocketOwner {
    Events(Session& s, Side which) : session(s), side(which) {}
    void on_readable() noexcept override { session.on_readable(side); }
    void on_writable() noexcept override { session.on_writable(side); }
    void on_broken() noexcept override { session.on_broken(side); }
    void on_socket_closed() noexcept override { session.on_socket_closed(); }
    Session& session;
    Side side;
  };

  Session(Loop& loop, const Door& door, const Address& listener);
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

  // Clear HTTP.
  bool requests_wait() const;
  void go_on_with_requests();
  void relay_requests(Bytes octets);
  void relay_request(Bytes octets);
  void change_origin();

  // Relaying.
  void relay_octets(Side side, Bytes octets);
  void relay_plain(Side side, Bytes plain);
  void pass_on(Side side, Bytes plain);
  void pass_on_held(Side side);
  void hand_to(Side sink, Bytes plain);
  void record_octets(Side side, Bytes plain, Instant arrived);
  bool may_end() const;
  void end_if_drained();
  void relay_notify(Side side);
  void relay_end(Side side, Io io, int error);
  void mirror_fin(Side side, bool first);
  void side_is_gone(Side side);
  void take_steps();
  void begin_reset(Side side);
  void poll_reset();
  void enforce_budgets();
  void cut(tap::End reason);
  void settle_accepted();
  bool key_update_flood(Side side);

  // Shell.
  Peer& peer(Side side) { return side == Side::client ? client_ : *upstream_; }
  const Peer& peer(Side side) const { return side == Side::client ? client_ : *upstream_; }
  tap::SideEnd side_end(Side side) const { return {peer(side).close_how, peer(side).alert}; }
  Ends ends() const { return {side_end(Side::upstream), side_end(Side::client)}; }
  bool wants_read(Side side) const;
  void on_socket_closed();
  void unpin();

  Loop& loop_;
  Events client_events_{*this, Side::client};
  Events upstream_events_{*this, Side::upstream};
  Peer client_;
  std::unique_ptr<Peer> upstream_;
  std::vector<std::unique_ptr<Peer>> retired_;  // until their handles are gone
  uv_timer_t timer_{};
  std::unique_ptr<Opening> opening_;
  std::unique_ptr<Opening> spent_;       // kept for a turn: it may be what called us
  std::unique_ptr<relay::HttpLeg> leg_;  // the client speaks clear HTTP to us
  relay::Relay relay_;
  const Door& door_;
  Recording recording_;
  std::string held_;                   // of the client's requests, not yet passed on
  std::string upstream_octets_;        // from before the relay
  std::optional<Instant> held_since_;  // when the first of them came
  Instant reset_deadline_;
  std::size_t unacknowledged_ = 0;  // when last looked at
  std::size_t lingered_ = 0;
  unsigned pins_ = 0;
  Phase phase_ = Phase::opening;
  Side reset_side_ = Side::client;
  bool route_waits_ = false;  // for the last answer to be delivered
  bool listener_is_loopback_ = true;
};

}  // namespace llmrec::net
