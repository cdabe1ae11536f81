// One TCP connection of a test, with or without TLS, that tells exactly how its peer ended.
// The socket is non-blocking and TLS runs over memory BIOs, so that a FIN and a close_notify are
// two separate observations (OpenSSL's own socket BIO folds them into version-dependent errors).
// Knows nothing of HTTP. One thread uses it; wake() and stop() may come from any other.
#pragma once

#include <sys/socket.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>

#include "base/bytes.h"
#include "base/clock.h"
#include "support/handles.h"
#include "support/tls_context.h"

namespace llmrec::support {

struct PeerEnd {
  enum class Tcp { open, fin, reset };
  bool close_notify = false;
  Tcp tcp = Tcp::open;
  bool reset_after_fin = false;  // our later bytes met a closed socket
  Instant close_notify_at, tcp_at;

  bool any() const { return close_notify || tcp != Tcp::open; }
  // "open", "close_notify", "fin", "reset", "close_notify+fin", "close_notify+reset"
  std::string text() const;
};

class Conn {
 public:
  enum class Turn { moved, woken, timeout, stopped };
  static constexpr std::size_t kRecord = 16384;  // the largest TLS plaintext, RFC 8446 §5.1

  explicit Conn(UniqueFd socket);
  Conn(const Conn&) = delete;
  Conn& operator=(const Conn&) = delete;

  // Called with what the peer sent (plaintext under TLS), in order, from inside turn() and send().
  std::function<void(Bytes)> on_data;
  std::function<void(const PeerEnd&)> on_peer_end;
  std::function<void(std::size_t)> on_sent;  // the kernel took so many of our bytes

  // `already_read` came off the socket before TLS was started. False: tls_error() says why.
  bool handshake_as_server(const ServerContext&, Bytes already_read, Instant deadline);
  bool handshake_as_client(SSL_CTX*, const std::string& name, Bytes already_read, Instant deadline);

  // One wait for the socket or a wake-up, and the reading and writing that it allows.
  Turn turn(Instant deadline);
  // Reads on while it waits for room. False: the peer reset, the deadline passed, or stop().
  bool send(Bytes, Instant deadline);
  void set_reading(bool on) { reading_ = on; }  // off: the kernel's window closes

  bool close_notify(Instant deadline);  // nothing in clear text
  bool shut_write(Instant deadline);    // FIN after everything before it
  // Drops the connection with RST, once the peer's kernel has acknowledged every byte: an earlier
  // RST would take the tail along. False: not acknowledged within kAckTries.
  bool reset(Instant deadline);
  void close() { socket_.reset(); }

  void wake();  // ends a turn() with Turn::woken
  void stop();  // this turn() and all later ones end with Turn::stopped
  bool stopped() const { return stop_.load(); }

  bool is_open() const { return static_cast<bool>(socket_); }
  bool write_ended() const { return write_ended_; }
  int fd() const { return socket_.get(); }
  const PeerEnd& peer_end() const { return peer_end_; }
  const TlsFacts& tls() const { return facts_; }
  const std::string& tls_error() const { return tls_error_; }
  SSL* ssl() const { return ssl_.get(); }

 private:
  static constexpr int kAckTries = 3000;  // of a millisecond

  bool start_tls(SSL_CTX*, Bytes already_read, Instant deadline, bool server,
                 const std::string& name);
  bool handshake(Instant deadline);
  void learn_facts(bool server);
  void fail_tls(const char* what);
  bool receive();
  void take(Bytes);
  void decrypt();
  void note_tcp_end(PeerEnd::Tcp);
  bool pending();
  void flush_some();
  bool flush(Instant deadline);

  UniqueFd socket_;
  UniqueFd wake_;
  std::atomic<bool> stop_{false};
  TlsFacts facts_;
  SslPtr ssl_;
  bool established_ = false;
  bool reading_ = true;
  bool write_ended_ = false;
  bool send_failed_ = false;
  std::string out_;
  std::size_t out_sent_ = 0;
  std::string tls_error_;
  PeerEnd peer_end_;
};

// 127.0.0.1, or ::1.
socklen_t loopback_address(std::uint16_t port, bool v6, sockaddr_storage&);
// Connected to loopback, TCP_NODELAY, non-blocking. An invalid descriptor: errno says why.
UniqueFd connect_loopback(std::uint16_t port, Instant deadline, int receive_buffer = 0,
                          bool v6 = false);
// Prepares an accepted socket alike.
void prepare_socket(int fd);

}  // namespace llmrec::support
