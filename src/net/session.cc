#include "net/session.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/check.h"
#include "base/log.h"
#include "net/loop.h"

namespace llmrec::net {
namespace {

using record::CloseHow;
using record::ErrorType;
using record::Party;
using relay::Action;
using relay::HelloState;
using tls::EngineStatus;

tap::Dir direction(relay::Side from) {
  return from == relay::Side::client ? tap::Dir::request : tap::Dir::response;
}

std::string errno_name(int error) { return uv_err_name(uv_translate_sys_error(error)); }

}  // namespace

// --- life
// -------------------------------------------------------------------------------------------

Session::Session(Loop& loop, const Address& listener)
    : loop_(loop),
      client_(loop, client_events_),
      upstream_(std::make_unique<Peer>(loop, upstream_events_)),
      opening_(std::make_unique<Opening>()),
      accepted_(loop.now()),
      listener_is_loopback_(relay::classify(listener.ip) == relay::AddressClass::loopback) {
  const Settings& settings = loop.shared().settings;
  facts_.wall = read_clocks();
  facts_.tags = settings.tags;
  facts_.budgets = settings.budgets;
}

Session::~Session() { loop_.remove(this); }

void Session::accept(Loop& loop, UniqueFd fd, const Address& listener) {
  tune(fd.get());
  auto* self = new Session(loop, listener);
  loop.add(self);
  uv_timer_init(loop.uv(), &self->timer_);
  self->timer_.data = self;
  ++self->pins_;
  if (!self->client_.socket().open(loop.uv(), std::move(fd))) return self->close();
  ++self->pins_;
  self->arm(limits::kConnectHeadNs);
  self->update_interest();
}

void Session::close() {
  if (phase_ == Phase::closed) return;
  phase_ = Phase::closed;
  if (tap_) tap_->on_over(tap::End::none, now());
  if (tap_ && !tap_->used()) record_unused();
  if (!blind_reason_.empty()) {
    loop_.shared().keep(
        store::Kind::final,
        tap::tunnel_record(mint(accepted_), facts_, blind_reason_, side_end(Side::upstream),
                           side_end(Side::client), to_upstream_, to_client_, accepted_, now()));
  }
  if (opening_ && opening_->dialer != nullptr) {
    std::exchange(opening_->dialer, nullptr)->cancel();
    --pins_;  // the timer's is still held
  }
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
  const std::string& host = facts_.host;
  const bool v6 = host.find(':') != std::string::npos;
  return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(facts_.port);
}

// --- events
// -----------------------------------------------------------------------------------------

bool Session::wants_read(Side side) const {
  const bool client = side == Side::client;
  switch (phase_) {
    case Phase::head:
    case Phase::hello:
    case Phase::client_tls:
    case Phase::lingering:
      return client;
    case Phase::upstream_tls:
      return !client;
    case Phase::relay:
      return relay_.wants_read(side);
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
  read(side);
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
  if (!peer(side).flush()) relay_.on_write_failed(side);
  if (phase_ == Phase::lingering) {
    if (client_.queued() == 0) client_.socket().shut_down_writing();
  } else if (phase_ == Phase::relay) {
    relay_.on_queue(side, peer(side).queued());
    settle_accepted();
    take_steps();
    const Side source = relay::other(side);
    if (phase_ == Phase::relay && peer(source).socket().broken()) read(source);
  }
  update_interest();
}

void Session::on_broken(Side side) {
  if (phase_ == Phase::closed) return;
  if (phase_ == Phase::resetting) return close();
  if (wants_read(side)) {
    read(side);
    // Its last octets may have begun a dial, for which nobody waits any more.
    const bool dialling = phase_ == Phase::dialing || phase_ == Phase::redialing;
    if (side == Side::client && dialling) on_end(side, Io::reset, ECONNRESET);
  } else if (side == Side::client || phase_ != Phase::relay || peer(side).write_failed) {
    // It will not take anything more, and what it still has for us nobody waits for.
    on_end(side, Io::reset, ECONNRESET);
  }
  update_interest();
}

void Session::on_octets(Side side, Bytes octets) {
  switch (phase_) {
    case Phase::head:
      return on_head(octets);
    case Phase::upstream_tls:
      return on_upstream_tls(octets);
    case Phase::hello:
      return on_hello(octets);
    case Phase::client_tls:
      return on_client_tls(octets);
    case Phase::relay:
      return relay_octets(side, octets);
    case Phase::lingering:
      opening_->lingered += octets.size();
      if (opening_->lingered > limits::kLingerOctets) close();
      return;
    default:
      return;
  }
}

void Session::on_end(Side side, Io io, int error) {
  const CloseHow how = io == Io::eof        ? CloseHow::fin
                       : error == ETIMEDOUT ? CloseHow::timeout
                                            : CloseHow::reset;
  if (phase_ == Phase::relay) return relay_end(side, io, error);
  // An upstream that is verified and waits for the client: the relay will see it.
  if (side == Side::upstream && phase_ != Phase::upstream_tls) return;
  if (peer(side).close_how == CloseHow::none) peer(side).close_how = how;
  if (side == Side::upstream) {
    upstream_->tls()->feed_eof();
    return upstream_tls_failed(io == Io::eof ? "eof" : errno_name(error));
  }
  switch (phase_) {
    case Phase::hello:
    case Phase::client_tls:
      setup_failed(ErrorType::client_tls_failed, io == Io::eof ? "eof" : errno_name(error),
                   Party::client);
      break;
    case Phase::dialing:
    case Phase::upstream_tls:
      setup_failed(ErrorType::request_incomplete, "client_left", Party::client);
      break;
    default:
      break;
  }
  close();
}

void Session::on_timer() {
  switch (phase_) {
    case Phase::head:
      return refuse({.status = 408,
                     .proxy_error = "http_request_error",
                     .details = "connect_head_timeout",
                     .text = "the CONNECT request did not come in time"});
    case Phase::upstream_tls:
      return upstream_tls_failed("timeout");
    case Phase::hello:
    case Phase::client_tls:
      client_.close_how = CloseHow::timeout;
      setup_failed(ErrorType::client_tls_failed, "timeout", Party::recorder);
      return close();
    case Phase::resetting:
      return poll_reset();
    case Phase::relay:
      return enforce_budgets();
    default:
      return close();
  }
}

// --- opening
// ----------------------------------------------------------------------------------------

void Session::on_head(Bytes octets) {
  std::size_t consumed = 0;
  const relay::ConnectState state = opening_->connect.feed(octets, consumed);
  if (state == relay::ConnectState::need_more) return;
  disarm();
  const relay::ConnectParser& connect = opening_->connect;
  if (state == relay::ConnectState::refuse) {
    log::info("connect", "refused a client: " + std::string(connect.refuse_reason()));
    return refuse({.status = connect.refuse_status(),
                   .proxy_error = "http_request_error",
                   .details = {},
                   .text = std::string(connect.refuse_reason())});
  }
  opening_->early.assign(octets.substr(consumed));
  route();
}

void Session::route() {
  const relay::ConnectRequest& request = opening_->connect.request();
  const Settings& settings = loop_.shared().settings;
  facts_.host = request.host;
  facts_.port = request.port;
  if (!request.user.empty()) facts_.tags.emplace_back("route", request.user);
  opening_->entry = settings.recorded.match(request.host, request.port);
  recorded_ = opening_->entry != nullptr;
  if (recorded_) facts_.dialect = opening_->entry->dialect;
  if (!recorded_ && settings.deny_unlisted) {
    return refuse({.status = 403,
                   .proxy_error = "http_request_denied",
                   .details = "destination_not_listed",
                   .text = authority() + " is not listed; add --record " + facts_.host});
  }
  dial({}, Phase::dialing);
}

void Session::dial(std::vector<Address> addresses, Phase phase) {
  phase_ = phase;
  const Settings& settings = loop_.shared().settings;
  const relay::ConnectRequest& request = opening_->connect.request();
  DialRequest dial{.host = request.dial_host,
                   .port = request.port,
                   .addresses = std::move(addresses),
                   .timeout_ns = settings.connect_timeout_ns,
                   .allowed = {}};
  bool named = opening_->entry != nullptr && !opening_->entry->is_glob;
  for (const ConnectTo& rule : settings.connect_to) {
    if ((!rule.host.empty() && rule.host != request.host) ||
        (rule.port != 0 && rule.port != request.port)) {
      continue;
    }
    if (!rule.to_host.empty()) dial.host = rule.to_host;
    if (rule.to_port != 0) dial.port = rule.to_port;
    named = true;
    break;
  }
  const relay::DestinationPolicy policy{.listener_is_loopback = listener_is_loopback_};
  const Shared& shared = loop_.shared();
  const std::uint16_t port = dial.port;
  dial.allowed = [policy, named, port, &shared](const relay::IpAddress& ip) {
    // Our own listeners would answer with another CONNECT's worth of nothing.
    const bool ours = std::any_of(shared.listening.begin(), shared.listening.end(),
                                  [&](const Address& a) { return a.port == port && a.ip == ip; });
    return !ours && relay::allowed(relay::classify(ip), policy, named);
  };
  ++pins_;
  opening_->dialer = Dialer::start(loop_.uv(), std::move(dial), [this](DialResult result) {
    if (opening_) opening_->dialer = nullptr;
    --pins_;  // more are held: this is never the last
    on_dialled(std::move(result));
    update_interest();
  });
}

void Session::on_dialled(DialResult result) {
  if (phase_ == Phase::closed) return;
  const bool again = phase_ == Phase::redialing;
  if (result.error != ErrorType::none) {
    if (again) return close();  // 200 is said already; all we can do is hang up
    if (recorded_) setup_failed(result.error, result.detail, Party::none);
    return refuse(refusal_for(result, authority()));
  }
  opening_->upstream_address = result.address;
  if (!upstream_->socket().open(loop_.uv(), std::move(result.fd))) return close();
  ++pins_;
  if (again || !recorded_) {
    if (!again) client_.send_raw(kEstablished);
    return start_relay();
  }
  facts_.time_to_connect_ns = result.connect_ns;
  tls::UpstreamName name;
  name.host = facts_.host;
  auto ssl = tls::new_upstream(loop_.shared().upstream.get(), name);
  if (!ssl) {
    log::warn("tls", ssl.error().detail);
    return upstream_tls_failed("internal");
  }
  upstream_->tls().emplace(*std::move(ssl), tls::Role::upstream);
  phase_ = Phase::upstream_tls;
  tls_started_ = now();
  arm(limits::kHandshakeNs);
  if (!upstream_->start_tls()) upstream_tls_failed("internal");
}

void Session::on_upstream_tls(Bytes octets) {
  const Peer::Plain p = upstream_->decrypt(octets);
  if (p.status == EngineStatus::failed) return upstream_tls_failed({});
  if (!upstream_->tls()->handshake_complete()) return;
  if (!p.octets.empty()) {
    // Application data before any request: nobody speaks HTTP so. The engine has already decrypted
    // it, and it cannot be given back.
    return upstream_tls_failed("unexpected_data");
  }
  facts_.time_to_tls_ns = now() - tls_started_;
  on_upstream_ready();
}

void Session::upstream_tls_failed(std::string_view how) {
  disarm();
  const tls::Engine& engine = *upstream_->tls();
  const bool certificate = engine.verify_result() != X509_V_OK;
  const std::string alert = engine.alert_received();
  std::string detail(how);
  if (certificate) {
    detail = engine.verify_error_name();
  } else if (!alert.empty()) {
    detail = "tls_alert:" + alert;
    upstream_->close_how = CloseHow::tls_alert;
    upstream_->alert = alert;
  } else if (detail.empty()) {
    detail = "handshake_failure";
  }
  setup_failed(certificate ? ErrorType::tls_certificate_invalid : ErrorType::tls_handshake_failed,
               detail, certificate ? Party::recorder : Party::upstream);
  upstream_->socket().close();
  const std::string_view type = certificate     ? "tls_certificate_error"
                                : alert.empty() ? "tls_protocol_error"
                                                : "tls_alert_received";
  std::string text = certificate ? "the certificate of " + authority() + " is not valid ("
                                 : "TLS with " + authority() + " failed (";
  text += detail + ")";
  if (certificate) text += "; a private CA is added with --upstream-ca";
  refuse({.status = how == "timeout" ? 504 : 502,
          .proxy_error = type,
          .details = detail,
          .text = text});
}

void Session::on_upstream_ready() {
  client_.send_raw(kEstablished);
  phase_ = Phase::hello;
  arm(limits::kHandshakeNs);
  if (!opening_->early.empty()) on_hello({});
}

void Session::on_hello(Bytes octets) {
  opening_->early.append(octets);
  switch (opening_->hello.look(opening_->early)) {
    case HelloState::need_more:
      return;
    case HelloState::not_tls:
      return go_blind("not_tls");
    case HelloState::malformed:
      return go_blind("malformed_client_hello");
    case HelloState::ready:
      break;
  }
  const relay::ClientHello& hello = opening_->hello.hello();
  if (!hello.offers_http1()) {
    if (loop_.shared().settings.refuse_h2) {
      setup_failed(ErrorType::client_tls_failed, "http2_only", Party::recorder);
      return close();
    }
    return go_blind("http2");
  }
  if (hello.has_sni && hello.sni != facts_.host && !opening_->connect.request().host_is_ip) {
    return go_blind("sni_mismatch");
  }
  // Never weaker than what the client would have accepted.
  if (hello.tls13_only && upstream_->tls()->version() != "TLSv1.3") return go_blind("tls_version");
  open_client_tls();
}

// The client's octets were not ours to open: they go, unread, over a connection that never was.
void Session::go_blind(std::string_view why) {
  disarm();
  log::info("connect", authority() + " is tunnelled unopened: " + std::string(why));
  recorded_ = false;
  const Address address = opening_->upstream_address;
  upstream_->send_notify();
  upstream_->socket().close();
  retired_upstream_ = std::move(upstream_);
  upstream_ = std::make_unique<Peer>(loop_, upstream_events_);
  blind_reason_ = why;
  dial({address}, Phase::redialing);
}

void Session::open_client_tls() {
  auto ssl = tls::new_client_facing(loop_.shared().client_facing.get());
  if (ssl) {
    const std::int64_t unix_seconds = facts_.wall.unix_us_at(now()) / 1'000'000;
    const auto minted = loop_.shared().mint->apply(ssl->get(), facts_.host, unix_seconds);
    if (!minted) {
      log::error("tls", minted.error().detail);
      return go_blind("no_certificate");
    }
  } else {
    log::error("tls", ssl.error().detail);
    return go_blind("no_tls_context");
  }
  client_.tls().emplace(*std::move(ssl), tls::Role::client_facing);
  phase_ = Phase::client_tls;
  const std::string early = std::exchange(opening_->early, {});
  on_client_tls(early);
}

void Session::on_client_tls(Bytes octets) {
  const Peer::Plain p = client_.decrypt(octets);
  if (p.status == EngineStatus::failed || !p.sent) return client_tls_failed();
  if (!client_.tls()->handshake_complete()) {
    if (p.status == EngineStatus::closed) client_tls_failed();
    return;
  }
  // The first request may have come with the end of the handshake, and even the good-bye.
  const std::string first(p.octets);
  const bool closed = p.status == EngineStatus::closed;
  start_relay();
  if (!first.empty() && phase_ == Phase::relay) relay_plain(Side::client, first);
  if (closed && phase_ == Phase::relay) relay_notify(Side::client);
}

void Session::client_tls_failed() {
  disarm();
  const tls::Engine& engine = *client_.tls();
  client_.alert = engine.alert_received();
  std::string detail = client_.alert.empty() ? std::string(engine.failure()) : client_.alert;
  if (!client_.alert.empty()) client_.close_how = CloseHow::tls_alert;
  const bool distrust = engine.peer_distrusts_us();
  setup_failed(distrust ? ErrorType::client_untrusted_ca : ErrorType::client_tls_failed, detail,
               Party::client);
  if (distrust) {
    log::warn("tls", "a client does not trust our CA for " + authority() + " (alert " + detail +
                         "): point it at the file of --ca-bundle-out, see llmrec(7)");
  }
  linger();
}

void Session::start_relay() {
  disarm();
  phase_ = Phase::relay;
  const std::string early = std::exchange(opening_->early, {});
  opening_.reset();
  if (recorded_) {
    start_tap();
  } else {
    loop_.shared().counters.tunnels_blind.fetch_add(1, std::memory_order_relaxed);
    if (!early.empty()) relay_octets(Side::client, early);
  }
  // It may have broken while nobody was to read it; no event will tell again.
  if (phase_ == Phase::relay && upstream_->socket().broken()) read(Side::upstream);
}

void Session::start_tap() {
  facts_.upstream_tls = upstream_->is_tls();
  tap_ = std::make_unique<tap::Tap>(facts_, static_cast<tap::TapHost&>(*this));
}

void Session::refuse(const Refusal& refusal) {
  loop_.shared().counters.refused.fetch_add(1, std::memory_order_relaxed);
  client_.send_raw(to_http(refusal));
  linger();
}

// Sends what is queued, says FIN and reads on for a while: closing with unread octets would send an
// RST, and the client might lose our answer.
void Session::linger() {
  phase_ = Phase::lingering;
  upstream_->socket().close();
  if (client_.queued() == 0) client_.socket().shut_down_writing();
  arm(limits::kLingerNs);
  update_interest();
}

void Session::setup_failed(ErrorType error, std::string_view detail, Party by) {
  if (!recorded_) return;
  record::Record r =
      tap::connection_record(mint(accepted_), facts_, error, detail, side_end(Side::upstream),
                             side_end(Side::client), by, accepted_, now());
  log::info("record", r.request_id.text() + " " + authority() + " " +
                          std::string(record::name(error)) + " " + r.error_detail);
  loop_.shared().keep(store::Kind::final, std::move(r));
}

// Nothing was asked yet, so no call says that the provider broke off. With TLS 1.3 it is only after
// the handshake that we hear of a client certificate that is missing.
void Session::record_unused() {
  if (client_.close_how != CloseHow::none) return;
  if (upstream_->close_how == CloseHow::tls_alert) {
    setup_failed(ErrorType::tls_handshake_failed, "tls_alert:" + upstream_->alert, Party::upstream);
  } else if (upstream_->close_how == CloseHow::reset) {
    setup_failed(ErrorType::connect_failed, "ECONNRESET", Party::upstream);
  }
}

// --- relaying
// ---------------------------------------------------------------------------------------

void Session::relay_octets(Side side, Bytes octets) {
  Peer& from = peer(side);
  if (!from.is_tls()) {
    relay_plain(side, octets);
    return;
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

void Session::relay_plain(Side side, Bytes plain) {
  // The tap sees the octets later, but they came now: what the client sees cannot be earlier.
  const Instant arrived = now();
  const Side sink = relay::other(side);
  Peer& to = peer(sink);
  if (!to.write_failed && !to.send_plain(plain)) relay_.on_write_failed(sink);
  relay_.on_queue(sink, to.queued());
  (side == Side::upstream ? to_client_ : to_upstream_) += plain.size();
  if (tap_) {
    tap_->on_bytes(direction(side), plain, arrived);
    settle_accepted();
    if (tap_->changed()) loop_.note_change(this, tap_->has_news());
    if (loop_.shared().settings.enforce_timeouts && tap_->running() != 0) {
      if (uv_is_active(reinterpret_cast<uv_handle_t*>(&timer_)) == 0) arm(limits::kBudgetPollNs);
    }
    if (loop_.draining() && tap_->running() == 0) end_now();
  }
  take_steps();
}

void Session::relay_notify(Side side) {
  if (peer(side).close_how == CloseHow::none) {
    peer(side).close_how = CloseHow::close_notify;
    tell_tap_end(side);
  }
  relay_.on_notify(side);
  take_steps();
}

void Session::settle_accepted() {
  if (!tap_) return;
  const std::uint64_t waiting = std::min<std::uint64_t>(to_client_, client_.queued());
  if (!client_.write_failed) tap_->on_accepted(to_client_ - waiting, now());
}

void Session::tell_tap_end(Side side) {
  if (tap_) tap_->on_end(direction(side), side_end(side), now());
}

void Session::relay_end(Side side, Io io, int error) {
  Peer& from = peer(side);
  if (io == Io::eof) {
    const bool first = from.close_how == CloseHow::none;
    if (first) from.close_how = CloseHow::fin;
    if (from.is_tls()) from.tls()->feed_eof();
    relay_.on_fin(side);
    if (first) tell_tap_end(side);
  } else {
    if (from.close_how == CloseHow::none) {
      from.close_how = error == ETIMEDOUT ? CloseHow::timeout : CloseHow::reset;
    }
    side_is_gone(side);
  }
  take_steps();
}

void Session::side_is_gone(Side side) {
  peer(side).drop_queue();
  peer(side).write_failed = true;
  relay_.on_reset(side);
  if (!tap_) return;
  if (side == Side::client && upstream_->close_how == CloseHow::none) tap_->on_upstream_cancelled();
  const CloseHow how = peer(side).close_how;
  // A reset after an orderly end is news to the tap, though not to the record.
  const bool orderly = how == CloseHow::close_notify || how == CloseHow::fin;
  tap_->on_end(direction(side), orderly ? tap::SideEnd{CloseHow::reset, {}} : side_end(side),
               now());
}

bool Session::key_update_flood(Side side) {
  const std::uint64_t updates = peer(side).tls()->key_updates();
  if (updates < limits::kKeyUpdatesPerSecond) return false;
  const auto seconds = static_cast<std::uint64_t>((now() - accepted_) / kNsPerSecond) + 1;
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
  const bool running = phase_ == Phase::relay && (!tap_ || tap_->running() != 0);
  if (!running) end_now();
}

void Session::end_now() {
  if (phase_ == Phase::closed) return;
  if (tap_ && tap_->running() != 0) return cut(tap::End::draining);
  if (phase_ == Phase::relay) {  // idle: an orderly good-bye to both
    client_.send_notify();
    upstream_->send_notify();
  }
  close();
}

// Ends a running call. By resets: a clean end would look like the end of the answer.
void Session::cut(tap::End reason) {
  tap_->on_over(reason, now());
  client_.socket().reset_on_close();
  upstream_->socket().reset_on_close();
  close();
}

void Session::enforce_budgets() {
  if (!tap_ || tap_->running() == 0) return;
  const tap::End overdue = tap_->overdue(now());
  if (overdue != tap::End::none) return cut(overdue);
  arm(limits::kBudgetPollNs);
}

void Session::checkpoint(Instant now) {
  if (!tap_) return;
  bool again = false;
  tap_->each_running([&](tap::Exchange& exchange) {
    if (now - exchange.started() < limits::kCheckpointSoonNs) {
      again = true;  // most calls of this age will be over before they are worth a row
    } else {
      loop_.shared().keep(store::Kind::open, exchange.snapshot(now));
    }
  });
  if (again) loop_.note_change(this, true);
}

RecordId Session::mint(Instant now) {
  return loop_.shared().mint_id(facts_.wall.unix_us_at(now) / 1000);
}

void Session::on_finished(record::Record&& record) {
  if (log::enabled(log::Level::debug)) {
    log::debug("record", record.request_id.text() + " " + std::string(record::name(record.status)) +
                             " " + std::string(record::name(record.error_type)));
  }
  loop_.shared().keep(store::Kind::final, std::move(record));
}

}  // namespace llmrec::net
