#include "relay/connect.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "base/limits.h"

using namespace llmrec;
using namespace llmrec::relay;

namespace {

struct Outcome {
  ConnectState state = ConnectState::need_more;
  std::size_t consumed = 0;
  ConnectRequest request;
  int status = 0;
  std::string reason;
  std::string head;

  bool operator==(const Outcome& o) const {
    return state == o.state && consumed == o.consumed && request.to == o.request.to &&
           request.user == o.request.user && request.minor_version == o.request.minor_version &&
           status == o.status && reason == o.reason && head == o.head;
  }
};

Outcome run(const std::vector<std::string>& pieces) {
  ConnectParser p;
  Outcome out;
  for (const auto& piece : pieces) {
    std::size_t n = 0;
    out.state = p.feed(piece, n);
    out.consumed += n;
    if (out.state == ConnectState::need_more) CHECK(n == piece.size());
  }
  out.request = p.request();
  out.status = p.refuse_status();
  out.reason = std::string(p.refuse_reason());
  out.head = std::string(p.head());
  return out;
}

// Whole, at every cut, and octet by octet.
Outcome parse(const std::string& head) {
  const Outcome whole = run({head});
  if (head.size() < 600) {
    for (std::size_t i = 0; i <= head.size(); ++i) {
      CHECK_MESSAGE((run({head.substr(0, i), head.substr(i)}) == whole), "cut at ", i, " of ",
                    head);
    }
  }
  std::vector<std::string> octets;
  for (const char c : head) octets.emplace_back(1, c);
  CHECK((run(octets) == whole));
  return whole;
}

Outcome connect_to(const std::string& target) {
  return parse("CONNECT " + target + " HTTP/1.1\r\n\r\n");
}

}  // namespace

TEST_CASE("the shapes that clients send") {
  SUBCASE("Python: HTTP/1.0 and no header") {
    const auto o = parse("CONNECT api.openai.com:443 HTTP/1.0\r\n\r\n");
    CHECK(o.state == ConnectState::ready);
    CHECK(o.request.to.host == "api.openai.com");
    CHECK(o.request.to.dial_host == "api.openai.com");
    CHECK(o.request.to.port == 443);
    CHECK(o.request.minor_version == 0);
    CHECK_FALSE(o.request.to.host_is_ip);
    CHECK(o.status == 0);
  }
  SUBCASE("Host without port, Connection: close, Proxy-Connection; the target decides") {
    const auto o = parse(
        "CONNECT API.OpenAI.com:8443 HTTP/1.1\r\nHost: other.example\r\nConnection: close\r\n"
        "Proxy-Connection: keep-alive\r\nUser-Agent: x\ty\xc3\xa9\r\nContent-Length: 0\r\n\r\n");
    CHECK(o.state == ConnectState::ready);
    CHECK(o.request.to.host == "api.openai.com");
    CHECK(o.request.to.dial_host == "API.OpenAI.com");
    CHECK(o.request.to.port == 8443);
    CHECK(o.request.minor_version == 1);
  }
  SUBCASE("what follows the head is left alone") {
    const std::string head = "CONNECT a.example:443 HTTP/1.1\r\n\r\n";
    const auto o = parse(head + "\x16\x03\x01 hello");
    CHECK(o.state == ConnectState::ready);
    CHECK(o.consumed == head.size());
  }
  SUBCASE("IPv6, shortened or not, is one host") {
    for (const char* t : {"[::1]:443", "[0:0:0:0:0:0:0:1]:443", "[0000::0001]:443"}) {
      const auto o = connect_to(t);
      CHECK(o.state == ConnectState::ready);
      CHECK(o.request.to.host == "::1");
      CHECK(o.request.to.host_is_ip);
    }
  }
  SUBCASE("IPv4") {
    const auto o = connect_to("10.0.0.255:65535");
    CHECK(o.request.to.host_is_ip);
    CHECK(o.request.to.host == "10.0.0.255");
    CHECK(o.request.to.port == 65535);
  }
  SUBCASE("a trailing dot is dialled, but not matched") {
    const auto o = connect_to("api.openai.com.:443");
    CHECK(o.request.to.host == "api.openai.com");
    CHECK(o.request.to.dial_host == "api.openai.com.");
  }
  SUBCASE("underscores, single labels, punycode") {
    for (const char* t : {"my_vllm:8000", "localhost:1", "xn--bcher-kva.example:443"}) {
      CHECK(connect_to(t).state == ConnectState::ready);
    }
  }
  SUBCASE("one empty line may come first; HTTP/1.2 is read as 1.1") {
    CHECK(parse("\r\nCONNECT a.example:443 HTTP/1.2\r\n\r\n").request.minor_version == 1);
    CHECK(parse("\r\n\r\nCONNECT a.example:443 HTTP/1.1\r\n\r\n").status == 400);
  }
  SUBCASE("an unfinished head wants more") {
    CHECK(parse("CONNECT a.example:443 HTTP/1.1\r\nHost: a").state == ConnectState::need_more);
    CHECK(parse("").state == ConnectState::need_more);
  }
}

TEST_CASE("targets that are refused") {
  const std::vector<std::string> targets = {"api.openai.com",
                                            "api.openai.com:",
                                            "api.openai.com:0",
                                            "api.openai.com:65536",
                                            "api.openai.com:99999",
                                            "api.openai.com:+443",
                                            "api.openai.com:4 43",
                                            "api.openai.com:443x",
                                            "api.openai.com:0000443",
                                            ":443",
                                            "user@api.openai.com:443",
                                            "user:pw@api.openai.com:443",
                                            "[api.openai.com]:443",
                                            "[127.0.0.1]:443",
                                            "[::1:443",
                                            "[::1]",
                                            "[::1]443",
                                            "[]:443",
                                            "[fe80::1%25eth0]:443",
                                            "[fe80::1%eth0]:443",
                                            "::1:443",
                                            "a..b:443",
                                            ".a:443",
                                            "a.b..:443",
                                            ".:443",
                                            "a/b:443",
                                            "a%2eb:443",
                                            "a?b:443",
                                            "a#b:443",
                                            "a\\b:443",
                                            "a,b:443",
                                            "a*:443",
                                            "*:443",
                                            "http://a.example:443",
                                            "/",
                                            "b\xc3\xbc"
                                            "cher.example:443",
                                            std::string(254, 'a') + ":443",
                                            std::string(64, 'a') + ".com:443"};
  for (const auto& t : targets) {
    CAPTURE(t);
    const auto o = connect_to(t);
    CHECK(o.state == ConnectState::refuse);
    CHECK(o.status == 400);
    CHECK_FALSE(o.reason.empty());
  }
  CHECK(connect_to(std::string(63, 'a') + ".com:443").state == ConnectState::ready);
  CHECK(connect_to("user:pw@a.example:443").reason == "user information in the target");
  CHECK(connect_to("a.example").reason == "the target has no port");
  CHECK(connect_to("a.example:0").reason == "the port is not a number from 1 to 65535");
}

TEST_CASE("odd address literals are refused by that name") {
  for (const char* t : {"0x7f.1", "2130706433", "0177.0.0.1", "127.1", "0", "169.254.43518",
                        "0xa9fea9fe", "127.0.0.1.", "1.2.3.4.5", "1.2.3", "1.2.3.256", "01.2.3.4",
                        "a.0x7f", "a.1", "0x", "0X7F000001"}) {
    CAPTURE(t);
    const auto o = connect_to(std::string(t) + ":443");
    CHECK(o.status == 400);
    CHECK(o.reason.find("odd address literal") != std::string::npos);
  }
  CHECK(connect_to("1.2.3.4.example:443").state == ConnectState::ready);
  CHECK(connect_to("0x7f.g:443").state == ConnectState::ready);
}

TEST_CASE("other things that arrive on a proxy port") {
  SUBCASE("methods") {
    CHECK(parse("GET / HTTP/1.1\r\n\r\n").status == 405);
    CHECK(parse("connect a.example:443 HTTP/1.1\r\n\r\n").status == 405);
    CHECK(parse("OPTIONS * HTTP/1.1\r\n\r\n").status == 405);
  }
  SUBCASE("absolute-form is left to whoever forwards") {
    const std::string line = "POST http://vllm:8000/v1/chat?x=1 HTTP/1.1\r\n";
    const auto o = parse(line + "Host: vllm\r\nAuthorization: Bearer k\r\n\r\n");
    CHECK(o.state == ConnectState::forward);
    CHECK(o.status == 0);
    CHECK(o.head == line);
    CHECK(o.consumed == line.size());
    CHECK(parse("POST https://a.example/ HTTP/1.0\r\n\r\n").state == ConnectState::forward);
    CHECK(parse("GET ftp://a.example/ HTTP/1.1\r\n\r\n").status == 405);
  }
  SUBCASE("TLS, SOCKS, HTTP/2, garbage") {
    const auto tls = parse(std::string("\x16\x03\x01\x02\x00\x01", 6));
    CHECK(tls.status == 400);
    CHECK(tls.consumed == 1);
    CHECK(tls.reason.find("http://") != std::string::npos);
    CHECK(parse(std::string("\x05\x01\x00", 3)).reason.find("SOCKS") != std::string::npos);
    CHECK(parse(std::string("\x04\x01", 2)).status == 400);
    CHECK(parse("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").status == 400);
    CHECK(parse("GET / HTTP/2.0\r\n\r\n").status == 505);
    CHECK(parse("GET / HTTP/0.9\r\n\r\n").status == 505);
    CHECK(parse(std::string("\0\0\0", 3)).status == 400);
    CHECK(parse("\xff\xfe").status == 400);
    CHECK(parse(std::string(40, 'A')).status == 400);
    CHECK(parse("hello\r\n").status == 400);
    CHECK(parse("CONNECT  a.example:443 HTTP/1.1\r\n").status == 400);
    CHECK(parse("CONNECT a.example:443  HTTP/1.1\r\n").status == 400);
    CHECK(parse(" CONNECT a.example:443 HTTP/1.1\r\n").status == 400);
    CHECK(parse("CONNECT a.example:443\r\n").status == 400);
    CHECK(parse("CONNECT a.example:443 HTTP/1.1 \r\n").status == 400);
    CHECK(parse("CONNECT a.example:443 HTTP/1.x\r\n").status == 505);
  }
  SUBCASE("line ends and control characters") {
    CHECK(parse("CONNECT a.example:443 HTTP/1.1\n\n").status == 400);
    CHECK(parse("CONNECT a.example:443 HTTP/1.1\rX").status == 400);
    CHECK(parse(std::string("CONNECT a\0b:443 HTTP/1.1\r\n\r\n", 29)).status == 400);
    CHECK(parse("CONNECT a\tb:443 HTTP/1.1\r\n\r\n").status == 400);
    CHECK(parse("CONNECT a.example:443 HTTP/1.1\r\nX: a\x01\r\n\r\n").status == 400);
    CHECK(parse("CONNECT a.example:443 HTTP/1.1\r\nX: a\nY: b\r\n\r\n").status == 400);
  }
  SUBCASE("header lines") {
    const std::string line = "CONNECT a.example:443 HTTP/1.1\r\n";
    CHECK(parse(line + "no colon\r\n\r\n").status == 400);
    CHECK(parse(line + ": empty\r\n\r\n").status == 400);
    CHECK(parse(line + "Host : a\r\n\r\n").status == 400);
    CHECK(parse(line + "A: b\r\n folded\r\n\r\n").reason == "a folded header line");
    CHECK(parse(line + "Transfer-Encoding: chunked\r\n\r\n").status == 400);
    CHECK(parse(line + "content-length: 5\r\n\r\nhello").status == 400);
    CHECK(parse(line + "A:\r\nB:b\r\n\r\n").state == ConnectState::ready);
  }
}

TEST_CASE("a head of exactly 16 KiB passes, one octet more is 431") {
  const std::string line = "CONNECT a.example:443 HTTP/1.1\r\nX: ";
  const std::size_t fill = limits::kConnectHeadOctets - line.size() - 4;
  CHECK(parse(line + std::string(fill, 'x') + "\r\n\r\n").state == ConnectState::ready);
  const auto o = parse(line + std::string(fill + 1, 'x') + "\r\n\r\n");
  CHECK(o.state == ConnectState::refuse);
  CHECK(o.status == 431);
}

TEST_CASE("the user's name, never the password") {
  const auto user = [](const std::string& credentials) {
    const auto o =
        parse("CONNECT a.example:443 HTTP/1.1\r\nProxy-Authorization: " + credentials + "\r\n\r\n");
    CHECK(o.state == ConnectState::ready);
    return o.request.user;
  };
  CHECK(user("Basic dGVhbS1hOnNlY3JldA==") == "team-a");  // team-a:secret
  CHECK(user("basic  dGVhbS1hOnNlY3JldA") == "team-a");   // no padding, two spaces
  CHECK(user("Basic OnNlY3JldA==").empty());              // :secret
  CHECK(user("Basic dGVhbS1h").empty());                  // no colon: it might be all secret
  CHECK(user("Basic dGVhb!1hOnNlY3JldA==").empty());      // not base64
  CHECK(user("Basic AWE6Yg==").empty());                  // a control character
  CHECK(user("Bearer dGVhbS1hOnNlY3JldA==").empty());
  CHECK(user("Basic").empty());
  std::string b64_64 = "Basic ";
  for (int i = 0; i < 21; ++i) b64_64 += "YWFh";         // 63 times a
  CHECK(user(b64_64 + "YTpi") == std::string(64, 'a'));  // a:b
  CHECK(user(b64_64 + "YWE6Yg==").empty());              // 65 of them: too long to be a name
}

TEST_CASE("nothing is taken after the end") {
  ConnectParser p;
  std::size_t n = 0;
  CHECK(p.feed("CONNECT a.example:443 HTTP/1.1\r\n\r\n", n) == ConnectState::ready);
  CHECK(p.feed("more", n) == ConnectState::ready);
  CHECK(n == 0);
  ConnectParser refused;
  CHECK(refused.feed("\x16", n) == ConnectState::refuse);
  CHECK(refused.feed("more", n) == ConnectState::refuse);
  CHECK(n == 0);
}
