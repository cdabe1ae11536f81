#include "net/reach.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/log.h"
#include "net/loop.h"

namespace llmrec::net {
namespace {

using record::CloseHow;
using record::ErrorType;
using record::Party;
using tls::EngineStatus;

std::string errno_name(int error) { return uv_err_name(uv_translate_sys_error(error)); }

}  // namespace

std::string authority(const std::string& host, std::uint16_t port) {
  const bool v6 = host.find(':') != std::string::npos;
  return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

std::string Way::authority() const { return net::authority(host, port); }

void Reach::start(Peer& peer, Way way) {
  peer_ = &peer;
  way_ = std::move(way);
  tls_host_ = way_.host;
  answer_ = {};
  surplus_.clear();
  connect_ns_ = tls_ns_ = std::nullopt;
  dial();
}

Way Reach::way_again() const {
  Way way = way_;
  way.tls = false;
  if (!through_proxy_) {
    way.addresses = {address_};
    way.settled = true;
  }
  return way;
}

void Reach::cancel() {
  state_ = State::idle;
  if (dialer_ != nullptr) std::exchange(dialer_, nullptr)->cancel();
}

bool Reach::goes_through_proxy() const {
  const Settings& settings = loop_.shared().settings;
  return settings.proxy && !way_.settled && !settings.no_proxy.covers(way_.host);
}

bool Reach::may_dial(const relay::IpAddress& ip, bool named) const {
  const relay::DestinationPolicy policy{.listener_is_loopback = way_.listener_is_loopback};
  return relay::allowed(relay::classify(ip), policy, named);
}

void Reach::dial() {
  const Shared& shared = loop_.shared();
  const Settings& settings = shared.settings;
  state_ = State::dialing;
  started_ = loop_.now();
  dial_ = {.host = way_.dial_host,
           .port = way_.port,
           .addresses = way_.addresses,
           .timeout_ns = settings.connect_timeout_ns,
           .allowed = {}};
  const relay::HostEntry* entry = settings.named.match(way_.host, way_.port);
  bool named = entry != nullptr && !entry->is_glob;
  for (const ConnectTo& rule : settings.connect_to) {
    if (way_.settled || (!rule.host.empty() && rule.host != way_.host) ||
        (rule.port != 0 && rule.port != way_.port)) {
      continue;
    }
    if (!rule.to_host.empty()) dial_.host = rule.to_host;
    if (rule.to_port != 0) dial_.port = rule.to_port;
    if (!rule.to_host.empty() || rule.to_port != 0) dial_.addresses.clear();
    named = true;
    break;
  }
  through_proxy_ = goes_through_proxy();
  DialRequest request = dial_;
  const std::uint16_t port = through_proxy_ ? settings.proxy->port : dial_.port;
  if (through_proxy_) {
    // Whoever resolves the name decides where it leads; an address we can judge ourselves.
    const auto ip = relay::parse_ip_literal(dial_.host);
    if (ip && !may_dial(*ip, named)) {
      DialResult denied;
      denied.error = ErrorType::destination_denied;
      denied.detail = "address_not_allowed";
      return unconnected(denied);
    }
    request.host = settings.proxy->host;
    request.port = port;
    request.addresses.clear();
    named = true;
  }
  request.allowed = [this, named, port, &shared](const relay::IpAddress& ip) {
    return !shared.is_ours(ip, port) && may_dial(ip, named);
  };
  dialer_ =
      Dialer::start(loop_.uv(), loop_.resolver(), std::move(request), [this](DialResult result) {
        dialer_ = nullptr;
        on_dialled(std::move(result));
        owner_.update_interest();
      });
}

void Reach::on_dialled(DialResult result) {
  if (result.error != ErrorType::none) {
    if (through_proxy_) {
      const Refusal refusal = refusal_for(result, {});
      return proxy_failed(result.detail, result.timed_out, refusal.proxy_error);
    }
    return unconnected(result);
  }
  address_ = result.address;
  if (!owner_.take_upstream(std::move(result.fd))) {
    return fail({.error = ErrorType::connect_failed,
                 .detail = "ENOMEM",
                 .by = Party::recorder,
                 .refusal = {.proxy_error = "proxy_internal_error",
                             .details = "ENOMEM",
                             .text = "out of descriptors or memory"}});
  }
  if (through_proxy_) return ask_proxy();
  connect_ns_ = result.connect_ns;
  connected();
}

void Reach::unconnected(const DialResult& result) {
  fail({.error = result.error,
        .detail = result.detail,
        .by = Party::none,
        .refusal = refusal_for(result, way_.authority())});
}

void Reach::ask_proxy() {
  const UpstreamProxy& proxy = *loop_.shared().settings.proxy;
  const std::string target = authority(
      dial_.addresses.empty() ? dial_.host : dial_.addresses.front().ip.text(), dial_.port);
  std::string head = "CONNECT " + target + " HTTP/1.1\r\nHost: " + target + "\r\n";
  if (!proxy.authorization.empty()) {
    head += "Proxy-Authorization: " + proxy.authorization + "\r\n";
  }
  head += "\r\n";
  state_ = State::proxy;
  const std::int64_t spent = loop_.now() - started_;
  owner_.arm(loop_.shared().settings.connect_timeout_ns - spent);
  if (!peer_->send_raw(head)) proxy_failed("ECONNRESET", false, "connection_terminated");
}

void Reach::on_proxy_answer(Bytes octets) {
  std::size_t consumed = 0;
  switch (answer_.feed(octets, consumed)) {
    case relay::ProxyAnswer::State::need_more:
      return;
    case relay::ProxyAnswer::State::refused: {
      const int status = answer_.status();
      return proxy_failed("status_" + std::to_string(status), false,
                          status == 407 ? "proxy_configuration_error" : "destination_unavailable");
    }
    case relay::ProxyAnswer::State::malformed:
      return proxy_failed("malformed_answer", false, "http_protocol_error");
    case relay::ProxyAnswer::State::granted:
      break;
  }
  owner_.disarm();
  surplus_.assign(octets.substr(consumed));
  connect_ns_ = loop_.now() - started_;
  connected();
}

void Reach::proxy_failed(std::string detail, bool timed_out, std::string_view error) {
  const UpstreamProxy& proxy = *loop_.shared().settings.proxy;
  std::string text = "the upstream proxy " + authority(proxy.host, proxy.port) +
                     " does not lead to " + way_.authority() + " (" + detail + ")";
  if (detail == "status_407") text += "; put USER:PASSWORD@ into --upstream-proxy";
  fail({.error = ErrorType::upstream_proxy_failed,
        .detail = detail,
        .by = Party::upstream,
        .refusal = {.status = timed_out ? 504 : 502,
                    .proxy_error = error,
                    .details = std::move(detail),
                    .text = std::move(text)}});
}

void Reach::connected() {
  if (way_.tls) return open_tls();
  state_ = State::idle;
  owner_.on_reached();
}

void Reach::start_tls(Peer& peer, const std::string& host) {
  peer_ = &peer;
  tls_host_ = host;
  open_tls();
}

void Reach::open_tls() {
  Shared& shared = loop_.shared();
  const Settings& settings = shared.settings;
  tls::UpstreamName name;
  name.host = tls_host_;
  const relay::HostEntry* entry = settings.client_cert_hosts.match(tls_host_, way_.port);
  identity_shown_ = entry != nullptr;
  if (entry != nullptr) {
    const auto index = entry - settings.client_cert_hosts.entries().data();
    name.identity = settings.client_certs[static_cast<std::size_t>(index)];
  }
  state_ = State::tls;
  auto ssl = tls::new_upstream(shared.upstream.get(), name);
  if (!ssl) {
    log::warn("tls", ssl.error().detail);
    return fail(
        {.error = ErrorType::tls_handshake_failed,
         .detail = "internal",
         .by = Party::recorder,
         .refusal = {.proxy_error = "proxy_internal_error",
                     .details = "internal",
                     .text = "TLS with " + authority(tls_host_, way_.port) + " cannot be set up"}});
  }
  peer_->tls().emplace(*std::move(ssl), tls::Role::upstream);
  tls_started_ = loop_.now();
  owner_.arm(limits::kHandshakeNs);
  if (!peer_->start_tls()) return tls_failed("ECONNRESET");
  if (!surplus_.empty()) on_tls(take_surplus());
}

void Reach::on_octets(Bytes octets) {
  if (state_ == State::proxy) return on_proxy_answer(octets);
  if (state_ == State::tls) on_tls(octets);
}

void Reach::on_tls(Bytes octets) {
  const Peer::Plain p = peer_->decrypt(octets);
  if (p.status == EngineStatus::failed) return tls_failed({});
  if (!peer_->tls()->handshake_complete()) return;
  if (!p.octets.empty()) {
    // Application data before any request: nobody speaks HTTP so. The engine has already decrypted
    // it, and it cannot be given back.
    return tls_failed("unexpected_data");
  }
  owner_.disarm();
  tls_ns_ = loop_.now() - tls_started_;
  state_ = State::idle;
  owner_.on_reached();
}

void Reach::on_end(Io io, int error) {
  const std::string how = io == Io::eof ? "eof" : errno_name(error);
  if (state_ == State::proxy) return proxy_failed(how, false, "connection_terminated");
  if (state_ != State::tls) return;
  peer_->tls()->feed_eof();
  tls_failed(how);
}

void Reach::on_timer() {
  if (state_ == State::proxy) return proxy_failed("ETIMEDOUT", true, "connection_timeout");
  if (state_ == State::tls) tls_failed("timeout");
}

void Reach::tls_failed(std::string_view how) {
  const tls::Engine& engine = *peer_->tls();
  const bool certificate = engine.verify_result() != X509_V_OK;
  const std::string alert = engine.alert_received();
  std::string detail(how);
  if (certificate) {
    detail = engine.verify_error_name();
  } else if (!alert.empty()) {
    detail = "tls_alert:" + alert;
    peer_->close_how = CloseHow::tls_alert;
    peer_->alert = alert;
  } else if (detail.empty()) {
    detail = "handshake_failure";
  }
  const std::string_view type = certificate     ? "tls_certificate_error"
                                : alert.empty() ? "tls_protocol_error"
                                                : "tls_alert_received";
  const std::string whose = authority(tls_host_, way_.port);
  std::string text = certificate ? "the certificate of " + whose + " is not valid ("
                                 : "TLS with " + whose + " failed (";
  text += detail + ")";
  if (certificate) text += "; a private CA is added with --upstream-ca";
  const bool wanted = engine.client_certificate_requested() && !identity_shown_;
  if (wanted) text += "; it asked for a client certificate, see --client-cert";
  fail({.error = certificate ? ErrorType::tls_certificate_invalid : ErrorType::tls_handshake_failed,
        .detail = detail,
        .by = certificate ? Party::recorder : Party::upstream,
        .refusal = {.status = how == "timeout" ? 504 : 502,
                    .proxy_error = type,
                    .details = detail,
                    .text = std::move(text)},
        .wants_client_certificate = wanted && !certificate});
}

void Reach::fail(Unreachable why) {
  owner_.disarm();
  state_ = State::idle;
  owner_.on_unreachable(std::move(why));
}

}  // namespace llmrec::net
