#include "admin/http.h"

#include <doctest/doctest.h>

#include <string>

#include "base/limits.h"

using namespace llmrec;
using namespace llmrec::admin;
using State = RequestReader::State;

namespace {

const std::string kPost =
    "POST /records/req_1/notes?a=b HTTP/1.1\r\nHost: localhost:8791\r\nAccept: text/html\r\n"
    "accept: */*;q=0.1\r\nContent-Type: application/json\r\nOrigin: http://x\r\n"
    "Sec-Fetch-Site: none\r\nCookie: secret\r\nContent-Length: 7\r\n\r\n{\"a\":1}";

// The status of the refusal; 0: none, and it is whole; -1: it goes on.
int refusal_of(const std::string& octets) {
  RequestReader reader;
  switch (reader.feed(octets)) {
    case State::refused:
      return reader.refusal().status;
    case State::whole:
      return 0;
    case State::reading:
      break;
  }
  return -1;
}

}  // namespace

TEST_CASE("http: a request is read alike however it is cut") {
  for (std::size_t cut = 0; cut <= kPost.size(); ++cut) {
    RequestReader reader;
    const State first = reader.feed(std::string_view(kPost).substr(0, cut));
    CHECK((first == State::whole) == (cut == kPost.size()));
    reader.feed(std::string_view(kPost).substr(cut));
    const Request& r = reader.request();
    CAPTURE(cut);
    CHECK(r.method == "POST");
    CHECK(r.path == "/records/req_1/notes");
    CHECK(r.query == "a=b");
    CHECK(r.host == "localhost:8791");
    CHECK(r.accept == "text/html, */*;q=0.1");
    CHECK(r.content_type == "application/json");
    CHECK(r.origin == "http://x");
    CHECK(r.fetch_site == "none");
    CHECK(r.body == "{\"a\":1}");
  }
}

TEST_CASE("http: what is no request of ours is refused") {
  CHECK(refusal_of("GET / HTTP/1.1\r\nHost: a\r\n\r\n") == 0);
  CHECK(refusal_of("GET / HTTP/1.0\r\nHost: a\r\n\r\n") == 0);
  CHECK(refusal_of("GET / HTTP/1.1\r\n\r\n") == 400);
  CHECK(refusal_of("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n") == 400);
  CHECK(refusal_of("GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n") == 400);
  CHECK(refusal_of("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n") == 400);
  CHECK(refusal_of("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n") == 400);
  CHECK(refusal_of("GET / HTTP/2.0\r\nHost: a\r\n\r\n") == 400);
  CHECK(refusal_of("\x16\x03\x01\x02\x00\x01") == 400);
  CHECK(refusal_of("GET / HTTP/1.1\r\nHost : a\r\n\r\n") == 400);
  CHECK(
      refusal_of("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n"
                 "\r\n") == 400);
  CHECK(refusal_of("GET / HTTP/1.1\r\nHost: a\r\n") == -1);
}

TEST_CASE("http: heads and bodies have an end") {
  const std::string long_head =
      "GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(limits::kAdminHeadOctets, 'x');
  CHECK(refusal_of(long_head) == 431);
  const std::string post = "POST / HTTP/1.1\r\nHost: a\r\n";
  CHECK(refusal_of(post + "Content-Length: 99999999\r\n\r\n") == 413);
  CHECK(refusal_of(post + "Content-Length: 3\r\n\r\nabc") == 0);
  std::string chunked = post + "Transfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 17; ++i) chunked += "1000\r\n" + std::string(0x1000, 'x') + "\r\n";
  CHECK(refusal_of(chunked) == 413);
}

TEST_CASE("http: an answer says all that keeps a browser from doing harm") {
  Response r = plain(405, "no");
  r.allow = "GET, HEAD";
  r.retry_after_s = 2;
  const std::string text = to_http(r, false);
  CHECK(text.starts_with("HTTP/1.1 405 Method Not Allowed\r\n"));
  for (const char* field :
       {"Content-Length: 3\r\n", "Connection: close\r\n", "Cache-Control: no-store\r\n",
        "Content-Security-Policy: default-src 'none'\r\n", "X-Content-Type-Options: nosniff\r\n",
        "X-Frame-Options: DENY\r\n", "Referrer-Policy: no-referrer\r\n", "Allow: GET, HEAD\r\n",
        "Cross-Origin-Resource-Policy: same-origin\r\n", "Retry-After: 2\r\n"}) {
    CAPTURE(field);
    CHECK(text.find(field) != std::string::npos);
  }
  CHECK(text.find("Access-Control") == std::string::npos);
  CHECK(text.ends_with("\r\n\r\nno\n"));
  CHECK(to_http(r, true).ends_with("\r\n\r\n"));
  CHECK(to_http(r, true).find("Content-Length: 3\r\n") != std::string::npos);
  CHECK(json_error(400, "a\"b").body == "{\"error\":\"a\\\"b\"}\n");
}

TEST_CASE("http: percent signs and parameters") {
  CHECK(unescaped("a%20b%2Fc+d", false) == "a b/c+d");
  CHECK(unescaped("a+b%2B", true) == "a b+");
  CHECK(unescaped("%", false) == "%");
  CHECK(unescaped("%4", false) == "%4");
  CHECK(unescaped("%zz%41", false) == "%zzA");
  CHECK(parameter("a=1&since=24h&since=7d", "since") == "24h");
  CHECK(parameter("since", "since").empty());
  CHECK(parameter("xsince=1&&=&since=2026-06-30T10%3A12%3A41Z", "since") == "2026-06-30T10:12:41Z");
  CHECK(parameter("", "since").empty());
}
