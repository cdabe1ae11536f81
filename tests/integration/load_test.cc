// Many at once, over two loops: every call has its record, and afterwards nothing is left open.
#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "rig.h"

using namespace llmrec;
using namespace llmrec::integration;
using record::Status;

namespace {

constexpr int kStreams = 50;
constexpr int kRounds = 3;

enum class End { ok, cut, left };
End end_of(int stream, int round) { return static_cast<End>((stream + round) % 3); }

// One client's part; what it got goes to the thread that may assert.
std::string run_stream(const ClientOptions& options, int stream, int round, const Script& whole) {
  const End end = end_of(stream, round);
  TlsClient client(options);
  if (const auto connected = client.connect(); !connected) return connected.error().detail;
  const std::string id = std::to_string(stream) + "-" + std::to_string(round);
  const char* scene = end == End::cut ? "cut" : end == End::left ? "left" : "ok";
  if (!client.send(chat({{"X-Request-Id", id}, {"X-Scene", scene}}))) return "cannot send";
  switch (end) {
    case End::ok:
      if (!client.read_bytes(bytes_sent_by(whole))) return "an answer is not whole";
      if (client.received().bytes != text_sent_by(whole)) return "an answer is not the answer";
      client.half_close();
      if (client.read_to_end().end != "close_notify+fin") return "not ended in order";
      break;
    case End::cut:
      if (client.read_to_end().end != "fin") return "a cut does not look like one";
      break;
    case End::left:
      if (!client.read_until("\"content\":\"")) return "no token came";
      client.reset();
      break;
  }
  return {};
}

}  // namespace

TEST_CASE("integration load: 50 clients at once, over two loops") {
  const Reply whole = build(events(openai::text(words(20)).events));
  const Script cut = cut_at(whole.script, whole.piece_ends[9], How::fin);
  Script endless = cut;
  endless.back() = ReadUntilEof{};
  RigOptions options = answering([&](const Request& r) {
    const std::string scene = r.header("x-scene");
    return scene == "cut" ? cut : scene == "left" ? endless : whole.script;
  });
  options.flags = {"--loops", "2"};
  Rig rig(std::move(options));
  const ClientOptions through = rig.through();
  const auto base = rig.recorder().open_descriptors();

  for (int round = 0; round < kRounds; ++round) {
    std::vector<std::string> faults(kStreams);
    std::vector<std::thread> threads;
    for (int i = 0; i < kStreams; ++i) {
      threads.emplace_back([&, i] {
        faults[static_cast<std::size_t>(i)] = run_stream(through, i, round, whole.script);
      });
    }
    for (std::thread& t : threads) t.join();
    for (const std::string& fault : faults) CHECK(fault == "");
  }

  const auto records = rig.recorder().wait_for_records(kStreams * kRounds);
  CHECK(std::is_sorted(records.begin(), records.end(),
                       [](const auto& a, const auto& b) { return a.request_id < b.request_id; }));
  std::set<std::string> seen;
  for (const record::Record& r : records) {
    CAPTURE(r.client_request_id);
    CHECK(seen.insert(r.client_request_id).second);
    const auto dash = r.client_request_id.find('-');
    REQUIRE(dash != std::string::npos);
    const End end = end_of(std::stoi(r.client_request_id.substr(0, dash)),
                           std::stoi(r.client_request_id.substr(dash + 1)));
    CHECK(r.status == (end == End::ok    ? Status::ok
                       : end == End::cut ? Status::failed
                                         : Status::aborted));
    if (end == End::ok) CHECK(r.chunks_received == 20 + 3);
    if (end == End::cut) CHECK(r.chunks_received == 10);
  }
  CHECK(rig.recorder().open_records().empty());

  if (!base) {
    MESSAGE("skipped: only root may count the descriptors of a process that is not dumpable");
  } else {
    CHECK(eventually([&] { return rig.recorder().open_descriptors() == base; }));
  }
}

TEST_CASE("integration load: one connection carries many calls, and keeps none of them") {
  constexpr std::uint64_t kCalls = 300;
  const Script answer = play(events(openai::text(words(3)).events));
  Rig rig(answering(answer));
  TlsClient client = rig.connect();
  for (std::uint64_t i = 1; i <= kCalls; ++i) {
    REQUIRE(client.send(chat()));
    REQUIRE(client.read_bytes(i * bytes_sent_by(answer)));
  }
  const auto records = rig.recorder().wait_for_records(kCalls);
  CHECK(std::all_of(records.begin(), records.end(),
                    [](const auto& r) { return r.status == Status::ok; }));
  CHECK(rig.provider().logs().size() == 1);
}

TEST_CASE("integration load: more clients than descriptors: who is in is served, the others wait") {
  constexpr std::size_t kClients = 100;
  Answer slow = events(openai::text(words(3)).events);
  slow.before[2] = {WaitFor{"all are here"}};
  const Script answer = play(slow);
  RigOptions options = answering(answer);
  options.limit = "-n 160";  // room for 48 connections and what is kept in reserve
  Rig rig(std::move(options));
  ClientOptions through = rig.through();
  std::vector<std::string> faults(kClients, "not begun");
  std::vector<std::thread> threads;
  for (std::string& fault : faults) {
    threads.emplace_back([&] {
      TlsClient client(through);
      if (const auto connected = client.connect(); !connected) {
        fault = connected.error().detail;
        return;
      }
      const bool whole = client.send(chat()) && client.read_bytes(bytes_sent_by(answer)) &&
                         client.received().bytes == text_sent_by(answer);
      fault = whole ? "" : "not served";
      client.half_close();
    });
  }
  // As many as there is room for stand at the gate; the others are not even accepted.
  const auto waiting = [](const Logs& logs) {
    return std::count_if(logs.begin(), logs.end(),
                         [](const auto& log) { return log.waiting_for == "all are here"; });
  };
  CHECK(
      rig.provider().wait_for([&](const Logs& logs) { return waiting(logs) == 48; }, kPatienceMs));
  CHECK(!rig.provider().wait_for([&](const Logs& logs) { return waiting(logs) > 48; }, 200));
  rig.provider().open_gate("all are here");
  for (std::thread& t : threads) t.join();
  for (const std::string& fault : faults) CHECK(fault == "");
  CHECK(rig.recorder().wait_for_records(kClients).size() == kClients);
}
