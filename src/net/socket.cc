#include "net/socket.h"

#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace llmrec::net {

UniqueFd& UniqueFd::operator=(UniqueFd&& o) noexcept {
  if (this != &o) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = o.release();
  }
  return *this;
}

UniqueFd::~UniqueFd() {
  if (fd_ >= 0) ::close(fd_);
}

int UniqueFd::release() { return std::exchange(fd_, -1); }

void tune(int fd) {
  const auto set = [fd](int level, int option, int value) {
    // A refused option costs comfort, never correctness.
    ::setsockopt(fd, level, option, &value, sizeof value);
  };
  set(IPPROTO_TCP, TCP_NODELAY, 1);
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, 30);
  set(IPPROTO_TCP, TCP_KEEPINTVL, 30);
  set(IPPROTO_TCP, TCP_KEEPCNT, 4);
  // Out-of-band data stays in the stream: no octet may be lost.
  set(SOL_SOCKET, SO_OOBINLINE, 1);
}

Socket::~Socket() {
  if (fd_ >= 0) ::close(fd_);
}

bool Socket::open(uv_loop_t* loop, UniqueFd fd) {
  if (uv_poll_init_socket(loop, &poll_, fd.get()) != 0) return false;
  fd_ = fd.release();
  poll_.data = this;
  has_handle_ = true;
  return true;
}

void Socket::want(bool readable, bool writable) {
  if (!is_open() || broken_) return;
  // UV_PRIORITIZED never fires (urgent data is in line): it keeps the descriptor in epoll, which
  // reports errors unasked, so that an RST is noticed while nothing else is wanted.
  int events = watch_errors_ ? UV_PRIORITIZED : 0;
  if (readable) events |= UV_READABLE;
  if (writable) events |= UV_WRITABLE;
  if (events == wanted_) return;
  wanted_ = events;
  if (events == 0) {
    uv_poll_stop(&poll_);
  } else {
    uv_poll_start(&poll_, events, on_poll);
  }
}

void Socket::on_poll(uv_poll_t* handle, int status, int events) noexcept {
  auto* self = static_cast<Socket*>(handle->data);
  if (status < 0) {  // libuv has stopped watching
    self->broken_ = true;
    self->owner_.on_broken();
    return;
  }
  if ((events & (UV_READABLE | UV_WRITABLE)) == 0) {
    // Urgent data, or a hang-up of both directions: it stays true, so watching on would spin.
    self->watch_errors_ = false;
    self->wanted_ = 0;
    uv_poll_stop(handle);
    return;
  }
  if ((events & UV_WRITABLE) != 0) self->owner_.on_writable();
  // The first callback may have closed the socket.
  if ((events & UV_READABLE) != 0 && self->is_open()) self->owner_.on_readable();
}

IoResult Socket::receive(char* into, std::size_t room) {
  for (;;) {
    const ssize_t n = ::recv(fd_, into, room, 0);
    if (n > 0) return {Io::ok, static_cast<std::size_t>(n), 0};
    if (n == 0) return {Io::eof, 0, 0};
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return {Io::again, 0, 0};
    return {Io::reset, 0, errno};
  }
}

IoResult Socket::send(Bytes octets) {
  for (;;) {
    const ssize_t n = ::send(fd_, octets.data(), octets.size(), MSG_NOSIGNAL);
    if (n >= 0) return {Io::ok, static_cast<std::size_t>(n), 0};
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS || errno == ENOMEM) {
      return {Io::again, 0, 0};
    }
    return {Io::reset, 0, errno};
  }
}

void Socket::shut_down_writing() { ::shutdown(fd_, SHUT_WR); }

std::size_t Socket::unacknowledged() const {
  int octets = 0;
  if (::ioctl(fd_, SIOCOUTQ, &octets) != 0 || octets < 0) return 0;
  return static_cast<std::size_t>(octets);
}

void Socket::reset_on_close() {
  const linger now{1, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

UniqueFd Socket::take() {
  if (has_handle_ && !closing_) uv_poll_stop(&poll_);
  wanted_ = -1;
  return UniqueFd(std::exchange(fd_, -1));
}

void Socket::close() {
  if (closing_) return;
  closing_ = true;
  if (has_handle_) {
    uv_poll_stop(&poll_);  // before the descriptor goes, or epoll keeps it
    uv_close(reinterpret_cast<uv_handle_t*>(&poll_), on_closed);
  }
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

void Socket::on_closed(uv_handle_t* handle) noexcept {
  auto* self = static_cast<Socket*>(handle->data);
  self->has_handle_ = false;
  self->owner_.on_socket_closed();
}

}  // namespace llmrec::net
