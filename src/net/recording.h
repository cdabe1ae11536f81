// What of a connection becomes records: what is known of it, its tap while octets flow, and the
// records of connections on which no call began. It is shown what has been done and decides
// nothing. Does not know sockets, or how a connection is opened. Owned by a session; loop thread
// only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "base/clock.h"
#include "edit/pipe.h"
#include "record/record.h"
#include "relay/relay.h"
#include "tap/tap.h"

namespace llmrec::net {

class Loop;

// How both sides ended, as far as they have.
struct Ends {
  tap::SideEnd upstream;
  tap::SideEnd client;
};

class Recording final : private tap::TapHost {
 public:
  Recording(Loop& loop, Instant accepted);

  tap::ConnFacts& facts() { return facts_; }
  const tap::ConnFacts& facts() const { return facts_; }
  Instant accepted() const { return accepted_; }
  bool wanted() const { return wanted_; }
  void want(bool wanted) { wanted_ = wanted; }
  // Not recorded after all, but one record says why; a literal.
  void leave_unopened(std::string_view why);

  // Octets flow from here on. Where they are wanted, a tap looks at them.
  void start(bool upstream_is_tls);
  // Every call is over and delivered, and the next goes to another upstream.
  void change_upstream();

  void on_octets(relay::Side from, Bytes plain, Instant arrived);  // they were passed on
  void on_queue(std::size_t waiting_for_client);  // of the octets that were passed on to the client
  void on_end(relay::Side from, tap::SideEnd how);
  void on_upstream_cancelled();
  void on_cut(tap::End reason);
  void on_closed(const Ends& ends);
  void on_setup_failed(record::ErrorType error, std::string_view detail, record::Party by,
                       const Ends& ends);

  // Null unless an edit is on and the connection is tapped.
  edit::Pipe* edits() { return edits_.get(); }
  bool tapped() const { return tap_ != nullptr; }
  bool call_runs() const { return tap_ && tap_->running() != 0; }
  bool changed() const { return tap_ && tap_->changed(); }
  bool has_news() const { return tap_ && tap_->has_news(); }
  tap::End overdue(Instant now) const { return tap_ ? tap_->overdue(now) : tap::End::none; }
  // True: a call is too young for a row, ask again soon.
  bool checkpoint(Instant now);

 private:
  RecordId mint(Instant now) override;
  void on_finished(record::Record&& record) override;
  std::unique_ptr<tap::BodyDigest> digest() override;
  bool usage_ensured(const RecordId& id) override { return edits_ && edits_->ensured(id); }
  std::optional<tap::Relation> on_asked(tap::Asking&& asking, Instant now) override;
  void on_rejected(const RecordId& id) override;
  void note_edits(record::Record& record);
  void record_unused(const Ends& ends);

  Loop& loop_;
  tap::ConnFacts facts_;
  std::unique_ptr<edit::Pipe> edits_;  // outlives the tap, which asks it
  std::unique_ptr<tap::Tap> tap_;
  Instant accepted_;
  Instant began_;                  // with this upstream
  std::string_view blind_reason_;  // static text
  // Plain octets that were passed on.
  std::uint64_t to_client_ = 0;
  std::uint64_t to_upstream_ = 0;
  bool wanted_ = false;
};

}  // namespace llmrec::net
