#include "support/provider_connection.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "support/fake_scenes.h"

namespace llmrec::support {

ProviderConnection::ProviderConnection(UniqueFd socket, const ProviderOptions& options,
                                       const ServerContext* tls, LogBook& book, ConnectionLog& log)
    : options_(options),
      tls_(tls),
      book_(book),
      log_(log),
      conn_(std::move(socket)),
      reader_(HttpReader::Kind::request, kTranscriptCap) {
  conn_.on_data = [this](Bytes bytes) { received(bytes); };
  conn_.on_peer_end = [this](const PeerEnd& end) {
    this->log([&](ConnectionLog& l) { l.client_end = end; });
  };
  conn_.on_sent = [this](std::size_t n) {
    this->log([&](ConnectionLog& l) { l.sent_bytes += n; });
  };
}

Instant ProviderConnection::limit() const { return after_ms(options_.limit_ms); }

void ProviderConnection::problem(std::string what) {
  log([&](ConnectionLog& l) { l.problems.push_back(std::move(what)); });
}

void ProviderConnection::run() noexcept {
  try {
    serve();
  } catch (const std::exception& e) {
    problem(e.what());
  }
  conn_.close();
  log([&](ConnectionLog& l) {
    l.received_sha256 = digest_.hex();
    l.tls = conn_.tls();
    l.finished_at = now();
    l.finished = true;
  });
  done_.store(true);
}

void ProviderConnection::serve() {
  if (play(options_.before_tls) == Went::over || conn_.write_ended()) return finish();
  // What comes in one piece with the end of the handshake is as raw as all the rest.
  raw_ = !options_.at_open.empty() && std::holds_alternative<Raw>(options_.at_open.front());
  if (tls_ != nullptr && !start_tls()) return finish();
  opened_ = true;
  if (tls_ == nullptr && !before_tls_.empty()) received(std::exchange(before_tls_, {}));
  if (play(options_.at_open) == Went::on && !conn_.write_ended()) serve_requests();
  finish();
}

bool ProviderConnection::start_tls() {
  const std::string ahead = std::exchange(before_tls_, {});
  opened_ = true;  // data that comes with the client's last flight is already the client's
  const bool ok = conn_.handshake_as_server(*tls_, ahead, limit());
  log([&](ConnectionLog& l) {
    l.before_tls += ahead;
    l.tls = conn_.tls();
    l.handshake_done = ok;
    l.handshake_error = conn_.tls_error();
    if (ok) l.handshake_at = now();
  });
  return ok;
}

void ProviderConnection::serve_requests() {
  while (const auto request = next_request()) {
    const Handler& handler = options_.handler;
    if (play(handler ? handler(*request) : play_scene(*request)) == Went::over) return;
    if (conn_.write_ended() || raw_ || !request->keeps_alive()) return;
  }
}

// nullopt: there will be none.
std::optional<Request> ProviderConnection::next_request() {
  while (true) {
    if (attend_head() == Went::over) return std::nullopt;
    if (!requests_.empty()) {
      Request request = std::move(requests_.front());
      requests_.pop_front();
      head_attended_ = false;
      if (!std::exchange(answered_early_, false)) return request;
      continue;
    }
    if (reader_.broken()) problem("not HTTP: " + reader_.why());
    if (reader_.broken() || conn_.peer_end().any() || conn_.write_ended()) return std::nullopt;
    const Conn::Turn turned = conn_.turn(limit());
    if (turned == Conn::Turn::timeout) problem("no request within the limit");
    if (turned == Conn::Turn::timeout || turned == Conn::Turn::stopped) return std::nullopt;
  }
}

// What is due as soon as a head is there, once per request.
ProviderConnection::Went ProviderConnection::attend_head() {
  if (head_attended_ || (requests_.empty() && reader_.current() == nullptr)) return Went::on;
  head_attended_ = true;
  Request head;
  if (!requests_.empty()) {
    head = requests_.front();
  } else {
    static_cast<HttpMessage&>(head) = *reader_.current();
    head.head_at = head_at_.value_or(now());
  }
  if (options_.at_head) {
    if (const auto script = options_.at_head(head)) {
      answered_early_ = true;
      return play(*script);
    }
  }
  const bool expects = equals_ignoring_case(head.header("expect"), "100-continue");
  if (expects && options_.send_continue && requests_.empty()) {
    return step(Send{"HTTP/1.1 100 Continue\r\n\r\n"});
  }
  return Went::on;
}

ProviderConnection::Went ProviderConnection::play(const Script& script) {
  for (const auto& s : script) {
    if (std::holds_alternative<Loop>(s)) break;
    if (std::visit([this](const auto& one) { return step(one); }, s) == Went::over) {
      return Went::over;
    }
  }
  return Went::on;
}

// Ends our direction if nobody has, then waits for the client to end its own: closing earlier with
// unread bytes would make the kernel send RST and destroy what is on its way.
void ProviderConnection::finish() {
  if (!conn_.is_open() || conn_.stopped()) return;
  if (conn_.peer_end().tcp == PeerEnd::Tcp::reset) return;
  conn_.set_reading(true);
  if (!conn_.write_ended()) {
    conn_.close_notify(limit());
    conn_.shut_write(limit());
  }
  raw_ = true;  // whatever comes now is logged and answered no more
  const Instant deadline = limit();
  while (conn_.peer_end().tcp == PeerEnd::Tcp::open) {
    const Conn::Turn turned = conn_.turn(deadline);
    if (turned == Conn::Turn::stopped) return;
    if (turned == Conn::Turn::timeout) return problem("the client never closed");
  }
}

void ProviderConnection::received(Bytes bytes) {
  if (!opened_) {
    before_tls_.append(bytes);
    return;
  }
  digest_.update(bytes);
  log([&](ConnectionLog& l) {
    if (!l.first_byte_at) l.first_byte_at = now();
    l.received_bytes += bytes.size();
    if (!options_.keep_logs) return;
    const std::size_t room = kTranscriptCap - std::min(kTranscriptCap, l.bytes.size());
    l.bytes.append(bytes.substr(0, room));
  });
  if (raw_) {
    raw_bytes_ += bytes.size();
    return;
  }
  reader_.feed(bytes);
  stamp_requests();
}

void ProviderConnection::stamp_requests() {
  const Instant at = now();
  while (!reader_.ready().empty()) {
    Request request;
    static_cast<HttpMessage&>(request) = std::move(reader_.ready().front());
    reader_.ready().pop_front();
    request.head_at = head_at_.value_or(at);
    request.complete_at = at;
    head_at_.reset();
    log([&](ConnectionLog& l) {
      l.open_head.clear();
      l.received_sha256 = digest_.hex();
      if (options_.keep_logs) l.requests.push_back(request);
    });
    requests_.push_back(std::move(request));
  }
  if (reader_.current() != nullptr && !head_at_) {
    head_at_ = at;
    log([&](ConnectionLog& l) { l.open_head = reader_.current()->head; });
  }
}

// `condition` is looked at again after every event of the connection. RST ends any wait.
template <class F>
ProviderConnection::Went ProviderConnection::wait_until(F condition) {
  const Instant deadline = limit();
  while (!condition()) {
    if (conn_.peer_end().tcp == PeerEnd::Tcp::reset) return Went::over;
    const Conn::Turn turned = conn_.turn(deadline);
    if (turned == Conn::Turn::timeout) problem("a step waited for too long");
    if (turned == Conn::Turn::timeout || turned == Conn::Turn::stopped) return Went::over;
  }
  return Went::on;
}

void ProviderConnection::mark_send() {
  log([&](ConnectionLog& l) {
    if (options_.keep_logs && l.sends.size() < kSendMarksCap) {
      l.sends.push_back({now(), l.sent_bytes});
    }
  });
}

ProviderConnection::Went ProviderConnection::step(const Send& s) {
  if (!conn_.send(s.bytes, limit())) return Went::over;
  mark_send();
  return Went::on;
}

ProviderConnection::Went ProviderConnection::step(const SendBulk& s) {
  std::uint64_t at = s.offset;
  while (at < s.offset + s.length) {
    std::string piece;
    const auto n = std::min<std::uint64_t>(4 * Conn::kRecord, s.offset + s.length - at);
    append_bulk(piece, at, static_cast<std::size_t>(n));
    if (!conn_.send(piece, limit())) return Went::over;
    at += n;
  }
  mark_send();
  return Went::on;
}

ProviderConnection::Went ProviderConnection::step(const Delay& s) {
  const Instant deadline = after_ms(s.ms);
  while (now() < deadline) {
    if (conn_.peer_end().tcp == PeerEnd::Tcp::reset) return Went::over;
    if (conn_.turn(deadline) == Conn::Turn::stopped) return Went::over;
  }
  return Went::on;
}

ProviderConnection::Went ProviderConnection::step(const WaitFor& s) {
  log([&](ConnectionLog& l) { l.waiting_for = s.gate; });
  const Went went = wait_until([&] { return book_.gate_is_open(s.gate); });
  log([&](ConnectionLog& l) { l.waiting_for.clear(); });
  return went;
}

ProviderConnection::Went ProviderConnection::step(const ReadRequest&) {
  return next_request() ? Went::on : Went::over;
}

ProviderConnection::Went ProviderConnection::step(const Raw&) {
  raw_ = true;
  return Went::on;
}

ProviderConnection::Went ProviderConnection::step(const ReadRaw& s) {
  return wait_until([&] {
    return (opened_ ? raw_bytes_ : before_tls_.size()) >= s.bytes || conn_.peer_end().any();
  });
}

ProviderConnection::Went ProviderConnection::step(const ReadHead&) {
  std::size_t end = std::string::npos;
  const Went went = wait_until([&] {
    end = before_tls_.find("\r\n\r\n");
    return end != std::string::npos || conn_.peer_end().any();
  });
  if (went == Went::over || end == std::string::npos) return Went::over;
  log([&](ConnectionLog& l) { l.before_tls.append(before_tls_, 0, end + 4); });
  before_tls_.erase(0, end + 4);
  return Went::on;
}

ProviderConnection::Went ProviderConnection::step(const ReadUntilEof&) {
  return wait_until([&] { return conn_.peer_end().any(); });
}

ProviderConnection::Went ProviderConnection::step(const Reading& s) {
  conn_.set_reading(s.on);
  return Went::on;
}

ProviderConnection::Went ProviderConnection::step(const CloseNotify&) {
  return conn_.close_notify(limit()) ? Went::on : Went::over;
}

ProviderConnection::Went ProviderConnection::step(const Fin&) {
  return conn_.shut_write(limit()) ? Went::on : Went::over;
}

ProviderConnection::Went ProviderConnection::step(const Rst&) {
  if (!conn_.reset(limit())) problem("RST before everything was acknowledged");
  return Went::over;
}

ProviderConnection::Went ProviderConnection::step(const Close&) {
  return conn_.close_notify(limit()) && conn_.shut_write(limit()) ? Went::on : Went::over;
}

}  // namespace llmrec::support
