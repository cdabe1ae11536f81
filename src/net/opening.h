// How a connection of a client begins, by the door it came in, until there are two connections
// between which octets can flow. Decides what is opened, what goes through unopened and what is
// refused; the session then relays.
//
//   connect      CONNECT head, dial, and for a recorded host its TLS, verified before the client is
//                told 200; then the ClientHello, to see whether it is ours to open; our handshake.
//                An address that is not listed is dialled, and its ClientHello says what it is for.
//   forward      the same port, an absolute-form request: its head says where to; dial, TLS if
//   https reverse      the first octet of a client; then the listener's upstream transparent  dial
//   where the connection was going; whoever speaks first, and a ClientHello, tell
//                what it is; a recorded name is opened, all else is passed on untouched
//
// Owned by a session, and gone a turn after octets flow; loop thread only. A forward client whose
// next request goes elsewhere gets a new one.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "net/reach.h"
#include "net/shared.h"
#include "relay/connect.h"
#include "relay/hello.h"
#include "relay/relay.h"

namespace llmrec::net {

class Session;

class Opening final : private ReachOwner {
 public:
  Opening(Session& session, const Door& door, bool listener_is_loopback);

  void begin();
  // A later request of a forward client, whose head is read.
  void begin_again();

  bool wants_read(relay::Side side) const;
  void on_octets(relay::Side side, Bytes octets);
  // True: octets flow now, and this end is the relay's.
  bool on_end(relay::Side side, Io io, int error);
  void on_timer();
  void cancel() { reach_.cancel(); }
  // The provider is being dialled or verified: a client that leaves now is not waited for.
  bool reaching() const { return phase_ == Phase::reaching; }

 private:
  using Side = relay::Side;
  enum class Phase : std::uint8_t { head, reaching, hello, client_tls, over };
  // What the upstream is wanted for, once it stands.
  enum class Goal : std::uint8_t {
    tunnel,  // octets pass unopened
    verify,  // recorded, and its TLS stands: 200, then the ClientHello
    look,    // the ClientHello will tell
    open,    // it has told: our handshake
    http,    // requests in clear
    again,   // unopened after all, over a fresh connection
  };

  void on_head(Bytes octets);
  void on_request_head(Bytes octets);
  void on_first_octets(Bytes octets);
  void route_connect();
  void route_forward();
  void begin_transparent();
  void name_destination(record::Mode mode, const relay::Authority& to, const std::string& user);
  bool is_left_alone();
  void reach(Goal goal, Way way);
  Way way() const;

  bool take_upstream(UniqueFd fd) override;
  void on_reached() override;
  void on_unreachable(Unreachable&& why) override;
  void arm(std::int64_t ns) override;
  void disarm() override;
  void update_interest() override;

  void await_hello();
  void on_hello(Bytes octets);
  void judge_hello();
  void judge_unknown();
  void splice();
  void go_blind(std::string_view why);
  void refuse_in_tls(int alert);
  void open_client_tls();
  void on_client_tls(Bytes octets);
  void client_tls_failed();
  void refuse_unlisted();
  bool upstream_wants_certificate() const;

  Session& session_;
  const Door& door_;
  Reach reach_;
  relay::ConnectParser connect_;
  relay::HelloPeek hello_;
  std::string early_;  // of the client, not yet passed on
  relay::Authority to_;
  Phase phase_ = Phase::head;
  Goal goal_ = Goal::tunnel;
  bool listener_is_loopback_;
};

}  // namespace llmrec::net
