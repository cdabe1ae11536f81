// The stored form of a record: 8 octets {u8 format, u8 flags, u16 reserved, u32 CRC-32C of the
// rest, little endian} and a FlatBuffer (record.fbs). Pure; any thread. Knows nothing of the store.
// Kept to the microsecond, which is what the JSON shows. Numbers below 0 mean nothing and are kept
// as unknown. Texts and lists longer than base/limits.h allows are cut.
#pragma once

#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "record/record.h"

namespace llmrec::record {

inline constexpr std::uint8_t kFormat = 1;

// At most limits::kEncodedRecordMax octets.
std::string encode(const Record&);

// Never trusts its input. corrupt: cut or changed octets. unsupported: written by a newer llmrec (a
// newer format, or a word that this one does not know).
Result<Record> decode(Bytes);

// Checks the CRC only: what a walk over a whole store can afford.
bool intact(Bytes);

}  // namespace llmrec::record
