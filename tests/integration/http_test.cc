// HTTP/1.x as it is really spoken: keep-alive, pipelining, answers without a body, interim answers,
// trailers, HTTP/1.0, uploads that wait for leave and uploads that are refused half-way.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "rig.h"

using namespace llmrec;
using namespace llmrec::integration;
using record::CloseHow;
using record::ErrorType;
using record::Status;

namespace {

// What a client that keeps its connection sees of one request, and the record of it.
struct Exchanged {
  std::string bytes;
  record::Record record;
};

Exchanged exchange(Rig& rig, const std::string& request, const Script& answer) {
  TlsClient client = rig.connect();
  REQUIRE(client.send(request));
  REQUIRE(client.read_bytes(bytes_sent_by(answer)));
  Exchanged out{client.received().bytes, rig.recorder().only_record()};
  CHECK(out.bytes == text_sent_by(answer));
  REQUIRE(client.half_close());
  CHECK(rig.finished().bytes == request);
  CHECK(client.read_to_end().count == bytes_sent_by(answer));
  return out;
}

void check_ok(const record::Record& r, int status) {
  CHECK(r.status == Status::ok);
  CHECK(r.http_status == status);
  CHECK(r.progress == record::Progress::complete);
  CHECK(r.body_complete == true);
  CHECK(r.tap == record::TapState::complete);
  CHECK(r.client_delivery_status == record::Delivery::full);
}

}  // namespace

TEST_CASE("integration http: HEAD has a length and no body") {
  Answer answer = json(openai::json({}));
  answer.head_only = true;
  const Script script = play(answer);
  Rig rig(answering(script));
  check_ok(exchange(rig, get("/v1/models", "HEAD"), script).record, 200);
}

TEST_CASE("integration http: 304 has a length and no body") {
  Answer answer = json(openai::json({}), 304);
  answer.head_only = true;
  const Script script = play(answer);
  Rig rig(answering(script));
  check_ok(exchange(rig, get("/v1/models"), script).record, 304);
}

TEST_CASE("integration http: 204 has neither") {
  Answer answer;
  answer.status = 204;
  const Script script = play(answer);
  Rig rig(answering(script));
  check_ok(exchange(rig, get("/v1/models"), script).record, 204);
}

TEST_CASE("integration http: an early hint, trailers, chunks cut across the events, gzip") {
  const openai::Shape shape = words(12);
  Answer answer = events(openai::text(shape).events);
  answer.interim = {"HTTP/1.1 103 Early Hints\r\nLink: </x>; rel=preload\r\n\r\n"};
  answer.headers.emplace_back("Trailer", "X-Checksum");
  answer.trailers = {"X-Checksum: 0123"};
  answer.coding = Coding::gzip;
  answer.chunk_sizes = {1, 3, 1000, 7};
  const Script script = play(answer);
  Rig rig(answering(script));
  const record::Record r = exchange(rig, chat({{"Accept-Encoding", "gzip"}}), script).record;
  check_ok(r, 200);
  CHECK(r.chunks_received == 12 + 3);
  CHECK(r.content_chunks == 12);
  CHECK(r.usage_available);
}

TEST_CASE("integration http: three requests over one connection") {
  const openai::Shape shape = words(5);
  const Script script = play(events(openai::text(shape).events));
  Rig rig(answering(script));
  TlsClient client = rig.connect();
  std::string sent;
  for (std::uint64_t i = 1; i <= 3; ++i) {
    const std::string request = chat({{"X-Request-Id", "turn-" + std::to_string(i)}});
    REQUIRE(client.send(request));
    sent += request;
    REQUIRE(client.read_bytes(i * bytes_sent_by(script)));
  }
  const auto records = rig.recorder().wait_for_records(3);
  for (std::size_t i = 0; i < 3; ++i) {
    check_ok(records[i], 200);
    CHECK(records[i].client_request_id == "turn-" + std::to_string(i + 1));
    CHECK(records[i].response_bytes == bytes_sent_by(script));
    CHECK(records[i].chunks_received == 5 + 3);
    CHECK(records[i].time_to_connect_ns.has_value() == (i == 0));
    CHECK(records[i].time_to_tls_ns.has_value() == (i == 0));
  }
  client.half_close();
  CHECK(rig.finished().bytes == sent);
  CHECK(rig.provider().logs().size() == 1);
}

TEST_CASE("integration http: the second call over a connection is the one that breaks") {
  const Reply whole = build(events(openai::text(words(5)).events));
  const Script cut = cut_at(whole.script, whole.piece_ends[2], How::rst);
  Rig rig(answering(
      [&](const Request& r) { return r.header("x-request-id") == "2" ? cut : whole.script; }));
  TlsClient client = rig.connect();
  REQUIRE(client.send(chat({{"X-Request-Id", "1"}})));
  REQUIRE(client.read_bytes(bytes_sent_by(whole.script)));
  REQUIRE(client.send(chat({{"X-Request-Id", "2"}})));
  CHECK(client.read_to_end().end == "reset");
  const auto records = rig.recorder().wait_for_records(2);
  check_ok(records[0], 200);
  CHECK(records[0].upstream_close == CloseHow::none);
  CHECK(records[1].client_request_id == "2");
  CHECK(records[1].error_type == ErrorType::upstream_reset);
  CHECK(records[1].chunks_received == 3);
}

TEST_CASE("integration http: a request to a provider that has just said good-bye") {
  const Reply whole = build(events(openai::text(words(5)).events));
  Script then = whole.script;
  then.push_back(Close{});
  Rig rig(answering(then));
  TlsClient client = rig.connect();
  REQUIRE(client.send(chat()));
  REQUIRE(client.read_to_end().end == "close_notify+fin");
  client.send(chat());  // an old connection from a pool: it finds out too late
  client.half_close();
  client.close();
  CHECK(rig.finished().bytes == chat() + chat());
  const auto records = rig.recorder().wait_for_records(2);
  check_ok(records[0], 200);
  CHECK(records[1].status != Status::ok);
  CHECK(records[1].http_status == std::nullopt);
  CHECK(records[1].retry_safety == record::RetrySafety::safe);
}

TEST_CASE("integration http: three requests in one write") {
  Rig rig(answering([](const Request& r) {
    return play(json(R"({"id":"chatcmpl-)" + r.header("x-request-id") +
                     R"(","object":"chat.completion","model":"m","choices":[{"index":0,)"
                     R"("message":{"role":"assistant","content":"x"},"finish_reason":"stop"}]})"));
  }));
  std::string all;
  for (const char* id : {"a", "b", "c"}) {
    all += plain_chat({{"X-Request-Id", id}});
  }
  TlsClient client = rig.connect();
  REQUIRE(client.send(all));
  REQUIRE(client.read_until("chatcmpl-c"));
  const auto records = rig.recorder().wait_for_records(3);
  for (std::size_t i = 0; i < 3; ++i) {
    check_ok(records[i], 200);
    CHECK(records[i].client_request_id == std::string(1, static_cast<char>('a' + i)));
    CHECK(records[i].response_id == "chatcmpl-" + records[i].client_request_id);
    CHECK(records[i].operation == "chat.completions");
  }
  client.half_close();
  const ConnectionLog log = rig.finished();
  CHECK(log.bytes == all);
  CHECK(log.requests.size() == 3);
  CHECK(answers(client.read_to_end()).size() == 3);
}

TEST_CASE("integration http: 1.0, and an answer that ends with the connection") {
  Answer whole = json(openai::json({}));
  whole.framing = Framing::close;
  const std::string request = plain_chat({}, "HTTP/1.0");
  Script playing = play(whole);
  Rig rig(answering([&playing](const Request&) { return playing; }));

  SUBCASE("with a close_notify it is whole") {
    TlsClient client = rig.connect();
    REQUIRE(client.send(request));
    const Received got = client.read_to_end();
    CHECK(got.bytes == text_sent_by(playing));
    CHECK(got.end == "close_notify+fin");
    const record::Record r = rig.recorder().only_record();
    check_ok(r, 200);
    CHECK(r.upstream_close == CloseHow::close_notify);
    CHECK(r.closed_by == record::Party::upstream);
    CHECK(r.finish_reasons == std::vector<std::string>{"stop"});
  }
  SUBCASE("without, nobody can know") {
    playing.back() = Fin{};
    TlsClient client = rig.connect();
    REQUIRE(client.send(request));
    CHECK(client.read_to_end().end == "fin");
    const record::Record r = rig.recorder().only_record();
    CHECK(r.status == Status::failed);
    CHECK(r.failure_stage == record::Stage::after_first_token);
    CHECK(r.error_type == ErrorType::stream_interrupted);
    CHECK(r.fault_evidence.contains(record::FaultEvidence::upstream_fin_without_close_notify));
  }
}

TEST_CASE("integration http: an upload that waits for 100-continue") {
  openai::Ask ask;
  ask.stream = false;
  ask.prompt_bytes = 5u << 20;
  const std::string body = openai::request_json(ask);
  const std::string head = render({.headers = {{"Expect", "100-continue"},
                                               {"Content-Type", "application/json"},
                                               {"Content-Length", std::to_string(body.size())}},
                                   .framing = Framing::close});
  Rig rig(answering(play(json(openai::json({})))));
  TlsClient client = rig.connect();
  REQUIRE(client.send(head));
  REQUIRE(client.read_until("HTTP/1.1 100 Continue\r\n\r\n"));
  CHECK(rig.provider().logs()[0].received_bytes == head.size());
  REQUIRE(client.send(body));
  REQUIRE(client.read_until("chatcmpl"));
  const record::Record r = rig.recorder().only_record();
  check_ok(r, 200);
  CHECK(r.request_bytes == head.size() + body.size());
  CHECK(r.message_count == 2);
  client.half_close();
  const ConnectionLog log = rig.finished();
  REQUIRE(log.requests.size() == 1);
  CHECK(log.requests[0].body_sha256 == sha256_hex(body));
  CHECK(log.received_bytes == head.size() + body.size());
}

TEST_CASE("integration http: refused while the body is still coming") {
  constexpr std::size_t kUpload = 8u << 20;
  Answer refusal = json(openai::error_json(413), 413);
  refusal.close = true;
  RigOptions options;
  options.provider.at_head = [&](const Request&) { return std::optional(play(refusal)); };
  Rig rig(std::move(options));
  TlsClient client = rig.connect();
  REQUIRE(client.send(render({.headers = {{"Content-Type", "application/json"},
                                          {"Content-Length", std::to_string(kUpload)}},
                              .framing = Framing::close})));
  std::string half;
  append_bulk(half, 0, kUpload / 2);
  client.send(half);  // whether all of it is still taken is up to the other side
  const Received got = client.read_to_end();
  const auto messages = answers(got);
  REQUIRE(messages.size() == 1);
  CHECK(messages[0].status == 413);
  CHECK(messages[0].body == openai::error_json(413));
  CHECK(got.end == "close_notify+fin");
  client.half_close();
  client.close();
  const ConnectionLog log = rig.finished();
  CHECK(log.requests.empty());
  const record::Record r = rig.recorder().only_record();
  CHECK(r.status == Status::failed);
  CHECK(r.failure_stage == record::Stage::request_rejected);
  CHECK(r.error_type == ErrorType::request_too_large);
  CHECK(r.http_status == 413);
  CHECK(r.request_bytes < kUpload);
}

TEST_CASE("integration http: WebSocket after 101") {
  const std::string handshake =
      "GET /v1/realtime HTTP/1.1\r\nHost: api.openai.com\r\nUpgrade: websocket\r\n"
      "Connection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
      "Sec-WebSocket-Version: 13\r\n\r\n";
  const std::string accepted =
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
  const std::string ping("\x89\x80\x01\x02\x03\x04", 6);
  const std::string pong("\x8a\x00", 2);
  const std::string unlike_http("\x00\xff\r\n\r\nHTTP/1.1 500 No\r\n\r\n", 24);
  Rig rig(answering(Script{Send{accepted}, Raw{}, ReadRaw{ping.size()}, Send{pong},
                           ReadRaw{ping.size() + unlike_http.size()}, Send{unlike_http},
                           ReadUntilEof{}, Close{}}));
  TlsClient client = rig.connect();
  REQUIRE(client.send(handshake));
  REQUIRE(client.read_bytes(accepted.size()));
  REQUIRE(client.send(ping));
  REQUIRE(client.read_bytes(accepted.size() + pong.size()));
  REQUIRE(client.send(unlike_http));
  REQUIRE(client.read_bytes(accepted.size() + pong.size() + unlike_http.size()));
  client.half_close();
  const Received got = client.read_to_end();
  CHECK(got.bytes == accepted + pong + unlike_http);
  CHECK(got.end == "close_notify+fin");
  CHECK(rig.finished().bytes == handshake + ping + unlike_http);
  const record::Record r = rig.recorder().only_record();
  CHECK(r.operation == "websocket");
  CHECK(r.http_status == 101);
  CHECK(r.tap == record::TapState::partial);
  CHECK(r.tap_reason == "websocket");
  CHECK(r.response_bytes == got.count);
  CHECK(r.request_bytes == handshake.size() + ping.size() + unlike_http.size());
}

TEST_CASE("integration http: what strict parsing rejects is forwarded as it is") {
  const std::string request =
      "POST /v1/chat/completions HTTP/1.1\r\nHost: api.openai.com\r\n"
      "Content-Length: 2\r\nContent-Length : 2\r\n\r\n{}";
  const std::string answer =
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
      "+5\r\nhello\r\n0\r\n\r\n";
  RigOptions options;
  options.provider.at_open = {Raw{}, ReadRaw{request.size()}, Send{answer}, Close{}};
  Rig rig(std::move(options));
  TlsClient client = rig.connect();
  REQUIRE(client.send(request));
  const Received got = client.read_to_end();
  CHECK(got.bytes == answer);
  CHECK(got.end == "close_notify+fin");
  client.half_close();
  CHECK(rig.finished().bytes == request);
  const record::Record r = rig.recorder().only_record();
  CHECK(r.tap == record::TapState::blind);
  CHECK(r.request_bytes == request.size());
  CHECK(r.response_bytes == answer.size());
}

TEST_CASE("integration http: octet by octet, in a TLS record each, both ways") {
  const Script whole = play(events(openai::text(words(5)).events));
  Script octets;
  for (const char c : text_sent_by(whole)) octets.push_back(Send{std::string(1, c)});
  Rig rig(answering(octets));
  TlsClient client = rig.connect();
  REQUIRE(client.send(chat(), 1));
  REQUIRE(client.read_bytes(bytes_sent_by(whole)));
  CHECK(client.received().bytes == text_sent_by(whole));
  const record::Record r = rig.recorder().only_record();
  check_ok(r, 200);
  CHECK(r.chunks_received == 5 + 3);
  CHECK(r.model == "gpt-fake-1");
  client.half_close();
  CHECK(rig.finished().bytes == chat());
}

TEST_CASE("integration http: a head too long for the tap is forwarded, and the record says so") {
  const Script answer = play(json(openai::json({})));
  Rig rig(answering(answer));
  const std::string request = plain_chat({{"X-Long", std::string(200'000, 'x')}});
  TlsClient client = rig.connect();
  REQUIRE(client.send(request));
  REQUIRE(client.read_bytes(bytes_sent_by(answer)));
  client.half_close();
  client.read_to_end();
  CHECK(rig.finished().bytes == request);
  const record::Record r = rig.recorder().only_record();
  CHECK(r.tap == record::TapState::blind);
  CHECK(r.request_bytes == request.size());
  CHECK(r.response_bytes == bytes_sent_by(answer));
}

namespace {

// The client's next octets come under new keys, and it asks for the same from the other side.
bool renew_keys(TlsClient& client) {
  return SSL_key_update(client.conn().ssl(), SSL_KEY_UPDATE_REQUESTED) == 1 &&
         SSL_do_handshake(client.conn().ssl()) == 1;
}

}  // namespace

TEST_CASE("integration http: a client that renews its keys, and one that does nothing else") {
  const Script answer = play(events(openai::text(words(5)).events));
  Rig rig(answering(answer));
  ClientOptions through = rig.through();
  through.tls->min_version = TLS1_3_VERSION;
  TlsClient client = Rig::connect(through);
  for (std::uint64_t i = 1; i <= 3; ++i) {
    REQUIRE(renew_keys(client));
    REQUIRE(client.send(chat()));
    REQUIRE(client.read_bytes(i * bytes_sent_by(answer)));
  }
  rig.recorder().wait_for_records(3);
  // No honest client comes near this many; the connection is given up, and nothing else.
  bool open = true;
  for (int i = 0; i < 200'000 && open; ++i) {
    open = renew_keys(client) && client.send("x");
  }
  CHECK(!open);
  TlsClient other = rig.connect();
  REQUIRE(other.send(chat()));
  REQUIRE(other.read_bytes(bytes_sent_by(answer)));
}
