// `llmrec ls -f`: records as their calls end. Calls end in another order than they began, and the
// store is sorted by beginning: so all that began since the oldest running call is watched.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <vector>

#include "base/id.h"
#include "base/result.h"
#include "cli/options.h"
#include "cli/terminal.h"
#include "record/record.h"
#include "store/store.h"

namespace llmrec::cli {

// What has been shown and what is new. Knows no clock and does not wait.
class Follower {
 public:
  Follower(const store::Store& from, const Filter& filter) : from_(from), filter_(filter) {}

  // The newest `most` (0: all) records that fit, oldest first; what ends from now on is for look().
  Result<std::vector<record::Record>> begin(std::size_t most, std::int64_t now_unix_ms);
  // Records of calls that have ended since the look before, oldest first. False stops.
  using OnRecord = std::function<bool(record::Record&&)>;
  Result<void> look(std::int64_t now_unix_ms, const OnRecord&);
  std::size_t unreadable() const { return unreadable_; }

 private:
  Result<RecordId> oldest_unsettled(std::int64_t now_unix_ms) const;
  void forget_before(const RecordId&);

  const store::Store& from_;
  const Filter& filter_;
  RecordId low_;             // nothing older is new
  std::set<RecordId> seen_;  // from low_ on
  std::size_t unreadable_ = 0;
};

// Until SIGINT or SIGTERM (kDone), or until nobody reads what it prints. Sleeps until the store's
// file changes.
int follow(const LsOptions&, Streams&);

}  // namespace llmrec::cli
