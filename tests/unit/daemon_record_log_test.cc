#include "daemon/record_log.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <string>
#include <thread>

#include "base/limits.h"
#include "record/json.h"
#include "record_sample.h"

using namespace llmrec;
using daemon::record_line;
using daemon::RecordLog;

namespace {

struct Pipe {
  Pipe() { REQUIRE(::pipe2(ends, O_CLOEXEC) == 0); }
  ~Pipe() {
    close_reader();
    close_writer();
  }
  void close_reader() {
    if (ends[0] >= 0) ::close(ends[0]);
    ends[0] = -1;
  }
  void close_writer() {
    if (ends[1] >= 0) ::close(ends[1]);
    ends[1] = -1;
  }
  std::string read_to_end() const {
    std::string out;
    char buffer[65536];
    for (ssize_t n = 1; n > 0;) {
      n = ::read(ends[0], buffer, sizeof buffer);
      if (n > 0) out.append(buffer, static_cast<std::size_t>(n));
    }
    return out;
  }
  int ends[2] = {-1, -1};
};

// As large as the limits let a record be, and each character needs six in JSON.
record::Record largest() {
  record::Record r = record::sample::typical();
  const auto text = [](std::size_t n) { return std::string(n, '\x01'); };
  for (std::string* s : {&r.client_request_id, &r.provider_request_id, &r.response_id, &r.trace_id,
                         &r.model, &r.response_model, &r.user_agent}) {
    *s = text(256);
  }
  r.error_detail = text(limits::kRecordErrorDetailMax);
  r.tags.clear();
  for (std::size_t i = 0; i < limits::kFactsMax; ++i) {
    r.tags.emplace_back(std::to_string(i), text(limits::kFactValueMax));
    r.notes.emplace_back(std::to_string(i), text(limits::kFactValueMax));
  }
  r.tool_calls.assign(limits::kToolCallsMax, {0, text(256), text(128), 1, true, false});
  r.finish_reasons.assign(limits::kFinishReasonsMax, text(64));
  r.cut_tool_call = 127;
  return r;
}

}  // namespace

TEST_CASE("record log: a line is the record's JSON, and below what runtimes cut at") {
  const record::Record typical = record::sample::typical();
  CHECK(record_line(typical) == record::to_json(typical) + "\n");
  REQUIRE(record::to_json(largest()).size() > limits::kRecordLineOctets);
  const std::string line = record_line(largest());
  CHECK(line.size() <= limits::kRecordLineOctets);
  CHECK(line.find('\n') == line.size() - 1);
  CHECK(line.find("\"request_id\":\"" + largest().request_id.text()) != std::string::npos);
}

TEST_CASE("record log: every record is a line, in order") {
  Pipe pipe;
  std::string got;
  std::thread reader([&] { got = pipe.read_to_end(); });
  std::string expected;
  {
    RecordLog log(pipe.ends[1]);
    record::Record r = record::sample::typical();
    for (int i = 0; i < 500; ++i) {
      r.chunks_received = static_cast<std::uint64_t>(i);
      expected += record_line(r);
      log.push(r);
    }
    log.stop();
    CHECK(log.written() == 500);
    CHECK(log.dropped() == 0);
    log.push(r);  // too late
    CHECK(log.dropped() == 1);
  }
  pipe.close_writer();
  reader.join();
  CHECK(got == expected);
}

TEST_CASE("record log: an output that takes nothing costs lines, not the caller") {
  Pipe pipe;
  RecordLog log(pipe.ends[1]);
  const record::Record r = record::sample::typical();
  constexpr std::uint64_t kPushed = limits::kRecordLinesQueued + 1000;
  for (std::uint64_t i = 0; i < kPushed; ++i) log.push(r);  // would hang here
  CHECK(log.dropped() > 0);
  log.stop();  // nor does this hang
  CHECK(log.written() + log.dropped() == kPushed);
  CHECK(log.written() > 0);  // what the pipe had room for
  CHECK(log.written() < 1000);
}

TEST_CASE("record log: a reader that has gone is no harm") {
  std::signal(SIGPIPE, SIG_IGN);
  Pipe pipe;
  pipe.close_reader();
  RecordLog log(pipe.ends[1]);
  for (int i = 0; i < 10; ++i) log.push(record::sample::typical());
  log.stop();
  CHECK(log.written() == 0);
  CHECK(log.dropped() == 10);
}
