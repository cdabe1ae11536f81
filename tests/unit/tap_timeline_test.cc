#include "tap/timeline.h"

#include <doctest/doctest.h>

#include <numeric>
#include <vector>

#include "base/limits.h"

using namespace llmrec;
using llmrec::tap::Timeline;

namespace {

constexpr Instant at_ms(std::int64_t ms) { return {ms * kNsPerMs}; }

record::Record filled(const Timeline& t) {
  record::Record r;
  t.fill(r);
  return r;
}

using Counts = std::vector<std::uint32_t>;

}  // namespace

TEST_CASE("timeline: nothing came, nothing is known") {
  const Timeline t;
  const record::Record r = filled(t);
  CHECK(!t.begun());
  CHECK(!r.max_gap_ns);
  CHECK(!r.max_gap_at_chunk);
  CHECK(!r.gap_had_pings);
  CHECK(r.chunk_timeline.counts.empty());
}

TEST_CASE("timeline: a body without a chunk has no silence between chunks") {
  Timeline t;
  t.begin(at_ms(5));
  CHECK(!filled(t).max_gap_ns);
  t.end(at_ms(905), 0);
  const record::Record r = filled(t);
  CHECK(r.max_gap_ns == 900 * kNsPerMs);
  CHECK(r.max_gap_at_chunk == 1);
}

TEST_CASE("timeline: the longest silence and the chunk that ended it") {
  Timeline t;
  t.begin(at_ms(100));
  t.chunk(at_ms(100), 1);
  t.chunk(at_ms(130), 2);
  t.chunk(at_ms(530), 3);
  t.chunk(at_ms(540), 4);
  record::Record r = filled(t);
  CHECK(r.max_gap_ns == 400 * kNsPerMs);
  CHECK(r.max_gap_at_chunk == 3);
  CHECK(r.gap_had_pings == false);

  SUBCASE("the silence before the end counts") {
    t.end(at_ms(1540), 4);
    r = filled(t);
    CHECK(r.max_gap_ns == 1000 * kNsPerMs);
    CHECK(r.max_gap_at_chunk == 5);
  }
  SUBCASE("a shorter one does not") {
    t.end(at_ms(600), 4);
    r = filled(t);
    CHECK(r.max_gap_ns == 400 * kNsPerMs);
    CHECK(r.max_gap_at_chunk == 3);
  }
  SUBCASE("of two equal ones the first is kept") {
    t.chunk(at_ms(940), 5);
    CHECK(filled(t).max_gap_at_chunk == 3);
  }
}

TEST_CASE("timeline: a ping does not end a silence, but is remembered with it") {
  Timeline t;
  t.begin(at_ms(0));
  t.chunk(at_ms(0), 1);
  t.ping();
  t.chunk(at_ms(300), 2);
  CHECK(filled(t).gap_had_pings == true);
  t.chunk(at_ms(800), 3);  // longer, and without pings
  const record::Record r = filled(t);
  CHECK(r.max_gap_ns == 500 * kNsPerMs);
  CHECK(r.gap_had_pings == false);
}

TEST_CASE("timeline: begin() counts once") {
  Timeline t;
  t.begin(at_ms(0));
  t.begin(at_ms(50));
  t.chunk(at_ms(70), 1);
  CHECK(filled(t).max_gap_ns == 70 * kNsPerMs);
}

TEST_CASE("timeline: chunks fall into buckets of 10 ms") {
  Timeline t;
  t.begin(at_ms(1000));
  for (const std::int64_t ms : {1000, 1000, 1009, 1010, 1035}) t.chunk(at_ms(ms), 1);
  const record::Record r = filled(t);
  CHECK(r.chunk_timeline.bucket_ns == 10 * kNsPerMs);
  CHECK(r.chunk_timeline.counts == Counts{3, 1, 0, 1});
}

TEST_CASE("timeline: a long stream gets coarser buckets and loses no chunk") {
  Timeline t;
  t.begin(at_ms(0));
  const auto last = static_cast<std::int64_t>(limits::kTimelineBuckets) * 10;
  for (std::int64_t ms = 0; ms < last; ms += 10) t.chunk(at_ms(ms), 1);
  record::Record r = filled(t);
  CHECK(r.chunk_timeline.counts == Counts(limits::kTimelineBuckets, 1));
  t.chunk(at_ms(last), 1);
  r = filled(t);
  CHECK(r.chunk_timeline.bucket_ns == 20 * kNsPerMs);
  CHECK(r.chunk_timeline.counts.size() == limits::kTimelineBuckets / 2 + 1);
  CHECK(r.chunk_timeline.counts.front() == 2);
  CHECK(r.chunk_timeline.counts.back() == 1);
}

TEST_CASE("timeline: a day of silence stays bounded") {
  Timeline t;
  t.begin(at_ms(0));
  t.chunk(at_ms(1), 1);
  t.chunk(at_ms(86'400'000), 2);
  const record::Record r = filled(t);
  CHECK(r.chunk_timeline.counts.size() <= limits::kTimelineBuckets);
  CHECK(std::accumulate(r.chunk_timeline.counts.begin(), r.chunk_timeline.counts.end(), 0U) == 2);
  CHECK(r.chunk_timeline.counts.size() * static_cast<std::size_t>(r.chunk_timeline.bucket_ns) >
        86'400'000'000'000U);
}
