// A dialect and its reader, for tests that feed it documents.
#pragma once

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "dialect/dialect.h"

namespace llmrec::dialect {

class Reading {
 public:
  explicit Reading(std::unique_ptr<Dialect> dialect) : dialect_(std::move(dialect)) {}

  const Delta& event(const std::string& json) { return document(json, DocumentKind::event); }
  const Delta& answer(const std::string& json) { return document(json, DocumentKind::answer); }
  const Delta& error_body(const std::string& json) {
    return document(json, DocumentKind::error_body);
  }
  const Delta& document(const std::string& json, DocumentKind kind, std::size_t split = 0) {
    begin(kind);
    reader_.feed(Bytes(json).substr(0, split));
    reader_.feed(Bytes(json).substr(split));
    REQUIRE_MESSAGE(reader_.finish() == wire::JsonState::done, json);
    return dialect_->end_document({});
  }
  // A document whose end never came.
  void cut(const std::string& json, std::size_t size) {
    begin(DocumentKind::event);
    reader_.feed(Bytes(json).substr(0, size));
  }
  const std::vector<ToolCallState>& calls() const { return dialect_->tools().calls(); }
  Dialect& dialect() { return *dialect_; }
  record::Usage comparable(const record::Usage& reported) const {
    return dialect_->comparable({}, reported);
  }

 private:
  void begin(DocumentKind kind) {
    dialect_->begin_document(kind);
    reader_.reset();
  }

  std::unique_ptr<Dialect> dialect_;
  wire::JsonReader reader_{dialect_->answer_paths(), *dialect_};
};

// What a request asks for; an empty text is an empty body.
inline Asked asked_of(const Dialect& dialect, const std::string& json) {
  Asked asked;
  const auto sink = dialect.request_sink(asked);
  if (json.empty()) return asked;
  wire::JsonReader reader(dialect.request_paths(), *sink);
  reader.feed(json);
  REQUIRE(reader.finish() == wire::JsonState::done);
  return asked;
}

// What one document says, as text that two of them can be compared by.
inline std::string summary(const Delta& d, const std::vector<ToolCallState>& calls) {
  std::string out = std::to_string(d.text_chars) + " " + std::to_string(d.reasoning_chars) + " " +
                    std::to_string(d.usage.input.value_or(-1)) + " " +
                    std::to_string(d.usage.output.value_or(-1)) + (d.done ? " done" : "") +
                    (d.usage_final ? " final" : "") + (d.tool_piece ? " piece" : "") +
                    (d.error ? " error " + d.error->type + "/" + d.error->code : "");
  for (const Finish& finish : d.finishes) out += " " + finish.reason;
  for (const ToolCallState& call : calls) {
    out += " [" + call.id + " " + call.name + " " + std::to_string(call.arguments_bytes) +
           (call.arguments_whole() ? " whole]" : "]");
  }
  return out;
}

// No split of a document changes what it says, and a cut one says nothing.
inline void check_splits(std::unique_ptr<Dialect> (*make)(),
                         const std::vector<std::string>& events) {
  Reading whole(make());
  std::vector<std::string> said;
  for (const std::string& json : events) {
    const Delta& delta = whole.event(json);
    said.push_back(summary(delta, whole.calls()));
  }
  for (std::size_t at = 0; at < events.size(); ++at) {
    for (std::size_t split = 0; split <= events[at].size(); ++split) {
      Reading reading(make());
      for (std::size_t i = 0; i < events.size(); ++i) {
        INFO("event ", at, " at ", split, ", looking at ", i);
        if (i == at) reading.cut(events[i], split / 2);  // an attempt that came to nothing
        const Delta& delta = reading.document(events[i], DocumentKind::event, i == at ? split : 0);
        REQUIRE(summary(delta, reading.calls()) == said[i]);
      }
    }
  }
}

}  // namespace llmrec::dialect
