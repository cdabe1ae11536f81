// Absolute-form requests on the proxy's port: HTTP_PROXY, and the clients that send even https://
// in clear. The request target becomes origin-form, what is for the proxy stays here, and the rest
// passes as it is.
#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include "rig.h"

using namespace llmrec;
using namespace llmrec::integration;
using record::ErrorType;
using record::Mode;
using record::Stage;
using record::Status;
using record::TapState;

namespace {

const std::string kVllm = "vllm.test:8000";

Script short_answer() { return play(events(openai::text(words(3)).events)); }

// A provider in clear text, as a model server in a cluster is.
RigOptions vllm(RigOptions options, std::vector<std::string> more = {}) {
  options.clear = true;
  options.flags = {"--record", kVllm + "=openai.chat", "--connect-to", kVllm + ":127.0.0.1:{port}"};
  options.flags.insert(options.flags.end(), more.begin(), more.end());
  return options;
}

TlsClient client_of(Rig& rig) { return Rig::connect_to_port(rig.recorder().port()); }

// The same request, as it goes to a proxy, and as it has to arrive.
struct Asked {
  std::string sent;
  std::string arrives;
};
Asked asked(const std::string& scheme, const std::string& authority, const Headers& headers = {}) {
  RawRequest request;
  request.host = authority;
  request.headers = {{"Content-Type", "application/json"}};
  request.headers.insert(request.headers.end(), headers.begin(), headers.end());
  openai::Ask ask;
  ask.include_usage = true;
  request.body = openai::request_json(ask);
  Asked out;
  out.arrives = render(request);
  request.target = scheme + "://" + authority + request.target;
  out.sent = render(request);
  return out;
}

}  // namespace

TEST_CASE("integration forward: a recorded host in clear text") {
  const Script answer = short_answer();
  for (const std::size_t split : {std::size_t{0}, std::size_t{1}}) {
    CAPTURE(split);
    Rig rig(vllm(answering(answer)));
    TlsClient client = client_of(rig);
    const Asked call = asked("http", kVllm);
    for (std::uint64_t n = 1; n <= 2; ++n) {
      REQUIRE(client.send(call.sent, split));
      REQUIRE(client.read_bytes(n * bytes_sent_by(answer)));
    }
    CHECK(client.received().bytes == text_sent_by(answer) + text_sent_by(answer));
    client.shut_write();
    CHECK(client.read_to_end().end == "fin");
    CHECK(rig.finished().bytes == call.arrives + call.arrives);
    for (const record::Record& r : rig.recorder().wait_for_records(2)) {
      CHECK(r.mode == Mode::forward);
      CHECK(r.host == "vllm.test");
      CHECK(r.dialect == "openai.chat");
      CHECK(r.status == Status::ok);
      CHECK(r.tap == TapState::complete);
    }
  }
}

TEST_CASE("integration forward: https:// in clear text is given its TLS") {
  const Script answer = short_answer();
  Rig rig(answering(answer));
  TlsClient client = client_of(rig);
  const Asked call = asked("https", kHost);
  REQUIRE(client.send(call.sent));
  REQUIRE(client.read_bytes(bytes_sent_by(answer)));
  CHECK(client.received().bytes == text_sent_by(answer));
  client.shut_write();
  client.read_to_end();
  const ConnectionLog log = rig.finished();
  CHECK(log.bytes == call.arrives);
  CHECK(log.tls.sni == kHost);
  CHECK(log.client_end.text() == kInOrder);
  const record::Record r = rig.recorder().only_record();
  CHECK(r.mode == Mode::forward);
  CHECK(r.provider == "openai");
  CHECK(r.time_to_tls_ns.has_value());
}

TEST_CASE("integration forward: what is for the proxy goes no further, and its user is a tag") {
  Rig rig(vllm(answering(short_answer())));
  TlsClient client = client_of(rig);
  const Asked call = asked("http", kVllm,
                           {{"Proxy-Authorization", "Basic Y2hlY2tvdXQ6aHVudGVyMg=="},
                            {"Proxy-Connection", "keep-alive"}});
  REQUIRE(client.send(call.sent));
  REQUIRE(client.read_bytes(bytes_sent_by(short_answer())));
  client.shut_write();
  client.read_to_end();
  CHECK(rig.finished().bytes == asked("http", kVllm).arrives);
  const record::Record r = rig.recorder().only_record();
  CHECK(r.tags == record::Facts{{"route", "checkout"}});
  CHECK(rig.recorder().log().find("hunter2") == std::string::npos);
  CHECK(rig.recorder().log().find("Y2hlY2tvdXQ6") == std::string::npos);
}

namespace {

// A second provider beside the rig's.
struct Other {
  FakeProvider provider{{.handler = [](const Request&) { return play(json("{\"other\":1}")); }}};
  std::string authority() { return "127.0.0.1:" + std::to_string(provider.port()); }
};

}  // namespace

TEST_CASE("integration forward: one client connection, requests to several origins") {
  const Script answer = short_answer();
  const std::string first = text_sent_by(answer);
  const std::string second = text_sent_by(play(json("{\"other\":1}")));
  bool pipelined = false;
  SUBCASE("one after another") {}
  SUBCASE("all at once") { pipelined = true; }
  Other other;
  Rig rig(vllm(answering(answer)));
  TlsClient client = client_of(rig);
  const std::vector<Asked> calls = {asked("http", kVllm), asked("http", other.authority()),
                                    asked("http", kVllm), asked("http", kVllm)};
  const std::vector<std::string> expected = {first, second, first, first};
  std::uint64_t total = 0;
  std::string all;
  for (std::size_t i = 0; i < calls.size(); ++i) {
    if (pipelined) {
      std::string together;
      for (const Asked& call : calls) together += call.sent;
      if (i == 0) REQUIRE(client.send(together));
    } else {
      REQUIRE(client.send(calls[i].sent));
    }
    all += expected[i];
    total += expected[i].size();
    REQUIRE(client.read_bytes(total));
  }
  CHECK(client.received().bytes == all);
  client.shut_write();
  CHECK(client.read_to_end().end == "fin");
  CHECK(rig.finished(0).bytes == calls[0].arrives);
  CHECK(rig.finished(0).client_end.text() == "fin");
  CHECK(rig.finished(1).bytes == calls[2].arrives + calls[3].arrives);
  REQUIRE(other.provider.wait_finished(1));
  CHECK(other.provider.logs()[0].bytes == calls[1].arrives);
  const auto records = rig.recorder().wait_for_records(3);  // the other is not listed
  for (const record::Record& r : records) {
    CHECK(r.host == "vllm.test");
    CHECK(r.status == Status::ok);
    CHECK(r.client_delivery_status == record::Delivery::full);
  }
  CHECK(records[0].time_to_connect_ns.has_value());
  CHECK(records[1].time_to_connect_ns.has_value());
  CHECK(!records[2].time_to_connect_ns.has_value());
  CHECK(records[0].closed_by == record::Party::none);
}

TEST_CASE("integration forward: another origin, and the answer before it is slow to be read") {
  // Of these sizes some end in the kernel, and some wait at the provider.
  constexpr std::uint64_t kStep = 512u << 10;
  constexpr std::uint64_t kSmallest = 512u << 10;
  for (const bool closes : {false, true}) {
    CAPTURE(closes);
    std::uint64_t size = kSmallest;
    Other other;
    Rig rig(vllm(answering(Handler([&](const Request&) {
      Script script = bulk(size, Framing::length);
      if (closes) script.push_back(Close{});
      return script;
    }))));
    for (std::size_t n = 0; n < 10; ++n) {
      size += kStep;
      CAPTURE(size);
      TlsClient client(
          {.port = rig.recorder().port(), .timeout_ms = kPatienceMs, .receive_buffer = 4096});
      REQUIRE(client.connect().has_value());
      client.pause_reading(true);
      REQUIRE(client.send(asked("http", kVllm).sent + asked("http", other.authority()).sent));
      REQUIRE(rig.provider().wait_for(
          n, [&](const ConnectionLog& log) { return log.sent_bytes > kSmallest; }));
      client.pause_reading(false);
      REQUIRE(client.read_until("{\"other\":1}"));
      const record::Record r = rig.recorder().wait_for_records(n + 1).back();
      CHECK(r.status == Status::ok);
      CHECK(r.client_delivery_status == record::Delivery::full);
    }
  }
}

TEST_CASE("integration forward: a host that is not listed") {
  Other other;
  Rig rig(vllm(answering(short_answer())));
  TlsClient client = client_of(rig);
  REQUIRE(client.send(asked("http", other.authority()).sent));
  REQUIRE(client.read_until("{\"other\":1}"));
  client.shut_write();
  client.read_to_end();
  rig.recorder().stop();
  CHECK(rig.recorder().records().empty());
}

namespace {

HttpMessage refused(Rig& rig, const std::string& request) {
  TlsClient client = client_of(rig);
  REQUIRE(client.send(request));
  const Received got = client.read_to_end();
  CHECK(got.end == "fin");
  const auto messages = answers(got, {"GET"});
  REQUIRE(messages.size() == 1);
  CHECK(messages[0].header("connection") == "close");
  return messages[0];
}

std::string get_url(const std::string& url) {
  return "GET " + url + " HTTP/1.1\r\nHost: x\r\n\r\n";
}

}  // namespace

TEST_CASE("integration forward: what is refused, and how") {
  Rig rig(vllm(answering(short_answer()), {"--deny-unlisted"}));
  CHECK(refused(rig, get_url("http://example.invalid/")).status == 403);
  CHECK(refused(rig, get_url("http://u:p@vllm.test:8000/")).status == 400);
  CHECK(refused(rig, get_url("http://0x7f.1/")).status == 400);
  CHECK(refused(rig, "GET http://vllm.test:8000/ HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n").status ==
        400);
  const HttpMessage origin_form = refused(rig, get_url("/v1/models"));
  CHECK(origin_form.status == 405);
  CHECK(origin_form.body.find("--reverse") != std::string::npos);
  CHECK(rig.provider().logs().empty());
}

TEST_CASE("integration forward: a later request that cannot be read is refused after the answers") {
  Rig rig(vllm(answering(short_answer())));
  TlsClient client = client_of(rig);
  REQUIRE(client.send(asked("http", kVllm).sent + "GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n"));
  const auto messages = answers(client.read_to_end(), {"POST", "GET"});
  REQUIRE(messages.size() == 2);
  CHECK(messages[0].status == 200);
  CHECK(messages[1].status == 400);
  CHECK(rig.finished().bytes == asked("http", kVllm).arrives);
  CHECK(rig.recorder().only_record().status == Status::ok);
}

TEST_CASE("integration forward: where a proxy must not lead") {
  Rig rig(vllm(answering(short_answer())));
  const std::string ourselves = "127.0.0.1:" + std::to_string(rig.recorder().port());
  for (const std::string& where : {std::string("169.254.169.254"), std::string("[fd00:ec2::254]"),
                                   std::string("0.0.0.0:1"), ourselves}) {
    CAPTURE(where);
    const HttpMessage no = refused(rig, get_url("http://" + where + "/"));
    CHECK(no.status == 403);
    CHECK(no.header("proxy-status").find("destination_ip_prohibited") != std::string::npos);
  }
}

TEST_CASE("integration forward: an upstream that cannot be had leaves a record") {
  FakeProvider gone({});
  const std::string port = std::to_string(gone.port());
  gone.stop();
  TempDir dir;
  Recorder recorder({.home = dir.path(), .flags = {"--record", "127.0.0.1:" + port}});
  TlsClient client = Rig::connect_to_port(recorder.port());
  REQUIRE(client.send(get_url("http://127.0.0.1:" + port + "/")));
  const auto messages = answers(client.read_to_end(), {"GET"});
  REQUIRE(messages.size() == 1);
  CHECK(messages[0].status == 502);
  const record::Record r = recorder.only_record();
  CHECK(r.mode == Mode::forward);
  CHECK(r.error_type == ErrorType::connect_refused);
  CHECK(r.failure_stage == Stage::before_request);
}

TEST_CASE("integration forward: curl and Python through http_proxy") {
  const Script answer = short_answer();
  Rig rig(vllm(answering(answer)));
  const std::string proxy = "http://nightly:x@127.0.0.1:" + std::to_string(rig.recorder().port());
  ProcessOptions options;
  options.env = {{"http_proxy", proxy}};
  options.unset = {"HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy",
                   "NO_PROXY",    "no_proxy",    "CURL_HOME"};
  std::size_t records = 0;
  SUBCASE("curl") {
    const std::string url = "http://" + kVllm + "/v1/chat/completions";
    options.argv = {
        "curl", "-sS",    "-N",  "-H", "Content-Type: application/json", "-d", "{\"stream\":true}",
        url,    "--next", "-sS", "-H", "Content-Type: application/json", "-d", "{\"stream\":true}",
        url};
    records = 2;
  }
  SUBCASE("urllib") {
    options.argv = {
        "python3", "-c",
        "import urllib.request as u\n"
        "r = u.Request('http://vllm.test:8000/v1/chat/completions', b'{\"stream\":true}',"
        " {'Content-Type': 'application/json'})\n"
        "print(u.urlopen(r).read().decode())"};
    records = 1;
  }
  const Finished f = run(options, kPatienceMs);
  const bool done = f.status == ExitStatus{0, 0};
  CHECK_MESSAGE(done, f.err);
  CHECK(f.out.find("[DONE]") != std::string::npos);
  for (const record::Record& r : rig.recorder().wait_for_records(records)) {
    CHECK(r.status == Status::ok);
    CHECK(r.tags == record::Facts{{"route", "nightly"}});
  }
  const ConnectionLog log = rig.finished();
  for (const Request& request : log.requests) {
    CHECK(!request.has_header("proxy-authorization"));
    CHECK(!request.has_header("proxy-connection"));
    CHECK(request.target == "/v1/chat/completions");
  }
}
