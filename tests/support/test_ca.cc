#include "support/test_ca.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <array>
#include <stdexcept>
#include <utility>

#include "support/temp_dir.h"

namespace llmrec::support {
namespace {

constexpr long kHour = 3600;
constexpr long kDay = 24 * kHour;

void need(bool ok, const char* what) {
  if (ok) return;
  std::array<char, 256> reason{};
  ERR_error_string_n(ERR_get_error(), reason.data(), reason.size());
  throw std::runtime_error(std::string("test certificates: ") + what + ": " + reason.data());
}

PkeyPtr make_key() {
  PkeyPtr key(EVP_EC_gen("P-256"));
  need(key != nullptr, "key");
  return key;
}

struct Profile {
  std::string common_name;
  std::string names;  // as OpenSSL's configuration writes them: "DNS:a,IP:127.0.0.1"
  const char* basic_constraints = "critical,CA:FALSE";
  const char* key_usage = "critical,digitalSignature";
  const char* extended_usage = "serverAuth";
  long begins = -kHour;
  long ends = kDay;
};

struct Issuer {
  X509* certificate = nullptr;  // null: self-signed
  EVP_PKEY* key = nullptr;
};

void add_extension(X509* to, X509V3_CTX* context, int nid, const char* value) {
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, context, nid, value);
  need(extension != nullptr, value);
  const int ok = X509_add_ext(to, extension, -1);
  X509_EXTENSION_free(extension);
  need(ok == 1, value);
}

void set_identity(X509* certificate, const std::string& common_name) {
  std::array<unsigned char, 16> serial{};
  need(RAND_bytes(serial.data(), serial.size()) == 1, "serial");
  serial[0] &= 0x7f;  // RFC 5280 §4.1.2.2: positive
  serial[0] |= 0x01;
  BIGNUM* number = BN_bin2bn(serial.data(), serial.size(), nullptr);
  BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));
  BN_free(number);
  need(X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
                                  reinterpret_cast<const unsigned char*>(common_name.c_str()), -1,
                                  -1, 0) == 1,
       "subject");
}

X509Ptr make_certificate(const Profile& profile, EVP_PKEY* key, Issuer issuer) {
  X509Ptr certificate(X509_new());
  need(certificate != nullptr && X509_set_version(certificate.get(), 2) == 1, "certificate");
  X509* issued_by = issuer.certificate != nullptr ? issuer.certificate : certificate.get();
  set_identity(certificate.get(), profile.common_name);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), profile.begins);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), profile.ends);
  need(X509_set_issuer_name(certificate.get(), X509_get_subject_name(issued_by)) == 1, "issuer");
  need(X509_set_pubkey(certificate.get(), key) == 1, "public key");

  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issued_by, certificate.get(), nullptr, nullptr, 0);
  add_extension(certificate.get(), &context, NID_subject_key_identifier, "hash");
  add_extension(certificate.get(), &context, NID_authority_key_identifier, "keyid:always");
  add_extension(certificate.get(), &context, NID_basic_constraints, profile.basic_constraints);
  add_extension(certificate.get(), &context, NID_key_usage, profile.key_usage);
  if (profile.extended_usage != nullptr) {
    add_extension(certificate.get(), &context, NID_ext_key_usage, profile.extended_usage);
  }
  if (!profile.names.empty()) {
    add_extension(certificate.get(), &context, NID_subject_alt_name, profile.names.c_str());
  }
  need(X509_sign(certificate.get(), issuer.key != nullptr ? issuer.key : key, EVP_sha256()) != 0,
       "signature");
  return certificate;
}

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

std::string pem_of(X509* certificate) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  need(bio && PEM_write_bio_X509(bio.get(), certificate) == 1, "PEM");
  return text_of(bio.get());
}

std::string pem_of(EVP_PKEY* key) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  need(bio && PEM_write_bio_PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1,
       "PEM");
  return text_of(bio.get());
}

bool is_address(const std::string& name) {
  std::array<unsigned char, 16> octets{};
  return ::inet_pton(AF_INET, name.c_str(), octets.data()) == 1 ||
         ::inet_pton(AF_INET6, name.c_str(), octets.data()) == 1;
}

std::string alternative_names(const std::vector<std::string>& names) {
  std::string out;
  for (const auto& name : names) {
    out += (out.empty() ? "" : ",") + std::string(is_address(name) ? "IP:" : "DNS:") + name;
  }
  return out;
}

Profile ca_profile() {
  Profile profile;
  profile.common_name = "llmrec test root";
  profile.basic_constraints = "critical,CA:TRUE";
  profile.key_usage = "critical,keyCertSign,cRLSign";
  profile.extended_usage = nullptr;
  profile.ends = 30 * kDay;
  return profile;
}

}  // namespace

TestCa::TestCa(std::filesystem::path dir) : dir_(std::move(dir)), key_(make_key()) {
  certificate_ = make_certificate(ca_profile(), key_.get(), {});
  pem_ = pem_of(certificate_.get());
  write_file(file(), pem_);
}

Leaf TestCa::leaf(LeafKind kind, const std::vector<std::string>& names) const {
  Profile profile;
  profile.common_name = names.empty() ? "llmrec test" : names.front();
  if (profile.common_name.size() > 64) profile.common_name = "llmrec test";  // RFC 5280 A.1
  profile.names = alternative_names(names);
  const PkeyPtr key = make_key();
  Issuer issuer{certificate_.get(), key_.get()};
  PkeyPtr other_key;
  X509Ptr other;
  std::string rest_of_chain;

  switch (kind) {
    case LeafKind::good:
      break;
    case LeafKind::expired:
      profile.begins = -2 * kDay;
      profile.ends = -kHour;
      break;
    case LeafKind::not_yet_valid:
      profile.begins = kDay;
      profile.ends = 2 * kDay;
      break;
    case LeafKind::wrong_host:
      profile.common_name = "wrong.invalid";
      profile.names = "DNS:wrong.invalid";
      break;
    case LeafKind::self_signed:
      issuer = {};
      break;
    case LeafKind::untrusted:
      other_key = make_key();
      other = make_certificate(ca_profile(), other_key.get(), {});
      issuer = {other.get(), other_key.get()};
      break;
    case LeafKind::client_only:
      profile.extended_usage = "clientAuth";
      break;
    case LeafKind::bad_issuer:
      other_key = make_key();
      other = make_certificate(profile, other_key.get(), issuer);
      issuer = {other.get(), other_key.get()};
      rest_of_chain = pem_of(other.get());
      break;
  }
  const X509Ptr certificate = make_certificate(profile, key.get(), issuer);
  return {pem_of(certificate.get()) + rest_of_chain, pem_of(key.get())};
}

TestCa::Files TestCa::write(const Leaf& leaf, const std::string& stem) const {
  Files files{(dir_ / (stem + ".pem")).string(), (dir_ / (stem + ".key")).string()};
  write_file(files.chain, leaf.chain_pem);
  write_file(files.key, leaf.key_pem);
  std::filesystem::permissions(
      files.key, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  return files;
}

}  // namespace llmrec::support
