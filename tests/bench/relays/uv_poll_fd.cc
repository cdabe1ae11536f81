// Data path B: uv_poll_t, and OpenSSL reads and writes the sockets by itself (SSL_set_fd).
//   without --read-ahead  two reads per record (header, body) and one that says there is no more;
//                         a turn takes all there is, up to limits::kReadOctets
//   with --read-ahead     one read of up to limits::kReadOctets; a turn goes on while OpenSSL has
//                         octets left over
// Each is the better of the two ways for its setting. A record is written by a write of its own,
// and what the socket does not take waits as plain text.
// Otherwise as relays/floor.cc: nothing parsed, no timeouts, the first end closes both.
// One thread.
#include <openssl/err.h>
#include <uv.h>

#include <array>
#include <memory>
#include <utility>

#include "../common.h"
#include "net/listener.h"
#include "net/out_queue.h"

namespace llmrec::bench {
namespace {

constexpr std::size_t kPlainOctets = limits::kReadOctets + 16384;
// With read-ahead a turn that stops early is dear, see End::left_over; yet it has to stop.
constexpr std::size_t kTurnOctets = 4 * limits::kReadOctets;

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
    tls::UniqueSsl ssl;
    net::OutQueue queue;  // plain text
    Throttle throttle;    // of the other end, which fills the queue
    bool connected = false;
    bool handshake_blocked = false;  // it wants to write
    bool left_over = false;          // OpenSSL holds octets that no event will tell of
  };

  ~Pair() = default;
  End& other(const End& end) { return &end == &client_ ? upstream_ : client_; }
  void open(End& end, net::UniqueFd fd, tls::UniqueSsl ssl);
  void on_readable(End& end);
  void on_writable(End& end);
  void on_broken(End& end);
  bool advance(End& end);
  void forward(End& from);
  std::size_t write(End& end, Bytes plain);  // how many were taken
  void send(End& end, Bytes plain);
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
  std::array<char, kPlainOctets> plain_{};
};

Pair::Pair(Relay& relay, net::UniqueFd client) : relay_(relay) {
  Contexts& contexts = relay.contexts_;
  open(client_, std::move(client), accept_tls(contexts.client_facing.get()));
  open(upstream_, connect_to(relay.options_.upstream), dial_tls(contexts.upstream.get()));
  advance(upstream_);
  update_interest();
}

void Pair::open(End& end, net::UniqueFd fd, tls::UniqueSsl ssl) {
  SSL* raw = ssl.get();
  if (SSL_set_fd(raw, fd.get()) != 1) give_up("SSL_set_fd");
  if (relay_.options_.keep_buffers) SSL_clear_mode(raw, SSL_MODE_RELEASE_BUFFERS);
  if (relay_.options_.read_ahead) {
    SSL_set_read_ahead(raw, 1);
    SSL_set_default_read_buffer_len(raw, limits::kReadOctets);
  }
  end.ssl = std::move(ssl);
  if (!end.socket.open(&relay_.loop_, std::move(fd))) give_up("uv_poll_init_socket");
  ++handles_;
}

void Pair::on_readable(End& end) {
  if (ending_) return;
  // With read-ahead, application data may have come with the end of the handshake.
  if (end.connected || (advance(end) && SSL_has_pending(end.ssl.get()) == 1)) forward(end);
  update_interest();
}

bool Pair::advance(End& end) {
  ERR_clear_error();
  const int ret = SSL_do_handshake(end.ssl.get());
  end.handshake_blocked = false;
  if (ret == 1) return end.connected = true;
  const int error = SSL_get_error(end.ssl.get(), ret);
  end.handshake_blocked = error == SSL_ERROR_WANT_WRITE;
  if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) begin_end(end);
  return false;
}

void Pair::forward(End& from) {
  SSL* ssl = from.ssl.get();
  End& to = other(from);
  auto& plain = relay_.plain_;
  const bool ahead = relay_.options_.read_ahead;
  const std::size_t most = ahead ? kTurnOctets : limits::kReadOctets;
  std::size_t size = 0;
  std::size_t total = 0;
  int ret = 1;
  bool more = true;
  while (more) {
    std::size_t n = 0;
    ERR_clear_error();
    ret = SSL_read_ex(ssl, plain.data() + size, plain.size() - size, &n);
    size += n;
    total += n;
    more = ret == 1 && total < most && (!ahead || SSL_has_pending(ssl) == 1);
    if (more && size >= limits::kReadOctets) {
      send(to, {plain.data(), std::exchange(size, 0)});
      more = !ending_ && !to.throttle.choked();
    }
  }
  const int error = ret == 1 ? SSL_ERROR_NONE : SSL_get_error(ssl, ret);
  from.left_over = ret == 1 && SSL_has_pending(ssl) == 1;
  if (size > 0) send(to, {plain.data(), size});
  if (error != SSL_ERROR_NONE && error != SSL_ERROR_WANT_READ) begin_end(from);
}

std::size_t Pair::write(End& end, Bytes plain) {
  std::size_t taken = 0;
  ERR_clear_error();
  while (taken < plain.size()) {
    std::size_t n = 0;
    const int ret = SSL_write_ex(end.ssl.get(), plain.data() + taken, plain.size() - taken, &n);
    if (ret != 1) {
      if (SSL_get_error(end.ssl.get(), ret) != SSL_ERROR_WANT_WRITE) begin_end(end);
      break;
    }
    taken += n;
  }
  return taken;
}

void Pair::send(End& end, Bytes plain) {
  if (end.queue.empty()) plain.remove_prefix(write(end, plain));
  if (!plain.empty()) end.queue.append(plain);
  end.throttle.on_queue(end.queue.size());
}

void Pair::on_writable(End& end) {
  if (!end.connected) {
    if (!ending_) advance(end);
  } else if (!end.queue.empty()) {
    const std::size_t taken = write(end, end.queue.front());
    if (!end.queue.empty()) end.queue.drop(taken);  // a failure has cleared it
    end.throttle.on_queue(end.queue.size());
    if (ending_ && end.queue.empty()) SSL_shutdown(end.ssl.get());
  }
  if (end.left_over && !ending_ && !other(end).throttle.choked()) forward(end);
  update_interest();
}

void Pair::on_broken(End& end) {
  begin_end(end);
  end.queue.clear();
  update_interest();
}

void Pair::begin_end(End& end) {
  if (ending_) return;
  ending_ = true;
  end.queue.clear();
  End& to = other(end);
  if (!to.connected) return to.queue.clear();
  if (to.queue.empty()) SSL_shutdown(to.ssl.get());
}

void Pair::update_interest() {
  if (ending_ && client_.queue.empty() && upstream_.queue.empty()) {
    client_.socket.close();
    upstream_.socket.close();
    return;
  }
  for (End* end : {&client_, &upstream_}) {
    // The upstream's handshake comes first: then the client's first octets find a place to go.
    const bool may_read = upstream_.connected || end == &upstream_;
    const bool wanted = may_read && !ending_ && !other(*end).throttle.choked();
    // A socket that can be written to is the wake-up for what OpenSSL still holds.
    end->socket.want(wanted,
                     !end->queue.empty() || end->handshake_blocked || (wanted && end->left_over));
  }
}

}  // namespace
}  // namespace llmrec::bench

int main(int argc, char** argv) {
  const auto options =
      llmrec::bench::parse_relay_options(argc, argv, "Data path B: uv_poll_t and SSL_set_fd");
  const auto relay = std::make_unique<llmrec::bench::Relay>(options);
  relay->run();
}
