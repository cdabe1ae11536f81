#include "relay/rewrite.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/limits.h"
#include "relay/basic_auth.h"
#include "relay/field.h"

namespace llmrec::relay {
namespace {

constexpr std::string_view kEnd = "\r\n\r\n";

}  // namespace

RequestRewriter::RequestRewriter(Kind kind, std::string host)
    : host_(std::move(host)), kind_(kind) {}

RequestRewriter::Step RequestRewriter::next(Bytes& input) {
  switch (phase_) {
    case Phase::opaque:
      if (!head_.empty()) {  // of a head that could not be edited
        edited_ = std::exchange(head_, {});
        return {Found::octets, edited_};
      }
      edited_.clear();
      if (input.empty()) return {};
      return {Found::octets, std::exchange(input, {})};
    case Phase::refused:
      return {Found::refused, {}};
    case Phase::edited:
      phase_ = Phase::body;
      return {Found::octets, edited_};
    case Phase::body: {
      if (!edited_.empty()) edited_ = {};  // an idle connection holds nothing
      if (body_.done()) {
        phase_ = Phase::head;
        return next(input);
      }
      if (input.empty()) return {};
      const std::size_t n = body_.feed(input);
      if (body_.broken() && n == 0) return broken(400, "a chunk of the body is malformed", input);
      const Bytes octets = input.substr(0, n);
      input.remove_prefix(n);
      return {Found::octets, octets};
    }
    case Phase::head:
      break;
  }
  // RFC 9112 §2.2: empty lines that are left over from the request before.
  if (head_.empty() && !input.empty() && (input[0] == '\r' || input[0] == '\n')) {
    const Bytes line = input.substr(0, std::min(input.find_first_not_of("\r\n"), input.size()));
    input.remove_prefix(line.size());
    if (kind_ == Kind::reverse) return {Found::octets, line};
    return next(input);
  }
  if (!collect(input)) return {};
  if (head_.size() >= limits::kHttpHeadMax && !head_.ends_with(kEnd)) {
    return broken(431, "the head of a request is larger than 64 KiB", input);
  }
  return head_is_whole(input);
}

// Appends up to the end of the head; true: it is whole, or it cannot become one.
bool RequestRewriter::collect(Bytes& input) {
  std::size_t used = 0;
  bool over = false;
  while (used < input.size() && !over) {
    const char c = input[used++];
    if (c == '\n') {
      const bool behind_cr = end_seen_ == 1 || end_seen_ == 3;
      over = !behind_cr || end_seen_ == 3;
      end_seen_ = 2;
    } else {
      end_seen_ = c != '\r' ? 0 : end_seen_ == 2 ? 3 : 1;
    }
    over = over || head_.size() + used >= limits::kHttpHeadMax;
  }
  head_.append(input.substr(0, used));
  input.remove_prefix(used);
  if (over) end_seen_ = 0;
  return over;
}

RequestRewriter::Step RequestRewriter::head_is_whole(Bytes& input) {
  request_ = {};
  length_.reset();
  chunked_ = host_seen_ = old_ = false;
  const std::string_view fault = edit();
  if (!fault.empty()) return broken(400, fault, input);
  if (chunked_) {
    body_.begin_chunked();
  } else {
    body_.begin_length(length_.value_or(0));
  }
  wipe_head();
  phase_ = Phase::edited;
  return {Found::request, {}};
}

RequestRewriter::Step RequestRewriter::broken(int status, std::string_view reason, Bytes& input) {
  if (kind_ == Kind::reverse) {
    phase_ = Phase::opaque;
    return next(input);
  }
  wipe_head();
  edited_ = {};
  phase_ = Phase::refused;
  status_ = status;
  reason_ = reason;
  return {Found::refused, {}};
}

std::string_view RequestRewriter::edit() {
  edited_.clear();
  edited_.reserve(head_.size() + 64);
  std::string_view rest = head_;
  bool first = true;
  std::size_t behind_request_line = 0;
  while (!rest.empty()) {
    const std::size_t end = rest.find('\n');
    if (end == 0 || rest[end - 1] != '\r') return "a line ends in LF without CR";
    const std::string_view line = rest.substr(0, end - 1);
    rest.remove_prefix(end + 1);
    if (has_control(line)) return "a control character in the head";
    if (first) {
      if (const auto fault = edit_request_line(line); !fault.empty()) return fault;
      behind_request_line = edited_.size();
      first = false;
    } else if (line.empty()) {
      edited_ += "\r\n";
    } else if (const auto fault = edit_field(line); !fault.empty()) {
      return fault;
    }
  }
  if (chunked_ && (length_ || old_)) return "a body with two ends";
  if (kind_ == Kind::forward && !host_seen_) {
    edited_.insert(behind_request_line, "Host: " + host_field() + "\r\n");
  }
  return {};
}

std::string_view RequestRewriter::edit_request_line(std::string_view line) {
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return "no HTTP request line";
  const std::string_view method = line.substr(0, first);
  const std::string_view target = line.substr(first + 1, last - first - 1);
  const std::string_view version = line.substr(last + 1);
  if (!is_token(method) || target.empty() || target.find(' ') != std::string_view::npos ||
      (version != "HTTP/1.1" && version != "HTTP/1.0")) {
    return "no HTTP request line";
  }
  old_ = version.back() == '0';
  request_.head = method == "HEAD";
  request_.connect = request_.switches = method == "CONNECT";
  if (kind_ == Kind::reverse) {
    edited_.append(line) += "\r\n";
    return {};
  }
  if (request_.connect) return "a CONNECT needs a connection of its own";
  Url url;
  if (const auto fault = parse_url(target, url); !fault.empty()) return fault;
  request_.https = url.https;
  request_.to = std::move(url.authority);
  edited_.append(method) += ' ';
  if (url.rest.empty() && method == "OPTIONS") {
    edited_ += '*';  // RFC 9112 §3.2.4
  } else if (!url.rest.starts_with('/')) {
    edited_ += '/';
  }
  edited_.append(url.rest).append(line.substr(last)) += "\r\n";
  return {};
}

std::string RequestRewriter::host_field() const {
  if (kind_ == Kind::reverse) return host_;
  return request_.to.host_field(request_.https ? 443 : 80);
}

std::string_view RequestRewriter::edit_field(std::string_view line) {
  if (line.front() == ' ' || line.front() == '\t') return "a folded header line";
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) {
    return "a header line that is no header";
  }
  const std::string_view name = line.substr(0, colon);
  const std::string_view value = trimmed(line.substr(colon + 1));
  if (const auto fault = frame(name, value); !fault.empty()) return fault;
  if (kind_ == Kind::forward) {
    if (equals_ignoring_case(name, "proxy-authorization")) {
      request_.user = basic_user(value);
      return {};
    }
    if (equals_ignoring_case(name, "proxy-connection")) return {};
  }
  if (equals_ignoring_case(name, "host")) {
    if (std::exchange(host_seen_, true)) return "two Host fields";
    const std::string wanted = host_field();
    if (!equals_ignoring_case(value, wanted)) {
      // The blanks around the value stay.
      const auto at =
          value.empty() ? line.size() : static_cast<std::size_t>(value.data() - line.data());
      edited_.append(line.substr(0, at)).append(wanted).append(line.substr(at + value.size()));
      edited_ += "\r\n";
      return {};
    }
  }
  edited_.append(line) += "\r\n";
  return {};
}

// Whoever reads the framing in two ways would disagree about where the next request begins.
std::string_view RequestRewriter::frame(std::string_view name, std::string_view value) {
  if (equals_ignoring_case(name, "content-length")) {
    std::uint64_t n = 0;
    const char* end_of_value = value.data() + value.size();
    const auto [end, ec] = std::from_chars(value.data(), end_of_value, n);
    if (value.empty() || ec != std::errc{} || end != end_of_value || length_) {
      return "a Content-Length that is no length";
    }
    length_ = n;
  } else if (equals_ignoring_case(name, "transfer-encoding")) {
    if (chunked_ || !equals_ignoring_case(value, "chunked"))
      return "a Transfer-Encoding unknown here";
    chunked_ = true;
  } else if (equals_ignoring_case(name, "upgrade")) {
    request_.switches = true;
  }
  return {};
}

// It may have held a password.
void RequestRewriter::wipe_head() {
  std::fill(head_.begin(), head_.end(), '\0');
  head_ = {};
}

}  // namespace llmrec::relay
