// Base64 (RFC 4648 §4, the standard alphabet with padding), decoded as it comes.
// Line breaks and missing padding are errors, as in the JSON of Amazon Bedrock; unused bits of the
// last character are not looked at. Owned by one text; one thread; no allocation.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "wire/decode.h"

namespace llmrec::wire {

class Base64Decoder {
 public:
  // Whole octets go to the sink at once. False: not Base64, then and from then on.
  bool feed(Bytes text, ByteSink& sink);
  bool finish() const { return !bad_ && held_ == 0; }  // no more text: was it whole?
  void reset() { *this = Base64Decoder(); }

 private:
  std::uint32_t bits_ = 0;
  std::uint8_t held_ = 0;     // characters of the group at hand
  std::uint8_t padding_ = 0;  // '=' in it
  bool ended_ = false;        // a padded group came; nothing may follow
  bool bad_ = false;
};

}  // namespace llmrec::wire
