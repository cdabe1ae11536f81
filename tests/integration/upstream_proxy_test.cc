// --upstream-proxy: everything goes out through a corporate proxy, but for what --no-proxy covers.
// The proxy here is a provider that reads a CONNECT before its TLS.
#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include "rig.h"

using namespace llmrec;
using namespace llmrec::integration;
using record::ErrorType;
using record::Stage;
using record::Status;

namespace {

constexpr const char* kCredentials = "Basic dGVhbTpodW50ZXIy";  // team:hunter2
const std::string kGranted = "HTTP/1.1 200 Connection established\r\nVia: 1.1 corp\r\n\r\n";

Script short_answer() { return play(events(openai::text(words(3)).events)); }

// The rig's provider is the proxy, and what is behind it.
RigOptions proxied(Script to_connect, std::vector<std::string> more = {}) {
  RigOptions options = answering(short_answer());
  options.provider.before_tls = std::move(to_connect);
  options.flags = {"--upstream-proxy", "http://team:hunter2@127.0.0.1:{port}"};
  options.flags.insert(options.flags.end(), more.begin(), more.end());
  return options;
}

void check_no_secret(Rig& rig) {
  rig.recorder().stop();
  for (const std::string secret : {"hunter2", "dGVhbTpodW50ZXIy"}) {
    CHECK(rig.recorder().log().find(secret) == std::string::npos);
    CHECK(read_file(rig.recorder().store() + "/data.mdb").find(secret) == std::string::npos);
  }
}

std::string connect_answer(Rig& rig) {
  TlsClient client({.port = rig.recorder().port(), .timeout_ms = kPatienceMs});
  REQUIRE(client.connect().has_value());
  REQUIRE(client.send("CONNECT " + kAuthority + " HTTP/1.1\r\n\r\n"));
  return client.read_to_end().bytes;
}

}  // namespace

TEST_CASE("integration upstream proxy: a recorded call goes through it") {
  for (const bool in_pieces : {false, true}) {
    CAPTURE(in_pieces);
    Script granted = {ReadHead{}};
    if (in_pieces) {
      for (const char c : kGranted) granted.push_back(Send{std::string(1, c)});
    } else {
      granted.push_back(Send{kGranted});
    }
    Rig rig(proxied(granted));
    TlsClient client = rig.connect();
    REQUIRE(client.send(chat()));
    REQUIRE(client.read_bytes(bytes_sent_by(short_answer())));
    CHECK(client.received().bytes == text_sent_by(short_answer()));
    client.half_close();
    client.read_to_end();
    const ConnectionLog log = rig.finished();
    // --connect-to says where the host is, as with curl: that is what the proxy is asked for.
    CHECK(log.before_tls.starts_with("CONNECT 127.0.0.1:"));
    CHECK(log.before_tls.find(std::string("\r\nProxy-Authorization: ") + kCredentials + "\r\n") !=
          std::string::npos);
    CHECK(log.tls.sni == kHost);
    CHECK(log.bytes == chat());
    const record::Record r = rig.recorder().only_record();
    CHECK(r.status == Status::ok);
    CHECK(r.host == kHost);
    CHECK(r.time_to_connect_ns.has_value());
    check_no_secret(rig);
  }
}

TEST_CASE("integration upstream proxy: names are left for it to resolve") {
  FakeProvider proxy({.before_tls = {ReadHead{}, Send{"HTTP/1.1 503 no\r\n\r\n"}, Fin{}}});
  TempDir dir;
  Recorder recorder(
      {.home = dir.path(),
       .flags = {"--upstream-proxy", "http://127.0.0.1:" + std::to_string(proxy.port())}});
  TlsClient client({.port = recorder.port(), .timeout_ms = kPatienceMs});
  REQUIRE(client.connect().has_value());
  REQUIRE(client.send("CONNECT API.OpenAI.com:443 HTTP/1.1\r\n\r\n"));
  CHECK(client.read_to_end().bytes.starts_with("HTTP/1.1 502 "));
  REQUIRE(proxy.wait_finished(1));
  CHECK(proxy.logs()[0].before_tls ==
        "CONNECT API.OpenAI.com:443 HTTP/1.1\r\nHost: API.OpenAI.com:443\r\n\r\n");
}

TEST_CASE("integration upstream proxy: what is not opened goes through it as well") {
  // What a server says at once may come together with the proxy's answer.
  FakeProvider proxy({.before_tls = {ReadHead{}, Send{kGranted + "220 hello\r\n"}},
                      .at_open = {Raw{}, ReadRaw{4}, Send{"pong"}, ReadUntilEof{}, Close{}}});
  TempDir dir;
  Recorder recorder(
      {.home = dir.path(),
       .flags = {"--upstream-proxy", "http://127.0.0.1:" + std::to_string(proxy.port())}});
  ClientOptions options{.timeout_ms = kPatienceMs};
  options.via = Hop{.port = recorder.port(), .target = "mail.example:25"};
  TlsClient client = Rig::connect(options);
  REQUIRE(client.read_until("220 hello\r\n"));
  REQUIRE(client.send("ping"));
  REQUIRE(client.read_until("pong"));
  client.shut_write();
  CHECK(client.read_to_end().end == "fin");
}

TEST_CASE("integration upstream proxy: --no-proxy goes past it") {
  const std::string nowhere = "http://127.0.0.1:9";
  RigOptions options = answering(short_answer());
  options.flags = {"--upstream-proxy", nowhere, "--no-proxy", "localhost,.openai.com"};
  Rig rig(std::move(options));
  TlsClient client = rig.connect();
  REQUIRE(client.send(chat()));
  REQUIRE(client.read_bytes(bytes_sent_by(short_answer())));
  CHECK(rig.recorder().only_record().status == Status::ok);
}

namespace {

struct Failure {
  Script script;
  const char* status;
  const char* error;
  const char* detail;
};

}  // namespace

TEST_CASE("integration upstream proxy: how it can fail") {
  const std::vector<Failure> failures = {
      {{ReadHead{}, Send{"HTTP/1.1 407 Auth\r\nContent-Length: 0\r\n\r\n"}, Fin{}},
       "HTTP/1.1 502 ",
       "proxy_configuration_error",
       "status_407"},
      {{ReadHead{}, Send{"HTTP/1.1 403 No\r\n\r\n"}, Fin{}},
       "HTTP/1.1 502 ",
       "destination_unavailable",
       "status_403"},
      {{ReadHead{}, Send{"SSH-2.0-x\r\n"}, Fin{}},
       "HTTP/1.1 502 ",
       "http_protocol_error",
       "malformed_answer"},
      {{ReadHead{}, Send{"HTTP/1.1 20"}, Fin{}}, "HTTP/1.1 502 ", "connection_terminated", "eof"},
      {{ReadHead{}, Rst{}}, "HTTP/1.1 502 ", "connection_terminated", "ECONNRESET"},
      {{ReadHead{}, WaitFor{"never"}}, "HTTP/1.1 504 ", "connection_timeout", "ETIMEDOUT"},
  };
  for (const Failure& failure : failures) {
    const std::string detail = failure.detail;
    CAPTURE(detail);
    Rig rig(proxied(failure.script, {"--connect-timeout", "1s"}));
    const std::string answer = connect_answer(rig);
    CHECK(answer.starts_with(failure.status));
    CHECK(answer.find(std::string("error=") + failure.error) != std::string::npos);
    const record::Record r = rig.recorder().only_record();
    CHECK(r.status == Status::failed);
    CHECK(r.failure_stage == Stage::before_request);
    CHECK(r.error_type == ErrorType::upstream_proxy_failed);
    CHECK(r.error_detail == detail);
    CHECK(r.retryable == true);
    rig.provider().open_gate("never");
    check_no_secret(rig);
  }
}

TEST_CASE("integration upstream proxy: nobody listens where it should be") {
  RigOptions options;
  FakeProvider gone({});
  options.flags = {"--upstream-proxy", "http://127.0.0.1:" + std::to_string(gone.port())};
  gone.stop();
  Rig rig(std::move(options));
  const std::string answer = connect_answer(rig);
  CHECK(answer.starts_with("HTTP/1.1 502 "));
  CHECK(answer.find("the upstream proxy 127.0.0.1:") != std::string::npos);
  const record::Record r = rig.recorder().only_record();
  CHECK(r.error_type == ErrorType::upstream_proxy_failed);
  CHECK(r.error_detail == "ECONNREFUSED");
}

TEST_CASE("integration upstream proxy: a client that is not ours to open goes blind through it") {
  RigOptions options = proxied({ReadHead{}, Send{kGranted}});
  options.provider.tls.emplace().alpn = {"h2"};
  options.provider.at_open = {Raw{}, ReadRaw{4}, Send{"pong"}, ReadUntilEof{}, Close{}};
  Rig rig(std::move(options));
  ClientOptions through = rig.through();
  through.tls->alpn = {"h2"};
  through.tls->ca_file = rig.ca().file();
  TlsClient client = Rig::connect(through);
  REQUIRE(client.send("ping"));
  REQUIRE(client.read_until("pong"));
  client.half_close();
  client.read_to_end();
  CHECK(rig.finished(1).before_tls.starts_with("CONNECT 127.0.0.1:"));
  CHECK(rig.recorder().only_record().tap_reason == "http2");
}

TEST_CASE("integration upstream proxy: an address that no proxy may lead to") {
  RigOptions options = proxied({ReadHead{}, Send{kGranted}});
  Rig rig(std::move(options));
  TlsClient client({.port = rig.recorder().port(), .timeout_ms = kPatienceMs});
  REQUIRE(client.connect().has_value());
  REQUIRE(client.send("CONNECT 169.254.169.254:80 HTTP/1.1\r\n\r\n"));
  CHECK(client.read_to_end().bytes.starts_with("HTTP/1.1 403 "));
  CHECK(rig.provider().logs().empty());
}

TEST_CASE("integration upstream proxy: flags that make no sense, and no password in what is said") {
  TempDir dir;
  for (const char* value : {"https://u:hunter2@proxy:3128", "http://u:hunter2@proxy",
                            "http://u:hunter2@proxy:x", "socks5://u:hunter2@proxy:1"}) {
    CAPTURE(value);
    const Finished f = run_llmrec({"serve", "--store", dir.file("store"), "--listen", "127.0.0.1:0",
                                   "--upstream-proxy", value});
    REQUIRE(f.status.has_value());
    CHECK(f.status->code == 2);
    CHECK(f.err.find("--upstream-proxy") != std::string::npos);
    CHECK(f.err.find("hunter2") == std::string::npos);
  }
}
