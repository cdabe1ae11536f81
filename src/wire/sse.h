// An event stream cut into events, to the letter of WHATWG HTML §9.2.6 "Interpreting an event
// stream", with two differences that a recorder needs: octets of data are handed on as they come
// (nothing is buffered, so no event is too large), and lines that no field claims are handed on
// too, because llama.cpp and Google put errors there.
// Knows no JSON and no provider. Owned by one message body; one thread.
// The event name is kept, cut at limits::kSseEventNameMax, because `event:` may follow `data:`.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "base/limits.h"

namespace llmrec::wire {

struct SseEvent {
  Bytes name;                    // "" is "message"; cut; valid during the call
  std::uint64_t data_bytes = 0;  // octets of the data, line joins counted
};

// Callbacks must not throw and must not touch the tokenizer.
class SseHandler {
 public:
  virtual ~SseHandler() = default;
  // Octets of the data buffer as they come. "\n" between two data lines comes by itself.
  virtual void on_data(Bytes part) = 0;
  virtual void on_event(const SseEvent&) = 0;  // a blank line after at least one data line
  virtual void on_discard() {}                 // a blank line after a name without a data line
  virtual void on_comment() {}                 // at the end of the line
  // A line that is no known field: the whole line in parts, then its end.
  virtual void on_other(Bytes /*part*/) {}
  virtual void on_other_end() {}
};

struct SseCounters {
  std::uint64_t events = 0;
  std::uint64_t discards = 0;
  std::uint64_t comments = 0;
  std::uint64_t others = 0;
  std::uint64_t ids = 0;
  std::uint64_t retries = 0;  // whole numbers only, as the standard wants
  bool bom = false;
  bool lf = false, crlf = false, cr = false;  // line ends seen
};

class SseTokenizer {
 public:
  void feed(Bytes octets, SseHandler& handler);

  // End of the body; a last line without its end counts as a line. True: the last event had data
  // lines but no blank line. It was NOT dispatched; tail() describes it.
  bool finish(SseHandler& handler);
  SseEvent tail() const { return {name(), data_bytes_}; }

  const SseCounters& counters() const { return counters_; }
  bool has_last_event_id() const { return has_id_; }  // a client could resume the stream
  bool in_event() const { return data_lines_; }       // data seen that is not yet dispatched
  void reset() { *this = SseTokenizer(); }

 private:
  enum class Line : std::uint8_t { start, data, event, id, retry, comment, other };

  Bytes name() const { return {name_.data(), name_size_}; }
  const char* skip_bom(const char* p, const char* end, SseHandler& handler);
  void feed_lines(const char* p, const char* end, SseHandler& handler);
  const char* begin_line(const char* p, const char* end, SseHandler& handler);
  void begin_field(SseHandler& handler, bool colon);
  void begin_other(SseHandler& handler);
  void begin_data(SseHandler& handler);
  void take(Bytes part, SseHandler& handler);
  void end_line(SseHandler& handler);
  void end_event(SseHandler& handler);

  SseCounters counters_;
  std::uint64_t data_bytes_ = 0;
  std::array<char, limits::kSseEventNameMax> name_{};
  std::array<char, 5> prefix_{};  // the line so far while it could still be a known field
  std::uint8_t prefix_size_ = 0;
  std::uint8_t name_size_ = 0;
  std::uint8_t bom_matched_ = 0;  // octets of the mark matched; kBomDone: no longer looked for
  Line line_ = Line::start;
  bool first_space_ = false;  // behind the colon: one space is not part of the value
  bool after_cr_ = false;     // an LF now belongs to the CR before it
  bool data_lines_ = false;
  bool has_id_ = false;
  bool value_bad_ = false;  // id: holds NUL; retry: holds a non-digit
  bool value_empty_ = true;
};

}  // namespace llmrec::wire
