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

namespace {

class TapDigest final : public tap::BodyDigest {
 public:
  explicit TapDigest(std::unique_ptr<tls::KeyedDigest> digest) : digest_(std::move(digest)) {}
  void update(std::string_view octets) noexcept override { digest_->update(octets); }
  std::optional<tap::Fingerprint> finish() noexcept override { return digest_->finish(); }

 private:
  std::unique_ptr<tls::KeyedDigest> digest_;
};

}  // namespace

std::unique_ptr<tap::BodyDigest> Shared::digest() const {
  auto begun = digest_key ? digest_key->begin() : nullptr;
  if (!begun) return nullptr;
  return std::make_unique<TapDigest>(std::move(begun));
}

std::optional<tap::Relation> Shared::relate(const tap::Asking& asking, Instant now) {
  std::optional<tap::Relation> relation;
  std::vector<std::string> unseen;
  {
    const std::lock_guard lock(relations_mutex_);
    relation = relations_.ask(asking, now);
    unseen = relations_.unseen(asking.tool_result_ids);
  }
  for (std::string& id : unseen) {
    if (writer != nullptr) writer->push(std::make_unique<ToolResultSeen>(std::move(id)));
  }
  return relation;
}

void Shared::rejected(const RecordId& id) {
  const std::lock_guard lock(relations_mutex_);
  relations_.finished(id, false);
}

bool Shared::is_ours(const relay::IpAddress& ip, std::uint16_t port) const {
  for (const Address& a : listening) {
    if (a.port != port) continue;
    if (a.ip == ip) return true;
    // A listener on all addresses is on every one that this machine has.
    const bool all = relay::classify(a.ip) == relay::AddressClass::unspecified;
    if (all && is_local(ip)) return true;
  }
  return false;
}

bool Shared::left_alone(const std::string& destination, Instant now) {
  if (!settings.tunnel_untrusting) return false;
  const std::lock_guard lock(distrust_mutex_);
  return distrust_.left_alone(destination, now);
}

bool Shared::client_refused(const std::string& destination, Instant now) {
  if (!settings.tunnel_untrusting) return false;
  const std::lock_guard lock(distrust_mutex_);
  return distrust_.refused(destination, now);
}

void Shared::client_accepted(const std::string& destination) {
  if (!settings.tunnel_untrusting) return;
  const std::lock_guard lock(distrust_mutex_);
  distrust_.accepted(destination);
}

void Shared::keep(store::Kind kind, record::Record&& record) {
  if (kind == store::Kind::final) {
    counters.records.fetch_add(1, std::memory_order_relaxed);
    for (RecordObserver* observer : observers) observer->on_record(record);
    const std::lock_guard lock(relations_mutex_);
    relations_.finished(record.request_id, record.status == record::Status::ok);
  }
  if (writer == nullptr) return;
  try {
    if (writer->push(std::make_unique<RecordPayload>(std::move(record), kind))) return;
  } catch (const std::bad_alloc&) {
    // Counted below like any other loss.
  }
  counters.records_dropped.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace llmrec::net
