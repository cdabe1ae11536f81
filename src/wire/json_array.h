// One JSON array (RFC 8259) cut into its elements as it comes: the stream of Gemini without
// `alt=sse`. Only the outermost commas and brackets are looked at; whether an element is JSON is
// its reader's question. White space and commas between elements are dropped.
// Nothing is kept. Owned by one message body; one thread; no allocation.
#pragma once

#include <cstdint>

#include "base/bytes.h"

namespace llmrec::wire {

// Callbacks must not throw and must not touch the splitter.
class JsonArrayHandler {
 public:
  virtual ~JsonArrayHandler() = default;
  virtual void on_element_begin() = 0;
  virtual void on_element(Bytes part) = 0;  // never empty
  // An object, array or string ends with its last octet, so that it is known when it is there; a
  // number or a word ends with what follows it.
  virtual void on_element_end() = 0;
};

class JsonArraySplitter {
 public:
  enum class State : std::uint8_t {
    more,
    done,  // the array is closed
    bad,   // no array, or more behind it than white space; the rest is ignored
  };

  State feed(Bytes octets, JsonArrayHandler& handler);
  State state() const {
    if (part_ == Part::bad) return State::bad;
    return part_ == Part::after ? State::done : State::more;
  }
  bool in_element() const { return part_ == Part::element || part_ == Part::bare; }
  std::uint64_t elements() const { return elements_; }  // whole ones
  void reset() { *this = JsonArraySplitter(); }

 private:
  enum class Part : std::uint8_t {
    before,         // '[' must come
    first_or_end,   // an element or ']'
    element_start,  // an element, behind a comma
    element,        // inside an object, array or string
    bare,           // inside a number or a word
    behind,         // ',' or ']'
    after,
    bad,
  };

  const char* take_element(const char* p, const char* end, JsonArrayHandler& handler);
  const char* take_bare(const char* p, const char* end, JsonArrayHandler& handler);
  void take_structure(char c, JsonArrayHandler& handler);
  void end_element(JsonArrayHandler& handler);

  std::uint64_t elements_ = 0;
  std::uint64_t depth_ = 0;  // open objects and arrays of the element
  bool string_ = false;
  bool escape_ = false;
  Part part_ = Part::before;
};

}  // namespace llmrec::wire
