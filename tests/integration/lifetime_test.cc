// Start, stop, drain and death: what running calls, new clients and the store see of them.
#include <doctest/doctest.h>
#include <sys/stat.h>

#include <string>

#include "rig.h"

using namespace llmrec;
using namespace llmrec::integration;
using record::ErrorType;
using record::Stage;
using record::Status;

namespace {

constexpr std::size_t kFirst = 6;  // events before the gate

struct Gated {
  Script script;
  std::uint64_t before_gate = 0;
};

Gated gated() {
  Answer answer = events(openai::text(words(20)).events);
  Gated out;
  out.before_gate = build(answer).piece_ends.at(kFirst - 1);
  answer.before[kFirst] = {WaitFor{"go on"}};
  out.script = play(answer);
  return out;
}

TlsClient started(Rig& rig, const Gated& answer) {
  TlsClient client = rig.connect();
  REQUIRE(client.send(chat()));
  REQUIRE(client.read_bytes(answer.before_gate));
  return client;
}

RigOptions options_of(const Gated& answer, std::vector<std::string> flags = {}) {
  RigOptions options = answering(answer.script);
  options.flags = std::move(flags);
  return options;
}

bool refuses_connections(std::uint16_t port) {
  return eventually([port] { return !connect_loopback(port, after_ms(kPatienceMs)); });
}

mode_t mode_of(const std::string& path) {
  struct stat s {};
  REQUIRE(::stat(path.c_str(), &s) == 0);
  return s.st_mode & 07777;
}

}  // namespace

TEST_CASE("integration lifetime: what it leaves behind, and for whom to read") {
  Rig rig;
  CHECK(mode_of(rig.recorder().store()) == 0700);
  CHECK(mode_of(rig.recorder().store() + "/data.mdb") == 0600);
  CHECK(mode_of(rig.recorder().ca_dir()) == 0700);
  CHECK(mode_of(rig.recorder().bundle()) == 0644);
  CHECK(read_file(rig.recorder().bundle()).find("PRIVATE KEY") == std::string::npos);
  const std::string ready = read_file(rig.dir().path() / "ready");
  CHECK(ready == "listen 127.0.0.1:" + std::to_string(rig.recorder().port()) + "\n");
}

TEST_CASE("integration lifetime: the CA stays over a restart, and so does what was recorded") {
  const Script answer = play(events(openai::text(words(3)).events));
  Rig rig(answering(answer));
  ClientOptions first = rig.through();
  TlsClient before = Rig::connect(first);
  REQUIRE(before.send(chat()));
  REQUIRE(before.read_bytes(bytes_sent_by(answer)));
  const std::string bundle = read_file(rig.recorder().bundle());
  rig.recorder().stop();
  rig.recorder().restart();
  CHECK(read_file(rig.recorder().bundle()) == bundle);
  TlsClient after = rig.connect();
  REQUIRE(after.send(chat()));
  REQUIRE(after.read_bytes(bytes_sent_by(answer)));
  const auto records = rig.recorder().wait_for_records(2);
  CHECK(records[0].request_id < records[1].request_id);
}

TEST_CASE("integration lifetime: killed in mid-stream") {
  const Gated answer = gated();
  Rig rig(options_of(answer));
  TlsClient client = started(rig, answer);
  // Its progress has to be on the disk before it dies.
  REQUIRE(eventually([&] {
    const auto open = rig.recorder().open_records();
    return open.size() == 1 && open[0].chunks_received == kFirst;
  }));
  const record::Record open = rig.recorder().open_records().at(0);
  CHECK(open.status == Status::open);
  CHECK(open.progress == record::Progress::first_token);
  CHECK(rig.recorder().records().empty());
  rig.recorder().kill();
  CHECK(client.read_to_end().ending != Ending::close_notify);  // nothing that looks like an end
  REQUIRE(rig.provider().wait_for(
      0, [](const ConnectionLog& log) { return log.client_end.any(); }, kPatienceMs));
  CHECK(!rig.provider().logs()[0].client_end.close_notify);

  rig.recorder().restart();
  const record::Record r = rig.recorder().only_record();
  CHECK(r.request_id == open.request_id);
  CHECK(r.status == Status::failed);
  CHECK(r.failure_stage == Stage::unknown);
  CHECK(r.error_type == ErrorType::recorder_stopped);
  CHECK(r.fault == record::Fault::recorder);
  CHECK(r.progress == record::Progress::first_token);
  CHECK(r.chunks_received == kFirst);
  CHECK(r.output_chars_received > 0);
  CHECK(r.model == "gpt-fake-1");
  CHECK(r.http_status == 200);
  CHECK(rig.recorder().open_records().empty());
  CHECK(rig.recorder().log().find("recorder_stopped") != std::string::npos);
}

TEST_CASE("integration lifetime: SIGTERM lets a running call end") {
  const Gated answer = gated();
  Rig rig(options_of(answer));
  TlsClient idle = rig.connect();
  TlsClient client = started(rig, answer);
  rig.recorder().signal(SIGTERM);
  CHECK(refuses_connections(rig.recorder().port()));
  CHECK(idle.read_to_end().end == "close_notify+fin");  // a clean good-bye to who has no call
  CHECK(rig.recorder().running());
  rig.provider().open_gate("go on");
  REQUIRE(client.read_bytes(bytes_sent_by(answer.script)));
  CHECK(client.received().bytes == text_sent_by(answer.script));
  CHECK(rig.recorder().wait() == ExitStatus{0, 0});
  rig.recorder().stop();
  const record::Record r = rig.recorder().only_record();
  CHECK(r.status == Status::ok);
  CHECK(r.progress == record::Progress::complete);
}

TEST_CASE("integration lifetime: a call that does not end in time is cut, and it shows") {
  const Gated answer = gated();
  Rig rig(options_of(answer, {"--drain", "200ms"}));
  TlsClient client = started(rig, answer);
  rig.recorder().stop();
  const Received got = client.read_to_end();
  CHECK(got.count == answer.before_gate);
  CHECK(got.end == "reset");  // not an end that could be taken for the answer's
  const record::Record r = rig.recorder().only_record();
  CHECK(r.status == Status::failed);
  CHECK(r.failure_stage == Stage::after_first_token);
  CHECK(r.error_type == ErrorType::recorder_draining);
  CHECK(r.fault == record::Fault::recorder);
  CHECK(r.closed_by == record::Party::recorder);
  CHECK(r.chunks_received == kFirst);
}

TEST_CASE("integration lifetime: a tunnel that does not end in time is cut too") {
  RigOptions options;
  options.clear = true;
  options.provider.at_open = {Raw{}, ReadRaw{4}, Send{"pong"}, ReadUntilEof{}};
  options.flags = {"--drain", "200ms"};
  Rig rig(std::move(options));
  ClientOptions through = rig.through();
  through.tls.reset();
  through.via->target = "127.0.0.1:" + std::to_string(rig.provider().port());
  TlsClient client = Rig::connect(through);
  REQUIRE(client.send("ping"));
  REQUIRE(client.read_bytes(4));
  const Instant asked = now();
  rig.recorder().stop();
  CHECK(now() - asked >= 200 * kNsPerMs);
  CHECK(client.read_to_end().bytes == "pong");
  CHECK(rig.recorder().records().empty());
}

TEST_CASE("integration lifetime: a second SIGTERM does not wait") {
  const Gated answer = gated();
  Rig rig(options_of(answer, {"--drain", "1h"}));
  TlsClient client = started(rig, answer);
  rig.recorder().signal(SIGTERM);
  CHECK(refuses_connections(rig.recorder().port()));
  CHECK(rig.recorder().running());
  rig.recorder().stop();  // the second one
  CHECK(client.read_to_end().end == "reset");
  CHECK(rig.recorder().only_record().error_type == ErrorType::recorder_draining);
}

TEST_CASE("integration lifetime: SIGTERM while nothing runs, and while clients are half-way in") {
  Rig rig;
  TlsClient silent({.port = rig.recorder().port(), .timeout_ms = kPatienceMs});
  REQUIRE(silent.connect().has_value());
  ClientOptions through = rig.through();
  through.tls.reset();
  TlsClient before_tls = Rig::connect(through);
  rig.recorder().stop();
  CHECK(silent.read_to_end().count == 0);
  CHECK(before_tls.read_to_end().count == 0);
}

TEST_CASE("integration lifetime: SIGINT is SIGTERM, SIGHUP ends nothing, SIGPIPE neither") {
  const Script answer = play(events(openai::text(words(3)).events));
  Rig rig(answering(answer));
  rig.recorder().signal(SIGHUP);
  rig.recorder().signal(SIGPIPE);
  REQUIRE(rig.recorder().process().wait_for_line(Process::Stream::err, "SIGHUP", kPatienceMs));
  TlsClient client = rig.connect();
  REQUIRE(client.send(chat()));
  REQUIRE(client.read_bytes(bytes_sent_by(answer)));
  rig.recorder().signal(SIGINT);
  CHECK(rig.recorder().wait() == ExitStatus{0, 0});
  rig.recorder().stop();
}

namespace {

// So many calls over one connection; every one of them has to be served.
void call(Rig& rig, const Script& answer, std::uint64_t times) {
  TlsClient client = rig.connect();
  for (std::uint64_t i = 1; i <= times; ++i) {
    REQUIRE(client.send(chat()));
    REQUIRE(client.read_bytes(i * bytes_sent_by(answer)));
  }
}

}  // namespace

TEST_CASE("integration lifetime: --retain-records") {
  const Script answer = play(events(openai::text(words(3)).events));
  RigOptions options = answering(answer);
  options.flags = {"--retain-records", "5"};
  Rig rig(std::move(options));
  call(rig, answer, 20);
  rig.recorder().stop();
  const auto before = rig.recorder().records();  // one batch may stand above the limit
  CHECK(before.size() <= 20);
  rig.recorder().restart();
  const auto kept = rig.recorder().records();
  REQUIRE(kept.size() == 5);
  CHECK(kept.back().request_id == before.back().request_id);  // the oldest went
}

TEST_CASE("integration lifetime: the disk is full, and traffic goes on") {
  const Script answer = play(events(openai::text(words(3)).events));
  RigOptions options = answering(answer);
  options.limit = "-f 512";  // 256 KiB per file: a write beyond it fails
  Rig rig(std::move(options));
  call(rig, answer, 600);
  REQUIRE(rig.recorder().process().wait_for_line(Process::Stream::err, " store: ", kPatienceMs));
  rig.recorder().stop();
  CHECK(!rig.recorder().records().empty());  // what is there can be read
}

TEST_CASE("integration lifetime: no core, no new privileges") {
  Rig rig;
  const std::string proc = "/proc/" + std::to_string(rig.recorder().pid());
  const std::string limits = read_file(proc + "/limits");
  const auto core = limits.find("Max core file size");
  REQUIRE(core != std::string::npos);
  const std::string line = limits.substr(core, limits.find('\n', core) - core);
  CHECK(line.find(" 0 ") != std::string::npos);
  CHECK(read_file(proc + "/status").find("NoNewPrivs:\t1") != std::string::npos);
  // Not dumpable: the kernel gives its files in /proc to root, whoever runs it.
  struct stat s {};
  REQUIRE(::stat((proc + "/mem").c_str(), &s) == 0);
  CHECK(s.st_uid == 0);
}
