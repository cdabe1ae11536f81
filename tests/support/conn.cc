#include "support/conn.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <stdexcept>
#include <thread>

namespace llmrec::support {
namespace {

int poll_ms(Instant deadline) {
  const std::int64_t left = deadline - now();
  if (left <= 0) return 0;
  return static_cast<int>(std::min<std::int64_t>((left + kNsPerMs - 1) / kNsPerMs, 3'600'000));
}

void on_tls_info(const SSL* ssl, int where, int value) noexcept {
  auto* facts = static_cast<TlsFacts*>(SSL_get_app_data(ssl));
  if (facts == nullptr || (where & SSL_CB_ALERT) == 0) return;
  const int description = value & 0xff;
  if (description == SSL3_AD_CLOSE_NOTIFY) return;
  ((where & SSL_CB_READ) != 0 ? facts->alert_received : facts->alert_sent) = description;
}

}  // namespace

std::string PeerEnd::text() const {
  const char* by_tcp = tcp == Tcp::fin ? "fin" : tcp == Tcp::reset ? "reset" : "";
  if (!close_notify) return tcp == Tcp::open ? "open" : by_tcp;
  return tcp == Tcp::open ? "close_notify" : std::string("close_notify+") + by_tcp;
}

void prepare_socket(int fd) {
  const int one = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
}

socklen_t loopback_address(std::uint16_t port, bool v6, sockaddr_storage& out) {
  out = {};
  if (v6) {
    auto* at = reinterpret_cast<sockaddr_in6*>(&out);
    at->sin6_family = AF_INET6;
    at->sin6_port = htons(port);
    at->sin6_addr = IN6ADDR_LOOPBACK_INIT;
    return sizeof(sockaddr_in6);
  }
  auto* at = reinterpret_cast<sockaddr_in*>(&out);
  at->sin_family = AF_INET;
  at->sin_port = htons(port);
  at->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return sizeof(sockaddr_in);
}

UniqueFd connect_loopback(std::uint16_t port, Instant deadline, int receive_buffer, bool v6) {
  UniqueFd fd(::socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return fd;
  if (receive_buffer > 0) {
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
  }
  prepare_socket(fd.get());
  sockaddr_storage to;
  const socklen_t to_size = loopback_address(port, v6, to);
  if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&to), to_size) == 0) return fd;
  if (errno != EINPROGRESS) return {};
  pollfd p{fd.get(), POLLOUT, 0};
  if (::poll(&p, 1, poll_ms(deadline)) <= 0) {
    errno = ETIMEDOUT;
    return {};
  }
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  if (error == 0) return fd;
  errno = error;
  return {};
}

Conn::Conn(UniqueFd socket)
    : socket_(std::move(socket)), wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!wake_) throw std::runtime_error("eventfd failed");
}

void Conn::wake() {
  const std::uint64_t one = 1;
  // A full counter means that the wake-up is already there.
  if (::write(wake_.get(), &one, sizeof one) < 0 && errno != EAGAIN) std::abort();
}

void Conn::stop() {
  stop_.store(true);
  wake();
}

bool Conn::handshake_as_server(const ServerContext& server, Bytes already_read, Instant deadline) {
  return start_tls(server.context.get(), already_read, deadline, true, {});
}

bool Conn::handshake_as_client(SSL_CTX* context, const std::string& name, Bytes already_read,
                               Instant deadline) {
  return start_tls(context, already_read, deadline, false, name);
}

bool Conn::start_tls(SSL_CTX* context, Bytes already_read, Instant deadline, bool server,
                     const std::string& name) {
  ssl_.reset(SSL_new(context));
  BIO* in = BIO_new(BIO_s_mem());
  BIO* out = BIO_new(BIO_s_mem());
  if (!ssl_ || in == nullptr || out == nullptr) throw std::runtime_error("SSL_new failed");
  BIO_set_mem_eof_return(in, -1);
  BIO_set_mem_eof_return(out, -1);
  SSL_set_bio(ssl_.get(), in, out);
  SSL_set_app_data(ssl_.get(), &facts_);
  SSL_set_info_callback(ssl_.get(), on_tls_info);
  if (server) {
    SSL_set_accept_state(ssl_.get());
  } else {
    SSL_set_connect_state(ssl_.get());
    if (!name.empty()) {
      SSL_set_tlsext_host_name(ssl_.get(), name.c_str());
      SSL_set_hostflags(ssl_.get(), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
      if (SSL_set1_host(ssl_.get(), name.c_str()) != 1) throw std::runtime_error("bad name");
    }
  }
  take(already_read);
  if (!handshake(deadline)) return false;
  learn_facts(server);
  established_ = true;
  decrypt();  // early application data may have come with the last flight
  return true;
}

bool Conn::handshake(Instant deadline) {
  while (true) {
    ERR_clear_error();
    const int result = SSL_do_handshake(ssl_.get());
    const int error = result == 1 ? SSL_ERROR_NONE : SSL_get_error(ssl_.get(), result);
    if (error != SSL_ERROR_NONE && error != SSL_ERROR_WANT_READ) fail_tls("handshake");
    if (!flush(deadline) && error == SSL_ERROR_NONE) return false;
    if (error == SSL_ERROR_NONE) return true;
    if (!tls_error_.empty()) return false;
    if (peer_end_.tcp != PeerEnd::Tcp::open) {
      tls_error_ = "peer ended during the handshake: " + peer_end_.text();
      return false;
    }
    const Turn turned = turn(deadline);
    if (turned == Turn::timeout || turned == Turn::stopped) {
      tls_error_ = turned == Turn::timeout ? "handshake timed out" : "stopped";
      return false;
    }
  }
}

void Conn::learn_facts(bool server) {
  facts_.version = SSL_get_version(ssl_.get());
  const unsigned char* alpn = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &alpn, &size);
  if (size > 0) facts_.alpn.assign(reinterpret_cast<const char*>(alpn), size);
  if (!server) return;
  const X509* certificate = SSL_get0_peer_certificate(ssl_.get());
  if (certificate == nullptr) return;
  std::array<char, 128> name{};
  X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name.data(),
                            static_cast<int>(name.size()));
  facts_.client_certificate = name.data();
}

void Conn::fail_tls(const char* what) {
  const unsigned long code = ERR_peek_last_error();
  const char* reason = ERR_reason_error_string(code);
  tls_error_ = std::string(what) + ": " + (reason != nullptr ? reason : "unknown error");
  const long verify = SSL_get_verify_result(ssl_.get());
  if (verify != X509_V_OK) {
    tls_error_ += std::string(" (") + X509_verify_cert_error_string(verify) + ")";
  }
}

Conn::Turn Conn::turn(Instant deadline) {
  if (stop_.load()) return Turn::stopped;
  const bool sending = pending() && !send_failed_;
  // After both ends have shut, POLLHUP never rests; only the wake-up is of interest then.
  const bool watch = socket_ && (peer_end_.tcp == PeerEnd::Tcp::open || sending);
  const bool reading = reading_ && peer_end_.tcp == PeerEnd::Tcp::open;
  const int events = (reading ? POLLIN : 0) | (sending ? POLLOUT : 0);
  std::array<pollfd, 2> p{
      {{wake_.get(), POLLIN, 0}, {watch ? socket_.get() : -1, static_cast<short>(events), 0}}};
  const int n = ::poll(p.data(), p.size(), poll_ms(deadline));
  if (n == 0) return Turn::timeout;
  if (n < 0) return Turn::moved;  // EINTR
  if ((p[1].revents & POLLOUT) != 0) flush_some();
  if ((p[1].revents & (POLLIN | POLLHUP | POLLERR)) != 0) {
    if (reading) {
      receive();
    } else if ((p[1].revents & POLLERR) != 0) {
      note_tcp_end(PeerEnd::Tcp::reset);
    } else if (peer_end_.tcp == PeerEnd::Tcp::open) {
      note_tcp_end(PeerEnd::Tcp::fin);  // both directions are shut
    }
  }
  if (p[0].revents == 0) return Turn::moved;
  std::uint64_t count = 0;
  if (::read(wake_.get(), &count, sizeof count) < 0 && errno != EAGAIN) std::abort();
  return stop_.load() ? Turn::stopped : Turn::woken;
}

// False: there is nothing now.
bool Conn::receive() {
  std::array<char, 65536> buffer;
  const ssize_t n = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
  if (n > 0) {
    take({buffer.data(), static_cast<std::size_t>(n)});
  } else if (n == 0) {
    // A failed send has already taken the socket's error away; what follows looks like a FIN.
    note_tcp_end(send_failed_ ? PeerEnd::Tcp::reset : PeerEnd::Tcp::fin);
  } else if (errno == EAGAIN) {
    return false;
  } else if (errno != EINTR) {
    note_tcp_end(PeerEnd::Tcp::reset);
  }
  return true;
}

void Conn::take(Bytes bytes) {
  if (bytes.empty()) return;
  if (!ssl_) {
    if (on_data) on_data(bytes);
    return;
  }
  if (BIO_write(SSL_get_rbio(ssl_.get()), bytes.data(), static_cast<int>(bytes.size())) !=
      static_cast<int>(bytes.size())) {
    throw std::runtime_error("memory BIO is full");
  }
  if (established_) decrypt();
}

void Conn::decrypt() {
  std::array<char, kRecord> buffer;
  while (tls_error_.empty()) {
    ERR_clear_error();
    const int n = SSL_read(ssl_.get(), buffer.data(), static_cast<int>(buffer.size()));
    if (n > 0) {
      if (on_data) on_data({buffer.data(), static_cast<std::size_t>(n)});
      continue;
    }
    const int error = SSL_get_error(ssl_.get(), n);
    if (error == SSL_ERROR_ZERO_RETURN) {
      if (!peer_end_.close_notify) {
        peer_end_.close_notify = true;
        peer_end_.close_notify_at = now();
        if (on_peer_end) on_peer_end(peer_end_);
      }
    } else if (error != SSL_ERROR_WANT_READ) {
      fail_tls("read");
    }
    break;
  }
  flush_some();  // answers of TLS itself: key updates, alerts
}

void Conn::note_tcp_end(PeerEnd::Tcp how) {
  if (peer_end_.tcp != PeerEnd::Tcp::open) return;
  peer_end_.tcp = how;
  peer_end_.tcp_at = now();
  if (on_peer_end) on_peer_end(peer_end_);
}

bool Conn::pending() {
  return out_sent_ < out_.size() || (ssl_ && BIO_ctrl_pending(SSL_get_wbio(ssl_.get())) > 0);
}

void Conn::flush_some() {
  if (ssl_) {
    std::array<char, 65536> buffer;
    int n = 0;
    while ((n = BIO_read(SSL_get_wbio(ssl_.get()), buffer.data(),
                         static_cast<int>(buffer.size()))) > 0) {
      out_.append(buffer.data(), static_cast<std::size_t>(n));
    }
  }
  while (out_sent_ < out_.size() && !send_failed_ && !write_ended_ && socket_) {
    const ssize_t n =
        ::send(socket_.get(), out_.data() + out_sent_, out_.size() - out_sent_, MSG_NOSIGNAL);
    if (n >= 0) {
      out_sent_ += static_cast<std::size_t>(n);
    } else if (errno == EAGAIN) {
      return;
    } else if (errno != EINTR) {
      send_failed_ = true;
      if (peer_end_.tcp == PeerEnd::Tcp::fin) {
        peer_end_.reset_after_fin = true;
        if (on_peer_end) on_peer_end(peer_end_);
      } else if (!reading_) {
        note_tcp_end(PeerEnd::Tcp::reset);
      }
    }
  }
  out_.clear();
  out_sent_ = 0;
}

bool Conn::flush(Instant deadline) {
  while (pending()) {
    flush_some();
    if (!pending()) break;
    const Turn turned = turn(deadline);
    if (turned == Turn::timeout || turned == Turn::stopped) return false;
  }
  // What the peer sent before it reset is still in the queue, and belongs to the transcript.
  while (send_failed_ && reading_ && peer_end_.tcp == PeerEnd::Tcp::open && receive()) continue;
  return !send_failed_;
}

bool Conn::send(Bytes bytes, Instant deadline) {
  while (!bytes.empty()) {
    if (!is_open() || write_ended_ || send_failed_ || peer_end_.tcp == PeerEnd::Tcp::reset) {
      return false;
    }
    const Bytes piece = bytes.substr(0, kRecord);
    if (ssl_) {
      ERR_clear_error();
      if (SSL_write(ssl_.get(), piece.data(), static_cast<int>(piece.size())) <= 0) {
        fail_tls("write");
        return false;
      }
    } else {
      out_.append(piece);
    }
    if (!flush(deadline)) return false;
    if (on_sent) on_sent(piece.size());
    bytes.remove_prefix(piece.size());
  }
  return true;
}

bool Conn::close_notify(Instant deadline) {
  if (!ssl_ || !established_ || !is_open()) return true;
  ERR_clear_error();
  if (SSL_shutdown(ssl_.get()) < 0) ERR_clear_error();
  return flush(deadline);
}

bool Conn::shut_write(Instant deadline) {
  if (!is_open() || write_ended_) return false;
  const bool flushed = flush(deadline);
  write_ended_ = true;
  return ::shutdown(socket_.get(), SHUT_WR) == 0 && flushed;
}

bool Conn::reset(Instant deadline) {
  if (!is_open()) return false;
  bool acknowledged = false;
  if (flush(deadline)) {
    for (int i = 0; i < kAckTries && !acknowledged; ++i) {
      int unacknowledged = 0;
      acknowledged = ::ioctl(socket_.get(), SIOCOUTQ, &unacknowledged) != 0 || unacknowledged == 0;
      if (!acknowledged) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  const linger now_and_hard{1, 0};
  ::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &now_and_hard, sizeof now_and_hard);
  socket_.reset();
  return acknowledged;
}

}  // namespace llmrec::support
