// --reverse: a client that was given our address as its base URL and speaks clear HTTP to us. What
// the provider gets is what the client sent, but for the value of Host; what the client gets is
// what the provider sent, and how it ended.
#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include "rig.h"

using namespace llmrec;
using namespace llmrec::integration;
using record::CloseHow;
using record::ErrorType;
using record::Stage;
using record::Status;
using record::TapState;

namespace {

RigOptions reverse(RigOptions options = {}) {
  options.flags.insert(options.flags.end(), {"--reverse", "127.0.0.1:0=https://api.openai.com"});
  return options;
}

TlsClient client_of(Rig& rig) { return Rig::connect_to_port(rig.recorder().port_of("reverse")); }

// The client believes that we are its provider.
std::string chat_to_us(Rig& rig) {
  const std::string us = "127.0.0.1:" + std::to_string(rig.recorder().port_of("reverse"));
  std::string request = chat();
  const std::string host = "Host: " + kHost;
  return request.replace(request.find(host), host.size(), "Host: " + us);
}

Script short_answer() { return play(events(openai::text(words(3)).events)); }

}  // namespace

TEST_CASE("integration reverse: two calls on one connection, and only Host is another") {
  const Script answer = short_answer();
  for (const std::size_t split : {std::size_t{0}, std::size_t{1}}) {
    CAPTURE(split);
    Rig rig(reverse(answering(answer)));
    TlsClient client = client_of(rig);
    for (std::uint64_t call = 1; call <= 2; ++call) {
      REQUIRE(client.send(chat_to_us(rig), split));
      REQUIRE(client.read_bytes(call * bytes_sent_by(answer)));
    }
    CHECK(client.received().bytes == text_sent_by(answer) + text_sent_by(answer));
    client.shut_write();
    CHECK(client.read_to_end().end == "fin");
    const ConnectionLog log = rig.finished();
    CHECK(log.bytes == chat() + chat());
    CHECK(log.tls.sni == kHost);
    CHECK(log.tls.alpn == "http/1.1");
    CHECK(log.client_end.text() == kInOrder);
    const auto records = rig.recorder().wait_for_records(2);
    for (const record::Record& r : records) {
      CHECK(r.mode == record::Mode::reverse);
      CHECK(r.host == kHost);
      CHECK(r.provider == "openai");
      CHECK(r.status == Status::ok);
      CHECK(r.tap == TapState::complete);
      CHECK(r.response_bytes == bytes_sent_by(answer));
      CHECK(r.api_key_present == true);
    }
    CHECK(records[0].time_to_tls_ns.has_value());
    CHECK(!records[1].time_to_tls_ns.has_value());
    // The call began when it came, not when the provider was reached.
    CHECK(*records[0].time_to_request_sent_ns >= *records[0].time_to_tls_ns);
  }
}

TEST_CASE("integration reverse: an upstream in clear text") {
  const Script answer = short_answer();
  RigOptions options = answering(answer);
  options.clear = true;
  options.flags = {"--reverse", "127.0.0.1:0=http://vllm.test:8000", "--connect-to",
                   "vllm.test:8000:127.0.0.1:{port}"};
  Rig rig(std::move(options));
  TlsClient client = client_of(rig);
  REQUIRE(client.send(chat_to_us(rig)));
  REQUIRE(client.read_bytes(bytes_sent_by(answer)));
  CHECK(client.received().bytes == text_sent_by(answer));
  client.shut_write();
  client.read_to_end();
  const ConnectionLog log = rig.finished();
  CHECK(log.requests.at(0).header("host") == "vllm.test:8000");
  CHECK(log.client_end.text() == "fin");
  const record::Record r = rig.recorder().only_record();
  CHECK(r.host == "vllm.test");
  CHECK(r.status == Status::ok);
  CHECK(!r.time_to_tls_ns.has_value());
  CHECK(r.dialect == "openai.chat");
}

TEST_CASE("integration reverse: several, each to its own upstream") {
  FakeProvider other({.handler = [](const Request&) { return play(json("{\"other\":1}")); }});
  RigOptions options = reverse(answering(short_answer()));
  options.flags.insert(options.flags.end(), {"--reverse", "127.0.0.1:0=http://127.0.0.1:" +
                                                              std::to_string(other.port())});
  Rig rig(std::move(options));
  TlsClient first = client_of(rig);
  TlsClient second = Rig::connect_to_port(rig.recorder().port_of("reverse", 1));
  REQUIRE(first.send(chat_to_us(rig)));
  REQUIRE(second.send(get("/v1/models")));
  REQUIRE(first.read_bytes(bytes_sent_by(short_answer())));
  REQUIRE(second.read_until("{\"other\":1}"));
  CHECK(rig.recorder().wait_for_records(2).size() == 2);
}

TEST_CASE("integration reverse: nobody is dialled before the client speaks") {
  Rig rig(reverse(answering(short_answer())));
  TlsClient client = client_of(rig);
  TlsClient other = client_of(rig);
  REQUIRE(other.send(chat_to_us(rig)));
  REQUIRE(other.read_bytes(bytes_sent_by(short_answer())));
  CHECK(rig.provider().logs().size() == 1);
  client.shut_write();
  CHECK(client.read_to_end().end == "fin");
  CHECK(rig.recorder().wait_for_records(1).size() == 1);
}

namespace {

struct Cut {
  const char* name;
  Framing framing;
  How how;
  const char* end;  // what the client sees
  Status status;
};

}  // namespace

TEST_CASE(
    "integration reverse: every end of the provider's reaches the client as far as TCP can say "
    "it") {
  const std::vector<Cut> cuts = {
      {"chunked, RST", Framing::chunked, How::rst, "reset", Status::failed},
      {"chunked, FIN", Framing::chunked, How::fin, "fin", Status::failed},
      {"chunked, close_notify", Framing::chunked, How::close_notify, "fin", Status::failed},
      {"length, RST", Framing::length, How::rst, "reset", Status::failed},
      {"close, close_notify", Framing::close, How::close_notify, "fin", Status::failed},
      // A bare FIN is a cut to TLS. In clear text it would look like the end of the body.
      {"close, FIN", Framing::close, How::fin, "reset", Status::failed},
      {"close, RST", Framing::close, How::rst, "reset", Status::failed},
  };
  for (const Cut& cut : cuts) {
    const std::string name = cut.name;
    CAPTURE(name);
    Answer answer = events(openai::text(words(20)).events);
    answer.framing = cut.framing;
    const Script whole = play(answer);
    const std::uint64_t half = bytes_sent_by(whole) / 2;
    Rig rig(reverse(answering(cut_at(whole, half, cut.how))));
    TlsClient client = client_of(rig);
    REQUIRE(client.send(chat_to_us(rig)));
    const Received got = client.read_to_end();
    CHECK(got.bytes == text_sent_by(whole).substr(0, half));
    CHECK(got.end == cut.end);
    client.close();
    const record::Record r = rig.recorder().only_record();
    CHECK(r.status == cut.status);
    CHECK(r.failure_stage == Stage::after_first_token);
    CHECK(r.closed_by == record::Party::upstream);
    CHECK(r.upstream_close == (cut.how == How::rst   ? CloseHow::reset
                               : cut.how == How::fin ? CloseHow::fin
                                                     : CloseHow::close_notify));
  }
}

TEST_CASE("integration reverse: a client that leaves takes the provider's connection along") {
  Answer answer = events(openai::text(words(20)).events);
  answer.before[10] = {WaitFor{"never"}};
  const std::uint64_t seen = build(answer).piece_ends[9];
  Rig rig(reverse(answering(play(answer))));
  TlsClient client = client_of(rig);
  REQUIRE(client.send(chat_to_us(rig)));
  REQUIRE(client.read_bytes(seen));
  REQUIRE(client.reset());
  REQUIRE(
      rig.provider().wait_for(0, [](const ConnectionLog& log) { return log.client_end.any(); }));
  CHECK(rig.provider().logs()[0].client_end.text() == "reset");
  const record::Record r = rig.recorder().only_record();
  CHECK(r.status == Status::aborted);
  CHECK(r.client_close == CloseHow::reset);
  CHECK(r.upstream_cancelled);
  rig.provider().open_gate("never");
}

TEST_CASE("integration reverse: an upstream that cannot be had") {
  SUBCASE("nobody listens") {
    TempDir dir;
    FakeProvider gone({});
    const std::string port = std::to_string(gone.port());
    gone.stop();
    Recorder recorder(
        {.home = dir.path(), .flags = {"--reverse", "127.0.0.1:0=http://127.0.0.1:" + port}});
    TlsClient client = Rig::connect_to_port(recorder.port_of("reverse"));
    REQUIRE(client.send(plain_chat()));
    const auto messages = answers(client.read_to_end(), {"POST"});
    REQUIRE(messages.size() == 1);
    CHECK(messages[0].status == 502);
    CHECK(messages[0].header("proxy-status").find("error=connection_refused") != std::string::npos);
    const record::Record r = recorder.only_record();
    CHECK(r.mode == record::Mode::reverse);
    CHECK(r.failure_stage == Stage::before_request);
    CHECK(r.error_type == ErrorType::connect_refused);
    CHECK(r.retry_safety == record::RetrySafety::safe);
  }
  SUBCASE("its certificate is bad: it gets not one octet") {
    RigOptions options;
    options.leaf = LeafKind::wrong_host;
    Rig rig(reverse(std::move(options)));
    TlsClient client = client_of(rig);
    REQUIRE(client.send(chat_to_us(rig)));
    const auto messages = answers(client.read_to_end(), {"POST"});
    REQUIRE(messages.size() == 1);
    CHECK(messages[0].status == 502);
    CHECK(rig.recorder().only_record().error_type == ErrorType::tls_certificate_invalid);
    CHECK(rig.finished().received_bytes == 0);
  }
}

TEST_CASE("integration reverse: a base URL that says https") {
  Rig rig(reverse());
  ClientOptions options{.port = rig.recorder().port_of("reverse"), .timeout_ms = kPatienceMs};
  options.tls = ClientTls{};
  TlsClient client(options);
  CHECK(!client.connect().has_value());
  CHECK(rig.recorder().log().find("its base URL has to be http://") != std::string::npos);
  CHECK(rig.provider().logs().empty());
}

TEST_CASE("integration reverse: another protocol after 101, and what is no HTTP") {
  SUBCASE("WebSocket") {
    RigOptions options;
    options.provider.handler = [](const Request&) {
      return Script{Send{"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                         "Connection: Upgrade\r\n\r\n"},
                    Raw{},
                    ReadRaw{4},
                    Send{"pong"},
                    ReadUntilEof{},
                    Close{}};
    };
    Rig rig(reverse(std::move(options)));
    TlsClient client = client_of(rig);
    REQUIRE(
        client.send("GET /v1/realtime HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"
                    "Upgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\nping"));
    REQUIRE(client.read_until("\r\n\r\npong"));
    client.shut_write();
    CHECK(client.read_to_end().end == "fin");
    CHECK(rig.finished().bytes.ends_with("\r\n\r\nping"));
  }
  SUBCASE("nonsense: the provider says what it thinks of it") {
    const std::string nonsense = "HELLO\nHost: x\n\nmore";
    RigOptions options;
    options.provider.at_open = {Raw{}, ReadRaw{nonsense.size()},
                                Send{"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"},
                                ReadUntilEof{}, Close{}};
    Rig rig(reverse(std::move(options)));
    TlsClient client = client_of(rig);
    REQUIRE(client.send(nonsense));
    REQUIRE(client.read_until("400 Bad Request"));
    client.shut_write();
    client.read_to_end();
    CHECK(rig.finished().bytes == nonsense);
  }
}

TEST_CASE("integration reverse: flags that make no sense") {
  TempDir dir;
  for (const char* value :
       {"127.0.0.1:0", "127.0.0.1:0=ftp://a", "127.0.0.1:0=https://a.example/v1",
        "127.0.0.1:0=https://u:p@a.example", "nowhere=https://a.example"}) {
    CAPTURE(value);
    const Finished f = run_llmrec(
        {"serve", "--store", dir.file("store"), "--listen", "127.0.0.1:0", "--reverse", value});
    REQUIRE(f.status.has_value());
    CHECK(f.status->code == 2);
    CHECK(!f.err.empty());
  }
}

TEST_CASE("integration reverse: curl with a base URL") {
  const Script answer = short_answer();
  Rig rig(reverse(answering(answer)));
  const std::string url = "http://127.0.0.1:" + std::to_string(rig.recorder().port_of("reverse")) +
                          "/v1/chat/completions";
  ProcessOptions options;
  options.argv = {"curl",
                  "-sS",
                  "--noproxy",
                  "*",
                  "-N",
                  "-H",
                  "Content-Type: application/json",
                  "-H",
                  "Authorization: Bearer sk-made-up",
                  "-d",
                  "{\"stream\":true}",
                  url};
  const Finished f = run(options, kPatienceMs);
  CHECK(f.status == ExitStatus{0, 0});
  CHECK(f.out.find("[DONE]") != std::string::npos);
  CHECK(rig.recorder().only_record().status == Status::ok);
  CHECK(rig.finished().requests.at(0).header("host") == kHost);
}
