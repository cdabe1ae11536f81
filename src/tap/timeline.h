// When chunks came: the bounded picture of their rate, and the longest silence and where it was.
// Pure; owned by an exchange. Instants must not go back.
#pragma once

#include <cstdint>

#include "base/clock.h"
#include "record/record.h"

namespace llmrec::tap {

class Timeline {
 public:
  void begin(Instant first_body_octet);
  // A sign of life that says nothing (comment, ping): it does not end a silence.
  void ping() { pings_in_gap_ = true; }
  // A chunk; `number` counts from 1. Chunks of one read share one instant.
  void chunk(Instant now, std::uint64_t number);
  // The stream is over: the silence before its end counts too.
  void end(Instant now, std::uint64_t chunks);

  bool begun() const { return begun_; }
  void fill(record::Record&) const;

 private:
  void gap(Instant now, std::uint64_t number);
  void count(Instant now);

  Instant start_;
  Instant last_;
  bool begun_ = false;
  bool pings_in_gap_ = false;
  std::int64_t gap_max_ns_ = -1;
  std::uint64_t gap_max_at_ = 0;
  bool gap_max_had_pings_ = false;
  record::ChunkTimeline picture_;
};

}  // namespace llmrec::tap
