#include "base/id.h"

#include <algorithm>

namespace llmrec {
namespace {

constexpr Bytes kAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
constexpr Bytes kPrefix = "req_";
constexpr std::size_t kDigits = 26;

int digit(char c) {
  const char upper = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  const auto at = kAlphabet.find(upper);
  return at == Bytes::npos ? -1 : static_cast<int>(at);
}

// 26 digits hold 130 bits; the first digit is at most 7.
std::optional<RecordId> decode(const std::array<int, kDigits>& digits) {
  if (digits[0] > 7) return std::nullopt;
  RecordId id;
  for (std::size_t bit = 0; bit < 128; ++bit) {
    const std::size_t at = bit + 2;  // two leading zero bits
    const int d = digits[at / 5];
    if ((d >> (4 - at % 5)) & 1) {
      id.octets[bit / 8] = static_cast<std::uint8_t>(id.octets[bit / 8] | (0x80U >> (bit % 8)));
    }
  }
  return id;
}

Bytes without_prefix(Bytes text) {
  return equals_ignoring_case(text.substr(0, kPrefix.size()), kPrefix) ? text.substr(kPrefix.size())
                                                                       : text;
}

}  // namespace

std::int64_t RecordId::unix_ms() const {
  std::int64_t ms = 0;
  for (std::size_t i = 0; i < 6; ++i) ms = ms << 8 | octets[i];
  return ms;
}

std::string RecordId::text() const {
  std::string out(kPrefix);
  for (std::size_t d = 0; d < kDigits; ++d) {
    unsigned value = 0;
    for (std::size_t i = 0; i < 5; ++i) {
      const std::size_t at = d * 5 + i;
      unsigned bit = 0;
      if (at >= 2) bit = (octets[(at - 2) / 8] >> (7 - (at - 2) % 8)) & 1U;
      value = value << 1 | bit;
    }
    out += kAlphabet[value];
  }
  return out;
}

std::optional<RecordId> RecordId::from_bytes(Bytes b) {
  RecordId id;
  if (b.size() != id.octets.size()) return std::nullopt;
  std::copy(b.begin(), b.end(), reinterpret_cast<char*>(id.octets.data()));
  return id;
}

std::optional<RecordId> RecordId::from_text(Bytes text) {
  text = without_prefix(text);
  if (text.size() != kDigits) return std::nullopt;
  const auto range = record_id_prefix(text);
  if (!range) return std::nullopt;
  return range->first;
}

std::optional<RecordIdRange> record_id_prefix(Bytes text) {
  text = without_prefix(text);
  if (text.empty() || text.size() > kDigits) return std::nullopt;
  std::array<int, kDigits> low{};
  std::array<int, kDigits> high{};
  for (std::size_t i = 0; i < kDigits; ++i) {
    const int d = i < text.size() ? digit(text[i]) : -2;
    if (d == -1) return std::nullopt;
    low[i] = d == -2 ? 0 : d;
    high[i] = d == -2 ? 31 : d;
  }
  const auto first = decode(low);
  const auto last = decode(high);
  if (!first || !last) return std::nullopt;
  return RecordIdRange{*first, *last};
}

std::uint64_t RecordIdMint::next_random() {  // splitmix64: ids need to differ, not to be secret
  random_ += 0x9e3779b97f4a7c15ULL;
  std::uint64_t z = random_;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

RecordId RecordIdMint::mint(std::int64_t unix_ms) {
  RecordId id;
  for (std::size_t i = 0; i < 6; ++i) {
    id.octets[i] = static_cast<std::uint8_t>(unix_ms >> (8 * (5 - i)));
  }
  const std::uint64_t a = next_random();
  const std::uint64_t b = next_random();
  for (std::size_t i = 0; i < 8; ++i) id.octets[6 + i] = static_cast<std::uint8_t>(a >> (8 * i));
  id.octets[14] = static_cast<std::uint8_t>(b);
  id.octets[15] = static_cast<std::uint8_t>(b >> 8);
  // The top random bit stays clear, so that counting on within one millisecond cannot overflow.
  id.octets[6] &= 0x7fU;
  if (id <= last_) {
    id = last_;
    for (std::size_t i = id.octets.size(); i-- > 0;) {
      if (++id.octets[i] != 0) break;
    }
  }
  last_ = id;
  return id;
}

}  // namespace llmrec
