// Which form of an answer a client prefers (RFC 9110 §12.5.1). Pure.
#pragma once

#include <string_view>

#include "base/bytes.h"

namespace llmrec::admin {

// The weight, in thousandths, that an Accept field gives to a media type: 0 where it does not name
// it. "type/subtype" by itself, "type/*" and "*/*" count, the most exact one wins.
int weight_of(Bytes accept, std::string_view media_type);

// Whether `other` is wanted more than `usual`, which also answers a client that does not care.
inline bool prefers(Bytes accept, std::string_view other, std::string_view usual) {
  return weight_of(accept, other) > weight_of(accept, usual);
}

}  // namespace llmrec::admin
