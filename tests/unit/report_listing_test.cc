#include "report/listing.h"

#include <doctest/doctest.h>

#include <sstream>

#include "golden.h"
#include "report/format.h"
#include "report_samples.h"

using namespace llmrec;
using namespace llmrec::report;

namespace {

constexpr std::int64_t kNow = 1'782'820'000'000'000;  // 2026-06-30 11:46:40 UTC

std::vector<record::Record> records() {
  std::vector<record::Record> out;
  RecordIdMint mint(1);
  for (const auto& [name, r] : sample::all()) {
    out.push_back(r);
    out.back().started_at_us += static_cast<std::int64_t>(out.size()) * 61'000'000;
    out.back().request_id = mint.mint(out.back().started_at_us / 1000);
  }
  return out;
}

std::size_t widest(const Lines& lines) {
  std::size_t out = 0;
  for (const Line& line : lines) {
    std::size_t have = 0;
    for (const Span& span : line) have += columns(span.text);
    out = std::max(out, have);
  }
  return out;
}

}  // namespace

TEST_CASE("the table, of today and of other days") {
  golden::check("ls_today.txt", sample::plain_text(listing(records(), {true, true, 80}, kNow)));
  const std::int64_t next_day = kNow + 86'400'000'000;
  golden::check("ls_ascii.txt",
                sample::plain_text(listing(records(), {false, true, 80}, next_day)));
  golden::check("ls_wide.txt", sample::plain_text(wide_listing(records(), {true, true, 80})));
}

TEST_CASE("a table is never wider than 80 columns, also where ids differ at their very end") {
  std::vector<record::Record> all = records();
  RecordIdMint mint(1);
  const RecordId first = mint.mint(5);
  for (auto& r : all) {
    r.duration_ns = 723'000'000'000;
    r.time_to_first_token_ns = 842'000'000;
    r.error_type = record::ErrorType::incomplete_tool_arguments;
    r.status = record::Status::failed;
    r.request_id = first;
    r.request_id.octets[15] = static_cast<std::uint8_t>(&r - all.data());
  }
  const Lines lines = listing(all, {true, true, 80}, 0);
  CHECK(widest(lines) <= 80);
  CHECK(sample::plain_text(lines).find(all[3].request_id.text().substr(4)) != std::string::npos);
}

TEST_CASE("shown ids find their record again") {
  const std::vector<record::Record> all = records();
  const Lines lines = listing(all, {true, true, 80}, kNow);
  REQUIRE(lines.size() == all.size() + 1);
  for (std::size_t i = 0; i < all.size(); ++i) {
    std::string id = lines[i + 1][1].text;
    id.resize(id.find(' '));
    const auto range = record_id_prefix(id);
    REQUIRE(range);
    for (std::size_t k = 0; k < all.size(); ++k) {
      const bool in = range->first <= all[k].request_id && all[k].request_id <= range->last;
      CHECK(in == (i == k));
    }
  }
}

TEST_CASE("CSV: as many cells as names, strange texts quoted") {
  golden::check("ls.csv", [] {
    std::string out = csv_head();
    for (const auto& r : records()) out += csv_row(r);
    return out;
  }());
  record::Record r;
  r.model = "a,\"b\"\nc";
  CHECK(csv_row(r).find(",\"a,\"\"b\"\"\nc\",") != std::string::npos);
}

TEST_CASE("records that come one by one: columns that stay where they are") {
  Style style;
  style.utc = true;
  std::string text = sample::plain_text({followed_head(style)});
  for (const auto& [name, r] : sample::all()) text += sample::plain_text({followed(r, style)});
  golden::check("ls_followed.txt", text);
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) CHECK(columns(line) <= 80);
}
