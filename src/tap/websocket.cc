#include "tap/websocket.h"

#include <algorithm>
#include <array>

#include "base/limits.h"

namespace llmrec::tap {
namespace {

using dialect::Asked;
using dialect::Delta;
using dialect::DocumentKind;
using record::Party;
using wire::JsonPath;
using wire::JsonPaths;
using wire::JsonReader;
using wire::JsonState;

constexpr std::string_view kMalformed = "websocket_frame_malformed";
constexpr std::string_view kNotInflated = "websocket_inflate_failed";

void append_cut(std::string& to, Bytes part, std::size_t max) {
  if (to.size() < max) to.append(part.substr(0, max - to.size()));
}

enum Slot : std::uint16_t {
  kType,
  kResponseId,
  kSessionModel,
  kInput,
  kOutput,
  kTotal,
  kCached,
};

const JsonPaths& type_paths() {
  static const JsonPaths paths{std::to_array<JsonPath>({{"type", kType}})};
  return paths;
}

// platform.openai.com/docs/api-reference/realtime-server-events: response.done, session.created.
const JsonPaths& realtime_paths() {
  static const JsonPaths paths{std::to_array<JsonPath>({
      {"type", kType},
      {"response.id", kResponseId},
      {"session.model", kSessionModel},
      {"response.usage.input_tokens", kInput},
      {"response.usage.output_tokens", kOutput},
      {"response.usage.total_tokens", kTotal},
      {"response.usage.input_token_details.cached_tokens", kCached},
  })};
  return paths;
}

// The type of an event, and of a Realtime event what little is read of it.
class EventSink final : public wire::JsonSink {
 public:
  void clear() {
    type.clear();
    delta.clear();
  }
  void on_string(std::uint16_t slot, Bytes part, bool) override {
    if (slot == kType) append_cut(type, part, limits::kRecordNameMax);
    if (slot == kResponseId) append_cut(delta.response_id, part, limits::kRecordIdTextMax);
    if (slot == kSessionModel) append_cut(delta.model, part, limits::kRecordModelMax);
  }
  void on_int(std::uint16_t slot, std::int64_t n) override {
    if (slot == kInput) delta.usage.input = n;
    if (slot == kOutput) delta.usage.output = n;
    if (slot == kTotal) delta.usage.total = n;
    if (slot == kCached) delta.usage.cached_input = n;
  }
  std::string type;
  Delta delta;
};

bool begins_response(Bytes type) {
  return type == "response.created" || type == "response.queued" || type == "response.in_progress";
}

bool ends_response(Bytes type) {
  return type == "response.completed" || type == "response.incomplete" ||
         type == "response.failed" || type == "response.cancelled" || type == "response.done";
}

}  // namespace

SocketKind socket_kind(Bytes path) {
  while (path.ends_with('/')) path.remove_suffix(1);
  if (path.ends_with("/responses")) return SocketKind::responses;
  if (path.ends_with("/realtime")) return SocketKind::realtime;
  return SocketKind::opaque;
}

std::unique_ptr<dialect::Dialect> socket_dialect(SocketKind kind) {
  if (kind != SocketKind::responses) return nullptr;
  return dialect::make_by_name("openai.responses", {.method = "POST",
                                                    .host = {},
                                                    .path = "/v1/responses",
                                                    .query = {},
                                                    .content_type = "application/json"});
}

// The server's messages: one JSON document each.
class WebSocketTap::ServerSide final : public wire::WebSocketHandler {
 public:
  explicit ServerSide(WebSocketTap& tap)
      : tap_(tap),
        head_(tap.kind_ == SocketKind::realtime ? realtime_paths() : type_paths(), sink_) {}

  void on_message_begin(bool text) override {
    text_ = text && tap_.kind_ != SocketKind::opaque;
    if (!text_) return;
    if (tap_.renew_ && tap_.dialect_ != nullptr) {
      tap_.dialect_ = &tap_.events_.on_next_response();
      body_.reset();  // it reads for the old one
    }
    tap_.renew_ = false;
    sink_.clear();
    head_.reset();
    if (tap_.dialect_ == nullptr) return;
    if (!body_) {
      body_ = std::make_unique<JsonReader>(tap_.dialect_->answer_paths(), *tap_.dialect_);
    } else {
      body_->reset();
    }
    tap_.dialect_->begin_document(DocumentKind::event);
  }

  void on_message_data(Bytes part) override {
    if (!text_) return;
    head_.feed(part);
    if (body_) body_->feed(part);
  }

  void on_message_end(bool whole) override {
    if (!text_ || !whole) return tap_.events_.on_unread_message();
    const JsonState state = head_.finish();
    if (body_) body_->finish();
    if (state == JsonState::too_deep) {
      tap_.lose("json_too_deep");
      return tap_.events_.on_unread_message();
    }
    if (state != JsonState::done) return tap_.events_.on_bad_message();
    if (tap_.kind_ == SocketKind::realtime) {
      sink_.delta.done = sink_.type == "response.done";
      sink_.delta.usage_final = sink_.delta.done && sink_.delta.usage.output.has_value();
      if (!sink_.delta.done) sink_.delta.usage = {};
      return tap_.end_server_message(sink_.delta, sink_.type);
    }
    if (!body_) return tap_.events_.on_unread_message();
    tap_.end_server_message(tap_.dialect_->end_document({}), sink_.type);
  }

  void on_close(std::optional<std::uint16_t> code, std::size_t) override {
    tap_.on_close(Party::upstream, code);
  }
  void on_ping() override { tap_.events_.on_socket_ping(); }
  void on_pong() override { tap_.events_.on_socket_ping(); }
  void on_error(wire::WebSocketError) override { tap_.lose(kMalformed); }
  void on_inflate_failed() override { tap_.lose(kNotInflated); }

 private:
  WebSocketTap& tap_;
  EventSink sink_;
  JsonReader head_;
  std::unique_ptr<JsonReader> body_;
  bool text_ = false;
};

// The client's: response.create carries a request, field for field as an HTTP body has it.
class WebSocketTap::ClientSide final : public wire::WebSocketHandler {
 public:
  explicit ClientSide(WebSocketTap& tap) : tap_(tap), head_(type_paths(), sink_) {}

  void on_message_begin(bool text) override {
    text_ = text && tap_.kind_ != SocketKind::opaque;
    if (!text_) return;
    sink_.clear();
    head_.reset();
    body_.reset();
    if (tap_.dialect_ == nullptr) return;
    now_ = {};
    request_ = tap_.dialect_->request_sink(now_);
    if (request_) {
      body_ = std::make_unique<JsonReader>(tap_.dialect_->request_paths(), *request_);
    }
  }
  void on_message_data(Bytes part) override {
    if (!text_) return;
    head_.feed(part);
    if (body_) body_->feed(part);
  }
  void on_message_end(bool whole) override {
    if (!text_ || !whole) return;
    const bool fine = head_.finish() == JsonState::done;
    if (body_) body_->finish();
    if (fine) tap_.end_client_message(sink_.type, body_ ? &now_ : nullptr);
    body_.reset();
    request_.reset();
  }
  void on_close(std::optional<std::uint16_t> code, std::size_t) override {
    tap_.on_close(Party::client, code);
  }
  void on_ping() override { tap_.events_.on_socket_ping(); }
  void on_pong() override { tap_.events_.on_socket_ping(); }
  void on_error(wire::WebSocketError) override { tap_.lose(kMalformed); }
  void on_inflate_failed() override { tap_.lose(kNotInflated); }

 private:
  WebSocketTap& tap_;
  EventSink sink_;
  JsonReader head_;
  Asked now_;
  std::unique_ptr<wire::JsonSink> request_;
  std::unique_ptr<JsonReader> body_;
  bool text_ = false;
};

WebSocketTap::WebSocketTap(SocketKind kind, dialect::Dialect* dialect,
                           const wire::WebSocketExtensions& extensions, SocketEvents& events)
    : kind_(kind),
      dialect_(dialect),
      events_(events),
      server_(std::make_unique<ServerSide>(*this)),
      client_(std::make_unique<ClientSide>(*this)),
      from_server_(extensions.deflate, !extensions.server_no_context_takeover, *server_),
      from_client_(extensions.deflate, !extensions.client_no_context_takeover, *client_) {
  if (kind_ == SocketKind::responses && dialect_ == nullptr) kind_ = SocketKind::opaque;
  if (kind_ != SocketKind::responses) dialect_ = nullptr;
  if (kind_ != SocketKind::responses) lose("websocket");
  if (extensions.unknown) {
    unreadable_ = true;
    lose("websocket_extension_unknown");
  }
}

WebSocketTap::~WebSocketTap() = default;

void WebSocketTap::client(Bytes octets) {
  if (!unreadable_) from_client_.feed(octets);
}

void WebSocketTap::server(Bytes octets) {
  if (!unreadable_) from_server_.feed(octets);
}

void WebSocketTap::lose(std::string_view reason) {
  lost_ = true;
  events_.on_socket_lost(reason);
}

void WebSocketTap::on_close(Party by, std::optional<std::uint16_t> code) {
  if (closed_by_ != Party::none) return;  // the other side's echo
  closed_by_ = by;
  close_code_ = code;
}

std::string WebSocketTap::close_detail() const {
  return close_code_ ? "ws_close:" + std::to_string(*close_code_) : std::string();
}

bool WebSocketTap::closed_well() const {
  if (closed_by_ == Party::none) return false;
  return !close_code_ || *close_code_ == 1000 || *close_code_ == 1001;
}

void WebSocketTap::end_server_message(const Delta& delta, Bytes type) {
  if (begins_response(type)) begun_ = true;
  const bool over = delta.done || ends_response(type);
  const bool refused = type == "error" && kind_ == SocketKind::responses;
  if (over || refused) {
    begun_ = false;
    answered_ = std::min(answered_ + 1, requested_);
    renew_ = true;
    if (over) ++ended_;
  } else if (type == "error") {
    // Realtime goes on behind an error; it may have been the answer to a response.create.
    answered_ = std::min(answered_ + 1, requested_);
  }
  events_.on_server_message(delta, type);
}

void WebSocketTap::end_client_message(Bytes type, const Asked* asked) {
  if (type != "response.create") return;
  ++requested_;
  if (asked == nullptr) return;
  std::vector<std::string> results = std::move(asked_.tool_result_ids);
  asked_ = *asked;
  for (const std::string& id : asked_.tool_result_ids) {
    if (results.size() == limits::kToolResultIdsMax) break;
    results.push_back(id);
  }
  asked_.tool_result_ids = std::move(results);
}

}  // namespace llmrec::tap
