// The floor: the cheapest relay that terminates TLS on both sides. Bare epoll and OpenSSL's memory
// BIOs; a turn of one connection is one recv, one loop of SSL_read, one SSL_write, one send.
// Parses nothing, knows no timeouts, and does not mirror ends: the first end of either side closes
// both once what is queued has gone. What the product costs above this is what its features cost.
// One thread.
#include <openssl/bio.h>
#include <openssl/err.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <utility>
#include <vector>

#include "../common.h"
#include "net/out_queue.h"

namespace llmrec::bench {
namespace {

// A record that was begun in an earlier turn may end in this one.
constexpr std::size_t kPlainOctets = limits::kReadOctets + 16384;
constexpr int kEventsPerTurn = 256;

struct Pair;

struct End {
  Pair* pair = nullptr;
  net::UniqueFd fd;
  tls::UniqueSsl ssl;
  BIO* in = nullptr;   // owned by ssl
  BIO* out = nullptr;  // owned by ssl
  net::OutQueue queue;
  Throttle throttle;         // of the other end, which fills the queue
  std::uint32_t events = 0;  // what epoll was told
  bool connected = false;    // the handshake is done
};

struct Pair {
  End client;
  End upstream;
  bool ending = false;
  bool dead = false;
  End& other(const End& end) { return &end == &client ? upstream : client; }
};

class Floor {
 public:
  explicit Floor(const RelayOptions& options)
      : options_(options),
        contexts_(make_contexts(options.files)),
        listener_(bench::listen_on(options.listen)),
        epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    epoll_event event{};
    event.events = EPOLLIN;
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, listener_.get(), &event) != 0) give_up("epoll");
  }

  [[noreturn]] void run() {
    std::array<epoll_event, kEventsPerTurn> events{};
    for (;;) {
      const int n = ::epoll_wait(epoll_.get(), events.data(), kEventsPerTurn, -1);
      for (int i = 0; i < n; ++i) {
        const epoll_event& event = events[static_cast<std::size_t>(i)];
        auto* end = static_cast<End*>(event.data.ptr);
        if (end == nullptr) {
          on_connection();
        } else if (!end->pair->dead) {
          on_event(*end, event.events);
        }
      }
      dead_.clear();  // only now: an event of this turn may still have pointed there
    }
  }

 private:
  void on_connection() {
    net::UniqueFd fd = accept_from(listener_.get());
    if (!fd) return;
    auto* pair = new Pair;  // owns itself until finish()
    open(*pair, pair->client, std::move(fd), accept_tls(contexts_.client_facing.get()));
    open(*pair, pair->upstream, connect_to(options_.upstream), dial_tls(contexts_.upstream.get()));
    // The upstream's handshake comes first: then the client's first octets find a place to go.
    advance(pair->upstream);
    update_interest(*pair);
  }

  void open(Pair& pair, End& end, net::UniqueFd fd, tls::UniqueSsl ssl) {
    end.pair = &pair;
    end.fd = std::move(fd);
    end.ssl = std::move(ssl);
    end.in = BIO_new(BIO_s_mem());
    end.out = BIO_new(BIO_s_mem());
    if (end.in == nullptr || end.out == nullptr) give_up("out of memory");
    SSL_set_bio(end.ssl.get(), end.in, end.out);
    if (options_.keep_buffers) SSL_clear_mode(end.ssl.get(), SSL_MODE_RELEASE_BUFFERS);
    epoll_event event{};
    event.data.ptr = &end;
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, end.fd.get(), &event) != 0) give_up("epoll");
  }

  void on_event(End& end, std::uint32_t events) {
    const bool broken = (events & (EPOLLHUP | EPOLLERR)) != 0;
    if ((events & EPOLLOUT) != 0) flush(end);
    if (((events & EPOLLIN) != 0 || broken) && !end.pair->ending) on_readable(end);
    if (broken && end.pair->ending) end.queue.clear();  // it will not take anything more
    update_interest(*end.pair);
  }

  void on_readable(End& end) {
    const ssize_t n = ::recv(end.fd.get(), cipher_.data(), cipher_.size(), 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0) return begin_end(end);
    BIO_write(end.in, cipher_.data(), static_cast<int>(n));
    if (!end.connected && !advance(end)) return;
    forward(end);
  }

  // One step of the handshake. True when it is done.
  bool advance(End& end) {
    ERR_clear_error();
    const int ret = SSL_do_handshake(end.ssl.get());
    send_cipher(end);
    if (ret == 1) return end.connected = true;
    if (SSL_get_error(end.ssl.get(), ret) != SSL_ERROR_WANT_READ) begin_end(end);
    return false;
  }

  void forward(End& from) {
    SSL* ssl = from.ssl.get();
    std::size_t size = 0;
    int ret = 1;
    // Not until it wants more: OpenSSL sets up a buffer for a read that then finds nothing.
    while (ret == 1 && (BIO_pending(from.in) > 0 || SSL_has_pending(ssl) == 1)) {
      std::size_t n = 0;
      ERR_clear_error();
      ret = SSL_read_ex(ssl, plain_.data() + size, plain_.size() - size, &n);
      size += n;
      if (size == plain_.size()) send_plain(from, std::exchange(size, 0));
    }
    const int error = ret == 1 ? SSL_ERROR_WANT_READ : SSL_get_error(ssl, ret);
    if (size > 0) send_plain(from, size);
    if (error != SSL_ERROR_WANT_READ) begin_end(from);
    if (BIO_pending(from.out) > 0) send_cipher(from);  // a KeyUpdate is answered
  }

  void send_plain(End& from, std::size_t size) {
    End& to = from.pair->other(from);
    const char* data = plain_.data();
    while (size > 0) {
      std::size_t n = 0;
      if (SSL_write_ex(to.ssl.get(), data, size, &n) != 1) return begin_end(to);
      data += n;
      size -= n;
    }
    send_cipher(to);
  }

  void send_cipher(End& end) {
    char* data = nullptr;
    const auto size = static_cast<std::size_t>(BIO_get_mem_data(end.out, &data));
    Bytes octets(data, size);
    if (end.queue.empty() && size > 0) {
      const ssize_t n = ::send(end.fd.get(), data, size, MSG_NOSIGNAL);
      if (n > 0) octets.remove_prefix(static_cast<std::size_t>(n));
    }
    if (!octets.empty()) end.queue.append(octets);  // a broken socket is noticed by its own event
    BIO_reset(end.out);
    end.throttle.on_queue(end.queue.size());
  }

  void flush(End& end) {
    while (!end.queue.empty()) {
      const Bytes octets = end.queue.front();
      const ssize_t n = ::send(end.fd.get(), octets.data(), octets.size(), MSG_NOSIGNAL);
      if (n < 0) {
        if (errno != EAGAIN && errno != EINTR) begin_end(end);
        break;
      }
      end.queue.drop(static_cast<std::size_t>(n));
    }
    end.throttle.on_queue(end.queue.size());
  }

  // `end` has ended or failed: the other one is told, and gets what is queued for it.
  void begin_end(End& end) {
    Pair& pair = *end.pair;
    if (pair.ending) return;
    pair.ending = true;
    end.queue.clear();
    End& to = pair.other(end);
    if (!to.connected) return to.queue.clear();
    SSL_shutdown(to.ssl.get());
    send_cipher(to);
  }

  void update_interest(Pair& pair) {
    if (pair.ending && pair.client.queue.empty() && pair.upstream.queue.empty()) {
      return finish(pair);
    }
    for (End* end : {&pair.client, &pair.upstream}) {
      const bool may_read = pair.upstream.connected || end == &pair.upstream;
      std::uint32_t wanted = 0;
      if (may_read && !pair.ending && !pair.other(*end).throttle.choked()) wanted |= EPOLLIN;
      if (!end->queue.empty()) wanted |= EPOLLOUT;
      if (wanted == end->events) continue;
      end->events = wanted;
      epoll_event event{};
      event.events = wanted;
      event.data.ptr = end;
      if (::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, end->fd.get(), &event) != 0) give_up("epoll");
    }
  }

  void finish(Pair& pair) {
    pair.dead = true;
    pair.client.fd = net::UniqueFd();
    pair.upstream.fd = net::UniqueFd();
    dead_.emplace_back(&pair);
  }

  RelayOptions options_;
  Contexts contexts_;
  net::UniqueFd listener_;
  net::UniqueFd epoll_;
  std::vector<std::unique_ptr<Pair>> dead_;
  std::array<char, limits::kReadOctets> cipher_{};
  std::array<char, kPlainOctets> plain_{};
};

}  // namespace
}  // namespace llmrec::bench

int main(int argc, char** argv) {
  const auto options = llmrec::bench::parse_relay_options(
      argc, argv, "The floor: bare epoll, memory BIOs, nothing parsed");
  const auto relay = std::make_unique<llmrec::bench::Floor>(options);
  relay->run();
}
