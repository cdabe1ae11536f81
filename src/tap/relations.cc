#include "tap/relations.h"

#include <algorithm>

#include "base/limits.h"

namespace llmrec::tap {
namespace {

std::vector<std::string> keys_of(const Asking& asking) {
  std::vector<std::string> keys;
  if (!asking.invocation_id.empty()) keys.push_back("i" + asking.host + ' ' + asking.invocation_id);
  if (!asking.idempotency_key.empty()) {
    keys.push_back("k" + asking.host + ' ' + asking.idempotency_key);
  }
  if (asking.body) keys.push_back("b" + std::string(asking.body->data(), asking.body->size()));
  return keys;
}

std::string text(const RecordId& id) { return std::string(id.bytes()); }

}  // namespace

const Relations::Call* Relations::find(const std::string& key, Instant now) const {
  const auto it = by_key_.find(key);
  if (it == by_key_.end() || now - it->second->at > limits::kRetryWindowNs) return nullptr;
  return &*it->second;
}

std::optional<Relation> Relations::ask(const Asking& asking, Instant now) {
  std::vector<std::string> keys = keys_of(asking);
  if (keys.empty()) return std::nullopt;
  std::optional<Relation> relation;
  for (const std::string& key : keys) {
    const Call* before = find(key, now);
    if (before == nullptr) continue;
    const bool says_so = asking.attempt.value_or(1) > 1;
    if (key.front() == 'b' && !says_so && !before->failed) continue;
    relation = Relation{before->id, asking.attempt.value_or(before->attempt + 1)};
    break;
  }
  Call call{asking.id, relation ? relation->attempt : asking.attempt.value_or(1), false, now, keys};
  calls_.push_back(std::move(call));
  const Place place = std::prev(calls_.end());
  for (std::string& key : keys) by_key_.insert_or_assign(std::move(key), place);
  by_id_.insert_or_assign(text(asking.id), place);
  if (calls_.size() > limits::kRelationsMax) forget(calls_.begin());
  return relation;
}

void Relations::finished(const RecordId& id, bool well) {
  const auto it = by_id_.find(text(id));
  if (it == by_id_.end()) return;
  if (well) {
    forget(it->second);
  } else {
    it->second->failed = true;
  }
}

void Relations::forget(Place place) {
  for (const std::string& key : place->keys) {
    const auto it = by_key_.find(key);
    if (it != by_key_.end() && it->second == place) by_key_.erase(it);
  }
  by_id_.erase(text(place->id));
  calls_.erase(place);
}

std::vector<std::string> Relations::unseen(const std::vector<std::string>& ids) {
  std::vector<std::string> out;
  for (const std::string& id : ids) {
    if (seen_at_.contains(id)) continue;
    seen_.push_back(id);
    seen_at_.emplace(id, std::prev(seen_.end()));
    out.push_back(id);
    if (seen_.size() > limits::kToolResultsSeenMax) {
      seen_at_.erase(seen_.front());
      seen_.pop_front();
    }
  }
  return out;
}

}  // namespace llmrec::tap
