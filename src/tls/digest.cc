#include "tls/digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <new>

namespace llmrec::tls {
namespace {

constexpr std::size_t kBlock = 64;  // of SHA-256

UniqueMdCtx padded(const std::array<unsigned char, kBlock>& key, unsigned char pad) {
  std::array<unsigned char, kBlock> block{};
  std::transform(key.begin(), key.end(), block.begin(),
                 [pad](unsigned char c) { return static_cast<unsigned char>(c ^ pad); });
  UniqueMdCtx ctx(EVP_MD_CTX_new());
  const bool ok = ctx && EVP_DigestInit_ex(ctx.get(), EVP_sha256(), nullptr) == 1 &&
                  EVP_DigestUpdate(ctx.get(), block.data(), block.size()) == 1;
  OPENSSL_cleanse(block.data(), block.size());
  if (!ok) ctx.reset();
  return ctx;
}

UniqueMdCtx copy(const UniqueMdCtx& from) {
  UniqueMdCtx to(EVP_MD_CTX_new());
  if (to && EVP_MD_CTX_copy_ex(to.get(), from.get()) != 1) to.reset();
  return to;
}

}  // namespace

void KeyedDigest::update(std::string_view octets) noexcept {
  if (inner_ && EVP_DigestUpdate(inner_.get(), octets.data(), octets.size()) != 1) inner_.reset();
}

std::optional<std::array<char, 16>> KeyedDigest::finish() noexcept {
  std::array<unsigned char, 32> hash{};
  if (!inner_ || EVP_DigestFinal_ex(inner_.get(), hash.data(), nullptr) != 1 ||
      EVP_DigestUpdate(outer_.get(), hash.data(), hash.size()) != 1 ||
      EVP_DigestFinal_ex(outer_.get(), hash.data(), nullptr) != 1) {
    return std::nullopt;
  }
  std::array<char, 16> out{};
  std::transform(hash.begin(), hash.begin() + out.size(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(c); });
  inner_.reset();
  return out;
}

Result<DigestKey> DigestKey::make() {
  std::array<unsigned char, kBlock> key{};
  DigestKey made;
  if (RAND_bytes(key.data(), 32) == 1) {
    made.inner_ = padded(key, 0x36);
    made.outer_ = padded(key, 0x5c);
  }
  OPENSSL_cleanse(key.data(), key.size());
  if (!made.inner_ || !made.outer_) {
    return openssl_error(Code::internal, "cannot make a random key");
  }
  return made;
}

std::unique_ptr<KeyedDigest> DigestKey::begin() const noexcept {
  std::unique_ptr<KeyedDigest> digest(new (std::nothrow) KeyedDigest);
  if (!digest) return nullptr;
  digest->inner_ = copy(inner_);
  digest->outer_ = copy(outer_);
  if (!digest->inner_ || !digest->outer_) return nullptr;
  return digest;
}

}  // namespace llmrec::tls
