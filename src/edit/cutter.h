// One direction of an HTTP/1.1 connection cut into pieces: heads, octets of bodies, and what frames
// them (RFC 9112 §6, §7.1). Every octet that goes in comes out in a piece, in order. Strict; where
// the letter is broken, and where it is told so, all that follows is opaque.
// Does not read heads: whoever owns it says what follows one. Pure; one thread. The octets of the
// pieces do not depend on how the input is cut, but for the length of a piece of data.
// Memory: one head or one chunk line, at most limits::kHttpHeadMax.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "base/bytes.h"

namespace llmrec::edit {

enum class Body : std::uint8_t { none, length, chunked, until_close };

class Cutter {
 public:
  enum class What : std::uint8_t {
    more,        // nothing until more octets come
    blank,       // an empty line ahead of a head
    head,        // whole; call follow() before the next piece
    data,        // octets of the body
    chunk_line,  // whole: the size of the chunk that follows, and its line
    chunk_end,   // the CRLF behind its data, whole
    trailer,     // the last chunk's line, trailers and the empty line, as they come
    end,         // the message is over; no octets
    opaque,      // for good
  };
  struct Piece {
    What what = What::more;
    Bytes octets;            // valid until the next call
    std::uint64_t size = 0;  // chunk_line
  };
  // Takes from the front of `input`.
  Piece next(Bytes& input);
  void follow(Body body, std::uint64_t length = 0);
  void set_opaque() { state_ = State::opaque; }

  bool begun() const { return state_ == State::head && !line_.empty(); }  // a head, half of it here
  bool is_opaque() const { return state_ == State::opaque && line_.empty(); }
  // Octets that are in no piece yet.
  std::string take_held() { return std::exchange(line_, {}); }

 private:
  enum class State : std::uint8_t {
    head,
    length,
    chunk_line,
    chunk_data,
    chunk_end,
    trailer,
    end,
    until_close,
    opaque,
  };
  bool collect_head(Bytes& input);
  bool collect_line(Bytes& input);
  Piece whole(What what);
  Piece data(Bytes& input, State behind);
  Piece chunk_line();
  Piece trailer(Bytes& input);
  Piece broken(Bytes& input);

  std::string line_;  // what is collected
  std::string out_;   // the piece that was handed out
  std::uint64_t left_ = 0;
  std::size_t in_line_ = 0;  // octets of the trailer's line so far
  State state_ = State::head;
};

}  // namespace llmrec::edit
