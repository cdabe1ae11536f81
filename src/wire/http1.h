// HTTP/1.x as a push parser: octets in, message events out (RFC 9112). The only unit that knows
// llhttp. Strict: whatever RFC 9112 forbids is an error, and after an error the parser is silent
// for good; it never guesses.
// Knows no transport, no pairing of requests with answers, no content coding, no header's meaning
// beyond framing.
// Owned by whoever taps one direction of one connection; one thread.
// Memory: under 400 octets idle. Names and values are buffered only while a head is being read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/bytes.h"

namespace llmrec::wire {

enum class Http1Kind { request, response };

// What follows a head. The answer to HEAD has the framing fields of a body it does not have (RFC
// 9112 §6.3), so whoever pairs requests with answers must say so.
enum class BodyRule {
  by_framing,
  none,    // the answer to HEAD; 1xx, 204 and 304 are known without being told
  tunnel,  // a 2xx to CONNECT: what follows is not HTTP
};

struct Http1Head {
  Http1Kind kind = Http1Kind::request;
  Bytes method;    // requests; canonical upper case
  Bytes target;    // requests; as it came
  int status = 0;  // responses: 100..999
  int minor_version = 0;
  std::optional<std::uint64_t> content_length;
  bool chunked = false;
  bool keep_alive = false;  // what version and Connection say; framing by close can still forbid it
  bool upgrade = false;     // a request that asks for another protocol or is CONNECT; a 101
};

// Views are valid during the call only. May throw: the parser then stops with an error.
class Http1Handler {
 public:
  virtual ~Http1Handler() = default;
  virtual void on_message_begin() = 0;             // first octet of a message
  virtual void on_status(int /*status*/) {}        // the status line is whole; its head may not be
  virtual bool wants_field(Bytes lower_name) = 0;  // false: the value is skipped unread
  // A wanted field, whole, blanks trimmed, cut at limits::kHttpFieldValueMax.
  virtual void on_field(Bytes lower_name, Bytes value) = 0;
  virtual BodyRule on_head(const Http1Head&) = 0;  // also for 1xx; the status tells
  virtual void on_body(Bytes) = 0;
  virtual void on_trailer(Bytes /*lower_name*/, Bytes /*value*/) {}  // wanted ones only
  virtual void on_message_complete() = 0;
  // Octets on the wire of the message that began last, framing included; after its other events,
  // also after its completion. Their sum does not depend on how the input was cut.
  virtual void on_octets(std::size_t /*count*/) {}
};

enum class Http1Error {
  none,
  rejected,        // not HTTP/1.x by the letter; error_name() says how
  head_too_large,  // over limits::kHttpHeadMax
  after_close,     // octets behind a message that said it was the last
};

class Http1Parser {
 public:
  Http1Parser(Http1Kind kind, Http1Handler& handler) noexcept;
  ~Http1Parser();
  Http1Parser(const Http1Parser&) = delete;  // llhttp holds its address
  Http1Parser& operator=(const Http1Parser&) = delete;

  // Feeds octets; the events do not depend on where they are cut. Returns the octets consumed:
  // fewer than given only after an error, or once what follows is not HTTP (upgraded()).
  std::size_t feed(Bytes octets) noexcept;

  // The transport ended in order. Completes a body that is delimited by the close; a message cut
  // short stays in_message() and is no error here. Never call it for an abort.
  void finish() noexcept;

  // The other direction learned that this connection speaks another protocol from here on (101, or
  // 2xx to CONNECT): nothing more is parsed.
  void set_opaque() noexcept { upgraded_ = true; }

  Http1Error error() const { return error_; }
  // A fixed name for logs and records, such as "HPE_INVALID_CHUNK_SIZE"; empty without an error.
  // Names differ between llhttp versions: branch on error(), never on this.
  Bytes error_name() const { return error_name_; }
  bool upgraded() const { return upgraded_; }
  bool in_message() const { return in_message_; }
  bool head_complete() const { return in_message_ && head_complete_; }  // of the current message
  bool in_body() const { return head_complete() && !in_trailers_; }
  bool body_until_close() const { return head_complete() && body_until_close_; }

 private:
  struct Callbacks;  // the C side, in http1.cc
  struct HeadBuffer {
    std::string target;
    std::string name;   // lower case
    std::string value;  // only of wanted fields
    bool name_too_long = false;
    bool wanted = false;
  };

  std::size_t feed_some(Bytes octets);
  std::size_t safe_head_prefix(Bytes octets);
  void fail(Http1Error error, Bytes name);

  Http1Handler& handler_;
  alignas(8) unsigned char llhttp_[160];  // an llhttp_t; its size is asserted in http1.cc
  std::unique_ptr<HeadBuffer> head_;
  Bytes error_name_;
  std::uint32_t head_octets_ = 0;
  std::uint8_t line_state_ = 0;  // of the fold detector, see http1.cc
  Http1Error error_ = Http1Error::none;
  Http1Kind kind_;
  bool upgraded_ = false;
  bool in_message_ = false;
  bool head_complete_ = false;
  bool in_trailers_ = false;
  bool body_until_close_ = false;
  bool closed_ = false;         // the last message was the last one
  bool interim_ = false;        // a 1xx other than 101
  bool message_ended_ = false;  // llhttp stands behind a message
};

}  // namespace llmrec::wire
