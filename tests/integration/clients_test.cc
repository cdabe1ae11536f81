// Real clients: curl, and Python's requests and httpx. Each is run past the recorder and through
// it, and has to come to the same end: the same octets, the same exit status, the same exception.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "rig.h"

using namespace llmrec;
using namespace llmrec::integration;

namespace {

struct Scene {
  std::string name;
  Script script;
  record::Status status;
};

// What a provider may do to a client: fine, rejected, and cut in every way.
std::vector<Scene> scenes(bool streaming) {
  Answer answer =
      streaming ? events(openai::text(words(20)).events) : json(openai::json(words(20)));
  const Reply whole = build(answer);
  const std::uint64_t half =
      whole.head_bytes + (bytes_sent_by(whole.script) - whole.head_bytes) / 2;
  answer.framing = Framing::close;
  Script closing = play(answer);
  closing.pop_back();  // its own end
  const std::uint64_t closing_size = bytes_sent_by(closing);
  using record::Status;
  std::vector<Scene> out = {
      {"whole", whole.script, Status::ok},
      {"rejected", play(json(openai::error_json(429), 429)), Status::failed},
      {"whole, ended by the close", cut_at(closing, closing_size, How::close_notify), Status::ok},
      {"cut, no framing, FIN", cut_at(closing, closing_size * 2 / 3, How::fin), Status::failed},
      {"no head, FIN", cut_at(whole.script, 0, How::fin), Status::failed},
      {"no head, RST", cut_at(whole.script, 0, How::rst), Status::failed},
      {"half a head, RST", cut_at(whole.script, whole.head_bytes / 2, How::rst), Status::failed},
  };
  const std::pair<const char*, How> ends[] = {
      {"FIN", How::fin}, {"RST", How::rst}, {"close_notify", How::close_notify}};
  for (const auto& [name, how] : ends) {
    out.push_back({std::string("cut, ") + name, cut_at(whole.script, half, how), Status::failed});
  }
  return out;
}

// Environment of a client that is to use the recorder, or must not see any proxy.
ProcessOptions client_process(std::vector<std::string> argv) {
  ProcessOptions options;
  options.argv = std::move(argv);
  options.unset = {"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY",
                   "all_proxy",   "NO_PROXY",    "no_proxy",   "CURL_HOME",  "CURL_CA_BUNDLE"};
  return options;
}

bool runs(const std::vector<std::string>& argv) {
  try {
    return run(client_process(argv)).status == ExitStatus{0, 0};
  } catch (const std::exception&) {
    return false;  // not installed
  }
}

// Plays the scene that the header X-Scene numbers.
struct Players {
  std::vector<Scene> playing;
  Rig rig{answering([this](const Request& r) {
    return playing.at(std::stoul("0" + r.header("x-scene"))).script;
  })};
  std::size_t records = 0;

  explicit Players(std::vector<Scene> scenes_) : playing(std::move(scenes_)) {}

  std::string proxy() { return "http://127.0.0.1:" + std::to_string(rig.recorder().port()); }
  std::string port() { return std::to_string(rig.provider().port()); }

  // Of a run through all scenes.
  void check_records() {
    records += playing.size();
    const auto all = rig.recorder().wait_for_records(records);
    for (std::size_t i = 0; i < playing.size(); ++i) {
      CAPTURE(playing[i].name);
      CHECK(all[records - playing.size() + i].status == playing[i].status);
    }
  }
};

std::vector<std::string> lines(const std::string& text) {
  std::vector<std::string> out;
  for (std::size_t at = 0, end = 0; at < text.size(); at = end + 1) {
    end = std::min(text.find('\n', at), text.size());
    out.push_back(text.substr(at, end - at));
  }
  return out;
}

}  // namespace

TEST_CASE("integration clients: curl") {
  if (!runs({"curl", "--version"})) {
    MESSAGE("skipped: there is no curl here");
    return;
  }
  for (const bool streaming : {true, false}) {
    CAPTURE(streaming);
    Players players(scenes(streaming));
    const auto curl = [&](std::size_t number, std::vector<std::string> more) {
      std::vector<std::string> argv = {
          "curl",       "-q", "-sS", "-N", "-i", "--http1.1", "--suppress-connect-headers",
          "--max-time", "20"};
      argv.insert(argv.end(), more.begin(), more.end());
      argv.insert(
          argv.end(),
          {"-H", "Content-Type: application/json", "-H", "X-Scene: " + std::to_string(number), "-d",
           streaming ? R"({"model":"gpt-fake-1","stream":true})" : R"({"model":"gpt-fake-1"})",
           "https://" + kHost + "/v1/chat/completions"});
      return run(client_process(std::move(argv)));
    };
    for (std::size_t i = 0; i < players.playing.size(); ++i) {
      CAPTURE(players.playing[i].name);
      const Finished past = curl(i, {"--cacert", players.rig.ca().file(), "--connect-to",
                                     kAuthority + ":127.0.0.1:" + players.port()});
      const Finished through =
          curl(i, {"--cacert", players.rig.recorder().bundle(), "--proxy", players.proxy()});
      CHECK(through.status == past.status);
      CHECK(through.out == past.out);
      CHECK(through.err == past.err);
    }
    players.check_records();
  }
}

TEST_CASE("integration clients: a 5 MiB upload with curl") {
  if (!runs({"curl", "--version"})) {
    MESSAGE("skipped: there is no curl here");
    return;
  }
  constexpr std::size_t kUpload = 5u << 20;
  Players players({{"upload", play(json("{}")), record::Status::ok}});
  std::string body;
  append_bulk(body, 0, kUpload);
  write_file(players.rig.dir().file("upload"), body);
  const Finished done = run(
      client_process({"curl", "-q", "-sS", "--http1.1", "--cacert", players.rig.recorder().bundle(),
                      "--proxy", players.proxy(), "-H", "Expect: 100-continue", "--data-binary",
                      "@" + players.rig.dir().file("upload"), "https://" + kHost + "/v1/files"}));
  CHECK(done.status == ExitStatus{0, 0});
  CHECK(done.out == "{}");
  const ConnectionLog log = players.rig.finished();
  CHECK(log.requests.at(0).body_sha256 == bulk_sha256(kUpload));
}

TEST_CASE("integration clients: curl to a recorded address instead of a name") {
  if (!runs({"curl", "--version"})) {
    MESSAGE("skipped: there is no curl here");
    return;
  }
  RigOptions options = answering(play(json("{}")));
  options.flags = {"--record", "127.0.0.1"};
  Rig rig(std::move(options));
  const Finished done =
      run(client_process({"curl", "-q", "-sS", "--http1.1", "--cacert", rig.recorder().bundle(),
                          "--proxy", "http://127.0.0.1:" + std::to_string(rig.recorder().port()),
                          "https://127.0.0.1:" + std::to_string(rig.provider().port()) + "/v1"}));
  CHECK_MESSAGE(done.out == "{}", done.err);
  const record::Record r = rig.recorder().only_record();
  CHECK(r.status == record::Status::ok);
  CHECK(r.host == "127.0.0.1");
}

namespace {

// The one that has the library: the system's own may not be the first in PATH.
std::string python_with(const std::string& library) {
  for (const char* python : {"python3", "/usr/bin/python3"}) {
    if (runs({python, "-c", "import " + library})) return python;
  }
  return {};
}

void check_python(const std::string& library) {
  const char* script = LLMREC_HTTP_CLIENT;
  const std::string interpreter = python_with(library);
  if (interpreter.empty()) {
    MESSAGE("skipped: python3 has no ", library, " here");
    return;
  }
  for (const bool streaming : {true, false}) {
    CAPTURE(library);
    CAPTURE(streaming);
    Players players(scenes(streaming));
    const auto python = [&](const std::string& where, const std::string& bundle) {
      ProcessOptions options =
          client_process({interpreter, script, library, streaming ? "stream" : "whole", where,
                          std::to_string(players.playing.size())});
      options.env = {{"REQUESTS_CA_BUNDLE", bundle}, {"SSL_CERT_FILE", bundle}};
      if (where == "proxy") options.env["HTTPS_PROXY"] = players.proxy();
      const Finished done = run(options, 60'000);
      CHECK_MESSAGE(done.err.empty(), done.err);
      return lines(done.out);
    };
    const auto past = python(players.port(), players.rig.ca().file());
    const auto through = python("proxy", players.rig.recorder().bundle());
    REQUIRE(past.size() == players.playing.size());
    REQUIRE(through.size() == players.playing.size());
    for (std::size_t i = 0; i < past.size(); ++i) {
      CAPTURE(players.playing[i].name);
      CHECK(through[i] == past[i]);
    }
    players.check_records();
  }
}

}  // namespace

TEST_CASE("integration clients: Python requests") { check_python("requests"); }

TEST_CASE("integration clients: Python httpx") { check_python("httpx"); }
