#include "relay/body_walk.h"

#include <algorithm>

#include "base/limits.h"

namespace llmrec::relay {
namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char l = ascii_lower(c);
  return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

}  // namespace

void BodyWalk::begin_length(std::uint64_t octets) {
  left_ = octets;
  state_ = octets == 0 ? State::done : State::length;
}

void BodyWalk::begin_chunked() {
  left_ = 0;
  digits_ = 0;
  line_ = 0;
  state_ = State::size;
}

std::size_t BodyWalk::feed(Bytes octets) {
  std::size_t used = 0;
  while (used < octets.size() && state_ != State::done && state_ != State::broken) {
    if (state_ == State::length || state_ == State::data) {
      const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(left_, octets.size() - used));
      used += n;
      left_ -= n;
      if (left_ == 0) state_ = state_ == State::length ? State::done : State::data_cr;
      continue;
    }
    state_ = take(octets[used]);
    if (state_ != State::broken) ++used;
  }
  return used;
}

BodyWalk::State BodyWalk::take(char c) {
  switch (state_) {
    case State::size: {
      const int value = hex_value(c);
      if (value >= 0) {
        if (++digits_ > 16) return State::broken;
        left_ = left_ * 16 + static_cast<std::uint64_t>(value);
        return State::size;
      }
      if (digits_ == 0) return State::broken;
      if (c == '\r') return State::size_lf;
      return c == ';' || c == ' ' || c == '\t' ? State::extension : State::broken;
    }
    case State::extension:
      if (c == '\r') return State::size_lf;
      return c == '\n' || c == '\0' || ++line_ > limits::kHttpHeadMax ? State::broken
                                                                      : State::extension;
    case State::size_lf:
      if (c != '\n') return State::broken;
      digits_ = 0;
      return left_ == 0 ? State::trailer_begin : State::data;
    case State::data_cr:
      return c == '\r' ? State::data_lf : State::broken;
    case State::data_lf:
      return c == '\n' ? State::size : State::broken;
    case State::trailer_begin:
      if (c == '\r') return State::last_lf;
      [[fallthrough]];
    case State::trailer:
      if (c == '\r') return State::trailer_lf;
      return c == '\n' || c == '\0' || ++line_ > limits::kHttpHeadMax ? State::broken
                                                                      : State::trailer;
    case State::trailer_lf:
      return c == '\n' ? State::trailer_begin : State::broken;
    case State::last_lf:
      return c == '\n' ? State::done : State::broken;
    default:
      return State::broken;
  }
}

}  // namespace llmrec::relay
