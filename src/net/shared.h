// What all loops share: frozen before the first accept, or safe for any thread.
// Owned by the daemon, outlives the loops.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/id.h"
#include "edit/pipe.h"
#include "net/address.h"
#include "record/record.h"
#include "relay/authority.h"
#include "relay/destination.h"
#include "relay/distrust.h"
#include "relay/no_proxy.h"
#include "store/writer.h"
#include "tap/prices.h"
#include "tap/relations.h"
#include "tls/context.h"
#include "tls/digest.h"
#include "tls/mint.h"

namespace llmrec::net {

// `--connect-to HOST:PORT:ADDR:PORT`: where a destination really is. Empty host or port 0: any.
struct ConnectTo {
  std::string host;
  std::uint16_t port = 0;
  std::string to_host;  // empty: unchanged
  std::uint16_t to_port = 0;
};

// How the clients of a listener come in.
struct Door {
  record::Mode mode = record::Mode::connect;  // connect: absolute-form requests, too
  relay::Url upstream;                        // reverse
};

// `--upstream-proxy`: how all that is not of `no_proxy` goes out.
struct UpstreamProxy {
  std::string host;
  std::uint16_t port = 0;
  std::string authorization;  // value of Proxy-Authorization, may be empty; for nobody's eyes
};

struct Settings {
  std::vector<Door> doors;  // the listeners' in order; frozen with the rest
  relay::HostList recorded;
  relay::HostList named;  // what the user listed: its exact entries may be at any address
  std::optional<UpstreamProxy> proxy;
  relay::NoProxy no_proxy;
  relay::HostList client_cert_hosts;
  // Of the entries above, in order; null: none is shown, and the host is opened all the same.
  std::vector<std::shared_ptr<const tls::ClientIdentity>> client_certs;
  std::vector<ConnectTo> connect_to;
  relay::DestinationPolicy policy;
  bool deny_unlisted = false;
  bool tunnel_untrusting = false;
  bool refuse_h2 = false;
  bool enforce_timeouts = false;
  edit::Options edits;
  record::Facts tags;
  record::Budgets budgets;
  std::int64_t connect_timeout_ns = 10 * kNsPerSecond;
  std::size_t sessions_max = 0;           // by the descriptors we may open
  std::optional<tap::PriceTable> prices;  // none: calls have no cost
};

// Monotonic counts of the whole process.
struct Counters {
  std::atomic<std::uint64_t> connections{0};
  std::atomic<std::uint64_t> tunnels_blind{0};
  std::atomic<std::uint64_t> refused{0};
  std::atomic<std::uint64_t> begun{0};    // records
  std::atomic<std::uint64_t> records{0};  // that have ended
  std::atomic<std::uint64_t> records_dropped{0};
  std::atomic<std::uint64_t> accept_pauses{0};
  std::atomic<std::int64_t> sessions{0};  // open now
};

// Is told of every record that has got its verdict, on the loop's thread: it has to be quick, and
// must not throw.
class RecordObserver {
 public:
  virtual ~RecordObserver() = default;
  virtual void on_record(const record::Record&) noexcept = 0;
};

class Shared {
 public:
  Settings settings;
  tls::UniqueSslCtx client_facing;
  tls::UniqueSslCtx upstream;
  std::unique_ptr<tls::Mint> mint;
  store::Writer* writer = nullptr;           // null: nothing is kept
  std::vector<RecordObserver*> observers;    // frozen before the first accept
  std::vector<Address> listening;            // ours: never dialled
  std::optional<tls::DigestKey> digest_key;  // none: requests have no fingerprint
  Counters counters;

  explicit Shared(std::uint64_t seed) : ids_(seed) {}
  // Begins a record, which keep() ends as final.
  RecordId mint_id(std::int64_t unix_ms) {
    counters.begun.fetch_add(1, std::memory_order_relaxed);
    const std::lock_guard lock(ids_mutex_);
    return ids_.mint(unix_ms);
  }
  void ids_not_before(const RecordId& floor) { ids_.not_before(floor); }
  // Whether this address and port is one of our listeners, where a dial would only come back.
  bool is_ours(const relay::IpAddress& ip, std::uint16_t port) const;

  // `--tunnel-untrusting`; always false without it.
  bool left_alone(const std::string& destination, Instant now);
  bool client_refused(const std::string& destination, Instant now);  // true: from now on it is
  void client_accepted(const std::string& destination);

  // Hands a record to the writer; never waits. Lost ones are counted.
  void keep(store::Kind kind, record::Record&& record);
  std::unique_ptr<tap::BodyDigest> digest() const;
  // Which earlier call this one tries again; the calls whose tool results it carries learn of it.
  std::optional<tap::Relation> relate(const tap::Asking&, Instant now);
  void rejected(const RecordId&);

 private:
  std::mutex ids_mutex_;
  RecordIdMint ids_;
  std::mutex distrust_mutex_;
  relay::Distrust distrust_;
  std::mutex relations_mutex_;
  tap::Relations relations_;
};

// Both clocks, read together.
WallAnchor read_clocks();
Instant monotonic_now();

}  // namespace llmrec::net
