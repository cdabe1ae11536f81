// The answers that this proxy gives itself, to requests that it cannot or may not serve: HTTP/1.1
// with a Proxy-Status field (RFC 9209) and one line of text. Pure.
#pragma once

#include <string>
#include <string_view>

#include "net/dialer.h"
#include "record/names.h"

namespace llmrec::net {

struct Refusal {
  int status = 502;
  std::string_view proxy_error;  // a type of RFC 9209 §2.3
  std::string details;           // codes only, never text of a peer
  std::string text;              // for a person
};

std::string to_http(const Refusal& refusal);
inline constexpr std::string_view kEstablished = "HTTP/1.1 200 Connection established\r\n\r\n";

Refusal refusal_for(const DialResult& result, const std::string& authority);

}  // namespace llmrec::net
