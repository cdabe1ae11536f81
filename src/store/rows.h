// How rows look on disk. Pure. All integers big endian in keys (they sort), little endian in
// values.
//   records, open  ULID                      -> {u8 form, u8 status, u8 stage, u8 n, n x u64 hash}
//   blob ids            u64 hash of kind and id, ULID -> nothing status         u8 status, u8
//   stage, ULID -> nothing loss           u64 first_ms, u8 reason   -> {u64 count, u64 last_ms}
//   meta           name                      -> schema (u32), app, created (u64 ms), hmac_key (32)
// A record's row names its own index rows, so that they can be removed with it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/id.h"
#include "store/store.h"

namespace llmrec::store {

// Not keyed: two ids that share a hash only make a search look at one record more.
std::uint64_t id_hash(std::uint8_t kind, Bytes value);

struct Value {
  std::uint8_t status = 0;
  std::uint8_t stage = 0;
  std::vector<std::uint64_t> hashes;  // ascending, unique
  Bytes blob;
};

std::string make_value(const Entry&);
std::optional<Value> parse_value(Bytes);
Bytes blob_of(Bytes value);  // of it alone, without the hashes; empty where it is not readable

std::string id_prefix(std::uint64_t hash);
std::string id_row(std::uint64_t hash, const RecordId&);
std::string status_prefix(std::uint8_t status, std::uint8_t stage);
std::string status_row(std::uint8_t status, std::uint8_t stage, const RecordId&);

struct LossRow {
  std::string key;
  std::string value;
};
LossRow make_loss(const Loss&);
std::optional<Loss> parse_loss(Bytes key, Bytes value);

std::string little_endian(std::uint64_t, std::size_t octets);
std::uint64_t from_little_endian(Bytes);

}  // namespace llmrec::store
