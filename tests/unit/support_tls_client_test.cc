// Client against provider, nothing in between: every way to end is told apart from every other, on
// both sides, with TLS and without.
#include "support/tls_client.h"

#include <doctest/doctest.h>

#include "support/fake_provider.h"
#include "support/openai_stream.h"
#include "support/temp_dir.h"

using namespace llmrec::support;

namespace {

struct Ends {
  TempDir dir;
  TestCa ca{dir.path()};

  ProviderOptions provider(bool tls, Script script) const {
    ProviderOptions options = tls ? provider_with(ca) : ProviderOptions{};
    options.handler = [script = std::move(script)](const Request&) { return script; };
    return options;
  }
  ClientOptions client(const FakeProvider& p, bool tls) const {
    ClientOptions options{.port = p.port()};
    if (tls) options.tls = ClientTls{.ca_file = ca.file(), .name = "api.openai.com"};
    return options;
  }
};

const std::string kRequest =
    render({.headers = {{"Content-Type", "application/json"}}, .body = openai::request_json({})});

const char* expected_end(How how, bool tls) {
  if (how == How::rst) return "reset";
  return how == How::fin || !tls ? "fin" : "close_notify+fin";
}

Answer answer_of(Framing framing) {
  Answer answer = events({"data: 1\n\n", "data: 22\n\n", "data: [DONE]\n\n"});
  answer.framing = framing;
  return answer;
}

}  // namespace

TEST_CASE("support endings: framing x how x where, with TLS and without") {
  const Ends ends;
  for (const bool tls : {true, false}) {
    for (const Framing framing : {Framing::chunked, Framing::length, Framing::close}) {
      const Script whole = play(answer_of(framing));
      const std::uint64_t size = bytes_sent_by(whole);
      for (const How how : {How::fin, How::rst, How::close_notify}) {
        for (const std::uint64_t n : {std::uint64_t{0}, std::uint64_t{40}, size - 5, size}) {
          const Script script = cut_at(whole, n, how);
          FakeProvider provider(ends.provider(tls, script));
          TlsClient client(ends.client(provider, tls));
          REQUIRE(client.connect().has_value());
          REQUIRE(client.send(kRequest));
          const auto got = client.read_to_end();
          CHECK(got.bytes == text_sent_by(whole).substr(0, static_cast<std::size_t>(n)));
          CHECK(got.sha256 == sha256_hex(got.bytes));
          CHECK(got.end == expected_end(how, tls));
          CHECK(got.ending == (how == How::rst   ? Ending::reset
                               : how == How::fin ? Ending::fin
                               : tls             ? Ending::close_notify
                                                 : Ending::fin));
          client.close();
          REQUIRE(provider.wait_finished(1));
          const auto log = provider.logs()[0];
          CHECK(log.problems.empty());
          CHECK(log.sent_bytes == n);
          CHECK(log.bytes == kRequest);
        }
      }
    }
  }
}

TEST_CASE("support endings: a cut at every byte arrives whole, with its ending") {
  const Ends ends;
  const std::string whole = text_sent_by(play(answer_of(Framing::chunked)));
  // The target carries the wish, so that one provider serves all.
  const auto handler = [](const Request& request) {
    const auto n = std::stoull(request.target.substr(2));
    const How how = request.target[1] == 'r' ? How::rst : How::fin;
    return cut_at(play(answer_of(Framing::chunked)), n, how);
  };
  for (const bool tls : {false, true}) {
    ProviderOptions options = ends.provider(tls, {});
    options.handler = handler;
    FakeProvider provider(std::move(options));
    const std::size_t stride = tls ? 11 : 1;
    for (std::size_t n = 0; n <= whole.size(); n += stride) {
      for (const bool rst : {true, false}) {
        TlsClient client(ends.client(provider, tls));
        REQUIRE(client.connect().has_value());
        REQUIRE(client.send("GET /" + std::string(rst ? "r" : "f") + std::to_string(n) +
                            " HTTP/1.1\r\n\r\n"));
        const auto got = client.read_to_end();
        REQUIRE(got.bytes == whole.substr(0, n));
        REQUIRE(got.end == (rst ? "reset" : "fin"));
      }
    }
  }
}

TEST_CASE("support endings: how the client ended is in the provider's log") {
  const Ends ends;
  for (const bool tls : {true, false}) {
    for (const std::string how : {"half_close", "shut_write", "reset", "close_notify"}) {
      if (!tls && how == "close_notify") continue;
      CAPTURE(how);
      FakeProvider provider(ends.provider(
          tls, {Send{"HTTP/1.1 200 OK\r\n\r\nab"}, WaitFor{"go"}, Send{"cd"}, Fin{}}));
      TlsClient client(ends.client(provider, tls));
      REQUIRE(client.connect().has_value());
      REQUIRE(client.send(kRequest));
      REQUIRE(client.read_until("ab"));
      if (how == "half_close") REQUIRE(client.half_close());
      if (how == "shut_write") REQUIRE(client.shut_write());
      if (how == "close_notify") REQUIRE(client.close_notify());
      if (how == "reset") REQUIRE(client.reset());
      const bool only_tls = how == "close_notify";
      REQUIRE(provider.wait_for(0, [&](const ConnectionLog& log) {
        return only_tls ? log.client_end.close_notify : log.client_end.tcp != PeerEnd::Tcp::open;
      }));
      CHECK(provider.logs()[0].client_end.text() == (how == "reset" ? "reset"
                                                     : only_tls     ? "close_notify"
                                                     : tls && how == "half_close"
                                                         ? "close_notify+fin"
                                                         : "fin"));
      provider.open_gate("go");
      if (how != "reset") {
        // A half-closed connection still carries the rest of the answer.
        const auto got = client.read_to_end();
        CHECK(got.bytes.ends_with("abcd"));
        CHECK(got.end == "fin");
        client.close();
      }
      REQUIRE(provider.wait_finished(1));
    }
  }
}

TEST_CASE("support endings: a client that closes with unread bytes resets") {
  const Ends ends;
  FakeProvider provider(ends.provider(true, {Send{std::string(100'000, 'x')}, ReadUntilEof{}}));
  TlsClient client(ends.client(provider, true));
  REQUIRE(client.connect().has_value());
  client.pause_reading(true);
  REQUIRE(client.send(kRequest));
  REQUIRE(provider.wait_for(0, [](const ConnectionLog& l) { return !l.sends.empty(); }));
  client.close();
  REQUIRE(provider.wait_finished(1));
  CHECK(provider.logs()[0].client_end.text() == "reset");
}

TEST_CASE("support tls_client: bytes arrive as sent, whatever the cuts") {
  const Ends ends;
  for (const bool tls : {true, false}) {
    FakeProvider provider(ends.provider(tls, play(json("{}"))));
    std::string expected;
    TlsClient client(ends.client(provider, tls));
    REQUIRE(client.connect().has_value());
    for (const std::size_t split : {1u, 2u, 7u, 100u, 0u}) {
      REQUIRE(client.send(kRequest, split));
      expected += kRequest;
    }
    REQUIRE(client.send_split(kRequest, {3, 1, 50}));
    expected += kRequest;
    const std::string one = text_sent_by(play(json("{}")));
    REQUIRE(client.read_bytes(6 * one.size()));
    REQUIRE(client.half_close());
    const auto got = client.read_to_end();
    CHECK(got.bytes == one + one + one + one + one + one);
    REQUIRE(provider.wait_finished(1));
    const auto log = provider.logs()[0];
    CHECK(log.bytes == expected);
    CHECK(log.received_sha256 == sha256_hex(expected));
    CHECK(log.requests.size() == 6);
  }
}

TEST_CASE("support tls_client: a silent server ends in a timeout, a closed port in an error") {
  const Ends ends;
  std::uint16_t port = 0;
  {
    FakeProvider provider(ends.provider(false, {ReadUntilEof{}}));
    port = provider.port();
    TlsClient client(ends.client(provider, false));
    REQUIRE(client.connect().has_value());
    REQUIRE(client.send(kRequest));
    client.set_timeout(30);
    const auto got = client.read_to_end();
    CHECK(got.ending == Ending::timeout);
    CHECK(got.end == "open");
  }
  TlsClient client({.port = port});
  const auto connected = client.connect();
  REQUIRE_FALSE(connected.has_value());
  CHECK(connected.error().code == llmrec::Code::io);
}

TEST_CASE("support tls_client: through a proxy, accepted and refused") {
  const Ends ends;
  ProviderOptions options = ends.provider(true, play(json("{}")));
  options.before_tls = {ReadHead{}, Send{"HTTP/1.1 200 Connection established\r\nX: y\r\n\r\n"}};
  FakeProvider proxy(std::move(options));
  ClientOptions through = ends.client(proxy, true);
  through.via = Hop{.port = proxy.port(), .target = "api.openai.com:443"};
  TlsClient client(through);
  REQUIRE(client.connect().has_value());
  CHECK(client.proxy_answer() == "HTTP/1.1 200 Connection established\r\nX: y\r\n\r\n");
  CHECK(client.peer_name() == "api.openai.com");
  CHECK(client.peer_issuer() == "llmrec test root");
  REQUIRE(client.send(kRequest));
  CHECK(client.read_until("{}"));
  REQUIRE(proxy.wait_for(0, [](const ConnectionLog& l) { return l.requests.size() == 1; }));
  CHECK(proxy.logs()[0].before_tls ==
        "CONNECT api.openai.com:443 HTTP/1.1\r\nHost: api.openai.com:443\r\n\r\n");

  FakeProvider refuses(
      ends.provider(false, {Send{"HTTP/1.1 502 Bad Gateway\r\n\r\nwhy"}, Close{}}));
  through.via = Hop{.port = refuses.port(), .request = "CONNECT x:1 HTTP/1.0\r\n\r\n"};
  TlsClient other(through);
  const auto connected = other.connect();
  REQUIRE_FALSE(connected.has_value());
  CHECK(connected.error().detail.find("502") != std::string::npos);
  CHECK(other.proxy_answer().ends_with("why"));
  REQUIRE(refuses.wait_for(0, [](const ConnectionLog& l) { return l.requests.size() == 1; }));
  CHECK(refuses.logs()[0].requests[0].target == "x:1");
}
