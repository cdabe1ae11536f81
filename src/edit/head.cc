#include "edit/head.h"

#include <charconv>

#include "relay/field.h"

namespace llmrec::edit {
namespace {

using relay::trimmed;

bool read_length(std::string_view value, Bytes text, Head& head) {
  std::uint64_t n = 0;
  const char* end = value.data() + value.size();
  const auto [at, ec] = std::from_chars(value.data(), end, n);
  if (value.empty() || ec != std::errc{} || at != end || head.length) return false;
  head.length = n;
  head.length_at = static_cast<std::size_t>(value.data() - text.data());
  head.length_size = value.size();
  return true;
}

// Whoever checks one of these would refuse the body that we have changed (RFC 9530, RFC 9421, RFC
// 1864; AWS Signature Version 4).
bool signs_body(std::string_view name, std::string_view value) {
  for (const std::string_view one : {"content-digest", "digest", "repr-digest", "content-md5",
                                     "signature", "x-amz-content-sha256"}) {
    if (equals_ignoring_case(name, one)) return true;
  }
  return equals_ignoring_case(name, "authorization") && value.starts_with("AWS4-");
}

bool read_field(std::string_view line, Bytes text, Head& head) {
  if (line.front() == ' ' || line.front() == '\t') return false;
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || !relay::is_token(line.substr(0, colon))) return false;
  const std::string_view name = line.substr(0, colon);
  const std::string_view value = trimmed(line.substr(colon + 1));
  if (equals_ignoring_case(name, "content-length")) return read_length(value, text, head);
  if (equals_ignoring_case(name, "transfer-encoding")) {
    if (head.chunked || !equals_ignoring_case(value, "chunked")) return false;
    head.chunked = true;
  } else if (equals_ignoring_case(name, "content-type")) {
    head.content_type = value;
  } else if (equals_ignoring_case(name, "content-encoding")) {
    head.coded = head.coded || !equals_ignoring_case(value, "identity");
  } else if (equals_ignoring_case(name, "expect")) {
    head.expects_answer = true;
  } else if (equals_ignoring_case(name, "upgrade")) {
    head.switches = true;
  } else if (signs_body(name, value)) {
    head.signed_body = true;
  }
  return true;
}

bool is_version(std::string_view text) { return text == "HTTP/1.1" || text == "HTTP/1.0"; }

bool read_request_line(std::string_view line, Head& head) {
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last || !is_version(line.substr(last + 1))) {
    return false;
  }
  head.method = line.substr(0, first);
  head.target = line.substr(first + 1, last - first - 1);
  if (head.method == "CONNECT") head.switches = true;
  return relay::is_token(head.method) && head.target.find(' ') == std::string_view::npos;
}

bool read_status_line(std::string_view line, Head& head) {
  if (line.size() < 12 || !is_version(line.substr(0, 8)) || line[8] != ' ') return false;
  const auto [at, ec] = std::from_chars(line.data() + 9, line.data() + 12, head.status);
  if (ec != std::errc{} || at != line.data() + 12 || head.status < 100) return false;
  return line.size() == 12 || line[12] == ' ';
}

template <class ReadFirst>
std::optional<Head> read_head(Bytes text, ReadFirst read_first) {
  Head head;
  Bytes rest = text;
  for (bool first = true; !rest.empty(); first = false) {
    const std::size_t end = rest.find('\n');
    if (end == Bytes::npos || end == 0 || rest[end - 1] != '\r') return std::nullopt;
    const std::string_view line = rest.substr(0, end - 1);
    rest.remove_prefix(end + 1);
    if (relay::has_control(line)) return std::nullopt;
    if (first) {
      if (!read_first(line, head)) return std::nullopt;
    } else if (!line.empty() && !read_field(line, text, head)) {
      return std::nullopt;
    }
  }
  if (head.chunked && head.length) return std::nullopt;  // a body with two ends
  return head;
}

}  // namespace

bool Head::is_event_stream() const {
  return equals_ignoring_case(trimmed(content_type.substr(0, content_type.find(';'))),
                              "text/event-stream");
}

std::optional<Head> read_request_head(Bytes text) { return read_head(text, read_request_line); }

std::optional<Head> read_response_head(Bytes text) { return read_head(text, read_status_line); }

}  // namespace llmrec::edit
