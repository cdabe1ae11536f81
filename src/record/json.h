// A record as one line of JSON (RFC 8259), as llmrec-record(5) lists it: every field in every
// record, in its order, null for what is not known. Pure; any thread. Texts came from strangers:
// what is not UTF-8 becomes U+FFFD, control characters are escaped.
#pragma once

#include <string>

#include "base/bytes.h"
#include "record/record.h"

namespace llmrec::record {

// No line end. Milliseconds are cut, not rounded, to the microsecond, so that a record prints the
// same before and after it was stored.
std::string to_json(const Record&);

// A quoted JSON string of any octets.
std::string json_quoted(Bytes);

}  // namespace llmrec::record
