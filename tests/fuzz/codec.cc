// A stored record that something has changed. Octets: 0 whether the checksum is made right, then
// what stands in the store. What is read is read the same once it is written again, but for texts
// that are longer than a record may have.
#include "record/codec.h"

#include "base/limits.h"
#include "fuzz/fuzz.h"
#include "record/crc32c.h"
#include "record/json.h"

using namespace llmrec;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(fuzz::bytes(data, size));
  const bool right = (input.byte() & 1U) != 0;
  std::string octets(input.rest());
  if (right && octets.size() > 8) {
    const std::uint32_t crc = record::crc32c(Bytes(octets).substr(8));
    for (std::size_t i = 0; i < 4; ++i) octets[4 + i] = static_cast<char>(crc >> (8 * i) & 0xffU);
  }
  const bool intact = record::intact(octets);
  const auto read = record::decode(octets);
  if (!read) return 0;
  LLMREC_PROMISE(intact);
  const std::string written = record::encode(*read);
  LLMREC_PROMISE(written.size() <= limits::kEncodedRecordMax);
  const auto again = record::decode(written);
  LLMREC_PROMISE(again.has_value());
  const auto once_more = record::decode(record::encode(*again));
  LLMREC_PROMISE(once_more.has_value() && *once_more == *again);
  record::to_json(*read);
  return 0;
}
