// What the relays and the load generator have in common: options, TLS contexts, sockets on
// 127.0.0.1, and the rule of back-pressure. TLS policy and limits are the product's own, so that a
// difference between two relays is a difference of their data paths and of nothing else.
// One thread. Start-up faults end the program with exit code 2 and a line on stderr.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/limits.h"
#include "net/socket.h"
#include "tls/openssl.h"

namespace llmrec::bench {

// The name that the certificate of the bench carries.
inline constexpr std::string_view kServerName = "localhost";

struct TlsFiles {
  std::string certificate;  // PEM, with what stands between it and the CA
  std::string key;
  std::string ca;
};

struct RelayOptions {
  std::uint16_t listen = 0;
  std::uint16_t upstream = 0;
  TlsFiles files;
  bool read_ahead = false;    // of SSL_set_fd; the other relays have no use for it
  bool keep_buffers = false;  // without SSL_MODE_RELEASE_BUFFERS
};
RelayOptions parse_relay_options(int argc, char** argv, const char* what);

struct Contexts {
  tls::UniqueSslCtx client_facing;
  tls::UniqueSslCtx upstream;
};
Contexts make_contexts(const TlsFiles& files);

tls::UniqueSsl accept_tls(SSL_CTX* client_facing);
tls::UniqueSsl dial_tls(SSL_CTX* upstream);  // verifies kServerName

// Non-blocking and tuned as the product's sockets are. A connection that is still being made takes
// no octets yet: send() says `again`, and the descriptor becomes writable when it is there.
net::UniqueFd listen_on(std::uint16_t port);
net::UniqueFd connect_to(std::uint16_t port);
net::UniqueFd accept_from(int listener);  // empty: nobody waits

[[noreturn]] void give_up(std::string_view why);

// Whether the source of a sink with so many octets queued should be read: hysteresis between the
// product's two marks.
class Throttle {
 public:
  void on_queue(std::size_t octets) {
    if (octets > limits::kQueueHighOctets) choked_ = true;
    if (octets <= limits::kQueueLowOctets) choked_ = false;
  }
  bool choked() const { return choked_; }

 private:
  bool choked_ = false;
};

}  // namespace llmrec::bench
