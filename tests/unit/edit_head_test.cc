#include "edit/head.h"

#include <doctest/doctest.h>

#include <string>

using namespace llmrec;
using namespace llmrec::edit;

TEST_CASE("a request's head") {
  const std::string text =
      "POST /v1/chat/completions?x=1 HTTP/1.1\r\nHost: a\r\nContent-Length:  12 \r\n"
      "Content-Type: application/json\r\n\r\n";
  const auto head = read_request_head(text);
  REQUIRE(head);
  CHECK(head->method == "POST");
  CHECK(head->target == "/v1/chat/completions?x=1");
  CHECK(head->length == 12);
  CHECK(text.substr(head->length_at, head->length_size) == "12");
  CHECK(head->content_type == "application/json");
  CHECK_FALSE(head->chunked);
  CHECK_FALSE(head->coded);
  CHECK_FALSE(head->signed_body);
}

TEST_CASE("a response's head") {
  const auto head = read_response_head(
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: text/event-stream; "
      "charset=utf-8\r\n\r\n");
  REQUIRE(head);
  CHECK(head->status == 200);
  CHECK(head->chunked);
  CHECK(head->is_event_stream());
  CHECK(read_response_head("HTTP/1.1 204\r\n\r\n"));
  CHECK(read_response_head("HTTP/1.1 200 \r\nContent-Encoding: gzip\r\n\r\n")->coded);
  CHECK_FALSE(read_response_head("HTTP/1.1 200 \r\nContent-Encoding: identity\r\n\r\n")->coded);
}

TEST_CASE("what a change of the body would break") {
  const auto with = [](const std::string& field) {
    return *read_request_head("POST / HTTP/1.1\r\n" + field + "\r\n\r\n");
  };
  CHECK(with("Expect: 100-continue").expects_answer);
  CHECK(with("Upgrade: websocket").switches);
  CHECK(with("Content-MD5: x").signed_body);
  CHECK(with("Authorization: AWS4-HMAC-SHA256 Credential=x").signed_body);
  CHECK_FALSE(with("Authorization: Bearer x").signed_body);
  CHECK(with("x-amz-content-sha256: x").signed_body);
}

TEST_CASE("heads that two readers could read in two ways") {
  for (const char* bad :
       {"POST / HTTP/1.1\nHost: a\r\n\r\n", "POST / HTTP/2\r\n\r\n", "POST /\r\n\r\n",
        "POST / HTTP/1.1\r\n Folded: x\r\n\r\n", "POST / HTTP/1.1\r\nContent-Length: +1\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nName : x\r\n\r\n", "POST / HTTP/1.1\r\nX: a\x01\r\n\r\n"}) {
    CAPTURE(std::string(bad));
    CHECK_FALSE(read_request_head(bad));
  }
  CHECK_FALSE(read_response_head("HTTP/1.1 20 OK\r\n\r\n"));
  CHECK_FALSE(read_response_head("HTTP/1.1 2000 OK\r\n\r\n"));
  CHECK_FALSE(read_response_head("ICY 200 OK\r\n\r\n"));
}
