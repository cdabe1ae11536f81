// `llmrec run`: a command with a recorder of its own, as a person types it.
#include <doctest/doctest.h>

#include <fcntl.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "record/codec.h"
#include "rig.h"
#include "store/store.h"

using namespace llmrec;
using namespace llmrec::integration;

namespace {

constexpr ExitStatus kFine{0, 0};

struct Place {
  TempDir dir;
  TestCa ca{dir.path()};
  FakeProvider provider;

  explicit Place(Script script) : provider(options(ca, std::move(script))) {
    std::filesystem::create_directory(temp());
  }

  static ProviderOptions options(const TestCa& ca, Script script) {
    ProviderOptions out = provider_with(ca);
    out.handler = [script = std::move(script)](const Request&) { return script; };
    return out;
  }
  std::string store() const { return (dir.path() / "store").string(); }
  std::string temp() const { return (dir.path() / "tmp").string(); }

  ProcessOptions process(std::vector<std::string> flags, std::vector<std::string> command) const {
    std::vector<std::string> arguments = {"run", "--upstream-ca", ca.file(), "--connect-to",
                                          connect_to(provider.port())};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    arguments.push_back("--");
    arguments.insert(arguments.end(), command.begin(), command.end());
    ProcessOptions out = program_options(std::move(arguments));
    for (const char* name :
         {"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy",
          "NO_PROXY", "no_proxy", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS",
          "AWS_CA_BUNDLE", "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", "DENO_CERT", "OPENAI_BASE_URL",
          "ANTHROPIC_BASE_URL", "GOOGLE_GEMINI_BASE_URL"}) {
      out.unset.push_back(name);
    }
    out.env = {{"TMPDIR", temp()}, {"LLMREC_STORE", store()}, {"TZ", "UTC"}};
    return out;
  }
  Finished run(std::vector<std::string> flags, std::vector<std::string> command) const {
    return support::run(process(std::move(flags), std::move(command)), kPatienceMs);
  }
  std::vector<record::Record> records() const {
    std::vector<record::Record> out;
    auto from = store::Store::open_reader(store());
    REQUIRE(from);
    REQUIRE(from->scan({}, [&out](const RecordId&, Bytes blob) {
      out.push_back(*record::decode(blob));
      return true;
    }));
    return out;
  }
  // Nothing of ours stays behind.
  bool clean() const { return std::filesystem::is_empty(temp()); }
};

const std::string kUrl = "https://" + kHost + "/v1/chat/completions";

std::vector<std::string> curl(const std::string& body = R"({"model":"gpt-fake-1","stream":true})") {
  return {
      "curl", "-q", "-sS", "-N", "--http1.1", "-d", body, "-H", "Content-Type: application/json",
      kUrl};
}

bool has_curl() {
  try {
    return support::run({.argv = {"curl", "--version"}}).status == ExitStatus{0, 0};
  } catch (const std::exception&) {
    return false;
  }
}

Answer answer() { return events(openai::text(words(5)).events); }

}  // namespace

TEST_CASE("integration run: one call, its receipt, and the command's own output") {
  if (!has_curl()) {
    MESSAGE("skipped: there is no curl here");
    return;
  }
  const Place place(play(answer()));
  const Finished done = place.run({}, curl());
  CHECK_MESSAGE(done.status == kFine, done.err);
  CHECK(done.out == coded_body(answer()));
  const auto records = place.records();
  REQUIRE(records.size() == 1);
  CHECK(records[0].status == record::Status::ok);
  CHECK(records[0].host == kHost);
  CHECK(done.err.find(records[0].request_id.text()) != std::string::npos);
  CHECK(done.err.find("gpt-fake-1") != std::string::npos);
  CHECK(done.err.find('\x1b') == std::string::npos);
  CHECK(place.clean());

  // A second run shows its own call alone.
  const Finished again = place.run({"--json"}, curl());
  CHECK(std::count(again.err.begin(), again.err.end(), '\n') == 1);
  CHECK(again.err.find(place.records().back().request_id.text()) == std::string::npos);
  CHECK(again.err.find(place.records().front().request_id.text()) != std::string::npos);
  const Finished quiet = place.run({"--quiet"}, curl());
  CHECK(quiet.err.empty());
  CHECK(place.records().size() == 3);
}

TEST_CASE("integration run: several calls, a line for each") {
  if (!has_curl()) {
    MESSAGE("skipped: there is no curl here");
    return;
  }
  const Reply whole = build(answer());
  const Place place(cut_at(whole.script, whole.piece_ends[3], How::rst));
  auto command = curl();
  command.insert(command.end(), {"--next", "-q", "-sS", "-N", "--http1.1", "-d", "{}", kUrl});
  const Finished done = place.run({"--tag", "test=several"}, command);
  CHECK(done.status != ExitStatus{0, 0});
  CHECK(done.err.find("2 calls: 2 failed") != std::string::npos);
  for (const record::Record& r : place.records()) {
    CHECK(done.err.find(r.request_id.text()) != std::string::npos);
    CHECK(r.tags == record::Facts{{"test", "several"}});
  }
}

TEST_CASE("integration run: Python's requests") {
  const Place place(play(json(openai::json(words(5)))));
  const std::string code =
      "import requests; r = requests.post('" + kUrl +
      "', json={'model': 'gpt-fake-1'}); r.raise_for_status(); print(r.json()['object'])";
  for (const char* python : {"python3", "/usr/bin/python3"}) {
    const Finished has = support::run({.argv = {python, "-c", "import requests"}});
    if (has.status != ExitStatus{0, 0}) continue;
    const Finished done = place.run({}, {python, "-c", code});
    CHECK_MESSAGE(done.status == kFine, done.err);
    CHECK(done.out == "chat.completion\n");
    CHECK(place.records().size() == 1);
    return;
  }
  MESSAGE("skipped: there is no requests here");
}

TEST_CASE("integration run: exit statuses") {
  const Place place(play(json("{}")));
  CHECK(place.run({}, {"sh", "-c", "exit 7"}).status == ExitStatus{7, 0});
  CHECK(place.run({}, {"sh", "-c", "kill -TERM $$"}).status == ExitStatus{128 + SIGTERM, 0});
  const Finished missing = place.run({}, {"/does/not/exist"});
  CHECK(missing.status == ExitStatus{127, 0});
  CHECK(missing.err == "llmrec: cannot run /does/not/exist: No such file or directory\n");
  const Finished directory = place.run({}, {"/"});
  CHECK(directory.status == ExitStatus{126, 0});
  CHECK(directory.err == "llmrec: cannot run /: Permission denied\n");
  const Finished none = place.run({}, {"true"});
  CHECK(none.status == ExitStatus{0, 0});
  CHECK(none.err.find("no call to a recorded host came by") != std::string::npos);
  CHECK(place.run({}, {}).status == ExitStatus{2, 0});
  CHECK(place.run({"--client-cert", "nonsense"}, {"true"}).status == ExitStatus{2, 0});
  CHECK(place.run({"--store", "/proc/nowhere"}, {"true"}).status == ExitStatus{3, 0});
  CHECK(place.clean());
}

TEST_CASE("integration run: input, output and what the command is told") {
  const Place place(play(json("{}")));
  ProcessOptions options =
      place.process({"--record", "models.test:8000", "--base-urls"},
                    {"sh", "-c",
                     "cat; echo \"$HTTPS_PROXY|$https_proxy|$HTTP_PROXY|$NO_PROXY|$OPENAI_BASE_URL|"
                     "$ANTHROPIC_BASE_URL\"; grep -c BEGIN \"$REQUESTS_CA_BUNDLE\"; ulimit -c; "
                     "grep -E 'NoNewPrivs|SigIgn|SigBlk' /proc/self/status"});
  options.stdin_text = "from stdin\n";
  options.env["NO_PROXY"] = "corp.test,models.test";
  options.env["ANTHROPIC_BASE_URL"] = "http://mine";
  write_file((place.dir.path() / "extra.pem").string(), place.ca.pem());
  options.env["REQUESTS_CA_BUNDLE"] = (place.dir.path() / "extra.pem").string();
  const Finished done = support::run(options, kPatienceMs);
  CHECK_MESSAGE(done.status == kFine, done.err);
  CHECK(done.out.starts_with("from stdin\nhttp://127.0.0.1:"));
  const std::string line = done.out.substr(11, done.out.find('\n', 11) - 11);
  std::vector<std::string> parts(1);
  for (const char c : line) {
    if (c == '|') {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  REQUIRE(parts.size() == 6);
  CHECK(parts[0] == parts[1]);
  CHECK(parts[0] == parts[2]);
  CHECK(parts[3].starts_with("corp.test,localhost,"));
  CHECK(parts[3].find("models.test") == std::string::npos);
  CHECK(parts[4].starts_with("http://127.0.0.1:"));
  CHECK(parts[4].ends_with("/v1"));
  CHECK(parts[4].find(parts[0]) == std::string::npos);
  CHECK(parts[5] == "http://mine");
  // Nothing that the recorder does to its own process has reached the command.
  CHECK(done.out.find("NoNewPrivs:\t0") != std::string::npos);
  const auto ignored = done.out.find("SigIgn:\t");
  REQUIRE(ignored != std::string::npos);
  CHECK(done.out.substr(ignored + 8 + 9, 7) == "0000000");  // above are posix_spawn()'s own
  CHECK(done.out.find("SigBlk:\t0000000000000000") != std::string::npos);
}

TEST_CASE("integration run: a client that uses no proxy, by its base URL") {
  if (!has_curl()) {
    MESSAGE("skipped: there is no curl here");
    return;
  }
  const Place place(play(json(openai::json(words(3)))));
  const Finished done = place.run(
      {"--base-urls"}, {"sh", "-c",
                        "unset HTTPS_PROXY https_proxy; exec curl -q -sS -d '{\"model\":\"m\"}' "
                        "\"$OPENAI_BASE_URL/chat/completions\""});
  CHECK_MESSAGE(done.status == kFine, done.err);
  const auto records = place.records();
  REQUIRE(records.size() == 1);
  CHECK(records[0].mode == record::Mode::reverse);
  CHECK(records[0].provider == "openai");
}

TEST_CASE("integration run: the store is another recorder's") {
  if (!has_curl()) {
    MESSAGE("skipped: there is no curl here");
    return;
  }
  const Place place(play(answer()));
  TempDir home;
  Recorder other({.home = home.path()});
  ProcessOptions options = place.process({}, curl());
  options.env["LLMREC_STORE"] = other.store();
  const Finished done = support::run(options, kPatienceMs);
  CHECK_MESSAGE(done.status == kFine, done.err);
  CHECK(done.err.find("the records of this run go to " + place.temp()) != std::string::npos);
  CHECK(done.err.find("req_") != std::string::npos);
  CHECK_FALSE(place.clean());  // they stay
  CHECK(other.records().empty());
  // Who names a store means it.
  const Finished refused = place.run({"--store", other.store()}, {"true"});
  CHECK(refused.status == ExitStatus{3, 0});
}

TEST_CASE("integration run: signals that are sent to it reach the command") {
  const Place place(play(json("{}")));
  Process process(place.process(
      {"-q"}, {"sh", "-c", "trap 'echo got; exit 9' USR1; echo up; while :; do sleep 0.05; done"}));
  REQUIRE(process.wait_for_line(Process::Stream::out, "up", kPatienceMs));
  process.signal(SIGUSR1);
  const auto status = process.wait(kPatienceMs);
  CHECK(status == ExitStatus{9, 0});
  CHECK(process.out() == "up\ngot\n");

  Process cut(place.process({"-q"}, {"sh", "-c", "echo up; exec sleep 60"}));
  REQUIRE(cut.wait_for_line(Process::Stream::out, "up", kPatienceMs));
  cut.signal(SIGTERM);
  CHECK(cut.wait(kPatienceMs) == ExitStatus{128 + SIGTERM, 0});
  CHECK(place.clean());
}

TEST_CASE("integration run: a recorder whose parent was killed ends too") {
  const Place place(play(json("{}")));
  Process process(place.process({"-q"}, {"sh", "-c", "echo \"$HTTPS_PROXY\"; exec sleep 60"}));
  const auto line = process.wait_for_line(Process::Stream::out, "http://127.0.0.1:", kPatienceMs);
  REQUIRE(line);
  const auto port = static_cast<std::uint16_t>(std::stoi(line->substr(line->rfind(':') + 1)));
  process.signal(SIGKILL);
  CHECK(eventually([port] {
    TlsClient client({.port = port, .timeout_ms = 1'000});
    return !client.connect().has_value();
  }));
}

namespace {

// On a terminal of its own, as the leader of a session.
struct Terminal {
  int fd = -1;
  pid_t pid = -1;
  std::string seen;

  explicit Terminal(ProcessOptions options) {
    std::vector<char*> argv;
    for (std::string& a : options.argv) argv.push_back(a.data());
    argv.push_back(nullptr);
    pid = ::forkpty(&fd, nullptr, nullptr, nullptr);
    REQUIRE(pid >= 0);
    if (pid == 0) {
      for (const auto& name : options.unset) ::unsetenv(name.c_str());
      for (const auto& [name, value] : options.env) ::setenv(name.c_str(), value.c_str(), 1);
      ::execv(argv[0], argv.data());
      ::_exit(99);
    }
    ::fcntl(fd, F_SETFL, O_NONBLOCK);
  }
  ~Terminal() {
    if (pid > 0) {
      ::kill(pid, SIGKILL);
      ::waitpid(pid, nullptr, 0);
    }
    ::close(fd);
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  void look() {
    char piece[4096];
    for (ssize_t n = 0; (n = ::read(fd, piece, sizeof piece)) > 0;) {
      seen.append(piece, static_cast<std::size_t>(n));
    }
  }
  bool wait_for(const std::string& text) {
    return eventually([&] {
      look();
      return seen.find(text) != std::string::npos;
    });
  }
  int wait() {
    int raw = -1;
    const bool over = eventually([&] {
      look();
      return ::waitpid(pid, &raw, WNOHANG) == pid;
    });
    if (over) pid = -1;
    return raw;
  }
};

}  // namespace

TEST_CASE("integration run: Ctrl-C is the command's, and comes once") {
  const Place place(play(json("{}")));
  Terminal terminal(place.process(
      {"-q"}, {"sh", "-c",
               "trap 'n=$((n+1)); echo got $n' INT; echo up; while [ \"$n\" != 2 ]; do sleep 0.05; "
               "done; sleep 0.2; exit 5"}));
  REQUIRE(terminal.wait_for("up"));
  REQUIRE(::write(terminal.fd, "\x03", 1) == 1);
  REQUIRE(terminal.wait_for("got 1"));
  REQUIRE(::write(terminal.fd, "\x03", 1) == 1);
  REQUIRE(terminal.wait_for("got 2"));
  const int raw = terminal.wait();
  REQUIRE(WIFEXITED(raw));
  CHECK(WEXITSTATUS(raw) == 5);
  CHECK(terminal.seen.find("got 3") == std::string::npos);
}

TEST_CASE("integration run: receipts on a terminal have colour") {
  if (!has_curl()) {
    MESSAGE("skipped: there is no curl here");
    return;
  }
  const Place place(play(answer()));
  ProcessOptions options = place.process({}, curl());
  options.env["TERM"] = "xterm";
  Terminal terminal(options);
  const int raw = terminal.wait();
  terminal.look();
  REQUIRE(WIFEXITED(raw));
  CHECK(WEXITSTATUS(raw) == 0);
  CHECK(terminal.seen.find("\x1b[") != std::string::npos);
}
