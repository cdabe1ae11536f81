// Data path A: uv_tcp_t and OpenSSL's memory BIOs. libuv reads and writes; a write that the kernel
// does not take at once goes on as a uv_write of its own.
// Otherwise as relays/floor.cc: nothing parsed, no timeouts, the first end closes both.
// One thread.
#include <openssl/bio.h>
#include <openssl/err.h>
#include <uv.h>

#include <array>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "../common.h"

namespace llmrec::bench {
namespace {

constexpr std::size_t kPlainOctets = limits::kReadOctets + 16384;

void require(int uv_status, const char* what) {
  if (uv_status != 0) give_up(std::string(what) + ": " + uv_strerror(uv_status));
}

struct Pair;
class Relay;

struct End {
  Pair* pair = nullptr;
  uv_tcp_t tcp{};
  tls::UniqueSsl ssl;
  BIO* in = nullptr;   // owned by ssl
  BIO* out = nullptr;  // owned by ssl
  Throttle throttle;   // of the other end, which fills the queue
  bool connected = false;
  bool reading = false;
};

// Owns itself; deleted when both handles are closed.
struct Pair {
  explicit Pair(Relay& r) : relay(r) {}
  Relay& relay;
  End client;
  End upstream;
  uv_connect_t connect{};
  int handles = 0;
  bool dialled = false;
  bool ending = false;
  bool closing = false;
  End& other(const End& end) { return &end == &client ? upstream : client; }
};

// What uv_try_write did not take: libuv wants the octets to stay until the callback.
struct Write {
  uv_write_t request{};
  std::string octets;
};

class Relay {
 public:
  explicit Relay(const RelayOptions& options)
      : options_(options), contexts_(make_contexts(options.files)) {
    require(uv_loop_init(&loop_), "uv_loop_init");
    require(uv_tcp_init(&loop_, &listener_), "uv_tcp_init");
    listener_.data = this;
    require(uv_tcp_open(&listener_, bench::listen_on(options.listen).release()), "uv_tcp_open");
    require(uv_listen(reinterpret_cast<uv_stream_t*>(&listener_), limits::kBacklog, on_connection),
            "uv_listen");
  }

  void run() { uv_run(&loop_, UV_RUN_DEFAULT); }

 private:
  static uv_stream_t* stream(End& end) { return reinterpret_cast<uv_stream_t*>(&end.tcp); }

  static void on_connection(uv_stream_t* listener, int status) noexcept {
    if (status == 0) static_cast<Relay*>(listener->data)->accept();
  }

  void accept() {
    auto* pair = new Pair(*this);
    open(*pair, pair->client, accept_tls(contexts_.client_facing.get()));
    open(*pair, pair->upstream, dial_tls(contexts_.upstream.get()));
    require(uv_accept(reinterpret_cast<uv_stream_t*>(&listener_), stream(pair->client)), "accept");
    tune(pair->client);
    sockaddr_in address{};
    require(uv_ip4_addr("127.0.0.1", options_.upstream, &address), "uv_ip4_addr");
    require(uv_tcp_connect(&pair->connect, &pair->upstream.tcp,
                           reinterpret_cast<const sockaddr*>(&address), on_dialled),
            "uv_tcp_connect");
  }

  void open(Pair& pair, End& end, tls::UniqueSsl ssl) {
    end.pair = &pair;
    end.ssl = std::move(ssl);
    end.in = BIO_new(BIO_s_mem());
    end.out = BIO_new(BIO_s_mem());
    if (end.in == nullptr || end.out == nullptr) give_up("out of memory");
    SSL_set_bio(end.ssl.get(), end.in, end.out);
    if (options_.keep_buffers) SSL_clear_mode(end.ssl.get(), SSL_MODE_RELEASE_BUFFERS);
    require(uv_tcp_init(&loop_, &end.tcp), "uv_tcp_init");
    end.tcp.data = &end;
    ++pair.handles;
  }

  // The same options as the other relays set.
  static void tune(End& end) {
    uv_os_fd_t fd = -1;
    require(uv_fileno(reinterpret_cast<uv_handle_t*>(&end.tcp), &fd), "uv_fileno");
    net::tune(fd);
  }

  static void on_dialled(uv_connect_t* request, int status) noexcept {
    auto& end = *static_cast<End*>(request->handle->data);
    Pair& pair = *end.pair;
    if (pair.closing) return;
    if (status != 0) return pair.relay.finish(pair);
    tune(end);
    pair.dialled = true;
    pair.relay.advance(end);
    pair.relay.update_interest(pair);
  }

  // Alloc and read callback follow each other directly, so that one buffer serves all.
  static void on_alloc(uv_handle_t* handle, std::size_t, uv_buf_t* buf) noexcept {
    Relay& self = static_cast<End*>(handle->data)->pair->relay;
    *buf = uv_buf_init(self.cipher_.data(), static_cast<unsigned>(self.cipher_.size()));
  }

  static void on_read(uv_stream_t* handle, ssize_t n, const uv_buf_t* buf) noexcept {
    if (n == 0) return;
    auto& end = *static_cast<End*>(handle->data);
    Pair& pair = *end.pair;
    if (pair.ending) return;
    if (n > 0) {
      pair.relay.on_octets(end, {buf->base, static_cast<std::size_t>(n)});
    } else {
      pair.relay.begin_end(end);
    }
    pair.relay.update_interest(pair);
  }

  void on_octets(End& end, Bytes cipher) {
    BIO_write(end.in, cipher.data(), static_cast<int>(cipher.size()));
    if (!end.connected && !advance(end)) return;
    forward(end);
  }

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
    if (size == 0) return;
    uv_buf_t buf = uv_buf_init(data, static_cast<unsigned>(size));
    const int n = uv_try_write(stream(end), &buf, 1);  // UV_EAGAIN while earlier writes wait
    const std::size_t taken = n > 0 ? static_cast<std::size_t>(n) : 0;
    if (taken < size && (n >= 0 || n == UV_EAGAIN)) {
      auto* write = new Write;
      write->octets.assign(data + taken, size - taken);
      write->request.data = write;
      buf = uv_buf_init(write->octets.data(), static_cast<unsigned>(write->octets.size()));
      require(uv_write(&write->request, stream(end), &buf, 1, on_written), "uv_write");
    }
    BIO_reset(end.out);
    end.throttle.on_queue(uv_stream_get_write_queue_size(stream(end)));
  }

  static void on_written(uv_write_t* request, int) noexcept {
    const std::unique_ptr<Write> write(static_cast<Write*>(request->data));
    auto& end = *static_cast<End*>(request->handle->data);
    end.throttle.on_queue(uv_stream_get_write_queue_size(request->handle));
    end.pair->relay.update_interest(*end.pair);
  }

  void begin_end(End& end) {
    Pair& pair = *end.pair;
    if (pair.ending) return;
    pair.ending = true;
    End& to = pair.other(end);
    if (!to.connected) return;
    SSL_shutdown(to.ssl.get());
    send_cipher(to);
  }

  void update_interest(Pair& pair) {
    if (pair.closing) return;
    if (pair.ending && uv_stream_get_write_queue_size(stream(pair.client)) == 0 &&
        uv_stream_get_write_queue_size(stream(pair.upstream)) == 0) {
      return finish(pair);
    }
    for (End* end : {&pair.client, &pair.upstream}) {
      const bool may_read = pair.dialled && (pair.upstream.connected || end == &pair.upstream);
      const bool wanted = may_read && !pair.ending && !pair.other(*end).throttle.choked();
      if (wanted == end->reading) continue;
      end->reading = wanted;
      if (wanted) {
        require(uv_read_start(stream(*end), on_alloc, on_read), "uv_read_start");
      } else {
        uv_read_stop(stream(*end));
      }
    }
  }

  void finish(Pair& pair) {
    pair.closing = true;
    for (End* end : {&pair.client, &pair.upstream}) {
      uv_close(reinterpret_cast<uv_handle_t*>(&end->tcp), [](uv_handle_t* handle) noexcept {
        Pair* of = static_cast<End*>(handle->data)->pair;
        if (--of->handles == 0) delete of;
      });
    }
  }

  RelayOptions options_;
  Contexts contexts_;
  uv_loop_t loop_{};
  uv_tcp_t listener_{};
  std::array<char, limits::kReadOctets> cipher_{};
  std::array<char, kPlainOctets> plain_{};
};

}  // namespace
}  // namespace llmrec::bench

int main(int argc, char** argv) {
  const auto options = llmrec::bench::parse_relay_options(
      argc, argv, "Data path A: uv_tcp_t and OpenSSL's memory BIOs");
  const auto relay = std::make_unique<llmrec::bench::Relay>(options);
  relay->run();
}
