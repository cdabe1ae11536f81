// What all loops share: frozen before the first accept, or safe for any thread.
// Owned by the daemon, outlives the loops.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/id.h"
#include "net/address.h"
#include "record/record.h"
#include "relay/destination.h"
#include "store/writer.h"
#include "tls/context.h"
#include "tls/mint.h"

namespace llmrec::net {

// `--connect-to HOST:PORT:ADDR:PORT`: where a destination really is. Empty host or port 0: any.
struct ConnectTo {
  std::string host;
  std::uint16_t port = 0;
  std::string to_host;  // empty: unchanged
  std::uint16_t to_port = 0;
};

struct Settings {
  relay::HostList recorded;
  std::vector<ConnectTo> connect_to;
  relay::DestinationPolicy policy;
  bool deny_unlisted = false;
  bool tunnel_untrusting = false;
  bool refuse_h2 = false;
  bool enforce_timeouts = false;
  record::Facts tags;
  record::Budgets budgets;
  std::int64_t connect_timeout_ns = 10 * kNsPerSecond;
  std::size_t sessions_max = 0;  // by the descriptors we may open
};

// Monotonic counts of the whole process.
struct Counters {
  std::atomic<std::uint64_t> connections{0};
  std::atomic<std::uint64_t> tunnels_blind{0};
  std::atomic<std::uint64_t> refused{0};
  std::atomic<std::uint64_t> records{0};
  std::atomic<std::uint64_t> records_dropped{0};
  std::atomic<std::uint64_t> accept_pauses{0};
  std::atomic<std::int64_t> sessions{0};  // open now
};

class Shared {
 public:
  Settings settings;
  tls::UniqueSslCtx client_facing;
  tls::UniqueSslCtx upstream;
  std::unique_ptr<tls::Mint> mint;
  store::Writer* writer = nullptr;  // null: nothing is kept
  std::vector<Address> listening;   // ours: never dialled
  Counters counters;

  explicit Shared(std::uint64_t seed) : ids_(seed) {}
  RecordId mint_id(std::int64_t unix_ms) {
    const std::lock_guard lock(ids_mutex_);
    return ids_.mint(unix_ms);
  }
  void ids_not_before(const RecordId& floor) { ids_.not_before(floor); }
  // Hands a record to the writer; never waits. Lost ones are counted.
  void keep(store::Kind kind, record::Record&& record);

 private:
  std::mutex ids_mutex_;
  RecordIdMint ids_;
};

// Both clocks, read together.
WallAnchor read_clocks();
Instant monotonic_now();

}  // namespace llmrec::net
