#include "relay/http_leg.h"

#include <doctest/doctest.h>

#include <string>

#include "base/limits.h"

using namespace llmrec;
using namespace llmrec::relay;

namespace {

using Kind = HttpLeg::Kind;
using Next = HttpLeg::Next;

// What goes on until something else than octets comes; `input` keeps what has to wait.
Next drain(HttpLeg& leg, Bytes& input, std::string& sent) {
  for (;;) {
    const HttpLeg::Step step = leg.next(input);
    if (step.next != Next::send) return step.next;
    sent.append(step.octets);
  }
}

const std::string kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

std::string get(const std::string& host) {
  return "GET http://" + host + "/ HTTP/1.1\r\nHost: " + host + "\r\n\r\n";
}

}  // namespace

TEST_CASE("the first request has to be routed, more to the same place need not") {
  HttpLeg leg(Kind::forward);
  const std::string text = get("a") + get("a");
  Bytes input = text;
  std::string sent;
  CHECK(drain(leg, input, sent) == Next::route);
  CHECK(leg.request().to.host == "a");
  CHECK(sent.empty());
  leg.routed();
  CHECK(drain(leg, input, sent) == Next::more);
  CHECK(sent == "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK(leg.wants_more());
  CHECK(!leg.idle());
  leg.answered(kOk);
  CHECK(!leg.idle());
  leg.answered(kOk.substr(0, 10));
  leg.answered(kOk.substr(10));
  CHECK(leg.idle());
}

TEST_CASE("another place waits for the answers, interim ones do not count") {
  HttpLeg leg(Kind::forward);
  const std::string text = get("a") + get("b") + get("b");
  Bytes input = text;
  std::string sent;
  CHECK(drain(leg, input, sent) == Next::route);
  leg.routed();
  CHECK(drain(leg, input, sent) == Next::more);
  CHECK(!leg.wants_more());
  CHECK(input.size() == get("b").size());
  leg.answered("HTTP/1.1 100 Continue\r\n\r\n" + kOk.substr(0, kOk.size() - 1));
  CHECK(drain(leg, input, sent) == Next::more);
  leg.answered("k");
  CHECK(drain(leg, input, sent) == Next::route);
  CHECK(leg.request().to.host == "b");
  leg.routed();
  sent.clear();
  CHECK(drain(leg, input, sent) == Next::more);
  CHECK(leg.wants_more());
  CHECK(sent == "GET / HTTP/1.1\r\nHost: b\r\n\r\nGET / HTTP/1.1\r\nHost: b\r\n\r\n");
}

TEST_CASE("the scheme and the user are part of the place") {
  HttpLeg leg(Kind::forward);
  std::string sent;
  const std::string first = get("a");
  Bytes input = first;
  CHECK(drain(leg, input, sent) == Next::route);
  leg.routed();
  drain(leg, input, sent);
  leg.answered(kOk);
  const std::string tls = "GET https://a:80/ HTTP/1.1\r\nHost: a\r\n\r\n";
  input = tls;
  CHECK(drain(leg, input, sent) == Next::route);
  leg.routed();
  drain(leg, input, sent);
  leg.answered(kOk);
  const std::string user = "GET https://a:80/ HTTP/1.1\r\nProxy-Authorization: Basic YTpi\r\n\r\n";
  input = user;
  CHECK(drain(leg, input, sent) == Next::route);
  CHECK(leg.request().user == "a");
}

TEST_CASE("answers without a body are whole at their head") {
  HttpLeg leg(Kind::reverse, "h");
  std::string sent;
  const std::string head = "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n";
  Bytes input = head;
  drain(leg, input, sent);
  CHECK(!leg.idle());
  leg.answered("HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n");
  CHECK(leg.idle());
}

TEST_CASE("what follows a request for another protocol waits for the answer") {
  const std::string text =
      "POST /ws HTTP/1.1\r\nHost: h\r\nUpgrade: x\r\nContent-Length: 2\r\n\r\nabGET junk";
  for (const bool switches : {true, false}) {
    CAPTURE(switches);
    HttpLeg leg(Kind::reverse, "h");
    Bytes input = text;
    std::string sent;
    CHECK(drain(leg, input, sent) == Next::more);
    CHECK(!leg.wants_more());
    CHECK(sent == text.substr(0, text.size() - 8));  // its own body does not wait
    leg.answered(switches ? "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n" : kOk);
    CHECK(drain(leg, input, sent) == Next::more);
    CHECK(leg.wants_more());
    CHECK((sent == text) == switches);  // else the beginning of a head, which is kept
    leg.answered("\x01\x02");
  }
}

TEST_CASE("refusing waits for the answers that are due") {
  HttpLeg leg(Kind::forward);
  const std::string text = get("a") + "GET / HTTP/1.1\r\n\r\n";
  Bytes input = text;
  std::string sent;
  CHECK(drain(leg, input, sent) == Next::route);
  leg.routed();
  CHECK(drain(leg, input, sent) == Next::more);
  CHECK(!leg.wants_more());
  SUBCASE("they come") {
    leg.answered(kOk);
    CHECK(drain(leg, input, sent) == Next::refuse);
    CHECK(leg.refuse_status() == 400);
  }
  SUBCASE("they cannot be read") {
    leg.answered("nonsense\r\n\r\n");
    CHECK(drain(leg, input, sent) == Next::give_up);
  }
}

TEST_CASE("requests wait where too many answers are due") {
  HttpLeg leg(Kind::reverse, "a");
  std::string text;
  for (std::size_t i = 0; i < limits::kAnswersDueMax + 2; ++i) text += "GET / HTTP/1.1\r\n\r\n";
  Bytes input = text;
  std::string sent;
  CHECK(drain(leg, input, sent) == Next::more);
  CHECK(!leg.wants_more());
  CHECK(sent.size() == limits::kAnswersDueMax * 18);
  leg.answered(kOk);
  CHECK(drain(leg, input, sent) == Next::more);
  CHECK(sent.size() == (limits::kAnswersDueMax + 1) * 18);
  leg.answered(kOk);
  CHECK(drain(leg, input, sent) == Next::more);
  CHECK(sent == text);
  CHECK(leg.wants_more());
  // Nobody waits for answers that cannot be told apart any more.
  leg.answered("nonsense\r\n\r\n");
  input = text;
  sent.clear();
  CHECK(drain(leg, input, sent) == Next::more);
  CHECK(sent == text);
}

TEST_CASE("an answer that ends with the connection") {
  HttpLeg leg(Kind::reverse, "h");
  const std::string text = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
  Bytes input = text;
  std::string sent;
  drain(leg, input, sent);
  leg.answered("HTTP/1.1 200 OK\r\n\r\nsome");
  CHECK(leg.body_until_close());
  CHECK(!leg.idle());
}
