#include "record/codec.h"

#include <doctest/doctest.h>

#include <cstring>

#include "base/limits.h"
#include "record/crc32c.h"
#include "record/json.h"
#include "record_sample.h"

namespace limits = llmrec::limits;
using namespace llmrec::record;
using llmrec::Bytes;
using llmrec::Code;

namespace {

// Makes the CRC right again, so that what lies behind it is tested.
std::string resealed(std::string blob) {
  const std::uint32_t crc = crc32c(Bytes(blob).substr(8));
  for (unsigned i = 0; i < 4; ++i) blob[4 + i] = static_cast<char>(crc >> (8 * i));
  return blob;
}

}  // namespace

TEST_CASE("a typical record keeps to a quarter of a page") {
  const Record r = sample::typical();
  const std::string blob = encode(r);
  MESSAGE("a typical record takes ", blob.size(), " octets");
  // The store puts 4 octets and 8 per id before it; five ids are typical.
  CHECK(blob.size() + 4 + 5 * 8 <= 994);
  const auto back = decode(blob);
  REQUIRE(back);
  CHECK(*back == r);
  CHECK(intact(blob));
}

TEST_CASE("every record reads back as it was, and prints the same") {
  sample::Random x(20260630);
  for (int i = 0; i < 3'000; ++i) {
    CAPTURE(i);
    const Record r = sample::random(x);
    const std::string blob = encode(r);
    REQUIRE(blob.size() <= limits::kEncodedRecordMax);
    const auto back = decode(blob);
    REQUIRE(back);
    REQUIRE(to_json(*back) == to_json(r));
    REQUIRE(*back == r);
    REQUIRE(encode(*back) == blob);
  }
}

TEST_CASE("an empty record reads back") {
  const auto back = decode(encode(Record{}));
  REQUIRE(back);
  CHECK(*back == Record{});
}

TEST_CASE("times are kept to the microsecond and print the same as before they were stored") {
  Record r;
  r.duration_ns = 1'999'999;
  r.time_to_tls_ns = 999;
  r.chunk_timeline = {1'500, {1}};
  const auto back = decode(encode(r));
  REQUIRE(back);
  CHECK(back->duration_ns == 1'999'000);
  CHECK(back->time_to_tls_ns == 0);
  CHECK(back->chunk_timeline.bucket_ns == 1'000);
  CHECK(to_json(*back) == to_json(r));
}

TEST_CASE("numbers below zero are unknown") {
  Record r;
  r.duration_ns = -5;
  r.usage.input = -1;
  r.http_status = -7;
  r.started_at_us = -1;
  r.attempt = -3;
  r.cost_nano_usd = INT64_MIN;
  r.message_count = INT64_MAX;
  const auto back = decode(encode(r));
  REQUIRE(back);
  CHECK_FALSE(back->duration_ns);
  CHECK_FALSE(back->usage.input);
  CHECK_FALSE(back->http_status);
  CHECK_FALSE(back->cost_nano_usd);
  CHECK(back->started_at_us == 0);
  CHECK(back->attempt == 0);
  CHECK(back->message_count == INT64_MAX);
}

TEST_CASE("every text and list is cut at its cap, and the largest record fits") {
  Record r = sample::typical();
  const std::string huge(5'000, 'x');
  for (std::string* s : {&r.client_request_id, &r.provider_request_id, &r.response_id, &r.trace_id,
                         &r.span_id, &r.provider, &r.host, &r.operation, &r.dialect, &r.model,
                         &r.response_model, &r.user_agent, &r.region, &r.error_detail,
                         &r.upstream_alert, &r.client_alert, &r.last_event, &r.tap_reason}) {
    *s = huge;
  }
  r.response_model += "y";
  r.finish_reasons.assign(1'000, huge);
  r.tool_calls.assign(1'000, {4'000'000'000U, huge, huge, UINT64_MAX, true, true});
  r.cut_tool_call = 999;
  r.tags.assign(1'000, {huge, huge});
  r.notes = r.tags;
  r.chunk_timeline.counts.assign(1'000, UINT32_MAX);
  const std::string blob = encode(r);
  MESSAGE("the largest record takes ", blob.size(), " octets");
  CHECK(blob.size() <= limits::kEncodedRecordMax);
  const auto back = decode(blob);
  REQUIRE(back);
  CHECK(back->client_request_id.size() == limits::kRecordIdTextMax);
  CHECK(back->provider.size() == limits::kRecordNameMax);
  CHECK(back->host.size() == limits::kRecordHostMax);
  CHECK(back->model.size() == limits::kRecordModelMax);
  CHECK(back->user_agent.size() == limits::kRecordUserAgentMax);
  CHECK(back->error_detail.size() == limits::kRecordErrorDetailMax);
  CHECK(back->finish_reasons.size() == limits::kFinishReasonsMax);
  CHECK(back->tool_calls.size() == limits::kToolCallsMax);
  CHECK(back->tool_calls.back().name.size() == limits::kToolNameMax);
  CHECK(back->tags.size() == limits::kFactsMax);
  CHECK(back->notes.back().second.size() == limits::kFactValueMax);
  CHECK(back->chunk_timeline.counts.size() == limits::kTimelineBuckets);
  CHECK_FALSE(back->cut_tool_call);  // the call it named was cut off
}

TEST_CASE("a text is cut between code points") {
  Record r;
  r.region = std::string(limits::kRecordNameMax - 2, 'a') + "\xe2\x82\xac";  // the euro sign
  const auto back = decode(encode(r));
  REQUIRE(back);
  CHECK(back->region == std::string(limits::kRecordNameMax - 2, 'a'));
}

TEST_CASE("a record cut at any octet is refused") {
  const std::string blob = encode(sample::typical());
  for (std::size_t n = 0; n < blob.size(); ++n) {
    const auto back = decode(Bytes(blob).substr(0, n));
    REQUIRE_FALSE(back);
    REQUIRE(back.error().code == Code::corrupt);
    if (n > 8) {  // and also where the CRC cannot tell
      const auto sealed = decode(resealed(blob.substr(0, n)));
      if (sealed) REQUIRE(to_json(*sealed).size() > 0);
    }
  }
  CHECK_FALSE(decode(blob + '\0'));
}

TEST_CASE("a single flipped bit is refused; behind a right CRC it never crashes") {
  const std::string blob = encode(sample::typical());
  for (std::size_t bit = 0; bit < blob.size() * 8; ++bit) {
    std::string bad = blob;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    REQUIRE_FALSE(decode(bad));
    const auto sealed = decode(resealed(bad));
    if (sealed) REQUIRE(to_json(*sealed).size() > 0);
  }
}

TEST_CASE("random damage behind a right CRC never crashes") {
  sample::Random x(5);
  for (int i = 0; i < 30'000; ++i) {
    std::string bad = encode(i % 2 == 0 ? sample::typical() : Record{});
    for (auto n = 1 + x.below(8); n > 0; --n) {
      bad[8 + x.below(bad.size() - 8)] = static_cast<char>(x.below(256));
    }
    const auto back = decode(resealed(bad));
    if (back) REQUIRE(to_json(*back).size() > 0);
  }
}

TEST_CASE("what a newer llmrec wrote is refused in words") {
  std::string newer = encode(sample::typical());
  newer[0] = 2;
  const auto format = decode(newer);
  REQUIRE_FALSE(format);
  CHECK(format.error().code == Code::unsupported);
  CHECK(format.error().detail.find("newer") != std::string::npos);

  Record r = sample::typical();
  r.error_type = static_cast<ErrorType>(kCount<ErrorType>);
  const auto word = decode(encode(r));
  REQUIRE_FALSE(word);
  CHECK(word.error().code == Code::unsupported);

  // Sets grow without harm: an unknown bit is kept and not printed.
  Record set = sample::typical();
  set.warnings = Set<Warning>(std::uint64_t{1} << 40);
  const auto kept = decode(encode(set));
  REQUIRE(kept);
  CHECK(kept->warnings == set.warnings);
  CHECK(to_json(*kept) == to_json(sample::typical()));
}

TEST_CASE("a blob may lie at any address") {
  const std::string blob = encode(sample::typical());
  std::vector<char> room(blob.size() + 8);
  for (std::size_t shift = 0; shift < 8; ++shift) {
    std::memcpy(room.data() + shift, blob.data(), blob.size());
    const auto back = decode(Bytes(room.data() + shift, blob.size()));
    REQUIRE(back);
    CHECK(*back == sample::typical());
  }
}
