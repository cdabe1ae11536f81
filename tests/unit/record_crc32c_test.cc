#include "record/crc32c.h"

#include <doctest/doctest.h>

#include <string>

using llmrec::record::crc32c;
using llmrec::record::crc32c_portable;

TEST_CASE("the vectors of RFC 3720 appendix B.4") {
  std::string rising;
  std::string falling;
  for (int i = 0; i < 32; ++i) {
    rising += static_cast<char>(i);
    falling += static_cast<char>(31 - i);
  }
  const struct {
    std::string octets;
    std::uint32_t crc;
  } vectors[] = {
      {"", 0},
      {"123456789", 0xe3069283},
      {std::string(32, '\0'), 0x8a9136aa},
      {std::string(32, '\xff'), 0x62a8ab43},
      {rising, 0x46dd794e},
      {falling, 0x113fdb5c},
  };
  for (const auto& v : vectors) {
    CHECK(crc32c(v.octets) == v.crc);
    CHECK(crc32c_portable(v.octets) == v.crc);
  }
}

TEST_CASE("both forms agree at every length and alignment") {
  std::string octets;
  std::uint32_t x = 1;
  for (int i = 0; i < 300; ++i) octets += static_cast<char>((x = x * 1664525 + 1013904223) >> 24);
  for (std::size_t from = 0; from < 9; ++from) {
    for (std::size_t n = 0; from + n <= octets.size(); ++n) {
      const llmrec::Bytes part = llmrec::Bytes(octets).substr(from, n);
      REQUIRE(crc32c(part) == crc32c_portable(part));
    }
  }
}
