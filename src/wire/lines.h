// Newline-delimited JSON (application/x-ndjson) cut into its lines as it comes: Ollama, Cohere v1.
// A line ends with LF or CRLF. Lines of white space alone are skipped, and white space before the
// first other octet of a line is dropped. Nothing is kept, so no line is too long.
// Owned by one message body; one thread; no allocation.
#pragma once

#include <cstdint>

#include "base/bytes.h"

namespace llmrec::wire {

// Callbacks must not throw and must not touch the splitter.
class LineHandler {
 public:
  virtual ~LineHandler() = default;
  virtual void on_line(Bytes part) = 0;  // never empty
  virtual void on_line_end() = 0;
};

class LineSplitter {
 public:
  void feed(Bytes octets, LineHandler& handler);
  // End of the body. True: the last line had no end; on_line_end() was NOT called for it.
  bool finish(LineHandler& handler);
  bool in_line() const { return in_line_; }
  std::uint64_t lines() const { return lines_; }  // with their end
  void reset() { *this = LineSplitter(); }

 private:
  void take(Bytes part, LineHandler& handler);

  std::uint64_t lines_ = 0;
  bool in_line_ = false;  // an octet that is no white space came
  bool held_cr_ = false;  // an LF now makes it part of the line's end
};

}  // namespace llmrec::wire
