#include "record/summary.h"

#include <doctest/doctest.h>

#include "record/codec.h"
#include "record/crc32c.h"
#include "record_sample.h"

using namespace llmrec::record;
using llmrec::Bytes;

namespace {

std::string resealed(std::string blob) {
  const std::uint32_t crc = crc32c(Bytes(blob).substr(8));
  for (unsigned i = 0; i < 4; ++i) blob[4 + i] = static_cast<char>(crc >> (8 * i));
  return blob;
}

void check_same(const Summary& a, const Summary& b) {
  CHECK(a.request_id == b.request_id);
  CHECK(a.retry_of == b.retry_of);
  CHECK(a.started_at_us == b.started_at_us);
  CHECK(a.status == b.status);
  CHECK(a.failure_stage == b.failure_stage);
  CHECK(a.progress == b.progress);
  CHECK(a.error_type == b.error_type);
  CHECK(a.fault == b.fault);
  CHECK(a.cost_source == b.cost_source);
  CHECK(a.tap == b.tap);
  CHECK(a.terminal_missing == b.terminal_missing);
  CHECK(a.usage_available == b.usage_available);
  CHECK(a.stream == b.stream);
  CHECK(a.chunks_received == b.chunks_received);
  CHECK(a.usage_input == b.usage_input);
  CHECK(a.usage_output == b.usage_output);
  CHECK(a.input_tokens_estimated == b.input_tokens_estimated);
  CHECK(a.actual_output_tokens == b.actual_output_tokens);
  CHECK(a.cost_nano_usd == b.cost_nano_usd);
  CHECK(a.time_to_first_token_ns == b.time_to_first_token_ns);
  CHECK(a.duration_ns == b.duration_ns);
  CHECK(a.attempt == b.attempt);
  CHECK(a.provider == b.provider);
  CHECK(a.host == b.host);
  CHECK(a.operation == b.operation);
  CHECK(a.model == b.model);
  CHECK(a.response_model == b.response_model);
  CHECK(a.tap_reason == b.tap_reason);
  CHECK(a.error_detail == b.error_detail);
  CHECK(a.tags == b.tags);
}

}  // namespace

TEST_CASE("a summary says what the whole record says") {
  sample::Random x(20261120);
  SummaryReader reader;
  for (int i = 0; i < 3'000; ++i) {
    CAPTURE(i);
    const Record r = sample::random(x);
    const std::string blob = encode(r);
    const std::string moved = ' ' + blob;  // aligned as words are, and not
    for (const Bytes octets : {Bytes(blob), Bytes(moved).substr(1)}) {
      const Summary* s = reader.read(octets);
      REQUIRE(s != nullptr);
      check_same(*s, summary_of(r));
    }
  }
}

TEST_CASE("an empty record, and one that follows a full one, leave nothing of the one before") {
  SummaryReader reader;
  REQUIRE(reader.read(encode(sample::typical())) != nullptr);
  const Record empty;
  const std::string blob = encode(empty);
  const Summary* s = reader.read(blob);
  REQUIRE(s != nullptr);
  check_same(*s, summary_of(empty));
}

TEST_CASE("tags by name") {
  const Record r = sample::typical();
  CHECK(summary_of(r).tag("route") == "checkout");
  CHECK(summary_of(r).tag("team").empty());
}

TEST_CASE("damaged blobs, and what only looks whole, are refused or at least harmless") {
  const std::string blob = encode(sample::typical());
  SummaryReader reader;
  CHECK(reader.read({}) == nullptr);
  for (std::size_t cut = 0; cut < blob.size(); ++cut) {
    CHECK(reader.read(Bytes(blob).substr(0, cut)) == nullptr);
  }
  sample::Random x(7);
  for (int i = 0; i < 20'000; ++i) {  // a right CRC over wrong octets
    std::string bad = blob;
    for (auto n = 1 + x.below(4); n > 0; --n) {
      bad[8 + x.below(bad.size() - 8)] = static_cast<char>(x.below(256));
    }
    CHECK((reader.read(bad) == nullptr || bad == blob));
    static_cast<void>(reader.read(resealed(bad)));
    const bool whole = decode(resealed(bad)).has_value();
    if (whole) CHECK(reader.read(resealed(bad)) != nullptr);
  }
}

TEST_CASE("what a newer llmrec wrote is not guessed at") {
  Record r = sample::typical();
  std::string blob = encode(r);
  blob[0] = static_cast<char>(kFormat + 1);
  SummaryReader reader;
  CHECK(reader.read(blob) == nullptr);
  r.status = static_cast<Status>(200);
  CHECK(reader.read(encode(r)) == nullptr);
}
