#include "tap/timeline.h"

#include "base/limits.h"

namespace llmrec::tap {
namespace {

// The finest bucket: what a person can still see as a difference in a stream of tokens.
constexpr std::int64_t kFirstBucketNs = 10 * kNsPerMs;

}  // namespace

void Timeline::begin(Instant first_body_octet) {
  if (begun_) return;
  begun_ = true;
  start_ = last_ = first_body_octet;
  picture_.bucket_ns = kFirstBucketNs;
  picture_.counts.reserve(limits::kTimelineBuckets);
}

void Timeline::gap(Instant now, std::uint64_t number) {
  if (now - last_ > gap_max_ns_) {
    gap_max_ns_ = now - last_;
    gap_max_at_ = number;
    gap_max_had_pings_ = pings_in_gap_;
  }
  last_ = now;
  pings_in_gap_ = false;
}

void Timeline::count(Instant now) {
  auto at = static_cast<std::uint64_t>((now - start_) / picture_.bucket_ns);
  while (at >= limits::kTimelineBuckets) {  // twice as coarse
    auto& counts = picture_.counts;
    for (std::size_t i = 0; i < counts.size(); i += 2) {
      counts[i / 2] = counts[i] + (i + 1 < counts.size() ? counts[i + 1] : 0);
    }
    counts.resize((counts.size() + 1) / 2);
    picture_.bucket_ns *= 2;
    at = static_cast<std::uint64_t>((now - start_) / picture_.bucket_ns);
  }
  if (picture_.counts.size() <= at) picture_.counts.resize(at + 1, 0);
  ++picture_.counts[at];
}

void Timeline::chunk(Instant now, std::uint64_t number) {
  begin(now);
  gap(now, number);
  count(now);
}

void Timeline::end(Instant now, std::uint64_t chunks) {
  if (begun_) gap(now, chunks + 1);
}

void Timeline::fill(record::Record& r) const {
  r.chunk_timeline = picture_;
  if (gap_max_ns_ < 0) return;
  r.max_gap_ns = gap_max_ns_;
  r.max_gap_at_chunk = static_cast<std::int64_t>(gap_max_at_);
  r.gap_had_pings = gap_max_had_pings_;
}

}  // namespace llmrec::tap
