// SHA-256 over pieces, and the hex form that transcripts carry in place of bytes too many to keep.
#pragma once

#include <openssl/evp.h>

#include <cstdint>
#include <memory>
#include <string>

#include "base/bytes.h"
#include "support/handles.h"

namespace llmrec::support {

class Sha256 {
 public:
  Sha256();
  void update(Bytes);
  std::uint64_t bytes() const { return bytes_; }
  std::string hex() const;  // of what came so far; more may follow

 private:
  std::unique_ptr<EVP_MD_CTX, FreeWith<EVP_MD_CTX_free>> context_;
  std::uint64_t bytes_ = 0;
};

std::string sha256_hex(Bytes);

// Deterministic content for bulk transfers: octet i depends on i alone, so that a lost, doubled or
// moved piece changes the digest, and nobody has to keep the content.
void append_bulk(std::string& to, std::uint64_t offset, std::size_t length);
std::string bulk_sha256(std::uint64_t length);

}  // namespace llmrec::support
