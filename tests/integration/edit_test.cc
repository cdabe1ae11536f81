// The opt-in edits, between real sockets: what the provider gets, what the client gets, and what
// the record says of both.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "rig.h"

using namespace llmrec;
using namespace llmrec::integration;
using record::ErrorType;
using record::Status;

namespace {

constexpr int kWords = 6;

openai::Shape shape(bool usage) {
  openai::Shape out = words(kWords);
  out.usage = usage;
  return out;
}

bool asks_for_usage(const Request& request) {
  return request.body.find(R"("include_usage":true)") != std::string::npos;
}

// As OpenAI: the usage comes where it was asked for.
Script honest(const Request& request) {
  return play(events(openai::text(shape(asks_for_usage(request))).events));
}

RigOptions with(Handler handler, std::vector<std::string> flags) {
  RigOptions options = answering(std::move(handler));
  options.flags = std::move(flags);
  return options;
}

std::string ask(std::optional<bool> usage, const Headers& headers = {}, int tools = 0) {
  openai::Ask asked;
  asked.include_usage = usage;
  asked.tools = tools;
  RawRequest request;
  request.headers = {{"Content-Type", "application/json"}};
  request.headers.insert(request.headers.end(), headers.begin(), headers.end());
  request.body = openai::request_json(asked);
  return render(request);
}

HttpMessage only_answer(const Received& received) {
  const auto all = answers(received);
  REQUIRE(all.size() == 1);
  return all[0];
}

std::string joined(const std::vector<std::string>& events) {
  std::string out;
  for (const std::string& event : events) out += event;
  return out;
}

// The events of an answer without the chunk that brings usage.
std::string without_usage_chunk(std::vector<std::string> events) {
  std::erase_if(events, [](const std::string& event) {
    return event.find(R"("choices":[],)") != std::string::npos;
  });
  return joined(events);
}

record::Facts notes(std::string ensure, std::string strip = {}) {
  record::Facts out;
  if (!ensure.empty()) out.emplace_back("ensure_usage", std::move(ensure));
  if (!strip.empty()) out.emplace_back("strip_usage_frame", std::move(strip));
  return out;
}

const std::string kEnd = "0\r\n\r\n";

}  // namespace

TEST_CASE("integration edit: without a flag every octet passes") {
  Rig rig(with(honest, {}));
  TlsClient client = rig.connect();
  const std::string request = ask(false);
  REQUIRE(client.send(request));
  REQUIRE(client.read_until(kEnd));
  client.half_close();
  CHECK(rig.finished().bytes == request);
  CHECK(rig.recorder().only_record().notes.empty());
}

TEST_CASE("integration edit: usage is asked for, on a connection that goes on") {
  Rig rig(with(honest, {"--ensure-usage"}));
  TlsClient client = rig.connect();
  struct Ask {
    std::optional<bool> usage;
    record::Facts notes;
  };
  const std::vector<Ask> asked = {
      {std::nullopt, notes("added")}, {false, notes("replaced")}, {true, {}}};
  std::string wanted;
  std::size_t n = 0;
  for (const Ask& one : asked) {
    const std::string request = ask(one.usage);
    // In pieces, so that the head goes ahead of the body.
    REQUIRE(client.send(Bytes(request).substr(0, request.size() - 9)));
    REQUIRE(client.send(Bytes(request).substr(request.size() - 9)));
    wanted += text_sent_by(play(events(openai::text(shape(true)).events)));
    REQUIRE(client.read_bytes(wanted.size()));
    const record::Record r = rig.recorder().wait_for_records(++n).back();
    CHECK(r.status == Status::ok);
    CHECK(r.usage_available);
    CHECK(r.usage.output == openai::completion_tokens(shape(true)));
    CHECK(r.usage_requested == one.usage.value_or(false));  // what the client said
    CHECK(r.request_bytes == request.size());
    CHECK(r.notes == one.notes);
    CHECK(r.bytes_to_client == static_cast<std::int64_t>(r.response_bytes));
    CHECK(r.client_delivery_status == record::Delivery::full);
  }
  CHECK(client.received().bytes == wanted);
  client.half_close();
  const ConnectionLog log = rig.finished();
  REQUIRE(log.requests.size() == asked.size());
  for (const Request& request : log.requests) {
    CHECK(asks_for_usage(request));
    CHECK(request.body_bytes == std::stoull(request.header("content-length")));
  }
  CHECK(rig.recorder().log().find("against the client's false") != std::string::npos);
}

TEST_CASE("integration edit: what cannot be edited passes unchanged, and the record says so") {
  Rig rig(with(honest, {"--ensure-usage"}));
  const std::string whole = ask(false);
  RawRequest plain;
  plain.headers = {{"Content-Type", "application/json"}};
  plain.body = R"({"model":"gpt-fake-1","messages":[]})";
  RawRequest nonsense = plain;
  nonsense.body = "{\"stream\":true";
  const std::size_t body = whole.find("\r\n\r\n") + 4;
  std::string chunked = whole.substr(0, body);
  const std::size_t length = chunked.find("Content-Length");
  chunked.replace(length, chunked.find("\r\n", length) - length, "Transfer-Encoding: chunked");
  chunked += "5\r\n" + whole.substr(body, 5) + "\r\n";
  char size[16];
  std::snprintf(size, sizeof size, "%zx", whole.size() - body - 5);
  chunked += size + ("\r\n" + whole.substr(body + 5)) + "\r\n0\r\n\r\n";
  std::size_t n = 0;
  for (const auto& [request, reason] : std::vector<std::pair<std::string, std::string>>{
           {ask(false, {{"Content-Encoding", "zstd"}}), "compressed"},
           {ask(false, {{"Content-Digest", "sha-256=:x:"}}), "signed_body"},
           {chunked, "chunked"},
           {render(plain), "not_streaming"},
           {render(nonsense), "not_json"}}) {
    const std::string& why = reason;
    CAPTURE(why);
    TlsClient client = rig.connect();
    REQUIRE(client.send(request));
    REQUIRE(client.read_until(kEnd));
    client.half_close();
    CHECK(rig.finished(n).bytes == request);
    const record::Record r = rig.recorder().wait_for_records(++n).back();
    CHECK(r.notes == notes("skipped:" + why));
    CHECK(r.status == Status::ok);
  }
  // The body waits for a word that only the provider can say.
  TlsClient client = rig.connect();
  const std::string expecting = ask(false, {{"Expect", "100-continue"}});
  REQUIRE(client.send(Bytes(expecting).substr(0, expecting.find("\r\n\r\n") + 4)));
  REQUIRE(client.read_until("HTTP/1.1 100 Continue\r\n\r\n"));
  REQUIRE(client.send(Bytes(expecting).substr(expecting.find("\r\n\r\n") + 4)));
  REQUIRE(client.read_until(kEnd));
  CHECK(rig.recorder().wait_for_records(++n).back().notes == notes("skipped:expect_continue"));
}

TEST_CASE("integration edit: the usage chunk goes, and its usage is in the record") {
  for (const bool tools : {false, true}) {
    CAPTURE(tools);
    const auto stream = tools ? openai::tools(shape(true)) : openai::text(shape(true));
    const Script script = play(events(stream.events));
    Rig rig(with([script](const Request&) { return script; },
                 {"--ensure-usage", "--strip-usage-frame"}));
    TlsClient client = rig.connect();
    REQUIRE(client.send(ask(std::nullopt, {}, tools ? 1 : 0)));
    REQUIRE(client.read_until(kEnd));
    client.half_close();
    const HttpMessage got = only_answer(client.read_to_end());
    CHECK(got.body == without_usage_chunk(stream.events));
    CHECK(got.chunk_sizes.size() == stream.events.size() - 1);
    const record::Record r = rig.recorder().only_record();
    CHECK(r.status == Status::ok);
    CHECK(r.usage.output == openai::completion_tokens(shape(true)));
    CHECK(r.chunks_received == stream.events.size() - 1);  // [DONE] is none
    CHECK(r.response_bytes == bytes_sent_by(script));
    CHECK(r.bytes_to_client == static_cast<std::int64_t>(client.received().count));
    CHECK(*r.bytes_to_client < static_cast<std::int64_t>(r.response_bytes));
    CHECK(r.client_delivery_status == record::Delivery::full);
    CHECK(r.notes == notes("added", "dropped"));
    if (tools) {
      REQUIRE(r.tool_calls.size() == 1);
      CHECK(r.tool_calls[0].arguments_completed);
    }
    rig.finished();
  }
}

TEST_CASE("integration edit: all in one chunk, or in odd ones") {
  const auto stream = openai::text(shape(true));
  for (const std::size_t size : {1u << 20, 100u, 7u}) {
    CAPTURE(size);
    Answer answer = events(stream.events);
    answer.chunk_sizes = {size};
    Rig rig(
        with([script = play(answer)](const Request&) { return script; }, {"--strip-usage-frame"}));
    TlsClient client = rig.connect();
    REQUIRE(client.send(ask(std::nullopt)));
    REQUIRE(client.read_until(kEnd));
    client.half_close();
    CHECK(only_answer(client.read_to_end()).body == without_usage_chunk(stream.events));
    CHECK(rig.recorder().only_record().notes == notes("", "dropped"));
    rig.finished();
  }
}

TEST_CASE("integration edit: who asked for usage gets it, and a compressed answer is left alone") {
  const auto stream = openai::text(shape(true));
  Answer answer = events(stream.events);
  answer.coding = Coding::gzip;
  Script playing = play(answer);
  Rig rig(with([&playing](const Request&) { return playing; },
               {"--ensure-usage", "--strip-usage-frame"}));
  {
    TlsClient client = rig.connect();
    REQUIRE(client.send(ask(std::nullopt)));
    REQUIRE(client.read_bytes(bytes_sent_by(playing)));
    CHECK(client.received().bytes == text_sent_by(playing));
    const record::Record r = rig.recorder().only_record();
    CHECK(r.usage_available);
    CHECK(r.notes == notes("added", "skipped:compressed"));
  }
  playing = play(events(stream.events));
  TlsClient client = rig.connect();
  REQUIRE(client.send(ask(true)));
  REQUIRE(client.read_bytes(bytes_sent_by(playing)));
  CHECK(client.received().bytes == text_sent_by(playing));
  CHECK(rig.recorder().wait_for_records(2).back().notes.empty());
}

TEST_CASE("integration edit: usage was asked for and never came") {
  Rig rig(with([](const Request&) { return play(events(openai::text(shape(false)).events)); },
               {"--ensure-usage"}));
  TlsClient client = rig.connect();
  REQUIRE(client.send(ask(std::nullopt)));
  REQUIRE(client.read_until(kEnd));
  const record::Record r = rig.recorder().only_record();
  CHECK(r.status == Status::failed);
  CHECK(r.failure_stage == record::Stage::after_finish_reason);
  CHECK(r.error_type == ErrorType::missing_usage);
  CHECK(r.terminal_missing.contains(record::Terminal::usage));
  CHECK(r.notes == notes("added"));
  CHECK(eventually([&] {
    return rig.recorder().log().find(r.request_id.text() + " " + kAuthority +
                                     " was asked for usage and sent none") != std::string::npos;
  }));
}

TEST_CASE("integration edit: the client leaves, or the upstream breaks off") {
  const auto stream = openai::text(shape(true));
  Answer answer = events(stream.events);
  answer.before[4] = {WaitFor{"go on"}};
  const Reply reply = build(answer);
  Script playing = reply.script;
  Rig rig(with([&playing](const Request&) { return playing; },
               {"--ensure-usage", "--strip-usage-frame"}));
  {
    TlsClient client = rig.connect();
    REQUIRE(client.send(ask(std::nullopt)));
    REQUIRE(client.read_bytes(reply.piece_ends[3]));
    client.reset();
    const record::Record r = rig.recorder().only_record();
    CHECK(r.status == Status::aborted);
    CHECK(r.error_type == ErrorType::client_reset);
    CHECK(r.content_chunks == 3);
    CHECK_FALSE(r.usage_available);
    CHECK(r.bytes_to_client == static_cast<std::int64_t>(reply.piece_ends[3]));
  }
  rig.provider().open_gate("go on");
  // Behind the finish; behind the usage; within a chunk; and in the middle of a text.
  const Reply whole = build(events(stream.events));
  const std::size_t usage = stream.events.size() - 2;
  std::size_t n = 1;
  for (const std::uint64_t at : {whole.piece_ends[usage - 1], whole.piece_ends[usage],
                                 whole.piece_ends[3] + 20, whole.piece_ends[3]}) {
    for (const How how : {How::fin, How::rst, How::close_notify}) {
      CAPTURE(at);
      playing = cut_at(whole.script, at, how);
      TlsClient client = rig.connect();
      REQUIRE(client.send(ask(std::nullopt)));
      const Received got = client.read_to_end();
      const std::string came = text_sent_by(playing);
      const bool with_usage = at == whole.piece_ends[usage];
      CHECK(got.bytes == (with_usage ? came.substr(0, whole.piece_ends[usage - 1]) : came));
      client.close();
      const record::Record r = rig.recorder().wait_for_records(++n).back();
      CHECK(r.status == Status::failed);
      CHECK(r.usage_available == with_usage);
      CHECK(r.response_bytes == came.size());
      CHECK(r.bytes_to_client == static_cast<std::int64_t>(got.count));
    }
  }
}

TEST_CASE("integration edit: a request that its client cut goes no further than it came") {
  Rig rig(with(honest, {"--ensure-usage"}));
  const std::string whole = ask(false);
  TlsClient client = rig.connect();
  const std::string half = whole.substr(0, whole.size() - 3);
  REQUIRE(client.send(half));
  REQUIRE(client.half_close());
  CHECK(rig.finished().bytes == half);
  client.close();
  const record::Record r = rig.recorder().only_record();
  CHECK(r.status == Status::aborted);
  CHECK(r.error_type == ErrorType::request_incomplete);
  CHECK(r.request_bytes == half.size());
}

TEST_CASE("integration edit: the record's id in the head of the answer") {
  Rig rig(
      with([](const Request& r) { return r.target == "/v1/models" ? play(json("{}")) : honest(r); },
           {"--request-id-header"}));
  TlsClient client = rig.connect();
  REQUIRE(client.send(ask(true)));
  REQUIRE(client.read_until(kEnd));
  REQUIRE(client.send(get("/v1/models")));
  REQUIRE(client.read_until("{}"));
  client.half_close();
  const auto got = answers(client.read_to_end());
  const auto records = rig.recorder().wait_for_records(2);
  REQUIRE(got.size() == 2);
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK(got[i].header("x-llmrec-request-id") == records[i].request_id.text());
    CHECK(records[i].bytes_to_client ==
          static_cast<std::int64_t>(records[i].response_bytes +
                                    std::string("X-Llmrec-Request-Id: \r\n").size() + 30));
    CHECK(records[i].client_delivery_status == record::Delivery::full);
    CHECK(records[i].notes.empty());
  }
  CHECK(got[0].body == joined(openai::text(shape(true)).events));
  rig.finished();
}

TEST_CASE("integration edit: by a base URL, as a client of plain HTTP") {
  RigOptions options = with(honest, {"--ensure-usage", "--strip-usage-frame", "--reverse",
                                     "127.0.0.1:0=https://" + kHost});
  Rig rig(std::move(options));
  TlsClient client = Rig::connect_to_port(rig.recorder().port_of("reverse"));
  REQUIRE(client.send(ask(std::nullopt)));
  REQUIRE(client.read_until(kEnd));
  client.half_close();
  CHECK(only_answer(client.read_to_end()).body ==
        without_usage_chunk(openai::text(shape(true)).events));
  const ConnectionLog log = rig.finished();
  REQUIRE(log.requests.size() == 1);
  CHECK(asks_for_usage(log.requests[0]));
  CHECK(log.requests[0].header("host") == kHost);
  CHECK(rig.recorder().only_record().notes == notes("added", "dropped"));
}
