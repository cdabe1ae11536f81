// Which call is another try of which, and which tool results were seen: what joins calls of
// different connections. Only the newest limits::kRelationsMax calls that did not end well are
// remembered, so a try after a restart of the recorder stands alone.
// Knows no HTTP and no store. No lock of its own: its owner has one. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/id.h"

namespace llmrec::tap {

// Keyed, so that it tells nothing to who lacks the key; of method, host, path and body.
using Fingerprint = std::array<char, 16>;

// Fed with a request as it passes. Made by the shell, which has the key.
class BodyDigest {
 public:
  virtual ~BodyDigest() = default;
  virtual void update(std::string_view octets) noexcept = 0;
  virtual std::optional<Fingerprint> finish() noexcept = 0;  // null: it could not be made
};

// A call whose request is whole.
struct Asking {
  RecordId id;
  std::string host;
  std::string idempotency_key;  // empty: none
  std::string invocation_id;    // amz-sdk-invocation-id, the same for all tries of a call
  std::optional<Fingerprint> body;
  std::optional<std::int64_t> attempt;  // what the client says it is; 1 is the first
  std::vector<std::string> tool_result_ids;
};

struct Relation {
  RecordId retry_of;
  std::int64_t attempt = 2;
};

class Relations {
 public:
  // Says which earlier call this one tries again, and remembers it. A key of the client's links
  // whatever came of that call; the same body does where the client says that it tries again, or
  // where that call failed: asking the same thing twice is no retry by itself.
  std::optional<Relation> ask(const Asking&, Instant now);
  // `well`: nobody has a reason to try it again. May be told early, and again at the end.
  void finished(const RecordId& id, bool well);

  // Those of `ids` that were not asked about before.
  std::vector<std::string> unseen(const std::vector<std::string>& ids);

  std::size_t size() const { return calls_.size(); }

 private:
  struct Call {
    RecordId id;
    std::int64_t attempt = 1;
    bool failed = false;
    Instant at;
    std::vector<std::string> keys;
  };
  using Place = std::list<Call>::iterator;

  void forget(Place);
  const Call* find(const std::string& key, Instant now) const;

  std::list<Call> calls_;  // oldest first
  std::unordered_map<std::string, Place> by_key_;
  std::unordered_map<std::string, Place> by_id_;
  std::list<std::string> seen_;  // oldest first
  std::unordered_map<std::string, std::list<std::string>::iterator> seen_at_;
};

}  // namespace llmrec::tap
