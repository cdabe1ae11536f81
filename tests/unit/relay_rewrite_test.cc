#include "relay/rewrite.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "base/limits.h"
#include "relay/basic_auth.h"

using namespace llmrec;
using namespace llmrec::relay;

namespace {

using Kind = RequestRewriter::Kind;
using Found = RequestRewriter::Found;

struct Outcome {
  std::string out;
  std::vector<std::string> to;
  std::vector<std::string> users;
  int status = 0;
  std::string reason;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

Outcome run(Kind kind, const std::string& input, std::size_t first) {
  RequestRewriter rewriter(kind, kind == Kind::reverse ? "api.openai.com" : "");
  Outcome o;
  for (const std::string& piece : {input.substr(0, first), input.substr(first)}) {
    Bytes rest = piece;
    for (bool more = true; more;) {
      const auto step = rewriter.next(rest);
      switch (step.found) {
        case Found::more:
          CHECK(rest.empty());
          more = false;
          break;
        case Found::octets:
          o.out.append(step.octets);
          break;
        case Found::request:
          o.to.push_back(rewriter.request().to.text());
          o.users.push_back(rewriter.request().user);
          break;
        case Found::refused:
          o.status = rewriter.refuse_status();
          o.reason = std::string(rewriter.refuse_reason());
          more = false;
          break;
      }
    }
  }
  return o;
}

// Whole, and at every cut.
Outcome rewritten(Kind kind, const std::string& input) {
  const Outcome whole = run(kind, input, 0);
  for (std::size_t i = 1; i <= input.size(); ++i) {
    const Outcome cut = run(kind, input, i);
    CHECK_MESSAGE(cut == whole, "cut at ", i);
  }
  return whole;
}
std::string forward(const std::string& input) { return rewritten(Kind::forward, input).out; }
std::string reverse(const std::string& input) { return rewritten(Kind::reverse, input).out; }

const std::string kBody = "Content-Length: 4\r\n\r\nbody";

}  // namespace

TEST_CASE("forward: the request target alone becomes origin-form") {
  CHECK(forward("POST http://vllm:8000/v1/chat?x=1 HTTP/1.1\r\nhOsT:  VLLM:8000 \r\nA:b\r\n" +
                kBody) == "POST /v1/chat?x=1 HTTP/1.1\r\nhOsT:  VLLM:8000 \r\nA:b\r\n" + kBody);
  CHECK(forward("GET http://a.example HTTP/1.0\r\nHost: a.example\r\n\r\n") ==
        "GET / HTTP/1.0\r\nHost: a.example\r\n\r\n");
  CHECK(forward("GET http://a.example?q HTTP/1.1\r\nHost: a.example\r\n\r\n") ==
        "GET /?q HTTP/1.1\r\nHost: a.example\r\n\r\n");
  CHECK(forward("OPTIONS http://a.example HTTP/1.1\r\nHost: a.example\r\n\r\n") ==
        "OPTIONS * HTTP/1.1\r\nHost: a.example\r\n\r\n");
}

TEST_CASE("forward: Host says what the target said") {
  CHECK(forward("GET http://a.example:8080/ HTTP/1.1\r\nHost: b.example\r\n\r\n") ==
        "GET / HTTP/1.1\r\nHost: a.example:8080\r\n\r\n");
  CHECK(forward("GET https://a.example/ HTTP/1.1\r\nX: y\r\nHost:\r\n\r\n") ==
        "GET / HTTP/1.1\r\nX: y\r\nHost:a.example\r\n\r\n");
  CHECK(forward("GET http://[::1]:8000/ HTTP/1.1\r\nA: b\r\n\r\n") ==
        "GET / HTTP/1.1\r\nHost: [::1]:8000\r\nA: b\r\n\r\n");
}

TEST_CASE("forward: what is for the proxy stays with it") {
  const std::string secret = basic_credentials("checkout:hunter2");
  const Outcome o =
      rewritten(Kind::forward, "GET http://a.example/ HTTP/1.1\r\nProxy-Authorization: " + secret +
                                   "\r\nHost: a.example\r\nproxy-connection: keep-alive\r\n"
                                   "Connection: keep-alive\r\nAuthorization: Bearer k\r\n\r\n");
  CHECK(o.out ==
        "GET / HTTP/1.1\r\nHost: a.example\r\nConnection: keep-alive\r\n"
        "Authorization: Bearer k\r\n\r\n");
  CHECK(o.users == std::vector<std::string>{"checkout"});
}

TEST_CASE("forward: one after another, with bodies of every kind, each with its own destination") {
  const std::string chunked = "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nT: 1\r\n\r\n";
  const Outcome o = rewritten(
      Kind::forward, "POST http://a.example/1 HTTP/1.1\r\nHost: a.example\r\n" + kBody +
                         "POST https://b.example/2 HTTP/1.1\r\nHost: b.example\r\n" + chunked +
                         "\r\nGET http://a.example/3 HTTP/1.1\r\nHost: a.example\r\n\r\n");
  CHECK(o.out == "POST /1 HTTP/1.1\r\nHost: a.example\r\n" + kBody +
                     "POST /2 HTTP/1.1\r\nHost: b.example\r\n" + chunked +
                     "GET /3 HTTP/1.1\r\nHost: a.example\r\n\r\n");
  CHECK(o.to == std::vector<std::string>{"a.example:80", "b.example:443", "a.example:80"});
}

TEST_CASE("forward: what cannot be read goes no further") {
  const std::string line = "GET http://a.example/ HTTP/1.1\r\n";
  for (const std::string& head :
       {std::string("GET / HTTP/1.1\r\n\r\n"),
        std::string("CONNECT a.example:443 HTTP/1.1\r\n\r\n"),
        std::string("GET http://u:p@a.example/ HTTP/1.1\r\n\r\n"),
        std::string("GET http://127.1/ HTTP/1.1\r\n\r\n"),
        std::string("GET http://a.example/ HTTP/2.0\r\n\r\n"), std::string("nonsense\r\n\r\n"),
        line + "A: b\r\n folded\r\n\r\n", line + "no colon\r\n\r\n", line + "A: b\n\r\n",
        line + "A: \x01\r\n\r\n", line + "Host: a\r\nHost: a\r\n\r\n",
        line + "Content-Length: 1\r\nContent-Length: 1\r\n\r\n",
        line + "Content-Length: -1\r\n\r\n",
        line + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        line + "Transfer-Encoding: gzip, chunked\r\n\r\n",
        std::string("GET http://a.example/ HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n")}) {
    CAPTURE(head);
    const Outcome o = rewritten(Kind::forward, head + "after");
    CHECK(o.status == 400);
    CHECK(!o.reason.empty());
    CHECK(o.out.empty());
  }
  const Outcome o = rewritten(Kind::forward, line + "Transfer-Encoding: chunked\r\n\r\nx\r\n");
  CHECK(o.status == 400);
  CHECK(o.out.find("\r\n\r\n") + 4 == o.out.size());  // the head had gone
}

TEST_CASE("a head larger than is taken") {
  const std::string line = "GET http://a.example/ HTTP/1.1\r\nX: ";
  const std::string fits = line + std::string(limits::kHttpHeadMax - line.size() - 4, 'x');
  CHECK(run(Kind::forward, fits + "\r\n\r\n", 0).status == 0);
  CHECK(run(Kind::forward, fits + "x\r\n\r\n", 9).status == 431);
  CHECK(run(Kind::reverse, fits + "x\r\n\r\nmore", 9).out == fits + "x\r\n\r\nmore");
}

TEST_CASE("reverse: the value of Host and not one octet more") {
  CHECK(reverse("POST /v1/chat HTTP/1.1\r\nA:b\r\nhost:\t127.0.0.1:8801  \r\nC:  d\r\n" + kBody) ==
        "POST /v1/chat HTTP/1.1\r\nA:b\r\nhost:\tapi.openai.com  \r\nC:  d\r\n" + kBody);
  const std::string right = "GET / HTTP/1.1\r\nHost: API.OpenAI.com\r\nProxy-Connection: x\r\n\r\n";
  CHECK(reverse(right) == right);
  const std::string none = "GET / HTTP/1.0\r\n\r\n";
  CHECK(reverse(none) == none);  // no header is added
  CHECK(reverse("\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n") ==
        "\r\nGET / HTTP/1.1\r\nHost: api.openai.com\r\n\r\n");
}

TEST_CASE("reverse: what cannot be read goes on as it is, and all after it") {
  for (const std::string head :
       {"GET / HTTP/1.1\nHost: x\n\n", "GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n folded\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"}) {
    CAPTURE(head);
    const std::string all = head + "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    CHECK(reverse(all) == all);
  }
  CHECK(reverse("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nHost: "
                "x\r\n\r\n") ==
        "POST / HTTP/1.1\r\nHost: api.openai.com\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"
        "Host: x\r\n\r\n");
}

TEST_CASE("what the answer has to be known for") {
  RequestRewriter rewriter(Kind::reverse, "h");
  Bytes input = "GET /ws HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n\r\nframes";
  CHECK(rewriter.next(input).found == Found::request);
  CHECK(rewriter.request().switches);
  CHECK(!rewriter.between_requests());
  CHECK(rewriter.next(input).found == Found::octets);
  CHECK(rewriter.between_requests());
  rewriter.set_opaque();
  CHECK(rewriter.next(input).octets == "frames");
  CHECK(rewriter.next(input).found == Found::more);
}
