// The way through a store that reading commands share: final and running records in one order,
// those that a filter is about. Looks at summaries, so that only wanted records are read whole.
#pragma once

#include <cstddef>
#include <functional>

#include "base/bytes.h"
#include "base/id.h"
#include "base/result.h"
#include "cli/options.h"
#include "record/summary.h"
#include "store/store.h"

namespace llmrec::cli {

// Whether a record fits all of it.
bool fits(const record::Summary&, const Filter&);

// Called with no transaction open, until it says false. Both arguments hold for the call.
using OnFound = std::function<bool(const record::Summary&, Bytes blob)>;

struct Walked {
  std::size_t unreadable = 0;  // damaged, or of a newer llmrec
};

// Newest first.
Result<Walked> walk_newest_first(const store::Store&, const Filter&, const OnFound&);

// Final records alone, oldest first, beyond `after` where it is not empty and before `end` where
// that is not empty.
Result<Walked> walk_oldest_first(const store::Store&, const Filter&, const RecordId& after,
                                 const RecordId& end, const OnFound&);

// The smallest id of this time.
RecordId id_at(std::int64_t unix_ms);

}  // namespace llmrec::cli
