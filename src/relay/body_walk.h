// Where the body of a request ends (RFC 9112 §6, §7.1): by its length or by its chunks. Counts
// octets and keeps none. Strict: a chunk that breaks the rules is an error, never a guess.
// Does not know heads. Owner: a RequestRewriter. Pure; one thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bytes.h"

namespace llmrec::relay {

class BodyWalk {
 public:
  void begin_length(std::uint64_t octets);  // 0: no body
  void begin_chunked();

  // How many of these octets belong to the body. Fewer than given: done() or broken().
  std::size_t feed(Bytes octets);
  bool done() const { return state_ == State::done; }
  bool broken() const { return state_ == State::broken; }

 private:
  enum class State : std::uint8_t {
    done,
    length,
    size,  // hexadecimal digits
    extension,
    size_lf,
    data,
    data_cr,
    data_lf,
    trailer_begin,
    trailer,
    trailer_lf,
    last_lf,
    broken,
  };
  State take(char c);

  State state_ = State::done;
  std::uint64_t left_ = 0;
  unsigned digits_ = 0;
  std::size_t line_ = 0;  // octets of extensions and trailers
};

}  // namespace llmrec::relay
