#include "tap/tap.h"

#include <algorithm>
#include <utility>

#include "base/limits.h"
#include "tap/fields.h"

namespace llmrec::tap {
namespace {

using record::CloseHow;
using record::Party;
using record::TapState;

End upstream_end(CloseHow how) {
  switch (how) {
    case CloseHow::close_notify:
      return End::upstream_close_notify;
    case CloseHow::fin:
      return End::upstream_fin;
    case CloseHow::tls_alert:
      return End::upstream_alert;
    default:
      return End::upstream_reset;
  }
}

bool orderly(CloseHow how) { return how == CloseHow::close_notify || how == CloseHow::fin; }

// What is known of a connection apart from any exchange on it.
record::Record of_connection(RecordId id, const ConnFacts& conn, const SideEnd& upstream,
                             const SideEnd& client, Instant started, Instant now) {
  const dialect::Provider& provider = dialect::provider_by_host(conn.host);
  record::Record r;
  r.request_id = id;
  r.started_at_us = conn.wall.unix_us_at(started);
  r.mode = conn.mode;
  r.host = conn.host.substr(0, limits::kRecordHostMax);
  r.provider = provider.name.empty() ? r.host : std::string(provider.name);
  r.region = dialect::region_by_host(conn.host);
  r.tags = conn.tags;
  r.budgets = conn.budgets;
  r.time_to_connect_ns = conn.time_to_connect_ns;
  r.time_to_tls_ns = conn.time_to_tls_ns;
  r.duration_ns = now - started;
  r.upstream_close = upstream.how;
  r.upstream_alert = upstream.alert;
  r.client_close = client.how;
  r.client_alert = client.alert;
  return r;
}

}  // namespace

// The request direction: every message begins an exchange.
class Tap::RequestSide final : public wire::Http1Handler {
 public:
  explicit RequestSide(Tap& tap) : tap_(tap), parser_(wire::Http1Kind::request, *this) {}

  std::size_t feed(Bytes octets) {
    const std::size_t used = parser_.feed(octets);
    if (parser_.error() != wire::Http1Error::none && !reported_) {
      reported_ = true;
      if (parser_.error() == wire::Http1Error::after_close) return used;  // nobody will answer it
      if (answered_early_) return used;
      if (current_ == nullptr || current_->request_is_complete()) on_message_begin();
      if (current_ != nullptr) current_->request_malformed(parser_.error_name());
    }
    return used;
  }
  bool dead() const { return parser_.error() != wire::Http1Error::none || parser_.upgraded(); }
  void set_opaque() { parser_.set_opaque(); }

  void on_message_begin() override;
  bool wants_field(Bytes name) override {
    return current_ != nullptr && current_->wants_request_field(name);
  }
  void on_field(Bytes name, Bytes value) override { current_->request_field(name, value); }
  wire::BodyRule on_head(const wire::Http1Head& head) override {
    if (current_ != nullptr) {
      current_->request_head(head);
      current_->digest_with(tap_.host_.digest());
    }
    return wire::BodyRule::by_framing;
  }
  void on_body(Bytes octets) override {
    if (current_ != nullptr) current_->request_body(octets);
  }
  void on_message_complete() override {
    if (current_ == nullptr) return;
    current_->request_complete(tap_.now_);
    if (tap_.host_.usage_ensured(current_->id())) current_->usage_is_owed();
    if (const auto relation = tap_.host_.on_asked(current_->asking(), tap_.now_)) {
      current_->relate(*relation);
    }
  }
  void on_octets(std::size_t n) override {
    if (current_ != nullptr) current_->request_octets(n);
  }

  void forget(const Exchange* exchange) {
    if (current_ != exchange) return;
    answered_early_ = !exchange->request_is_complete();
    current_ = nullptr;
  }

 private:
  Tap& tap_;
  wire::Http1Parser parser_;
  Exchange* current_ = nullptr;  // reset by forget() before its exchange dies
  bool reported_ = false;
  bool answered_early_ = false;  // what comes is the rest of a request whose record is out
};

// The answer direction: every message but 1xx answers the oldest request that has no answer yet.
class Tap::ResponseSide final : public wire::Http1Handler {
 public:
  explicit ResponseSide(Tap& tap) : tap_(tap), parser_(wire::Http1Kind::response, *this) {}

  void feed(Bytes octets) {
    const std::size_t used = parser_.feed(octets);
    if (parser_.error() != wire::Http1Error::none && !reported_) {
      reported_ = true;
      if (!parser_.in_message()) current_ = open();
      // Octets behind the last answer of a connection are nobody's.
      if (current_ != nullptr && parser_.error() != wire::Http1Error::after_close) {
        current_->response_malformed(parser_.error_name());
        blind_the_rest();
      }
    }
    if (used < octets.size()) {
      count(octets.size() - used);
      if (current_ != nullptr) {
        current_->upgraded_octets(Party::upstream, octets.substr(used), tap_.now_);
      }
    }
  }
  void finish() {
    finishing_ = true;
    parser_.finish();
  }
  bool dead() const { return parser_.error() != wire::Http1Error::none || parser_.upgraded(); }

  void on_message_begin() override {
    current_ = open();
    interim_ = false;
  }
  void on_status(int status) override {
    interim_ = status < 200 && status != 101;
    if (current_ != nullptr && !interim_) current_->response_status(status);
  }
  bool wants_field(Bytes name) override {
    return current_ != nullptr && !interim_ && current_->wants_response_field(name);
  }
  void on_field(Bytes name, Bytes value) override {
    current_->response_field(name, value, tap_.now_);
  }
  wire::BodyRule on_head(const wire::Http1Head& head) override {
    if (current_ == nullptr || interim_) return wire::BodyRule::by_framing;
    current_->response_head(head, tap_.now_);
    if (head.status >= 400) tap_.host_.on_rejected(current_->id());
    if (head.status == 101) {
      current_->upgraded();
      tap_.request_->set_opaque();
    }
    return current_->request_was_head() ? wire::BodyRule::none : wire::BodyRule::by_framing;
  }
  void on_body(Bytes octets) override {
    if (current_ != nullptr) current_->response_body(octets, tap_.now_);
  }
  void on_message_complete() override {
    if (current_ != nullptr && !interim_ && !parser_.upgraded()) {
      current_->response_complete(tap_.now_, finishing_ || tap_.client_end_.any());
    }
  }
  void on_octets(std::size_t n) override { count(n); }

 private:
  Exchange* open() {
    for (auto& exchange : tap_.exchanges_) {
      if (!exchange->response_is_complete()) return exchange.get();
    }
    return nullptr;
  }
  void blind_the_rest() {
    for (auto& exchange : tap_.exchanges_) {
      if (!exchange->response_is_complete()) exchange->blind(TapState::blind, "parse_error");
    }
  }
  void count(std::size_t n) {
    if (current_ == nullptr) {
      tap_.unclaimed_ += n;
    } else {
      current_->response_octets(n);
    }
  }

  Tap& tap_;
  wire::Http1Parser parser_;
  Exchange* current_ = nullptr;  // reset by forget() before its exchange dies
  bool interim_ = false;
  bool reported_ = false;
  bool finishing_ = false;  // the transport ended in order

 public:
  void forget(const Exchange* exchange) {
    if (current_ == exchange) current_ = nullptr;
  }
};

void Tap::RequestSide::on_message_begin() {
  if (tap_.exchanges_.size() == limits::kPipelineMax) tap_.settle(tap_.now_);
  if (tap_.exchanges_.size() == limits::kPipelineMax) {
    parser_.set_opaque();
    for (auto& exchange : tap_.exchanges_) exchange->blind(TapState::blind, "pipeline_limit");
    return;
  }
  tap_.exchanges_.push_back(std::make_unique<Exchange>(tap_.host_.mint(tap_.now_), tap_.facts_,
                                                       tap_.first_exchange_, tap_.now_));
  current_ = tap_.exchanges_.back().get();
  answered_early_ = false;
  tap_.first_exchange_ = false;
  if (tap_.response_->dead()) tap_.exchanges_.back()->blind(TapState::blind, "parse_error");
}

Tap::Tap(ConnFacts facts, TapHost& host)
    : facts_(std::move(facts)),
      host_(host),
      request_(std::make_unique<RequestSide>(*this)),
      response_(std::make_unique<ResponseSide>(*this)) {}

Tap::~Tap() = default;

template <class F>
void Tap::guarded(F&& f) noexcept {
  try {
    f();
  } catch (...) {
    give_up();
  }
}

void Tap::give_up() noexcept {
  dead_ = true;
  for (auto& exchange : exchanges_) exchange->blind(TapState::blind, "out_of_memory");
}

void Tap::on_bytes(Dir dir, Bytes octets, Instant now) noexcept {
  now_ = now;
  changed_ = true;
  if (dir == Dir::response) seen_ += octets.size();
  if (dead_) return;
  guarded([&] {
    if (dir == Dir::request) {
      const std::size_t used = request_->dead() ? 0 : request_->feed(octets);
      settle(now);  // what is over does not get the rest
      if (used < octets.size() && !exchanges_.empty()) {
        exchanges_.back()->request_octets(octets.size() - used);
        exchanges_.back()->upgraded_octets(Party::client, octets.substr(used), now);
      }
    } else {
      response_->feed(octets);
    }
    settle(now);
  });
}

void Tap::on_end(Dir dir, SideEnd how, Instant now) noexcept {
  now_ = now;
  changed_ = true;
  guarded([&] {
    if (dir == Dir::response) {
      on_upstream_end(how, now);
    } else {
      on_client_end(how, now);
    }
    settle(now);
  });
}

void Tap::on_upstream_end(const SideEnd& how, Instant now) {
  const bool first = !upstream_end_.any();
  if (first) upstream_end_ = how;
  // On TLS only close_notify says that a body delimited by the close is whole (RFC 9112 §9.8).
  const bool clean =
      facts_.upstream_tls ? how.how == CloseHow::close_notify : how.how == CloseHow::fin;
  if (first && clean && !dead_) response_->finish();
  for (auto& exchange : exchanges_) {
    if (exchange->response_is_complete()) continue;
    // It ends unfinished after the client had said that it goes: the client left first.
    if (client_end_.any()) {
      exchange->end(End::client_closed, Party::client, now);
    } else {
      exchange->end(upstream_end(how.how), Party::upstream, now);
    }
  }
}

void Tap::on_client_end(const SideEnd& how, Instant now) {
  const bool said_before = client_end_.any();
  if (!said_before) client_end_ = how;
  for (auto& exchange : exchanges_) {
    if (exchange->response_is_complete()) continue;
    if (!orderly(how.how)) {
      exchange->end(said_before ? End::client_closed : End::client_reset, Party::client, now);
    } else if (!exchange->request_is_complete()) {
      // A half-close: the answer may still come whole. A request that was cut may not.
      exchange->end(End::client_closed, Party::client, now);
    }
  }
  if (!orderly(how.how)) client_gone_ = true;
}

void Tap::on_accepted(std::uint64_t total_octets, Instant now) noexcept {
  if (total_octets <= accepted_) return;
  accepted_ = total_octets;
  guarded([&] { settle(now); });
}

// A call that ends without an end of its own. One that began when the upstream had already ended,
// as on a connection that was idle for too long, never had a chance.
void Tap::end_with_connection(Exchange& exchange, Instant now) {
  if (upstream_end_.any()) {
    exchange.end(upstream_end(upstream_end_.how), Party::upstream, now);
  } else if (client_end_.any()) {
    exchange.end(End::client_closed, Party::client, now);
  } else {
    exchange.end(End::died, Party::recorder, now);
  }
}

void Tap::on_over(End reason, Instant now) noexcept {
  now_ = now;
  guarded([&] {
    for (auto& exchange : exchanges_) {
      if (exchange->response_is_complete()) continue;
      if (reason != End::none) {
        exchange->end(reason, Party::recorder, now);
      } else if (!exchange->end_known()) {
        end_with_connection(*exchange, now);
      }
    }
    while (!exchanges_.empty()) finish_front(now, false);
  });
}

bool Tap::has_news() const noexcept {
  return std::any_of(exchanges_.begin(), exchanges_.end(),
                     [](const auto& exchange) { return exchange->progressed(); });
}

// Hands out what is over: answered in full and delivered, or cut and delivered as far as it goes.
void Tap::settle(Instant now) {
  while (!exchanges_.empty()) {
    Exchange& front = *exchanges_.front();
    const std::uint64_t end = claimed_ + unclaimed_ + front.response_bytes();
    const bool delivered = accepted_ >= end || client_gone_;
    if (!delivered) return;
    if (front.response_is_complete()) {
      // An early answer: the rest of the request may come as long as both sides are there.
      const bool request_over =
          front.request_is_complete() || client_end_.any() || upstream_end_.any();
      if (!request_over) return;
      const bool ended_with_it =
          front.connection_ended_first() || !front.request_is_complete() || client_gone_;
      finish_front(now, !ended_with_it);
    } else if (upstream_end_.any() || client_gone_) {
      if (!front.end_known()) {
        // It began behind the end; its request may still be on its way.
        if (!front.request_is_complete() && !client_end_.any()) return;
        end_with_connection(front, now);
      }
      finish_front(now, false);
    } else {
      return;
    }
  }
}

void Tap::finish_front(Instant now, bool connection_lives) {
  const std::unique_ptr<Exchange> exchange = std::move(exchanges_.front());
  exchanges_.pop_front();
  request_->forget(exchange.get());
  response_->forget(exchange.get());
  const std::uint64_t begin = claimed_ + unclaimed_;
  const std::uint64_t accepted = accepted_ > begin ? accepted_ - begin : 0;
  const std::uint64_t size = exchange->response_bytes();
  claimed_ += size;
  host_.on_finished(
      exchange->finish({.upstream = upstream_end_,
                        .client = client_end_,
                        .bytes_to_client = static_cast<std::int64_t>(std::min(accepted, size)),
                        .upstream_cancelled = upstream_cancelled_,
                        .connection_lives = connection_lives},
                       now));
}

record::Record connection_record(RecordId id, const ConnFacts& conn, record::ErrorType error,
                                 std::string_view detail, const SideEnd& upstream,
                                 const SideEnd& client, Party closed_by, Instant started,
                                 Instant now) {
  Evidence e;
  e.setup_error = error;
  if (client.how == CloseHow::reset) e.end = End::client_reset;
  const Verdict v = judge(e);
  record::Record r = of_connection(id, conn, upstream, client, started, now);
  r.status = v.status;
  r.failure_stage = v.stage;
  r.error_type = v.error;
  r.error_detail = clean(detail, limits::kRecordErrorDetailMax);
  r.fault = v.fault;
  r.fault_evidence = v.fault_evidence;
  r.progress = conn.time_to_connect_ns ? record::Progress::connected : record::Progress::none;
  r.retryable = setup_retryable(error);
  if (error == record::ErrorType::connect_timeout) {
    r.timeouts_exceeded.insert(record::Budget::connect);
  }
  r.retry_safety = record::RetrySafety::safe;
  r.closed_by = closed_by;
  return r;
}

record::Record tunnel_record(RecordId id, const ConnFacts& conn, std::string_view why,
                             const SideEnd& upstream, const SideEnd& client,
                             std::uint64_t octets_to_upstream, std::uint64_t octets_to_client,
                             Instant started, Instant now) {
  // All that is known: whether octets came back, and whether both sides ended in order.
  Evidence e;
  e.request_begun = e.request_complete = true;
  e.response_head = e.body_begun = octets_to_client != 0;
  e.owes_finish = false;
  const bool client_first = client.any() && !orderly(client.how);
  e.body_complete = !client_first && orderly(upstream.how);
  if (client_first) {
    e.end = End::client_reset;
  } else if (upstream.any()) {
    e.end = upstream_end(upstream.how);
  } else {
    e.end = client.any() ? End::client_closed : End::draining;
  }
  const Verdict v = judge(e);
  record::Record r = of_connection(id, conn, upstream, client, started, now);
  r.operation = r.dialect = "unknown";
  r.request_bytes = octets_to_upstream;
  r.response_bytes = octets_to_client;
  r.status = v.status;
  r.failure_stage = v.stage;
  r.error_type = v.error;
  r.fault = v.fault;
  r.fault_evidence = v.fault_evidence;
  r.progress = record::Progress::connected;
  r.closed_by = client_first || !upstream.any() ? Party::client : Party::upstream;
  r.retry_safety = octets_to_client != 0 ? record::RetrySafety::unknown : record::RetrySafety::safe;
  r.tap = TapState::blind;
  r.tap_reason = why;
  return r;
}

}  // namespace llmrec::tap
