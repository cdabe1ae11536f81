// The TLS policy, as SSL_CTX and SSL for both sides. TLS 1.2 and 1.3 with forward-secret AEAD
// ciphers at security level 2; no tickets, session cache, early data, renegotiation, compression;
// ALPN http/1.1. Upstream: chain and host name are always verified, no switch turns it off.
// Does not know sockets or when to open what. Contexts are made at start, then only shared: making
// an SSL from one is safe from any thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "tls/openssl.h"

namespace llmrec::tls {

// Has no certificate: Mint::apply() installs one on each SSL.
Result<UniqueSslCtx> make_client_facing_context();

// Where the client offers ALPN: http/1.1, else http/1.0, else no answer to the extension (the
// session decided already that it wants to open this connection; an alert would hide why).
Result<UniqueSsl> new_client_facing(SSL_CTX*);

struct UpstreamRoots {
  bool system = true;              // OpenSSL's default paths, SSL_CERT_FILE and SSL_CERT_DIR
  std::vector<std::string> files;  // PEM, added to them (--upstream-ca)
};
// bad_argument: a file without certificates; not_found: no roots at all.
Result<UniqueSslCtx> make_upstream_context(const UpstreamRoots&);

// A client certificate for one upstream (--client-cert). Shared by its connections.
class ClientIdentity {
 public:
  static Result<std::shared_ptr<const ClientIdentity>> load(const std::string& chain_file,
                                                            const std::string& key_file);
  Result<void> install(SSL*) const;
  ~ClientIdentity();

 private:
  ClientIdentity() = default;
  UniqueX509 certificate_;
  UniqueKey key_;
  STACK_OF(X509) * chain_ = nullptr;
};

struct UpstreamName {
  std::string host;            // what the certificate has to carry; an address without brackets
  bool require_tls13 = false;  // the client offers nothing older: never be weaker than it
  std::shared_ptr<const ClientIdentity> identity;  // may be null
};
// SNI is sent for names, never for addresses (RFC 6066 §3). bad_argument: no usable name.
Result<UniqueSsl> new_upstream(SSL_CTX*, const UpstreamName&);

}  // namespace llmrec::tls
