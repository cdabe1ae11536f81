// A non-blocking TCP socket with its uv_poll_t. libuv tells when it is ready; reads, writes and
// ends are plain system calls, because only they can tell FIN from RST and send either on purpose
// (measured against uv_tcp_t in DECISIONS.md).
// Owned by a Peer or a dialer's attempt, whose owner must outlive close(): see pins in session.h.
// Loop thread only.
#pragma once

#include <uv.h>

#include <cstddef>
#include <cstdint>

#include "base/bytes.h"

namespace llmrec::net {

class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& o) noexcept : fd_(o.release()) {}
  UniqueFd& operator=(UniqueFd&& o) noexcept;
  ~UniqueFd();
  int get() const { return fd_; }
  int release();
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

class SocketOwner {
 public:
  virtual void on_readable() noexcept = 0;
  virtual void on_writable() noexcept = 0;
  // The kernel reports an error or a hang-up on the socket. What came before it can still be read;
  // no further events come, reading goes on by calling receive().
  virtual void on_broken() noexcept = 0;
  virtual void on_socket_closed() noexcept = 0;  // the handle is gone; nothing is called after this

 protected:
  ~SocketOwner() = default;
};

enum class Io : std::uint8_t { ok, again, eof, reset };

struct IoResult {
  Io io = Io::again;
  std::size_t octets = 0;
  int error = 0;  // errno behind reset
};

class Socket {
 public:
  explicit Socket(SocketOwner& owner) : owner_(owner) {}
  ~Socket();
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  // Takes the descriptor. False: libuv could not take it; the descriptor is closed.
  bool open(uv_loop_t* loop, UniqueFd fd);
  bool is_open() const { return fd_ >= 0 && !closing_; }
  int fd() const { return fd_; }

  // Which events are wanted from now on. Errors are watched for even when both are false.
  void want(bool readable, bool writable);
  bool broken() const { return broken_; }

  IoResult receive(char* into, std::size_t room);
  IoResult send(Bytes octets);  // ok: `octets` of them were taken

  void shut_down_writing();
  std::size_t unacknowledged() const;  // octets in the kernel's send queue (SIOCOUTQ)
  void reset_on_close();               // close() will send RST and drop what is unsent

  // Closes descriptor and handle; on_socket_closed() follows, later. Idempotent. Without a handle
  // nothing follows.
  void close();
  bool has_handle() const { return has_handle_; }
  // The descriptor without its handle: for another Socket. Then close() as usual.
  UniqueFd take();

 private:
  static void on_poll(uv_poll_t* handle, int status, int events) noexcept;
  static void on_closed(uv_handle_t* handle) noexcept;

  SocketOwner& owner_;
  uv_poll_t poll_{};
  int fd_ = -1;
  int wanted_ = -1;
  bool has_handle_ = false;
  bool closing_ = false;
  bool broken_ = false;
  bool watch_errors_ = true;
};

// Non-blocking, close-on-exec, TCP_NODELAY, keep-alive 30 s x 4, urgent data in line.
void tune(int fd);

}  // namespace llmrec::net
