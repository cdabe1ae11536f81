// A raw client for tests: connects (through a proxy if told), opens TLS, sends bytes exactly as cut
// by the test, and reports exactly what came back and how it ended. Together with FakeProvider's
// log it is what "direct" and "through the program" are compared by. Knows no HTTP beyond CONNECT.
// Everything blocks, with a deadline of its own. One thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "support/conn.h"
#include "support/digest.h"
#include "support/patience.h"
#include "support/script.h"
#include "support/tls_context.h"

namespace llmrec::support {

// How the other side ended, as first seen. Without TLS there is no close_notify; `open` means
// that nobody ended and nobody waited for it.
enum class Ending { open, close_notify, fin, reset, tls_error, timeout };
const char* name_of(Ending);

struct Hop {
  std::uint16_t port = 0;    // of the proxy, on 127.0.0.1
  std::string target = {};   // "api.openai.com:443"
  std::string request = {};  // the whole CONNECT head; empty: the usual one for `target`
};

struct ClientOptions {
  std::uint16_t port = 0;             // on 127.0.0.1; not used with `via`
  bool v6 = false;                    // on ::1
  std::optional<unsigned> user = {};  // whose connection it is, for netfilter; takes root
  std::int64_t timeout_ms = 10'000 * kSlowness;
  int receive_buffer = 0;  // SO_RCVBUF; 0: the system's
  std::optional<Hop> via = {};
  std::optional<ClientTls> tls = {};  // nullopt: clear text
};

struct Received {
  std::string bytes;  // up to kKeep; count and digest cover all
  std::uint64_t count = 0;
  std::string sha256;
  Ending ending = Ending::open;
  std::string end;  // in full: "close_notify+fin", "fin", "reset", "open", ...
  friend bool operator==(const Received&, const Received&) = default;
};

class TlsClient {
 public:
  static constexpr std::size_t kKeep = 64u << 20;

  explicit TlsClient(ClientOptions options) : options_(std::move(options)) {}

  Result<void> connect();  // TCP, then CONNECT, then TLS; the error says which of them failed
  const std::string& proxy_answer() const { return proxy_answer_; }  // the head, or what came of it

  // Sends in pieces of `split` bytes (0: in one), each a write and a TLS record of its own. What
  // the peer sends meanwhile is collected.
  bool send(Bytes, std::size_t split = 0);
  bool send_split(Bytes, const std::vector<std::size_t>& sizes);  // the rest goes in one piece

  bool read_until(Bytes needle);         // in all that was received so far
  bool read_bytes(std::uint64_t total);  // counted from the beginning
  Received read_to_end();                // until TCP ended, or the deadline
  Received received() const;             // without waiting
  void set_timeout(std::int64_t ms) { options_.timeout_ms = ms; }
  void pause_reading(bool on) { conn_->set_reading(!on); }

  bool close_notify() { return conn_->close_notify(deadline()); }
  bool shut_write() { return conn_->shut_write(deadline()); }   // FIN alone
  bool half_close() { return close_notify() && shut_write(); }  // as a TLS library ends
  bool reset() { return conn_->reset(deadline()); }             // after all was acknowledged
  void close() { conn_->close(); }                              // whatever the kernel makes of it

  const TlsFacts& tls() const { return conn_->tls(); }
  const std::string& tls_error() const { return conn_->tls_error(); }
  std::string peer_name() const;    // CN of the certificate that was shown
  std::string peer_issuer() const;  // CN of its issuer
  Conn& conn() { return *conn_; }

 private:
  Instant deadline() const { return after_ms(options_.timeout_ms); }
  Result<void> connect_through_proxy(std::string& beyond);
  template <class F>
  bool wait_until(F condition);

  ClientOptions options_;
  std::unique_ptr<Conn> conn_;
  SslCtxPtr context_;
  std::string proxy_answer_;
  std::string kept_;
  Sha256 digest_;
  bool timed_out_ = false;
};

// A request as bytes, for send(). Framing::close sends the body without any framing header.
struct RawRequest {
  std::string method = "POST";
  std::string target = "/v1/chat/completions";
  std::string host = "api.openai.com";
  std::vector<std::pair<std::string, std::string>> headers = {};
  std::string body = {};
  Framing framing = Framing::length;
  std::string version = "HTTP/1.1";
};
std::string render(const RawRequest&);

}  // namespace llmrec::support
