// Load generator and provider in one: clients that talk TLS through a relay, and the provider that
// the relay dials. Counts what arrives, and what the relay uses of the machine in the same time.
//
//   paced       every stream gets `rate` events of 320 octets in a second, evenly spread over all
//   flat        events as fast as they go, each in a TLS record of its own
//   bulk        pieces of 64 KiB as fast as they go
//   requests    one request (300 octets) and its answer (600) after the other, on kept connections
//   handshakes  a new connection for each request
//   idle        every stream gets one piece of 64 KiB, then nothing moves: memory
//
// One thread and one epoll for both roles: they share a CPU anyway, and switching between threads
// would cost more than it gives. After the measured window the streams run dry, and every octet
// sent has to have arrived. Prints one line of JSON.
#include <openssl/err.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "common.h"
#include "messages.h"
#include "net/out_queue.h"
#include "probe.h"
#include "tls/engine.h"

namespace llmrec::bench {
namespace {

using std::chrono::nanoseconds;
using std::chrono::steady_clock;
using tls::EngineStatus;

enum class Mode { paced, flat, bulk, requests, handshakes, idle };

struct Options {
  std::uint16_t relay = 0;
  std::uint16_t listen = 0;
  TlsFiles files;
  Mode mode = Mode::paced;
  std::size_t streams = 100;
  double rate = 50;
  double warmup_s = 0.3;
  double seconds = 2;
  pid_t pid = 0;
  std::string connect;  // authority for a CONNECT before TLS; empty: none
  bool syscalls = false;
};

// Events in one send of the flat mode: a system call for each would make this program the slowest.
constexpr int kEventsPerSend = 32;
constexpr std::size_t kReadOctets = 256 * 1024;
constexpr std::size_t kOpeningAtOnce = 64;
constexpr int kEpollEvents = 256;
constexpr auto kPatience = std::chrono::seconds(60);  // to connect, and to run dry

struct Connection {
  bool client = false;
  net::UniqueFd fd;
  std::optional<tls::Engine> tls;
  net::OutQueue queue;
  std::string proxy_answer;    // to our CONNECT
  bool tunnel = false;         // TLS may be spoken
  std::uint64_t received = 0;  // plain octets, of the message that is under way
  bool streaming = false;      // provider: its request came
  bool ready = false;          // client: something has come
  std::uint32_t events = 0;    // what epoll was told
  bool dead = false;
};

class Load {
 public:
  explicit Load(Options options);
  void run();

 private:
  enum class Phase { connecting, warming, measuring, draining, done };

  bool streams() const { return o_.mode <= Mode::bulk || o_.mode == Mode::idle; }
  bool greedy() const { return o_.mode == Mode::flat || o_.mode == Mode::bulk; }
  bool sending() const { return phase_ <= Phase::measuring; }

  // The run.
  void next_phase();
  void begin(Phase phase, nanoseconds length);
  void pace();
  nanoseconds wait() const;
  void report() const;

  // Connections.
  Connection& add(bool client, net::UniqueFd fd);
  void open_more();
  void on_connection();
  void on_event(Connection& c, std::uint32_t events);
  void on_readable(Connection& c);
  bool on_tunnel(Connection& c, Bytes& octets);
  void on_plain(Connection& c, std::size_t octets);
  void on_answer_octets(Connection& c, std::size_t octets);
  void on_request(Connection& c);
  void send_pieces(Connection& c);
  void encrypt(Connection& c, Bytes plain);
  void send(Connection& c);  // what encrypt() has gathered
  void flush(Connection& c);
  void watch(Connection& c);
  void remove(Connection& c);

  Options o_;
  Contexts contexts_;
  net::UniqueFd listener_;
  net::UniqueFd epoll_;
  Probe probe_;
  Bytes piece_;
  std::vector<std::unique_ptr<Connection>> all_;
  std::vector<Connection*> providers_;  // streams that were asked for, in order
  bool any_dead_ = false;
  std::size_t opened_ = 0;
  std::size_t opening_ = 0;
  std::size_t ready_ = 0;

  Phase phase_ = Phase::connecting;
  steady_clock::time_point phase_ends_;
  steady_clock::time_point pace_began_;
  std::uint64_t paced_ = 0;
  std::uint64_t sent_ = 0;      // octets of pieces
  std::uint64_t received_ = 0;  // the same, arrived
  std::uint64_t answers_ = 0;

  struct Mark {
    Usage usage;
    steady_clock::time_point at;
    std::uint64_t received = 0;
    std::uint64_t answers = 0;
  };
  Mark mark() const { return {probe_.read(), steady_clock::now(), received_, answers_}; }
  Mark start_;
  Mark first_;
  Mark last_;

  std::array<char, kReadOctets> read_{};
  tls::CipherOut cipher_;
  tls::PlainOut plain_;
};

Load::Load(Options options)
    : o_(std::move(options)),
      contexts_(make_contexts(o_.files)),
      listener_(listen_on(o_.listen)),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      probe_(o_.pid, o_.syscalls),
      piece_(o_.mode == Mode::bulk || o_.mode == Mode::idle ? bulk_piece() : event_piece()) {
  epoll_event event{};
  event.events = EPOLLIN;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, listener_.get(), &event) != 0) give_up("epoll");
}

// --- the run ---------------------------------------------------------------------------

void Load::run() {
  start_ = mark();
  begin(Phase::connecting, kPatience);
  std::array<epoll_event, kEpollEvents> events{};
  while (phase_ != Phase::done) {
    open_more();
    const nanoseconds ns = wait();
    const timespec timeout{static_cast<time_t>(ns.count() / kNsPerSecond),
                           static_cast<long>(ns.count() % kNsPerSecond)};
    const int n = ::epoll_pwait2(epoll_.get(), events.data(), kEpollEvents, &timeout, nullptr);
    for (int i = 0; i < n; ++i) {
      const epoll_event& event = events[static_cast<std::size_t>(i)];
      auto* c = static_cast<Connection*>(event.data.ptr);
      if (c == nullptr) {
        on_connection();
      } else if (!c->dead) {
        on_event(*c, event.events);
      }
    }
    // Only now: an event of this turn may still have pointed there.
    if (std::exchange(any_dead_, false)) {
      std::erase_if(all_, [](const auto& c) { return c->dead; });
    }
    if (o_.mode == Mode::paced && (phase_ == Phase::warming || phase_ == Phase::measuring)) pace();
    next_phase();
  }
  report();
}

void Load::begin(Phase phase, nanoseconds length) {
  phase_ = phase;
  phase_ends_ = steady_clock::now() + length;
}

void Load::next_phase() {
  const auto of = [](double s) { return nanoseconds(static_cast<std::int64_t>(s * 1e9)); };
  const bool over = steady_clock::now() >= phase_ends_;
  switch (phase_) {
    case Phase::connecting:
      if (over) give_up("not all connections came about");
      if (ready_ < o_.streams) return;
      begin(Phase::warming, of(o_.warmup_s));
      pace_began_ = steady_clock::now();
      if (greedy()) {
        for (Connection* c : providers_) watch(*c);
      }
      return;
    case Phase::warming:
      if (!over) return;
      first_ = mark();
      return begin(Phase::measuring, of(o_.seconds));
    case Phase::measuring:
      if (!over) return;
      last_ = mark();
      return begin(Phase::draining, kPatience);
    case Phase::draining:
      if (!streams() || received_ == sent_) phase_ = Phase::done;
      if (received_ > sent_ || (over && phase_ != Phase::done)) {
        give_up("octets: " + std::to_string(sent_) + " sent, " + std::to_string(received_) +
                " arrived");
      }
      return;
    case Phase::done:
      return;
  }
}

// Event number k of all is due k / (rate * streams) seconds after the beginning.
void Load::pace() {
  const std::chrono::duration<double> since = steady_clock::now() - pace_began_;
  const auto due =
      static_cast<std::uint64_t>(since.count() * o_.rate * static_cast<double>(providers_.size()));
  for (; paced_ < due; ++paced_) send_pieces(*providers_[paced_ % providers_.size()]);
}

nanoseconds Load::wait() const {
  const auto now = steady_clock::now();
  nanoseconds wait = phase_ends_ - now;
  if (o_.mode == Mode::paced && !providers_.empty()) {
    const double next = static_cast<double>(paced_ + 1) / o_.rate;
    const nanoseconds due(
        static_cast<std::int64_t>(next * 1e9 / static_cast<double>(providers_.size())));
    if (phase_ == Phase::warming || phase_ == Phase::measuring) {
      wait = std::min<nanoseconds>(wait, pace_began_ + due - now);
    }
  }
  if (phase_ == Phase::draining) wait = std::min<nanoseconds>(wait, std::chrono::milliseconds(1));
  return std::max(wait, nanoseconds(0));
}

void Load::report() const {
  const std::uint64_t octets = last_.received - first_.received;
  const std::uint64_t units = streams() ? octets / piece_.size() : last_.answers - first_.answers;
  const std::chrono::duration<double> seconds = last_.at - first_.at;
  const Usage& a = first_.usage;
  const Usage& b = last_.usage;
  const std::string syscalls =
      a.syscalls && b.syscalls ? std::to_string(*b.syscalls - *a.syscalls) : "null";
  std::printf(
      "{\"streams\":%zu,\"seconds\":%.3f,\"units\":%llu,\"octets\":%llu,\"cpu_ns\":%llu,"
      "\"voluntary\":%llu,\"involuntary\":%llu,\"memory_kib\":%lld,\"syscalls\":%s}\n",
      o_.streams, seconds.count(), static_cast<unsigned long long>(units),
      static_cast<unsigned long long>(octets), static_cast<unsigned long long>(b.cpu_ns - a.cpu_ns),
      static_cast<unsigned long long>(b.voluntary - a.voluntary),
      static_cast<unsigned long long>(b.involuntary - a.involuntary),
      static_cast<long long>(b.anonymous_kib) - static_cast<long long>(start_.usage.anonymous_kib),
      syscalls.c_str());
}

// --- connections -----------------------------------------------------------------------

Connection& Load::add(bool client, net::UniqueFd fd) {
  auto c = std::make_unique<Connection>();
  c->client = client;
  c->fd = std::move(fd);
  c->tunnel = !client || o_.connect.empty();
  c->tls.emplace(
      client ? dial_tls(contexts_.upstream.get()) : accept_tls(contexts_.client_facing.get()),
      client ? tls::Role::upstream : tls::Role::client_facing);
  c->events = EPOLLIN;
  epoll_event event{};
  event.events = c->events;
  event.data.ptr = c.get();
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, c->fd.get(), &event) != 0) give_up("epoll");
  all_.push_back(std::move(c));
  return *all_.back();
}

void Load::open_more() {
  while (sending() && opened_ < o_.streams && opening_ < kOpeningAtOnce) {
    ++opened_;
    ++opening_;
    Connection& c = add(true, connect_to(o_.relay));
    cipher_.clear();
    if (c.tunnel) {
      c.tls->start(cipher_);
    } else {
      const std::string head =
          "CONNECT " + o_.connect + " HTTP/1.1\r\nhost: " + o_.connect + "\r\n\r\n";
      cipher_.append(head.data(), head.size());
    }
    send(c);
  }
}

void Load::on_connection() {
  while (net::UniqueFd fd = accept_from(listener_.get())) add(false, std::move(fd));
}

void Load::on_event(Connection& c, std::uint32_t events) {
  if ((events & EPOLLOUT) != 0) {
    flush(c);
    if (greedy() && !c.client && c.queue.empty() && sending()) send_pieces(c);
  }
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) on_readable(c);
  if (!c.dead) watch(c);
}

void Load::on_readable(Connection& c) {
  const ssize_t n = ::recv(c.fd.get(), read_.data(), read_.size(), 0);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  Bytes octets(read_.data(), n > 0 ? static_cast<std::size_t>(n) : 0);
  cipher_.clear();
  if (octets.empty() || (!c.tunnel && !on_tunnel(c, octets))) {
    if (n <= 0) remove(c);
    return;
  }
  plain_.clear();
  const bool begins = !c.tls->handshake_complete();
  const EngineStatus status = c.tls->feed(octets, plain_, cipher_);
  if (status == EngineStatus::failed) give_up("TLS: " + std::string(c.tls->failure()));
  if (begins && c.client && c.tls->handshake_complete()) encrypt(c, request_message());
  if (!plain_.empty()) on_plain(c, plain_.size());
  send(c);
  if (status == EngineStatus::closed) remove(c);
}

// The answer to our CONNECT. True when it is whole; `octets` are then those behind it.
bool Load::on_tunnel(Connection& c, Bytes& octets) {
  c.proxy_answer.append(octets);
  const std::size_t end = c.proxy_answer.find("\r\n\r\n");
  if (end == std::string::npos) return false;
  if (c.proxy_answer.compare(0, 12, "HTTP/1.1 200") != 0) give_up(c.proxy_answer);
  octets.remove_prefix(octets.size() - (c.proxy_answer.size() - end - 4));
  c.tunnel = true;
  c.tls->start(cipher_);
  return true;
}

void Load::on_plain(Connection& c, std::size_t octets) {
  if (c.client) return on_answer_octets(c, octets);
  c.received += octets;
  for (; c.received >= kRequestOctets; c.received -= kRequestOctets) on_request(c);
}

void Load::on_answer_octets(Connection& c, std::size_t octets) {
  if (!c.ready) {
    c.ready = true;
    ++ready_;
    --opening_;
  }
  if (streams()) {
    const std::size_t head = std::min<std::size_t>(octets, stream_head().size() - c.received);
    c.received += head;
    received_ += octets - head;
    return;
  }
  c.received += octets;
  if (c.received < kAnswerOctets) return;
  c.received = 0;
  ++answers_;
  if (!sending()) return;
  if (o_.mode == Mode::requests) return encrypt(c, request_message());
  c.tls->close_notify(cipher_);
  send(c);
  remove(c);
  --opened_;
}

void Load::on_request(Connection& c) {
  if (!streams()) return encrypt(c, answer_message());
  encrypt(c, stream_head());
  c.streaming = true;
  providers_.push_back(&c);
  if (o_.mode != Mode::idle) return;
  send(c);
  send_pieces(c);
}

void Load::send_pieces(Connection& c) {
  cipher_.clear();
  for (int i = o_.mode == Mode::flat ? kEventsPerSend : 1; i > 0; --i) {
    encrypt(c, piece_);
    sent_ += piece_.size();
  }
  send(c);
  watch(c);
}

void Load::encrypt(Connection& c, Bytes plain) {
  if (!c.tls->write(plain, cipher_)) give_up("a write was not taken");
}

void Load::send(Connection& c) {
  Bytes octets = cipher_.view();
  if (c.queue.empty() && !octets.empty()) {
    const ssize_t n = ::send(c.fd.get(), octets.data(), octets.size(), MSG_NOSIGNAL);
    if (n > 0) octets.remove_prefix(static_cast<std::size_t>(n));
  }
  if (!octets.empty()) c.queue.append(octets);
  cipher_.clear();
}

void Load::flush(Connection& c) {
  while (!c.queue.empty()) {
    const Bytes octets = c.queue.front();
    const ssize_t n = ::send(c.fd.get(), octets.data(), octets.size(), MSG_NOSIGNAL);
    if (n < 0) return;
    c.queue.drop(static_cast<std::size_t>(n));
  }
}

void Load::watch(Connection& c) {
  const bool goes_on = greedy() && !c.client && sending() && phase_ != Phase::connecting;
  const std::uint32_t wanted = EPOLLIN | (goes_on || !c.queue.empty() ? EPOLLOUT : 0U);
  if (wanted == c.events) return;
  c.events = wanted;
  epoll_event event{};
  event.events = wanted;
  event.data.ptr = &c;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, c.fd.get(), &event) != 0) give_up("epoll");
}

void Load::remove(Connection& c) {
  if (c.dead) return;
  // One that never asked for anything was somebody's look whether the relay listens.
  if (streams() && (c.client || c.streaming)) give_up("the relay has ended a stream");
  any_dead_ = c.dead = true;
  c.fd = net::UniqueFd();
}

Options parse(int argc, char** argv) {
  const std::map<std::string, Mode> modes{{"paced", Mode::paced},
                                          {"flat", Mode::flat},
                                          {"bulk", Mode::bulk},
                                          {"requests", Mode::requests},
                                          {"handshakes", Mode::handshakes},
                                          {"idle", Mode::idle}};
  Options o;
  CLI::App app("Load generator and provider for a TLS relay on 127.0.0.1");
  app.add_option("--relay", o.relay, "port of the relay")->required();
  app.add_option("--listen", o.listen, "port of the provider")->required();
  app.add_option("--cert", o.files.certificate, "the provider's certificate chain")->required();
  app.add_option("--key", o.files.key, "its key")->required();
  app.add_option("--ca", o.files.ca, "root that the relay is verified by")->required();
  app.add_option("--pid", o.pid, "process that is measured")->required();
  app.add_option("--mode", o.mode)->transform(CLI::CheckedTransformer(modes))->required();
  app.add_option("--streams", o.streams, "connections")->check(CLI::Range(1, 100'000));
  app.add_option("--rate", o.rate, "paced: events per stream and second");
  app.add_option("--warmup", o.warmup_s, "seconds before the window");
  app.add_option("--seconds", o.seconds, "the window");
  app.add_option("--connect", o.connect, "HOST:PORT for a CONNECT before TLS");
  app.add_flag("--syscalls", o.syscalls, "count system calls; slows the relay down");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    std::exit(app.exit(e));
  }
  std::signal(SIGPIPE, SIG_IGN);
  return o;
}

}  // namespace
}  // namespace llmrec::bench

int main(int argc, char** argv) {
  const auto load = std::make_unique<llmrec::bench::Load>(llmrec::bench::parse(argc, argv));
  load->run();
}
