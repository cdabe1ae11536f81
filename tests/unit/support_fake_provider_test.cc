#include "support/fake_provider.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "support/openai_stream.h"
#include "support/temp_dir.h"
#include "support/tls_client.h"

using namespace llmrec::support;

namespace {

TlsClient connected(ClientOptions options) {
  TlsClient client(std::move(options));
  const auto done = client.connect();
  CAPTURE((done ? std::string() : done.error().detail));
  REQUIRE(done.has_value());
  return client;
}

TlsClient plain(const FakeProvider& provider) { return connected({.port = provider.port()}); }

std::string get(const std::string& target) {
  return "GET " + target + " HTTP/1.1\r\nHost: x\r\n\r\n";
}

}  // namespace

TEST_CASE("support fake_provider: keep-alive and pipelining answer in order") {
  ProviderOptions options;
  options.handler = [](const Request& r) { return play(json("\"" + r.target + "\"")); };
  FakeProvider provider(std::move(options));
  TlsClient client = plain(provider);
  REQUIRE(client.send(get("/a")));
  REQUIRE(client.read_until("\"/a\""));
  REQUIRE(client.send(get("/b") + get("/c")));
  REQUIRE(client.read_until("\"/c\""));
  const std::string all = client.received().bytes;
  CHECK(all.find("\"/b\"") < all.find("\"/c\""));

  REQUIRE(client.send("GET /d HTTP/1.1\r\nConnection: close\r\n\r\n"));
  CHECK(client.read_to_end().end == "fin");
  client.close();
  REQUIRE(provider.wait_finished(1));
  const auto log = provider.logs()[0];
  REQUIRE(log.requests.size() == 4);
  CHECK(log.requests[1].target == "/b");
  CHECK(log.requests[0].complete_at >= log.requests[0].head_at);
  CHECK(log.sends.back().offset == log.sent_bytes);
  CHECK(log.accepted_at <= *log.first_byte_at);
  CHECK(*log.first_byte_at <= log.sends.front().at);
  CHECK(log.sends.front().at <= log.client_end.tcp_at);
}

TEST_CASE("support fake_provider: a gate holds the answer until the test opens it") {
  ProviderOptions options;
  options.handler = [](const Request&) {
    Answer answer = events({"data: 1\n\n", "data: 2\n\n"});
    answer.before[1] = {WaitFor{"second"}};
    return play(answer);
  };
  FakeProvider provider(std::move(options));
  TlsClient client = plain(provider);
  REQUIRE(client.send(get("/")));
  REQUIRE(client.read_until("data: 1"));
  REQUIRE(provider.wait_for(0, [](const ConnectionLog& l) { return l.waiting_for == "second"; }));
  CHECK(client.received().bytes.find("data: 2") == std::string::npos);
  provider.open_gate("second");
  CHECK(client.read_until("data: 2\n\n\r\n0\r\n\r\n"));
}

TEST_CASE("support fake_provider: a gate that opens the moment it is reached is not missed") {
  ProviderOptions options;
  options.handler = [](const Request& r) {
    return Script{WaitFor{r.target}, Send{"HTTP/1.1 204 No Content\r\n\r\n"}};
  };
  FakeProvider provider(std::move(options));
  for (std::size_t i = 0; i < 300; ++i) {
    const std::string gate = "/" + std::to_string(i);
    TlsClient client = plain(provider);
    REQUIRE(client.send(get(gate)));
    REQUIRE(provider.wait_for(i, [&](const ConnectionLog& l) { return l.waiting_for == gate; }));
    provider.open_gate(gate);
    REQUIRE(client.read_until("204"));
  }
}

TEST_CASE("support fake_provider: 100-continue, and an early answer that never reads the body") {
  ProviderOptions options;
  options.at_head = [](const Request& r) -> std::optional<Script> {
    if (r.target == "/refuse") return play(json("{}", 417));
    return std::nullopt;
  };
  options.handler = [](const Request& r) { return play(json("\"" + r.body + "\"")); };
  FakeProvider provider(std::move(options));
  TlsClient client = plain(provider);
  REQUIRE(client.send("POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n"));
  REQUIRE(client.read_until("HTTP/1.1 100 Continue\r\n\r\n"));
  REQUIRE(client.send("body"));
  REQUIRE(client.read_until("\"body\""));

  REQUIRE(
      client.send("POST /refuse HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n"));
  REQUIRE(client.read_until("417"));
  REQUIRE(provider.wait_for(0, [](const ConnectionLog& l) { return !l.open_head.empty(); }));
  REQUIRE(client.send("body" + get("/next")));  // the body is passed over, not answered again
  REQUIRE(client.read_until("\"\""));
  CHECK(client.received().bytes.find("417", client.received().bytes.find("417") + 1) ==
        std::string::npos);
}

TEST_CASE("support fake_provider: an upload beyond the cap is counted and digested") {
  ProviderOptions options;
  FakeProvider provider(std::move(options));
  TlsClient client = plain(provider);
  const std::uint64_t size = kTranscriptCap + 100'000;
  const std::string head =
      "POST / HTTP/1.1\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n";
  Sha256 sent;
  sent.update(head);
  REQUIRE(client.send(head));
  for (std::uint64_t at = 0; at < size; at += 1 << 20) {
    std::string piece;
    append_bulk(piece, at, static_cast<std::size_t>(std::min<std::uint64_t>(1 << 20, size - at)));
    sent.update(piece);
    REQUIRE(client.send(piece));
  }
  REQUIRE(provider.wait_for(0, [](const ConnectionLog& l) { return l.requests.size() == 1; }));
  CHECK(provider.wait_for(0, [&](const ConnectionLog& l) {
    return l.bytes.size() == kTranscriptCap && l.received_bytes == head.size() + size &&
           l.received_sha256 == sent.hex() && l.requests[0].body_bytes == size &&
           l.requests[0].body_sha256 == bulk_sha256(size);
  }));
}

TEST_CASE("support fake_provider: a provider that does not read stops the sender") {
  ProviderOptions options;
  options.at_head = [](const Request&) {
    return Script{Reading{false}, WaitFor{"read"}, Reading{true}, Send{"HTTP/1.1 200 OK\r\n"}};
  };
  FakeProvider provider(std::move(options));
  TlsClient client = plain(provider);
  REQUIRE(client.send("POST / HTTP/1.1\r\nContent-Length: 64000000\r\n\r\n"));
  REQUIRE(provider.wait_for(0, [](const ConnectionLog& l) { return l.waiting_for == "read"; }));
  client.set_timeout(300);
  CHECK_FALSE(client.send(std::string(64'000'000, 'x')));
  client.set_timeout(10'000);
  CHECK(provider.logs()[0].received_bytes < 1'000'000);
  provider.open_gate("read");
  CHECK(client.read_until("200 OK"));
}

TEST_CASE("support fake_provider: what TLS agreed on is in the log") {
  const TempDir dir;
  const TestCa ca(dir.path());
  const auto client_files = ca.write(ca.leaf(LeafKind::client_only, {"the-app"}), "client");
  ProviderOptions options = provider_with(ca);
  options.tls->max_version = TLS1_2_VERSION;
  options.tls->client_certificate = ServerTls::ClientCertificate::required;
  options.tls->client_ca_pem = ca.pem();
  FakeProvider provider(std::move(options));
  ClientTls tls{.ca_file = ca.file(), .name = "api.openai.com", .alpn = {"h2", "http/1.1"}};
  tls.certificate_file = client_files.chain;
  tls.key_file = client_files.key;
  TlsClient client = connected({.port = provider.port(), .tls = tls});
  CHECK(client.tls().alpn == "http/1.1");
  REQUIRE(client.send(get("/")));
  REQUIRE(client.read_until("200 OK"));
  const auto log = provider.logs()[0];
  CHECK(log.tls.version == "TLSv1.2");
  CHECK(log.tls.sni == "api.openai.com");
  CHECK(log.tls.alpn_offered == std::vector<std::string>{"h2", "http/1.1"});
  CHECK(log.tls.alpn == "http/1.1");
  CHECK(log.tls.client_certificate == "the-app");

  tls.certificate_file.clear();
  TlsClient anonymous({.port = provider.port(), .tls = tls});
  CHECK_FALSE(anonymous.connect().has_value());
}

TEST_CASE("support fake_provider: old versions, and an ALPN that nobody shares") {
  const TempDir dir;
  const TestCa ca(dir.path());
  ProviderOptions options = provider_with(ca);
  options.tls->min_version = options.tls->max_version = TLS1_1_VERSION;
  FakeProvider old(std::move(options));
  ClientTls tls{.ca_file = ca.file(), .name = "api.openai.com"};
  TlsClient modern({.port = old.port(), .tls = tls});
  CHECK_FALSE(modern.connect().has_value());
  tls.min_version = TLS1_1_VERSION;
  CHECK(connected({.port = old.port(), .tls = tls}).tls().version == "TLSv1.1");

  options = provider_with(ca);
  options.tls->refuse_other_alpn = true;
  FakeProvider strict(std::move(options));
  TlsClient h2({.port = strict.port(),
                .tls = ClientTls{.ca_file = ca.file(), .name = "localhost", .alpn = {"h2"}}});
  CHECK_FALSE(h2.connect().has_value());
  CHECK(h2.tls().alert_received == 120);  // no_application_protocol
}

TEST_CASE("support fake_provider: faults before TLS") {
  const TempDir dir;
  const TestCa ca(dir.path());
  const ClientTls tls{.ca_file = ca.file(), .name = "localhost"};
  const auto failure = [&](Script script) {
    ProviderOptions options = provider_with(ca);
    options.before_tls = std::move(script);
    FakeProvider provider(std::move(options));
    TlsClient client({.port = provider.port(), .tls = tls});
    const auto done = client.connect();
    return done ? std::string("none") : done.error().detail;
  };
  CHECK(failure({ReadRaw{5}, Rst{}}).find("reset") != std::string::npos);
  CHECK(failure({ReadRaw{5}, Fin{}}).find("fin") != std::string::npos);
  CHECK(failure({Send{"HTTP/1.1 400 Bad Request\r\n\r\n"}, ReadUntilEof{}}).starts_with("TLS: "));
  CHECK(failure({ReadRaw{100}, Delay{1}}) == "none");  // what was read is not lost
}

TEST_CASE("support fake_provider: bytes that are no HTTP, before and after an upgrade") {
  ProviderOptions options;
  options.handler = [](const Request&) {
    return Script{Send{"HTTP/1.1 101 Switching Protocols\r\n\r\n"}, Raw{}, ReadRaw{4}, Send{"pong"},
                  Close{}};
  };
  FakeProvider provider(std::move(options));
  TlsClient client = plain(provider);
  REQUIRE(client.send(get("/ws")));
  REQUIRE(client.read_until("101"));
  REQUIRE(client.send("\x81\x02zz"));
  CHECK(client.read_to_end().bytes.ends_with("pong"));

  TlsClient junk = plain(provider);
  REQUIRE(junk.send("\x16\x03\x01\r\n\r\n"));
  CHECK(junk.read_to_end().bytes.empty());
  REQUIRE(provider.wait_for(1, [](const ConnectionLog& l) { return !l.problems.empty(); }));
}

TEST_CASE("support fake_provider: scripts may read further requests and end with them") {
  ProviderOptions options;
  options.at_open = {Send{"hello "}};
  options.handler = [](const Request&) {
    return Script{Send{"one "}, ReadRequest{}, Send{"two "}, Loop{}, Send{"never"}};
  };
  FakeProvider provider(std::move(options));
  TlsClient client = plain(provider);
  REQUIRE(client.send(get("/1") + get("/2") + get("/3")));
  REQUIRE(client.read_until("hello one two one "));
  REQUIRE(client.half_close());
  CHECK(client.read_to_end().bytes == "hello one two one ");
}

TEST_CASE("support fake_provider: many at once, and stop() with all of them open") {
  const TempDir dir;
  const TestCa ca(dir.path());
  FakeProvider provider(provider_with(ca));
  const std::string request =
      render({.headers = {{"x-fake", "scene=text; chunks=50; coding=gzip"}}, .body = "{}"});
  std::vector<std::thread> threads;
  std::atomic<int> whole = 0;
  for (int i = 0; i < 16; ++i) {
    threads.emplace_back([&] {
      TlsClient client(
          {.port = provider.port(), .tls = ClientTls{.ca_file = ca.file(), .name = "localhost"}});
      if (!client.connect()) return;
      for (int k = 0; k < 3; ++k) client.send(request);
      client.half_close();
      const auto parsed = parse_http(HttpReader::Kind::response, client.read_to_end().bytes, true);
      whole += parsed.whole && parsed.messages.size() == 3 ? 1 : 0;
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(whole == 16);

  std::vector<std::unique_ptr<TlsClient>> open;
  for (int i = 0; i < 5; ++i) {
    open.push_back(std::make_unique<TlsClient>(ClientOptions{.port = provider.port()}));
    REQUIRE(open.back()->connect().has_value());
  }
  provider.stop();
  CHECK(provider.logs().size() >= 16);
  CHECK_FALSE(TlsClient({.port = provider.port()}).connect().has_value());
}
