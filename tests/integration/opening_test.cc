// How a connection begins: what is opened, what goes through unopened, what is refused, and what
// the client, the provider and the record say about it.
#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "rig.h"

using namespace llmrec;
using namespace llmrec::integration;
using record::ErrorType;
using record::Fault;
using record::Stage;
using record::Status;
using record::TapState;

namespace {

// What the proxy answers to a CONNECT that it does not grant.
struct Refused {
  std::string head;
  std::string body;
  std::string end;
  bool says(const std::string& text) const { return head.find(text) != std::string::npos; }
};

Refused refused(const Recorder& recorder, const std::string& target) {
  TlsClient client({.port = recorder.port(), .timeout_ms = kPatienceMs});
  REQUIRE(client.connect().has_value());
  REQUIRE(client.send("CONNECT " + target + " HTTP/1.1\r\nHost: " + target + "\r\n\r\n"));
  const Received got = client.read_to_end();
  const auto messages = answers(got, {"CONNECT"});
  REQUIRE(messages.size() == 1);
  CHECK(messages[0].header("connection") == "close");
  CHECK(messages[0].body.starts_with("llmrec: "));
  return {messages[0].head, messages[0].body, got.end};
}

void check_chat(TlsClient& client, const Script& answer) {
  REQUIRE(client.send(chat()));
  REQUIRE(client.read_bytes(bytes_sent_by(answer)));
  CHECK(client.received().bytes == text_sent_by(answer));
}

Script short_answer() { return play(events(openai::text(words(3)).events)); }

}  // namespace

TEST_CASE("integration opening: CONNECT as Python sends it, and other shapes of it") {
  const Script answer = short_answer();
  Rig rig(answering(answer));
  std::size_t n = 0;
  for (const char* head : {
           "CONNECT api.openai.com:443 HTTP/1.0\r\n\r\n",
           "CONNECT API.OpenAI.com:443 HTTP/1.1\r\nHost: api.openai.com\r\n\r\n",
           "CONNECT api.openai.com.:443 HTTP/1.1\r\nHost: elsewhere:1\r\nConnection: close\r\n\r\n",
           "\r\nCONNECT api.openai.com:443 HTTP/1.1\r\nProxy-Connection: Keep-Alive\r\n"
           "User-Agent: x\r\n\r\n",
       }) {
    CAPTURE(head);
    ClientOptions options = rig.through();
    options.via->request = head;
    TlsClient client = Rig::connect(options);
    check_chat(client, answer);
    CHECK(client.proxy_answer().find("200") != std::string::npos);
    const record::Record r = rig.recorder().wait_for_records(++n).back();
    CHECK(r.status == Status::ok);
    CHECK(r.host == kHost);
  }
}

namespace {

// A TLS client whose first flight the test cuts and times as it likes.
std::string client_hello() {
  const SslCtxPtr context = make_client_context({.ca_file = {}, .name = kHost});
  SslPtr ssl(SSL_new(context.get()));
  BIO* out = BIO_new(BIO_s_mem());
  SSL_set_bio(ssl.get(), BIO_new(BIO_s_mem()), out);
  SSL_set_tlsext_host_name(ssl.get(), kHost.c_str());
  SSL_set_connect_state(ssl.get());
  SSL_do_handshake(ssl.get());
  std::string hello(BIO_ctrl_pending(out), '\0');
  BIO_read(out, hello.data(), static_cast<int>(hello.size()));
  return hello;
}

constexpr char kHandshakeRecord = 0x16;

}  // namespace

TEST_CASE("integration opening: the ClientHello comes together with CONNECT, or octet by octet") {
  Rig rig;
  const std::string connect = "CONNECT " + kAuthority + " HTTP/1.1\r\n\r\n";
  for (const bool together : {true, false}) {
    CAPTURE(together);
    TlsClient client({.port = rig.recorder().port(), .timeout_ms = kPatienceMs});
    REQUIRE(client.connect().has_value());
    if (together) {
      REQUIRE(client.send(connect + client_hello()));
    } else {
      REQUIRE(client.send(connect, 1));
      REQUIRE(client.read_until("\r\n\r\n"));
      REQUIRE(client.send(client_hello(), 1));
    }
    REQUIRE(client.read_until("\r\n\r\n"));
    const std::string answer = client.received().bytes;
    const std::size_t head = answer.find("\r\n\r\n") + 4;
    CHECK(answer.starts_with("HTTP/1.1 200"));
    // Our ServerHello: it was opened, not passed on to a provider that would have said the same.
    REQUIRE(client.read_bytes(head + 1));
    CHECK(client.received().bytes[head] == kHandshakeRecord);
    client.reset();
  }
  const auto records = rig.recorder().wait_for_records(2);
  for (const record::Record& r : records) {
    CHECK(r.error_type == ErrorType::client_tls_failed);
    CHECK(r.failure_stage == Stage::before_request);
  }
}

TEST_CASE("integration opening: a host that is not listed goes through unopened") {
  const Script answer = short_answer();
  Rig rig(answering(answer));
  ClientOptions options = rig.past();  // believes the provider's CA, not ours
  options.tls->name = "localhost";
  options.via = Hop{.port = rig.recorder().port(),
                    .target = "localhost:" + std::to_string(rig.provider().port())};
  TlsClient client = Rig::connect(options);
  check_chat(client, answer);
  client.half_close();
  CHECK(client.read_to_end().end == "close_notify+fin");
  const ConnectionLog log = rig.finished();
  CHECK(log.bytes == chat());
  CHECK(log.client_end.text() == "close_notify+fin");
  rig.recorder().stop();
  CHECK(rig.recorder().records().empty());
}

TEST_CASE("integration opening: --deny-unlisted") {
  RigOptions options = answering(short_answer());
  options.flags = {"--deny-unlisted"};
  Rig rig(std::move(options));
  const Refused no = refused(rig.recorder(), "example.invalid:443");
  CHECK(no.head.starts_with("HTTP/1.1 403 "));
  CHECK(no.says("Proxy-Status: llmrec; error=http_request_denied"));
  CHECK(no.body.find("--record example.invalid") != std::string::npos);
  CHECK(no.end == "fin");
  TlsClient client = rig.connect();  // a listed one is let through
  check_chat(client, short_answer());
}

TEST_CASE("integration opening: --record with a wildcard, and --no-default-hosts") {
  const std::string host = "eu.llm.example.test";
  const Script answer = short_answer();
  RigOptions options = answering(answer);
  options.names = {host, kHost};
  Rig rig(std::move(options));
  // Another list of hosts in the same directories: the CA is made anew, for those.
  rig.recorder().stop();
  Recorder recorder({.home = rig.dir().path(),
                     .upstream_ca = rig.ca().file(),
                     .flags = {"--no-default-hosts", "--record", "*.example.test=openai.chat",
                               "--connect-to", connect_to(rig.provider().port(), host + ":443"),
                               "--connect-to", connect_to(rig.provider().port())}});
  ClientOptions listed = rig.through();
  listed.via = Hop{.port = recorder.port(), .target = host + ":443"};
  listed.tls->name = host;
  TlsClient client = Rig::connect(listed);
  check_chat(client, answer);
  const record::Record r = recorder.only_record();
  CHECK(r.host == host);
  CHECK(r.provider == host);
  CHECK(r.dialect == "openai.chat");
  CHECK(r.chunks_received == 3 + 3);

  ClientOptions other = rig.past();  // the usual host is not recorded any more
  other.via = Hop{.port = recorder.port(), .target = kAuthority};
  TlsClient unopened = Rig::connect(other);
  check_chat(unopened, answer);
  unopened.half_close();
  unopened.read_to_end();
  CHECK(recorder.records().size() == 1);
}

TEST_CASE("integration opening: a client that offers only h2 is tunnelled, and a record says so") {
  RigOptions options;
  options.provider.tls.emplace().alpn = {"h2"};
  options.provider.at_open = {Raw{}, ReadRaw{4}, Send{"pong"}, ReadUntilEof{}, Close{}};
  Rig rig(std::move(options));
  ClientOptions through = rig.through();
  through.tls->alpn = {"h2"};
  through.tls->ca_file = rig.ca().file();
  TlsClient client = Rig::connect(through);
  CHECK(client.tls().alpn == "h2");
  REQUIRE(client.send("ping"));
  REQUIRE(client.read_bytes(4));
  client.half_close();
  CHECK(client.read_to_end().bytes == "pong");
  CHECK(rig.finished(1).bytes == "ping");
  CHECK(rig.finished(0).bytes.empty());  // the one that was verified, and not used
  const record::Record r = rig.recorder().only_record();
  CHECK(r.tap == TapState::blind);
  CHECK(r.tap_reason == "http2");
  CHECK(r.host == kHost);
  CHECK(r.status == Status::ok);
  CHECK(r.response_bytes > 4);  // of TLS
}

TEST_CASE("integration opening: --h2 refuse") {
  RigOptions options;
  options.flags = {"--h2", "refuse"};
  Rig rig(std::move(options));
  ClientOptions through = rig.through();
  through.tls->alpn = {"h2"};
  TlsClient client(through);
  CHECK(!client.connect().has_value());
  const record::Record r = rig.recorder().only_record();
  CHECK(r.failure_stage == Stage::before_request);
  CHECK(r.error_type == ErrorType::client_tls_failed);
  CHECK(r.error_detail == "http2_only");
}

TEST_CASE("integration opening: a client that offers h2 and http/1.1 gets http/1.1") {
  const Script answer = short_answer();
  Rig rig(answering(answer));
  ClientOptions through = rig.through();
  through.tls->alpn = {"h2", "http/1.1"};
  TlsClient client = Rig::connect(through);
  CHECK(client.tls().alpn == "http/1.1");
  check_chat(client, answer);
  CHECK(rig.recorder().only_record().tap == TapState::complete);
}

TEST_CASE("integration opening: another name in the SNI is not ours to open") {
  const Script answer = short_answer();
  Rig rig(answering(answer));
  ClientOptions through = rig.through();
  through.tls = ClientTls{.ca_file = rig.ca().file(), .name = "localhost"};
  TlsClient client = Rig::connect(through);
  check_chat(client, answer);
  client.half_close();
  client.read_to_end();
  CHECK(rig.finished(1).tls.sni == "localhost");
  const record::Record r = rig.recorder().only_record();
  CHECK(r.tap == TapState::blind);
  CHECK(r.tap_reason == "sni_mismatch");
}

TEST_CASE("integration opening: never a weaker TLS than the client would take") {
  RigOptions options = answering(short_answer());
  options.provider.tls.emplace().max_version = TLS1_2_VERSION;
  Rig rig(std::move(options));
  SUBCASE("a client of both versions is served") {
    TlsClient client = rig.connect();
    check_chat(client, short_answer());
    CHECK(rig.recorder().only_record().tap == TapState::complete);
  }
  SUBCASE("a client of 1.3 alone fails as it would without us") {
    ClientOptions through = rig.through();
    through.tls->ca_file = rig.ca().file();
    through.tls->min_version = TLS1_3_VERSION;
    TlsClient client(through);
    CHECK(!client.connect().has_value());
    client.close();
    const record::Record r = rig.recorder().only_record();
    CHECK(r.tap == TapState::blind);
    CHECK(r.tap_reason == "tls_version");
  }
}

TEST_CASE("integration opening: no TLS after CONNECT") {
  const std::string clear = "GET / HTTP/1.1\r\nHost: api.openai.com\r\n\r\n";
  Rig rig;
  ClientOptions past{.port = rig.provider().port(), .timeout_ms = kPatienceMs};
  ClientOptions through = rig.through();
  through.tls.reset();
  std::vector<Received> got;
  for (const ClientOptions& options : {past, through}) {
    TlsClient client = Rig::connect(options);
    REQUIRE(client.send(clear));
    got.push_back(client.read_to_end());
    client.close();
  }
  CHECK(got[0].bytes == got[1].bytes);
  CHECK(got[0].end == got[1].end);
  const record::Record r = rig.recorder().only_record();
  CHECK(r.tap == TapState::blind);
  CHECK(r.tap_reason == "not_tls");
  CHECK(r.request_bytes == clear.size());
}

TEST_CASE("integration opening: a client that does not trust our CA") {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    CAPTURE(version);
    Rig rig;
    ClientOptions through = rig.through();
    through.tls->ca_file = rig.ca().file();  // the provider's, not ours
    through.tls->min_version = through.tls->max_version = version;
    TlsClient client(through);
    CHECK(!client.connect().has_value());
    client.close();
    const record::Record r = rig.recorder().only_record();
    CHECK(r.status == Status::failed);
    CHECK(r.failure_stage == Stage::before_request);
    CHECK(r.error_type == ErrorType::client_untrusted_ca);
    CHECK(r.error_detail == "unknown_ca");
    CHECK(r.client_close == record::CloseHow::tls_alert);
    CHECK(r.fault == Fault::app);
    CHECK(rig.recorder().log().find("--ca-bundle-out") != std::string::npos);
    CHECK(rig.finished().bytes.empty());
  }
}

TEST_CASE("integration opening: an upstream that cannot be verified gets not one octet") {
  const std::vector<std::pair<LeafKind, std::string>> kinds = {
      {LeafKind::wrong_host, "X509_V_ERR_HOSTNAME_MISMATCH"},
      {LeafKind::expired, "X509_V_ERR_CERT_HAS_EXPIRED"},
      {LeafKind::not_yet_valid, "X509_V_ERR_CERT_NOT_YET_VALID"},
      {LeafKind::self_signed, "X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT"},
      {LeafKind::untrusted, "X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY"},
      {LeafKind::client_only, "X509_V_ERR_INVALID_PURPOSE"},
      {LeafKind::bad_issuer, "X509_V_ERR_INVALID_CA"},
  };
  for (const auto& kind : kinds) {
    const std::string& name = kind.second;
    CAPTURE(name);
    RigOptions options;
    options.leaf = kind.first;
    Rig rig(std::move(options));
    const Refused no = refused(rig.recorder(), kAuthority);
    CHECK(no.head.starts_with("HTTP/1.1 502 "));
    CHECK(no.says("Proxy-Status: llmrec; error=tls_certificate_error"));
    CHECK(no.says(name));
    CHECK(no.end == "fin");
    const record::Record r = rig.recorder().only_record();
    CHECK(r.status == Status::failed);
    CHECK(r.failure_stage == Stage::before_request);
    CHECK(r.error_type == ErrorType::tls_certificate_invalid);
    CHECK(r.error_detail == name);
    CHECK(r.retryable == false);
    CHECK(r.time_to_connect_ns.has_value());
    const ConnectionLog log = rig.finished();
    CHECK(log.received_bytes == 0);
    CHECK(!log.handshake_done);
  }
}

namespace {

// A provider that asks for certificates, and one for `name` to show.
struct Mutual {
  Rig rig;
  TestCa::Files files;

  static RigOptions options(ServerTls::ClientCertificate asks, int version,
                            std::vector<std::string> flags) {
    RigOptions out = answering(short_answer());
    out.provider.tls.emplace().client_certificate = asks;
    out.provider.tls->min_version = out.provider.tls->max_version = version;
    out.flags = std::move(flags);
    return out;
  }
  Mutual(ServerTls::ClientCertificate asks, int version, std::vector<std::string> flags = {})
      : rig(options(asks, version, std::move(flags))),
        files(rig.ca().write(rig.ca().leaf(LeafKind::client_only, {"the-app"}), "app")) {}
};

constexpr auto kRequired = ServerTls::ClientCertificate::required;
constexpr auto kWanted = ServerTls::ClientCertificate::wanted;

}  // namespace

TEST_CASE("integration opening: a client certificate that only the app has") {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    for (const auto asks : {kRequired, kWanted}) {
      CAPTURE(version);
      CAPTURE(static_cast<int>(asks));
      Mutual mutual(asks, version);
      ClientOptions through = mutual.rig.through();
      through.tls->ca_file = mutual.rig.ca().file();
      through.tls->certificate_file = mutual.files.chain;
      through.tls->key_file = mutual.files.key;
      TlsClient client = Rig::connect(through);
      check_chat(client, short_answer());
      client.half_close();
      client.read_to_end();
      CHECK(mutual.rig.finished(1).tls.client_certificate == "the-app");
      CHECK(mutual.rig.finished(0).bytes.empty());
      const record::Record r = mutual.rig.recorder().only_record();
      CHECK(r.tap == TapState::blind);
      CHECK(r.tap_reason == "client_certificate");
      CHECK(r.status == Status::ok);
      CHECK(r.host == kHost);
    }
  }
}

TEST_CASE("integration opening: --client-cert shows ours, or none, and the call is recorded") {
  TempDir dir;
  const TestCa ca(dir.path());
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    for (const bool ours : {true, false}) {
      CAPTURE(version);
      CAPTURE(ours);
      RigOptions options = Mutual::options(ours ? kRequired : kWanted, version, {});
      const TestCa::Files files = ca.write(ca.leaf(LeafKind::client_only, {"llmrec"}), "ours");
      options.provider.tls->client_ca_pem = ca.pem();
      options.flags = {"--client-cert",
                       ours ? "*.openai.com=" + files.chain + ":" + files.key : kHost + "=none"};
      Rig rig(std::move(options));
      TlsClient client = rig.connect();
      check_chat(client, short_answer());
      client.half_close();
      client.read_to_end();
      CHECK(rig.finished().tls.client_certificate == (ours ? "llmrec" : ""));
      CHECK(rig.recorder().only_record().tap == TapState::complete);
    }
  }
}

TEST_CASE(
    "integration opening: a client certificate that nobody has fails as it would without us") {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    CAPTURE(version);
    Mutual mutual(kRequired, version);
    ClientOptions through = mutual.rig.through();
    through.tls->ca_file = mutual.rig.ca().file();
    TlsClient client(through);
    if (client.connect()) client.send(chat());
    CHECK(client.read_to_end().count == 0);
    CHECK(client.tls().alert_received == (version == TLS1_2_VERSION ? 40 : 116));
    client.close();
    CHECK(mutual.rig.recorder().only_record().tap_reason == "client_certificate");
  }
}

TEST_CASE("integration opening: files of --client-cert that cannot be used") {
  TempDir dir;
  write_file(dir.path() / "empty", "");
  for (const std::string& value :
       {std::string("a.example"), "a.example=" + dir.file("empty"), std::string("=x:y"),
        "a.example=" + dir.file("empty") + ":" + dir.file("empty")}) {
    CAPTURE(value);
    const Finished f = run_llmrec(
        {"serve", "--store", dir.file("store"), "--listen", "127.0.0.1:0", "--client-cert", value});
    REQUIRE(f.status.has_value());
    CHECK(f.status->code == 2);
    CHECK(f.err.find("--client-cert") != std::string::npos);
  }
}

TEST_CASE("integration opening: --tunnel-untrusting after three refusals in a row") {
  RigOptions options = answering(short_answer());
  options.flags = {"--tunnel-untrusting"};
  Rig rig(std::move(options));
  const auto distrusting = [&] {
    ClientOptions through = rig.through();
    through.tls->ca_file = rig.ca().file();
    TlsClient client(through);
    const bool connected = client.connect().has_value();
    if (connected) check_chat(client, short_answer());
    client.close();
    return connected;
  };
  CHECK(!distrusting());
  CHECK(!distrusting());
  {
    TlsClient trusting = rig.connect();  // one success, and the count begins anew
    check_chat(trusting, short_answer());
    trusting.half_close();
    trusting.read_to_end();
  }
  for (int i = 0; i < 3; ++i) CHECK(!distrusting());
  CHECK(distrusting());
  CHECK(distrusting());
  const auto records = rig.recorder().wait_for_records(2 + 1 + 3 + 2);
  std::size_t refused_ones = 0;
  for (const record::Record& r : records) {
    refused_ones += r.error_type == ErrorType::client_untrusted_ca ? 1 : 0;
  }
  CHECK(refused_ones == 5);
  CHECK(records.back().tap == TapState::blind);
  CHECK(records.back().tap_reason == "client_untrusted_ca");
  CHECK(rig.recorder().log().find("for the next ten minutes") != std::string::npos);
}

TEST_CASE("integration opening: a CONNECT to an address that is not listed") {
  const std::string address = "127.0.0.1:";
  const Script answer = short_answer();
  SUBCASE("and a name that is") {
    Rig rig(answering(answer));
    ClientOptions through = rig.through();
    through.via->target = address + std::to_string(rig.provider().port());
    TlsClient client = Rig::connect(through);
    check_chat(client, answer);
    client.half_close();
    client.read_to_end();
    CHECK(rig.finished().tls.sni == kHost);
    const record::Record r = rig.recorder().only_record();
    CHECK(r.host == kHost);
    CHECK(r.tap == TapState::complete);
    CHECK(r.mode == record::Mode::connect);
  }
  SUBCASE("and a name that is not") {
    Rig rig(answering(answer));
    ClientOptions through = rig.through();
    through.via->target = address + std::to_string(rig.provider().port());
    through.tls = ClientTls{.ca_file = rig.ca().file(), .name = "localhost"};
    TlsClient client = Rig::connect(through);
    check_chat(client, answer);
    client.half_close();
    client.read_to_end();
    CHECK(rig.provider().logs().size() == 1);
    rig.recorder().stop();
    CHECK(rig.recorder().records().empty());
  }
  SUBCASE("and the server speaks first") {
    RigOptions options;
    options.clear = true;
    options.provider.at_open = {Raw{}, Send{"220 hello\r\n"}, ReadUntilEof{}, Close{}};
    Rig rig(std::move(options));
    ClientOptions through = rig.through();
    through.via->target = address + std::to_string(rig.provider().port());
    through.tls.reset();
    TlsClient client = Rig::connect(through);
    REQUIRE(client.read_until("220 hello\r\n"));
    client.shut_write();
    CHECK(client.read_to_end().end == "fin");
  }
}

TEST_CASE("integration opening: a hello without SNI is for the host that was asked for") {
  Rig rig(answering(short_answer()));
  ClientOptions through = rig.through();
  through.tls = ClientTls{.ca_file = rig.recorder().bundle(), .name = ""};
  TlsClient client = Rig::connect(through);
  check_chat(client, short_answer());
  CHECK(client.peer_name() == kHost);
  CHECK(rig.recorder().only_record().tap == TapState::complete);
}

namespace {

int add_nothing(SSL*, unsigned, unsigned, const unsigned char** out, std::size_t* size, X509*,
                std::size_t, int*, void*) {
  static const unsigned char octet = 0;
  *out = &octet;
  *size = 1;
  return 1;
}

}  // namespace

TEST_CASE("integration opening: ECH hides a name that is not ours, and GREASE hides nothing") {
  for (const bool grease : {false, true}) {
    CAPTURE(grease);
    Rig rig(answering(short_answer()));
    const std::string outer = grease ? kHost : "localhost";
    const std::string ca = grease ? rig.recorder().bundle() : rig.ca().file();
    ClientOptions through = rig.through();
    through.tls.reset();
    TlsClient client = Rig::connect(through);
    const SslCtxPtr context = make_client_context({.ca_file = ca, .name = outer});
    SSL_CTX_add_custom_ext(context.get(), 0xfe0d, SSL_EXT_CLIENT_HELLO, add_nothing, nullptr,
                           nullptr, nullptr, nullptr);
    REQUIRE(client.conn().handshake_as_client(context.get(), outer, {}, after_ms(kPatienceMs)));
    check_chat(client, short_answer());
    client.half_close();
    client.read_to_end();
    const record::Record r = rig.recorder().only_record();
    CHECK(r.tap == (grease ? TapState::complete : TapState::blind));
    CHECK(r.tap_reason == (grease ? "" : "ech"));
  }
}

TEST_CASE("integration opening: an upstream that speaks no TLS") {
  RigOptions options;
  options.clear = true;
  options.provider.at_open = {Raw{}, ReadRaw{1}, Send{"HTTP/1.1 400 Bad Request\r\n\r\n"}, Fin{}};
  Rig rig(std::move(options));
  const Refused no = refused(rig.recorder(), kAuthority);
  CHECK(no.head.starts_with("HTTP/1.1 502 "));
  CHECK(no.says("error=tls_protocol_error"));
  CHECK(rig.recorder().only_record().error_type == ErrorType::tls_handshake_failed);
}

TEST_CASE("integration opening: an upstream that goes away between its handshake and the request") {
  for (const How how : {How::close_notify, How::fin, How::rst}) {
    CAPTURE(static_cast<int>(how));
    RigOptions options;
    options.provider.at_open = {ending(how)};
    Rig rig(std::move(options));
    ClientOptions through = rig.through();
    through.tls.reset();  // first only the tunnel: the provider has gone before our TLS begins
    TlsClient plain = Rig::connect(through);
    REQUIRE(rig.provider().wait_for(0, [&](const ConnectionLog& log) {
      return how == How::rst ? log.finished : log.handshake_done;
    }));
    const SslCtxPtr context = make_client_context(*rig.through().tls);
    if (plain.conn().handshake_as_client(context.get(), kHost, {}, after_ms(kPatienceMs))) {
      plain.send(chat());
    }
    const Received got = plain.read_to_end();
    plain.close();
    CHECK(got.count == 0);
    CHECK(got.end != "open");
    const record::Record r = rig.recorder().only_record();
    CHECK(r.status == Status::failed);
    CHECK(r.closed_by == record::Party::upstream);
    if (how != How::rst) continue;
    // Whether the client got to ask is a matter of luck, and the record says it.
    CHECK(got.end == "reset");
    CHECK(r.upstream_close == record::CloseHow::reset);
    CHECK(
        (r.failure_stage == Stage::before_request || r.failure_stage == Stage::before_first_token));
  }
}

namespace {

struct Listener {
  UniqueFd fd;
  std::uint16_t port = 0;
};

// Bound to a free port; refuses connections unless told to listen.
Listener bound() {
  Listener out;
  out.fd = UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  REQUIRE(::bind(out.fd.get(), reinterpret_cast<sockaddr*>(&at), size) == 0);
  REQUIRE(::getsockname(out.fd.get(), reinterpret_cast<sockaddr*>(&at), &size) == 0);
  out.port = ntohs(at.sin_port);
  return out;
}

struct Alone {  // a recorder with no provider
  TempDir dir;
  Recorder recorder;
  explicit Alone(std::vector<std::string> flags)
      : recorder({.home = dir.path(), .flags = std::move(flags)}) {}
};

void check_not_connected(Recorder& recorder, const char* status, const char* error, ErrorType type,
                         const char* detail) {
  const Refused no = refused(recorder, kAuthority);
  CHECK(no.head.starts_with(status));
  CHECK(no.says(std::string("Proxy-Status: llmrec; error=") + error));
  const record::Record r = recorder.only_record();
  CHECK(r.status == Status::failed);
  CHECK(r.failure_stage == Stage::before_request);
  CHECK(r.error_type == type);
  CHECK(r.error_detail == detail);
  CHECK(r.host == kHost);
  CHECK(r.fault == Fault::network);
  CHECK(r.retryable == true);
  CHECK(r.retry_safety == record::RetrySafety::safe);
  CHECK(r.progress == record::Progress::none);
  CHECK(r.tap == TapState::complete);
}

}  // namespace

TEST_CASE("integration opening: connection refused") {
  const Listener nobody = bound();
  Alone alone({"--connect-to", connect_to(nobody.port)});
  check_not_connected(alone.recorder, "HTTP/1.1 502 ", "connection_refused",
                      ErrorType::connect_refused, "ECONNREFUSED");
}

TEST_CASE("integration opening: a listener that never answers") {
  Listener full = bound();
  REQUIRE(::listen(full.fd.get(), 0) == 0);
  const UniqueFd only = connect_loopback(full.port, after_ms(kPatienceMs));  // fills the queue
  REQUIRE(only);
  Alone alone({"--connect-timeout", "300ms", "--connect-to", connect_to(full.port)});
  check_not_connected(alone.recorder, "HTTP/1.1 504 ", "connection_timeout",
                      ErrorType::connect_timeout, "ETIMEDOUT");
  const record::Record r = alone.recorder.only_record();
  CHECK(r.duration_ns.value_or(0) >= 300 * kNsPerMs);
  CHECK(r.timeouts_exceeded.contains(record::Budget::connect));
}

TEST_CASE("integration opening: the client leaves while the provider is dialled") {
  Listener full = bound();
  REQUIRE(::listen(full.fd.get(), 0) == 0);
  const UniqueFd only = connect_loopback(full.port, after_ms(kPatienceMs));  // fills the queue
  REQUIRE(only);
  Alone alone({"--connect-to", connect_to(full.port), "--connect-timeout", "1h"});
  const auto base = alone.recorder.open_descriptors();
  constexpr std::size_t kClients = 20;
  for (std::size_t i = 1; i <= kClients; ++i) {
    TlsClient client({.port = alone.recorder.port(), .timeout_ms = kPatienceMs});
    REQUIRE(client.connect().has_value());
    REQUIRE(client.send("CONNECT " + kAuthority + " HTTP/1.1\r\n\r\n"));
    // Every second one goes at once: its CONNECT and its RST may be seen together.
    const bool at_once = i % 2 == 0;
    if (!at_once && base) {
      REQUIRE(eventually([&] { return *alone.recorder.open_descriptors() >= *base + 2; }));
    }
    REQUIRE(client.reset());
    const record::Record r = alone.recorder.wait_for_records(i).back();
    CHECK(r.status == Status::aborted);
    CHECK(r.failure_stage == Stage::before_request);
    CHECK(r.error_type == ErrorType::request_incomplete);
    CHECK(r.client_close == record::CloseHow::reset);
    CHECK(eventually([&] { return alone.recorder.open_descriptors() == base; }));
  }
}

TEST_CASE("integration opening: a name that does not exist") {
  Alone alone({"--connect-to", kAuthority + ":name.invalid:443"});
  const Refused no = refused(alone.recorder, kAuthority);
  CHECK((no.says("error=dns_error") || no.says("error=dns_timeout")));
  const record::Record r = alone.recorder.only_record();
  CHECK(r.error_type == ErrorType::dns_failed);
  CHECK(r.failure_stage == Stage::before_request);
  CHECK(!r.error_detail.empty());
}

TEST_CASE("integration opening: an address that cannot be connected to") {
  // Link-local without a scope: the kernel says no at once, whatever routes there are.
  sockaddr_in6 nowhere{};
  nowhere.sin6_family = AF_INET6;
  nowhere.sin6_port = htons(443);
  REQUIRE(::inet_pton(AF_INET6, "fe80::1", &nowhere.sin6_addr) == 1);
  const UniqueFd probe(::socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (probe) {
    REQUIRE(::connect(probe.get(), reinterpret_cast<sockaddr*>(&nowhere), sizeof nowhere) != 0);
    REQUIRE(errno != EINPROGRESS);
  }
  const char* name = ::strerrorname_np(errno);
  Alone alone({"--connect-to", kAuthority + ":[fe80::1]:443"});
  check_not_connected(alone.recorder, "HTTP/1.1 502 ", "destination_", ErrorType::connect_failed,
                      name);
}

TEST_CASE("integration opening: where a proxy must not lead") {
  Alone alone({});
  const std::string ourselves = "127.0.0.1:" + std::to_string(alone.recorder.port());
  const std::string by_name = "localhost:" + std::to_string(alone.recorder.port());
  for (const std::string& target :
       {std::string("169.254.169.254:80"), std::string("[fd00:ec2::254]:80"), ourselves, by_name}) {
    CAPTURE(target);
    const Refused no = refused(alone.recorder, target);
    CHECK(no.head.starts_with("HTTP/1.1 403 "));
    CHECK(no.says("Proxy-Status: llmrec; error=destination_ip_prohibited"));
  }
  alone.recorder.stop();
  CHECK(alone.recorder.records().empty());
}
