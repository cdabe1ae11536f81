// Is this one whole JSON text (RFC 8259)? Asked of the arguments of a tool call, which come in
// pieces and are nobody's to keep: nothing of the content is stored.
// Strings are not checked for UTF-8 or paired surrogates, as wire/json does not.
// A trivially copyable value; its owner is the tool call. One thread.
#pragma once

#include <cstdint>
#include <type_traits>

#include "base/bytes.h"

namespace llmrec::wire {

class JsonShape {
 public:
  void feed(Bytes octets);  // nothing is looked at once invalid()

  // One valid value so far, and nothing but white space behind it. A bare number counts: only the
  // end of the input can end it.
  bool complete() const;
  bool invalid() const { return state_ == State::invalid; }
  bool too_deep() const { return too_deep_; }  // invalid() because of limits::kJsonDepthMax
  bool empty() const { return empty_; }        // only white space so far
  int depth() const { return depth_; }         // open objects and arrays
  bool in_string() const;                      // inside a string value or key

 private:
  enum class State : std::uint8_t {
    value,         // a value must come
    value_or_end,  // just inside '['
    key_or_end,    // just inside '{'
    key,           // behind ',' in an object
    colon,
    after_value,  // ',' or the closing bracket
    string,
    escape,
    hex,      // of \uXXXX, hex_left_ to come
    literal,  // true, false, null: literal_ and literal_at_
    minus,
    zero,
    digits,
    point,
    fraction,
    exponent,
    exponent_sign,
    exponent_digits,
    invalid,
  };

  const char* feed_string(const char* p, const char* end);
  const char* feed_number(const char* p, const char* end);
  void feed_structure(char c);
  void begin_value(char c);
  void open(bool object);
  void close(bool object);
  bool in_object() const { return (objects_[(depth_ - 1) / 64] >> ((depth_ - 1) % 64) & 1U) != 0; }

  std::uint64_t objects_[2] = {0, 0};  // bit d: the container at depth d+1 is an object
  std::uint8_t depth_ = 0;
  State state_ = State::value;
  std::uint8_t hex_left_ = 0;
  std::uint8_t literal_ = 0;
  std::uint8_t literal_at_ = 0;
  bool key_string_ = false;  // the string at hand is a key
  bool empty_ = true;
  bool too_deep_ = false;
};

static_assert(std::is_trivially_copyable_v<JsonShape> && sizeof(JsonShape) <= 40);

}  // namespace llmrec::wire
