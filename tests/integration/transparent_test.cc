// --transparent: connections that netfilter redirects to us, with real rules in a network
// namespace. Clients are told from the recorder by their user id, as an init container's rules do
// it.
#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include "netns.h"
#include "rig.h"

using namespace llmrec;
using namespace llmrec::integration;
using record::ErrorType;
using record::Mode;
using record::Stage;
using record::Status;
using record::TapState;

namespace {

constexpr unsigned kAppUser = 12345;

// No --connect-to for our host: the original destination is where the provider is.
RigOptions transparent(RigOptions options = {}) {
  enter_own_network();
  options.flags.insert(options.flags.end(), {"--transparent", "127.0.0.1:0"});
  return options;
}

void redirect(Rig& rig, std::uint16_t from) {
  set_rules("nat hook output priority -100",
            "meta skuid " + std::to_string(kAppUser) + " tcp dport " + std::to_string(from) +
                " redirect to :" + std::to_string(rig.recorder().port_of("transparent")));
}

ClientOptions app(Rig& rig) {
  redirect(rig, rig.provider().port());
  ClientOptions options;
  options.port = rig.provider().port();
  options.timeout_ms = kPatienceMs;
  options.user = kAppUser;
  options.tls = ClientTls{.ca_file = rig.recorder().bundle(), .name = kHost};
  return options;
}

Script short_answer() { return play(events(openai::text(words(3)).events)); }

}  // namespace

TEST_CASE("integration transparent: a recorded name is opened, and dialled where it was going") {
  const Script answer = short_answer();
  Rig rig(transparent(answering(answer)));
  TlsClient client = Rig::connect(app(rig));
  CHECK(client.peer_issuer().find("llmrec") != std::string::npos);
  REQUIRE(client.send(chat()));
  REQUIRE(client.read_bytes(bytes_sent_by(answer)));
  CHECK(client.received().bytes == text_sent_by(answer));
  client.half_close();
  CHECK(client.read_to_end().end == "close_notify+fin");
  const ConnectionLog log = rig.finished();
  CHECK(log.bytes == chat());
  CHECK(log.tls.sni == kHost);
  const record::Record r = rig.recorder().only_record();
  CHECK(r.mode == Mode::transparent);
  CHECK(r.host == kHost);
  CHECK(r.status == Status::ok);
  CHECK(r.tap == TapState::complete);
  CHECK(r.time_to_connect_ns.has_value());
  CHECK(r.time_to_tls_ns.has_value());
}

TEST_CASE("integration transparent: another name goes through untouched") {
  const Script answer = short_answer();
  Rig rig(transparent(answering(answer)));
  ClientOptions options = app(rig);
  options.tls = ClientTls{.ca_file = rig.ca().file(), .name = "localhost"};
  TlsClient client = Rig::connect(options);
  REQUIRE(client.send(chat()));
  REQUIRE(client.read_bytes(bytes_sent_by(answer)));
  client.half_close();
  CHECK(client.read_to_end().end == "close_notify+fin");
  CHECK(rig.finished().bytes == chat());
  CHECK(rig.provider().logs().size() == 1);
  rig.recorder().stop();
  CHECK(rig.recorder().records().empty());
}

TEST_CASE("integration transparent: no TLS, whoever speaks first, and how it ends") {
  SUBCASE("the client") {
    RigOptions options = answering(short_answer());
    options.clear = true;
    Rig rig(transparent(std::move(options)));
    ClientOptions clear = app(rig);
    clear.tls.reset();
    TlsClient client = Rig::connect(clear);
    REQUIRE(client.send(chat(), 1));
    REQUIRE(client.read_bytes(bytes_sent_by(short_answer())));
    client.shut_write();
    CHECK(client.read_to_end().end == "fin");
    CHECK(rig.finished().bytes == chat());
  }
  SUBCASE("the server") {
    RigOptions options;
    options.clear = true;
    options.provider.at_open = {Raw{}, Send{"220 hello\r\n"}, ReadRaw{4}, Send{"bye"}, Rst{}};
    Rig rig(transparent(std::move(options)));
    ClientOptions clear = app(rig);
    clear.tls.reset();
    TlsClient client = Rig::connect(clear);
    REQUIRE(client.read_until("220 hello\r\n"));
    REQUIRE(client.send("quit"));
    const Received got = client.read_to_end();
    CHECK(got.bytes == "220 hello\r\nbye");
    CHECK(got.end == "reset");
  }
  SUBCASE("nobody: the client's FIN reaches the server") {
    RigOptions options;
    options.clear = true;
    options.provider.at_open = {Raw{}, ReadUntilEof{}, Close{}};
    Rig rig(transparent(std::move(options)));
    ClientOptions clear = app(rig);
    clear.tls.reset();
    TlsClient client = Rig::connect(clear);
    REQUIRE(client.shut_write());
    CHECK(client.read_to_end().end == "fin");
    CHECK(rig.finished().client_end.text() == "fin");
  }
}

TEST_CASE(
    "integration transparent: a client that offers only h2, over the connection that stands") {
  RigOptions options;
  options.provider.tls.emplace().alpn = {"h2"};
  options.provider.at_open = {Raw{}, ReadRaw{4}, Send{"pong"}, ReadUntilEof{}, Close{}};
  Rig rig(transparent(std::move(options)));
  ClientOptions h2 = app(rig);
  h2.tls = ClientTls{.ca_file = rig.ca().file(), .name = kHost, .alpn = {"h2"}};
  TlsClient client = Rig::connect(h2);
  REQUIRE(client.send("ping"));
  REQUIRE(client.read_until("pong"));
  client.half_close();
  client.read_to_end();
  CHECK(rig.provider().logs().size() == 1);
  const record::Record r = rig.recorder().only_record();
  CHECK(r.mode == Mode::transparent);
  CHECK(r.tap == TapState::blind);
  CHECK(r.tap_reason == "http2");
}

TEST_CASE(
    "integration transparent: an upstream that cannot be verified is an alert, and a record") {
  RigOptions options;
  options.leaf = LeafKind::expired;
  Rig rig(transparent(std::move(options)));
  const ClientOptions through = app(rig);
  TlsClient client(through);
  CHECK(!client.connect().has_value());
  CHECK(client.tls().alert_received == 80);  // internal_error
  const record::Record r = rig.recorder().only_record();
  CHECK(r.error_type == ErrorType::tls_certificate_invalid);
  CHECK(r.failure_stage == Stage::before_request);
  CHECK(r.host == kHost);
  CHECK(rig.finished().received_bytes == 0);
}

TEST_CASE("integration transparent: nobody listens where it was going") {
  Rig rig(transparent());
  FakeProvider gone({});
  ClientOptions options{.port = gone.port(), .user = kAppUser, .timeout_ms = kPatienceMs};
  gone.stop();
  redirect(rig, options.port);
  TlsClient client = Rig::connect(options);
  CHECK(client.read_to_end().end == "reset");
}

TEST_CASE("integration transparent: a connection that no rule redirected is not sent back to us") {
  Rig rig(transparent());
  TlsClient client = Rig::connect_to_port(rig.recorder().port_of("transparent"));
  CHECK(client.read_to_end().end == "reset");
  CHECK(rig.recorder().log().find("no rule had redirected") != std::string::npos);
}

TEST_CASE("integration transparent: --deny-unlisted") {
  RigOptions options = answering(short_answer());
  options.flags = {"--deny-unlisted"};
  Rig rig(transparent(std::move(options)));
  ClientOptions through = app(rig);
  through.tls = ClientTls{.ca_file = rig.ca().file(), .name = "localhost"};
  TlsClient client(through);
  CHECK(!client.connect().has_value());
  CHECK(client.tls().alert_received == 49);  // access_denied
  through.tls.reset();
  TlsClient clear = Rig::connect(through);
  clear.send(chat());
  CHECK(clear.read_to_end().end == "reset");
  through.tls = ClientTls{.ca_file = rig.recorder().bundle(), .name = kHost};
  TlsClient listed = Rig::connect(through);
  REQUIRE(listed.send(chat()));
  REQUIRE(listed.read_bytes(bytes_sent_by(short_answer())));
}

TEST_CASE("integration transparent: IPv6") {
  RigOptions options = answering(short_answer());
  options.provider.v6 = true;
  options.flags = {"--transparent", "[::1]:0"};
  enter_own_network();
  Rig rig(std::move(options));
  ClientOptions through = app(rig);
  through.v6 = true;
  TlsClient client = Rig::connect(through);
  REQUIRE(client.send(chat()));
  REQUIRE(client.read_bytes(bytes_sent_by(short_answer())));
  CHECK(rig.recorder().only_record().status == Status::ok);
}
