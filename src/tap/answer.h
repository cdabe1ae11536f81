// The body of an answer, from coded octets to documents: content codings are undone on the copy,
// the framing is found (SSE, plain JSON), JSON values go to the dialect as they come, and whole
// documents are reported with what they said. Nothing is buffered, so no event is too large.
// Knows no HTTP framing, no clock and no verdict. Owned by an exchange; pure.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/bytes.h"
#include "dialect/dialect.h"
#include "record/names.h"
#include "wire/decode.h"
#include "wire/json.h"
#include "wire/sse.h"

namespace llmrec::tap {

class AnswerEvents {
 public:
  virtual ~AnswerEvents() = default;
  // A whole document. `tail`: it was the last event of a stream and its blank line never came.
  virtual void on_document(const dialect::Delta&, Bytes event, bool tail) = 0;
  virtual void on_bad_document(Bytes event) = 0;  // event data that is not JSON
  virtual void on_unread_event(Bytes event) = 0;  // an event of a dialect that is not read
  // JSON in an event stream outside any event: some servers put their errors there.
  virtual void on_stray_document(const dialect::Delta&) = 0;
  virtual void on_sentinel(bool tail) = 0;  // `data: [DONE]`
  virtual void on_ping() = 0;               // an SSE comment
  // From here on the content is not followed. `reason` has static storage.
  virtual void on_content_lost(std::string_view reason) = 0;
  virtual void on_unlabelled_coding() = 0;
};

enum class Framing : std::uint8_t { undecided, sse, json, opaque };

class AnswerReader final : private wire::ByteSink, private wire::SseHandler {
 public:
  AnswerReader(dialect::Dialect& dialect, AnswerEvents& events)
      : dialect_(dialect), events_(events) {}

  // At the response head. Values as they came; empty where the field is missing.
  void begin(int status, Bytes content_type, Bytes content_encoding);
  void feed(Bytes coded);
  void finish();  // the body is over, whole or not; nothing more is looked at

  // What the head says until the first octets decide.
  bool stream() const { return framing_ == Framing::sse || (undecided() && typed_sse_); }
  // Neither the head nor an octet told what the body is.
  bool nothing_said() const { return undecided() && !typed_json_ && !lost_; }

 private:
  bool undecided() const { return framing_ == Framing::undecided; }
  void on_bytes(Bytes plain) override;
  void on_data(Bytes part) override;
  void on_event(const wire::SseEvent&) override;
  void on_comment() override { events_.on_ping(); }
  void on_other(Bytes part) override;
  void on_other_end() override;

  void feed_decoder(Bytes coded);
  void sniff_coding(Bytes& coded);
  void decide(char first);
  void feed_json(Bytes);
  void end_event(Bytes name, bool tail);
  void begin_document(dialect::DocumentKind);
  void lose(std::string_view why);

  dialect::Dialect& dialect_;
  AnswerEvents& events_;
  std::unique_ptr<wire::DecoderChain> decoder_;
  std::unique_ptr<wire::JsonReader> json_;
  wire::SseTokenizer sse_;
  int status_ = 0;
  Framing framing_ = Framing::undecided;
  bool typed_sse_ = false;
  bool typed_json_ = false;
  bool labelled_ = false;  // a Content-Encoding was given
  bool coding_settled_ = false;
  bool held_1f_ = false;  // the first octet could begin a gzip member
  bool lost_ = false;
  bool finished_ = false;
  enum class Data : std::uint8_t { start, sentinel, json } data_ = Data::start;
  std::uint8_t sentinel_at_ = 0;
  // Lines that no field of an event stream claims.
  enum class Stray : std::uint8_t { start, line, json, skip } stray_ = Stray::start;
  std::uint8_t stray_at_ = 0;
};

}  // namespace llmrec::tap
