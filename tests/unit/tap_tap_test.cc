// The tap of a connection: who answers whom, who ended what, and what became of it.
#include "tap/tap.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "base/limits.h"
#include "record/json.h"
#include "tap_rig.h"

using namespace llmrec;
using namespace llmrec::record;
using namespace llmrec::test;
using llmrec::tap::End;

namespace {

constexpr CloseHow kNotify = CloseHow::close_notify;
constexpr CloseHow kFin = CloseHow::fin;
constexpr CloseHow kReset = CloseHow::reset;

const std::string kWholeBody = event(kHi) + event(kStop) + kDone;
const std::string kStream = kStreamHead + chunk(kWholeBody) + kLastChunk;
const std::string kEarly = kStreamHead + chunk(event(kHi));
const std::string kUntilClose = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";

tap::ConnFacts plain_host() {
  tap::ConnFacts facts = Rig::openai();
  facts.upstream_tls = false;
  return facts;
}

}  // namespace

// --- who answers whom
// -----------------------------------------------------------------------------

TEST_CASE("tap: a whole stream is handed out with its last octet, and the connection lives on") {
  Rig rig;
  rig.at(0).request(kAskStream).at(40).response(kStream);
  REQUIRE(rig.records.size() == 1);
  const Record r = rig.only();
  CHECK(verdict(r) == "ok");
  CHECK(r.closed_by == Party::none);
  CHECK(r.upstream_close == CloseHow::none);
  CHECK(r.client_close == CloseHow::none);
  CHECK(r.body_complete == true);
  CHECK(r.client_delivery_status == Delivery::full);
  CHECK(r.bytes_to_client == static_cast<std::int64_t>(kStream.size()));
  CHECK(r.response_bytes == kStream.size());
  CHECK(r.request_bytes == kAskStream.size());
  CHECK(r.progress == Progress::complete);
  CHECK(rig.tap.running() == 0);
  rig.at(90'000).client(kFin).upstream(kReset).over();
  CHECK(rig.records.size() == 1);
}

TEST_CASE("tap: a rejection is told at the head, once, and nothing else is") {
  Rig rig;
  rig.request(kAskStream).response("HTTP/1.1 103 Early Hints\r\n\r\n");
  rig.response("HTTP/1.1 429 Too Many Requests\r\nContent-Length: 2\r\n\r");
  CHECK(rig.rejected == 0);
  rig.response("\n");
  CHECK(rig.rejected == 1);
  CHECK(rig.records.empty());
  rig.response("{}").request(kAskStream).response(kStream);
  CHECK(rig.records.size() == 2);
  CHECK(rig.rejected == 1);
}

TEST_CASE("tap: octets one by one make the same record") {
  Rig whole;
  whole.request(kAskStream).response(kStream);
  Rig pieces;
  for (const char c : kAskStream) pieces.request(std::string(1, c));
  for (const char c : kStream) pieces.response(std::string(1, c));
  REQUIRE(pieces.records.size() == 1);
  CHECK(pieces.only() == whole.only());
}

TEST_CASE("tap: a connection is used again, and only its first call pays for it") {
  tap::ConnFacts facts = Rig::openai();
  facts.time_to_connect_ns = 30 * kNsPerMs;
  facts.time_to_tls_ns = 50 * kNsPerMs;
  Rig rig(facts);
  rig.at(0).request(kAskJson).at(100).response(answer("200 OK", kJson));
  rig.at(5000).request(kAskStream).at(5100).response(kStream);
  REQUIRE(rig.records.size() == 2);
  CHECK(rig.records[0].time_to_connect_ns == 30 * kNsPerMs);
  CHECK(rig.records[0].time_to_tls_ns == 50 * kNsPerMs);
  CHECK(!rig.records[1].time_to_connect_ns);
  CHECK(!rig.records[1].time_to_tls_ns);
  CHECK(rig.records[0].request_id < rig.records[1].request_id);
  CHECK(rig.records[1].started_at_us - rig.records[0].started_at_us == 5'000'000);
  CHECK(rig.records[1].time_to_headers_ns == 100 * kNsPerMs);
  CHECK(rig.records[1].response_bytes == kStream.size());
  CHECK(rig.records[1].bytes_to_client == static_cast<std::int64_t>(kStream.size()));
}

TEST_CASE("tap: pipelined requests get their answers in order") {
  const std::string head = "HEAD /v1/chat/completions HTTP/1.1\r\nHost: api.openai.com\r\n\r\n";
  Rig rig;
  rig.request(kAskJson + head + kAskStream);
  CHECK(rig.tap.running() == 3);
  // The answer to HEAD has the length of a body that it does not have.
  rig.response(answer("200 OK", kJson) + "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n" +
               kStream);
  REQUIRE(rig.records.size() == 3);
  CHECK(rig.records[0].response_id == "j1");
  CHECK(verdict(rig.records[1]) == "ok");
  CHECK(rig.records[1].response_id.empty());
  CHECK(rig.records[2].response_id == "c1");
  for (const Record& r : rig.records) CHECK(verdict(r) == "ok");
}

TEST_CASE("tap: more requests on the way than are followed blind the tap and nothing else") {
  Rig rig;
  for (std::size_t i = 0; i <= limits::kPipelineMax; ++i) rig.request(kAskJson);
  CHECK(rig.tap.running() == limits::kPipelineMax);
  for (std::size_t i = 0; i <= limits::kPipelineMax; ++i) rig.response(answer("200 OK", kJson));
  rig.upstream(kNotify).over();
  REQUIRE(rig.records.size() == limits::kPipelineMax);
  CHECK(rig.records[0].tap == TapState::blind);
  CHECK(rig.records[0].tap_reason == "pipeline_limit");
}

TEST_CASE("tap: answers without a body") {
  for (const std::string status : {"204 No Content", "304 Not Modified"}) {
    Rig rig;
    rig.request(kAskStream)
        .response("HTTP/1.1 " + status + "\r\nContent-Type: text/event-stream\r\n\r\n");
    REQUIRE(rig.records.size() == 1);
    CHECK(verdict(rig.only()) == "ok");
    CHECK(rig.only().terminal_missing.empty());
  }
  Rig rig;
  rig.request("HEAD /v1/chat/completions HTTP/1.1\r\nHost: h\r\n\r\n")
      .response("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 9\r\n\r\n");
  CHECK(verdict(rig.only()) == "ok");
}

TEST_CASE("tap: 1xx is not the answer, and nothing in it is") {
  Rig rig;
  rig.request(kAskStream)
      .response("HTTP/1.1 100 Continue\r\n\r\n")
      .response(
          "HTTP/1.1 103 Early Hints\r\nx-request-id: early\r\ncontent-type: text/html\r\n\r\n");
  CHECK(rig.records.empty());
  rig.response(kStream);
  REQUIRE(rig.records.size() == 1);
  CHECK(rig.only().http_status == 200);
  CHECK(rig.only().provider_request_id.empty());
  CHECK(rig.only().chunks_received == 2);
}

TEST_CASE("tap: after 101 the connection speaks something else") {
  const std::string up =
      "GET /v1/responses HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
  const std::string yes =
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
  Rig rig;
  rig.request(up).response(yes + "\x81\x05hello").request("\x81\x85....HELLO");
  CHECK(rig.records.empty());
  SUBCASE("an orderly end is no failure") {
    rig.at(500).client(kNotify).at(510).upstream(kNotify).over();
    CHECK(verdict(rig.only()) == "ok");
    CHECK(rig.only().closed_by == Party::client);
    CHECK(rig.only().duration_ns == 510 * kNsPerMs);
  }
  SUBCASE("a reset is one") {
    rig.upstream(kReset).over();
    CHECK(verdict(rig.only()) == "failed after_first_token upstream_reset network");
  }
  const Record r = rig.only();
  CHECK(r.operation == "websocket");
  CHECK(r.http_status == 101);
  CHECK(r.message_count == 1);
  CHECK(r.chunks_received == 1);
  CHECK(r.response_bytes == yes.size() + 7);
  CHECK(r.request_bytes == up.size() + 11);
}

TEST_CASE("tap: an early answer") {
  const std::string half = post(std::string(1000, ' ')).substr(0, 300);
  const std::string no = answer("413 Content Too Large", "{}", "Connection: close\r\n");
  Rig rig;
  rig.request(half).response(no);
  CHECK(rig.records.empty());  // the rest of the request may still come
  SUBCASE("the provider hangs up: it rejected the request") {
    rig.upstream(kNotify);
    CHECK(rig.only().upstream_close == kNotify);
  }
  SUBCASE("the client hangs up on the answer") { rig.client(kNotify); }
  SUBCASE("the client resets on the answer") { rig.client(kReset); }
  CHECK(verdict(rig.only()) == "failed request_rejected request_too_large app");
  CHECK(rig.only().request_bytes == half.size());
}

TEST_CASE("tap: the rest of a request comes after its answer") {
  const std::string ask = kAskStream;
  Rig rig;
  rig.at(0).request(ask.substr(0, ask.size() - 9)).at(10).response(kStream);
  CHECK(rig.records.empty());
  rig.at(20).request(ask.substr(ask.size() - 9));
  CHECK(verdict(rig.only()) == "ok");
  CHECK(rig.only().time_to_request_sent_ns == 20 * kNsPerMs);
  CHECK(rig.only().closed_by == Party::none);
  CHECK(rig.only().request_bytes == ask.size());
}

TEST_CASE("tap: octets that nobody asked for are nobody's") {
  Rig rig;
  rig.response("HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n");
  rig.request(kAskJson).response(answer("200 OK", kJson));
  REQUIRE(rig.records.size() == 1);
  CHECK(rig.only().http_status == 200);
  CHECK(rig.only().response_bytes == answer("200 OK", kJson).size());
  CHECK(rig.only().client_delivery_status == Delivery::full);
}

TEST_CASE("tap: octets behind the last answer belong to no call") {
  const std::string last = answer("200 OK", kJson, "Connection: close\r\n");
  Rig rig;
  rig.slow().request(kAskJson).response(last + "what is this?");
  rig.accept(rig.sent()).over();
  CHECK(verdict(rig.only()) == "ok");
  CHECK(rig.only().response_bytes == last.size());
  CHECK(rig.only().tap == TapState::complete);
}

// --- how the upstream ended
// -------------------------------------------------------------------------

TEST_CASE("tap: a body that only the close ends, on TLS") {
  Rig rig;
  rig.request(kAskJson).response("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" +
                                 kJson);
  CHECK(rig.records.empty());
  SUBCASE("close_notify completes it") {
    rig.upstream(kNotify);
    CHECK(verdict(rig.only()) == "ok");
    CHECK(rig.only().body_complete == true);
    CHECK(rig.only().closed_by == Party::upstream);
    CHECK(rig.only().upstream_close == kNotify);
  }
  SUBCASE("a bare FIN may have cut it") {
    rig.upstream(kFin);
    CHECK(verdict(rig.only()) == "failed after_first_token stream_interrupted network");
    CHECK(rig.only().body_complete == false);
    CHECK(rig.only().truncated == false);  // its JSON is whole
    CHECK(rig.only().upstream_close == kFin);
  }
  SUBCASE("a reset has") {
    rig.upstream(kReset);
    CHECK(verdict(rig.only()) == "failed after_first_token upstream_reset network");
  }
}

TEST_CASE("tap: a plain answer that is cut") {
  for (const std::size_t size : {0U, 1U, 40U}) {
    Rig rig;
    rig.request(kAskJson)
        .response(answer("200 OK", kJson).substr(0, answer("200 OK", "").size() + 2 + size))
        .upstream(kNotify)
        .over();
    const Record r = rig.only();
    CHECK(verdict(r) == (size == 0 ? "failed before_first_token stream_interrupted provider"
                                   : "failed after_first_token stream_interrupted provider"));
    CHECK(r.truncated == (size == 0 ? std::optional<bool>() : std::optional<bool>(true)));
    CHECK(r.output_chars_received == 0);
    CHECK(!r.time_to_first_token_ns);
  }
}

TEST_CASE("tap: a body that only the close ends, without TLS") {
  Rig rig(plain_host());
  rig.request(kAskJson).response("HTTP/1.1 200 OK\r\n\r\n" + kJson).upstream(kFin);
  CHECK(verdict(rig.only()) == "ok");
  CHECK(rig.only().upstream_close == kFin);
}

TEST_CASE("tap: a stream that only the close ends is whole by what it said") {
  for (const CloseHow how : {kNotify, kFin, kReset}) {
    Rig rig;
    rig.request(kAskStream).response(kUntilClose + kWholeBody).upstream(how).over();
    CHECK(verdict(rig.only()) == "ok");
    CHECK(rig.only().upstream_close == how);
    CHECK(rig.only().closed_by == Party::upstream);
    Rig cut;
    cut.request(kAskStream).response(kUntilClose + event(kHi)).upstream(how).over();
    CHECK(verdict(cut.only()) ==
          (how == kNotify ? "failed after_first_token missing_finish_reason provider"
           : how == kFin  ? "failed after_first_token stream_interrupted network"
                          : "failed after_first_token upstream_reset network"));
  }
}

TEST_CASE("tap: the upstream ends inside a message") {
  for (const CloseHow how : {kNotify, kFin, kReset, CloseHow::timeout}) {
    INFO(name(how));
    Rig rig;
    rig.at(0).request(kAskStream).at(70).response(kEarly).at(900).upstream(how).at(2000).over();
    REQUIRE(rig.records.size() == 1);
    const Record r = rig.only();
    CHECK(r.status == Status::failed);
    CHECK(r.failure_stage == Stage::after_first_token);
    CHECK(r.error_type == (how == kNotify || how == kFin ? ErrorType::stream_interrupted
                                                         : ErrorType::upstream_reset));
    CHECK(r.fault == (how == kNotify ? Fault::provider : Fault::network));
    CHECK(r.closed_by == Party::upstream);
    CHECK(r.upstream_close == how);
    CHECK(r.duration_ns == 900 * kNsPerMs);
    CHECK(names(r.terminal_missing) == "finish_reason done");
    CHECK(r.truncated == true);
    CHECK(r.retry_safety == RetrySafety::duplicates_output);
  }
}

TEST_CASE("tap: a fatal alert of the upstream is named") {
  Rig rig;
  rig.request(kAskStream).response(kEarly).upstream(CloseHow::tls_alert, "bad_record_mac").over();
  CHECK(verdict(rig.only()) == "failed after_first_token upstream_reset network");
  CHECK(names(rig.only().fault_evidence) == "upstream_tls_alert body_incomplete");
  CHECK(rig.only().upstream_alert == "bad_record_mac");
}

TEST_CASE("tap: no answer at all") {
  Rig rig;
  rig.at(0).request(kAskStream).at(300).upstream(kReset).over();
  const Record r = rig.only();
  CHECK(verdict(r) == "failed before_first_token upstream_reset network");
  CHECK(r.progress == Progress::request_sent);
  CHECK(!r.http_status);
  CHECK(!r.body_complete);
  CHECK(!r.bytes_to_client);
  CHECK(!r.time_to_headers_ns);
  CHECK(r.client_delivery_status == Delivery::unknown);
  CHECK(r.retry_safety == RetrySafety::safe);
  CHECK(r.retryable == true);
  CHECK(r.duration_ns == 300 * kNsPerMs);
}

TEST_CASE("tap: a request on a connection that had ended while it was idle") {
  struct Row {
    CloseHow how;
    const char* verdict;
  };
  for (const Row& row : {Row{kNotify, "failed before_first_token stream_interrupted provider"},
                         Row{kFin, "failed before_first_token stream_interrupted network"},
                         Row{kReset, "failed before_first_token upstream_reset network"}}) {
    const auto play = [&](std::size_t piece) {
      Rig rig;
      rig.at(0).request(kAskJson).at(100).response(answer("200 OK", kJson));
      rig.at(200).upstream(row.how).at(300);
      for (std::size_t at = 0; at < kAskStream.size(); at += piece) {
        rig.request(kAskStream.substr(at, piece));
      }
      rig.at(310).over();
      REQUIRE(rig.records.size() == 2);
      return rig.records[1];
    };
    const Record r = play(kAskStream.size());
    CHECK(verdict(r) == row.verdict);
    CHECK(r.request_bytes == kAskStream.size());
    CHECK(r.progress == Progress::request_sent);
    CHECK(r.retry_safety == RetrySafety::safe);
    CHECK(r.closed_by == Party::upstream);
    for (const std::size_t piece : {1, 2, 50, 100}) CHECK(play(piece) == r);
  }
}

TEST_CASE("tap: what comes to a connection that had ended, whole or not, in any pieces") {
  const std::string get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  std::string many;
  for (std::size_t i = 0; i < limits::kPipelineMax + 6; ++i) many += get;
  struct Row {
    std::string octets;
    std::size_t calls;
    const char* last;
  };
  for (const Row& row :
       {Row{kAskStream.substr(0, 40), 1, "failed before_first_token stream_interrupted network"},
        Row{"\x7f is no method", 1, "failed before_request malformed_request app"},
        Row{"GET / HTTP/1.1\r\nConnection: close\r\n\r\nmore", 1,
            "failed before_first_token stream_interrupted network"},
        Row{many, limits::kPipelineMax + 6,
            "failed before_first_token stream_interrupted network"}}) {
    const auto play = [&](std::size_t piece) {
      Rig rig;
      rig.at(0).upstream(kFin).at(300);
      for (std::size_t at = 0; at < row.octets.size(); at += piece) {
        rig.request(row.octets.substr(at, piece));
      }
      rig.at(310).over();
      return rig.records;
    };
    const std::vector<Record> records = play(row.octets.size());
    REQUIRE(records.size() == row.calls);
    CHECK(verdict(records.back()) == row.last);
    for (const std::size_t piece : {1, 7}) CHECK(play(piece) == records);
  }
}

TEST_CASE("tap: half a head") {
  SUBCASE("cut in the status line") {
    Rig rig;
    rig.request(kAskStream).response("HTTP/1.1 20").upstream(kFin).over();
    CHECK(verdict(rig.only()) == "failed before_first_token stream_interrupted network");
    CHECK(!rig.only().http_status);
    CHECK(rig.only().response_bytes == 11);
    CHECK(rig.only().bytes_to_client == 11);
  }
  SUBCASE("cut behind it: the status had passed") {
    Rig rig;
    rig.request(kAskStream).response("HTTP/1.1 503 No\r\nRetry-After: 3").upstream(kReset).over();
    CHECK(verdict(rig.only()) == "failed before_first_token upstream_reset network");
    CHECK(rig.only().http_status == 503);
    CHECK(!rig.only().body_complete);
  }
}

TEST_CASE("tap: framing that breaks blinds the tap, and the record ends with the connection") {
  Rig rig;
  rig.request(kAskStream).response(kEarly + "zz\r\nmore\r\n");
  CHECK(rig.records.empty());
  rig.response("and more");
  rig.at(80).upstream(kFin).over();
  const Record r = rig.only();
  CHECK(verdict(r) == "failed after_first_token malformed_response provider");
  CHECK(r.tap == TapState::blind);
  CHECK(r.tap_reason == "parse_error");
  CHECK(r.error_detail == "HPE_INVALID_CHUNK_SIZE");
  CHECK(r.closed_by == Party::upstream);
  CHECK(r.upstream_close == kFin);
  CHECK(r.chunks_received == 1);
  CHECK(r.output_chars_received == 2);
  CHECK(r.response_bytes == rig.sent());
  CHECK(r.terminal_missing.empty());  // nobody knows what came after
}

TEST_CASE("tap: framing that breaks behind the last word changes nothing") {
  Rig rig;
  rig.request(kAskStream)
      .response(kStreamHead + chunk(kWholeBody) + "zz\r\n")
      .upstream(kFin)
      .over();
  CHECK(verdict(rig.only()) == "ok");
  CHECK(rig.only().tap == TapState::blind);
}

TEST_CASE("tap: a cut event that breaks off with the framing is counted once") {
  // The event is whole JSON without its blank line: the end of the reading counts it.
  Rig rig;
  rig.request(kAskStream)
      .response(kStreamHead + chunk("data: " + kHi) + "zz\r\n")
      .upstream(kReset)
      .over();
  CHECK(rig.only().chunks_received == 1);
  CHECK(rig.only().output_chars_received == 2);
}

TEST_CASE("tap: garbage instead of an answer") {
  Rig rig;
  rig.request(kAskStream).response("SSH-2.0-OpenSSH_9.2\r\n").upstream(kFin).over();
  CHECK(verdict(rig.only()) == "failed before_first_token malformed_response provider");
  CHECK(!rig.only().http_status);
  CHECK(rig.only().tap == TapState::blind);
}

TEST_CASE("tap: behind broken framing every further call is blind") {
  Rig rig;
  rig.request(kAskJson + kAskJson).response("HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n");
  rig.request(kAskStream);
  rig.upstream(kFin).over();
  REQUIRE(rig.records.size() == 3);
  for (const Record& r : rig.records) CHECK(r.tap == TapState::blind);
  CHECK(rig.records[0].error_type == ErrorType::malformed_response);
}

// --- how the client ended
// -----------------------------------------------------------------------------

TEST_CASE("tap: a client that says it is done may still get everything") {
  for (const CloseHow how : {kNotify, kFin}) {
    Rig rig;
    rig.at(0).request(kAskStream).at(10).response(kEarly).at(20).client(how);
    CHECK(rig.records.empty());
    rig.at(30).response(chunk(event(kStop) + kDone) + kLastChunk);
    REQUIRE(rig.records.size() == 1);
    const Record r = rig.only();
    CHECK(verdict(r) == "ok");
    CHECK(r.client_delivery_status == Delivery::full);
    CHECK(r.client_close == how);
    CHECK(r.closed_by == Party::client);
    CHECK(!r.upstream_cancelled);
  }
}

TEST_CASE("tap: a client that said it is done, and the upstream ends unfinished") {
  for (const CloseHow how : {kNotify, kFin, kReset}) {
    Rig rig;
    rig.request(kAskStream).response(kEarly).client(kFin).upstream(how).over();
    const Record r = rig.only();
    CHECK(verdict(r) == "aborted client_aborted client_closed client");
    CHECK(r.closed_by == Party::client);
    CHECK(r.client_close == kFin);
    CHECK(r.upstream_close == how);
    CHECK(r.upstream_active_at_abort == false);
  }
}

TEST_CASE("tap: a client that said it is done, and then resets") {
  Rig rig;
  rig.request(kAskStream).response(kEarly).client(kNotify);
  rig.tap.on_upstream_cancelled();
  rig.client(kReset).over();
  const Record r = rig.only();
  CHECK(verdict(r) == "aborted client_aborted client_closed client");
  CHECK(r.client_close == kNotify);  // how it ended first
  CHECK(r.upstream_cancelled);
  CHECK(r.upstream_active_at_abort == true);
}

TEST_CASE("tap: a client that leaves right after the last word") {
  for (const CloseHow how : {kFin, kReset}) {
    Rig rig;
    rig.request(kAskStream).response(kStreamHead + chunk(kWholeBody)).client(how);
    rig.tap.on_upstream_cancelled();
    rig.client(kReset).over();
    const Record r = rig.only();
    CHECK(verdict(r) == "ok");
    CHECK(r.body_complete == false);
    CHECK(r.client_close == how);
    CHECK(r.closed_by == Party::client);
    CHECK(r.truncated == false);
  }
}

TEST_CASE("tap: a client that leaves between the finish and the marker") {
  Rig rig;
  rig.request(kAskStream).response(kStreamHead + chunk(event(kHi) + event(kStop))).client(kReset);
  CHECK(verdict(rig.only()) == "aborted after_finish_reason client_closed_early client");
  CHECK(names(rig.only().terminal_missing) == "done");
}

TEST_CASE("tap: a client that leaves in the middle") {
  Rig rig;
  rig.at(0).request(kAskStream).at(40).response(kEarly);
  rig.tap.on_upstream_cancelled();
  rig.at(60).client(kReset).over();
  const Record r = rig.only();
  CHECK(verdict(r) == "aborted client_aborted client_reset client");
  CHECK(r.progress == Progress::first_token);
  CHECK(r.closed_by == Party::client);
  CHECK(r.client_close == kReset);
  CHECK(r.upstream_close == CloseHow::none);
  CHECK(r.upstream_cancelled);
  CHECK(r.upstream_active_at_abort == true);
  CHECK(r.retry_safety == RetrySafety::duplicates_output);
}

TEST_CASE("tap: a client that leaves at its own time-out, or about then") {
  const std::string ask = post(R"({"model":"m","stream":true})", "x-stainless-timeout: 10\r\n");
  struct Row {
    std::int64_t ms;
    bool timeout;
  };
  for (const Row row :
       {Row{9'999, false}, Row{10'000, true}, Row{12'000, true}, Row{12'001, false}}) {
    INFO(row.ms);
    Rig rig;
    rig.at(0).request(ask).at(100).response(kEarly).at(row.ms).client(kReset).over();
    CHECK(verdict(rig.only()) == (row.timeout ? "aborted client_aborted client_timeout app"
                                              : "aborted client_aborted client_reset client"));
    CHECK(rig.only().client_timeout_ns == 10 * kNsPerSecond);
  }
  Rig quiet;  // nothing had come yet: still its own time-out
  quiet.at(0).request(ask).at(10'500).client(kFin).at(10'510).upstream(kFin).over();
  CHECK(verdict(quiet.only()) == "aborted client_aborted client_timeout app");
  Rig finished;
  finished.at(0).request(ask).response(kStreamHead + chunk(event(kStop)));
  finished.at(10'500).client(kReset).over();
  CHECK(verdict(finished.only()) == "aborted after_finish_reason client_closed_early app");
}

TEST_CASE("tap: a client that leaves before its request is whole") {
  for (const CloseHow how : {kNotify, kFin, kReset}) {
    Rig rig;
    rig.request(kAskStream.substr(0, kAskStream.size() - 1)).client(how).upstream(kFin).over();
    const Record r = rig.only();
    CHECK(verdict(r) == "aborted before_request request_incomplete app");
    CHECK(r.progress == Progress::connected);
    CHECK(r.closed_by == Party::client);
    CHECK(r.retry_safety == RetrySafety::safe);
    CHECK(!r.message_count);  // how many there would have been is not known
    CHECK(!r.tool_count);
  }
}

TEST_CASE("tap: the upstream ends before the request is whole") {
  Rig rig;
  rig.request(kAskStream.substr(0, kAskStream.size() - 9)).upstream(kReset).over();
  CHECK(verdict(rig.only()) == "failed before_first_token upstream_reset network");
}

TEST_CASE("tap: a request that is no HTTP") {
  SUBCASE("nobody answers") {
    Rig rig;
    rig.request("BREW /coffee HTCPCP/1.0\r\n\r\n").upstream(kFin).over();
    CHECK(verdict(rig.only()) == "failed before_request malformed_request app");
  }
  SUBCASE("the provider says so too") {
    Rig rig;
    rig.request("BREW /coffee HTCPCP/1.0\r\n\r\n").response(answer("400 Bad Request", "{}"));
    rig.upstream(kNotify).over();
    CHECK(verdict(rig.only()) == "failed before_request malformed_request app");
    CHECK(rig.only().http_status == 400);
  }
  SUBCASE("the provider understands what we do not") {
    Rig rig;
    rig.request("POST /v1/chat/completions HTTP/1.1\r\nbad field: x\r\n\r\n").response(kStream);
    rig.upstream(kNotify).over();
    CHECK(verdict(rig.only()) == "ok");
  }
  SUBCASE("behind a good one") {
    Rig rig;
    rig.request(kAskStream + "BREW").response(kStream).upstream(kFin).over();
    REQUIRE(rig.records.size() == 2);
    CHECK(verdict(rig.records[0]) == "ok");
    CHECK(rig.records[0].tap == TapState::complete);
    CHECK(verdict(rig.records[1]) == "failed before_request malformed_request app");
    CHECK(rig.records[1].tap == TapState::blind);
    return;
  }
}

// --- slow clients, ends of ours
// -----------------------------------------------------------------------

TEST_CASE("tap: a record waits until the client's socket has taken the answer") {
  Rig rig;
  rig.slow().at(0).request(kAskStream).at(10).response(kStream);
  CHECK(rig.records.empty());
  rig.at(20).accept(rig.sent() - 1);
  CHECK(rig.records.empty());
  SUBCASE("it takes the rest") {
    rig.at(700).accept(rig.sent());
    CHECK(rig.only().client_delivery_status == Delivery::full);
    CHECK(rig.only().closed_by == Party::none);
    CHECK(rig.only().duration_ns == 10 * kNsPerMs);  // of the call, not of the queue
  }
  SUBCASE("it leaves") {
    rig.at(700).client(kReset);
    CHECK(rig.only().client_delivery_status == Delivery::partial);
    CHECK(rig.only().bytes_to_client == static_cast<std::int64_t>(rig.sent() - 1));
    CHECK(rig.only().client_close == kReset);
  }
  CHECK(verdict(rig.only()) == "ok");
}

TEST_CASE("tap: a cut answer is delivered as far as it goes") {
  Rig rig;
  rig.slow().at(0).request(kAskStream).at(10).response(kEarly).at(20).upstream(kReset);
  CHECK(rig.records.empty());
  SUBCASE("all of it: full, though the stream was cut") {
    rig.at(5000).accept(rig.sent());
    CHECK(rig.only().client_delivery_status == Delivery::full);
  }
  SUBCASE("nothing of it") {
    rig.at(5000).client(kReset);
    CHECK(rig.only().client_delivery_status == Delivery::none);
    CHECK(rig.only().retry_safety == RetrySafety::safe);
  }
  CHECK(verdict(rig.only()) == "failed after_first_token upstream_reset network");
  CHECK(rig.only().duration_ns == 20 * kNsPerMs);
  CHECK(rig.only().max_gap_ns == 10 * kNsPerMs);
}

TEST_CASE("tap: what one answer's client took is not the next one's") {
  const std::string json = answer("200 OK", kJson);
  Rig rig;
  rig.slow().request(kAskJson + kAskStream).response(json + kStream).accept(json.size() + 5);
  REQUIRE(rig.records.size() == 1);
  rig.client(kReset).over();
  REQUIRE(rig.records.size() == 2);
  CHECK(rig.records[0].bytes_to_client == static_cast<std::int64_t>(json.size()));
  CHECK(rig.records[1].bytes_to_client == 5);
  CHECK(rig.records[1].client_delivery_status == Delivery::partial);
}

TEST_CASE("tap: draining") {
  Rig rig;
  rig.request(kAskStream).response(kEarly).over(End::draining);
  CHECK(verdict(rig.only()) == "failed after_first_token recorder_draining recorder");
  CHECK(rig.only().closed_by == Party::recorder);
  Rig idle;
  idle.request(kAskStream).response(kStream).over(End::draining);
  CHECK(verdict(idle.only()) == "ok");
}

TEST_CASE("tap: an end of which nobody was told is ours") {
  Rig rig;
  rig.request(kAskStream).response(kEarly).over();
  CHECK(verdict(rig.only()) == "failed unknown recorder_stopped recorder");
  Rig half;
  half.request(kAskStream).response(kEarly).client(kFin).over();
  CHECK(verdict(half.only()) == "aborted client_aborted client_closed client");
}

TEST_CASE("tap: a running call shows how far it got") {
  Rig rig;
  CHECK(!rig.tap.has_news());
  rig.at(0).request(kAskStream);
  CHECK(rig.tap.has_news());
  CHECK(rig.tap.changed());
  const auto look = [&rig](std::int64_t ms) {
    Record shown;
    rig.tap.each_running([&](tap::Exchange& e) { shown = e.snapshot({ms * kNsPerMs}); });
    return shown;
  };
  Record r = look(5);
  CHECK(r.status == Status::open);
  CHECK(r.progress == Progress::request_sent);
  CHECK(r.failure_stage == Stage::none);
  CHECK(r.duration_ns == 5 * kNsPerMs);
  CHECK(!rig.tap.has_news());
  CHECK(!rig.tap.changed());
  rig.at(10).response(kEarly);
  CHECK(rig.tap.has_news());
  r = look(15);
  CHECK(r.progress == Progress::first_token);
  CHECK(r.chunks_received == 1);
  CHECK(r.http_status == 200);
  rig.response(chunk(event(kHi)));
  CHECK(!rig.tap.has_news());  // more of the same
  CHECK(rig.tap.changed());
  rig.response(chunk(event(kStop) + kDone) + kLastChunk);
  CHECK(rig.tap.running() == 0);
  CHECK(rig.only().request_id == r.request_id);
}

// --- what must never be kept
// --------------------------------------------------------------------------

TEST_CASE("tap: no word of a head, a query, a body or a tool call's arguments is in a record") {
  const std::string secret = "XYZZY";
  const auto count = [&secret](const Record& r) {
    const std::string json = to_json(r);
    std::size_t n = 0;
    for (auto at = json.find(secret); at != std::string::npos; at = json.find(secret, at + 1)) ++n;
    return n;
  };
  std::string fields;
  for (const char* name :
       {"Authorization: Bearer", "X-Api-Key:", "Api-Key:", "X-Goog-Api-Key:", "Cookie:", "Referer:",
        "X-Amz-Security-Token:", "OpenAI-Organization:", "X-Anything:", "Accept:", "Via:"}) {
    fields += std::string(name) + (std::string(name).ends_with(":") ? " " : ": ") + secret + "\r\n";
  }
  fields.replace(fields.find("Bearer: "), 8, "Bearer ");
  const std::string ask = post(
      R"({"messages":[{"role":"system","content":"XYZZY"},{"role":"user","content":[{"type":"text",)"
      R"("text":"XYZZY"},{"type":"image_url","image_url":{"url":"data:XYZZY"}}]},{"role":"tool",)"
      R"("tool_call_id":"call_1","content":"XYZZY"}],"tools":[{"function":{"name":"XYZZY"}}],)"
      R"("user":"XYZZY","XYZZY":"XYZZY","model":"m","stream":true})",
      fields, "/v1/XYZZY/chat/completions?key=XYZZY");
  const std::string body =
      ": XYZZY\n\nid: XYZZY\nXYZZY: XYZZY\n" +
      event(R"({"id":"c1","system_fingerprint":"XYZZY","choices":[{"delta":{"content":"XYZZY",)"
            R"("reasoning":"XYZZY","refusal":"XYZZY"}}]})") +
      event(
          R"({"choices":[{"delta":{"tool_calls":[{"index":0,"id":"call_2","function":{"name":"f",)"
          R"("arguments":"{\"XYZZY\":\"XYZZY\"}"}},{"index":1,"custom":{"name":"g",)"
          R"("input":"XYZZY"}}]}}],"obfuscation":"XYZZY"})") +
      event(
          R"({"error":{"message":"XYZZY","type":"the XYZZY said","code":"no XYZZY","param":"XYZZY"}})") +
      "error: {\"message\":\"XYZZY\"}\n\ndata: XYZZY\n\n";
  const std::string head =
      "HTTP/1.1 200 XYZZY\r\nContent-Type: text/event-stream\r\nSet-Cookie: XYZZY\r\n"
      "X-Anything: XYZZY\r\nContent-Length: ";
  Rig stream;
  stream.request(ask).response(head + std::to_string(body.size()) + "\r\n\r\n" + body);
  REQUIRE(stream.records.size() == 1);
  CHECK(stream.only().tap == TapState::complete);
  CHECK(stream.only().error_event_received);
  CHECK(stream.only().tool_calls.size() == 2);
  CHECK(count(stream.only()) == 0);

  Rig rejected;
  rejected.request(ask).response(answer(
      "400 XYZZY", R"({"error":{"message":"XYZZY","type":"You said: XYZZY","param":"XYZZY"}})"));
  CHECK(rejected.only().error_type == ErrorType::invalid_request);
  CHECK(count(rejected.only()) == 0);

  Rig broken;
  broken.request(ask).response("HTTP/1.1 200 OK\r\nXYZZY XYZZY\r\n\r\n").upstream(kReset).over();
  CHECK(count(broken.only()) == 0);
  Rig cut;
  cut.request(ask.substr(0, ask.size() - 5)).client(kReset).over();
  CHECK(count(cut.only()) == 0);
}

// --- connections without a call
// -------------------------------------------------------------------------

TEST_CASE("tap: the record of a connection that never stood") {
  tap::ConnFacts facts = Rig::openai();
  const auto of = [&](ErrorType error, std::string_view detail, CloseHow client, Party by) {
    return tap::connection_record(RecordId{}, facts, error, detail, {}, {client, ""}, by, {0},
                                  {250 * kNsPerMs});
  };
  Record r = of(ErrorType::dns_failed, "EAI_NONAME", CloseHow::none, Party::none);
  CHECK(verdict(r) == "failed before_request dns_failed network");
  CHECK(r.progress == Progress::none);
  CHECK(r.error_detail == "EAI_NONAME");
  CHECK(r.retryable == true);
  CHECK(r.retry_safety == RetrySafety::safe);
  CHECK(r.provider == "openai");
  CHECK(r.duration_ns == 250 * kNsPerMs);
  facts.time_to_connect_ns = 20 * kNsPerMs;
  r = of(ErrorType::client_untrusted_ca, "unknown_ca", CloseHow::tls_alert, Party::client);
  CHECK(verdict(r) == "failed before_request client_untrusted_ca app");
  CHECK(r.progress == Progress::connected);
  CHECK(r.retryable == false);
  r = of(ErrorType::request_incomplete, "client_left", CloseHow::reset, Party::client);
  CHECK(verdict(r) == "aborted before_request request_incomplete app");
  CHECK(names(r.fault_evidence) == "client_reset_first client_request_incomplete");
}

TEST_CASE("tap: the record of a connection that was not opened") {
  const tap::ConnFacts facts = Rig::openai();
  const auto of = [&](CloseHow upstream, CloseHow client, std::uint64_t back) {
    return tap::tunnel_record(RecordId{}, facts, "http2", {upstream, ""}, {client, ""}, 900, back,
                              {0}, {kNsPerSecond});
  };
  Record r = of(kFin, kFin, 5000);
  CHECK(verdict(r) == "ok");
  CHECK(r.tap == TapState::blind);
  CHECK(r.tap_reason == "http2");
  CHECK(r.operation == "unknown");
  CHECK(r.request_bytes == 900);
  CHECK(r.response_bytes == 5000);
  CHECK(r.retry_safety == RetrySafety::unknown);
  r = of(kReset, CloseHow::none, 5000);
  CHECK(verdict(r) == "failed after_first_token upstream_reset network");
  CHECK(r.closed_by == Party::upstream);
  r = of(kReset, CloseHow::none, 0);
  CHECK(verdict(r) == "failed before_first_token upstream_reset network");
  CHECK(r.retry_safety == RetrySafety::safe);
  r = of(CloseHow::none, kReset, 5000);
  CHECK(verdict(r) == "aborted client_aborted client_reset client");
  CHECK(r.closed_by == Party::client);
}
