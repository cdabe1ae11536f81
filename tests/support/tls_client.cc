#include "support/tls_client.h"

#include <sys/fsuid.h>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace llmrec::support {
namespace {

std::string common_name(const X509_NAME* name) {
  std::array<char, 128> text{};
  X509_NAME_get_text_by_NID(const_cast<X509_NAME*>(name), NID_commonName, text.data(),
                            static_cast<int>(text.size()));
  return text.data();
}

}  // namespace

const char* name_of(Ending ending) {
  switch (ending) {
    case Ending::open:
      return "open";
    case Ending::close_notify:
      return "close_notify";
    case Ending::fin:
      return "fin";
    case Ending::reset:
      return "reset";
    case Ending::tls_error:
      return "tls_error";
    case Ending::timeout:
      return "timeout";
  }
  return "?";
}

Result<void> TlsClient::connect() {
  const std::uint16_t port = options_.via ? options_.via->port : options_.port;
  // The thread's own file system user is the owner of the sockets that it makes.
  const int before = options_.user ? ::setfsuid(*options_.user) : 0;
  UniqueFd socket = connect_loopback(port, deadline(), options_.receive_buffer, options_.v6);
  if (options_.user) ::setfsuid(static_cast<uid_t>(before));
  if (!socket) return Error{Code::io, fmt::format("connect to {}: {}", port, std::strerror(errno))};
  conn_ = std::make_unique<Conn>(std::move(socket));
  std::string beyond;  // what came behind the proxy's answer
  if (options_.via) {
    if (auto done = connect_through_proxy(beyond); !done) return done;
  }
  conn_->on_data = [this](Bytes bytes) {
    digest_.update(bytes);
    kept_.append(bytes.substr(0, kKeep - std::min(kKeep, kept_.size())));
  };
  if (!options_.tls) {
    conn_->on_data(beyond);
    return {};
  }
  context_ = make_client_context(*options_.tls);
  if (!conn_->handshake_as_client(context_.get(), options_.tls->name, beyond, deadline())) {
    return Error{Code::protocol, "TLS: " + conn_->tls_error()};
  }
  return {};
}

Result<void> TlsClient::connect_through_proxy(std::string& beyond) {
  const Hop& hop = *options_.via;
  conn_->on_data = [this](Bytes bytes) { proxy_answer_.append(bytes); };
  const std::string request =
      !hop.request.empty() ? hop.request
                           : fmt::format("CONNECT {0} HTTP/1.1\r\nHost: {0}\r\n\r\n", hop.target);
  const auto has_head = [this] { return proxy_answer_.find("\r\n\r\n") != std::string::npos; };
  if (!conn_->send(request, deadline()) || !wait_until(has_head)) {
    return Error{Code::io, "no answer from the proxy: " + conn_->peer_end().text()};
  }
  const auto end = proxy_answer_.find("\r\n\r\n") + 4;
  const auto space = proxy_answer_.find(' ');
  if (space > end || proxy_answer_.compare(space + 1, 1, "2") != 0) {
    // A refusal may carry a body, which is of interest to the test.
    wait_until([this] { return conn_->peer_end().any(); });
    return Error{Code::protocol,
                 "the proxy said " + proxy_answer_.substr(0, proxy_answer_.find("\r\n"))};
  }
  beyond = proxy_answer_.substr(end);
  proxy_answer_.resize(end);
  return {};
}

bool TlsClient::send(Bytes bytes, std::size_t split) {
  if (split == 0) return conn_->send(bytes, deadline());
  for (std::size_t at = 0; at < bytes.size(); at += split) {
    if (!conn_->send(bytes.substr(at, split), deadline())) return false;
  }
  return true;
}

bool TlsClient::send_split(Bytes bytes, const std::vector<std::size_t>& sizes) {
  for (const std::size_t size : sizes) {
    if (!conn_->send(bytes.substr(0, size), deadline())) return false;
    bytes.remove_prefix(std::min(size, bytes.size()));
  }
  return conn_->send(bytes, deadline());
}

template <class F>
bool TlsClient::wait_until(F condition) {
  const Instant until = deadline();
  while (!condition()) {
    if (conn_->peer_end().tcp != PeerEnd::Tcp::open || !conn_->tls_error().empty()) return false;
    const Conn::Turn turned = conn_->turn(until);
    if (turned == Conn::Turn::timeout) timed_out_ = true;
    if (turned == Conn::Turn::timeout || turned == Conn::Turn::stopped) return false;
  }
  return true;
}

bool TlsClient::read_until(Bytes needle) {
  return wait_until([&] { return kept_.find(needle) != std::string::npos; });
}

bool TlsClient::read_bytes(std::uint64_t total) {
  return wait_until([&] { return digest_.bytes() >= total; });
}

Received TlsClient::read_to_end() {
  wait_until([this] { return conn_->peer_end().tcp != PeerEnd::Tcp::open; });
  return received();
}

Received TlsClient::received() const {
  Received out;
  out.bytes = kept_;
  out.count = digest_.bytes();
  out.sha256 = digest_.hex();
  const PeerEnd& end = conn_->peer_end();
  out.end = end.text();
  if (!conn_->tls_error().empty() && !end.any()) {
    out.ending = Ending::tls_error;
  } else if (end.close_notify) {
    out.ending = Ending::close_notify;
  } else if (end.tcp == PeerEnd::Tcp::fin) {
    out.ending = Ending::fin;
  } else if (end.tcp == PeerEnd::Tcp::reset) {
    out.ending = Ending::reset;
  } else if (timed_out_) {
    out.ending = Ending::timeout;
  }
  return out;
}

std::string TlsClient::peer_name() const {
  const X509* shown = SSL_get0_peer_certificate(conn_->ssl());
  return shown == nullptr ? "" : common_name(X509_get_subject_name(shown));
}

std::string TlsClient::peer_issuer() const {
  const X509* shown = SSL_get0_peer_certificate(conn_->ssl());
  return shown == nullptr ? "" : common_name(X509_get_issuer_name(shown));
}

std::string render(const RawRequest& request) {
  std::string out = fmt::format("{} {} {}\r\nHost: {}\r\n", request.method, request.target,
                                request.version, request.host);
  for (const auto& [name, value] : request.headers) out += name + ": " + value + "\r\n";
  switch (request.framing) {
    case Framing::length:
      if (!request.body.empty() || request.method == "POST") {
        out += fmt::format("Content-Length: {}\r\n", request.body.size());
      }
      return out + "\r\n" + request.body;
    case Framing::chunked: {
      out += "Transfer-Encoding: chunked\r\n\r\n";
      constexpr std::size_t kChunk = 1000;
      for (std::size_t at = 0; at < request.body.size(); at += kChunk) {
        const std::string piece = request.body.substr(at, kChunk);
        out += fmt::format("{:x}\r\n{}\r\n", piece.size(), piece);
      }
      return out + "0\r\n\r\n";
    }
    case Framing::close:
      break;
  }
  return out + "\r\n" + request.body;
}

}  // namespace llmrec::support
