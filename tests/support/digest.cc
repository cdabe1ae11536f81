#include "support/digest.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <stdexcept>

namespace llmrec::support {

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  if (!context_ || EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) != 1) {
    throw std::runtime_error("SHA-256 is not available");
  }
}

void Sha256::update(Bytes bytes) {
  EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size());
  bytes_ += bytes.size();
}

std::string Sha256::hex() const {
  std::unique_ptr<EVP_MD_CTX, FreeWith<EVP_MD_CTX_free>> copy(EVP_MD_CTX_new());
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  if (!copy || EVP_MD_CTX_copy_ex(copy.get(), context_.get()) != 1 ||
      EVP_DigestFinal_ex(copy.get(), digest.data(), &size) != 1) {
    throw std::runtime_error("SHA-256 failed");
  }
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (unsigned i = 0; i < size; ++i) {
    out += kDigits[digest[i] >> 4];
    out += kDigits[digest[i] & 15];
  }
  return out;
}

std::string sha256_hex(Bytes bytes) {
  Sha256 digest;
  digest.update(bytes);
  return digest.hex();
}

namespace {

// splitmix64: one block of eight octets from its number.
std::uint64_t bulk_block(std::uint64_t n) {
  std::uint64_t z = (n + 1) * 0x9e3779b97f4a7c15ULL;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

}  // namespace

void append_bulk(std::string& to, std::uint64_t offset, std::size_t length) {
  static_assert(std::endian::native == std::endian::little, "octet 0 is a block's lowest");
  std::size_t at = to.size();
  to.resize(at + length);
  while (length > 0) {
    const std::uint64_t block = bulk_block(offset / 8) >> (8 * (offset % 8));
    const std::size_t take = std::min<std::size_t>(length, 8 - offset % 8);
    std::memcpy(to.data() + at, &block, take);
    at += take;
    offset += take;
    length -= take;
  }
}

std::string bulk_sha256(std::uint64_t length) {
  Sha256 digest;
  for (std::uint64_t at = 0; at < length;) {
    const auto take = static_cast<std::size_t>(std::min<std::uint64_t>(length - at, 65536));
    std::string piece;
    append_bulk(piece, at, take);
    digest.update(piece);
    at += take;
  }
  return digest.hex();
}

}  // namespace llmrec::support
