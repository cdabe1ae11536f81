#include "support/fake_provider.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "support/provider_connection.h"

namespace llmrec::support {

ConnectionLog& LogBook::add() {
  const std::lock_guard lock(mutex_);
  logs_.emplace_back().index = logs_.size() - 1;
  return logs_.back();
}

Logs LogBook::copy() const {
  const std::lock_guard lock(mutex_);
  return logs_;
}

bool LogBook::wait_for(const std::function<bool(const Logs&)>& predicate, std::int64_t timeout_ms) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, std::chrono::milliseconds(timeout_ms),
                           [&] { return predicate(logs_); });
}

void LogBook::open_gate(const std::string& name) {
  const std::lock_guard lock(mutex_);
  gates_.insert(name);
}

bool LogBook::gate_is_open(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  return gates_.contains(name);
}

ProviderOptions provider_with(const TestCa& ca, LeafKind kind,
                              const std::vector<std::string>& names) {
  ProviderOptions options;
  options.tls.emplace().leaf = ca.leaf(kind, names);
  return options;
}

namespace {

[[noreturn]] void fail(const char* what) {
  throw std::runtime_error(std::string(what) + ": " + std::strerror(errno));
}

UniqueFd listen_on_loopback(std::uint16_t port, bool v6, std::uint16_t& bound) {
  UniqueFd fd(::socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) fail("socket");
  const int one = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  sockaddr_storage at;
  socklen_t size = loopback_address(port, v6, at);
  if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&at), size) != 0) fail("bind");
  if (::listen(fd.get(), 1024) != 0) fail("listen");
  if (::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&at), &size) != 0) fail("getsockname");
  bound = ntohs(v6 ? reinterpret_cast<sockaddr_in6*>(&at)->sin6_port
                   : reinterpret_cast<sockaddr_in*>(&at)->sin_port);
  return fd;
}

}  // namespace

FakeProvider::FakeProvider(ProviderOptions options) : options_(std::move(options)) {
  if (options_.tls) tls_ = make_server_context(*options_.tls);
  listener_ = listen_on_loopback(options_.port, options_.v6, port_);
  wake_ = UniqueFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake_) fail("eventfd");
  acceptor_ = std::thread([this] { accept_loop(); });
}

FakeProvider::~FakeProvider() { stop(); }

void FakeProvider::stop() {
  if (!acceptor_.joinable()) return;
  const std::uint64_t one = 1;
  if (::write(wake_.get(), &one, sizeof one) < 0) std::abort();
  acceptor_.join();
  listener_.reset();
  const std::lock_guard lock(workers_mutex_);
  for (auto& worker : workers_) worker.connection->stop();
  for (auto& worker : workers_) worker.thread.join();
  workers_.clear();
}

void FakeProvider::accept_loop() {
  while (true) {
    std::array<pollfd, 2> p{{{wake_.get(), POLLIN, 0}, {listener_.get(), POLLIN, 0}}};
    if (::poll(p.data(), p.size(), -1) < 0) continue;
    if (p[0].revents != 0) return;
    UniqueFd socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (socket) {
      start(std::move(socket));
    } else if (errno == EMFILE || errno == ENFILE) {
      ::poll(p.data(), 1, 10);  // the connection stays in the queue until a descriptor is free
    }
    reap();
  }
}

void FakeProvider::start(UniqueFd socket) {
  prepare_socket(socket.get());
  Worker worker;
  if (!options_.keep_logs) worker.own_log = std::make_unique<ConnectionLog>();
  ConnectionLog& log = options_.keep_logs ? book_.add() : *worker.own_log;
  book_.change(log, [](ConnectionLog& l) { l.accepted_at = now(); });
  worker.connection =
      std::make_unique<ProviderConnection>(std::move(socket), options_, tls_.get(), book_, log);
  // In the list before it can stand at a gate: open_gate() wakes only whom it finds there.
  const std::lock_guard lock(workers_mutex_);
  worker.thread = std::thread([c = worker.connection.get()] { c->run(); });
  workers_.push_back(std::move(worker));
}

void FakeProvider::reap() {
  const std::lock_guard lock(workers_mutex_);
  std::erase_if(workers_, [](Worker& worker) {
    if (!worker.connection->done()) return false;
    worker.thread.join();
    return true;
  });
}

bool FakeProvider::wait_for(std::size_t connection,
                            const std::function<bool(const ConnectionLog&)>& predicate,
                            std::int64_t timeout_ms) {
  return wait_for(
      [&](const Logs& logs) { return logs.size() > connection && predicate(logs[connection]); },
      timeout_ms);
}

bool FakeProvider::wait_finished(std::size_t connections, std::int64_t timeout_ms) {
  return wait_for(
      [connections](const Logs& logs) {
        return static_cast<std::size_t>(std::count_if(logs.begin(), logs.end(), [](const auto& l) {
                 return l.finished;
               })) >= connections;
      },
      timeout_ms);
}

void FakeProvider::open_gate(const std::string& name) {
  book_.open_gate(name);
  const std::lock_guard lock(workers_mutex_);
  for (auto& worker : workers_) worker.connection->wake();
}

}  // namespace llmrec::support
