#include "admin/http.h"

#include <fmt/format.h>

#include "base/limits.h"
#include "record/json.h"

namespace llmrec::admin {
namespace {

std::string_view reason(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 202:
      return "Accepted";
    case 300:
      return "Multiple Choices";
    case 400:
      return "Bad Request";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 413:
      return "Content Too Large";
    case 421:
      return "Misdirected Request";
    case 431:
      return "Request Header Fields Too Large";
    case 503:
      return "Service Unavailable";
    default:
      return "Internal Server Error";
  }
}

int hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c = ascii_lower(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

}  // namespace

Response plain(int status, std::string text) {
  Response r;
  r.status = status;
  r.body = std::move(text) + "\n";
  return r;
}

Response json_error(int status, const std::string& text) {
  Response r;
  r.status = status;
  r.content_type = "application/json";
  r.body = "{\"error\":" + record::json_quoted(text) + "}\n";
  return r;
}

std::string to_http(const Response& r, bool head) {
  std::string out = fmt::format(
      "HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: close\r\n"
      "Cache-Control: no-store\r\nContent-Security-Policy: {}\r\nX-Content-Type-Options: "
      "nosniff\r\n"
      "X-Frame-Options: DENY\r\nReferrer-Policy: no-referrer\r\n"
      "Cross-Origin-Resource-Policy: same-origin\r\nCross-Origin-Opener-Policy: same-origin\r\n"
      "Vary: Accept\r\n",
      r.status, reason(r.status), r.content_type, r.body.size(), r.policy);
  if (!r.allow.empty()) out += "Allow: " + r.allow + "\r\n";
  if (r.retry_after_s > 0) out += "Retry-After: " + std::to_string(r.retry_after_s) + "\r\n";
  out += "\r\n";
  if (!head) out += r.body;
  return out;
}

std::string unescaped(Bytes text, bool plus) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool coded =
        text[i] == '%' && i + 2 < text.size() && hex(text[i + 1]) >= 0 && hex(text[i + 2]) >= 0;
    if (coded) {
      out += static_cast<char>(hex(text[i + 1]) * 16 + hex(text[i + 2]));
      i += 2;
    } else {
      out += plus && text[i] == '+' ? ' ' : text[i];
    }
  }
  return out;
}

std::string parameter(Bytes query, std::string_view name) {
  while (!query.empty()) {
    const std::size_t end = query.find('&');
    const Bytes pair = query.substr(0, end);
    query = end == Bytes::npos ? Bytes() : query.substr(end + 1);
    const std::size_t equals = pair.find('=');
    if (equals != Bytes::npos && pair.substr(0, equals) == name) {
      return unescaped(pair.substr(equals + 1), true);
    }
  }
  return {};
}

RequestReader::State RequestReader::feed(Bytes octets) {
  if (state_ != State::reading) return state_;
  if (!has_head_) head_octets_ += octets.size();
  parser_.feed(octets);
  if (state_ != State::reading) return state_;
  if (parser_.error() != wire::Http1Error::none) {
    refuse(400, "this is not a request that HTTP/1.1 allows");
  } else if (!has_head_ && head_octets_ > limits::kAdminHeadOctets) {
    refuse(431, "the head of the request is too large");
  }
  return state_;
}

void RequestReader::refuse(int status, std::string_view why) {
  if (state_ != State::reading) return;
  refusal_ = plain(status, std::string(why));
  state_ = State::refused;
}

bool RequestReader::wants_field(Bytes name) {
  return state_ == State::reading &&
         (name == "host" || name == "accept" || name == "content-type" || name == "origin" ||
          name == "sec-fetch-site");
}

void RequestReader::on_field(Bytes name, Bytes value) {
  if (state_ != State::reading) return;
  if (name == "host") {
    if (has_host_) refuse(400, "there are two Host fields");
    has_host_ = true;
    request_.host = value;
  } else if (name == "accept") {
    request_.accept += request_.accept.empty() ? "" : ", ";
    request_.accept += value;
  } else if (name == "content-type") {
    request_.content_type = value;
  } else if (name == "origin") {
    request_.origin = value;
  } else {
    request_.fetch_site = value;
  }
}

wire::BodyRule RequestReader::on_head(const wire::Http1Head& head) {
  if (state_ != State::reading) return wire::BodyRule::by_framing;
  has_head_ = true;
  request_.method = head.method;
  const std::size_t question = head.target.find('?');
  request_.path = head.target.substr(0, question);
  if (question != Bytes::npos) request_.query = head.target.substr(question + 1);
  if (!has_host_) refuse(400, "the Host field is missing");
  if (request_.path.empty() || request_.path[0] != '/') {
    refuse(400, "this port is no proxy: it answers requests for its own pages");
  }
  if (head.content_length.value_or(0) > limits::kAdminBodyOctets) {
    refuse(413, "the body of the request is too large");
  }
  return wire::BodyRule::by_framing;
}

void RequestReader::on_body(Bytes octets) {
  if (state_ != State::reading) return;
  if (request_.body.size() + octets.size() > limits::kAdminBodyOctets) {
    return refuse(413, "the body of the request is too large");
  }
  request_.body += octets;
}

void RequestReader::on_message_complete() {
  if (state_ == State::reading) state_ = State::whole;
}

}  // namespace llmrec::admin
