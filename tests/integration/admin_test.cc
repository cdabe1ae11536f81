// --admin and --log records: what probes, scrapers, browsers and log collectors get of a recorder
// at work, and that none of them is felt by a call.
#include <doctest/doctest.h>

#include <csignal>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "record/json.h"
#include "rig.h"
#include "support/metrics_format.h"

using namespace llmrec;
using namespace llmrec::integration;
using record::Status;

namespace {

RigOptions with_admin(RigOptions options, std::vector<std::string> more = {}) {
  options.flags.insert(options.flags.end(), {"--admin", "127.0.0.1:0"});
  options.flags.insert(options.flags.end(), more.begin(), more.end());
  return options;
}

// One request and its answer; the connection has to end in order.
HttpMessage ask(Rig& rig, const std::string& head, const std::string& body = "",
                const std::string& fields = "Host: 127.0.0.1\r\n") {
  TlsClient client = Rig::connect_to_port(rig.recorder().port_of("admin"));
  std::string request = head + " HTTP/1.1\r\n" + fields;
  if (!body.empty()) {
    request +=
        "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n";
  }
  REQUIRE(client.send(request + "\r\n" + body));
  const Received got = client.read_to_end();
  CHECK(got.end == "fin");
  auto messages = answers(got, {head.substr(0, head.find(' '))});
  REQUIRE(messages.size() == 1);
  return messages[0];
}

// Where many are held at once: a client stays where it was made.
std::unique_ptr<TlsClient> connected(Rig& rig) {
  std::unique_ptr<TlsClient> client(
      new TlsClient({.port = rig.recorder().port_of("admin"), .timeout_ms = kPatienceMs}));
  REQUIRE(client->connect().has_value());
  return client;
}

HttpMessage get_page(Rig& rig, const std::string& path) { return ask(rig, "GET " + path); }

void call(Rig& rig) {
  TlsClient client = rig.connect();
  REQUIRE(client.send(chat()));
  client.half_close();
  client.read_to_end();
}

double value(Rig& rig, const std::string& series) {
  const Scrape scrape = read_metrics(get_page(rig, "/metrics").body);
  const auto found = scrape.values.find(series);
  return found == scrape.values.end() ? -1 : found->second;
}

}  // namespace

TEST_CASE("integration admin: without the flag nobody listens") {
  Rig rig(answering(play(events(openai::text(words(3)).events))));
  CHECK(rig.recorder().log().find("dashboard") == std::string::npos);
}

TEST_CASE("integration admin: a call shows up everywhere") {
  Rig rig(with_admin(answering(play(events(openai::text(words(3)).events))), {"--log", "records"}));
  CHECK(get_page(rig, "/readyz").body == "ok\n");
  CHECK(get_page(rig, "/livez").status == 200);
  call(rig);
  call(rig);
  const auto records = rig.recorder().wait_for_records(2);
  const std::string id = records[1].request_id.text();

  const HttpMessage json = get_page(rig, "/records/" + id);
  CHECK(json.header("content-type") == "application/json");
  CHECK(json.body == record::to_json(records[1]) + "\n");
  const HttpMessage page =
      ask(rig, "GET /records/" + id, "", "Host: localhost\r\nAccept: text/html,*/*;q=0.8\r\n");
  CHECK(page.header("content-type") == "text/html; charset=utf-8");
  CHECK(page.body.find(id) != std::string::npos);

  const HttpMessage scraped = get_page(rig, "/metrics");
  const Scrape scrape = read_metrics(scraped.body);
  CHECK(scrape.faults == std::vector<std::string>{});
  const std::string of = "{provider=\"openai\",dialect=\"openai.chat\"";
  CHECK(scrape.values.at("llmrec_requests_total" + of + ",status=\"ok\"}") == 2);
  CHECK(scrape.values.at("llmrec_time_to_first_token_seconds_count" + of + "}") == 2);
  CHECK(scrape.values.at("llmrec_connections_total") == 2);
  CHECK(scrape.values.at("llmrec_calls_running") == 0);
  CHECK(scrape.values.at("llmrec_records_dropped_total") == 0);
  CHECK(scrape.values.at("llmrec_store_max_bytes") > 0);
  CHECK(scrape.values.at("process_open_fds") > 0);

  const Finished stats = run_llmrec({"stats", "--json", "--store", rig.recorder().store()});
  REQUIRE(stats.status == ExitStatus{0, 0});
  const std::string expected = stats.out.substr(0, stats.out.find_last_of('}'));
  CHECK(get_page(rig, "/stats.json?since=24h").body.starts_with(expected + ","));

  rig.recorder().stop();
  std::istringstream lines(rig.recorder().process().out());
  std::vector<std::string> logged;
  for (std::string line; std::getline(lines, line);) logged.push_back(line);
  CHECK(logged ==
        std::vector<std::string>{record::to_json(records[0]), record::to_json(records[1])});
}

TEST_CASE("integration admin: a stream that runs is counted as running, and draining is said") {
  Answer answer = events(openai::text(words(20)).events);
  answer.before[6] = {WaitFor{"go on"}};
  const std::uint64_t before_gate = build(answer).piece_ends.at(5);
  Rig rig(with_admin(answering(play(answer))));
  TlsClient client = rig.connect();
  REQUIRE(client.send(chat()));
  REQUIRE(client.read_bytes(before_gate));
  CHECK(value(rig, "llmrec_calls_running") == 1);
  CHECK(value(rig, "llmrec_connections_open") == 1);
  rig.recorder().signal(SIGTERM);
  CHECK(eventually([&rig] { return get_page(rig, "/readyz").status == 503; }));
  CHECK(get_page(rig, "/readyz").body == "draining\n");
  CHECK(get_page(rig, "/livez").status == 200);
  CHECK(get_page(rig, "/healthz").body.starts_with("{\"status\":\"draining\""));
  CHECK(value(rig, "llmrec_draining") == 1);
  rig.provider().open_gate("go on");
  client.half_close();
  client.read_to_end();
  rig.recorder().stop();
}

TEST_CASE("integration admin: notes, where they are allowed") {
  Rig rig(with_admin(answering(play(events(openai::text(words(3)).events))), {"--admin-notes"}));
  call(rig);
  const std::string id = rig.recorder().only_record().request_id.text();
  const HttpMessage done =
      ask(rig, "POST /records/" + id + "/notes", R"({"message_persisted": true, "order": "A-17"})");
  CHECK(done.status == 200);
  CHECK(done.body.find(R"("notes":{"message_persisted":"true","order":"A-17"})") !=
        std::string::npos);
  CHECK(rig.recorder().only_record().notes ==
        record::Facts{{"message_persisted", "true"}, {"order", "A-17"}});
  CHECK(ask(rig, "POST /records/nobody/notes", R"({"a":1})").status == 404);
  CHECK(ask(rig, "POST /records/" + id + "/notes", "[1]").status == 400);
  CHECK(ask(rig, "POST /records/" + id + "/notes", R"({"a":1})", "Host: evil.example\r\n").status ==
        421);

  Rig without(with_admin(answering(play(events(openai::text(words(3)).events)))));
  CHECK(ask(without, "POST /records/last/notes", R"({"a":1})").status == 403);
}

TEST_CASE("integration admin: what is no request gets an answer, or its end") {
  Rig rig(with_admin({}));
  const auto answer_to = [&rig](const std::string& octets) {
    TlsClient client = Rig::connect_to_port(rig.recorder().port_of("admin"));
    REQUIRE(client.send(octets));
    const Received got = client.read_to_end();
    CHECK(got.end == "fin");
    return got.bytes.substr(0, got.bytes.find("\r\n"));
  };
  CHECK(answer_to("\x16\x03\x01\x02\x00\x01\x00") == "HTTP/1.1 400 Bad Request");
  CHECK(answer_to("CONNECT api.openai.com:443 HTTP/1.1\r\n\r\n") == "HTTP/1.1 400 Bad Request");
  CHECK(answer_to("GET / HTTP/1.1\r\nHost: localhost\r\nX: " + std::string(9000, 'x')) ==
        "HTTP/1.1 431 Request Header Fields Too Large");
  CHECK(answer_to("GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n") ==
        "HTTP/1.1 421 Misdirected Request");
  CHECK(answer_to("GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\nGET /livez HTTP/1.1\r\n\r\n") ==
        "HTTP/1.1 200 OK");
  for (const std::size_t split : {std::size_t{1}, std::size_t{7}}) {
    TlsClient client = Rig::connect_to_port(rig.recorder().port_of("admin"));
    REQUIRE(client.send("GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n", split));
    client.shut_write();
    CHECK(client.read_to_end().bytes.ends_with("\r\n\r\nok\n"));
  }
  CHECK(get_page(rig, "/livez").status == 200);
}

TEST_CASE("integration admin: a crowd at the port holds up no call") {
  Rig rig(with_admin(answering(play(events(openai::text(words(3)).events)))));
  std::vector<std::unique_ptr<TlsClient>> idle;
  for (int i = 0; i < 80; ++i) {  // more than are let in
    idle.push_back(connected(rig));
    REQUIRE(idle.back()->send("GET /stats.json HTTP/1.1\r\nHost: "));
  }
  call(rig);
  CHECK(rig.recorder().only_record().status == Status::ok);
  for (const auto& client : idle) client->close();
  CHECK(get_page(rig, "/livez").status == 200);
}

TEST_CASE(
    "integration admin: many who ask for figures at once are answered or told to come again") {
  Rig rig(with_admin(answering(play(events(openai::text(words(3)).events)))));
  call(rig);
  rig.recorder().wait_for_records(1);
  std::vector<std::unique_ptr<TlsClient>> clients;
  for (int i = 0; i < 40; ++i) {
    clients.push_back(connected(rig));
    REQUIRE(clients.back()->send("GET /stats.json HTTP/1.1\r\nHost: localhost\r\n\r\n"));
  }
  int answered = 0;
  for (const auto& client : clients) {
    const auto messages = answers(client->read_to_end(), {"GET"});
    REQUIRE(messages.size() == 1);
    const int status = messages[0].status;
    CHECK((status == 200 || status == 503));
    answered += status == 200 ? 1 : 0;
  }
  CHECK(answered > 0);
}

TEST_CASE("integration admin: an address that cannot be had is said at the start") {
  TempDir dir;
  for (const char* address :
       {"nowhere", "127.0.0.1", "some.name:8791", "192.0.2.1:8791", "127.0.0.1:99999"}) {
    CAPTURE(std::string(address));
    const Finished f = run_llmrec(
        {"serve", "--store", dir.file("store"), "--listen", "127.0.0.1:0", "--admin", address});
    REQUIRE(f.status.has_value());
    const bool is_address = std::string(address) == "192.0.2.1:8791";  // of another machine
    CHECK(f.status->code == (is_address ? 1 : 2));
    CHECK(f.err.find(is_address ? "cannot listen" : "--admin") != std::string::npos);
  }
}
