// Data path C, the product's: uv_poll_t, plain recv and send (net/socket.h), TLS over a BIO that
// reads the receive buffer and writes the loop's cipher buffer (tls/engine.h).
// Otherwise as relays/floor.cc: nothing parsed, no timeouts, the first end closes both.
// One thread.
#include <uv.h>

#include <array>
#include <memory>
#include <optional>
#include <utility>

#include "../common.h"
#include "net/listener.h"
#include "net/out_queue.h"
#include "tls/engine.h"

namespace llmrec::bench {
namespace {

using tls::EngineStatus;

class Relay;

class Pair {
 public:
  // Owns itself: deleted when both handles are closed.
  Pair(Relay& relay, net::UniqueFd client);

 private:
  struct End final : net::SocketOwner {
    explicit End(Pair& p) : pair(p) {}
    void on_readable() noexcept override { pair.on_readable(*this); }
    void on_writable() noexcept override { pair.on_writable(*this); }
    void on_broken() noexcept override { pair.on_broken(*this); }
    void on_socket_closed() noexcept override {
      if (--pair.handles_ == 0) delete &pair;
    }
    Pair& pair;
    net::Socket socket{*this};
    std::optional<tls::Engine> tls;
    net::OutQueue queue;
    Throttle throttle;  // of the other end, which fills the queue
  };

  ~Pair() = default;
  End& other(const End& end) { return &end == &client_ ? upstream_ : client_; }
  void open(End& end, net::UniqueFd fd, tls::UniqueSsl ssl, tls::Role role);
  void on_readable(End& end);
  void on_writable(End& end);
  void on_broken(End& end);
  void send_plain(End& end, Bytes plain);
  void send(End& end, Bytes octets);
  void begin_end(End& end);
  void update_interest();

  Relay& relay_;
  End client_{*this};
  End upstream_{*this};
  int handles_ = 0;
  bool ending_ = false;
};

class Relay {
 public:
  explicit Relay(const RelayOptions& options)
      : options_(options),
        contexts_(make_contexts(options.files)),
        listener_([this](net::UniqueFd fd, const net::Address&) { on_accept(std::move(fd)); },
                  [] { return true; }, [] {}) {
    if (uv_loop_init(&loop_) != 0) give_up("uv_loop_init");
    if (!listener_.open(&loop_, bench::listen_on(options.listen))) give_up("the listener");
  }

  void run() { uv_run(&loop_, UV_RUN_DEFAULT); }

 private:
  friend class Pair;
  void on_accept(net::UniqueFd fd) {
    net::tune(fd.get());
    new Pair(*this, std::move(fd));
  }

  RelayOptions options_;
  Contexts contexts_;
  uv_loop_t loop_{};
  net::Listener listener_;
  std::array<char, limits::kReadOctets> read_{};
  tls::CipherOut cipher_;
  tls::PlainOut plain_;
};

Pair::Pair(Relay& relay, net::UniqueFd client) : relay_(relay) {
  Contexts& contexts = relay.contexts_;
  open(client_, std::move(client), accept_tls(contexts.client_facing.get()),
       tls::Role::client_facing);
  open(upstream_, connect_to(relay.options_.upstream), dial_tls(contexts.upstream.get()),
       tls::Role::upstream);
  relay.cipher_.clear();
  upstream_.tls->start(relay.cipher_);
  send(upstream_, relay.cipher_.view());
  update_interest();
}

void Pair::open(End& end, net::UniqueFd fd, tls::UniqueSsl ssl, tls::Role role) {
  if (relay_.options_.keep_buffers) SSL_clear_mode(ssl.get(), SSL_MODE_RELEASE_BUFFERS);
  end.tls.emplace(std::move(ssl), role);
  if (!end.socket.open(&relay_.loop_, std::move(fd))) give_up("uv_poll_init_socket");
  ++handles_;
}

void Pair::on_readable(End& end) {
  if (ending_) return;
  const net::IoResult r = end.socket.receive(relay_.read_.data(), relay_.read_.size());
  if (r.io == net::Io::eof || r.io == net::Io::reset) begin_end(end);
  if (r.io == net::Io::ok) {
    relay_.cipher_.clear();
    relay_.plain_.clear();
    const EngineStatus status =
        end.tls->feed({relay_.read_.data(), r.octets}, relay_.plain_, relay_.cipher_);
    if (!relay_.cipher_.empty()) send(end, relay_.cipher_.view());
    if (!relay_.plain_.empty()) send_plain(other(end), relay_.plain_.view());
    if (status == EngineStatus::closed || status == EngineStatus::failed) begin_end(end);
  }
  update_interest();
}

void Pair::on_writable(End& end) {
  while (!end.queue.empty()) {
    const net::IoResult r = end.socket.send(end.queue.front());
    if (r.io == net::Io::again) break;
    if (r.io == net::Io::reset) {
      begin_end(end);
      break;
    }
    end.queue.drop(r.octets);
  }
  end.throttle.on_queue(end.queue.size());
  update_interest();
}

void Pair::on_broken(End& end) {
  begin_end(end);
  end.queue.clear();
  update_interest();
}

void Pair::send_plain(End& end, Bytes plain) {
  relay_.cipher_.clear();
  if (!end.tls->write(plain, relay_.cipher_)) return begin_end(end);
  send(end, relay_.cipher_.view());
}

void Pair::send(End& end, Bytes octets) {
  if (end.queue.empty() && !octets.empty()) {
    const net::IoResult r = end.socket.send(octets);
    if (r.io == net::Io::reset) return begin_end(end);
    octets.remove_prefix(r.octets);
  }
  if (!octets.empty()) end.queue.append(octets);
  end.throttle.on_queue(end.queue.size());
}

void Pair::begin_end(End& end) {
  if (ending_) return;
  ending_ = true;
  end.queue.clear();
  End& to = other(end);
  relay_.cipher_.clear();
  to.tls->close_notify(relay_.cipher_);
  send(to, relay_.cipher_.view());
}

void Pair::update_interest() {
  if (ending_ && client_.queue.empty() && upstream_.queue.empty()) {
    client_.socket.close();
    upstream_.socket.close();
    return;
  }
  for (End* end : {&client_, &upstream_}) {
    // The upstream's handshake comes first: then the client's first octets find a place to go.
    const bool may_read = upstream_.tls->handshake_complete() || end == &upstream_;
    end->socket.want(may_read && !ending_ && !other(*end).throttle.choked(), !end->queue.empty());
  }
}

}  // namespace
}  // namespace llmrec::bench

int main(int argc, char** argv) {
  const auto options = llmrec::bench::parse_relay_options(
      argc, argv, "Data path C: uv_poll_t, recv and send, TLS over spans");
  const auto relay = std::make_unique<llmrec::bench::Relay>(options);
  relay->run();
}
