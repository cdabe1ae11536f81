// The times in a record are held against what provider and client measured themselves, by the same
// clock. Nothing here depends on how fast the machine is: each bound follows from the order of
// events.
#include <doctest/doctest.h>

#include <numeric>
#include <string>

#include "rig.h"

using namespace llmrec;
using namespace llmrec::integration;

namespace {

constexpr int kWords = 10;
constexpr std::size_t kEvents = kWords + 3;
// The finish stands behind the role and the words.
constexpr std::size_t kFinish = kWords + 1;

std::int64_t since(Instant from) { return now() - from; }

bool at_gate(Rig& rig, const std::string& gate) {
  return rig.provider().wait_for(
      0, [&](const ConnectionLog& log) { return log.waiting_for == gate; }, kPatienceMs);
}

// Lets time pass until so much of it has: what a provider that thinks does. Nothing is expected of
// the program meanwhile.
void hold(Rig& rig, std::int64_t ns) {
  const Instant from = now();
  while (since(from) < ns) {
    rig.provider().wait_for([](const Logs&) { return false; }, (ns - since(from)) / kNsPerMs + 1);
  }
}

}  // namespace

TEST_CASE("integration timing: times, gaps and counts are those of the script") {
  Answer answer = events(openai::text(words(kWords)).events);
  answer.before[0] = {WaitFor{"head is out"}};
  answer.before[1] = {WaitFor{"role is out"}};
  answer.before[kFinish] = {WaitFor{"stall"}};
  const Reply reply = build(answer);
  Rig rig(answering(reply.script));

  const Instant connecting = now();
  TlsClient client = rig.connect();
  const std::int64_t connected = since(connecting);
  const Instant asked = now();
  REQUIRE(client.send(chat()));

  REQUIRE(client.read_bytes(reply.head_bytes));
  const std::int64_t head_seen = since(asked);
  REQUIRE(at_gate(rig, "head is out"));
  hold(rig, 30 * kNsPerMs);
  const Instant head_gate = now();
  rig.provider().open_gate("head is out");
  REQUIRE(client.read_bytes(reply.piece_ends[0]));
  const std::int64_t role_seen = since(asked);

  REQUIRE(at_gate(rig, "role is out"));
  hold(rig, 30 * kNsPerMs);
  const Instant role_gate = now();
  rig.provider().open_gate("role is out");
  REQUIRE(client.read_bytes(reply.piece_ends[1]));
  const std::int64_t token_seen = since(asked);

  // Silence longer than everything before, so that it is the longest whatever the machine did.
  REQUIRE(client.read_bytes(reply.piece_ends[kFinish - 1]));
  const std::int64_t before_stall = since(asked);
  const Instant words_seen = now();
  REQUIRE(at_gate(rig, "stall"));
  hold(rig, before_stall + 50 * kNsPerMs);
  const std::int64_t stall_at_least = since(words_seen);
  rig.provider().open_gate("stall");
  REQUIRE(client.read_bytes(bytes_sent_by(reply.script)));
  const std::int64_t all_seen = since(asked);

  const record::Record r = rig.recorder().only_record();
  const ConnectionLog log = rig.provider().logs()[0];
  const Instant request_whole = log.requests.at(0).complete_at;

  REQUIRE(r.time_to_connect_ns);
  REQUIRE(r.time_to_tls_ns);
  CHECK(*r.time_to_connect_ns + *r.time_to_tls_ns <= connected);
  CHECK(*r.time_to_request_sent_ns <= *r.time_to_headers_ns);
  CHECK(*r.time_to_headers_ns <= head_seen);
  // From the provider's side: it cannot have come before the gate was opened.
  CHECK(*r.time_to_first_byte_ns >= head_gate - request_whole);
  CHECK(*r.time_to_first_byte_ns <= role_seen);
  CHECK(*r.time_to_first_token_ns >= role_gate - request_whole);
  CHECK(*r.time_to_first_token_ns <= token_seen);
  CHECK(*r.max_gap_ns >= stall_at_least);
  CHECK(*r.max_gap_ns <= all_seen);
  CHECK(r.max_gap_at_chunk == static_cast<std::int64_t>(kFinish) + 1);  // that ended it, from 1
  CHECK(r.gap_had_pings == false);
  CHECK(*r.last_chunk_ns >= stall_at_least);
  CHECK(*r.last_chunk_ns <= *r.duration_ns);
  CHECK(*r.duration_ns <= all_seen);
  CHECK(*r.stream_duration_ns >= (words_seen + stall_at_least) - (asked + role_seen));
  CHECK(*r.stream_duration_ns <= *r.duration_ns);

  CHECK(r.chunks_received == kEvents);
  CHECK(r.content_chunks == kWords);
  CHECK(std::accumulate(r.chunk_timeline.counts.begin(), r.chunk_timeline.counts.end(), 0u) ==
        kEvents);
  CHECK(r.finish_reasons == std::vector<std::string>{"stop"});
  CHECK(r.finish_class == record::FinishClass::stop);
  CHECK(r.done_event_received);
  CHECK(r.usage_available);
  CHECK(r.usage_reported.total ==
        words(kWords).prompt_tokens + openai::completion_tokens(words(kWords)));
  CHECK(r.timeouts_exceeded.empty());
  // It began when the client asked, by the wall clock.
  const auto skew = std::chrono::duration_cast<std::chrono::microseconds>(
                        std::chrono::system_clock::now().time_since_epoch())
                        .count() -
                    r.started_at_us;
  CHECK(skew >= *r.duration_ns / kNsPerUs);
  CHECK(skew <= (now() - connecting) / kNsPerUs);
}

TEST_CASE("integration timing: budgets that were passed are noted, and cut nothing") {
  Answer answer = events(openai::text(words(4)).events);
  answer.before[1] = {WaitFor{"first token"}};
  answer.before[3] = {WaitFor{"later"}};
  const Script script = play(answer);
  RigOptions options = answering(script);
  options.flags = {"--headers-timeout", "1h",   "--first-token-timeout", "40ms",
                   "--idle-timeout",    "60ms", "--total-timeout",       "90ms"};
  Rig rig(std::move(options));
  TlsClient client = rig.connect();
  REQUIRE(client.send(chat()));
  for (const char* gate : {"first token", "later"}) {
    REQUIRE(at_gate(rig, gate));
    hold(rig, 70 * kNsPerMs);
    rig.provider().open_gate(gate);
  }
  REQUIRE(client.read_bytes(bytes_sent_by(script)));
  const record::Record r = rig.recorder().only_record();
  CHECK(r.status == record::Status::ok);
  using record::Budget;
  CHECK(!r.timeouts_exceeded.contains(Budget::headers));
  CHECK(r.timeouts_exceeded.contains(Budget::first_token));
  CHECK(r.timeouts_exceeded.contains(Budget::idle));
  CHECK(r.timeouts_exceeded.contains(Budget::total));
  CHECK(r.budgets.first_token_ns == 40 * kNsPerMs);
  CHECK(r.budgets.headers_ns == 3600 * kNsPerSecond);
}

namespace {

record::Set<record::Budget> only(record::Budget budget) {
  record::Set<record::Budget> out;
  out.insert(budget);
  return out;
}

}  // namespace

TEST_CASE("integration timing: a late head is noted, also of an answer that is no stream") {
  for (const bool stream : {true, false}) {
    CAPTURE(stream);
    const Answer answer =
        stream ? events(openai::text(words(2)).events) : json(openai::json(words(2)));
    Script script = play(answer);
    script.insert(script.begin(), WaitFor{"head"});
    RigOptions options = answering(script);
    options.flags = {"--headers-timeout", "40ms", "--first-token-timeout", "1h",
                     "--idle-timeout",    "1h",   "--total-timeout",       "1h"};
    Rig rig(std::move(options));
    TlsClient client = rig.connect();
    REQUIRE(client.send(stream ? chat() : plain_chat()));
    REQUIRE(at_gate(rig, "head"));
    hold(rig, 60 * kNsPerMs);
    rig.provider().open_gate("head");
    REQUIRE(client.read_bytes(bytes_sent_by(script)));
    CHECK(client.received().end == "open");
    const record::Record r = rig.recorder().only_record();
    CHECK(r.status == record::Status::ok);
    CHECK(r.timeouts_exceeded == only(record::Budget::headers));
  }
}

TEST_CASE("integration timing: --enforce-timeouts cuts, and says so to all three") {
  using record::ErrorType;
  struct Budget {
    const char* flag;
    std::size_t events;  // before the silence
    ErrorType error;
    record::Stage stage;
    record::Budget passed;
  };
  for (const Budget& budget :
       {Budget{"--headers-timeout", 0, ErrorType::headers_timeout,
               record::Stage::before_first_token, record::Budget::headers},
        Budget{"--first-token-timeout", 1, ErrorType::first_token_timeout,
               record::Stage::before_first_token, record::Budget::first_token},
        Budget{"--idle-timeout", 5, ErrorType::idle_timeout, record::Stage::after_first_token,
               record::Budget::idle},
        Budget{"--total-timeout", 5, ErrorType::total_timeout, record::Stage::after_first_token,
               record::Budget::total}}) {
    CAPTURE(std::string(budget.flag));
    const Reply reply = build(events(openai::text(words(10)).events));
    Script script = cut_at(reply.script,
                           budget.events == 0 ? 0 : reply.piece_ends[budget.events - 1], How::fin);
    script.back() = ReadUntilEof{};  // silence, until somebody has had enough
    const std::uint64_t sent = bytes_sent_by(script);
    RigOptions options = answering(script);
    options.flags = {"--enforce-timeouts", budget.flag, "150ms"};
    Rig rig(std::move(options));
    TlsClient client = rig.connect();
    const Instant asked = now();
    REQUIRE(client.send(chat()));
    const Received got = client.read_to_end();
    CHECK(since(asked) >= 150 * kNsPerMs);
    CHECK(got.end == "reset");
    CHECK(got.count == sent);
    REQUIRE(rig.provider().wait_for(
        0, [](const ConnectionLog& log) { return log.client_end.text() == "reset"; }));
    const record::Record r = rig.recorder().only_record();
    CHECK(r.status == record::Status::failed);
    CHECK(r.failure_stage == budget.stage);
    CHECK(r.error_type == budget.error);
    CHECK(r.closed_by == record::Party::recorder);
    CHECK(r.fault_evidence.contains(record::FaultEvidence::timeout_enforced));
    CHECK(r.timeouts_exceeded == only(budget.passed));
  }
}

TEST_CASE("integration timing: tags come from the proxy user and from --tag") {
  const Script answer = play(events(openai::text(words(3)).events));
  RigOptions options = answering(answer);
  options.flags = {"--tag", "env=test"};
  Rig rig(std::move(options));
  ClientOptions through = rig.through();
  // "checkout:" in Base64: HTTPS_PROXY=http://checkout@127.0.0.1:...
  through.via->request =
      "CONNECT " + kAuthority + " HTTP/1.1\r\nProxy-Authorization: Basic Y2hlY2tvdXQ6\r\n\r\n";
  TlsClient client = Rig::connect(through);
  REQUIRE(client.send(chat()));
  REQUIRE(client.read_bytes(bytes_sent_by(answer)));
  const record::Record r = rig.recorder().only_record();
  const record::Facts tags = {{"env", "test"}, {"route", "checkout"}};
  CHECK(r.tags == tags);
  client.half_close();
  CHECK(rig.finished().bytes == chat());  // nothing of it goes to the provider
}
