// The body of an event stream without its usage chunk. HTTP's framing stays as it was but for the
// chunks that held the one: a chunk is held until it is whole and decided, so that its size can
// still be changed. Where the size was said long before (Content-Length, or a chunk larger than
// limits::kEditHeldOctets) the usage chunk becomes a comment of the same length instead, which
// readers of event streams skip (WHATWG HTML §9.2.6).
// Pure; one thread. The octets that come out do not depend on how the input is cut.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>

#include "base/bytes.h"
#include "edit/cutter.h"
#include "edit/usage_frame.h"

namespace llmrec::edit {

class StreamEdit {
 public:
  explicit StreamEdit(Body body) : body_(body) {}

  // Pieces of a Cutter; what can go on is appended to `out`.
  void piece(const Cutter::Piece& piece, std::string& out);
  // No more pieces, whether the body was whole or not: nothing is held any longer.
  void finish(std::string& out);

  enum class Did : std::uint8_t { nothing, dropped, blanked };
  Did did() const { return did_; }

 private:
  struct Chunk {
    std::string line;
    std::string data;
    std::string end;
    std::uint64_t begin = 0;      // offset of data[0] in the body
    std::uint64_t announced = 0;  // by its line
    std::uint64_t original = 0;   // octets of data that came
    bool rigid = false;           // its size stands: what is decided goes on at once
    bool closed = false;
  };

  Chunk& at_hand();
  void apply();
  void remove(const Range&);
  void blank(const Range&);
  void emit(std::string& out);
  static void emit_whole(Chunk&, std::string& out);

  Body body_;
  UsageFrame usage_;
  std::deque<Chunk> chunks_;
  std::uint64_t at_ = 0;
  Did did_ = Did::nothing;
};

}  // namespace llmrec::edit
