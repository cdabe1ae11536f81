#include "base/id.h"

#include <doctest/doctest.h>

#include <set>

using llmrec::Bytes;
using llmrec::RecordId;
using llmrec::RecordIdMint;

TEST_CASE("the text form of an id reads back, in any case, with or without its prefix") {
  RecordIdMint mint(7);
  const RecordId id = mint.mint(1'782'814'361'120);
  const std::string text = id.text();
  CHECK(text.size() == 30);
  CHECK(RecordId::from_text(text) == id);
  CHECK(RecordId::from_text(text.substr(4)) == id);
  std::string lower = text;
  for (char& c : lower) c = llmrec::ascii_lower(c);
  CHECK(RecordId::from_text(lower) == id);
  CHECK(RecordId::from_bytes(id.bytes()) == id);
  CHECK(id.unix_ms() == 1'782'814'361'120);
}

TEST_CASE("text that is no id is refused") {
  CHECK_FALSE(RecordId::from_text(""));
  CHECK_FALSE(RecordId::from_text("req_"));
  CHECK_FALSE(RecordId::from_text("req_01JZ0T0M3V6Q3C1B4W0V7W9K2"));    // 25 digits
  CHECK_FALSE(RecordId::from_text("req_01JZ0T0M3V6Q3C1B4W0V7W9K2DD"));  // 27
  CHECK_FALSE(RecordId::from_text("req_81JZ0T0M3V6Q3C1B4W0V7W9K2D"));   // 131 bits
  CHECK_FALSE(RecordId::from_text("req_01JZ0T0M3V6Q3C1B4W0V7W9K2U"));   // U is not in the alphabet
  CHECK_FALSE(RecordId::from_bytes("short"));
}

TEST_CASE("ids ascend within a millisecond and when the clock steps back") {
  RecordIdMint mint(1);
  RecordId last;
  std::set<RecordId> seen;
  for (int i = 0; i < 10'000; ++i) {
    const RecordId id = mint.mint(i < 5'000 ? 1'000 : 900);
    CHECK(id > last);
    CHECK(seen.insert(id).second);
    last = id;
  }
}

TEST_CASE("a mint starts above the floor that it is given") {
  RecordIdMint old(1);
  const RecordId floor = old.mint(5'000);
  RecordIdMint mint(2);
  mint.not_before(floor);
  CHECK(mint.mint(1'000) > floor);
}

TEST_CASE("a prefix names exactly the ids that begin with it") {
  RecordIdMint mint(3);
  for (int i = 0; i < 200; ++i) {
    const RecordId id = mint.mint(1'700'000'000'000 + i * 7'919);
    const std::string text = id.text();
    for (std::size_t n = 5; n <= text.size(); ++n) {
      const auto range = llmrec::record_id_prefix(Bytes(text).substr(0, n));
      REQUIRE(range);
      CHECK(range->first <= id);
      CHECK(id <= range->last);
      CHECK(range->first.text().substr(0, n) == text.substr(0, n));
      CHECK(range->last.text().substr(0, n) == text.substr(0, n));
    }
  }
}
