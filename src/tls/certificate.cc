#include "tls/certificate.h"

#include <arpa/inet.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <algorithm>

namespace llmrec::tls {
namespace {

using UniqueExtension = std::unique_ptr<X509_EXTENSION, Freed<X509_EXTENSION_free>>;
using UniqueName = std::unique_ptr<GENERAL_NAME, Freed<GENERAL_NAME_free>>;
using UniqueNames = std::unique_ptr<GENERAL_NAMES, Freed<GENERAL_NAMES_free>>;
using UniqueConstraints = std::unique_ptr<NAME_CONSTRAINTS, Freed<NAME_CONSTRAINTS_free>>;
using UniqueSubtree = std::unique_ptr<GENERAL_SUBTREE, Freed<GENERAL_SUBTREE_free>>;

// Without any permitted name all names would be permitted. Nobody owns .invalid (RFC 6761 §6.4).
constexpr std::string_view kNobody = "llmrec.invalid";

// `octets`: of an address, or in constraints of an address and its mask (RFC 5280 §4.2.1.10).
UniqueName general_name(int type, std::string_view octets) {
  UniqueName name(GENERAL_NAME_new());
  ASN1_STRING* value =
      type == GEN_DNS ? ASN1_IA5STRING_new() : ASN1_STRING_type_new(V_ASN1_OCTET_STRING);
  if (!name || value == nullptr ||
      ASN1_STRING_set(value, octets.data(), static_cast<int>(octets.size())) != 1) {
    ASN1_STRING_free(value);
    return nullptr;
  }
  GENERAL_NAME_set0_value(name.get(), type, value);
  return name;
}

bool add_subtree(STACK_OF(GENERAL_SUBTREE) * *trees, int type, std::string_view octets) {
  if (*trees == nullptr) *trees = sk_GENERAL_SUBTREE_new_null();
  UniqueSubtree subtree(GENERAL_SUBTREE_new());
  UniqueName name = general_name(type, octets);
  if (*trees == nullptr || !subtree || !name) return false;
  GENERAL_NAME_free(subtree->base);
  subtree->base = name.release();
  if (sk_GENERAL_SUBTREE_push(*trees, subtree.get()) <= 0) return false;
  static_cast<void>(subtree.release());
  return true;
}

bool add_constraints(X509* certificate, const std::vector<CertificateName>& permitted) {
  UniqueConstraints nc(NAME_CONSTRAINTS_new());
  if (!nc) return false;
  bool v4 = false, v6 = false, dns = false;
  for (const CertificateName& p : permitted) {
    bool added = false;
    if (!p.dns.empty()) {
      dns = true;
      added = add_subtree(&nc->permittedSubtrees, GEN_DNS, p.dns);
    } else {
      (p.address.size() == 4 ? v4 : v6) = true;
      added = add_subtree(&nc->permittedSubtrees, GEN_IPADD,
                          p.address + std::string(p.address.size(), '\xff'));
    }
    if (!added) return false;
  }
  if (!dns && !add_subtree(&nc->permittedSubtrees, GEN_DNS, kNobody)) return false;
  if (!v4 && !add_subtree(&nc->excludedSubtrees, GEN_IPADD, std::string(8, '\0'))) return false;
  if (!v6 && !add_subtree(&nc->excludedSubtrees, GEN_IPADD, std::string(32, '\0'))) return false;
  return X509_add1_ext_i2d(certificate, NID_name_constraints, nc.get(), 1, 0) == 1;
}

bool add_subject_name(X509* certificate, const CertificateName& subject) {
  UniqueNames names(sk_GENERAL_NAME_new_null());
  UniqueName name = subject.dns.empty() ? general_name(GEN_IPADD, subject.address)
                                        : general_name(GEN_DNS, subject.dns);
  if (!names || !name || sk_GENERAL_NAME_push(names.get(), name.get()) <= 0) return false;
  static_cast<void>(name.release());
  return X509_add1_ext_i2d(certificate, NID_subject_alt_name, names.get(), 0, 0) == 1;
}

// `value` is one of our literals: OpenSSL's configuration syntax never sees foreign text.
bool add_extension(X509* certificate, X509* issuer, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const UniqueExtension extension(X509V3_EXT_nconf_nid(nullptr, &context, nid, value));
  return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

bool set_serial(X509* certificate) {
  unsigned char octets[16];
  if (RAND_bytes(octets, sizeof octets) != 1) return false;
  octets[0] = static_cast<unsigned char>((octets[0] & 0x7f) | 0x40);  // positive, never shorter
  const std::unique_ptr<BIGNUM, Freed<BN_free>> number(BN_bin2bn(octets, sizeof octets, nullptr));
  return number && BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr;
}

bool set_subject(X509* certificate, const std::string& common_name) {
  X509_NAME* name = X509_get_subject_name(certificate);
  return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                    reinterpret_cast<const unsigned char*>(common_name.data()),
                                    static_cast<int>(common_name.size()), -1, 0) == 1;
}

bool set_extensions(X509* certificate, X509* issuer, const CertificateSpec& spec) {
  const bool ca = spec.ca_path_length.has_value();
  const std::string basic =
      ca ? "critical,CA:TRUE,pathlen:" + std::to_string(*spec.ca_path_length) : "critical,CA:FALSE";
  const bool root = spec.issuer == nullptr;
  return add_extension(certificate, issuer, NID_basic_constraints, basic.c_str()) &&
         add_extension(certificate, issuer, NID_key_usage,
                       ca ? "critical,keyCertSign" : "critical,digitalSignature") &&
         (!spec.server_auth ||
          add_extension(certificate, issuer, NID_ext_key_usage, "serverAuth")) &&
         add_extension(certificate, issuer, NID_subject_key_identifier, "hash") &&
         (root ||
          add_extension(certificate, issuer, NID_authority_key_identifier, "keyid:always")) &&
         (!spec.subject || add_subject_name(certificate, *spec.subject)) &&
         (spec.permitted.empty() || add_constraints(certificate, spec.permitted));
}

// Parsed again from its own encoding: an X509 that was built encodes itself anew for every
// handshake, one that was parsed keeps its octets.
UniqueX509 reparsed(X509* certificate) {
  unsigned char* der = nullptr;
  const int size = i2d_X509(certificate, &der);
  if (size <= 0) return nullptr;
  const unsigned char* at = der;
  UniqueX509 again(d2i_X509(nullptr, &at, size));
  OPENSSL_free(der);
  if (again) settle(again.get());
  return again;
}

}  // namespace

std::optional<std::string> address_octets(std::string_view text) {
  const std::string s(text);
  std::string octets(16, '\0');
  if (s.find('\0') != std::string::npos) return std::nullopt;
  if (inet_pton(AF_INET6, s.c_str(), octets.data()) == 1) return octets;
  octets.resize(4);
  if (inet_pton(AF_INET, s.c_str(), octets.data()) == 1) return octets;
  return std::nullopt;
}

std::string address_text(std::string_view octets) {
  char text[INET6_ADDRSTRLEN] = "";
  const int family = octets.size() == 4 ? AF_INET : AF_INET6;
  if (octets.size() != 4 && octets.size() != 16) return {};
  return inet_ntop(family, octets.data(), text, sizeof text) == nullptr ? std::string() : text;
}

void settle(X509* certificate) { X509_check_purpose(certificate, -1, 0); }

Result<UniqueKey> make_p256_key() {
  UniqueKey key(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
  if (!key) return openssl_error(Code::internal, "cannot make a P-256 key");
  return key;
}

Result<UniqueX509> make_certificate(const CertificateSpec& spec) {
  UniqueX509 certificate(X509_new());
  X509* const c = certificate.get();
  X509* const issuer = spec.issuer == nullptr ? c : spec.issuer;
  EVP_PKEY* const signer = spec.issuer == nullptr ? spec.key : spec.issuer_key;
  const bool built =
      c != nullptr && X509_set_version(c, X509_VERSION_3) == 1 && set_serial(c) &&
      ASN1_TIME_set(X509_getm_notBefore(c), static_cast<time_t>(spec.not_before)) != nullptr &&
      ASN1_TIME_set(X509_getm_notAfter(c), static_cast<time_t>(spec.not_after)) != nullptr &&
      set_subject(c, spec.common_name) &&
      X509_set_issuer_name(c, X509_get_subject_name(issuer)) == 1 &&
      X509_set_pubkey(c, spec.key) == 1 && set_extensions(c, issuer, spec) &&
      X509_sign(c, signer, EVP_sha256()) > 0;
  UniqueX509 again = built ? reparsed(c) : nullptr;
  if (!again) return openssl_error(Code::internal, "cannot make a certificate");
  return again;
}

std::vector<CertificateName> permitted_of(X509* certificate) {
  const UniqueConstraints nc(static_cast<NAME_CONSTRAINTS*>(
      X509_get_ext_d2i(certificate, NID_name_constraints, nullptr, nullptr)));
  std::vector<CertificateName> names;
  if (!nc) return names;
  for (int i = 0; i < sk_GENERAL_SUBTREE_num(nc->permittedSubtrees); ++i) {
    int type = 0;
    const void* base =
        GENERAL_NAME_get0_value(sk_GENERAL_SUBTREE_value(nc->permittedSubtrees, i)->base, &type);
    if (type != GEN_DNS && type != GEN_IPADD) return {};
    const auto* value = static_cast<const ASN1_STRING*>(base);
    const std::string octets(reinterpret_cast<const char*>(ASN1_STRING_get0_data(value)),
                             static_cast<std::size_t>(ASN1_STRING_length(value)));
    if (type == GEN_DNS && octets == kNobody) continue;
    if (type == GEN_DNS) {
      names.push_back({octets, {}});
    } else if (octets.size() == 8 || octets.size() == 32) {
      names.push_back({{}, octets.substr(0, octets.size() / 2)});
    } else {
      return {};
    }
  }
  return names;
}

}  // namespace llmrec::tls
