// The documents of an answer, one at a time: octets of JSON in, what they said out. Where no path
// claimed the request, the beginning of the first documents is held until it tells the dialect.
// Knows no framing and no clock. Owned by an AnswerReader; pure.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "dialect/dialect.h"
#include "wire/json.h"

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
  // The content told its dialect. The one that reads on, which outlives the reader; null: none.
  virtual dialect::Dialect* on_recognised(std::string_view name) = 0;
};

class DocumentReader {
 public:
  DocumentReader(dialect::Dialect& dialect, AnswerEvents& events)
      : dialect_(&dialect), events_(events) {}

  const dialect::Dialect& dialect() const { return *dialect_; }
  // JSON is looked at: by a dialect that knows it, or to find one.
  bool reads() const { return dialect_->knows_content() || sniffed_ < limits::kSniffDocuments; }

  void begin(dialect::DocumentKind kind);
  void feed(Bytes octets);
  // The end of an event, line, element or message.
  void end_event(Bytes name, bool tail);
  // The end of a body that is one document. Cut JSON says nothing.
  void end_answer();
  // JSON outside any event. True: it was whole, or cannot become so.
  bool end_stray();
  void drop() { json_.reset(); }  // the document at hand is not read any further

 private:
  void hold(Bytes octets);
  void adopt();

  dialect::Dialect* dialect_;
  AnswerEvents& events_;
  std::unique_ptr<wire::JsonReader> json_;
  dialect::DocumentKind kind_ = dialect::DocumentKind::event;
  std::string held_;  // of a document whose dialect is not known yet
  bool holding_ = false;
  std::uint8_t sniffed_ = 0;  // documents that did not tell
};

}  // namespace llmrec::tap
