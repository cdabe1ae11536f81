// One request and its answer: collects facts while octets pass and turns them into a record.
// Knows no socket and no store. Owned by a Tap; pure.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "dialect/dialect.h"
#include "dialect/errors.h"
#include "record/record.h"
#include "tap/answer.h"
#include "tap/relations.h"
#include "tap/request_body.h"
#include "tap/timeline.h"
#include "tap/verdict.h"
#include "tap/websocket.h"
#include "wire/http1.h"

namespace llmrec::tap {

class PriceTable;
class TokenModel;

// What the shell knows of the connection, the same for all its exchanges but for the two times,
// which belong to the first.
struct ConnFacts {
  record::Mode mode = record::Mode::connect;
  std::string host;  // lower case, without port
  std::uint16_t port = 0;
  std::string dialect;  // forced by `--record HOST=DIALECT`; empty: chosen by the request
  bool upstream_tls = true;
  record::Nanos time_to_connect_ns;
  record::Nanos time_to_tls_ns;
  record::Facts tags;
  record::Budgets budgets;
  WallAnchor wall;
  // Both outlive the connection. Null: no cost, no estimate of tokens.
  const PriceTable* prices = nullptr;
  const TokenModel* tokens = nullptr;
};

// How one side ended, as it came in.
struct SideEnd {
  record::CloseHow how = record::CloseHow::none;
  std::string alert;  // where how is tls_alert
  bool any() const { return how != record::CloseHow::none; }
};

class Exchange final : private AnswerEvents, private SocketEvents {
 public:
  Exchange(RecordId id, const ConnFacts& conn, bool first_on_connection, Instant now);

  // The request.
  bool wants_request_field(Bytes lower_name);
  void request_field(Bytes lower_name, Bytes value);
  void request_head(const wire::Http1Head&);
  void request_body(Bytes);
  void request_complete(Instant now);
  void request_malformed(Bytes why);
  void digest_with(std::unique_ptr<BodyDigest> digest);  // at the request head
  Asking asking();                                       // once the request is whole
  void relate(const Relation&);
  void usage_is_owed() { usage_ensured_ = true; }
  void request_octets(std::uint64_t n) { r_.request_bytes += n; }

  // The answer. Heads of 1xx do not come here.
  bool wants_response_field(Bytes lower_name);
  void response_field(Bytes lower_name, Bytes value, Instant now);
  void response_status(int status) { r_.http_status = status; }  // of a head that may yet be cut
  void response_head(const wire::Http1Head&, Instant now);
  void response_body(Bytes, Instant now);
  // `connection_ended`: the client had said that it was its last, or the close of the upstream is
  // what completed the answer.
  void response_complete(Instant now, bool connection_ended);
  void response_malformed(Bytes why);
  void response_octets(std::uint64_t n) { r_.response_bytes += n; }
  void upgraded();  // 101: what follows is another protocol
  void upgraded_octets(record::Party from, Bytes octets, Instant now);

  // Ends. The first that was not natural decides; see verdict.h.
  void end(End end, record::Party by, Instant now);
  void blind(record::TapState state, std::string_view reason);
  bool client_at_own_timeout(Instant now) const;
  // Which budget a running call has used up; none while it is within all of them.
  End overdue(Instant now) const;

  // A record that ends together with its connection names who ended it.
  bool end_known() const { return ended_.has_value(); }
  bool request_is_complete() const { return e_.request_complete; }
  bool response_is_complete() const { return e_.body_complete; }
  std::uint64_t response_bytes() const { return r_.response_bytes; }
  bool connection_ended_first() const { return connection_ended_ || ended_; }
  bool request_was_head() const { return head_request_; }
  Instant started() const { return started_; }
  const RecordId& id() const { return r_.request_id; }
  const Evidence& evidence() const { return e_; }

  // A fact of progress since the last snapshot (not merely more of the same).
  bool progressed() const { return progress(e_) != snapshot_progress_; }
  // The call as it stands.
  record::Record snapshot(Instant now);
  struct Delivery {
    SideEnd upstream;
    SideEnd client;
    std::int64_t bytes_to_client = 0;  // of this answer, accepted by the client's socket
    bool upstream_cancelled = false;
    bool connection_lives = false;
  };
  record::Record finish(const Delivery&, Instant now);

 private:
  void on_document(const dialect::Delta&, Bytes event, bool tail) override;
  void on_bad_document(Bytes event) override;
  void on_unread_event(Bytes event) override;
  void on_stray_document(const dialect::Delta&) override;
  void on_sentinel(bool tail) override;
  void on_ping() override;
  void on_content_lost(std::string_view reason) override;
  void on_unlabelled_coding() override {
    r_.warnings.insert(record::Warning::unlabelled_content_encoding);
  }
  dialect::Dialect* on_recognised(std::string_view name) override;

  void on_server_message(const dialect::Delta&, Bytes type) override;
  void on_unread_message() override { count_chunk({}); }
  void on_bad_message() override { on_bad_document({}); }
  void on_socket_ping() override { timeline_.ping(); }
  void on_socket_lost(std::string_view reason) override { on_content_lost(reason); }
  dialect::Dialect& on_next_response() override;

  void fill_estimates(record::Record&) const;
  void fill_socket(record::Record&) const;
  void count_chunk(Bytes event);
  void note_choice(std::uint32_t choice);
  void apply(const dialect::Delta&);
  void apply_finishes(const dialect::Delta&);
  void apply_usage(const dialect::Delta&);
  void apply_error(const dialect::ErrorEvent&);
  void choose_dialect(const wire::Http1Head&);
  void settle_asked();
  void settle_owes();
  void fill_tools(record::Record&) const;
  void fill_common(record::Record&, Instant now) const;
  void fill_verdict(record::Record&);
  void fill_truncated(record::Record&) const;
  void fill_warnings(record::Record&) const;
  void fill_end(record::Record&, const Delivery&) const;
  record::RetrySafety retry_safety(const record::Record&) const;
  dialect::ErrorClass classify() const;
  bool reads_content() const { return dialect_ && dialect_->knows_content() && !content_lost_; }
  record::Nanos since_start(Instant t) const { return t - started_; }

  record::Record r_;
  Evidence e_;
  const ConnFacts* conn_;
  const dialect::Provider* provider_;
  Instant started_;
  Instant now_;  // of the octets at hand
  std::unique_ptr<dialect::Dialect> dialect_;
  std::unique_ptr<dialect::Dialect> path_dialect_;  // before the content told better
  std::unique_ptr<AnswerReader> answer_;
  RequestBody body_;
  Timeline timeline_;
  Instant first_body_;
  Instant last_octet_;  // of the answer
  std::optional<Instant> ended_;
  record::Progress snapshot_progress_ = record::Progress::none;
  std::string content_type_;      // of the request, then of the answer
  std::string content_encoding_;  // likewise
  // Per choice: whether it was seen, and its finish reason.
  struct Choice {
    bool seen = false;
    std::string finish;
    record::FinishClass cls = record::FinishClass::none;
    bool finished() const { return !finish.empty() || cls != record::FinishClass::none; }
  };
  std::vector<Choice> choices_;
  dialect::ErrorEvent error_;
  int provider_id_rank_ = 0;
  std::unique_ptr<BodyDigest> digest_;
  std::string method_path_;  // for the digest; gone with it
  std::string idempotency_key_;
  std::string invocation_id_;
  std::optional<std::int64_t> attempt_;  // what the client says
  std::optional<bool> should_retry_;
  bool retry_after_exact_ = false;
  bool head_request_ = false;
  bool connection_ended_ = false;
  bool upgraded_ = false;
  bool usage_ensured_ = false;  // asked for on the client's behalf
  SocketKind socket_kind_ = SocketKind::opaque;
  std::string extensions_;  // Sec-WebSocket-Extensions
  std::unique_ptr<WebSocketTap> socket_;
  std::uint64_t socket_responses_ = 0;
  std::vector<record::ToolCall> socket_calls_;  // of responses before this one
  bool content_lost_ = false;
  record::Party closed_by_ = record::Party::none;
};

// Worth another try, for an error of the before_request list.
bool setup_retryable(record::ErrorType error);

}  // namespace llmrec::tap
