// One direction of a WebSocket (RFC 6455), read as it comes: frames are unmasked, messages put
// together and inflated (permessage-deflate, RFC 7692) on the copy, and handed on in parts. Nothing
// is buffered but a frame's head and a close code, so no length in a frame costs memory; inflating
// takes 44 KiB once a compressed message came.
// Knows no handshake beyond the extensions' header, no JSON and no provider. It reads what the
// peers understand: a mask on the wrong side is not its affair, anything that makes the next frame
// uncertain ends it for good. One owner, one thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "base/bytes.h"

namespace llmrec::wire {

// What the answer's Sec-WebSocket-Extensions say was agreed (RFC 6455 §9.1, RFC 7692 §7).
struct WebSocketExtensions {
  bool deflate = false;
  bool server_no_context_takeover = false;
  bool client_no_context_takeover = false;
  bool unknown = false;  // another extension, or one that cannot be read: frames may mean anything
};
// The value of the field; of several fields, all values joined by commas.
WebSocketExtensions parse_websocket_extensions(Bytes value);

enum class WebSocketError : std::uint8_t {
  none,
  reserved,  // a bit, opcode or length that RFC 6455 keeps for later
  control,   // a control frame that is cut into pieces or too long
  sequence,  // a continuation of nothing, or a new message inside another
};

// Callbacks must not touch the reader. They may throw what the owner catches: the reader is then
// not to be used again.
class WebSocketHandler {
 public:
  virtual ~WebSocketHandler() = default;
  virtual void on_message_begin(bool text) = 0;
  virtual void on_message_data(Bytes part) = 0;  // plain, in parts that may cut a UTF-8 sequence
  // `whole`: all of its data came. Not so once inflating had failed, and never after that.
  virtual void on_message_end(bool whole) = 0;
  // RFC 6455 §5.5.1. The reason is text, and only measured. No code: the frame had none.
  virtual void on_close(std::optional<std::uint16_t> /*code*/, std::size_t /*reason_octets*/) {}
  virtual void on_ping() {}
  virtual void on_pong() {}
  virtual void on_error(WebSocketError) {}
  virtual void on_inflate_failed() {}
};

struct WebSocketCounters {
  std::uint64_t messages = 0;  // whole ones
  std::uint64_t text_messages = 0;
  std::uint64_t frames = 0;  // whole ones, control frames too
  std::uint64_t control_frames = 0;
  std::uint64_t payload_octets = 0;  // as they came, of data frames
  friend bool operator==(const WebSocketCounters&, const WebSocketCounters&) = default;
};

class WebSocketReader {
 public:
  // `deflate`: messages may be compressed. `takeover`: each goes on with the window of the last.
  WebSocketReader(bool deflate, bool takeover, WebSocketHandler& handler);
  ~WebSocketReader();
  WebSocketReader(const WebSocketReader&) = delete;
  WebSocketReader& operator=(const WebSocketReader&) = delete;

  // After an error or a close frame everything is ignored.
  void feed(Bytes octets);

  WebSocketError error() const { return error_; }
  bool closed() const { return closed_; }  // a close frame came
  bool in_message() const { return in_message_; }
  bool in_frame() const { return head_size_ != 0; }
  // Compressed data could not be followed: messages are counted and their ends told, not read.
  bool inflate_failed() const { return inflate_failed_; }
  const WebSocketCounters& counters() const { return counters_; }

 private:
  class Inflater;

  bool dead() const { return closed_ || error_ != WebSocketError::none; }
  std::size_t head_octets() const;
  void read_head(Bytes& octets);
  void begin_frame();
  void read_payload(Bytes& octets);
  void plain_payload(Bytes octets);
  void end_frame();
  void end_control();
  void end_message();
  void inflate(Bytes octets);
  void fail(WebSocketError error);
  void set_inflated(bool well);

  WebSocketHandler& handler_;
  std::unique_ptr<Inflater> inflater_;
  WebSocketCounters counters_;
  std::uint64_t left_ = 0;  // of the frame's payload
  std::array<unsigned char, 14> head_{};
  std::array<unsigned char, 2> close_code_{};
  std::size_t control_octets_ = 0;  // of a control frame's payload, so far
  std::uint8_t head_size_ = 0;      // octets of the head that are here; 0: between frames
  std::uint8_t mask_at_ = 0;
  bool in_payload_ = false;
  bool in_message_ = false;
  bool text_ = false;
  bool compressed_ = false;  // the message at hand
  bool deflate_;
  bool takeover_;
  bool inflate_failed_ = false;
  bool closed_ = false;
  WebSocketError error_ = WebSocketError::none;
};

}  // namespace llmrec::wire
