// What passes behind a 101: the messages of both directions, what the server's say, how it was
// closed. Responses over a WebSocket are read by the dialect of the events of its stream; of the
// Realtime API only types and usage; of anything else messages are counted.
// Knows no HTTP, no clock and no verdict. Owned by an exchange; pure.
// Memory: two readers and, if messages are compressed, two windows, 100 KiB in all.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "dialect/dialect.h"
#include "record/names.h"
#include "wire/json.h"
#include "wire/websocket.h"

namespace llmrec::tap {

enum class SocketKind : std::uint8_t { opaque, responses, realtime };
// By the path of the request that asked for the upgrade, without its query.
SocketKind socket_kind(Bytes path);
// Who reads the server's messages; null but for `responses`.
std::unique_ptr<dialect::Dialect> socket_dialect(SocketKind kind);

class SocketEvents {
 public:
  virtual ~SocketEvents() = default;
  // A whole message of the server and what it said. `type` is the event's own word for itself.
  virtual void on_server_message(const dialect::Delta&, Bytes type) = 0;
  virtual void on_unread_message() = 0;  // binary, or of a kind that is not read
  virtual void on_bad_message() = 0;     // text that is no JSON, where JSON is owed
  virtual void on_socket_ping() = 0;     // from either side
  // From here on a direction, or all, is not followed. `reason` has static storage.
  virtual void on_socket_lost(std::string_view reason) = 0;
  // A response is over, and the server says more: the dialect object for that, which outlives
  // this. The last one keeps what the response before had said.
  virtual dialect::Dialect& on_next_response() = 0;
};

class WebSocketTap {
 public:
  // `dialect` as socket_dialect() made it; `extensions` as parsed from the answer's head.
  WebSocketTap(SocketKind kind, dialect::Dialect* dialect,
               const wire::WebSocketExtensions& extensions, SocketEvents& events);
  ~WebSocketTap();

  // Octets behind the 101.
  void client(Bytes octets);
  void server(Bytes octets);

  // The server's events are read, so that what they say of a response can be judged.
  bool reads_content() const { return kind_ == SocketKind::responses && !lost_; }
  // Of the last response.create of the client; tool results of all of them.
  const dialect::Asked& asked() const { return asked_; }
  // A response was asked for or begun, and neither its end nor an error came.
  bool response_open() const { return begun_ || requested_ > answered_; }
  // Ended, or begun. With more than one, usage and finish are those of the last alone.
  std::uint64_t responses() const { return ended_ + (begun_ ? 1 : 0); }
  std::uint64_t client_messages() const { return from_client_.counters().messages; }
  std::uint64_t server_messages() const { return from_server_.counters().messages; }

  // Who sent the first close frame; none: it was cut without one.
  record::Party closed_by() const { return closed_by_; }
  // Its code as error_detail has it, "ws_close:1011"; empty without a frame or a code.
  std::string close_detail() const;
  // A close that says that all is well (RFC 6455 §7.4.1): 1000, 1001, or no code.
  bool closed_well() const;

 private:
  class ServerSide;
  class ClientSide;
  void on_close(record::Party by, std::optional<std::uint16_t> code);
  void end_server_message(const dialect::Delta& delta, Bytes type);
  void end_client_message(Bytes type, const dialect::Asked* asked);
  void lose(std::string_view reason);

  SocketKind kind_;
  dialect::Dialect* dialect_;
  SocketEvents& events_;
  std::unique_ptr<ServerSide> server_;
  std::unique_ptr<ClientSide> client_;
  wire::WebSocketReader from_server_;
  wire::WebSocketReader from_client_;
  dialect::Asked asked_;
  std::uint64_t requested_ = 0;
  std::uint64_t answered_ = 0;
  std::uint64_t ended_ = 0;
  bool begun_ = false;
  bool renew_ = false;  // the next message of the server belongs to another response
  bool unreadable_ = false;
  bool lost_ = false;
  record::Party closed_by_ = record::Party::none;
  std::optional<std::uint16_t> close_code_;
};

}  // namespace llmrec::tap
