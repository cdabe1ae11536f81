// The program, as others use it: started as a child, talked to with curl.
#include <doctest/doctest.h>
#include <signal.h>

#include <memory>

#include <string>
#include <vector>

#include "support/digest.h"
#include "support/openai_stream.h"
#include "support/process.h"
#include "support/script.h"
#include "support/temp_dir.h"

using namespace llmrec::support;

namespace {

constexpr const char* kUrl = "https://api.openai.com/v1/chat/completions";

class Program {
 public:
  explicit Program(std::vector<std::string> more = {}) {
    std::vector<std::string> argv{LLMREC_FAKE_PROVIDER, "--ca-dir", dir_.file("ca")};
    argv.insert(argv.end(), more.begin(), more.end());
    process_ = std::make_unique<Process>(ProcessOptions{.argv = argv});
    const auto line = process_->wait_for_line(Process::Stream::out, "listening 127.0.0.1:", 20'000);
    REQUIRE(line.has_value());
    line_ = *line;
    port_ = line_.substr(20, line_.find(' ', 20) - 20);
  }

  Finished curl(std::vector<std::string> args) const {
    std::vector<std::string> argv{"curl",
                                  "-q",
                                  "-sS",
                                  "--max-time",
                                  "60",
                                  "--cacert",
                                  dir_.file("ca/ca.pem"),
                                  "--connect-to",
                                  "api.openai.com:443:127.0.0.1:" + port_};
    argv.insert(argv.end(), args.begin(), args.end());
    return run({.argv = argv,
                .unset = {"https_proxy", "HTTPS_PROXY", "http_proxy", "all_proxy", "ALL_PROXY"}},
               60'000);
  }
  Finished fake(const std::string& wish, std::vector<std::string> args = {}) const {
    args.insert(args.end(), {"-H", "x-fake: " + wish, "-d", "{}", kUrl});
    return curl(std::move(args));
  }

  Process& process() { return *process_; }
  const std::string& line() const { return line_; }
  const std::string& port() const { return port_; }
  std::string file(const std::string& name) const { return dir_.file(name); }

 private:
  TempDir dir_;
  std::unique_ptr<Process> process_;
  std::string line_, port_;
};

std::string joined(const openai::EventStream& stream) {
  std::string out;
  for (const auto& event : stream.events) out += event;
  return out;
}

int code(const Finished& done) { return done.status ? done.status->code : -1; }

}  // namespace

TEST_CASE("support fake-provider: curl verifies it, and gets what it asked for") {
  Program program;
  CHECK(program.line() ==
        "listening 127.0.0.1:" + program.port() + " ca " + program.file("ca/ca.pem"));
  const auto stream = program.curl({"-d", openai::request_json({}), kUrl});
  CHECK(code(stream) == 0);
  CHECK(stream.out == joined(openai::text({})));
  openai::Ask ask;
  ask.stream = false;
  CHECK(program.curl({"-d", openai::request_json(ask), kUrl}).out == openai::json({}));

  for (const char* coding : {"gzip", "deflate", "br", "zstd"}) {
    const auto coded = program.fake(std::string("scene=text; coding=") + coding, {"--compressed"});
    CHECK(code(coded) == 0);
    CHECK(coded.out == joined(openai::text({})));
  }
  const auto limited = program.fake("status=429; retry-after=7", {"-D", "-"});
  CHECK(limited.out.starts_with("HTTP/1.1 429 Too Many Requests\r\n"));
  CHECK(limited.out.find("Retry-After: 7\r\n") != std::string::npos);

  program.process().signal(SIGTERM);
  CHECK(program.process().wait(20'000) == ExitStatus{0, 0});
  CHECK(program.process().err() == "");
}

TEST_CASE("support fake-provider: curl's verdict on every cut") {
  const Program program;
  constexpr int kPartial = 18, kReceiveFailed = 56;
  for (const std::string framing : {"chunked", "length", "close"}) {
    for (const std::string cut : {"fin", "rst", "notify"}) {
      CAPTURE(framing);
      CAPTURE(cut);
      const auto done =
          program.fake("scene=text; cut-after-chunks=10; cut=" + cut + "; framing=" + framing);
      auto events = openai::text({});
      events.events.resize(10);
      CHECK(done.out == joined(events));
      // Cut cleanly, a body that is delimited by its close is whole to everybody.
      const int clean = framing == "close" ? 0 : kPartial;
      CHECK(code(done) == (cut == "rst" ? kReceiveFailed : clean));
    }
  }
}

TEST_CASE("support fake-provider: bulk both ways") {
  const Program program;
  const std::uint64_t size = 52'428'800;
  for (const std::string framing : {"chunked", "length", "close"}) {
    const auto down = program.fake("bytes=" + std::to_string(size) + "; framing=" + framing);
    CHECK(code(down) == 0);
    CHECK(sha256_hex(down.out) == bulk_sha256(size));
  }
  std::string content;
  append_bulk(content, 0, size);
  write_file(program.file("up"), content);
  const auto up = program.curl(
      {"-H", "Expect: 100-continue", "--data-binary", "@" + program.file("up"), "-v", kUrl});
  CHECK(code(up) == 0);
  CHECK(up.out == openai::json({}));
  CHECK(up.err.find("HTTP/1.1 100 Continue") != std::string::npos);
}

TEST_CASE("support fake-provider: without TLS, and with a file that says when it is ready") {
  TempDir dir;
  Program program({"--plain", "--ready-file", dir.file("ready")});
  CHECK(program.line() == "listening 127.0.0.1:" + program.port() + " plain");
  const auto done = program.curl({"http://127.0.0.1:" + program.port() + "/v1/models"});
  CHECK(done.out == openai::json({}));
  // The line on stdout comes first, so the file may still be on its way; the end of the program
  // comes after both.
  program.process().signal(SIGTERM);
  CHECK(program.process().wait(20'000) == ExitStatus{0, 0});
  CHECK(read_file(dir.file("ready")) == program.line() + "\n");
}

TEST_CASE("support fake-provider: help names every key, wrong flags are refused") {
  const auto help = run({.argv = {LLMREC_FAKE_PROVIDER, "--help"}});
  CHECK(code(help) == 0);
  for (const char* key : {"scene=",       "chunks=",      "delay-ms=",
                          "usage=",       "done=",        "cut=",
                          "cut-at=",      "cut-in=",      "cut-after-chunks=",
                          "status=",      "retry-after=", "coding=",
                          "framing=",     "bytes=",       "trailers=",
                          "stall-after=", "--ready-file", "--plain",
                          "--host",       "--ca-dir",     "--port"}) {
    CAPTURE(key);
    CHECK(help.out.find(key) != std::string::npos);
  }
  for (const std::vector<std::string>& bad :
       {std::vector<std::string>{"--wat"}, {"--port", "x"}, {"--port"}}) {
    std::vector<std::string> argv{LLMREC_FAKE_PROVIDER};
    argv.insert(argv.end(), bad.begin(), bad.end());
    CHECK(code(run({.argv = argv})) == 2);
  }
}
