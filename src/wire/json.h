// JSON (RFC 8259) read as it comes; values at chosen paths are reported, the rest is only checked.
// Boost.JSON's parser under a small path matcher: nothing is built, strings pass through in parts.
// Knows no provider. JsonPaths is immutable and shared; a JsonReader has one owner and one thread.
// Lenient where real servers need it: invalid UTF-8 passes, an escaped lone surrogate (a server
// that cuts text between the halves of an emoji) reads as U+FFFD, in keys too.
// Memory: no allocation but the parser's small stack, which reset() keeps.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/limits.h"

namespace llmrec::wire {

// "usage.prompt_tokens", "choices[]" (each element), "choices[].delta.content", "" (the root),
// "[].id" (root array), "a.*" (any key of a that no other path names). Several paths may share a
// slot; of two equal paths the later one wins.
struct JsonPath {
  std::string_view path;
  std::uint16_t slot;
};

class JsonPaths {
 public:
  explicit JsonPaths(std::span<const JsonPath> paths);

 private:
  friend class JsonReader;
  friend struct JsonMatcher;
  static constexpr std::uint16_t kNone = 0xffff;

  struct Node {
    std::uint64_t key_sizes = 0;  // bit n-1: some key of n octets leads on; a cheap first test
    std::uint16_t slot = kNone;
    std::uint16_t element = kNone;  // "[]"
    std::uint16_t any_key = kNone;  // "*"
    std::uint16_t first_key = 0;    // in keys_
    std::uint16_t key_count = 0;
  };
  struct Key {
    std::uint32_t at;  // in text_
    std::uint16_t size;
    std::uint16_t node;
  };

  std::uint16_t add_key(std::uint16_t node, Bytes key);
  void add(const JsonPath& path);
  std::uint16_t find(const Node& node, Bytes key) const;

  std::vector<Node> nodes_;  // the first is the root
  std::vector<Key> keys_;    // of one node side by side
  std::string text_;
};

// All default to nothing. Must not throw and must not touch the reader.
class JsonSink {
 public:
  virtual ~JsonSink() = default;
  // An object or array begins at a named path; `position` is its index in the array around it.
  virtual void on_enter(std::uint16_t /*slot*/, std::uint32_t /*position*/) {}
  virtual void on_leave(std::uint16_t /*slot*/) {}
  // Unescaped, in parts that may cut a UTF-8 sequence; the last part may be empty. Of a text that
  // turns bad inside a string, how much of that string was told depends on how it was fed.
  virtual void on_string(std::uint16_t /*slot*/, Bytes /*part*/, bool /*last*/) {}
  virtual void on_int(std::uint16_t /*slot*/, std::int64_t) {}
  // A fraction, an exponent, or an integer beyond int64. Finite; an overflow is the largest double.
  virtual void on_double(std::uint16_t /*slot*/, double) {}
  virtual void on_bool(std::uint16_t /*slot*/, bool) {}
  virtual void on_null(std::uint16_t /*slot*/) {}
  // "*" paths only, before the value: the key, cut at limits::kJsonKeyMax.
  virtual void on_key(std::uint16_t /*slot*/, Bytes /*key*/) {}
};

enum class JsonState {
  more,      // so far so good
  done,      // one whole text; white space may follow
  bad,       // not JSON, or no memory
  too_deep,  // over limits::kJsonDepthMax
};

class JsonReader {
 public:
  // Both must outlive the reader. May throw bad_alloc.
  JsonReader(const JsonPaths& paths, JsonSink& sink);
  ~JsonReader();
  JsonReader(const JsonReader&) = delete;
  JsonReader& operator=(const JsonReader&) = delete;

  JsonState feed(Bytes octets) noexcept;  // after bad or too_deep everything is ignored
  JsonState finish() noexcept;            // no more octets: done, or bad (also for an empty text)
  void reset() noexcept;                  // a new text, same paths
  void reset(const JsonPaths& paths) noexcept;
  JsonState state() const { return state_; }
  bool empty() const { return empty_; }  // only white space so far

 private:
  struct Parser;

  void write(Bytes octets, bool more) noexcept;
  std::size_t resume_escape(Bytes octets) noexcept;
  void feed_escapes(Bytes octets) noexcept;

  std::unique_ptr<Parser> parser_;
  char held_[12];  // an escape that could be half of a surrogate pair, until it is decided
  std::uint8_t held_size_ = 0;
  JsonState state_ = JsonState::more;
  bool empty_ = true;
};

}  // namespace llmrec::wire
