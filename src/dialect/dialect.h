// What a provider's wire protocol looks like to the tap: one file per dialect, one line in
// dialect/meson.build. A dialect is told the values at the JSON paths that it names, fills a Delta,
// and keeps a few words of state. It has no clock, keeps no text, and knows nothing of HTTP
// framing. One object per exchange; owned by the tap; not thread safe.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "dialect/delta.h"
#include "dialect/provider.h"
#include "dialect/tool_calls.h"
#include "record/record.h"
#include "wire/json.h"

namespace llmrec::dialect {

// What the request asked for, from its target and its body.
struct Asked {
  std::string model;
  std::optional<bool> stream;
  record::Count message_count;
  record::Count tool_count;
  record::Count max_output_tokens;
  std::optional<bool> usage_requested;
  std::uint64_t text_chars = 0;        // code points of prompt text, for the estimate of tokens
  std::uint64_t attachment_bytes = 0;  // inline images, audio and files, as they stand in the JSON
  std::vector<std::string> tool_result_ids;
};

// The terminal signals that a complete stream carries.
struct Owes {
  bool finish = true;
  bool done = false;   // the dialect's own marker, from this provider
  bool usage = false;  // asked for, or always sent
};

// What a document is. Some providers repeat the whole text in every event, in the place where a
// whole answer has it.
enum class DocumentKind : std::uint8_t { event, answer, error_body };

// How the events of a stream come.
enum class Framing : std::uint8_t {
  sse,           // WHATWG event stream
  ndjson,        // one JSON text per line
  json_array,    // one JSON array, an element per event
  event_stream,  // application/vnd.amazon.eventstream; `event` is :event-type or :exception-type
};

class Dialect : public wire::JsonSink {
 public:
  virtual std::string_view name() const = 0;       // "openai.chat"
  virtual std::string_view operation() const = 0;  // "chat.completions"

  // The request's body. Values arrive at a sink of its own, and land in `asked`.
  virtual const wire::JsonPaths& request_paths() const = 0;
  virtual std::unique_ptr<wire::JsonSink> request_sink(Asked& asked) const = 0;

  // The answer. The same paths serve events of a stream, whole answers and error bodies.
  virtual const wire::JsonPaths& answer_paths() const = 0;
  // Of a stream whose head does not say.
  virtual Framing framing() const { return Framing::sse; }
  // `data: [DONE]` means the end here. Elsewhere it is counted and means nothing.
  virtual bool done_sentinel() const { return false; }
  // False: documents are counted, not read.
  virtual bool knows_content() const { return true; }
  // Of a dialect that does not know the content: the name of the one that it turned out to be.
  virtual std::string_view recognised() const { return {}; }
  virtual Owes owes(const Provider&, const Asked&) const = 0;
  // input includes cached input and cache writes, output includes reasoning (usage, not
  // usage_reported).
  virtual record::Usage comparable(const Provider&, const record::Usage& reported) const = 0;

  // The document is whole. `event` is the name of the SSE event, "" where there is none.
  const Delta& end_document(Bytes event) {
    finish_document(event);
    delta_.tool_piece = delta_.tool_piece || tools_.staged();
    tools_.commit();
    return delta_;
  }
  void begin_document(DocumentKind kind) {
    delta_.clear();
    tools_.discard();
    kind_ = kind;
    start_document();
  }

  // Virtual for a dialect that wraps another one.
  virtual const ToolCalls& tools() const { return tools_; }
  // A finish reason came that says the calls of this answer are all there.
  virtual void end_tool_calls() { tools_.end_all(); }

 protected:
  virtual void start_document() {}
  virtual void finish_document(Bytes event) = 0;

  DocumentKind kind_ = DocumentKind::event;
  Delta delta_;
  ToolCalls tools_;
};

// The request as far as its head tells.
struct Target {
  Bytes method;
  Bytes host;  // lower case, without port
  Bytes path;  // without query
  Bytes query;
  Bytes content_type;
};

// One entry per dialect; the first that claims a request gets it.
struct Entry {
  std::string_view name;
  bool (*claims)(const Target&);
  std::unique_ptr<Dialect> (*make)(const Target&);
};

const std::vector<Entry>& registry();
// The dialect of a request; never null: what nobody claims is `unknown`.
std::unique_ptr<Dialect> choose(const Target&);
// By name, for `--record HOST=DIALECT`; null where there is none of that name.
std::unique_ptr<Dialect> make_by_name(std::string_view name, const Target&);

// The class of a raw finish reason (dialects.md's normal form). none: unknown words.
record::FinishClass finish_class(std::string_view reason);

}  // namespace llmrec::dialect
