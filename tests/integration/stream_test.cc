// What a streamed answer looks like to all three who see it, when it ends well and wherever it is
// cut: the client, the provider, and whoever reads the record.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "record/json.h"
#include "rig.h"

using namespace llmrec;
using namespace llmrec::integration;
using record::CloseHow;
using record::ErrorType;
using record::Fault;
using record::FaultEvidence;
using record::Progress;
using record::RetrySafety;
using record::Stage;
using record::Status;

namespace {

const openai::Shape kShape = words(20);
constexpr std::uint64_t kEvents = 20 + 3;  // the role before, the finish and the usage behind

Reply text_reply() { return build(events(openai::text(kShape).events)); }

// Octets until so many events have passed.
std::uint64_t after_events(const Reply& reply, std::size_t n) { return reply.piece_ends.at(n - 1); }

// Code points of the text that so many deltas carry.
std::uint64_t chars_of(int deltas) {
  openai::Shape shape = kShape;
  shape.chunks = deltas;
  const std::string wire = openai::wire_text(shape);
  std::uint64_t n = wire.size();
  for (std::size_t at = wire.find("\\n"); at != std::string::npos; at = wire.find("\\n", at + 2)) {
    --n;
  }
  return n;
}

}  // namespace

TEST_CASE("integration stream: a complete answer") {
  const Script script = text_reply().script;
  Rig rig(answering(script));
  const std::string request = chat({{"X-Request-Id", "mine-1"}, {"X-Odd-Case", "  kept  "}});
  TlsClient client = rig.connect();
  REQUIRE(client.send(request));
  REQUIRE(client.read_bytes(bytes_sent_by(script)));
  CHECK(client.received().bytes == text_sent_by(script));
  CHECK(client.received().end == "open");

  const record::Record r = rig.recorder().only_record();
  CHECK(r.status == Status::ok);
  CHECK(r.failure_stage == Stage::none);
  CHECK(r.progress == Progress::complete);
  CHECK(r.error_type == ErrorType::none);
  CHECK(r.provider == "openai");
  CHECK(r.host == kHost);
  CHECK(r.operation == "chat.completions.stream");
  CHECK(r.model == "gpt-fake-1");
  CHECK(r.response_model == "gpt-fake-1");
  CHECK(r.client_request_id == "mine-1");
  CHECK(r.response_id == kShape.id);
  CHECK(r.stream == true);
  CHECK(r.usage_requested == true);
  CHECK(r.api_key_present == true);
  CHECK(r.http_status == 200);
  CHECK(r.request_bytes == request.size());
  CHECK(r.response_bytes == bytes_sent_by(script));
  CHECK(r.bytes_to_client == static_cast<std::int64_t>(bytes_sent_by(script)));
  CHECK(r.client_delivery_status == record::Delivery::full);
  CHECK(r.chunks_received == kEvents);
  CHECK(r.content_chunks == 20);
  CHECK(r.output_chars_received == chars_of(20));
  // Estimated from what passed, whatever the provider says.
  CHECK(r.actual_output_tokens.value_or(0) > 0);
  CHECK(r.actual_output_tokens_low.value_or(0) <= r.actual_output_tokens.value_or(0));
  CHECK(r.actual_output_tokens.value_or(0) <= r.actual_output_tokens_high.value_or(0));
  CHECK(r.finish_reasons == std::vector<std::string>{"stop"});
  CHECK(r.done_event_received);
  CHECK(r.usage_available);
  CHECK(r.usage.input == kShape.prompt_tokens);
  CHECK(r.usage.output == openai::completion_tokens(kShape));
  CHECK(r.terminal_missing.empty());
  CHECK(r.body_complete == true);
  CHECK(r.closed_by == record::Party::none);
  CHECK(r.upstream_close == CloseHow::none);
  CHECK(r.client_close == CloseHow::none);
  CHECK(r.tap == record::TapState::complete);
  // Somebody asks while it runs.
  const Finished shown = run_llmrec({"show", "last", "--json", "--store", rig.recorder().store()});
  CHECK(shown.status == ExitStatus{0, 0});
  CHECK(shown.out == record::to_json(r) + "\n");
  CHECK(run_llmrec({"ls", "-o", "jsonl", "--store", rig.recorder().store()}).out == shown.out);

  REQUIRE(client.half_close());
  const ConnectionLog log = rig.finished();
  CHECK(log.bytes == request);
  CHECK(log.client_end.text() == "close_notify+fin");
  CHECK(log.tls.sni == kHost);
  CHECK(log.tls.alpn_offered == std::vector<std::string>{"http/1.1"});
  CHECK(client.read_to_end().end == "close_notify+fin");
}

namespace {

struct Place {
  std::string name;
  Reply reply;
  std::uint64_t offset;
  Stage stage;
  Progress progress;
  std::uint64_t chunks;
  std::uint64_t chars;
  RetrySafety retry;
};

// Every stage at which an answer can break.
std::vector<Place> places() {
  const Reply text = text_reply();
  const openai::EventStream stream = openai::tools(kShape);
  const Reply tools = build(events(stream.events));
  const std::uint64_t status_line = std::string("HTTP/1.1 200 OK\r\n").size();
  return {
      {"no head", text, 0, Stage::before_first_token, Progress::request_sent, 0, 0,
       RetrySafety::safe},
      {"inside the status line", text, status_line / 2, Stage::before_first_token,
       Progress::request_sent, 0, 0, RetrySafety::safe},
      {"half a head", text, text.head_bytes / 2, Stage::before_first_token, Progress::request_sent,
       0, 0, RetrySafety::safe},
      {"before the first chunk", text, text.head_bytes, Stage::before_first_token,
       Progress::headers, 0, 0, RetrySafety::safe},
      {"mid text", text, after_events(text, 11), Stage::after_first_token, Progress::first_token,
       11, chars_of(10), RetrySafety::duplicates_output},
      {"inside an event", text, after_events(text, 11) + 30, Stage::after_first_token,
       Progress::first_token, 11, chars_of(10), RetrySafety::duplicates_output},
      {"inside a tool call", tools, after_events(tools, stream.inside_tool),
       Stage::during_tool_call, Progress::tool_call, stream.inside_tool, 0,
       RetrySafety::duplicates_output},
      {"after the finish", text, after_events(text, kEvents - 1), Stage::after_finish_reason,
       Progress::finish_reason, kEvents - 1, chars_of(20), RetrySafety::duplicates_output},
      {"before [DONE]", text, after_events(text, kEvents), Stage::after_finish_reason,
       Progress::finish_reason, kEvents, chars_of(20), RetrySafety::duplicates_output},
  };
}

struct Ends {
  How how;
  std::string seen;
  CloseHow close;
  ErrorType error;
  Fault fault;
  FaultEvidence evidence;
};

const Ends kEnds[] = {
    {How::fin, "fin", CloseHow::fin, ErrorType::stream_interrupted, Fault::network,
     FaultEvidence::upstream_fin_without_close_notify},
    {How::rst, "reset", CloseHow::reset, ErrorType::upstream_reset, Fault::network,
     FaultEvidence::upstream_reset},
    {How::close_notify, "close_notify+fin", CloseHow::close_notify, ErrorType::stream_interrupted,
     Fault::provider, FaultEvidence::upstream_close_notify_without_finish},
};

}  // namespace

TEST_CASE("integration stream: cut anywhere, in any way") {
  // One rig for all: the handler plays the case that is on.
  Script playing;
  Rig rig(answering([&playing](const Request&) { return playing; }));
  std::size_t run = 0;
  for (const Place& place : places()) {
    for (const Ends& end : kEnds) {
      CAPTURE(place.name);
      CAPTURE(end.seen);
      playing = cut_at(place.reply.script, place.offset, end.how);
      TlsClient client = rig.connect();
      REQUIRE(client.send(chat()));
      const Received got = client.read_to_end();
      client.half_close();
      client.close();
      CHECK(got.bytes == text_sent_by(playing));
      CHECK(got.end == end.seen);
      const ConnectionLog log = rig.finished(run);
      CHECK(log.bytes == chat());
      if (end.how != How::rst) CHECK(log.client_end.text() == "close_notify+fin");

      const record::Record r = rig.recorder().wait_for_records(++run).back();
      CHECK(r.status == Status::failed);
      CHECK(r.failure_stage == place.stage);
      CHECK(r.progress == place.progress);
      const bool tool = place.stage == Stage::during_tool_call;
      CHECK(r.error_type == (tool ? ErrorType::incomplete_tool_arguments : end.error));
      CHECK(r.fault == end.fault);
      const bool finished = place.stage == Stage::after_finish_reason;
      const bool in_order = end.how == How::close_notify;  // then only the rest is missing
      CHECK(r.fault_evidence.contains(finished && in_order ? FaultEvidence::terminal_signal_missing
                                                           : end.evidence));
      CHECK(r.chunks_received == place.chunks);
      CHECK(r.output_chars_received == place.chars);
      CHECK(r.retry_safety == place.retry);
      CHECK(r.closed_by == record::Party::upstream);
      CHECK(r.upstream_close == end.close);
      CHECK(r.client_close == CloseHow::none);
      CHECK(!r.upstream_cancelled);
      CHECK(r.response_bytes == got.count);
      const bool status_passed = place.offset >= std::string("HTTP/1.1 200 OK\r\n").size();
      CHECK(r.http_status == (status_passed ? std::optional<int>(200) : std::nullopt));
      if (r.progress >= Progress::headers) {
        CHECK(r.bytes_to_client == static_cast<std::int64_t>(got.count));
        CHECK(r.client_delivery_status == record::Delivery::full);
        CHECK(r.body_complete == false);
        CHECK(r.fault_evidence.contains(FaultEvidence::body_incomplete));
      }
      CHECK(!r.done_event_received);
      CHECK(r.usage_available == (place.chunks == kEvents));
      if (tool) {
        REQUIRE(r.cut_tool_call);
        const record::ToolCall& cut = r.tool_calls.at(*r.cut_tool_call);
        CHECK(cut.name == openai::tool_name(0));
        CHECK(cut.id == openai::tool_id(0));
        CHECK(!cut.arguments_completed);
        CHECK(cut.arguments_bytes > 0);
        CHECK(cut.arguments_bytes < openai::tool_arguments(0).size());
      }
    }
  }
}

TEST_CASE("integration stream: everything came, and then the connection broke") {
  Script playing;
  Rig rig(answering([&playing](const Request&) { return playing; }));
  std::size_t run = 0;
  for (const Ends& end : kEnds) {
    CAPTURE(end.seen);
    const Reply text = text_reply();
    // [DONE] is there, the last chunk of HTTP is not.
    playing = cut_at(text.script, text.piece_ends.back(), end.how);
    TlsClient client = rig.connect();
    REQUIRE(client.send(chat()));
    CHECK(client.read_to_end().end == end.seen);
    client.close();
    const record::Record r = rig.recorder().wait_for_records(++run).back();
    CHECK(r.status == Status::ok);
    CHECK(r.progress == Progress::complete);
    CHECK(r.body_complete == false);
    CHECK(r.done_event_received);
    CHECK(r.upstream_close == end.close);
    CHECK(r.fault == Fault::none);
  }
}

TEST_CASE("integration stream: it ends properly, and the model never finished") {
  openai::EventStream stream = openai::text(kShape);
  stream.events.resize(10);
  Rig rig(answering(play(events(stream.events))));
  TlsClient client = rig.connect();
  REQUIRE(client.send(chat()));
  REQUIRE(client.read_until("\r\n0\r\n\r\n"));
  const record::Record r = rig.recorder().only_record();
  CHECK(r.status == Status::failed);
  CHECK(r.failure_stage == Stage::after_first_token);
  CHECK(r.error_type == ErrorType::missing_finish_reason);
  CHECK(r.fault == Fault::provider);
  CHECK(r.fault_evidence.contains(FaultEvidence::body_complete_without_finish));
  CHECK(r.truncated == true);
  CHECK(r.closed_by == record::Party::none);
}

TEST_CASE("integration stream: an error event instead of the end") {
  Rig rig(answering(play(events(openai::error_event(kShape).events))));
  TlsClient client = rig.connect();
  REQUIRE(client.send(chat()));
  REQUIRE(client.read_until("\r\n0\r\n\r\n"));
  const record::Record r = rig.recorder().only_record();
  CHECK(r.status == Status::failed);
  CHECK(r.failure_stage == Stage::after_first_token);
  CHECK(r.error_type == ErrorType::stream_error_event);
  CHECK(r.error_event_received);
  CHECK(r.error_category == ErrorType::server_error);
  CHECK(r.fault == Fault::provider);
}

TEST_CASE("integration stream: rejected before it began") {
  Script playing;
  Rig rig(answering([&playing](const Request&) { return playing; }));
  const auto record_of = [&](const Script& script, std::size_t count) {
    playing = script;
    TlsClient client = rig.connect();
    REQUIRE(client.send(chat()));
    REQUIRE(client.read_bytes(bytes_sent_by(script)));
    CHECK(client.received().bytes == text_sent_by(script));
    return rig.recorder().wait_for_records(count).back();
  };

  record::Record r = record_of(play(json(openai::error_json(401), 401)), 1);
  CHECK(r.status == Status::failed);
  CHECK(r.failure_stage == Stage::request_rejected);
  CHECK(r.error_type == ErrorType::authentication);
  CHECK(r.error_category == ErrorType::authentication);
  CHECK(r.error_detail == "invalid_request_error/invalid_api_key");
  CHECK(r.http_status == 401);
  CHECK(r.fault == Fault::app);
  CHECK(r.retryable == false);
  CHECK(r.retry_safety == RetrySafety::safe);
  CHECK(r.operation == "chat.completions.stream");

  Answer limited = json(openai::error_json(429), 429);
  limited.headers.emplace_back("Retry-After", "7");
  limited.headers.emplace_back("X-Request-Id", "req_theirs");
  r = record_of(play(limited), 2);
  CHECK(r.failure_stage == Stage::request_rejected);
  CHECK(r.error_type == ErrorType::rate_limit);
  CHECK(r.http_status == 429);
  CHECK(r.fault == Fault::provider);
  CHECK(r.retryable == true);
  CHECK(r.retry_after_ns == 7 * kNsPerSecond);
  CHECK(r.provider_request_id == "req_theirs");
  CHECK(r.retry_safety == RetrySafety::safe);
}
