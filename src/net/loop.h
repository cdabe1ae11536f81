// One thread, one uv_loop_t, its listeners and the list of its sessions. Owns the scratch buffers
// that every session borrows for the length of one callback: nothing may keep a view of them.
// Owned by the daemon. Everything but wake_to_drain(), owes_turn_ns() and join() is for the loop's
// own thread.
#pragma once

#include <uv.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "base/limits.h"
#include "net/listener.h"
#include "net/resolver.h"
#include "net/shared.h"
#include "tap/tokens.h"
#include "tls/engine.h"

namespace llmrec::net {

class Session;

class Loop {
 public:
  // A listening socket and how its clients come in.
  struct Entrance {
    UniqueFd fd;
    const Door* door = nullptr;  // outlives the loop
  };
  static Result<std::unique_ptr<Loop>> make(Shared& shared, std::vector<Entrance> entrances);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Runs on a thread of its own until it has drained.
  void start();
  void join();
  // Any thread: stop accepting, let running calls go on for `grace_ns`, then end them. A second
  // call with 0 ends them now.
  void wake_to_drain(std::int64_t grace_ns);

  // Any thread, until the drain begins: asks the loop for a turn. For how long it has owed one
  // since it was asked; 0: it has turned.
  std::int64_t owes_turn_ns(std::int64_t now_ns);

  uv_loop_t* uv() { return &loop_; }
  Shared& shared() { return shared_; }
  Resolver& resolver() { return resolver_; }
  // What the calls of this loop taught about each model; a loop learns for itself, without locks.
  tap::TokenModel& tokens() { return tokens_; }
  Instant now() const { return {static_cast<std::int64_t>(uv_hrtime())}; }
  bool draining() const { return draining_; }

  std::array<char, limits::kReadOctets>& read_scratch() { return read_; }
  tls::CipherOut& cipher_scratch() { return cipher_; }
  tls::PlainOut& plain_scratch() { return plain_; }

  void add(Session* session);
  void remove(Session* session);
  // The session's tap has changed; `soon`: a running call got further.
  void note_change(Session* session, bool soon);

 private:
  explicit Loop(Shared& shared);
  void run();
  void on_accept(UniqueFd fd, const Door& door, const Address& listener);
  void begin_drain(std::int64_t grace_ns);
  void end_all();
  void checkpoint();
  void arm_checkpoint(std::int64_t ns);
  void close_handles();
  void reconsider_accepting();

  Shared& shared_;
  uv_loop_t loop_{};
  Resolver resolver_{&loop_};
  uv_async_t wake_{};
  uv_timer_t drain_timer_{};
  uv_timer_t checkpoint_timer_{};
  tap::TokenModel tokens_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::vector<Session*> sessions_;  // each knows its place: removal is O(1)
  std::vector<Session*> changed_;
  std::int64_t checkpoint_due_ns_ = 0;  // 0: not armed
  std::atomic<std::int64_t> requested_grace_ns_{-1};
  std::atomic<std::int64_t> turn_asked_ns_{0};  // 0: not, or it has come
  bool draining_ = false;
  bool handles_closed_ = false;
  bool initialised_ = false;
  std::array<char, limits::kReadOctets> read_{};
  tls::CipherOut cipher_;
  tls::PlainOut plain_;
  std::thread thread_;
};

}  // namespace llmrec::net
