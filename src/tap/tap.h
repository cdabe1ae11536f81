// The tap of one connection: octets of both directions and how they ended go in, records come out.
// It sees a copy of what has already been forwarded, decides nothing about it and cannot hurt it:
// everything here is noexcept, bounded, and may be dropped at any moment.
// Knows no socket, clock, thread or store. Owned by a session; used on its loop's thread.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>

#include "base/clock.h"
#include "base/id.h"
#include "record/record.h"
#include "tap/exchange.h"
#include "wire/http1.h"

namespace llmrec::tap {

enum class Dir : std::uint8_t { request, response };

// Where ids come from and records go. Called on the loop's thread, inside a call into the tap.
class TapHost {
 public:
  virtual ~TapHost() = default;
  virtual RecordId mint(Instant now) = 0;
  virtual void on_finished(record::Record&&) = 0;
  // For the fingerprint of a request; null: none is made.
  virtual std::unique_ptr<BodyDigest> digest() { return nullptr; }
  // Whether this request, which is whole, goes on asking for usage whatever it says here.
  virtual bool usage_ensured(const RecordId&) { return false; }
  // A request is whole: the earlier call that it tries again.
  virtual std::optional<Relation> on_asked(Asking&&, Instant) { return std::nullopt; }
  // The head of the answer is an error. Clients try again without waiting for the rest of it.
  virtual void on_rejected(const RecordId&) {}
};

class Tap {
 public:
  Tap(ConnFacts facts, TapHost& host);
  ~Tap();
  Tap(const Tap&) = delete;
  Tap& operator=(const Tap&) = delete;

  // Plain octets that were just forwarded.
  void on_bytes(Dir, Bytes, Instant now) noexcept;
  // The sending side of a direction ended, as it came in. Octets may still be on their way out.
  void on_end(Dir, SideEnd, Instant now) noexcept;
  // How many plain octets of the answer direction the client's socket has accepted so far.
  void on_accepted(std::uint64_t total_octets, Instant now) noexcept;
  // We closed the upstream because the client had left.
  void on_upstream_cancelled() noexcept { upstream_cancelled_ = true; }
  // The connection is over. `reason` is none where an end was reported before, else why we ended
  // it.
  void on_over(End reason, Instant now) noexcept;

  // The budget that the call being answered has used up, for those who enforce it.
  End overdue(Instant now) const noexcept {
    return exchanges_.empty() ? End::none : exchanges_.front()->overdue(now);
  }

  // A running call has news worth a checkpoint: it began, or got further.
  bool has_news() const noexcept;
  // And any change at all since the last checkpoint.
  bool changed() const noexcept { return changed_; }
  // Shows every running call.
  template <class F>
  void each_running(F&& each) noexcept {
    changed_ = false;
    try {
      for (const auto& exchange : exchanges_) each(*exchange);
    } catch (...) {
      give_up();
    }
  }
  std::size_t running() const noexcept { return exchanges_.size(); }
  // A call has begun on this connection, if only with one octet.
  bool used() const noexcept { return !first_exchange_; }

 private:
  class RequestSide;
  class ResponseSide;

  template <class F>
  void guarded(F&& f) noexcept;
  void give_up() noexcept;
  void settle(Instant now);
  void finish_front(Instant now, bool connection_lives);
  void end_with_connection(Exchange& exchange, Instant now);
  void on_upstream_end(const SideEnd&, Instant now);
  void on_client_end(const SideEnd&, Instant now);

  ConnFacts facts_;
  TapHost& host_;
  std::deque<std::unique_ptr<Exchange>> exchanges_;  // in order; the front one is being answered
  std::unique_ptr<RequestSide> request_;
  std::unique_ptr<ResponseSide> response_;
  SideEnd upstream_end_;
  SideEnd client_end_;
  Instant now_;
  // Octets of the answer direction.
  std::uint64_t seen_ = 0;
  std::uint64_t accepted_ = 0;   // by the client's socket
  std::uint64_t claimed_ = 0;    // by exchanges that are finished
  std::uint64_t unclaimed_ = 0;  // that answered no request
  bool client_gone_ = false;     // it will accept nothing more
  bool first_exchange_ = true;
  bool upstream_cancelled_ = false;
  bool changed_ = false;
  bool dead_ = false;
};

// The record of a connection that died before an exchange could begin.
record::Record connection_record(RecordId id, const ConnFacts&, record::ErrorType error,
                                 std::string_view detail, const SideEnd& upstream,
                                 const SideEnd& client, record::Party closed_by, Instant started,
                                 Instant now);

// The record of a connection to a recorded host whose content was not ours to read. `why` has
// static storage.
record::Record tunnel_record(RecordId id, const ConnFacts&, std::string_view why,
                             const SideEnd& upstream, const SideEnd& client,
                             std::uint64_t octets_to_upstream, std::uint64_t octets_to_client,
                             Instant started, Instant now);

}  // namespace llmrec::tap
