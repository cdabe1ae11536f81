// `--admin`: puts the port for probes, scrapes and the dashboard together, and what it watches. All
// of it lives without the flag too, as counting costs nothing worth a branch.
// Main thread, but for what is said otherwise.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "admin/metrics.h"
#include "admin/server.h"
#include "admin/site.h"
#include "admin/vitals.h"
#include "base/result.h"
#include "cli/options.h"
#include "daemon/record_log.h"
#include "net/loop.h"
#include "net/shared.h"
#include "store/store.h"
#include "store/writer.h"

namespace llmrec::daemon {

// How full the store is, looked at by the writer's thread after its commits.
class StoreGauge {
 public:
  explicit StoreGauge(const store::Store& store) : store_(store) { look(); }
  void after_commit();              // writer's thread
  void fill(admin::Vitals&) const;  // any thread

 private:
  void look();

  const store::Store& store_;
  std::int64_t next_ns_ = 0;
  std::atomic<std::uint64_t> used_{0};
  std::atomic<std::uint64_t> max_{0};
  std::atomic<std::uint64_t> records_{0};
};

// Takes every finished record to whoever wants it.
class Observers final : public net::RecordObserver {
 public:
  explicit Observers(RecordLog* log) : log_(log) {}
  void on_record(const record::Record&) noexcept override;  // loops
  admin::Metrics& metrics() { return metrics_; }

 private:
  admin::Metrics metrics_;
  RecordLog* log_;
};

class AdminPort {
 public:
  struct Parts {
    net::Shared* shared = nullptr;
    store::Store* store = nullptr;
    store::Writer* writer = nullptr;
    StoreGauge* gauge = nullptr;
    Observers* observers = nullptr;
    RecordLog* log = nullptr;  // null: none
    std::vector<std::unique_ptr<net::Loop>>* loops = nullptr;
  };
  // The parts outlive the port. `listening`: bound already.
  static Result<std::unique_ptr<AdminPort>> make(Parts, bool takes_notes, net::UniqueFd listening);

  void start() { server_->start(); }
  void stop() { server_->stop(); }
  // Before the loops are told: from now on they are not asked for a turn.
  void begin_drain();
  const net::Address& address() const { return address_; }

 private:
  explicit AdminPort(Parts parts);
  admin::Vitals vitals();  // any thread
  std::string stuck_loop();

  Parts parts_;
  net::Address address_;
  std::int64_t started_unix_ms_;
  std::mutex mutex_;  // guards draining_, and the loops' being asked
  bool draining_ = false;
  std::unique_ptr<admin::Site> site_;
  std::unique_ptr<admin::Server> server_;
};

}  // namespace llmrec::daemon
