#include "support/http_reader.h"

#include <doctest/doctest.h>

using namespace llmrec::support;
using Kind = HttpReader::Kind;

namespace {

const std::string kRequests =
    "POST /v1/x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nX-A:  one \r\n\r\nhello"
    "GET / HTTP/1.0\r\n\r\n"
    "POST /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\nConnection: Keep-Alive, close\r\n\r\n"
    "3;ext=1\r\nabc\r\nA\r\n0123456789\r\n0\r\nT: v\r\n\r\n";

const std::string kAnswers =
    "HTTP/1.1 100 Continue\r\n\r\n"
    "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n"  // to HEAD
    "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n"
    "HTTP/1.1 200 OK\r\n\r\nuntil the end";

std::string outline(const ParsedHttp& parsed) {
  std::string out;
  for (const auto& m : parsed.messages) {
    out += m.start_line + "|" + m.body + "|" + m.trailers + "|" + m.body_sha256 + "|" +
           std::to_string(m.chunk_sizes.size()) + (m.complete ? "." : "?") + "\n";
  }
  return out + parsed.broken + (parsed.whole ? "whole" : "part");
}

}  // namespace

TEST_CASE("support http_reader: requests, with what matters of each") {
  const auto parsed = parse_http(Kind::request, kRequests, false);
  REQUIRE(parsed.messages.size() == 3);
  CHECK(parsed.whole);
  CHECK(parsed.messages[0].method == "POST");
  CHECK(parsed.messages[0].target == "/v1/x");
  CHECK(parsed.messages[0].header("x-a") == "one");
  CHECK(parsed.messages[0].body == "hello");
  CHECK(parsed.messages[0].body_sha256 == sha256_hex("hello"));
  CHECK(parsed.messages[0].keeps_alive());
  CHECK_FALSE(parsed.messages[1].keeps_alive());
  CHECK(parsed.messages[2].body == "abc0123456789");
  CHECK(parsed.messages[2].chunk_sizes == std::vector<std::uint64_t>{3, 10});
  CHECK(parsed.messages[2].trailers == "T: v\r\n");
  CHECK_FALSE(parsed.messages[2].keeps_alive());
}

TEST_CASE("support http_reader: answers to HEAD, 1xx, 304 and a body that ends with the stream") {
  const auto parsed = parse_http(Kind::response, kAnswers, true, {"HEAD", "GET", "GET"});
  REQUIRE(parsed.messages.size() == 4);
  CHECK(parsed.messages[0].status == 100);
  CHECK(parsed.messages[1].body.empty());
  CHECK(parsed.messages[2].status == 304);
  CHECK(parsed.messages[3].body == "until the end");
  CHECK(parsed.messages[3].complete);
  CHECK_FALSE(parse_http(Kind::response, kAnswers, false, {"HEAD"}).messages[3].complete);
}

TEST_CASE("support http_reader: the result does not depend on the cuts") {
  for (const auto& [kind, text] :
       {std::pair{Kind::request, kRequests}, {Kind::response, kAnswers}}) {
    const auto whole = outline(parse_http(kind, text, true, {"HEAD"}));
    for (std::size_t cut = 0; cut <= text.size(); ++cut) {
      HttpReader reader(kind);
      reader.expect("HEAD");
      reader.feed(llmrec::Bytes(text).substr(0, cut));
      reader.feed(llmrec::Bytes(text).substr(cut));
      reader.end();
      ParsedHttp parsed;
      parsed.messages.assign(reader.ready().begin(), reader.ready().end());
      parsed.whole = reader.idle();
      CHECK(outline(parsed) == whole);
    }
  }
}

TEST_CASE("support http_reader: a message that is cut is not complete, at any byte") {
  const std::string text = kRequests.substr(kRequests.find("POST /c"));
  for (std::size_t n = 1; n < text.size(); ++n) {
    const auto parsed = parse_http(Kind::request, text.substr(0, n), true);
    CHECK_FALSE(parsed.whole);
    CHECK(parsed.broken.empty());
    for (const auto& m : parsed.messages) CHECK_FALSE(m.complete);
  }
}

TEST_CASE("support http_reader: nonsense is refused, with a reason") {
  for (const char* text :
       {"\x16\x03\x01 junk\r\n\r\n", "GET /\r\n\r\n", "GET / HTTP/2.0\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n", "GET / HTTP/1.1\r\nno colon\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_http(Kind::request, text, true).broken.empty());
  }
}

TEST_CASE("support http_reader: a body beyond the cap is counted and digested") {
  HttpReader reader(Kind::request, 4);
  reader.feed("POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\n0123456789");
  REQUIRE(reader.ready().size() == 1);
  CHECK(reader.ready()[0].body == "0123");
  CHECK(reader.ready()[0].body_bytes == 10);
  CHECK(reader.ready()[0].body_sha256 == sha256_hex("0123456789"));
}
