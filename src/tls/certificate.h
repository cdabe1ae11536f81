// One certificate, built field by field: the profile that nine clients accept (Python 3.13 wants
// AKI, SKI and critical basicConstraints; Java wants a subject; Go and deno a SAN).
// Does not know whose it is or how long it is good for. Any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "tls/openssl.h"

namespace llmrec::tls {

// 4 or 16 octets, out of the text form that inet_pton takes; nullopt for everything else.
std::optional<std::string> address_octets(std::string_view);
std::string address_text(std::string_view octets);

// A name or an address, as certificates carry them.
struct CertificateName {
  std::string dns;      // lower case; or empty, and then
  std::string address;  // 4 or 16 octets
};

struct CertificateSpec {
  std::string common_name;
  EVP_PKEY* key = nullptr;         // whose certificate it is
  X509* issuer = nullptr;          // null: self-signed
  EVP_PKEY* issuer_key = nullptr;  // null: self-signed
  std::int64_t not_before = 0;     // unix seconds
  std::int64_t not_after = 0;
  std::optional<int> ca_path_length;  // set: a CA (keyCertSign); else CA:FALSE, digitalSignature
  bool server_auth = false;           // the extended key usage
  std::optional<CertificateName> subject;  // the one SAN
  // Name constraints where not empty: critical; address families without a permitted address are
  // excluded whole, as a permitted name alone does not keep seven of nine clients from addresses.
  std::vector<CertificateName> permitted;
};

Result<UniqueX509> make_certificate(const CertificateSpec&);
Result<UniqueKey> make_p256_key();

// OpenSSL works out a certificate's extensions at their first use, by whichever thread comes first.
// Done here, before it is shared, threads only read. make_certificate() has done it.
void settle(X509*);

// The permitted subtrees of a certificate; empty where it has none or they are of other kinds.
std::vector<CertificateName> permitted_of(X509*);

}  // namespace llmrec::tls
