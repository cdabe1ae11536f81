#include "daemon/admin_port.h"

#include <algorithm>
#include <new>
#include <utility>

#include "base/check.h"
#include "base/limits.h"
#include "daemon/ways.h"

namespace llmrec::daemon {
namespace {

std::uint64_t get(const std::atomic<std::uint64_t>& n) { return n.load(std::memory_order_relaxed); }

std::int64_t unix_ms_now() { return net::read_clocks().unix_us / 1000; }

}  // namespace

void StoreGauge::after_commit() {
  const std::int64_t now = net::monotonic_now().ns;
  if (now < next_ns_) return;
  next_ns_ = now + limits::kStoreGaugeNs;
  look();
}

void StoreGauge::look() {
  const auto stat = store_.stat();
  if (!stat) return;  // the writer says what is wrong with the store
  used_.store(stat->used_bytes, std::memory_order_relaxed);
  max_.store(stat->map_bytes, std::memory_order_relaxed);
  records_.store(stat->records, std::memory_order_relaxed);
}

void StoreGauge::fill(admin::Vitals& v) const {
  v.store_octets = get(used_);
  v.store_max_octets = get(max_);
  v.store_records = get(records_);
}

void Observers::on_record(const record::Record& record) noexcept {
  try {
    metrics_.observe(record);
  } catch (const std::bad_alloc&) {
    // One call is missing from /metrics.
  }
  if (log_ != nullptr) log_->push(record);
}

AdminPort::AdminPort(Parts parts) : parts_(parts), started_unix_ms_(unix_ms_now()) {}

Result<std::unique_ptr<AdminPort>> AdminPort::make(Parts parts, bool takes_notes,
                                                   net::UniqueFd listening) {
  std::unique_ptr<AdminPort> port(new AdminPort(parts));
  port->address_ = net::local_address(listening.get());
  admin::SiteOptions options;
  options.store = parts.store;
  options.writer = parts.writer;
  options.metrics = &parts.observers->metrics();
  options.vitals = [self = port.get()] { return self->vitals(); };
  options.listen = port->address_.ip;
  options.takes_notes = takes_notes;
  port->site_ = std::make_unique<admin::Site>(std::move(options));
  auto server = admin::Server::make(*port->site_, std::move(listening));
  if (!server) return std::move(server).error();
  port->server_ = *std::move(server);
  return port;
}

void AdminPort::begin_drain() {
  const std::lock_guard lock(mutex_);
  draining_ = true;
}

// A loop is asked for a turn by one probe, and the next one sees whether it came.
std::string AdminPort::stuck_loop() {
  const std::int64_t now = net::monotonic_now().ns;
  std::string stuck;
  for (std::size_t i = 0; i < parts_.loops->size(); ++i) {
    const std::int64_t owes = (*parts_.loops)[i]->owes_turn_ns(now);
    if (owes < limits::kStuckLoopNs || !stuck.empty()) continue;
    stuck = "loop " + std::to_string(i) + " has not turned for " +
            std::to_string(owes / kNsPerSecond) + " s";
  }
  return stuck;
}

admin::Vitals AdminPort::vitals() {
  admin::Vitals v;
  v.version = LLMREC_VERSION;
  v.started_unix_ms = started_unix_ms_;
  v.now_unix_ms = unix_ms_now();
  {
    const std::lock_guard lock(mutex_);
    v.draining = draining_;
    if (!draining_) v.stuck = stuck_loop();
  }
  const net::Shared& shared = *parts_.shared;
  for (std::size_t i = 0; i < shared.listening.size(); ++i) {
    v.listening.push_back(describe(shared.settings.doors[i]) + ' ' + shared.listening[i].text());
  }
  const net::Counters& c = shared.counters;
  v.connections = get(c.connections);
  v.connections_open = static_cast<std::uint64_t>(
      std::max<std::int64_t>(0, c.sessions.load(std::memory_order_relaxed)));
  v.connections_max = shared.settings.sessions_max;
  const std::uint64_t ended = get(c.records);  // read first: it is never ahead
  v.calls_running = get(c.begun) - ended;
  v.tunnels_blind = get(c.tunnels_blind);
  v.refused = get(c.refused);
  v.accept_pauses = get(c.accept_pauses);
  const store::WriterCounters w = parts_.writer->counters();
  v.queue_entries = w.queue_depth;
  v.queue_octets = w.queue_bytes;
  v.rows_written = w.committed;
  v.rows_dropped = w.dropped;
  v.rows_pruned = w.pruned;
  v.commits = w.batches;
  v.commit_failures = w.failures;
  parts_.gauge->fill(v);
  if (parts_.log != nullptr) {
    v.logs_records = true;
    v.lines_written = parts_.log->written();
    v.lines_dropped = parts_.log->dropped();
  }
  v.failed_checks = failed_checks.load(std::memory_order_relaxed);
  return v;
}

}  // namespace llmrec::daemon
