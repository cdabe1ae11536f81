#include "daemon/serve.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "base/log.h"
#include "daemon/admin_port.h"
#include "daemon/process.h"
#include "daemon/record_log.h"
#include "daemon/settings.h"
#include "daemon/ways.h"
#include "net/loop.h"
#include "net/payload.h"
#include "net/shared.h"
#include "record/codec.h"
#include "store/store.h"
#include "store/writer.h"
#include "tls/ca.h"

namespace llmrec::daemon {
namespace {

constexpr int kCannotStart = 1;
constexpr int kUsage = 2;
constexpr int kNoStore = 3;

int complain(const Error& error, int status) {
  std::fprintf(stderr, "llmrec: %s\n", error.detail.c_str());
  return status;
}

std::int64_t unix_ms_now() { return net::read_clocks().unix_us / 1000; }

void log_from_store(store::Level level, const std::string& text) {
  const log::Level to = level == store::Level::error  ? log::Level::error
                        : level == store::Level::warn ? log::Level::warn
                                                      : log::Level::info;
  log::write(to, "store", text);
}

// What a recorder that was killed left open becomes a record that says so.
std::optional<store::Entry> close_left_open(const RecordId&, Bytes blob) {
  auto record = record::decode(blob);
  if (!record) return std::nullopt;
  record::close_as_stopped(*record);
  return net::to_entry(*record, store::Kind::final);
}

Result<store::Store> open_store(const cli::ServeOptions& options) {
  store::WriterOptions w;
  w.dir = options.store;
  w.map_bytes = options.store_map_bytes;
  w.now_ms = unix_ms_now();
  if (options.retain_ns) w.retention.age_ms = *options.retain_ns / kNsPerMs;
  w.retention.records = options.retain_records;
  w.retention.bytes = options.retain_bytes;
  if (auto random = random_octets(w.hmac_key.data(), w.hmac_key.size()); !random) {
    return std::move(random).error();
  }
  auto store = store::Store::open_writer(w);
  if (!store) return store;
  const auto swept = store->sweep(close_left_open, w.now_ms);
  if (!swept) return swept.error();
  if (*swept != 0) {
    log::warn("store", std::to_string(*swept) +
                           " calls were running when the recorder stopped; they are kept as "
                           "recorder_stopped");
  }
  // What has grown too old, or too much, while nothing ran.
  if (const auto pruned = store->prune(w.now_ms); !pruned) {
    log::warn("store", pruned.error().detail);
  }
  return store;
}

Result<tls::Authority> open_authority(const cli::ServeOptions& options,
                                      const relay::HostList& recorded) {
  const CaScope scope = ca_scope(recorded);
  const std::int64_t now = unix_ms_now() / 1000;
  if (options.ca_dir == "none") {
    return tls::Authority::create(scope.hosts, scope.ip_literals, now);
  }
  bool created = false;
  auto authority =
      tls::Authority::open(options.ca_dir, scope.hosts, scope.ip_literals, now, &created);
  if (authority && created) {
    log::info("ca", "made a new CA in " + options.ca_dir + ", root " +
                        authority->root_fingerprint() + "; clients must read it anew");
  }
  return authority;
}

Result<void> make_tls(const cli::ServeOptions& options, net::Shared& shared) {
  auto authority = open_authority(options, shared.settings.recorded);
  if (!authority) return std::move(authority).error();
  if (!options.ca_bundle_out.empty()) {
    const char* cert_file = std::getenv("SSL_CERT_FILE");
    // The variable may already point at the very file that is written here.
    const std::string_view wanted = cert_file != nullptr ? cert_file : "";
    const std::string system =
        tls::find_system_bundle(wanted == options.ca_bundle_out ? "" : wanted);
    if (system.empty()) {
      log::warn("ca", "no bundle of system roots was found: " + options.ca_bundle_out +
                          " holds our CA alone");
    }
    auto written = tls::write_bundle(options.ca_bundle_out, system, authority->root_pem());
    if (!written) return written;
  }
  auto mint = tls::Mint::create(*std::move(authority));
  if (!mint) return std::move(mint).error();
  shared.mint = *std::move(mint);
  auto client_facing = tls::make_client_facing_context();
  if (!client_facing) return std::move(client_facing).error();
  shared.client_facing = *std::move(client_facing);
  auto upstream = tls::make_upstream_context({.system = true, .files = options.upstream_ca});
  if (!upstream) return std::move(upstream).error();
  shared.upstream = *std::move(upstream);
  return {};
}

// One listening socket per loop for each way in; the loops share its port.
Result<std::vector<std::unique_ptr<net::Loop>>> make_loops(const cli::ServeOptions& options,
                                                           net::Shared& shared,
                                                           std::vector<net::Address> addresses) {
  const std::size_t count = std::clamp<std::size_t>(options.loops, 1, limits::kLoopsMax);
  std::vector<std::unique_ptr<net::Loop>> loops;
  for (std::size_t i = 0; i < count; ++i) {
    std::vector<net::Loop::Entrance> entrances;
    for (std::size_t door = 0; door < addresses.size(); ++door) {
      auto fd = net::listen_on(addresses[door], count > 1);
      if (!fd) return std::move(fd).error();
      if (i == 0) {
        addresses[door] = net::local_address(fd->get());  // the port that was found
        shared.listening.push_back(addresses[door]);
      }
      entrances.push_back({*std::move(fd), &shared.settings.doors[door]});
    }
    auto loop = net::Loop::make(shared, std::move(entrances));
    if (!loop) return std::move(loop).error();
    loops.push_back(*std::move(loop));
  }
  return loops;
}

Result<void> announce(const cli::ServeOptions& options, const net::Shared& shared,
                      const AdminPort* admin, const OnReady& on_ready) {
  std::string ready;
  for (std::size_t i = 0; i < shared.listening.size(); ++i) {
    const net::Address& address = shared.listening[i];
    const std::string what = describe(shared.settings.doors[i]);
    log::info("serve", "listening on " + address.text() + ", " + what + ", llmrec " LLMREC_VERSION);
    if (relay::classify(address.ip) != relay::AddressClass::loopback) {
      log::warn("serve", address.text() +
                             " is reachable from other machines, and anybody who "
                             "reaches it can use this proxy");
    }
    ready += what.substr(0, what.find(' ')) + " " + address.text() + "\n";
  }
  if (admin != nullptr) {
    const net::Address& address = admin->address();
    log::info("serve", "dashboard on http://" + address.text() + "/");
    if (relay::classify(address.ip) != relay::AddressClass::loopback) {
      log::warn("serve", address.text() +
                             " is reachable from other machines, and anybody who reaches it can "
                             "read the records");
    }
    ready += "admin " + address.text() + "\n";
  }
  if (on_ready) on_ready(ready);
  if (options.ready_file.empty()) return {};
  return write_file(options.ready_file, ready);
}

// The second signal does not wait for the calls. Runs beside join() below; woken by SIGUSR1 when
// there is nothing left to hurry.
void hurry_on_second_signal(const sigset_t& signals,
                            std::vector<std::unique_ptr<net::Loop>>& loops) {
  int number = SIGHUP;
  while (number == SIGHUP) {
    if (sigwait(&signals, &number) != 0) return;
  }
  if (number == SIGUSR1) return;
  log::warn("serve", "stopping now");
  for (auto& loop : loops) loop->wake_to_drain(0);
}

void run_until_signalled(const cli::ServeOptions& options, const sigset_t& signals,
                         std::vector<std::unique_ptr<net::Loop>>& loops, AdminPort* admin) {
  for (auto& loop : loops) loop->start();
  if (admin != nullptr) admin->start();
  int number = SIGHUP;
  while (number == SIGHUP || number == SIGUSR1) {
    if (sigwait(&signals, &number) != 0) break;
    if (number == SIGHUP) {
      log::warn("serve", "SIGHUP: a change of the configuration needs a restart");
    }
  }
  log::info("serve", "stopping: running calls have " +
                         std::to_string(options.drain_ns / kNsPerSecond) + " s to end");
  if (admin != nullptr) admin->begin_drain();
  for (auto& loop : loops) loop->wake_to_drain(options.drain_ns);
  std::thread hurry([&] { hurry_on_second_signal(signals, loops); });
  for (auto& loop : loops) loop->join();
  pthread_kill(hurry.native_handle(), SIGUSR1);
  hurry.join();
  if (admin != nullptr) admin->stop();  // it says that we drain, until that is done
}

Result<net::UniqueFd> listen_for_admin(const cli::ServeOptions& options) {
  if (options.admin.empty()) return net::UniqueFd();
  const auto address = net::parse_listen_address(options.admin);
  if (!address) return Error{address.error().code, "--admin: " + address.error().detail};
  return net::listen_on(*address, false);
}

}  // namespace

int serve(const cli::ServeOptions& options, const OnReady& on_ready) {
  log::set_level(static_cast<log::Level>(options.log_level));
  const std::size_t descriptors = prepare_process();
  if (!tls::init_secure_heap()) {  // before any key is made
    log::info("tls", "no locked memory for keys (RLIMIT_MEMLOCK); they live in ordinary memory");
  }
  // Blocked before any thread is made, so that only sigwait() sees them.
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGUSR1}) sigaddset(&signals, number);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  auto settings = make_settings(options, descriptors);
  if (!settings) return complain(settings.error(), kUsage);
  std::uint64_t seed = 0;
  if (auto random = random_octets(&seed, sizeof seed); !random) {
    return complain(random.error(), kCannotStart);
  }
  net::Shared shared(seed);
  if (auto key = tls::DigestKey::make()) {
    shared.digest_key = *std::move(key);
  } else {
    log::warn("tap", key.error().detail + "; a second try of a call is known by its headers only");
  }
  shared.settings = *std::move(settings);

  auto addresses = listen_addresses(options);
  if (!addresses) return complain(addresses.error(), kUsage);
  auto loops = make_loops(options, shared, *std::move(addresses));
  if (!loops) {
    const bool usage = loops.error().code == Code::bad_argument;
    return complain(loops.error(), usage ? kUsage : kCannotStart);
  }
  auto admin_socket = listen_for_admin(options);
  if (!admin_socket) {
    const bool usage = admin_socket.error().code == Code::bad_argument;
    return complain(admin_socket.error(), usage ? kUsage : kCannotStart);
  }
  auto store = open_store(options);
  if (!store) return complain(store.error(), kNoStore);
  if (auto made = make_tls(options, shared); !made) return complain(made.error(), kCannotStart);
  if (const auto last = store->last_id(); last && *last) shared.ids_not_before(**last);

  StoreGauge gauge(*store);
  std::optional<RecordLog> record_log;
  if (options.logged == cli::Logged::records) record_log.emplace(STDOUT_FILENO);
  Observers observers(record_log ? &*record_log : nullptr);
  shared.observers.push_back(&observers);
  store::Writer writer(*store, {.now = net::monotonic_now,
                                .unix_ms = unix_ms_now,
                                .log = log_from_store,
                                .after_commit = [&gauge] { gauge.after_commit(); }});
  shared.writer = &writer;
  std::unique_ptr<AdminPort> admin;
  if (*admin_socket) {
    auto made = AdminPort::make({&shared, &*store, &writer, &gauge, &observers,
                                 record_log ? &*record_log : nullptr, &*loops},
                                options.admin_notes, *std::move(admin_socket));
    if (!made) return complain(made.error(), kCannotStart);
    admin = *std::move(made);
  }
  if (auto told = announce(options, shared, admin.get(), on_ready); !told) {
    return complain(told.error(), kCannotStart);
  }
  run_until_signalled(options, signals, *loops, admin.get());
  admin.reset();
  loops->clear();
  if (record_log) record_log->stop();
  writer.stop();
  const store::WriterCounters counters = writer.counters();
  log::info("serve", "stopped; " + std::to_string(counters.committed) + " rows written, " +
                         std::to_string(counters.dropped) + " lost");
  return 0;
}

}  // namespace llmrec::daemon
