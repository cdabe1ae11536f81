#include "net/session.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/check.h"
#include "base/log.h"
#include "net/loop.h"

namespace llmrec::net {

using record::CloseHow;
using record::ErrorType;
using record::Party;
using relay::Action;
using tls::EngineStatus;

// --- life
// -------------------------------------------------------------------------------------------

Session::Session(Loop& loop, const Door& door, const Address& listener)
    : loop_(loop),
      client_(loop, client_events_),
      upstream_(std::make_unique<Peer>(loop, upstream_events_)),
      door_(door),
      recording_(loop, loop.now()),
      listener_is_loopback_(relay::classify(listener.ip) == relay::AddressClass::loopback) {}

Session::~Session() { loop_.remove(this); }

void Session::accept(Loop& loop, UniqueFd fd, const Door& door, const Address& listener) {
  tune(fd.get());
  auto* self = new Session(loop, door, listener);
  loop.add(self);
  uv_timer_init(loop.uv(), &self->timer_);
  self->timer_.data = self;
  ++self->pins_;
  if (!self->client_.socket().open(loop.uv(), std::move(fd))) return self->close();
  ++self->pins_;
  self->opening_ = std::make_unique<Opening>(*self, door, self->listener_is_loopback_);
  self->opening_->begin();
  self->update_interest();
}

void Session::close() {
  if (phase_ == Phase::closed) return;
  phase_ = Phase::closed;
  recording_.on_closed(ends());
  if (opening_) opening_->cancel();
  client_.socket().close();
  upstream_->socket().close();
  uv_close(reinterpret_cast<uv_handle_t*>(&timer_),
           [](uv_handle_t* handle) noexcept { static_cast<Session*>(handle->data)->unpin(); });
}

void Session::unpin() {
  if (--pins_ == 0) delete this;
}

Instant Session::now() const { return loop_.now(); }

void Session::arm(std::int64_t ns) {
  uv_update_time(loop_.uv());
  uv_timer_start(
      &timer_, [](uv_timer_t* timer) noexcept { static_cast<Session*>(timer->data)->on_timer(); },
      static_cast<std::uint64_t>(std::max<std::int64_t>(1, ns / kNsPerMs)), 0);
}

void Session::disarm() { uv_timer_stop(&timer_); }

std::string Session::authority() const {
  return net::authority(recording_.facts().host, recording_.facts().port);
}

void Session::on_socket_closed() {
  std::erase_if(retired_, [](const auto& peer) { return !peer->socket().has_handle(); });
  unpin();
}

// --- events
// -----------------------------------------------------------------------------------------

bool Session::wants_read(Side side) const {
  switch (phase_) {
    case Phase::opening:
      return opening_ && opening_->wants_read(side);
    case Phase::relay:
      // While the next request waits to go elsewhere, this upstream owes nothing: its end is not
      // the client's business any more.
      if (leg_ && (side == Side::client ? requests_wait() : route_waits_)) return false;
      return relay_.wants_read(side);
    case Phase::lingering:
      return side == Side::client;
    default:
      return false;
  }
}

void Session::update_interest() {
  if (phase_ == Phase::closed) return;
  client_.socket().want(wants_read(Side::client), client_.queued() != 0);
  upstream_->socket().want(wants_read(Side::upstream), upstream_->queued() != 0);
}

void Session::on_readable(Side side) {
  spent_.reset();
  read(side);
  go_on_with_requests();
  update_interest();
}

// One read of a healthy socket per turn; a broken one is emptied, since no event will come again.
void Session::read(Side side) {
  Socket& socket = peer(side).socket();
  auto& scratch = loop_.read_scratch();
  while (phase_ != Phase::closed && socket.is_open() && wants_read(side)) {
    const IoResult r = socket.receive(scratch.data(), scratch.size());
    if (r.io == Io::again) return;
    if (r.io == Io::ok) {
      on_octets(side, {scratch.data(), r.octets});
    } else {
      // The error may have been taken by a failed write before; then the end looks like a FIN.
      const bool hidden = r.io == Io::eof && (socket.broken() || peer(side).write_failed);
      on_end(side, hidden ? Io::reset : r.io, hidden ? ECONNRESET : r.error);
      return;
    }
    if (!socket.broken()) return;
  }
}

void Session::on_writable(Side side) {
  spent_.reset();
  if (!peer(side).flush()) relay_.on_write_failed(side);
  if (phase_ == Phase::lingering) {
    if (client_.queued() == 0) client_.socket().shut_down_writing();
  } else if (phase_ == Phase::relay) {
    relay_.on_queue(side, peer(side).queued());
    settle_accepted();
    take_steps();
    const Side source = relay::other(side);
    if (phase_ == Phase::relay && peer(source).socket().broken()) read(source);
    go_on_with_requests();
  }
  update_interest();
}

void Session::on_broken(Side side) {
  spent_.reset();
  if (phase_ == Phase::closed) return;
  if (phase_ == Phase::resetting) return close();
  if (wants_read(side)) {
    read(side);
    // Its last octets may have begun a dial, for which nobody waits any more.
    const bool dialling = phase_ == Phase::opening && opening_->reaching();
    if (side == Side::client && dialling) on_end(side, Io::reset, ECONNRESET);
  } else if (side == Side::client || phase_ != Phase::relay || peer(side).write_failed) {
    // It will not take anything more, and what it still has for us nobody waits for.
    on_end(side, Io::reset, ECONNRESET);
  }
  go_on_with_requests();
  update_interest();
}

void Session::on_octets(Side side, Bytes octets) {
  switch (phase_) {
    case Phase::opening:
      return opening_->on_octets(side, octets);
    case Phase::relay:
      return relay_octets(side, octets);
    case Phase::lingering:
      lingered_ += octets.size();
      if (lingered_ > limits::kLingerOctets) close();
      return;
    default:
      return;
  }
}

void Session::on_end(Side side, Io io, int error) {
  if (phase_ == Phase::relay) return relay_end(side, io, error);
  if (phase_ == Phase::opening) {
    if (opening_->on_end(side, io, error) && phase_ == Phase::relay) relay_end(side, io, error);
    return;
  }
  if (side == Side::client) close();
}

void Session::on_timer() {
  spent_.reset();
  switch (phase_) {
    case Phase::opening:
      opening_->on_timer();
      return update_interest();
    case Phase::resetting:
      return poll_reset();
    case Phase::relay:
      return enforce_budgets();
    default:
      return close();
  }
}

// --- for the opening
// --------------------------------------------------------------------------------

bool Session::take_upstream(UniqueFd fd) {
  if (!upstream_->socket().open(loop_.uv(), std::move(fd))) return false;
  ++pins_;
  return true;
}

void Session::retire_upstream() {
  upstream_->send_notify();
  upstream_->socket().close();
  if (upstream_->socket().has_handle()) retired_.push_back(std::move(upstream_));
  upstream_ = std::make_unique<Peer>(loop_, upstream_events_);
}

void Session::start_relay(std::string first, bool client_closed) {
  disarm();
  phase_ = Phase::relay;
  spent_ = std::move(opening_);  // one of its functions is our caller
  const std::string of_upstream = std::exchange(upstream_octets_, {});
  recording_.start(upstream_->is_tls());
  if (!recording_.tapped() && !leg_) {
    loop_.shared().counters.tunnels_blind.fetch_add(1, std::memory_order_relaxed);
  }
  if (leg_) {
    relay_requests({});
  } else if (!first.empty()) {
    client_.is_tls() ? relay_plain(Side::client, first) : relay_octets(Side::client, first);
  }
  if (client_closed && phase_ == Phase::relay) relay_notify(Side::client);
  if (!of_upstream.empty() && phase_ == Phase::relay) relay_octets(Side::upstream, of_upstream);
  // It may have broken while nobody was to read it; no event will tell again.
  if (phase_ == Phase::relay && upstream_->socket().broken()) read(Side::upstream);
  update_interest();
}

void Session::refuse(const Refusal& refusal) {
  loop_.shared().counters.refused.fetch_add(1, std::memory_order_relaxed);
  client_.send_raw(to_http(refusal));
  linger();
}

void Session::refuse_request() {
  log::info("forward", "refused a client: " + std::string(leg_->refuse_reason()));
  refuse({.status = leg_->refuse_status(),
          .proxy_error = "http_request_error",
          .details = {},
          .text = std::string(leg_->refuse_reason())});
}

void Session::reset_client() {
  client_.socket().reset_on_close();
  close();
}

// Sends what is queued, says FIN and reads on for a while: closing with unread octets would send an
// RST, and the client might lose our answer.
void Session::linger() {
  phase_ = Phase::lingering;
  if (opening_) opening_->cancel();
  upstream_->socket().close();
  if (client_.queued() == 0) client_.socket().shut_down_writing();
  arm(limits::kLingerNs);
  update_interest();
}

void Session::setup_failed(ErrorType error, std::string_view detail, Party by) {
  recording_.on_setup_failed(error, detail, by, ends());
}

// --- clear HTTP
// -------------------------------------------------------------------------------------

void Session::begin_leg(relay::HttpLeg::Kind kind, std::string host) {
  leg_ = std::make_unique<relay::HttpLeg>(kind, std::move(host));
}

void Session::hold(Bytes octets) {
  if (!held_since_) held_since_ = now();
  held_.append(octets);
}

relay::HttpLeg::Next Session::find_request() {
  Bytes input = held_;
  const relay::HttpLeg::Next next = leg_->next(input).next;
  held_.erase(0, held_.size() - input.size());
  return next;
}

bool Session::requests_wait() const {
  return !held_.empty() || route_waits_ || !leg_->wants_more();
}

void Session::go_on_with_requests() {
  if (phase_ == Phase::relay && leg_ && requests_wait()) relay_requests({});
}

// What is held has its turn first.
void Session::relay_requests(Bytes octets) {
  std::string held = std::exchange(held_, {});
  Bytes input = octets;
  if (!held.empty()) input = held.append(octets);
  route_waits_ = false;
  while (phase_ == Phase::relay) {
    const relay::HttpLeg::Step step = leg_->next(input);
    switch (step.next) {
      case relay::HttpLeg::Next::send:
        relay_request(step.octets);
        break;
      case relay::HttpLeg::Next::more:
        if (!input.empty()) hold(input);
        return;
      case relay::HttpLeg::Next::route:
        hold(input);
        route_waits_ = client_.queued() != 0;  // the last answer is still on its way
        if (!route_waits_) change_origin();
        return;
      case relay::HttpLeg::Next::refuse:
        return refuse_request();
      case relay::HttpLeg::Next::give_up:
        return cut(tap::End::none);
    }
  }
}

// A call begins when its first octet came, although it had to wait for its upstream; all the rest
// happens now.
void Session::relay_request(Bytes octets) {
  const auto waiting_since = std::exchange(held_since_, std::nullopt);
  if (!recording_.tapped() || !waiting_since || octets.empty()) {
    return relay_plain(Side::client, octets);
  }
  const Instant sent = now();
  pass_on(Side::client, octets);
  record_octets(Side::client, octets.substr(0, 1), *waiting_since);
  if (octets.size() > 1) record_octets(Side::client, octets.substr(1), sent);
  take_steps();
}

// All that was asked is answered and delivered, and the next request goes elsewhere.
void Session::change_origin() {
  recording_.change_upstream();
  retire_upstream();
  relay_ = relay::Relay();
  disarm();
  phase_ = Phase::opening;
  opening_ = std::make_unique<Opening>(*this, door_, listener_is_loopback_);
  opening_->begin_again();
}

// --- relaying
// ---------------------------------------------------------------------------------------

void Session::relay_octets(Side side, Bytes octets) {
  Peer& from = peer(side);
  if (!from.is_tls()) {
    if (leg_ && side == Side::client) return relay_requests(octets);
    return relay_plain(side, octets);
  }
  const Peer::Plain p = from.decrypt(octets);
  if (!p.sent) relay_.on_write_failed(side);
  if (!p.octets.empty()) relay_plain(side, p.octets);
  if (p.status == EngineStatus::closed) {
    relay_notify(side);
  } else if (p.status == EngineStatus::failed || key_update_flood(side)) {
    if (from.close_how == CloseHow::none) {
      from.alert = from.tls()->alert_received();
      from.close_how = from.alert.empty() ? CloseHow::reset : CloseHow::tls_alert;
    }
    side_is_gone(side);
  }
  relay_.on_queue(side, from.queued());
  take_steps();
}

// The tap sees the octets later, but they came now: what the client sees cannot be earlier.
void Session::relay_plain(Side side, Bytes plain) {
  const Instant arrived = now();
  pass_on(side, plain);
  record_octets(side, plain, arrived);
  if (leg_ && side == Side::upstream) leg_->answered(plain);
  end_if_drained();
  take_steps();
}

void Session::pass_on(Side side, Bytes plain) {
  edit::Pipe* edits = recording_.edits();
  if (edits == nullptr) return hand_to(relay::other(side), plain);
  const Bytes edited = side == Side::client ? edits->request(plain) : edits->answer(plain);
  if (!edited.empty()) hand_to(relay::other(side), edited);
}

// A side has ended, and nothing will decide what the edits still hold of it.
void Session::pass_on_held(Side side) {
  edit::Pipe* edits = recording_.edits();
  if (edits == nullptr) return;
  const Bytes held = side == Side::client ? edits->end_of_requests() : edits->end_of_answers();
  if (!held.empty()) hand_to(relay::other(side), held);
}

void Session::hand_to(Side sink, Bytes plain) {
  Peer& to = peer(sink);
  if (!to.write_failed && !to.send_plain(plain)) relay_.on_write_failed(sink);
  relay_.on_queue(sink, to.queued());
}

void Session::record_octets(Side side, Bytes plain, Instant arrived) {
  recording_.on_octets(side, plain, arrived);
  settle_accepted();
  if (recording_.changed()) loop_.note_change(this, recording_.has_news());
  if (loop_.shared().settings.enforce_timeouts && recording_.call_runs()) {
    if (uv_is_active(reinterpret_cast<uv_handle_t*>(&timer_)) == 0) arm(limits::kBudgetPollNs);
  }
}

// Unless calls run, or octets flow of which nobody knows what they are.
bool Session::may_end() const {
  if (phase_ != Phase::relay) return true;
  if (recording_.tapped()) return !recording_.call_runs();
  return leg_ && leg_->idle();
}

void Session::end_if_drained() {
  if (loop_.draining() && may_end()) end_now();
}

void Session::relay_notify(Side side) {
  pass_on_held(side);
  if (peer(side).close_how == CloseHow::none) {
    peer(side).close_how = CloseHow::close_notify;
    recording_.on_end(side, side_end(side));
  }
  relay_.on_notify(side);
  take_steps();
}

void Session::settle_accepted() {
  if (!client_.write_failed) recording_.on_queue(client_.queued());
}

void Session::relay_end(Side side, Io io, int error) {
  Peer& from = peer(side);
  if (io == Io::eof) {
    pass_on_held(side);
    const bool first = from.close_how == CloseHow::none;
    if (first) from.close_how = CloseHow::fin;
    if (from.is_tls()) from.tls()->feed_eof();
    mirror_fin(side, first);
    if (first) recording_.on_end(side, side_end(side));
  } else {
    if (from.close_how == CloseHow::none) {
      from.close_how = error == ETIMEDOUT ? CloseHow::timeout : CloseHow::reset;
    }
    side_is_gone(side);
  }
  take_steps();
}

// Between TLS and clear text an end has to be said in the other's words. A FIN is how clear text
// ends in order. TLS that ends so was cut: where the client takes the close for the end of a body,
// only an RST keeps it from believing that it has all.
void Session::mirror_fin(Side side, bool first) {
  const bool tls_to_clear = peer(side).is_tls() && !peer(relay::other(side)).is_tls();
  const bool clear_to_tls = !peer(side).is_tls() && peer(relay::other(side)).is_tls();
  if (clear_to_tls) relay_.on_notify(side);
  if (tls_to_clear && first && leg_ && leg_->body_until_close()) return relay_.on_reset(side);
  relay_.on_fin(side);
}

void Session::side_is_gone(Side side) {
  if (side == Side::upstream) pass_on_held(side);
  peer(side).drop_queue();
  peer(side).write_failed = true;
  relay_.on_reset(side);
  if (side == Side::client && upstream_->close_how == CloseHow::none) {
    recording_.on_upstream_cancelled();
  }
  const CloseHow how = peer(side).close_how;
  // A reset after an orderly end is news to the tap, though not to the record.
  const bool orderly = how == CloseHow::close_notify || how == CloseHow::fin;
  recording_.on_end(side, orderly ? tap::SideEnd{CloseHow::reset, {}} : side_end(side));
}

bool Session::key_update_flood(Side side) {
  const std::uint64_t updates = peer(side).tls()->key_updates();
  if (updates < limits::kKeyUpdatesPerSecond) return false;
  const auto seconds =
      static_cast<std::uint64_t>((now() - recording_.accepted()) / kNsPerSecond) + 1;
  return updates / seconds >= limits::kKeyUpdatesPerSecond;
}

void Session::take_steps() {
  while (phase_ == Phase::relay) {
    const relay::Step step = relay_.poll();
    switch (step.action) {
      case Action::none:
        return;
      case Action::send_notify:
        peer(step.side).send_notify();
        relay_.on_queue(step.side, peer(step.side).queued());
        break;
      case Action::send_fin:
        peer(step.side).socket().shut_down_writing();
        break;
      case Action::reset:
        return begin_reset(step.side);
      case Action::close:
        return close();
    }
  }
}

// An RST drops what the kernel has not got across yet, so it waits for the last acknowledgement.
void Session::begin_reset(Side side) {
  phase_ = Phase::resetting;
  peer(relay::other(side)).socket().close();
  reset_side_ = side;
  unacknowledged_ = 0;
  poll_reset();
}

void Session::poll_reset() {
  Socket& socket = peer(reset_side_).socket();
  const std::size_t left = socket.is_open() ? socket.unacknowledged() : 0;
  if (left != unacknowledged_) {  // it moves: the other side reads, if slowly
    unacknowledged_ = left;
    reset_deadline_ = now() + limits::kResetWaitNs;
  }
  if (left != 0 && now() < reset_deadline_) return arm(limits::kResetPollNs);
  if (socket.is_open()) socket.reset_on_close();
  close();
}

// --- the loop's wishes
// ------------------------------------------------------------------------------

void Session::on_drain() {
  if (may_end()) end_now();
}

void Session::end_now() {
  if (phase_ == Phase::closed) return;
  if (recording_.call_runs()) return cut(tap::End::draining);
  if (phase_ == Phase::relay) {  // idle: an orderly good-bye to both
    client_.send_notify();
    upstream_->send_notify();
  }
  close();
}

// Ends a running call. By resets: a clean end would look like the end of the answer.
void Session::cut(tap::End reason) {
  recording_.on_cut(reason);
  client_.socket().reset_on_close();
  upstream_->socket().reset_on_close();
  close();
}

void Session::enforce_budgets() {
  if (!recording_.call_runs()) return;
  const tap::End overdue = recording_.overdue(now());
  if (overdue != tap::End::none) return cut(overdue);
  arm(limits::kBudgetPollNs);
}

void Session::checkpoint(Instant now) {
  if (recording_.checkpoint(now)) loop_.note_change(this, true);
}

}  // namespace llmrec::net
