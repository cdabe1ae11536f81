#include "store/rows.h"

#include <doctest/doctest.h>

#include <set>

#include "store_sample.h"

using namespace llmrec::store;
using llmrec::Bytes;
namespace limits = llmrec::limits;

TEST_CASE("a row reads back") {
  Entry e = sample::entry_of(5);
  e.ids.push_back({2, ""});          // nothing to search for
  e.ids.push_back({0, "client-5"});  // twice
  const std::string value = make_value(e);
  const auto back = parse_value(value);
  REQUIRE(back);
  CHECK(back->status == e.status);
  CHECK(back->stage == e.stage);
  CHECK(back->blob == e.blob);
  CHECK(back->hashes.size() == 2);
  CHECK(blob_of(value) == e.blob);
  CHECK(std::is_sorted(back->hashes.begin(), back->hashes.end()));
}

TEST_CASE("a cut or foreign row is refused") {
  const std::string value = make_value(sample::entry_of(5, Kind::final, 0));
  for (std::size_t n = 0; n < 4 + 2 * 8; ++n) CHECK_FALSE(parse_value(Bytes(value).substr(0, n)));
  std::string newer = value;
  newer[0] = 2;
  CHECK_FALSE(parse_value(newer));
  CHECK(blob_of(newer).empty());
  for (std::size_t n = 0; n < 4 + 2 * 8; ++n) CHECK(blob_of(Bytes(value).substr(0, n)).empty());
}

TEST_CASE("ids beyond the cap are not kept") {
  Entry e;
  for (int i = 0; i < 1000; ++i) e.ids.push_back({3, "id" + std::to_string(i)});
  const std::string value = make_value(e);
  REQUIRE(parse_value(value));
  CHECK(parse_value(value)->hashes.size() == limits::kStoreIdsMax);
}

TEST_CASE("hashes tell kinds and values apart") {
  std::set<std::uint64_t> seen;
  for (std::uint8_t kind = 0; kind < 8; ++kind) {
    for (int i = 0; i < 1000; ++i) seen.insert(id_hash(kind, "id-" + std::to_string(i)));
  }
  CHECK(seen.size() == 8000);
  CHECK(id_hash(0, "x") == id_hash(0, "x"));
}

TEST_CASE("index keys sort by prefix, then by time") {
  const auto a = sample::id_of(1);
  const auto b = sample::id_of(2);
  CHECK(status_row(1, 2, a) < status_row(1, 2, b));
  CHECK(status_row(1, 2, b) < status_row(1, 3, a));
  CHECK(status_row(1, 9, b) < status_row(2, 0, a));
  CHECK(id_row(1, b) < id_row(256, a));
  CHECK(id_row(7, a).substr(0, 8) == id_prefix(7));
}

TEST_CASE("a loss reads back") {
  const Loss loss{LossReason::disk_full, 12, 1'700'000'000'123, 1'700'000'009'000};
  const LossRow row = make_loss(loss);
  const auto back = parse_loss(row.key, row.value);
  REQUIRE(back);
  CHECK(back->reason == loss.reason);
  CHECK(back->count == loss.count);
  CHECK(back->first_ms == loss.first_ms);
  CHECK(back->last_ms == loss.last_ms);
  CHECK_FALSE(parse_loss("short", row.value));
  CHECK_FALSE(parse_loss(row.key, "short"));
}
