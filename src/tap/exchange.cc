#include "tap/exchange.h"

#include <algorithm>
#include <utility>

#include "base/limits.h"
#include "dialect/errors.h"
#include "tap/fields.h"
#include "tap/prices.h"
#include "tap/tokens.h"

namespace llmrec::tap {
namespace {

using dialect::Delta;
using record::Budget;
using record::ErrorType;
using record::FinishClass;
using record::Party;
using record::RetrySafety;
using record::Status;
using record::TapState;
using record::Warning;

void merge(record::Count& into, const record::Count& from) {
  if (from) into = from;
}

void merge(record::Usage& into, const record::Usage& from) {
  merge(into.input, from.input);
  merge(into.output, from.output);
  merge(into.total, from.total);
  merge(into.cached_input, from.cached_input);
  merge(into.cache_write, from.cache_write);
  merge(into.reasoning, from.reasoning);
}

// The provider's own words are codes; whatever else stands in their place might be anything.
bool is_code(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') || c == '_' ||
           c == '-' || c == '.' || c == ':';
  });
}

std::string words(const dialect::ErrorEvent& error) {
  std::string out;
  if (is_code(error.type)) out = error.type;
  if (is_code(error.code) && !error.code.empty() && error.code != error.type) {
    if (!out.empty()) out += '/';
    out += error.code;
  }
  return out.substr(0, limits::kRecordErrorDetailMax);
}

bool said_something(const record::Record& r) {
  return r.output_chars_received != 0 || r.reasoning_chars_received != 0 ||
         r.refusal_chars_received != 0 || !r.tool_calls.empty();
}

void check_budget(record::Record& r, Budget budget, const record::Nanos& limit,
                  const record::Nanos& spent) {
  if (limit && spent && *spent > *limit) r.timeouts_exceeded.insert(budget);
}

}  // namespace

// A connection that could not be made is worth another try; one that was refused for what it is
// is not.
bool setup_retryable(ErrorType error) {
  switch (error) {
    case ErrorType::dns_failed:
    case ErrorType::connect_refused:
    case ErrorType::connect_timeout:
    case ErrorType::connect_failed:
    case ErrorType::tls_handshake_failed:
    case ErrorType::upstream_proxy_failed:
      return true;
    default:
      return false;
  }
}

Exchange::Exchange(RecordId id, const ConnFacts& conn, bool first_on_connection, Instant now)
    : conn_(&conn), provider_(&dialect::provider_by_host(conn.host)), started_(now), now_(now) {
  r_.request_id = id;
  r_.started_at_us = conn.wall.unix_us_at(now);
  r_.mode = conn.mode;
  r_.host = conn.host.substr(0, limits::kRecordHostMax);
  r_.provider = provider_->name.empty() ? r_.host : std::string(provider_->name);
  r_.region = dialect::region_by_host(conn.host);
  r_.tags = conn.tags;
  r_.budgets = conn.budgets;
  if (first_on_connection) {
    r_.time_to_connect_ns = conn.time_to_connect_ns;
    r_.time_to_tls_ns = conn.time_to_tls_ns;
  }
  e_.request_begun = true;
}

// --- the request
// ------------------------------------------------------------------------------------

bool Exchange::wants_request_field(Bytes name) {
  if (is_credential_field(name)) {
    r_.api_key_present = true;
    return false;
  }
  return is_request_field(name);
}

void Exchange::request_field(Bytes name, Bytes value) {
  if (name == "content-type") {
    content_type_ = value;
  } else if (name == "content-encoding") {
    content_encoding_ = value;
  } else if (name == "user-agent") {
    r_.user_agent = clean(value, limits::kRecordUserAgentMax);
  } else if (name == "x-request-id" ||
             (name == "x-client-request-id" && r_.client_request_id.empty())) {
    r_.client_request_id = clean(value, limits::kRecordIdTextMax);
  } else if (name == "traceparent") {
    if (const auto parent = parse_traceparent(value)) {
      r_.trace_id = parent->trace_id;
      r_.span_id = parent->span_id;
    }
  } else if (name == "x-stainless-timeout" ||
             (name == "x-stainless-read-timeout" && !r_.client_timeout_ns)) {
    if (const auto ns = parse_decimal(value, kNsPerSecond); ns && *ns > 0) {
      r_.client_timeout_ns = ns;
    }
  } else if (name == "x-stainless-retry-count") {
    if (const auto n = parse_int(value); n && *n >= 0 && *n < 1000) attempt_ = *n + 1;
  } else if (name == "amz-sdk-request" && value.starts_with("attempt=")) {
    value.remove_prefix(8);
    if (const auto n = parse_int(value.substr(0, value.find(';'))); n && *n > 0 && *n < 1000) {
      attempt_ = *n;
    }
  } else if (name == "idempotency-key") {
    idempotency_key_ = value.substr(0, limits::kRecordIdTextMax);
  } else if (name == "amz-sdk-invocation-id") {
    invocation_id_ = value.substr(0, limits::kRecordIdTextMax);
  }
  r_.attempt = attempt_.value_or(1);
}

void Exchange::choose_dialect(const wire::Http1Head& head) {
  const auto query = head.target.find('?');
  Bytes path = head.target.substr(0, query);
  if (const auto scheme = path.find("://"); scheme != Bytes::npos) {  // absolute form
    const auto slash = path.find('/', scheme + 3);
    path = slash == Bytes::npos ? Bytes("/") : path.substr(slash);
  }
  const dialect::Target target{
      .method = head.method,
      .host = conn_->host,
      .path = path,
      .query = query == Bytes::npos ? Bytes() : head.target.substr(query + 1),
      .content_type = content_type_};
  socket_kind_ = socket_kind(path);
  if (!conn_->dialect.empty()) dialect_ = dialect::make_by_name(conn_->dialect, target);
  if (!dialect_) dialect_ = dialect::choose(target);
  r_.dialect = dialect_->name();
  r_.operation = dialect_->operation();
}

void Exchange::request_head(const wire::Http1Head& head) {
  if (!r_.api_key_present) r_.api_key_present = false;
  head_request_ = head.method == "HEAD";
  choose_dialect(head);
  body_.begin(*dialect_, content_encoding_);
  method_path_.assign(head.method).append(" ").append(head.target);
  content_type_.clear();
  content_encoding_.clear();
}

void Exchange::request_body(Bytes octets) {
  if (digest_) digest_->update(octets);
  body_.feed(octets);
}

// The same body elsewhere is another call.
void Exchange::digest_with(std::unique_ptr<BodyDigest> digest) {
  digest_ = std::move(digest);
  if (!digest_) return;
  digest_->update(r_.host);
  digest_->update(method_path_);
  method_path_.clear();
}

Asking Exchange::asking() {
  Asking asking{.id = r_.request_id,
                .host = r_.host,
                .idempotency_key = idempotency_key_,
                .invocation_id = invocation_id_,
                .body = {},
                .attempt = attempt_,
                .tool_result_ids = body_.asked().tool_result_ids};
  // A request without a body asks for something that is there: no call to be tried again.
  if (digest_ && body_.begun()) asking.body = digest_->finish();
  digest_.reset();
  return asking;
}

void Exchange::relate(const Relation& relation) {
  r_.retry_of = relation.retry_of;
  r_.attempt = relation.attempt;
}

void Exchange::request_complete(Instant now) {
  e_.request_complete = true;
  r_.time_to_request_sent_ns = since_start(now);
  body_.finish();
  settle_asked();
  if (!body_.lost().empty()) blind(TapState::partial, body_.lost());
}

void Exchange::settle_asked() {
  const dialect::Asked& asked = socket_ ? socket_->asked() : body_.asked();
  r_.model = clean(asked.model, limits::kRecordModelMax);
  r_.max_output_tokens = asked.max_output_tokens;
  if (!e_.request_complete || !body_.lost().empty()) {
    // What was not read to its end may still have said something else.
    if (asked.stream.value_or(false)) r_.stream = true;
    if (asked.usage_requested.value_or(false)) r_.usage_requested = true;
  } else {
    r_.message_count = asked.message_count;
    r_.tool_count = asked.tool_count;
    r_.stream = asked.stream;
    r_.usage_requested = asked.usage_requested;
  }
  if (!dialect_ || upgraded_) return;
  r_.operation = dialect_->operation();
  if (r_.stream.value_or(false)) r_.operation += ".stream";
}

// What is owed is known once the request is. A tap that lost the content claims that nothing is,
// unless all of it had come before.
void Exchange::settle_owes() {
  // An answer that did not come, or without an octet that tells: what was asked for.
  const bool undecided = answer_ ? answer_->nothing_said() : !e_.response_head;
  if (undecided && r_.stream.value_or(false) && e_.status < 300) e_.stream = true;
  const auto owe = [this](const dialect::Owes& owes) {
    e_.owes_finish = owes.finish;
    e_.owes_done = owes.done;
    e_.owes_usage = owes.usage;
  };
  if (socket_) return owe({.finish = socket_->reads_content() && socket_->response_open()});
  dialect::Owes owes{.finish = false};
  if (dialect_) owes = dialect_->owes(*provider_, body_.asked());
  owes.usage = owes.usage || usage_ensured_;
  owe(owes);
  if (content_lost_ && !terminal_condition(e_)) owe({.finish = false});
}

void Exchange::request_malformed(Bytes why) {
  e_.request_malformed = true;
  r_.error_detail = clean(why, limits::kRecordErrorDetailMax);
  blind(TapState::blind, "request_parse_error");
}

// --- the answer
// -------------------------------------------------------------------------------------

bool Exchange::wants_response_field(Bytes name) { return is_response_field(name); }

void Exchange::response_field(Bytes name, Bytes value, Instant now) {
  if (name == "content-type") {
    content_type_ = value;
  } else if (name == "content-encoding") {
    content_encoding_ = value;
  } else if (name == "retry-after-ms") {
    if (const auto ns = parse_decimal(value, kNsPerMs)) {
      r_.retry_after_ns = ns;
      retry_after_exact_ = true;
    }
  } else if (name == "retry-after") {
    const std::int64_t unix_now = conn_->wall.unix_us_at(now) / 1'000'000;
    if (const auto ns = parse_retry_after(value, unix_now); ns && !retry_after_exact_) {
      r_.retry_after_ns = ns;
    }
  } else if (name == "x-amzn-bedrock-input-token-count") {
    r_.usage_reported.input = parse_int(value);
  } else if (name == "x-amzn-bedrock-output-token-count") {
    r_.usage_reported.output = parse_int(value);
    e_.usage = r_.usage_reported.output.has_value();
  } else if (name == "sec-websocket-extensions") {
    if (extensions_.size() < limits::kHttpFieldValueMax) extensions_.append(value).append(",");
  } else if (name == "x-should-retry") {
    if (value == "true" || value == "false") should_retry_ = value == "true";
  } else if (name == "x-ms-region" || name == "x-groq-region") {
    if (r_.region.empty()) r_.region = clean(value, limits::kRecordNameMax);
  } else if (name == "x-amzn-errortype") {
    error_.type = clean(value.substr(0, value.find(':')), limits::kRecordNameMax);
  } else if (const int rank = provider_id_rank(name); rank > provider_id_rank_ && !value.empty()) {
    provider_id_rank_ = rank;
    r_.provider_request_id = clean(value, limits::kRecordIdTextMax);
  }
}

void Exchange::response_head(const wire::Http1Head& head, Instant now) {
  now_ = now;
  last_octet_ = now;
  e_.response_head = true;
  e_.status = head.status;
  r_.http_status = head.status;
  r_.time_to_headers_ns = since_start(now);
  e_.stream = false;
  const bool bodiless = head_request_ || head.status == 204 || head.status == 304;
  if (!dialect_ || bodiless) return;  // no dialect: the request's head was never understood
  AnswerEvents& events = *this;
  answer_ = std::make_unique<AnswerReader>(*dialect_, events);
  answer_->begin(head.status, content_type_, content_encoding_);
  e_.stream = answer_->stream();
  content_type_ = {};
  content_encoding_ = {};
}

void Exchange::response_body(Bytes octets, Instant now) {
  now_ = now;
  last_octet_ = now;
  if (!e_.body_begun) {
    e_.body_begun = true;
    first_body_ = now;
    r_.time_to_first_byte_ns = since_start(now);
    timeline_.begin(now);
  }
  if (!answer_) return;
  answer_->feed(octets);
  e_.stream = answer_->stream();
}

void Exchange::response_complete(Instant now, bool connection_ended) {
  now_ = now;
  last_octet_ = now;
  connection_ended_ = connection_ended;
  e_.body_complete = true;
  if (answer_) answer_->finish();
}

void Exchange::response_malformed(Bytes why) {
  if (answer_) answer_->finish();  // what came before stands
  e_.response_malformed = true;
  r_.error_detail = clean(why, limits::kRecordErrorDetailMax);
  content_lost_ = true;
  blind(TapState::blind, "parse_error");
}

void Exchange::upgraded() {
  upgraded_ = true;
  r_.operation = "websocket";
  answer_.reset();
  if (auto reads = socket_dialect(socket_kind_)) {
    dialect_ = std::move(reads);
    r_.dialect = dialect_->name();
  }
  e_.stream = true;
  SocketEvents& events = *this;
  socket_ = std::make_unique<WebSocketTap>(socket_kind_, dialect_.get(),
                                           wire::parse_websocket_extensions(extensions_), events);
}

void Exchange::upgraded_octets(Party from, Bytes octets, Instant now) {
  now_ = now;
  if (!socket_) return;
  if (from == Party::client) return socket_->client(octets);
  last_octet_ = now;
  if (!e_.body_begun) {
    e_.body_begun = true;
    first_body_ = now;
    r_.time_to_first_byte_ns = since_start(now);
    timeline_.begin(now);
  }
  socket_->server(octets);
}

void Exchange::on_server_message(const Delta& delta, Bytes type) {
  if (socket_->responses() > socket_responses_) {  // a response begins
    socket_responses_ = socket_->responses();
    if (socket_responses_ > 1) {
      choices_.clear();
      e_.finish = e_.finish_bad = e_.done = e_.usage = false;
      blind(TapState::partial, "several_responses");
    }
  }
  if (delta.content()) ++r_.content_chunks;
  apply(delta);
  count_chunk(type);
}

dialect::Dialect& Exchange::on_next_response() {
  record::Record calls;
  fill_tools(calls);
  socket_calls_ = std::move(calls.tool_calls);
  dialect_ = socket_dialect(socket_kind_);
  return *dialect_;
}

// What a connection of several responses cannot say, and how it was closed.
void Exchange::fill_socket(record::Record& r) const {
  if (!socket_) return;
  r.stream.reset();
  r.message_count = static_cast<std::int64_t>(socket_->client_messages());
  if (socket_->responses() > 1) {
    r.usage_reported = r.usage = {};
    r.usage_available = false;
    r.expected_output_tokens.reset();
    r.cost_nano_usd.reset();
    r.cost_source = record::CostSource::none;
  }
  if (socket_->closed_by() != Party::none) r.closed_by = socket_->closed_by();
  if (r.error_detail.empty() && !socket_->closed_well()) r.error_detail = socket_->close_detail();
}

void Exchange::fill_estimates(record::Record& r) const {
  const std::string& model = r.response_model.empty() ? r.model : r.response_model;
  if (conn_->tokens != nullptr && dialect_ && dialect_->knows_content()) {
    const dialect::Asked& asked = socket_ ? socket_->asked() : body_.asked();
    const auto count = [](const record::Count& n) {
      return static_cast<std::uint64_t>(std::max<std::int64_t>(n.value_or(0), 0));
    };
    const Estimate in = conn_->tokens->input(model, {.text_chars = asked.text_chars,
                                                     .attachment_bytes = asked.attachment_bytes,
                                                     .messages = count(asked.message_count),
                                                     .tools = count(asked.tool_count)});
    if (in.tokens != 0 && e_.request_complete && body_.lost().empty()) {
      r.input_tokens_estimated = in.tokens;
    }
    if (e_.response_head && e_.status < 400 && !content_lost_) {
      const Estimate out = conn_->tokens->output(model, passed(r));
      r.actual_output_tokens = out.tokens;
      r.actual_output_tokens_low = out.low;
      r.actual_output_tokens_high = out.high;
    }
  }
  if (conn_->prices == nullptr || r.cost_source != record::CostSource::none) return;
  if (!e_.response_head || e_.status >= 400 || (socket_ && socket_->responses() > 1)) return;
  const auto cost = [&](const record::Usage& usage) {
    const auto nano = conn_->prices->cost_nano_usd(r.provider, model, usage);
    return nano || model == r.model ? nano
                                    : conn_->prices->cost_nano_usd(r.provider, r.model, usage);
  };
  record::Usage estimated;
  estimated.input = r.usage.input ? r.usage.input : r.input_tokens_estimated;
  estimated.output = r.actual_output_tokens;
  r.cost_nano_usd = cost(e_.usage ? r.usage : estimated);
  if (r.cost_nano_usd) {
    r.cost_source = e_.usage ? record::CostSource::reported : record::CostSource::estimated;
  }
}

void Exchange::on_document(const Delta& delta, Bytes event, bool tail) {
  if (tail) r_.warnings.insert(Warning::unterminated_tail);
  if (answer_->stream()) {
    e_.stream = true;
    count_chunk(event);
    if (delta.content()) ++r_.content_chunks;
  }
  apply(delta);
}

void Exchange::on_bad_document(Bytes event) {
  e_.bad_document = true;
  count_chunk(event);
}

void Exchange::on_unread_event(Bytes event) { count_chunk(event); }

void Exchange::on_stray_document(const Delta& delta) { apply(delta); }

void Exchange::on_sentinel(bool tail) {
  if (tail) r_.warnings.insert(Warning::unterminated_tail);
  r_.last_event = "[DONE]";
  if (dialect_->done_sentinel()) e_.done = true;
}

void Exchange::on_ping() { timeline_.ping(); }

void Exchange::on_content_lost(std::string_view reason) {
  content_lost_ = true;
  blind(TapState::partial, reason);
}

// The one that was chosen by the path stays alive: it is still being read from.
dialect::Dialect* Exchange::on_recognised(std::string_view name) {
  if (!conn_->dialect.empty()) return nullptr;  // who names a dialect means it
  auto found = dialect::make_by_name(name, {});
  if (!found) return nullptr;
  path_dialect_ = std::move(dialect_);
  dialect_ = std::move(found);
  r_.dialect = dialect_->name();
  settle_asked();
  return dialect_.get();
}

void Exchange::count_chunk(Bytes event) {
  ++r_.chunks_received;
  r_.last_chunk_ns = since_start(now_);
  const Bytes name = event.empty() ? Bytes("message") : event;
  if (Bytes(r_.last_event) != name) r_.last_event = clean(name, limits::kRecordNameMax);
  timeline_.chunk(now_, r_.chunks_received);
}

void Exchange::note_choice(std::uint32_t choice) {
  if (choice >= limits::kChoicesMax) return;
  if (choices_.size() <= choice) choices_.resize(choice + 1);
  choices_[choice].seen = true;
}

void Exchange::apply(const Delta& delta) {
  if (delta.content() && e_.stream && !e_.token) {
    e_.token = true;
    r_.time_to_first_token_ns = since_start(now_);
  }
  r_.output_chars_received = saturating_add(r_.output_chars_received, delta.text_chars);
  r_.reasoning_chars_received = saturating_add(r_.reasoning_chars_received, delta.reasoning_chars);
  r_.refusal_chars_received = saturating_add(r_.refusal_chars_received, delta.refusal_chars);
  if (r_.response_id.empty()) r_.response_id = clean(delta.response_id, limits::kRecordIdTextMax);
  if (r_.response_model.empty()) r_.response_model = clean(delta.model, limits::kRecordModelMax);
  e_.tool_started = e_.tool_started || !dialect_->tools().calls().empty();
  for (const std::uint32_t choice : delta.choices) note_choice(choice);
  if (!delta.finishes.empty() || delta.finish_signal) apply_finishes(delta);
  apply_usage(delta);
  if (delta.done) e_.done = true;
  if (delta.ping) timeline_.ping();
  if (delta.error) apply_error(*delta.error);
  if (delta.sequence_gap) r_.warnings.insert(Warning::sequence_gap);
  if (delta.cost_nano_usd) {
    r_.cost_nano_usd = delta.cost_nano_usd;
    r_.cost_source = record::CostSource::reported;
  }
  if (delta.retry_after_ns && !r_.retry_after_ns) r_.retry_after_ns = delta.retry_after_ns;
  e_.tool_open = dialect_->tools().any_open();
}

void Exchange::apply_finishes(const Delta& delta) {
  for (const dialect::Finish& finish : delta.finishes) {
    if (finish.choice >= limits::kChoicesMax) continue;
    note_choice(finish.choice);
    Choice& choice = choices_[finish.choice];
    choice.finish = clean(finish.reason, limits::kRecordNameMax);
    choice.cls =
        finish.cls != FinishClass::none ? finish.cls : dialect::finish_class(choice.finish);
  }
  bool all = true;
  bool calls_whole = true;
  e_.finish_bad = false;
  for (const Choice& choice : choices_) {
    if (!choice.seen) continue;
    all = all && choice.finished();
    const FinishClass cls = choice.cls;
    e_.finish_bad = e_.finish_bad || cls == FinishClass::error || cls == FinishClass::abort;
    calls_whole = calls_whole && (cls == FinishClass::stop || cls == FinishClass::tool);
  }
  e_.finish = all;
  if (all && calls_whole) dialect_->end_tool_calls();
}

void Exchange::apply_usage(const Delta& delta) {
  merge(r_.usage_reported, delta.usage);
  e_.usage = e_.usage || delta.usage_final;
}

void Exchange::apply_error(const dialect::ErrorEvent& error) {
  if (error_.type.empty()) error_.type = clean(error.type, limits::kRecordNameMax);
  if (error_.code.empty()) error_.code = clean(error.code, limits::kRecordNameMax);
  if (error_.status == 0) error_.status = error.status;
  if (e_.status < 400) e_.error_event = true;
}

// --- ends and verdicts
// ------------------------------------------------------------------------------

void Exchange::end(End end, Party by, Instant now) {
  now_ = now;
  if (ended_) return;  // the first decides
  ended_ = now;
  closed_by_ = by;
  const bool orderly =
      end == End::upstream_close_notify || end == End::upstream_fin || end == End::client_closed;
  const bool closed = orderly || (socket_ && socket_->closed_by() != Party::none);
  if (upgraded_ && closed && (!socket_ || !socket_->response_open() || !socket_->reads_content())) {
    e_.body_complete = true;  // how the other protocol ends is not HTTP's affair
    return;
  }
  e_.end = end;
  if (by == Party::client) e_.client_at_own_timeout = client_at_own_timeout(now);
  if (answer_ && !e_.body_complete) answer_->finish();
}

// Within its own time-out and a little more, never before it.
bool Exchange::client_at_own_timeout(Instant now) const {
  if (!r_.client_timeout_ns) return false;
  const std::int64_t limit = *r_.client_timeout_ns;
  const std::int64_t after = now - started_;
  return after >= limit && after <= limit + limit / 10 + kNsPerSecond;
}

End Exchange::overdue(Instant now) const {
  if (e_.body_complete || e_.end != End::none) return End::none;
  const record::Budgets& b = r_.budgets;
  const auto past = [now](const record::Nanos& limit, Instant since) {
    return limit && now - since > *limit;
  };
  if (!e_.response_head) {
    if (past(b.headers_ns, started_)) return End::headers_timeout;
  } else {
    if (e_.stream && reads_content() && !e_.token && past(b.first_token_ns, started_)) {
      return End::first_token_timeout;
    }
    if (past(b.idle_ns, last_octet_)) return End::idle_timeout;
  }
  return past(b.total_ns, started_) ? End::total_timeout : End::none;
}

void Exchange::blind(TapState state, std::string_view reason) {
  if (static_cast<int>(state) <= static_cast<int>(r_.tap)) return;
  r_.tap = state;
  r_.tap_reason = reason.substr(0, limits::kRecordNameMax);
}

void Exchange::fill_tools(record::Record& r) const {
  r.tool_calls = socket_calls_;
  r.cut_tool_call.reset();
  if (!dialect_) return;
  for (const dialect::ToolCallState& call : dialect_->tools().calls()) {
    const bool whole = call.arguments_whole();
    if (!whole) r.cut_tool_call = static_cast<std::uint32_t>(r.tool_calls.size());
    r.tool_calls.push_back({.index = call.index,
                            .id = clean(call.id, limits::kRecordIdTextMax),
                            .name = clean(call.name, limits::kToolNameMax),
                            .arguments_bytes = call.arguments_bytes,
                            .arguments_completed = whole});
  }
  r.tool_calls_not_kept = dialect_->tools().not_kept();
}

void Exchange::fill_common(record::Record& r, Instant now) const {
  fill_tools(r);
  timeline_.fill(r);
  r.progress = progress(e_);
  r.done_event_received = e_.done;
  r.usage_available = e_.usage;
  r.error_event_received = e_.error_event;
  r.finish_reasons.clear();
  bool any = false;
  for (const Choice& choice : choices_) {
    if (!choice.finished()) continue;
    if (!std::exchange(any, true)) r.finish_class = choice.cls;
    // A blocked prompt has a class and no reason.
    if (!choice.finish.empty()) r.finish_reasons.push_back(choice.finish);
  }
  if (dialect_) {
    r.usage = dialect_->comparable(*provider_, r.usage_reported);
    if (e_.usage) r.expected_output_tokens = r.usage.output;
  }
  fill_estimates(r);
  r.duration_ns = since_start(now);
  if (e_.body_begun) r.stream_duration_ns = now - first_body_;
  if (e_.response_head) r.body_complete = e_.body_complete;
}

record::Record Exchange::snapshot(Instant now) {
  if (dialect_ && !e_.request_complete) settle_asked();
  settle_owes();
  snapshot_progress_ = progress(e_);
  record::Record r = r_;
  fill_common(r, now);
  return r;
}

void Exchange::fill_verdict(record::Record& r) {
  const Verdict v = judge(e_);
  r.status = v.status;
  r.failure_stage = v.stage;
  r.error_type = v.error;
  r.fault = v.fault;
  r.fault_evidence = v.fault_evidence;
  r.terminal_missing = v.status == Status::ok || v.rule <= 2 || content_lost_
                           ? record::Set<record::Terminal>()
                           : terminal_missing(e_);
  const bool rejected = v.rule == 2;
  if (rejected || e_.error_event) {
    const dialect::ErrorClass cls = classify();
    r.error_category = cls.category;
    r.error_detail = words(error_);
    r.retryable = rejected && should_retry_ ? *should_retry_ : cls.retryable;
  } else if (v.status == Status::failed) {
    if (v.rule == 1) r.retryable = setup_retryable(v.error);
    if (v.rule == 6) r.retryable = false;  // the answer itself is there
    if (v.rule >= 7 && v.rule <= 9) r.retryable = true;
    if (v.rule == 3) r.retryable = true;
  }
  fill_truncated(r);
}

// Of a body that is not followed only its own end can be known to be missing.
void Exchange::fill_truncated(record::Record& r) const {
  const bool cut = e_.body_begun && !e_.body_complete && e_.status < 400;
  if (e_.finish || (r.status == Status::ok && reads_content())) {
    r.truncated = std::any_of(choices_.begin(), choices_.end(), [](const Choice& choice) {
      const FinishClass cls = choice.cls;
      return cls != FinishClass::none && cls != FinishClass::stop && cls != FinishClass::tool;
    });
  } else if (r.status != Status::ok && (said_something(r) || (cut && !e_.stream))) {
    r.truncated = true;
  }
}

void Exchange::fill_warnings(record::Record& r) const {
  const bool reads = reads_content();
  if (reads && r.status == Status::ok && e_.finish && !said_something(r)) {
    r.warnings.insert(Warning::empty_output);
  }
  if (e_.usage && r.usage_reported.input.value_or(1) == 0 &&
      r.usage_reported.output.value_or(1) == 0) {
    r.warnings.insert(Warning::usage_all_zero);
  }
  if (reads && e_.stream && e_.finish && !e_.done && dialect_->done_sentinel() &&
      provider_->sends_done == dialect::Known::unknown) {
    r.warnings.insert(Warning::done_event_absent);
  }
  // By the word as it was sent: what it says and what the arguments say do not agree.
  const bool says_whole =
      std::any_of(r.finish_reasons.begin(), r.finish_reasons.end(), [](const std::string& reason) {
        const FinishClass cls = dialect::finish_class(reason);
        return cls == FinishClass::tool || cls == FinishClass::stop;
      });
  if (r.cut_tool_call && e_.finish && says_whole) {
    r.warnings.insert(Warning::finish_contradicts_tool_call);
  }
}

dialect::ErrorClass Exchange::classify() const {
  return dialect::classify_error(*provider_, {e_.status, error_.status, error_.type, error_.code});
}

record::Record Exchange::finish(const Delivery& delivery, Instant now) {
  settle_asked();
  // Octets may be delivered long after the end.
  const Instant end = ended_ ? *ended_ : e_.body_complete ? last_octet_ : now;
  if (e_.body_begun && e_.stream) timeline_.end(end, r_.chunks_received);
  settle_owes();
  if (e_.error_event || e_.status >= 400) {
    e_.rejection = classify().category;
    e_.quota = e_.rejection == ErrorType::quota_exceeded;
  }
  record::Record r = r_;
  fill_common(r, end);
  fill_verdict(r);
  fill_warnings(r);

  fill_end(r, delivery);
  fill_socket(r);
  r.retry_safety = retry_safety(r);

  check_budget(r, Budget::connect, r.budgets.connect_ns, r.time_to_connect_ns);
  check_budget(r, Budget::headers, r.budgets.headers_ns,
               r.time_to_headers_ns ? r.time_to_headers_ns : r.duration_ns);
  if (e_.stream && reads_content()) {
    check_budget(r, Budget::first_token, r.budgets.first_token_ns,
                 r.time_to_first_token_ns ? r.time_to_first_token_ns : r.duration_ns);
  }
  if (e_.stream) check_budget(r, Budget::idle, r.budgets.idle_ns, r.max_gap_ns);
  check_budget(r, Budget::total, r.budgets.total_ns, r.duration_ns);
  return r;
}

void Exchange::fill_end(record::Record& r, const Delivery& delivery) const {
  r.closed_by = closed_by_;
  if (!delivery.connection_lives) {
    if (r.closed_by == Party::none) {
      r.closed_by =
          delivery.client.any() && !delivery.upstream.any() ? Party::client : Party::upstream;
    }
    r.upstream_close = delivery.upstream.how;
    r.upstream_alert = delivery.upstream.alert;
    r.client_close = delivery.client.how;
    r.client_alert = delivery.client.alert;
  }
  r.upstream_cancelled = delivery.upstream_cancelled;
  if (r.status == Status::aborted) r.upstream_active_at_abort = !delivery.upstream.any();
  const auto sent = static_cast<std::uint64_t>(std::max<std::int64_t>(delivery.bytes_to_client, 0));
  if (e_.response_head || r.response_bytes != 0) {
    r.bytes_to_client = delivery.bytes_to_client;
    r.client_delivery_status = sent >= r.response_bytes ? record::Delivery::full
                               : sent == 0              ? record::Delivery::none
                                                        : record::Delivery::partial;
  }
}

// What the client can have acted on.
RetrySafety Exchange::retry_safety(const record::Record& r) const {
  const bool delivered = r.bytes_to_client.value_or(0) != 0;
  if (!e_.body_begun || e_.status >= 400 || !delivered) return RetrySafety::safe;
  if (dialect_ && dialect_->tools().any_whole()) return RetrySafety::unsafe;
  if (!reads_content()) return RetrySafety::unknown;
  const bool content = e_.token || !e_.stream;
  return content ? RetrySafety::duplicates_output : RetrySafety::safe;
}

}  // namespace llmrec::tap
