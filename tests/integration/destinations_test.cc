// Where a destination's name leads: several addresses, dead ones, forbidden ones, names that do not
// resolve. In a network namespace of its own, with its own hosts file.
#include <doctest/doctest.h>

#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "netns.h"
#include "rig.h"

using namespace llmrec;
using namespace llmrec::integration;
using record::ErrorType;
using record::Status;

namespace {

const std::string kName = "llm.test";

Script short_answer() { return play(events(openai::text(words(3)).events)); }

// In clear, through absolute-form requests: what matters here is who is dialled.
RigOptions named(std::vector<std::string> flags = {"--record", "llm.test"}) {
  enter_own_network();
  RigOptions options = answering(short_answer());
  options.clear = true;
  options.flags = std::move(flags);
  return options;
}

HttpMessage ask(Rig& rig, const std::string& host = kName) {
  TlsClient client = Rig::connect_to_port(rig.recorder().port());
  const std::string authority = host + ":" + std::to_string(rig.provider().port());
  REQUIRE(client.send("POST http://" + authority + "/v1/chat/completions HTTP/1.1\r\nHost: " +
                      authority + "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"));
  client.shut_write();
  const auto messages = answers(client.read_to_end(), {"POST"});
  REQUIRE(messages.size() == 1);
  return messages[0];
}

}  // namespace

TEST_CASE("integration destinations: the next address, where the first refuses") {
  const RigOptions options = named();
  set_hosts("127.0.0.9 llm.test\n127.0.0.8 llm.test\n127.0.0.1 llm.test\n");
  Rig rig(options);
  CHECK(ask(rig).status == 200);
  CHECK(rig.recorder().only_record().status == Status::ok);
}

TEST_CASE("integration destinations: the next address, where the first is a black hole") {
  const RigOptions options = named();
  set_hosts("::1 llm.test\n127.0.0.1 llm.test\n");
  Rig rig(options);
  set_rules("filter hook input priority 0",
            "ip6 daddr ::1 tcp dport " + std::to_string(rig.provider().port()) + " drop");
  CHECK(ask(rig).status == 200);
  const record::Record r = rig.recorder().only_record();
  CHECK(r.status == Status::ok);
  CHECK(*r.duration_ns >= 200 * kNsPerMs);  // RFC 8305: a pause, then the other
}

TEST_CASE("integration destinations: IPv6 first, and IPv4 where it leads nowhere") {
  const RigOptions options = named();
  set_hosts("::1 llm.test\n127.0.0.1 llm.test\n");
  Rig rig(options);  // the provider listens on IPv4 alone
  CHECK(ask(rig).status == 200);
}

TEST_CASE("integration destinations: one forbidden address among the answers forbids the name") {
  const RigOptions options = named({"--record", "*.test"});  // a wildcard allows nothing special
  set_hosts("127.0.0.1 llm.test\n169.254.169.254 llm.test\n127.0.0.1 good.test\n");
  Rig rig(options);
  const HttpMessage no = ask(rig);
  CHECK(no.status == 403);
  CHECK(no.header("proxy-status").find("destination_ip_prohibited") != std::string::npos);
  const record::Record r = rig.recorder().only_record();
  CHECK(r.error_type == ErrorType::destination_denied);
  CHECK(r.error_detail == "address_not_allowed");
  CHECK(rig.provider().logs().empty());
  CHECK(ask(rig, "good.test").status == 200);
}

TEST_CASE("integration destinations: a default host is at no address that the user did not name") {
  enter_own_network();
  set_hosts("169.254.169.254 api.mistral.ai\n");
  RigOptions plain = answering(short_answer());
  plain.clear = true;
  Rig rig(std::move(plain));
  CHECK(ask(rig, "api.mistral.ai").status == 403);
}

TEST_CASE("integration destinations: loopback is closed to a listener that is open to others") {
  enter_own_network();
  set_hosts("127.0.0.1 localhost\n::1 localhost\n");
  FakeProvider provider({.handler = [](const Request&) { return short_answer(); }});
  const std::string authority = "127.0.0.1:" + std::to_string(provider.port());
  const std::string request = "GET http://" + authority + "/ HTTP/1.1\r\nHost: x\r\n\r\n";
  for (const bool named_by_user : {false, true}) {
    CAPTURE(named_by_user);
    TempDir dir;
    RecorderOptions options{.home = dir.path(), .listen = "0.0.0.0:0"};
    if (named_by_user) options.flags = {"--record", authority};
    Recorder recorder(options);
    TlsClient client = Rig::connect_to_port(recorder.port());
    REQUIRE(client.send(request));
    REQUIRE(client.read_until("\r\n\r\n"));
    CHECK(client.received().bytes.starts_with(named_by_user ? "HTTP/1.1 200" : "HTTP/1.1 403"));
    // Ourselves, by any address of ours.
    TlsClient loop = Rig::connect_to_port(recorder.port());
    REQUIRE(loop.send("GET http://localhost:" + std::to_string(recorder.port()) +
                      "/ HTTP/1.1\r\nHost: x\r\n\r\n"));
    CHECK(loop.read_to_end().bytes.starts_with("HTTP/1.1 403"));
  }
}

TEST_CASE(
    "integration destinations: a name is looked up once for many, and a dead one hurts nobody") {
  const RigOptions options = named({"--record", "*.test", "--record", "llm.test"});
  set_hosts("127.0.0.1 llm.test\n");
  Rig rig(options);
  set_silent_resolver(6);  // a second more than we wait
  std::deque<TlsClient> dead;
  for (int i = 0; i < 40; ++i) {
    dead.emplace_back(ClientOptions{.port = rig.recorder().port(), .timeout_ms = kPatienceMs});
    REQUIRE(dead.back().connect().has_value());
    REQUIRE(dead.back().send("GET http://dead" + std::to_string(i % 8) +
                             ".test/ HTTP/1.1\r\nHost: x\r\n\r\n"));
  }
  CHECK(ask(rig).status == 200);
  CHECK(rig.recorder().only_record().status == Status::ok);  // before any of the others is over
  for (TlsClient& client : dead) {
    const Received got = client.read_to_end();
    CHECK(got.bytes.starts_with("HTTP/1.1 504"));
    CHECK(got.bytes.find("error=dns_timeout") != std::string::npos);
  }
  const auto records = rig.recorder().wait_for_records(41);
  for (const record::Record& r : records) {
    if (r.status == Status::failed) CHECK(r.error_type == ErrorType::dns_failed);
    if (r.status == Status::failed) CHECK(r.error_detail == "timeout");
  }
}
