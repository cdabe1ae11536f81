// The client leaves: politely, abruptly, early, late. The provider sees exactly that, and the
// record says who went and how far the answer had got.
#include <doctest/doctest.h>

#include <string>

#include "rig.h"

using namespace llmrec;
using namespace llmrec::integration;
using record::CloseHow;
using record::ErrorType;
using record::Fault;
using record::Party;
using record::Progress;
using record::Stage;
using record::Status;

namespace {

const openai::Shape kShape = words(20);
constexpr std::size_t kFirst = 6;  // events before the gate: the role and five words

// An answer that waits at a gate behind its first events.
struct Gated {
  Answer answer = events(openai::text(kShape).events);
  Reply reply;
  std::uint64_t before_gate = 0;

  explicit Gated(Script at_gate, std::size_t first = kFirst) {
    before_gate = build(answer).piece_ends.at(first - 1);
    answer.before[first] = std::move(at_gate);
    reply = build(answer);
  }
};

TlsClient started(Rig& rig, const Gated& gated) {
  TlsClient client = rig.connect();
  REQUIRE(client.send(chat()));
  REQUIRE(client.read_bytes(gated.before_gate));
  return client;
}

bool client_end_is(Rig& rig, const std::string& text) {
  return rig.provider().wait_for(
      0, [&](const ConnectionLog& log) { return log.client_end.text() == text; }, kPatienceMs);
}

}  // namespace

TEST_CASE("integration client_end: half-closed while the answer streams, and it is delivered") {
  const Gated gated({WaitFor{"go on"}});
  Rig rig(answering(gated.reply.script));
  TlsClient client = started(rig, gated);
  REQUIRE(client.close_notify());
  REQUIRE(client_end_is(rig, "close_notify"));
  REQUIRE(client.shut_write());
  REQUIRE(client_end_is(rig, "close_notify+fin"));
  CHECK(client.received().count == gated.before_gate);
  rig.provider().open_gate("go on");
  const Received got = client.read_to_end();
  CHECK(got.bytes == text_sent_by(gated.reply.script));
  CHECK(got.end == "close_notify+fin");
  const record::Record r = rig.recorder().only_record();
  CHECK(r.status == Status::ok);
  CHECK(r.progress == Progress::complete);
  CHECK(r.client_delivery_status == record::Delivery::full);
  CHECK(!r.upstream_cancelled);
}

TEST_CASE("integration client_end: FIN alone, and the answer is delivered") {
  const Gated gated({WaitFor{"go on"}});
  Rig rig(answering(gated.reply.script));
  TlsClient client = started(rig, gated);
  REQUIRE(client.shut_write());
  REQUIRE(client_end_is(rig, "fin"));
  rig.provider().open_gate("go on");
  CHECK(client.read_to_end().bytes == text_sent_by(gated.reply.script));
  CHECK(rig.recorder().only_record().status == Status::ok);
}

TEST_CASE("integration client_end: half-closed, and the provider gives up on it") {
  for (const How how : {How::close_notify, How::fin, How::rst}) {
    const Gated gated({ReadUntilEof{}, ending(how)});
    Rig rig(answering(gated.reply.script));
    TlsClient client = started(rig, gated);
    client.half_close();  // the provider may be faster than its second half
    const Received got = client.read_to_end();
    CHECK(got.count == gated.before_gate);
    CHECK(got.end == (how == How::fin ? "fin" : how == How::rst ? "reset" : "close_notify+fin"));
    const record::Record r = rig.recorder().only_record();
    CHECK(r.status == Status::aborted);
    CHECK(r.failure_stage == Stage::client_aborted);
    CHECK(r.error_type == ErrorType::client_closed);
    CHECK(r.closed_by == Party::client);
    CHECK(r.client_close == CloseHow::close_notify);
    CHECK(r.fault == Fault::client);
    CHECK(r.chunks_received == kFirst);
    CHECK(r.progress == Progress::first_token);
  }
}

TEST_CASE("integration client_end: RST in mid-stream is an RST for the provider") {
  const Gated gated({WaitFor{"never"}});
  Rig rig(answering(gated.reply.script));
  TlsClient client = started(rig, gated);
  REQUIRE(client.reset());
  REQUIRE(client_end_is(rig, "reset"));
  const record::Record r = rig.recorder().only_record();
  CHECK(r.status == Status::aborted);
  CHECK(r.failure_stage == Stage::client_aborted);
  CHECK(r.error_type == ErrorType::client_reset);
  CHECK(r.progress == Progress::first_token);
  CHECK(r.chunks_received == kFirst);
  CHECK(r.output_chars_received > 0);
  CHECK(r.retry_safety == record::RetrySafety::duplicates_output);
  CHECK(r.closed_by == Party::client);
  CHECK(r.client_close == CloseHow::reset);
  CHECK(r.upstream_close == CloseHow::none);
  CHECK(r.upstream_cancelled);
  CHECK(r.upstream_active_at_abort == true);
  CHECK(r.fault == Fault::client);
  CHECK(r.client_delivery_status == record::Delivery::full);
}

TEST_CASE("integration client_end: gone in mid-stream, and the provider talks on") {
  Gated gated({WaitFor{"go on"}});
  gated.answer.delay_ms = 5;
  gated.reply = build(gated.answer);
  Rig rig(answering(gated.reply.script));
  TlsClient client = started(rig, gated);
  REQUIRE(client.close_notify());
  client.close();
  REQUIRE(rig.provider().wait_for(
      0, [](const ConnectionLog& log) { return log.client_end.close_notify; }, kPatienceMs));
  rig.provider().open_gate("go on");
  const ConnectionLog log = rig.finished();
  CHECK(log.client_end.close_notify);
  CHECK((log.client_end.tcp == PeerEnd::Tcp::reset || log.client_end.reset_after_fin));
  const record::Record r = rig.recorder().only_record();
  CHECK(r.status == Status::aborted);
  CHECK(r.failure_stage == Stage::client_aborted);
  CHECK(r.error_type == ErrorType::client_closed);
  CHECK(r.progress == Progress::first_token);
  CHECK(r.chunks_received >= kFirst);
  CHECK(r.chunks_received < kShape.chunks);
  CHECK(r.closed_by == Party::client);
  CHECK(r.client_close == CloseHow::close_notify);
  CHECK(r.upstream_cancelled);
}

TEST_CASE("integration client_end: it hangs up right after [DONE]") {
  // The last chunk of HTTP is still to come, as it is with real servers.
  const Reply whole = build(events(openai::text(kShape).events));
  Script script = cut_at(whole.script, whole.piece_ends.back(), How::fin);
  script.back() = ReadUntilEof{};
  script.push_back(Send{"0\r\n\r\n"});
  Rig rig(answering(script));
  TlsClient client = rig.connect();
  REQUIRE(client.send(chat()));
  REQUIRE(client.read_until("data: [DONE]\n\n"));
  CloseHow how = CloseHow::none;
  SUBCASE("close_notify, then gone") {
    how = CloseHow::close_notify;
    client.close_notify();
    client.close();
  }
  SUBCASE("FIN") {
    how = CloseHow::fin;
    client.shut_write();
  }
  SUBCASE("RST") {
    how = CloseHow::reset;
    client.reset();
  }
  rig.finished();
  const record::Record r = rig.recorder().only_record();
  CHECK(r.status == Status::ok);
  CHECK(r.failure_stage == Stage::none);
  CHECK(r.progress == Progress::complete);
  CHECK(r.client_close == how);
  CHECK(r.done_event_received);
  CHECK(r.usage_available);
}

TEST_CASE("integration client_end: it leaves after the finish, before [DONE]") {
  const Gated gated({WaitFor{"never"}}, static_cast<std::size_t>(kShape.chunks) + 2);
  Rig rig(answering(gated.reply.script));
  TlsClient client = started(rig, gated);
  REQUIRE(client.reset());
  const record::Record r = rig.recorder().only_record();
  CHECK(r.status == Status::aborted);
  CHECK(r.failure_stage == Stage::after_finish_reason);
  CHECK(r.error_type == ErrorType::client_closed_early);
}

TEST_CASE("integration client_end: it leaves at its own time-out") {
  const Gated gated({WaitFor{"never"}});
  Rig rig(answering(gated.reply.script));
  TlsClient client = rig.connect();
  REQUIRE(client.send(chat({{"X-Stainless-Timeout", "0.25"}})));
  const Instant sent = now();
  REQUIRE(client.read_bytes(gated.before_gate));
  // The client's own timer; nothing is expected to happen meanwhile.
  CHECK(!rig.provider().wait_for(
      0, [](const ConnectionLog& log) { return log.client_end.any(); },
      300 - (now() - sent) / kNsPerMs));
  REQUIRE(client.reset());
  const record::Record r = rig.recorder().only_record();
  CHECK(r.status == Status::aborted);
  CHECK(r.error_type == ErrorType::client_timeout);
  CHECK(r.fault == Fault::app);
  CHECK(r.client_timeout_ns == 250 * kNsPerMs);
}

TEST_CASE("integration client_end: it leaves before its request is whole") {
  Rig rig;
  TlsClient client = rig.connect();
  const std::string request = chat();
  REQUIRE(client.send(request.substr(0, request.size() - 10)));
  REQUIRE(rig.provider().wait_for(
      0, [&](const ConnectionLog& log) { return log.received_bytes == request.size() - 10; }));
  std::string seen;
  SUBCASE("in order") {
    seen = "close_notify+fin";
    client.half_close();
  }
  SUBCASE("abruptly") {
    seen = "reset";
    client.reset();
  }
  REQUIRE(client_end_is(rig, seen));
  const record::Record r = rig.recorder().only_record();
  CHECK(r.status == Status::aborted);
  CHECK(r.failure_stage == Stage::before_request);
  CHECK(r.error_type == ErrorType::request_incomplete);
  CHECK(r.request_bytes == request.size() - 10);
  CHECK(r.http_status == std::nullopt);
}

TEST_CASE("integration client_end: it leaves while it waits for the first token") {
  Answer answer = events(openai::text(kShape).events);
  answer.before[0] = {WaitFor{"never"}};
  const Reply reply = build(answer);
  Rig rig(answering(reply.script));
  TlsClient client = rig.connect();
  REQUIRE(client.send(chat()));
  REQUIRE(client.read_bytes(reply.head_bytes));
  REQUIRE(client.reset());
  REQUIRE(client_end_is(rig, "reset"));
  const record::Record r = rig.recorder().only_record();
  CHECK(r.status == Status::aborted);
  CHECK(r.failure_stage == Stage::client_aborted);
  CHECK(r.progress == Progress::headers);
  CHECK(r.time_to_first_token_ns == std::nullopt);
  CHECK(r.retry_safety == record::RetrySafety::safe);
}

TEST_CASE("integration client_end: the provider resets an idle connection") {
  const Script script = play(events(openai::text(kShape).events));
  Script then = script;
  then.push_back(WaitFor{"enough"});
  then.push_back(Rst{});
  Rig rig(answering(then));
  TlsClient client = rig.connect();
  REQUIRE(client.send(chat()));
  REQUIRE(client.read_bytes(bytes_sent_by(script)));
  const record::Record r = rig.recorder().only_record();
  CHECK(r.status == Status::ok);
  CHECK(r.upstream_close == CloseHow::none);
  CHECK(r.closed_by == Party::none);
  rig.provider().open_gate("enough");
  CHECK(client.read_to_end().end == "reset");
  CHECK(rig.recorder().records().size() == 1);
}
