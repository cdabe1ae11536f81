#include "net/loop.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/log.h"
#include "net/session.h"

namespace llmrec::net {

Loop::Loop(Shared& shared) : shared_(shared) {}

Result<std::unique_ptr<Loop>> Loop::make(Shared& shared, std::vector<Entrance> entrances) {
  std::unique_ptr<Loop> loop(new Loop(shared));
  const Error failed{Code::resource, "cannot make an event loop: out of descriptors or memory"};
  if (uv_loop_init(&loop->loop_) != 0) return failed;
  if (uv_async_init(&loop->loop_, &loop->wake_, [](uv_async_t* async) noexcept {
        auto* self = static_cast<Loop*>(async->data);
        self->turn_asked_ns_.store(0);
        const std::int64_t grace_ns = self->requested_grace_ns_.load();
        if (grace_ns >= 0) self->begin_drain(grace_ns);
      }) != 0) {
    uv_loop_close(&loop->loop_);
    return failed;
  }
  loop->initialised_ = true;
  uv_timer_init(&loop->loop_, &loop->drain_timer_);
  uv_timer_init(&loop->loop_, &loop->checkpoint_timer_);
  loop->wake_.data = loop->drain_timer_.data = loop->checkpoint_timer_.data = loop.get();
  Loop* self = loop.get();
  for (Entrance& entrance : entrances) {
    auto listener = std::make_unique<Listener>(
        [self, door = entrance.door](UniqueFd accepted, const Address& at) {
          self->on_accept(std::move(accepted), *door, at);
        },
        [self] {
          const auto& most = self->shared_.settings.sessions_max;
          const auto open = self->shared_.counters.sessions.load(std::memory_order_relaxed);
          if (open < static_cast<std::int64_t>(most)) return true;
          self->shared_.counters.accept_pauses.fetch_add(1, std::memory_order_relaxed);
          return false;
        },
        [] {});
    if (!listener->open(&loop->loop_, std::move(entrance.fd))) return failed;
    loop->listeners_.push_back(std::move(listener));
  }
  return loop;
}

Loop::~Loop() {
  join();
  if (!initialised_) return;
  close_handles();
  uv_run(&loop_, UV_RUN_DEFAULT);
  LLMREC_REQUIRE(uv_loop_close(&loop_) == 0);
}

void Loop::start() {
  thread_ = std::thread([this] { run(); });
}

void Loop::join() {
  if (thread_.joinable()) thread_.join();
}

// Returns when every handle is closed: nothing is left to happen.
void Loop::run() { uv_run(&loop_, UV_RUN_DEFAULT); }

void Loop::wake_to_drain(std::int64_t grace_ns) {
  requested_grace_ns_.store(grace_ns);
  uv_async_send(&wake_);
}

std::int64_t Loop::owes_turn_ns(std::int64_t now_ns) {
  std::int64_t asked = 0;
  if (!turn_asked_ns_.compare_exchange_strong(asked, now_ns)) return now_ns - asked;
  uv_async_send(&wake_);
  return 0;
}

void Loop::on_accept(UniqueFd fd, const Door& door, const Address& listener) {
  shared_.counters.connections.fetch_add(1, std::memory_order_relaxed);
  Session::accept(*this, std::move(fd), door, listener);
}

void Loop::add(Session* session) {
  session->place = sessions_.size();
  sessions_.push_back(session);
  shared_.counters.sessions.fetch_add(1, std::memory_order_relaxed);
}

void Loop::remove(Session* session) {
  sessions_.back()->place = session->place;
  sessions_[session->place] = sessions_.back();
  sessions_.pop_back();
  if (session->noted) {
    changed_.erase(std::find(changed_.begin(), changed_.end(), session));
  }
  shared_.counters.sessions.fetch_sub(1, std::memory_order_relaxed);
  reconsider_accepting();
  if (draining_ && sessions_.empty()) close_handles();
}

void Loop::reconsider_accepting() {
  if (draining_) return;
  for (const auto& listener : listeners_) {
    if (listener->paused()) listener->resume();
  }
}

void Loop::begin_drain(std::int64_t grace_ns) {
  if (handles_closed_) return;
  if (!draining_) {
    draining_ = true;
    for (const auto& listener : listeners_) listener->close();
    // A copy: sessions that end leave the list.
    for (Session* session : std::vector<Session*>(sessions_)) session->on_drain();
  }
  if (sessions_.empty()) return close_handles();
  if (grace_ns <= 0) return end_all();
  uv_update_time(&loop_);
  uv_timer_start(
      &drain_timer_, [](uv_timer_t* timer) noexcept { static_cast<Loop*>(timer->data)->end_all(); },
      static_cast<std::uint64_t>(grace_ns / kNsPerMs), 0);
}

void Loop::end_all() {
  for (Session* session : std::vector<Session*>(sessions_)) session->end_now();
}

void Loop::close_handles() {
  if (handles_closed_) return;
  handles_closed_ = true;
  for (const auto& listener : listeners_) listener->close();
  uv_close(reinterpret_cast<uv_handle_t*>(&drain_timer_), nullptr);
  uv_close(reinterpret_cast<uv_handle_t*>(&checkpoint_timer_), nullptr);
  uv_close(reinterpret_cast<uv_handle_t*>(&wake_), nullptr);
}

void Loop::note_change(Session* session, bool soon) {
  if (!session->noted) {
    session->noted = true;
    changed_.push_back(session);
  }
  arm_checkpoint(soon ? limits::kCheckpointSoonNs : limits::kCheckpointEveryNs);
}

void Loop::arm_checkpoint(std::int64_t ns) {
  const std::int64_t due = now().ns + ns;
  if (handles_closed_ || (checkpoint_due_ns_ != 0 && checkpoint_due_ns_ <= due)) return;
  checkpoint_due_ns_ = due;
  uv_update_time(&loop_);
  uv_timer_start(
      &checkpoint_timer_,
      [](uv_timer_t* timer) noexcept { static_cast<Loop*>(timer->data)->checkpoint(); },
      static_cast<std::uint64_t>(ns / kNsPerMs), 0);
}

void Loop::checkpoint() {
  checkpoint_due_ns_ = 0;
  std::vector<Session*> due;
  due.swap(changed_);
  for (Session* session : due) {
    session->noted = false;
    session->checkpoint(now());
  }
}

}  // namespace llmrec::net
