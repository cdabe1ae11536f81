#include "relay/distrust.h"

#include <algorithm>

#include "base/limits.h"

namespace llmrec::relay {

bool Distrust::refused(const std::string& destination, Instant now) {
  if (seen_.size() >= limits::kDistrustEntries && !seen_.contains(destination)) {
    const auto oldest = std::min_element(
        seen_.begin(), seen_.end(),
        [](const auto& a, const auto& b) { return a.second.last < b.second.last; });
    seen_.erase(oldest);
  }
  Seen& seen = seen_[destination];
  seen.last = now;
  if (seen.refusals < limits::kDistrustRefusals) ++seen.refusals;
  return seen.refusals >= limits::kDistrustRefusals;
}

bool Distrust::left_alone(const std::string& destination, Instant now) const {
  const auto it = seen_.find(destination);
  return it != seen_.end() && it->second.refusals >= limits::kDistrustRefusals &&
         now - it->second.last < limits::kDistrustNs;
}

}  // namespace llmrec::relay
