// RecordId: a ULID. 16 octets, big endian, 48 bits of Unix milliseconds and 80 random bits, so that
// ids sort by time. Text form: "req_" and 26 characters of Crockford's base 32.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>

#include "base/bytes.h"

namespace llmrec {

struct RecordId {
  std::array<std::uint8_t, 16> octets{};

  friend auto operator<=>(const RecordId&, const RecordId&) = default;
  bool empty() const { return *this == RecordId{}; }
  std::int64_t unix_ms() const;
  Bytes bytes() const { return {reinterpret_cast<const char*>(octets.data()), octets.size()}; }
  std::string text() const;  // "req_01JZ0T0M3V6Q3C1B4W0V7W9K2D"

  static std::optional<RecordId> from_bytes(Bytes);
  static std::optional<RecordId> from_text(Bytes);  // with or without "req_", any case
};

// The ids that begin with some characters of a text form: both bounds are included.
struct RecordIdRange {
  RecordId first;
  RecordId last;
};
// nullopt where the text is not a prefix of any id ("req_" and 1 to 26 base-32 characters).
std::optional<RecordIdRange> record_id_prefix(Bytes text);

// Makes ids that never go back, even when the clock does. Not thread safe: the owner locks.
class RecordIdMint {
 public:
  explicit RecordIdMint(std::uint64_t seed) : random_(seed) {}
  void not_before(const RecordId& floor) { last_ = floor > last_ ? floor : last_; }
  RecordId mint(std::int64_t unix_ms);

 private:
  std::uint64_t next_random();
  std::uint64_t random_;
  RecordId last_;
};

}  // namespace llmrec
