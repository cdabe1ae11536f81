#include "edit/cutter.h"

#include <algorithm>
#include <utility>

#include "base/limits.h"

namespace llmrec::edit {
namespace {

constexpr std::string_view kHeadEnd = "\r\n\r\n";

// nullopt: no size by the letter.
bool read_size(std::string_view line, std::uint64_t& size) {
  std::size_t digits = 0;
  size = 0;
  for (; digits < line.size(); ++digits) {
    const char c = ascii_lower(line[digits]);
    const bool digit = c >= '0' && c <= '9';
    if (!digit && !(c >= 'a' && c <= 'f')) break;
    if (digits == 16) return false;
    size = size * 16 + static_cast<std::uint64_t>(digit ? c - '0' : c - 'a' + 10);
  }
  if (digits == 0 || !line.ends_with("\r\n")) return false;
  const std::string_view rest = line.substr(digits, line.size() - digits - 2);
  if (!rest.empty() && rest.front() != ';' && rest.front() != ' ' && rest.front() != '\t') {
    return false;
  }
  return rest.find('\r') == std::string_view::npos && rest.find('\0') == std::string_view::npos;
}

}  // namespace

void Cutter::follow(Body body, std::uint64_t length) {
  left_ = length;
  switch (body) {
    case Body::none:
      state_ = State::end;
      break;
    case Body::length:
      state_ = length == 0 ? State::end : State::length;
      break;
    case Body::chunked:
      state_ = State::chunk_line;
      break;
    case Body::until_close:
      state_ = State::until_close;
      break;
  }
}

Cutter::Piece Cutter::next(Bytes& input) {
  out_.clear();
  switch (state_) {
    case State::head:
      if (line_.empty() && !input.empty() && (input[0] == '\r' || input[0] == '\n')) {
        const Bytes blank =
            input.substr(0, std::min(input.find_first_not_of("\r\n"), input.size()));
        input.remove_prefix(blank.size());
        return {What::blank, blank, 0};
      }
      if (!collect_head(input)) return {};
      return Bytes(line_).ends_with(kHeadEnd) ? whole(What::head) : broken(input);
    case State::length:
      return data(input, State::end);
    case State::chunk_line:
      if (!collect_line(input)) return {};
      return chunk_line();
    case State::chunk_data:
      return data(input, State::chunk_end);
    case State::chunk_end:
      if (!collect_line(input)) return {};
      if (line_ != "\r\n") return broken(input);
      state_ = State::chunk_line;
      return whole(What::chunk_end);
    case State::trailer:
      return trailer(input);
    case State::end:
      state_ = State::head;
      return {What::end, {}, 0};
    case State::until_close:
      if (input.empty()) return {};
      return {What::data, std::exchange(input, {}), 0};
    case State::opaque:
      if (!line_.empty()) return whole(What::opaque);
      if (input.empty()) return {};
      return {What::opaque, std::exchange(input, {}), 0};
  }
  return {};
}

Cutter::Piece Cutter::whole(What what) {
  out_.swap(line_);
  line_.clear();
  return {what, out_, 0};
}

Cutter::Piece Cutter::broken(Bytes& input) {
  state_ = State::opaque;
  return next(input);
}

// True: it is whole, or cannot become so.
bool Cutter::collect_head(Bytes& input) {
  while (!input.empty()) {
    const char c = input.front();
    line_ += c;
    input.remove_prefix(1);
    if (c != '\n') {
      if (line_.size() == limits::kHttpHeadMax) return true;
      continue;
    }
    const bool behind_cr = line_.size() > 1 && line_[line_.size() - 2] == '\r';
    if (!behind_cr || Bytes(line_).ends_with(kHeadEnd)) return true;
  }
  return false;
}

bool Cutter::collect_line(Bytes& input) {
  while (!input.empty()) {
    const char c = input.front();
    line_ += c;
    input.remove_prefix(1);
    if (c == '\n' || line_.size() == limits::kHttpHeadMax) return true;
    // Anything but CRLF behind a chunk's data is wrong at once.
    if (state_ == State::chunk_end && (line_.size() == 2 || c != '\r')) return true;
  }
  return false;
}

Cutter::Piece Cutter::chunk_line() {
  Bytes nothing;
  std::uint64_t size = 0;
  if (!read_size(line_, size)) return broken(nothing);
  left_ = size;
  in_line_ = 0;
  state_ = size == 0 ? State::trailer : State::chunk_data;
  Piece piece = whole(size == 0 ? What::trailer : What::chunk_line);
  piece.size = size;
  return piece;
}

Cutter::Piece Cutter::data(Bytes& input, State behind) {
  if (input.empty()) return {};
  const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(left_, input.size()));
  left_ -= n;
  if (left_ == 0) state_ = behind;
  const Bytes octets = input.substr(0, n);
  input.remove_prefix(n);
  return {What::data, octets, 0};
}

// Up to the end of an empty line.
Cutter::Piece Cutter::trailer(Bytes& input) {
  std::size_t n = 0;
  while (n < input.size()) {
    const char c = input[n++];
    if (c != '\n') {
      if (c != '\r') ++in_line_;
      continue;
    }
    if (in_line_ == 0) {
      state_ = State::end;
      break;
    }
    in_line_ = 0;
  }
  if (n == 0) return {};
  const Bytes octets = input.substr(0, n);
  input.remove_prefix(n);
  return {What::trailer, octets, 0};
}

}  // namespace llmrec::edit
