// The body of an answer, from coded octets to documents: content codings are undone on the copy,
// the framing is found (SSE, NDJSON, a JSON array, an AWS event stream, plain JSON), JSON values go
// to the dialect as they come, and whole documents are reported with what they said. Nothing is
// buffered, so no event is too large.
// Knows no HTTP framing, no clock and no verdict. Owned by an exchange; pure.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/bytes.h"
#include "dialect/dialect.h"
#include "tap/document.h"
#include "wire/decode.h"
#include "wire/event_stream.h"
#include "wire/json_array.h"
#include "wire/lines.h"
#include "wire/sse.h"

namespace llmrec::tap {

enum class Framing : std::uint8_t { undecided, sse, lines, array, event_stream, json, opaque };

class AnswerReader final : private wire::ByteSink,
                           private wire::SseHandler,
                           private wire::LineHandler,
                           private wire::JsonArrayHandler,
                           private wire::EventStreamHandler {
 public:
  AnswerReader(dialect::Dialect& dialect, AnswerEvents& events)
      : documents_(dialect, events), events_(events) {}

  // At the response head. Values as they came; empty where the field is missing.
  void begin(int status, Bytes content_type, Bytes content_encoding);
  void feed(Bytes coded);
  void finish();  // the body is over, whole or not; nothing more is looked at

  // What the head says until the first octets decide.
  bool stream() const;
  // Neither the head nor an octet told what the body is.
  bool nothing_said() const;

 private:
  enum class Type : std::uint8_t { other, sse, lines, event_stream, json };
  static Type type_of(Bytes content_type);

  bool undecided() const { return framing_ == Framing::undecided; }
  void on_bytes(Bytes plain) override;
  void on_data(Bytes part) override;
  void on_event(const wire::SseEvent&) override;
  void on_comment() override { events_.on_ping(); }
  void on_other(Bytes part) override;
  void on_other_end() override;
  void on_line(Bytes part) override;
  void on_line_end() override;
  void on_element_begin() override;
  void on_element(Bytes part) override { documents_.feed(part); }
  void on_element_end() override;
  void on_message_begin(const wire::EventStreamHead&) override;
  void on_payload(Bytes part) override { documents_.feed(part); }
  void on_message_end(bool crc_ok) override;

  void feed_decoder(Bytes coded);
  void sniff_coding(Bytes& coded);
  void decide(char first);
  void end_event(Bytes name, bool tail);
  void lose(std::string_view why);
  bool refused() const { return status_ >= 400; }

  DocumentReader documents_;
  AnswerEvents& events_;
  std::unique_ptr<wire::DecoderChain> decoder_;
  wire::SseTokenizer sse_;
  wire::LineSplitter lines_;
  wire::JsonArraySplitter array_;
  std::unique_ptr<wire::EventStreamReader> messages_;
  std::string message_name_;
  int status_ = 0;
  Framing framing_ = Framing::undecided;
  Type typed_ = Type::other;
  bool labelled_ = false;  // a Content-Encoding was given
  bool coding_settled_ = false;
  bool held_1f_ = false;  // the first octet could begin a gzip member
  bool lost_ = false;
  bool finished_ = false;
  bool in_line_ = false;
  enum class Data : std::uint8_t { start, sentinel, json } data_ = Data::start;
  std::uint8_t sentinel_at_ = 0;
  // Lines that no field of an event stream claims.
  enum class Stray : std::uint8_t { start, line, json, skip } stray_ = Stray::start;
  std::uint8_t stray_at_ = 0;
};

}  // namespace llmrec::tap
