#include "relay/proxy_answer.h"

#include <doctest/doctest.h>

#include <string>

#include "base/limits.h"

using namespace llmrec;
using namespace llmrec::relay;

namespace {

using State = ProxyAnswer::State;

struct Outcome {
  State state = State::need_more;
  std::size_t consumed = 0;
  int status = 0;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

Outcome fed(const std::string& text, std::size_t piece) {
  ProxyAnswer answer;
  Outcome out;
  for (std::size_t at = 0; at < text.size() && out.state == State::need_more; at += piece) {
    std::size_t n = 0;
    out.state = answer.feed(Bytes(text).substr(at, piece), n);
    out.consumed += n;
  }
  out.status = answer.status();
  return out;
}

Outcome parse(const std::string& text) {
  const Outcome whole = fed(text, text.size());
  for (std::size_t piece = 1; piece < text.size(); ++piece) CHECK(fed(text, piece) == whole);
  return whole;
}

}  // namespace

TEST_CASE("granted, and what follows is the tunnel's") {
  const std::string head = "HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n";
  CHECK(parse(head) == Outcome{State::granted, head.size(), 200});
  CHECK(parse(head + "\x16\x03") == Outcome{State::granted, head.size(), 200});
  CHECK(parse("HTTP/1.0 200\r\n\r\n").state == State::granted);
  CHECK(parse("HTTP/1.1 200 ok\n\n").state == State::granted);
  CHECK(parse("HTTP/1.1 103 Early\r\nA: b\r\n\r\n" + head).state == State::granted);
}

TEST_CASE("refused with a status") {
  CHECK(parse("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 9\r\n\r\n").status ==
        407);
  CHECK(parse("HTTP/1.1 503 \r\n\r\n").state == State::refused);
  CHECK(parse("HTTP/1.1 302 Found\r\n\r\n").state == State::refused);
}

TEST_CASE("no answer of a proxy") {
  for (const char* text : {"HTTP/2 200\r\n", "HTTP/1.1 2000 x\r\n", "HTTP/1.1 20x\r\n", "\r\n",
                           "SSH-2.0-x\r\n", "HTTP/1.1 600 x\r\n", "HTTP/1.1 099 x\r\n"}) {
    CAPTURE(text);
    CHECK(parse(text).state == State::malformed);
  }
  CHECK(parse("HTTP/1.1 200 ok\r\n").state == State::need_more);
  const std::string endless =
      "HTTP/1.1 200 ok\r\nA: " + std::string(limits::kConnectHeadOctets, 'x');
  CHECK(fed(endless, endless.size()).state == State::malformed);
}
