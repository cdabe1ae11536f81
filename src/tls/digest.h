// A fingerprint that tells nothing to who lacks its key: HMAC-SHA-256 (RFC 2104), cut to 16 octets.
// The key is made here, lives in memory and never leaves it, so that fingerprints are of no use
// outside this process. Thread safe once made; a KeyedDigest has one owner.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "tls/openssl.h"

namespace llmrec::tls {

class KeyedDigest {
 public:
  void update(std::string_view octets) noexcept;
  std::optional<std::array<char, 16>> finish() noexcept;  // null: OpenSSL had no memory

 private:
  friend class DigestKey;
  UniqueMdCtx inner_;
  UniqueMdCtx outer_;
};

class DigestKey {
 public:
  static Result<DigestKey> make();  // with a random key
  // Null: no memory.
  std::unique_ptr<KeyedDigest> begin() const noexcept;

 private:
  UniqueMdCtx inner_;  // after the padded key
  UniqueMdCtx outer_;
};

}  // namespace llmrec::tls
