#include "net/shared.h"

#include <time.h>

#include <new>
#include <utility>

#include "net/payload.h"

namespace llmrec::net {

Instant monotonic_now() {
  timespec t{};
  ::clock_gettime(CLOCK_MONOTONIC, &t);
  return {static_cast<std::int64_t>(t.tv_sec) * kNsPerSecond + t.tv_nsec};
}

WallAnchor read_clocks() {
  timespec t{};
  ::clock_gettime(CLOCK_REALTIME, &t);
  return {monotonic_now(), static_cast<std::int64_t>(t.tv_sec) * 1'000'000 + t.tv_nsec / 1000};
}

void Shared::keep(store::Kind kind, record::Record&& record) {
  if (kind == store::Kind::final) counters.records.fetch_add(1, std::memory_order_relaxed);
  if (writer == nullptr) return;
  try {
    if (writer->push(std::make_unique<RecordPayload>(std::move(record), kind))) return;
  } catch (const std::bad_alloc&) {
    // Counted below like any other loss.
  }
  counters.records_dropped.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace llmrec::net
