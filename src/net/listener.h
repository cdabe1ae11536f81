// A listening socket. Accepts by itself instead of through uv_listen(), because libuv 1.44 spins
// when descriptors run out (joyent/libuv#1189); pausing is how a full process pushes back. Owned by
// a loop; loop thread only.
#pragma once

#include <functional>
#include <string>

#include "net/address.h"
#include "net/socket.h"

namespace llmrec::net {

// Bound and listening, with SO_REUSEPORT where several loops share the port.
Result<UniqueFd> listen_on(const Address& address, bool shared_port);

class Listener final : private SocketOwner {
 public:
  // False where there was nothing to accept for now, or no more may be.
  using OnAccept = std::function<void(UniqueFd, const Address& listener)>;
  using MayAccept = std::function<bool()>;
  using OnClosed = std::function<void()>;

  Listener(OnAccept accept, MayAccept may, OnClosed closed)
      : accept_(std::move(accept)),
        may_(std::move(may)),
        closed_(std::move(closed)),
        socket_(*this) {}
  bool open(uv_loop_t* loop, UniqueFd fd);
  void resume();
  void close() { socket_.close(); }
  bool paused() const { return paused_; }
  const Address& address() const { return address_; }

 private:
  void on_readable() noexcept override;
  void on_writable() noexcept override {}
  void on_broken() noexcept override { on_readable(); }
  void on_socket_closed() noexcept override { closed_(); }

  OnAccept accept_;
  MayAccept may_;
  OnClosed closed_;
  Socket socket_;
  Address address_;
  bool paused_ = false;
};

}  // namespace llmrec::net
