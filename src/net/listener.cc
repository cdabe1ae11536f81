#include "net/listener.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "base/limits.h"
#include "base/log.h"

namespace llmrec::net {

Result<UniqueFd> listen_on(const Address& address, bool shared_port) {
  sockaddr_storage storage{};
  const socklen_t size = address.to(storage);
  UniqueFd fd(::socket(storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const auto failed = [&](int error) {
    std::string text = "cannot listen on " + address.text() + ": " + std::strerror(error);
    if (error == EADDRINUSE) text += "; is another llmrec running? choose another --listen";
    if (error == EACCES) text += "; ports below 1024 need a privilege, choose another --listen";
    if (error == EADDRNOTAVAIL) text += "; this machine does not have that address";
    return Error{error == EADDRINUSE ? Code::in_use : Code::io, text};
  };
  if (!fd) return failed(errno);
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (shared_port) ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&storage), size) != 0 ||
      ::listen(fd.get(), limits::kBacklog) != 0) {
    return failed(errno);
  }
  return fd;
}

bool Listener::open(uv_loop_t* loop, UniqueFd fd) {
  address_ = local_address(fd.get());
  if (!socket_.open(loop, std::move(fd))) return false;
  socket_.want(true, false);
  return true;
}

void Listener::resume() {
  if (!paused_ || !socket_.is_open()) return;
  paused_ = false;
  socket_.want(true, false);
}

void Listener::on_readable() noexcept {
  for (int i = 0; i < limits::kAcceptsPerTurn; ++i) {
    if (!may_()) {
      paused_ = true;
      socket_.want(false, false);
      return;
    }
    const int fd = ::accept4(socket_.fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      accept_(UniqueFd(fd), address_);
      continue;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK) return;
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      // Somebody else used up what we had counted on: wait until a session ends.
      log::warn("listener", std::string("cannot accept: ") + std::strerror(errno) +
                                "; waiting for connections to end");
      paused_ = true;
      socket_.want(false, false);
      return;
    }
    if (errno != EINTR && errno != ECONNABORTED) return;  // the connection died in the queue
  }
}

}  // namespace llmrec::net
