#include "relay/proxy_answer.h"

#include "base/limits.h"

namespace llmrec::relay {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// "HTTP/1.1 200 OK", "HTTP/1.0 200"; 0 where it is nothing of the kind.
int status_of(Bytes line) {
  if (line.size() < 12 || !line.starts_with("HTTP/1.") || !is_digit(line[7]) || line[8] != ' ') {
    return 0;
  }
  if (line.size() > 12 && line[12] != ' ') return 0;
  int status = 0;
  for (const char c : line.substr(9, 3)) {
    if (!is_digit(c)) return 0;
    status = status * 10 + (c - '0');
  }
  return status >= 100 && status < 600 ? status : 0;
}

}  // namespace

ProxyAnswer::State ProxyAnswer::feed(Bytes octets, std::size_t& consumed) {
  consumed = 0;
  while (state_ == State::need_more && consumed < octets.size()) {
    state_ = take(octets[consumed++]);
  }
  return state_;
}

ProxyAnswer::State ProxyAnswer::take(char c) {
  if (++octets_ > limits::kConnectHeadOctets) return State::malformed;
  if (c != '\n') {
    line_ += c;
    return State::need_more;
  }
  // Bare LF is taken: whoever reads a proxy's answer more strictly than the clients do cuts people
  // off.
  if (line_.ends_with('\r')) line_.pop_back();
  const std::string line = std::move(line_);
  line_.clear();
  if (!has_status_) {
    status_ = status_of(line);
    has_status_ = true;
    return status_ == 0 ? State::malformed : State::need_more;
  }
  if (!line.empty()) return State::need_more;
  has_status_ = false;
  if (status_ < 200) return State::need_more;
  return status_ < 300 ? State::granted : State::refused;
}

}  // namespace llmrec::relay
