#include "tls/mint.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <utility>

#include "base/bytes.h"
#include "base/limits.h"
#include "tls/certificate.h"

namespace llmrec::tls {
namespace {

constexpr std::int64_t kHour = 3600;
constexpr std::int64_t kBackdate = kHour;
constexpr std::int64_t kLife = 24 * kHour;
constexpr std::int64_t kHalfLife = kLife / 2;
// X.520's bound; longer names stand in the SAN alone.
constexpr std::size_t kCommonNameOctets = 64;

std::string normalised(std::string_view host) {
  if (host.size() > 1 && host.back() == '.') host.remove_suffix(1);
  std::string s(host);
  for (char& c : s) c = ascii_lower(c);
  if (const auto octets = address_octets(s)) return address_text(*octets);
  return s;
}

// The clock may have been set back: a leaf from the future is as good as one that is too old.
bool is_fresh(std::int64_t minted_at, std::int64_t now) {
  return now >= minted_at - kBackdate / 2 && now < minted_at + kHalfLife;
}

}  // namespace

void Mint::FreeStack::operator()(STACK_OF(X509) * stack) const noexcept {
  sk_X509_pop_free(stack, X509_free);
}

Mint::Mint(Authority authority, UniqueKey key, STACK_OF(X509) * chain)
    : authority_(std::move(authority)), key_(std::move(key)), chain_(chain) {}

Result<std::unique_ptr<Mint>> Mint::create(Authority authority) {
  auto key = make_p256_key();
  if (!key) return key.error();
  std::unique_ptr<STACK_OF(X509), FreeStack> chain(sk_X509_new_null());
  // The root stays out: whoever does not have it already cannot use it.
  if (!chain || X509_add_cert(chain.get(), authority.intermediate(), X509_ADD_FLAG_UP_REF) != 1) {
    return openssl_error(Code::resource, "cannot keep the certificate chain");
  }
  return std::unique_ptr<Mint>(new Mint(std::move(authority), *std::move(key), chain.release()));
}

Result<UniqueX509> Mint::mint(const std::string& host, std::int64_t unix_seconds) const {
  CertificateSpec spec;
  CertificateName subject{host, {}};
  spec.common_name = host.size() <= kCommonNameOctets ? host : "llmrec leaf";
  if (const auto octets = address_octets(host)) {
    subject = {{}, *octets};
    spec.common_name = "llmrec leaf";  // OpenSSL takes 10.0.0.7 in a CN for a name outside
  }
  spec.key = key_.get();
  spec.issuer = authority_.intermediate();
  spec.issuer_key = authority_.intermediate_key();
  spec.not_before = unix_seconds - kBackdate;
  spec.not_after = unix_seconds + kLife;
  spec.server_auth = true;
  spec.subject = std::move(subject);
  return make_certificate(spec);
}

Result<UniqueX509> Mint::leaf(std::string_view given, std::int64_t unix_seconds) {
  const auto shared = [](X509* certificate) {
    X509_up_ref(certificate);
    return UniqueX509(certificate);
  };
  const std::string host = normalised(given);
  const std::lock_guard lock(mutex_);
  if (const auto found = by_host_.find(host); found != by_host_.end()) {
    leaves_.splice(leaves_.begin(), leaves_, found->second);
    if (is_fresh(found->second->minted_at, unix_seconds)) {
      return shared(found->second->certificate.get());
    }
    by_host_.erase(found);
    leaves_.pop_front();
  }
  if (!authority_.permits(host)) {
    return Error{Code::bad_argument, "the CA may not sign for this host"};
  }
  auto certificate = mint(host, unix_seconds);
  if (!certificate) return certificate;
  ++minted_;
  if (leaves_.size() >= limits::kMintCachedLeaves) {
    by_host_.erase(leaves_.back().host);
    leaves_.pop_back();
  }
  leaves_.push_front({host, shared(certificate->get()), unix_seconds});
  by_host_.emplace(leaves_.front().host, leaves_.begin());
  return certificate;
}

Result<void> Mint::apply(SSL* ssl, std::string_view host, std::int64_t unix_seconds) {
  const auto certificate = leaf(host, unix_seconds);
  if (!certificate) return certificate.error();
  if (SSL_use_cert_and_key(ssl, certificate->get(), key_.get(), chain_.get(), 1) != 1) {
    return openssl_error(Code::internal, "cannot install a leaf certificate");
  }
  return {};
}

std::uint64_t Mint::minted() const {
  const std::lock_guard lock(mutex_);
  return minted_;
}

}  // namespace llmrec::tls
