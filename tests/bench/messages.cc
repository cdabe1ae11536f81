#include "messages.h"

#include <cstdio>
#include <string>

#include "base/check.h"

namespace llmrec::bench {
namespace {

std::string filled(std::string_view before, std::string_view after, std::size_t octets) {
  LLMREC_REQUIRE(before.size() + after.size() <= octets);
  std::string out(before);
  out.append(octets - before.size() - after.size(), 'x');
  return out.append(after);
}

// A head that says how long its body is, and a body that fills the message up to `octets`.
std::string message(const std::string& head, std::string_view before, std::string_view after,
                    std::size_t octets) {
  // Three digits: every length here has as many.
  const std::size_t body = octets - head.size() - std::string_view("000\r\n\r\n").size();
  LLMREC_REQUIRE(body >= 100 && body < 1000);
  return head + std::to_string(body) + "\r\n\r\n" + filled(before, after, body);
}

// RFC 9112 section 7.1, a chunk of so many octets on the wire.
std::string chunk(std::string_view before, std::string_view after, std::size_t octets) {
  char size[24];
  const int width = octets > 0xffff ? 4 : 3;  // the digits are part of the octets
  const std::size_t data = octets - static_cast<std::size_t>(width) - 4;
  const int printed = std::snprintf(size, sizeof size, "%0*zx\r\n", width, data);
  LLMREC_REQUIRE(printed == width + 2);
  return size + filled(before, after, data) + "\r\n";
}

}  // namespace

Bytes request_message() {
  static const std::string text = message(
      "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
      "content-length: ",
      R"({"model":"bench","stream":true,"messages":[{"role":"user","content":")", R"("}]})",
      kRequestOctets);
  return text;
}

Bytes answer_message() {
  static const std::string text = message(
      "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ",
      R"({"id":"chatcmpl-bench","object":"chat.completion","model":"bench","choices":[{"index":0,)"
      R"("message":{"role":"assistant","content":")",
      R"("},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":12,)"
      R"("total_tokens":21}})",
      kAnswerOctets);
  return text;
}

Bytes stream_head() {
  return "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: "
         "chunked\r\n\r\n";
}

Bytes event_piece() {
  static const std::string text = chunk(
      "data: "
      R"({"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1700000000,)"
      R"("model":"bench","choices":[{"index":0,"delta":{"content":")",
      R"("},"finish_reason":null}]})"
      "\n\n",
      kEventOctets);
  return text;
}

Bytes bulk_piece() {
  static const std::string text = chunk(": ", "\n\n", kBulkOctets);
  return text;
}

}  // namespace llmrec::bench
