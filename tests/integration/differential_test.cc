// The same conversation past the recorder and through it: what either end receives, and how it
// ends, has to be the same, octet for octet.
#include <doctest/doctest.h>

#include <random>
#include <string>
#include <vector>

#include "rig.h"

using namespace llmrec;
using namespace llmrec::integration;

namespace {

// What both ends of one conversation saw.
struct Views {
  Received client;
  std::string provider_bytes;
  std::string provider_end;
  std::vector<std::string> tls;  // versions and what the client offered

  friend bool operator==(const Views&, const Views&) = default;
};

// How the client says good-bye once it has read everything.
enum class Leave { in_order, fin, rst };

struct Scene {
  Script answer;
  std::string request;
  Leave leave = Leave::in_order;
  bool wait_for_end = true;  // of the provider; else the client is the first to leave
};

void leave(TlsClient& client, Leave how) {
  // Where the other side has reset already there is nobody to leave.
  if (how == Leave::in_order) client.half_close();
  if (how == Leave::fin) client.shut_write();
  if (how == Leave::rst) client.reset();
}

Views converse(Rig& rig, const ClientOptions& options, const Scene& scene, std::size_t connection) {
  TlsClient client = Rig::connect(options);
  REQUIRE(client.send(scene.request));
  Views views;
  if (scene.wait_for_end) {
    views.client = client.read_to_end();
    leave(client, scene.leave);
  } else {
    REQUIRE(client.read_bytes(bytes_sent_by(scene.answer)));
    views.client = client.received();
    leave(client, scene.leave);
    if (scene.leave != Leave::rst) views.client = client.read_to_end();
  }
  client.close();
  const ConnectionLog log = rig.finished(connection);
  views.provider_bytes = log.bytes;
  views.provider_end = log.client_end.text();
  views.tls = {log.tls.version, log.tls.sni};
  views.tls.insert(views.tls.end(), log.tls.alpn_offered.begin(), log.tls.alpn_offered.end());
  return views;
}

// A provider and a recorder for every scene; the scene that is on is `playing`.
struct Both {
  Script playing;
  Rig rig;
  std::size_t connections = 0;

  explicit Both(int tls_version = 0) : rig(options(tls_version)) {}

  RigOptions options(int tls_version) {
    RigOptions out = answering([this](const Request&) { return playing; });
    if (tls_version != 0) {
      out.provider.tls.emplace();
      out.provider.tls->min_version = out.provider.tls->max_version = tls_version;
    }
    return out;
  }

  void check_same(const Scene& scene, int tls_version = 0) {
    playing = scene.answer;
    ClientOptions past = rig.past();
    ClientOptions through = rig.through();
    for (ClientOptions* o : {&past, &through}) {
      if (tls_version != 0) o->tls->min_version = o->tls->max_version = tls_version;
    }
    const Views direct = converse(rig, past, scene, connections++);
    const Views recorded = converse(rig, through, scene, connections++);
    CHECK(recorded.client.count == direct.client.count);
    CHECK(recorded.client.sha256 == direct.client.sha256);
    CHECK(recorded.client.end == direct.client.end);
    CHECK(recorded.provider_bytes == direct.provider_bytes);
    CHECK(recorded.provider_end == direct.provider_end);
    CHECK(recorded.tls == direct.tls);
    CHECK((recorded == direct));
  }
};

const std::string kOddRequest =
    "POST /v1/chat/completions?api-version=1&x=%2F HTTP/1.1\r\n"
    "host:api.openai.com\r\n"
    "X-Empty:\r\n"
    "x-LOUD:   spaces around   \r\n"
    "X-Twice: 1\r\n"
    "X-Twice: 2\r\n"
    "Cookie: a=b; c=\"d\"\r\n"
    "X-Latin: caf\xe9\r\n"
    "Transfer-Encoding: chunked\r\n\r\n"
    "7;ext=1\r\n{\"a\": 1\r\n1\r\n}\r\n0\r\nX-Trailer: t\r\n\r\n";

}  // namespace

TEST_CASE(
    "integration differential: every framing, whole and short, every end, both TLS versions") {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    Both both(version);
    for (const Framing framing : {Framing::chunked, Framing::length, Framing::close}) {
      Answer answer = events(openai::text(words(30)).events);
      answer.framing = framing;
      Script whole = play(answer);
      if (framing == Framing::close) whole.pop_back();  // its own end
      for (const bool full : {true, false}) {
        for (const How how : {How::close_notify, How::fin, How::rst}) {
          CAPTURE(version);
          CAPTURE(static_cast<int>(framing));
          CAPTURE(full);
          CAPTURE(static_cast<int>(how));
          const std::uint64_t size = bytes_sent_by(whole);
          both.check_same(
              {.answer = cut_at(whole, full ? size : size * 2 / 3, how), .request = chat()},
              version);
        }
      }
    }
  }
}

TEST_CASE("integration differential: every way for the client to leave") {
  Both both;
  const Script whole = play(events(openai::text(words(10)).events));
  Script half = whole;
  half.resize(half.size() / 2);
  half.push_back(ReadUntilEof{});
  for (const Script& answer : {whole, half}) {
    for (const Leave how : {Leave::in_order, Leave::fin, Leave::rst}) {
      CAPTURE(answer.size());
      CAPTURE(static_cast<int>(how));
      both.check_same({.answer = answer, .request = chat(), .leave = how, .wait_for_end = false});
    }
  }
}

TEST_CASE("integration differential: heads that nobody would write, and bodies cut into octets") {
  Both both;
  Answer answer = events(openai::text(words(8)).events);
  answer.headers = {{"content-TYPE", "text/event-stream"},
                    {"Set-Cookie", "a=1"},
                    {"Set-Cookie", "b=2"},
                    {"X-Empty", ""},
                    {"X-Latin", "caf\xe9"}};
  answer.reason = "Sure, why not";
  answer.interim = {"HTTP/1.1 102 Processing\r\n\r\n", "HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n"};
  answer.trailers = {"X-End: 1", "x-end: 2"};
  answer.chunk_sizes = {1, 2, 5000};
  answer.close = true;
  for (const Coding coding : {Coding::identity, Coding::gzip, Coding::br, Coding::zstd}) {
    answer.coding = coding;
    CAPTURE(name_of(coding));
    both.check_same({.answer = play(answer), .request = kOddRequest});
  }
}

TEST_CASE("integration differential: what was sent before an end arrives before it") {
  Both both;
  constexpr std::uint64_t kSize = 5u << 20;
  const Script whole = bulk(kSize, Framing::length);
  for (const bool full : {true, false}) {
    for (const How how : {How::close_notify, How::fin, How::rst}) {
      CAPTURE(full);
      CAPTURE(static_cast<int>(how));
      const std::uint64_t size = bytes_sent_by(whole);
      both.check_same(
          {.answer = cut_at(whole, full ? size : size * 2 / 3, how), .request = plain_chat()});
    }
  }
}

TEST_CASE("integration differential: an upload that the client gives up") {
  std::string body;
  append_bulk(body, 0, 3u << 20);
  const std::string upload =
      render({.headers = {{"Content-Length", "6291456"}}, .framing = Framing::close}) + body;
  for (const Leave how : {Leave::in_order, Leave::fin, Leave::rst}) {
    CAPTURE(static_cast<int>(how));
    Rig rig;
    std::vector<ConnectionLog> logs;
    for (const ClientOptions& options : {rig.past(), rig.through()}) {
      TlsClient client = Rig::connect(options);
      REQUIRE(client.send(upload));
      leave(client, how);
      if (how != Leave::rst) client.read_to_end();
      client.close();
      logs.push_back(rig.finished(logs.size()));
    }
    CHECK(logs[0].received_bytes == upload.size());
    CHECK(logs[1].received_bytes == upload.size());
    CHECK(logs[1].received_sha256 == logs[0].received_sha256);
    CHECK(logs[1].client_end.text() == logs[0].client_end.text());
    const record::Record r = rig.recorder().only_record();
    CHECK(r.error_type == record::ErrorType::request_incomplete);
    CHECK(r.request_bytes == upload.size());
  }
}

TEST_CASE("integration differential: no HTTP at all inside the TLS of a recorded host") {
  std::string noise;
  append_bulk(noise, 7, 300'000);
  RigOptions options;
  options.provider.at_open = {Raw{}, ReadRaw{noise.size()}, SendBulk{99, 500'000}, ReadUntilEof{},
                              Close{}};
  Rig rig(std::move(options));
  const Scene scene{.answer = {SendBulk{99, 500'000}}, .request = noise, .wait_for_end = false};
  const Views direct = converse(rig, rig.past(), scene, 0);
  const Views recorded = converse(rig, rig.through(), scene, 1);
  CHECK((recorded == direct));
  const record::Record r = rig.recorder().only_record();
  CHECK(r.tap == record::TapState::blind);
  CHECK(r.response_bytes == 500'000);
}

namespace {

// Octets of any kind, in pieces of any size, both ways at once over a tunnel that is not opened.
void check_tunnel(std::uint32_t seed) {
  CAPTURE(seed);
  std::mt19937 random(seed);
  const auto below = [&](std::uint64_t n) {
    return std::uniform_int_distribution<std::uint64_t>(0, n - 1)(random);
  };
  Script script{Raw{}};
  std::vector<std::string> pieces;
  std::string all;
  std::string answer;
  for (std::uint64_t i = 0, n = 5 + below(20); i < n; ++i) {
    std::string piece;
    append_bulk(piece, below(1u << 20), 1 + below(i % 4 == 0 ? 200'000 : 300));
    all += piece;
    pieces.push_back(std::move(piece));
    if (below(2) == 0) script.push_back(ReadRaw{all.size()});
    std::string back;
    append_bulk(back, below(1u << 20), 1 + below(i % 5 == 0 ? 200'000 : 300));
    answer += back;
    script.push_back(Send{std::move(back)});
  }
  const How how = std::vector{How::fin, How::rst, How::close_notify}[below(3)];
  script.push_back(ReadRaw{all.size()});
  script.push_back(ending(how));

  RigOptions options;
  options.clear = true;
  options.provider.at_open = script;
  Rig rig(std::move(options));
  ClientOptions past;
  past.port = rig.provider().port();
  ClientOptions through;
  through.via = Hop{.port = rig.recorder().port(),
                    .target = "127.0.0.1:" + std::to_string(rig.provider().port())};
  std::vector<Views> views;
  for (const ClientOptions& o : {past, through}) {
    TlsClient client = Rig::connect(o);
    for (const std::string& piece : pieces) REQUIRE(client.send(piece));
    Views v;
    v.client = client.read_to_end();
    client.shut_write();
    const ConnectionLog log = rig.finished(views.size());
    v.provider_bytes = log.bytes;
    v.provider_end = log.client_end.text();
    views.push_back(std::move(v));
  }
  CHECK(views[0].client.bytes == answer);
  CHECK(views[0].provider_bytes == all);
  CHECK((views[0] == views[1]));
  CHECK(rig.recorder().records().empty());
}

}  // namespace

TEST_CASE("integration differential: a tunnel that is not opened carries anything") {
  const std::uint32_t first = std::random_device{}();
  for (std::uint32_t i = 0; i < 8; ++i) check_tunnel(first + i);
}
