#include "store/rows.h"

#include <algorithm>

namespace llmrec::store {
namespace {

constexpr char kForm = 1;
constexpr std::size_t kFixed = 4;
constexpr std::size_t kHash = 8;

std::string big_endian(std::uint64_t v) {
  std::string out(8, '\0');
  for (std::size_t i = 0; i < 8; ++i) out[i] = static_cast<char>(v >> (8 * (7 - i)));
  return out;
}

std::uint64_t from_big_endian(Bytes b) {
  std::uint64_t v = 0;
  for (const char c : b) v = v << 8 | static_cast<unsigned char>(c);
  return v;
}

}  // namespace

std::string little_endian(std::uint64_t v, std::size_t octets) {
  std::string out(octets, '\0');
  for (std::size_t i = 0; i < octets; ++i) out[i] = static_cast<char>(v >> (8 * i));
  return out;
}

std::uint64_t from_little_endian(Bytes b) {
  std::uint64_t v = 0;
  for (std::size_t i = b.size(); i-- > 0;) v = v << 8 | static_cast<unsigned char>(b[i]);
  return v;
}

std::uint64_t id_hash(std::uint8_t kind,
                      Bytes value) {  // FNV-1a, then mixed: ids differ at the end
  std::uint64_t h = 0xcbf29ce484222325ULL;
  const auto add = [&h](unsigned octet) { h = (h ^ octet) * 0x100000001b3ULL; };
  add(kind);
  for (const char c : value) add(static_cast<unsigned char>(c));
  h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9ULL;
  h = (h ^ (h >> 27)) * 0x94d049bb133111ebULL;
  return h ^ (h >> 31);
}

std::string make_value(const Entry& entry) {
  std::vector<std::uint64_t> hashes;
  for (const auto& id : entry.ids) {
    if (id.value.empty()) continue;
    if (hashes.size() == limits::kStoreIdsMax) break;
    hashes.push_back(id_hash(id.kind, id.value));
  }
  std::sort(hashes.begin(), hashes.end());
  hashes.erase(std::unique(hashes.begin(), hashes.end()), hashes.end());
  static_assert(limits::kStoreIdsMax <= 255);
  std::string out{kForm, static_cast<char>(entry.status), static_cast<char>(entry.stage),
                  static_cast<char>(hashes.size())};
  out.reserve(kFixed + kHash * hashes.size() + entry.blob.size());
  for (const std::uint64_t h : hashes) out += little_endian(h, kHash);
  return out += entry.blob;
}

std::optional<Value> parse_value(Bytes in) {
  if (in.size() < kFixed || in[0] != kForm) return std::nullopt;
  const std::size_t n = static_cast<unsigned char>(in[3]);
  if (in.size() < kFixed + n * kHash) return std::nullopt;
  Value out;
  out.status = static_cast<std::uint8_t>(in[1]);
  out.stage = static_cast<std::uint8_t>(in[2]);
  for (std::size_t i = 0; i < n; ++i) {
    out.hashes.push_back(from_little_endian(in.substr(kFixed + i * kHash, kHash)));
  }
  out.blob = in.substr(kFixed + n * kHash);
  return out;
}

Bytes blob_of(Bytes value) {
  if (value.size() < kFixed || value[0] != kForm) return {};
  const std::size_t at = kFixed + kHash * static_cast<unsigned char>(value[3]);
  return at <= value.size() ? value.substr(at) : Bytes();
}

std::string id_prefix(std::uint64_t hash) { return big_endian(hash); }

std::string id_row(std::uint64_t hash, const RecordId& id) {
  return big_endian(hash).append(id.bytes());
}

std::string status_prefix(std::uint8_t status, std::uint8_t stage) {
  return {static_cast<char>(status), static_cast<char>(stage)};
}

std::string status_row(std::uint8_t status, std::uint8_t stage, const RecordId& id) {
  return status_prefix(status, stage).append(id.bytes());
}

LossRow make_loss(const Loss& loss) {
  return {
      big_endian(static_cast<std::uint64_t>(loss.first_ms)) + static_cast<char>(loss.reason),
      little_endian(loss.count, 8) + little_endian(static_cast<std::uint64_t>(loss.last_ms), 8)};
}

std::optional<Loss> parse_loss(Bytes key, Bytes value) {
  if (key.size() != 9 || value.size() != 16) return std::nullopt;
  return Loss{static_cast<LossReason>(key[8]), from_little_endian(value.substr(0, 8)),
              static_cast<std::int64_t>(from_big_endian(key.substr(0, 8))),
              static_cast<std::int64_t>(from_little_endian(value.substr(8)))};
}

}  // namespace llmrec::store
