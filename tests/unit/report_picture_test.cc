#include "report/picture.h"

#include <doctest/doctest.h>

#include <limits>

#include "report/format.h"
#include "report_samples.h"

using namespace llmrec;
using namespace llmrec::report;

namespace {

constexpr std::int64_t kMs = 1'000'000;

record::Record stream(std::vector<std::uint32_t> counts, std::int64_t bucket_ms) {
  record::Record r;
  r.status = record::Status::ok;
  r.chunk_timeline.bucket_ns = bucket_ms * kMs;
  for (const auto n : counts) r.chunks_received += n;
  r.stream_duration_ns = static_cast<std::int64_t>(counts.size()) * bucket_ms * kMs;
  r.chunk_timeline.counts = std::move(counts);
  return r;
}

std::string first_line(const Lines& lines) {
  return lines.empty() ? "" : sample::plain_text({lines.front()});
}

}  // namespace

TEST_CASE("the sparkline: a column per bucket, stalls as dots") {
  const record::Record r = stream({1, 0, 4, 8}, 10);
  CHECK(first_line(arrivals(r, {})) == "  chunks        ▁·▄█✓\n");
  CHECK(first_line(arrivals(r, {false, true, 80})) == "  chunks        ._=@|\n");
}

TEST_CASE("a long silence at the end is drawn to scale, without another octet") {
  record::Record r = stream(std::vector<std::uint32_t>(64, 2), 10);
  r.status = record::Status::failed;
  r.stream_duration_ns = 600'000 * kMs;
  r.max_gap_ns = 599'360 * kMs;
  r.max_gap_at_chunk = 129;
  const Lines lines = arrivals(r, {});
  const std::string text = sample::plain_text(lines);
  CHECK(columns(first_line(lines)) <= 81);
  CHECK(text.find("█·····") != std::string::npos);
  CHECK(text.find("after the last chunk") != std::string::npos);
}

TEST_CASE("the bracket stands under the silence it speaks of") {
  record::Record r = stream({4, 4, 0, 0, 0, 0, 4, 4}, 100);
  r.max_gap_ns = 400 * kMs;
  r.max_gap_at_chunk = 9;
  CHECK(sample::plain_text(arrivals(r, {})) ==
        "  chunks        ██····██✓\n"
        "                  ╰──╯ 400 ms of silence, before chunk 9\n"
        "                one column is 100 ms, the highest 4 chunks\n");
}

TEST_CASE("the rhythm of a stream is no silence") {
  record::Record r = stream({1, 0, 1, 0, 1}, 10);
  r.max_gap_ns = 20 * kMs;
  r.max_gap_at_chunk = 2;
  CHECK(sample::plain_text(arrivals(r, {})) ==
        "  chunks        █·█·█✓\n"
        "                one column is 10 ms, the highest 1 chunk; longest gap 20 ms,\n"
        "                before chunk 2\n");
}

TEST_CASE("no chunks, no picture; damaged numbers draw something or nothing") {
  CHECK(arrivals(record::Record(), {}).empty());
  CHECK(arrivals(stream({0, 0}, 10), {}).empty());
  record::Record r = stream({1, 2, 3}, 10);
  r.chunk_timeline.bucket_ns = std::numeric_limits<std::int64_t>::max();
  CHECK(arrivals(r, {}).empty());
  r.chunk_timeline.bucket_ns = 0;
  CHECK(arrivals(r, {}).empty());
  r.chunk_timeline.bucket_ns = 1;
  r.stream_duration_ns = std::numeric_limits<std::int64_t>::max();
  r.max_gap_ns = std::numeric_limits<std::int64_t>::max();
  r.max_gap_at_chunk = std::numeric_limits<std::int64_t>::max();
  CHECK_FALSE(arrivals(r, {}).empty());
  r.duration_ns = std::numeric_limits<std::int64_t>::max();
  CHECK(waterfall(r, {}).empty());
}

TEST_CASE("the waterfall: each bar begins where the one before ended, the last ends the axis") {
  record::Record r;
  r.status = record::Status::ok;
  r.progress = record::Progress::complete;
  r.time_to_connect_ns = 11 * kMs;
  r.time_to_request_sent_ns = 0;
  r.time_to_headers_ns = 500 * kMs;
  r.time_to_first_token_ns = 500 * kMs;
  r.duration_ns = 1000 * kMs;
  CHECK(sample::plain_text(waterfall(r, {false, true, 80})) ==
        "  connection    connect 11 ms\n"
        "  request sent       0 ms   =\n"
        "  headers          500 ms   ==========================\n"
        "  first token      500 ms                             =\n"
        "  end                 1 s                             ==========================\n");
}

TEST_CASE("no picture is wider than its page, whatever the numbers") {
  record::sample::Random random(7);
  for (int i = 0; i < 3000; ++i) {
    record::Record r = record::sample::random(random);
    r.duration_ns = static_cast<std::int64_t>(random.below(1'000'000'000'000));
    r.stream_duration_ns = static_cast<std::int64_t>(random.below(1'000'000'000'000));
    r.chunk_timeline.bucket_ns = static_cast<std::int64_t>(random.below(1'000'000'000));
    for (const bool unicode : {false, true}) {
      for (const std::size_t width : {60U, 80U}) {
        Lines lines = waterfall(r, {unicode, true, width});
        for (Line& line : arrivals(r, {unicode, true, width})) lines.push_back(std::move(line));
        for (const Line& line : lines) {
          std::size_t have = 0;
          for (const Span& span : line) have += columns(span.text);
          REQUIRE(have <= width);
        }
      }
    }
  }
}
