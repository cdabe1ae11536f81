// One side of a session: its socket, its TLS where there is any, and what its socket did not take
// yet. Moves octets; decides nothing. Owned by a session; loop thread only.
#pragma once

#include <optional>
#include <string>

#include "base/bytes.h"
#include "net/out_queue.h"
#include "net/socket.h"
#include "record/names.h"
#include "tls/engine.h"

namespace llmrec::net {

class Loop;

class Peer {
 public:
  Peer(Loop& loop, SocketOwner& owner) : loop_(loop), socket_(owner) {}

  Socket& socket() { return socket_; }
  const Socket& socket() const { return socket_; }
  std::optional<tls::Engine>& tls() { return tls_; }
  bool is_tls() const { return tls_.has_value(); }
  std::size_t queued() const { return queue_.size(); }

  // Octets as they go on the wire. False: the socket is broken; the queue is void.
  bool send_raw(Bytes octets);
  // Octets of the conversation: encrypted first where there is TLS.
  bool send_plain(Bytes octets);
  bool flush();  // the socket became writable
  void send_notify();
  void drop_queue() { queue_.clear(); }

  // The plain octets that `cipher` brings; the view lives in the loop's scratch until the next call
  // into any peer of the loop. What TLS answers by itself is sent.
  struct Plain {
    Bytes octets;
    tls::EngineStatus status = tls::EngineStatus::ok;
    bool sent = true;  // false: the answer could not be sent, the socket is broken
  };
  Plain decrypt(Bytes cipher);
  // Begins the handshake (upstream role).
  bool start_tls();

  // What was seen of its end.
  record::CloseHow close_how = record::CloseHow::none;
  std::string alert;
  bool write_failed = false;

 private:
  Loop& loop_;
  Socket socket_;
  std::optional<tls::Engine> tls_;
  OutQueue queue_;
};

}  // namespace llmrec::net
