#include "support/http_reader.h"

#include <algorithm>
#include <charconv>

namespace llmrec::support {
namespace {

Bytes trim(Bytes s) {
  while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) s.remove_prefix(1);
  while (!s.empty() && (s.back() == ' ' || s.back() == '\t')) s.remove_suffix(1);
  return s;
}

bool list_has(Bytes list, Bytes token) {
  while (!list.empty()) {
    const auto comma = list.find(',');
    if (equals_ignoring_case(trim(list.substr(0, comma)), token)) return true;
    if (comma == Bytes::npos) return false;
    list.remove_prefix(comma + 1);
  }
  return false;
}

bool parse_number(Bytes text, int base, std::uint64_t& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out, base);
  return !text.empty() && error == std::errc{} && end == text.data() + text.size();
}

}  // namespace

std::string HttpMessage::header(Bytes name) const {
  for (const auto& [key, value] : headers) {
    if (equals_ignoring_case(key, name)) return value;
  }
  return {};
}

bool HttpMessage::has_header(Bytes name) const {
  return std::any_of(headers.begin(), headers.end(),
                     [&](const auto& h) { return equals_ignoring_case(h.first, name); });
}

bool HttpMessage::keeps_alive() const {
  if (list_has(header("connection"), "close")) return false;
  return version != "HTTP/1.0" || list_has(header("connection"), "keep-alive");
}

void HttpReader::feed(Bytes bytes) {
  if (broken()) return;
  buffer_.append(bytes);
  while (!broken() && step()) continue;
}

void HttpReader::end() {
  if (!broken() && state_ == State::until_close) finish();
}

bool HttpReader::fail(std::string why) {
  why_ = std::move(why);
  return false;
}

// False: more bytes are needed, or the stream is broken.
bool HttpReader::step() {
  switch (state_) {
    case State::head:
      return read_head();
    case State::length:
      take_body(left_);
      if (left_ > 0) return false;
      finish();
      return true;
    case State::chunk_size:
      return read_chunk_size();
    case State::chunk_data:
      take_body(left_);
      if (left_ > 0) return false;
      state_ = State::chunk_end;
      return true;
    case State::chunk_end: {
      const auto line = take_line();
      if (!line) return false;
      if (!line->empty()) return fail("a chunk is longer than its size");
      state_ = State::chunk_size;
      return true;
    }
    case State::trailers:
      return read_trailer();
    case State::until_close:
      take_body(~0ULL);
      return false;
  }
  return false;
}

bool HttpReader::read_head() {
  // RFC 9112 §2.2: a blank line before a request line is skipped.
  if (kind_ == Kind::request && buffer_.starts_with("\r\n")) buffer_.erase(0, 2);
  const auto end = buffer_.find("\r\n\r\n");
  if (end == std::string::npos) {
    return buffer_.size() > kHeadCap ? fail("the head is too long") : false;
  }
  message_ = {};
  digest_ = {};
  message_.head = buffer_.substr(0, end + 4);
  buffer_.erase(0, end + 4);
  return parse_head() && choose_framing();
}

bool HttpReader::parse_head() {
  Bytes rest(message_.head);
  const auto next_line = [&rest] {
    const auto end = rest.find("\r\n");
    const Bytes line = rest.substr(0, end);
    rest.remove_prefix(end + 2);
    return line;
  };
  message_.start_line = next_line();
  const Bytes start(message_.start_line);
  const auto first = start.find(' ');
  const auto second = first == Bytes::npos ? first : start.find(' ', first + 1);
  if (first == Bytes::npos) return fail("bad start line");
  if (kind_ == Kind::request) {
    if (second == Bytes::npos) return fail("bad request line");
    message_.method = start.substr(0, first);
    message_.target = start.substr(first + 1, second - first - 1);
    message_.version = start.substr(second + 1);
  } else {
    std::uint64_t status = 0;
    if (!parse_number(start.substr(first + 1, 3), 10, status)) return fail("bad status line");
    message_.status = static_cast<int>(status);
    message_.version = start.substr(0, first);
  }
  if (message_.version != "HTTP/1.1" && message_.version != "HTTP/1.0") return fail("bad version");
  for (Bytes line = next_line(); !line.empty(); line = next_line()) {
    const auto colon = line.find(':');
    if (colon == Bytes::npos || colon == 0) return fail("a header line without a name");
    message_.headers.emplace_back(line.substr(0, colon), trim(line.substr(colon + 1)));
  }
  return true;
}

// RFC 9112 §6.3.
bool HttpReader::choose_framing() {
  in_body_ = true;
  bool never_a_body = false;
  if (kind_ == Kind::response) {
    const bool interim = message_.status >= 100 && message_.status < 200;
    std::string method;
    if (!interim && !methods_.empty()) {
      method = methods_.front();
      methods_.pop_front();
    }
    never_a_body = interim || message_.status == 204 || message_.status == 304 || method == "HEAD";
  }
  using Framing = HttpMessage::Framing;
  if (never_a_body) {
    finish();
  } else if (list_has(message_.header("transfer-encoding"), "chunked")) {
    message_.framing = Framing::chunked;
    state_ = State::chunk_size;
  } else if (message_.has_header("content-length")) {
    message_.framing = Framing::length;
    if (!parse_number(message_.header("content-length"), 10, left_)) {
      return fail("bad content-length");
    }
    state_ = State::length;
  } else if (kind_ == Kind::request) {
    finish();
  } else {
    message_.framing = Framing::until_close;
    state_ = State::until_close;
  }
  return true;
}

bool HttpReader::read_chunk_size() {
  const auto line = take_line();
  if (!line) return false;
  const Bytes size = trim(Bytes(*line).substr(0, line->find(';')));
  if (!parse_number(size, 16, left_)) return fail("bad chunk size");
  if (left_ > 0 && message_.chunk_sizes.size() < kChunkSizesCap) {
    message_.chunk_sizes.push_back(left_);
  }
  state_ = left_ == 0 ? State::trailers : State::chunk_data;
  return true;
}

bool HttpReader::read_trailer() {
  const auto line = take_line();
  if (!line) return false;
  if (line->empty()) {
    finish();
  } else {
    message_.trailers += *line + "\r\n";
  }
  return true;
}

std::optional<std::string> HttpReader::take_line() {
  const auto end = buffer_.find("\r\n");
  if (end == std::string::npos) {
    if (buffer_.size() > kHeadCap) fail("a line is too long");
    return std::nullopt;
  }
  std::string line = buffer_.substr(0, end);
  buffer_.erase(0, end + 2);
  return line;
}

void HttpReader::take_body(std::uint64_t most) {
  const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(most, buffer_.size()));
  const Bytes piece = Bytes(buffer_).substr(0, n);
  digest_.update(piece);
  message_.body_bytes += n;
  const auto room = body_cap_ - std::min(body_cap_, message_.body.size());
  message_.body.append(piece.substr(0, room));
  buffer_.erase(0, n);
  left_ -= std::min<std::uint64_t>(left_, n);
}

void HttpReader::finish() {
  message_.body_sha256 = digest_.hex();
  message_.complete = true;
  ready_.push_back(std::move(message_));
  message_ = {};
  in_body_ = false;
  state_ = State::head;
}

ParsedHttp parse_http(HttpReader::Kind kind, Bytes bytes, bool ended,
                      std::vector<std::string> methods) {
  HttpReader reader(kind);
  for (auto& method : methods) reader.expect(std::move(method));
  reader.feed(bytes);
  if (ended) reader.end();
  ParsedHttp out;
  out.whole = reader.idle() && !reader.broken();
  out.messages.assign(reader.ready().begin(), reader.ready().end());
  if (reader.current() != nullptr) out.messages.push_back(*reader.current());
  out.broken = reader.why();
  return out;
}

}  // namespace llmrec::support
