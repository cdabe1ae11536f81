// A look at the first TLS records for their ClientHello (RFC 8446 §4.1.2, RFC 6066 §3, RFC 7301),
// before anybody decides whether the connection is ours to open. Consumes nothing: the caller keeps
// the octets, as they have to be replayed to an engine or to the provider.
// Does not know what is recorded. Owner: the session. Pure; one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace llmrec::relay {

// not_tls: the first octets are no TLS handshake record. malformed: they are, and then the rules
// are broken, or the hello is larger than limits::kClientHelloOctets on the wire. Both are final.
enum class HelloState { need_more, ready, not_tls, malformed };

struct ClientHello {
  std::string sni;  // lower case, hostname characters only, no trailing dot
  bool has_sni = false;
  std::vector<std::string> alpn;  // printable names only, at most limits::kHelloAlpnNames
  bool has_alpn = false;
  bool alpn_http1 = false;  // http/1.1 or http/1.0 anywhere in the list
  bool alpn_h2 = false;
  bool ech = false;  // extension 0xfe0d; browsers send it as GREASE too
  bool tls13 = false;
  bool tls13_only = false;  // supported_versions has 1.3 and nothing older
  std::uint16_t legacy_version = 0;

  bool offers_http1() const { return !has_alpn || alpn_http1; }
};

// Why the connection of this client is not ours to open, although `host` is recorded; empty: it is.
//   http2         it offers no HTTP/1
//   ech           the name that it means is encrypted, and the outer one is not `host`
//   sni_mismatch  it means another host; also where it came to an address and names a host
std::string_view why_not_ours(const ClientHello&, std::string_view host);

class HelloPeek {
 public:
  // `all_so_far`: everything received from the first octet on; each call sees the earlier octets
  // again and maybe more. The cost over all calls is linear in the octets.
  HelloState look(Bytes all_so_far);
  const ClientHello& hello() const { return hello_; }  // when ready
  // Octets of the records that hold the hello, when ready.
  std::size_t wire_octets() const { return next_record_; }

 private:
  HelloState walk(Bytes);

  ClientHello hello_;
  HelloState state_ = HelloState::need_more;
  std::size_t next_record_ = 0;     // where the next record header stands
  std::size_t message_octets_ = 0;  // handshake octets in the whole records before it
  std::size_t message_size_ = 0;    // 4 + length, once the handshake header is complete
  std::uint8_t header_[4] = {};
};

}  // namespace llmrec::relay
