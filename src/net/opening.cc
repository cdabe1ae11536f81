#include "net/opening.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/log.h"
#include "net/loop.h"
#include "net/session.h"

namespace llmrec::net {
namespace {

using record::CloseHow;
using record::ErrorType;
using record::Mode;
using record::Party;
using relay::HelloState;
using tls::EngineStatus;

// RFC 8446 §6.2.
constexpr int kAccessDenied = 49;
constexpr int kInternalError = 80;  // "unrelated to the peer"
constexpr int kNoApplicationProtocol = 120;

constexpr char kTlsHandshake = 0x16;

std::string errno_name(int error) { return uv_err_name(uv_translate_sys_error(error)); }

}  // namespace

Opening::Opening(Session& session, const Door& door, bool listener_is_loopback)
    : session_(session),
      door_(door),
      reach_(session.loop(), *this),
      listener_is_loopback_(listener_is_loopback) {}

void Opening::begin() {
  switch (door_.mode) {
    case Mode::reverse:
      name_destination(Mode::reverse, door_.upstream.authority, {});
      session_.recording().want(true);  // the user named it
      return arm(limits::kSilentClientNs);
    case Mode::transparent:
      return begin_transparent();
    default:
      return arm(limits::kConnectHeadNs);
  }
}

void Opening::begin_again() { route_forward(); }

bool Opening::wants_read(Side side) const {
  const bool client = side == Side::client;
  switch (phase_) {
    case Phase::head:
    case Phase::client_tls:
      return client;
    case Phase::hello:
      return client || goal_ == Goal::look;
    case Phase::reaching:
      return !client && reach_.wants_read();
    case Phase::over:
      break;
  }
  return false;
}

void Opening::on_octets(Side side, Bytes octets) {
  if (side == Side::upstream) {
    if (phase_ != Phase::hello) return reach_.on_octets(octets);
    // The server speaks first: it is not TLS, and not ours.
    session_.keep_upstream_octets(octets);
    return splice();
  }
  switch (phase_) {
    case Phase::head:
      return door_.mode == Mode::reverse ? on_first_octets(octets) : on_head(octets);
    case Phase::hello:
      return on_hello(octets);
    case Phase::client_tls:
      return on_client_tls(octets);
    default:
      return;
  }
}

bool Opening::on_end(Side side, Io io, int error) {
  if (phase_ == Phase::hello && goal_ == Goal::look) {
    splice();  // nobody said what it is: ends are mirrored like octets
    return true;
  }
  // An upstream that is verified and waits for the client: the relay will see it.
  if (side == Side::upstream && !reach_.busy()) return false;
  Peer& peer = side == Side::client ? session_.client() : session_.upstream();
  if (peer.close_how == CloseHow::none) {
    peer.close_how = io == Io::eof        ? CloseHow::fin
                     : error == ETIMEDOUT ? CloseHow::timeout
                                          : CloseHow::reset;
  }
  if (side == Side::upstream) {
    reach_.on_end(io, error);
    return false;
  }
  if (phase_ == Phase::hello || phase_ == Phase::client_tls) {
    session_.setup_failed(ErrorType::client_tls_failed, io == Io::eof ? "eof" : errno_name(error),
                          Party::client);
  } else if (phase_ == Phase::reaching) {
    session_.setup_failed(ErrorType::request_incomplete, "client_left", Party::client);
  }
  session_.close();
  return false;
}

void Opening::on_timer() {
  if (reach_.busy()) return reach_.on_timer();
  if (phase_ == Phase::head && door_.mode == Mode::reverse) return session_.close();
  if (phase_ == Phase::head) {
    return session_.refuse({.status = 408,
                            .proxy_error = "http_request_error",
                            .details = "connect_head_timeout",
                            .text = "the request to the proxy did not come in time"});
  }
  if (phase_ == Phase::hello && goal_ == Goal::look) return splice();
  session_.client().close_how = CloseHow::timeout;
  session_.setup_failed(ErrorType::client_tls_failed, "timeout", Party::recorder);
  session_.close();
}

// --- where to

void Opening::on_head(Bytes octets) {
  if (session_.leg() != nullptr) return on_request_head(octets);
  std::size_t consumed = 0;
  const relay::ConnectState state = connect_.feed(octets, consumed);
  octets.remove_prefix(consumed);
  switch (state) {
    case relay::ConnectState::need_more:
      return;
    case relay::ConnectState::refuse:
      log::info("connect", "refused a client: " + std::string(connect_.refuse_reason()));
      return session_.refuse({.status = connect_.refuse_status(),
                              .proxy_error = "http_request_error",
                              .details = {},
                              .text = std::string(connect_.refuse_reason())});
    case relay::ConnectState::forward:
      session_.begin_leg(relay::HttpLeg::Kind::forward, {});
      return on_request_head(std::string(connect_.head()).append(octets));
    case relay::ConnectState::ready:
      disarm();
      early_.assign(octets);
      return route_connect();
  }
}

void Opening::on_request_head(Bytes octets) {
  session_.hold(octets);
  switch (session_.find_request()) {
    case relay::HttpLeg::Next::route:
      disarm();
      return route_forward();
    case relay::HttpLeg::Next::refuse:
      return session_.refuse_request();
    default:
      return;
  }
}

void Opening::on_first_octets(Bytes octets) {
  disarm();
  if (octets.front() == kTlsHandshake) {
    log::warn("reverse",
              "a client began TLS where clear HTTP is spoken: its base URL has to be "
              "http://, not https://");
    return session_.refuse({.status = 400,
                            .proxy_error = "http_request_error",
                            .details = "tls_in_clear",
                            .text = "the base URL has to be http://"});
  }
  session_.begin_leg(relay::HttpLeg::Kind::reverse,
                     door_.upstream.authority.host_field(door_.upstream.default_port()));
  session_.hold(octets);
  Way to = way();
  to.tls = door_.upstream.https;
  reach(Goal::http, std::move(to));
}

void Opening::name_destination(Mode mode, const relay::Authority& to, const std::string& user) {
  const Settings& settings = session_.loop().shared().settings;
  tap::ConnFacts& facts = session_.recording().facts();
  to_ = to;
  facts.mode = mode;
  facts.host = to.host;
  facts.port = to.port;
  facts.tags = settings.tags;
  if (!user.empty()) facts.tags.emplace_back("route", user);
  const relay::HostEntry* entry = settings.recorded.match(to.host, to.port);
  facts.dialect = entry != nullptr ? entry->dialect : std::string();
  session_.recording().want(entry != nullptr);
}

Way Opening::way() const {
  Way way;
  way.host = to_.host;
  way.dial_host = to_.dial_host;
  way.port = to_.port;
  way.listener_is_loopback = listener_is_loopback_;
  return way;
}

// A destination whose clients do not trust us goes by unopened, and a record says so.
bool Opening::is_left_alone() {
  if (!session_.loop().shared().left_alone(session_.authority(), session_.now())) return false;
  session_.recording().leave_unopened("client_untrusted_ca");
  return true;
}

void Opening::refuse_unlisted() {
  session_.refuse({.status = 403,
                   .proxy_error = "http_request_denied",
                   .details = "destination_not_listed",
                   .text = session_.authority() + " is not listed; add --record " +
                           session_.recording().facts().host});
}

void Opening::route_connect() {
  const relay::ConnectRequest& request = connect_.request();
  name_destination(Mode::connect, request.to, request.user);
  if (session_.recording().wanted()) {
    Way to = way();
    to.tls = !is_left_alone();
    return reach(to.tls ? Goal::verify : Goal::tunnel, to);
  }
  if (session_.loop().shared().settings.deny_unlisted) return refuse_unlisted();
  reach(request.to.host_is_ip ? Goal::look : Goal::tunnel, way());
}

void Opening::route_forward() {
  const relay::RequestLine& request = session_.leg()->request();
  name_destination(Mode::forward, request.to, request.user);
  if (!session_.recording().wanted() && session_.loop().shared().settings.deny_unlisted) {
    return refuse_unlisted();
  }
  Way to = way();
  to.tls = request.https;
  reach(Goal::http, std::move(to));
}

void Opening::begin_transparent() {
  const auto to = original_destination(session_.client().socket().fd());
  if (!to || session_.loop().shared().is_ours(to->ip, to->port)) {
    log::warn("transparent", "a connection that no rule had redirected was dropped");
    return session_.reset_client();
  }
  relay::Authority authority;
  authority.host = authority.dial_host = to->ip.text();
  authority.port = to->port;
  authority.host_is_ip = true;
  name_destination(Mode::transparent, authority, {});
  session_.recording().want(false);  // as long as nobody knows what it is
  Way there = way();
  there.addresses = {*to};
  reach(Goal::look, std::move(there));
}

void Opening::reach(Goal goal, Way way) {
  phase_ = Phase::reaching;
  goal_ = goal;
  reach_.start(session_.upstream(), std::move(way));
}

// --- the upstream

bool Opening::take_upstream(UniqueFd fd) { return session_.take_upstream(std::move(fd)); }

void Opening::arm(std::int64_t ns) { session_.arm(ns); }

void Opening::disarm() { session_.disarm(); }

void Opening::update_interest() { session_.update_interest(); }

bool Opening::upstream_wants_certificate() const {
  return session_.upstream().tls()->client_certificate_requested() && !reach_.identity_shown();
}

void Opening::on_reached() {
  tap::ConnFacts& facts = session_.recording().facts();
  facts.time_to_connect_ns = reach_.connect_ns();
  facts.time_to_tls_ns = reach_.tls_ns();
  session_.keep_upstream_octets(reach_.take_surplus());
  const bool connect = facts.mode == Mode::connect;
  switch (goal_) {
    case Goal::tunnel:
      if (connect) session_.client().send_raw(kEstablished);
      return splice();
    case Goal::look:
      if (connect) session_.client().send_raw(kEstablished);
      return session_.has_upstream_octets() ? splice() : await_hello();
    case Goal::verify:
      session_.client().send_raw(kEstablished);
      // Only the client has the certificate that is wanted.
      if (upstream_wants_certificate()) return go_blind("client_certificate");
      return await_hello();
    case Goal::open:
      if (upstream_wants_certificate()) return go_blind("client_certificate");
      if (hello_.hello().tls13_only && session_.upstream().tls()->version() != "TLSv1.3") {
        return go_blind("tls_version");
      }
      return open_client_tls();
    case Goal::http:
      session_.leg()->routed();
      phase_ = Phase::over;
      return session_.start_relay({});
    case Goal::again:
      return splice();
  }
}

void Opening::on_unreachable(Unreachable&& why) {
  if (goal_ == Goal::again) return session_.close();  // the way was said to be free
  session_.recording().facts().time_to_connect_ns = reach_.connect_ns();
  const bool clear_yet = goal_ == Goal::verify || goal_ == Goal::open;
  if (clear_yet && why.wants_client_certificate) {
    if (goal_ == Goal::verify) session_.client().send_raw(kEstablished);
    return go_blind("client_certificate");
  }
  session_.setup_failed(why.error, why.detail, why.by);
  if (goal_ == Goal::open) return refuse_in_tls(kInternalError);
  if (session_.recording().facts().mode == Mode::transparent) {
    log::info("transparent", why.refusal.text);
    return session_.reset_client();
  }
  session_.refuse(why.refusal);
}

// --- the client's TLS

void Opening::await_hello() {
  phase_ = Phase::hello;
  if (goal_ == Goal::verify) arm(limits::kHandshakeNs);
  if (!early_.empty()) on_hello({});
}

void Opening::on_hello(Bytes octets) {
  if (goal_ == Goal::look && early_.empty()) arm(limits::kHandshakeNs);
  early_.append(octets);
  const HelloState state = hello_.look(early_);
  if (state == HelloState::need_more) return;
  disarm();
  if (state == HelloState::ready) return goal_ == Goal::look ? judge_unknown() : judge_hello();
  if (goal_ == Goal::look) {
    const bool deny = session_.loop().shared().settings.deny_unlisted;
    return deny ? session_.reset_client() : splice();
  }
  go_blind(state == HelloState::not_tls ? "not_tls" : "malformed_client_hello");
}

void Opening::judge_hello() {
  const relay::ClientHello& hello = hello_.hello();
  const std::string_view why = relay::why_not_ours(hello, session_.recording().facts().host);
  if (why == "http2" && session_.loop().shared().settings.refuse_h2) {
    session_.setup_failed(ErrorType::client_tls_failed, "http2_only", Party::recorder);
    return session_.close();
  }
  if (!why.empty()) return go_blind(why);
  // Never weaker than what the client would have accepted.
  if (hello.tls13_only && session_.upstream().tls()->version() != "TLSv1.3") {
    return go_blind("tls_version");
  }
  open_client_tls();
}

// The connection goes to an address: the name in the hello says whether it is recorded.
void Opening::judge_unknown() {
  const Settings& settings = session_.loop().shared().settings;
  const relay::ClientHello& hello = hello_.hello();
  relay::Authority named = to_;
  if (hello.has_sni) named.host = hello.sni;
  const std::string user =
      session_.recording().facts().mode == Mode::connect ? connect_.request().user : "";
  name_destination(session_.recording().facts().mode, named, user);
  if (!session_.recording().wanted())
    return settings.deny_unlisted ? refuse_in_tls(kAccessDenied) : splice();
  const std::string_view why = relay::why_not_ours(hello, named.host);
  if (!why.empty()) {
    if (settings.refuse_h2) {
      session_.setup_failed(ErrorType::client_tls_failed, "http2_only", Party::recorder);
      return refuse_in_tls(kNoApplicationProtocol);
    }
    session_.recording().leave_unopened(why);
    return splice();
  }
  if (is_left_alone()) return splice();
  phase_ = Phase::reaching;
  goal_ = Goal::open;
  reach_.start_tls(session_.upstream(), named.host);
}

void Opening::splice() {
  disarm();
  phase_ = Phase::over;
  session_.recording().want(false);
  session_.start_relay(std::move(early_));
}

// The client's octets were not ours to open: they go, unread, over a connection that never was.
void Opening::go_blind(std::string_view why) {
  disarm();
  log::info("connect", session_.authority() + " is tunnelled unopened: " + std::string(why));
  session_.recording().leave_unopened(why);
  session_.retire_upstream();
  reach(Goal::again, reach_.way_again());
}

// The client's handshake has begun, so only TLS can say no.
void Opening::refuse_in_tls(int alert) {
  disarm();
  tls::CipherOut& out = session_.loop().cipher_scratch();
  out.clear();
  tls::Engine::append_clear_alert(alert, out);
  session_.client().send_raw(out.view());
  session_.linger();
}

void Opening::open_client_tls() {
  Shared& shared = session_.loop().shared();
  auto ssl = tls::new_client_facing(shared.client_facing.get());
  if (ssl) {
    const tap::ConnFacts& facts = session_.recording().facts();
    const std::int64_t unix_seconds = facts.wall.unix_us_at(session_.now()) / 1'000'000;
    const auto minted = shared.mint->apply(ssl->get(), facts.host, unix_seconds);
    if (!minted) {
      log::error("tls", minted.error().detail);
      return go_blind("no_certificate");
    }
  } else {
    log::error("tls", ssl.error().detail);
    return go_blind("no_tls_context");
  }
  session_.client().tls().emplace(*std::move(ssl), tls::Role::client_facing);
  phase_ = Phase::client_tls;
  arm(limits::kHandshakeNs);
  const std::string early = std::exchange(early_, {});
  on_client_tls(early);
}

void Opening::on_client_tls(Bytes octets) {
  Peer& client = session_.client();
  const Peer::Plain p = client.decrypt(octets);
  if (p.status == EngineStatus::failed || !p.sent) return client_tls_failed();
  if (!client.tls()->handshake_complete()) {
    if (p.status == EngineStatus::closed) client_tls_failed();
    return;
  }
  session_.loop().shared().client_accepted(session_.authority());
  // The first request may have come with the end of the handshake, and even the good-bye.
  const bool closed = p.status == EngineStatus::closed;
  phase_ = Phase::over;
  session_.start_relay(std::string(p.octets), closed);
}

void Opening::client_tls_failed() {
  disarm();
  Peer& client = session_.client();
  const tls::Engine& engine = *client.tls();
  client.alert = engine.alert_received();
  const std::string detail = client.alert.empty() ? std::string(engine.failure()) : client.alert;
  if (!client.alert.empty()) client.close_how = CloseHow::tls_alert;
  const bool distrust = engine.peer_distrusts_us();
  session_.setup_failed(distrust ? ErrorType::client_untrusted_ca : ErrorType::client_tls_failed,
                        detail, Party::client);
  if (distrust) {
    const std::string authority = session_.authority();
    log::warn("tls", "a client does not trust our CA for " + authority + " (alert " + detail +
                         "): point it at the file of --ca-bundle-out, see llmrec(7)");
    if (session_.loop().shared().client_refused(authority, session_.now())) {
      log::warn("tls", authority + " is tunnelled unopened for the next ten minutes");
    }
  }
  session_.linger();
}

}  // namespace llmrec::net
