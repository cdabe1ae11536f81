// application/vnd.amazon.eventstream cut into messages: what Amazon Bedrock streams.
// https://docs.aws.amazon.com/lexv2/latest/dg/event-stream-encoding.html: big endian
//   u32 total, u32 headers, u32 CRC-32 of those 8, headers, payload, u32 CRC-32 of all before
// The prelude is believed only when its CRC fits. Payload octets are handed on as they come, before
// the message's own CRC can be checked: on_message_end(false) takes them back.
// Knows no JSON and no provider. Owned by one message body; one thread; no allocation.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "base/limits.h"

namespace llmrec::wire {

// The header values that tell what a message is; each cut at limits::kEventStreamValueMax, empty
// where it is missing. Valid until the next message.
struct EventStreamHead {
  Bytes message_type;    // ":message-type": "event", "exception", "error"
  Bytes event_type;      // ":event-type" of an event
  Bytes exception_type;  // ":exception-type" of an exception
  Bytes error_code;      // ":error-code" of an error, which has no payload
  Bytes content_type;    // ":content-type"
  std::uint32_t payload_bytes = 0;

  bool is_error() const { return message_type == "exception" || message_type == "error"; }
  // What the message is called, whatever its kind.
  Bytes name() const {
    if (message_type == "exception") return exception_type;
    return message_type == "error" ? error_code : event_type;
  }
};

// Callbacks must not throw and must not touch the reader.
class EventStreamHandler {
 public:
  virtual ~EventStreamHandler() = default;
  virtual void on_message_begin(const EventStreamHead&) = 0;  // headers are whole
  virtual void on_payload(Bytes part) = 0;                    // never empty
  // False: the message is not what was sent; nothing more comes from this stream.
  virtual void on_message_end(bool crc_ok) = 0;
};

class EventStreamReader {
 public:
  // False: bad(), then and from then on; the rest is ignored.
  bool feed(Bytes octets, EventStreamHandler& handler);

  bool bad() const { return !reason_.empty(); }
  // "event_stream_crc" or "event_stream_framing"; static storage.
  Bytes bad_reason() const { return reason_; }
  // Octets of a message that is not whole. At the end of the body: it was cut.
  bool in_message() const { return !bad() && (part_ != Part::prelude || filled_ != 0); }
  std::uint64_t messages() const { return messages_; }  // whole ones, CRC right
  void reset() { *this = EventStreamReader(); }

 private:
  enum class Part : std::uint8_t {
    prelude,
    name_size,
    name,
    type,
    value_size,
    value,
    payload,
    message_crc,
  };
  using Value = std::array<char, limits::kEventStreamValueMax>;
  static constexpr std::size_t kWanted = 5;  // fields of EventStreamHead
  static constexpr std::uint8_t kUnwanted = 0xff;

  bool fail(Bytes reason);
  bool fill(Bytes& octets, std::size_t size);
  Bytes cover(Bytes& octets, std::size_t size);
  bool take_prelude();
  bool take_headers(Bytes& octets, EventStreamHandler& handler);
  bool take_type(char type);
  void begin_value(std::size_t size);
  void keep_value(Bytes part);
  void begin_payload(EventStreamHandler& handler);
  bool take_message_crc(EventStreamHandler& handler);

  std::uint64_t messages_ = 0;
  Bytes reason_;
  std::uint32_t crc_ = 0;           // of the message so far
  std::uint32_t headers_left_ = 0;  // octets of headers not yet read
  std::uint32_t payload_left_ = 0;
  std::uint32_t left_ = 0;        // octets of the name or value at hand
  std::array<char, 12> fixed_{};  // a number or prelude that comes in parts
  std::array<char, 16> name_{};   // of the header at hand; a wanted one fits
  std::array<Value, kWanted> values_;
  std::array<std::uint8_t, kWanted> value_sizes_{};
  std::uint8_t filled_ = 0;     // octets of fixed_
  std::uint8_t name_size_ = 0;  // octets of name_, cut
  std::uint8_t wanted_ = kUnwanted;
  Part part_ = Part::prelude;
};

}  // namespace llmrec::wire
