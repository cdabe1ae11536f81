// The dashboard in a real browser: what it shows is what /stats.json says, nothing is complained of
// on its console, and its policy stops nothing of its own. Skipped where there is no Chromium.
#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <regex>
#include <string>
#include <vector>

#include "rig.h"

using namespace llmrec;
using namespace llmrec::integration;

namespace {

constexpr int kSkipped = 77;
constexpr std::int64_t kBrowserMs = 120'000;

std::string find_browser() {
  for (const char* name : {"chromium", "chromium-browser", "google-chrome"}) {
    ProcessOptions options;
    options.argv = {"sh", "-c", std::string("command -v ") + name};
    const Finished found = run(options, kPatienceMs);
    if (found.status == ExitStatus{0, 0}) return name;
  }
  return {};
}

struct Shown {
  std::string html;
  std::string console;
};

Shown browse(const std::string& browser, const Rig& rig, const std::string& url) {
  ProcessOptions options;
  options.argv = {browser,
                  "--headless=new",
                  "--no-sandbox",
                  "--disable-gpu",
                  "--no-proxy-server",
                  "--user-data-dir=" + rig.dir().file("browser"),
                  "--enable-logging=stderr",
                  "--virtual-time-budget=4000",
                  "--dump-dom",
                  url};
  const Finished done = run(options, kBrowserMs);
  REQUIRE(done.status == ExitStatus{0, 0});
  Shown shown{done.out.substr(0, done.out.find("<script")), {}};
  CHECK(shown.html.find("[object") == std::string::npos);
  CHECK(shown.html.find("undefined") == std::string::npos);
  CHECK(shown.html.find("NaN") == std::string::npos);
  std::istringstream lines(done.err);
  for (std::string line; std::getline(lines, line);) {
    if (line.find("CONSOLE") != std::string::npos) shown.console += line + '\n';
  }
  return shown;
}

// What a person reads at a figure; "" where it is not shown.
std::string figure(const Shown& shown, const std::string& name) {
  const std::regex pattern("data-figure=\"" + name + "\">([^<]*)<");
  std::smatch found;
  return std::regex_search(shown.html, found, pattern) ? found[1].str() : "";
}

// The first member of that name, as JSON has it.
std::string member(const std::string& json, const std::string& name) {
  const std::regex pattern("\"" + name + "\":([0-9.]+)");
  std::smatch found;
  return std::regex_search(json, found, pattern) ? found[1].str() : "";
}

std::string percent(const std::string& share) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f\xe2\x80\x89%%", std::strtod(share.c_str(), nullptr) * 100);
  return text;
}

}  // namespace

TEST_CASE("integration dashboard: shows what /stats.json says") {
  const std::string browser = find_browser();
  if (browser.empty()) {
    std::puts("skipped: there is no Chromium here");
    std::fflush(stdout);
    std::_Exit(kSkipped);
  }
  const Script whole = play(events(openai::text(words(6)).events));
  Script playing = whole;
  RigOptions options = answering([&playing](const Request&) { return playing; });
  options.flags = {"--admin", "127.0.0.1:0"};
  Rig rig(std::move(options));
  const std::string root =
      "http://127.0.0.1:" + std::to_string(rig.recorder().port_of("admin")) + "/";

  SUBCASE("nothing yet: what to do") {
    const Shown shown = browse(browser, rig, root);
    CHECK(shown.console.empty());
    CHECK(shown.html.find("No call in the last 24 hours.") != std::string::npos);
    CHECK(shown.html.find("HTTPS_PROXY=http://127.0.0.1:" +
                          std::to_string(rig.recorder().port())) != std::string::npos);
    return;
  }
  const auto call = [&rig](Script answer, Script& play_this) {
    play_this = std::move(answer);
    TlsClient client = rig.connect();
    REQUIRE(client.send(chat({{"x-request-id", "<img src=x onerror=alert(1)>"}})));
    client.half_close();
    client.read_to_end();
  };
  SUBCASE("calls that all went well") {
    for (int i = 0; i < 2; ++i) call(whole, playing);
    rig.recorder().wait_for_records(2);
    const Shown shown = browse(browser, rig, root);
    CHECK(shown.console == "");
    CHECK(figure(shown, "calls") == "2");
    CHECK(shown.html.find("None of ") != std::string::npos);
    CHECK(shown.html.find("Newest failures") == std::string::npos);
  }
  SUBCASE("calls that went well and calls that did not") {
    for (int i = 0; i < 5; ++i) call(whole, playing);
    for (int i = 0; i < 2; ++i) call(cut_at(whole, bytes_sent_by(whole) / 2, How::rst), playing);
    call(play(json(R"({"error":{"type":"rate_limit_error"}})", 429)), playing);
    const auto records = rig.recorder().wait_for_records(8);

    TlsClient client = Rig::connect_to_port(rig.recorder().port_of("admin"));
    REQUIRE(client.send("GET /stats.json?since=1h HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    const std::string stats = answers(client.read_to_end(), {"GET"}).at(0).body;
    REQUIRE(member(stats, "calls") == "8");
    REQUIRE(member(stats, "failed") == "3");

    const Shown shown = browse(browser, rig, root + "#1h");
    CHECK(shown.console == "");
    for (const char* name : {"calls", "failed", "interrupted", "aborted", "usage_missing",
                             "request_rejected", "after_first_token", "rate_limit"}) {
      CAPTURE(std::string(name));
      CHECK(figure(shown, name) == member(stats, name));
    }
    CHECK(figure(shown, "failure_rate") == percent(member(stats, "failure_rate")));
    CHECK(figure(shown, "after_first_token_total") == "2");
    CHECK(figure(shown, "before_first_token_total") == "1");
    CHECK(!figure(shown, "ttft_p50").empty());
    for (const record::Record& r : records) {
      const bool listed = shown.html.find("/records/" + r.request_id.text()) != std::string::npos;
      CHECK(listed == (r.status != record::Status::ok));
    }
    const Shown receipt = browse(browser, rig, root + "records/" + records[5].request_id.text());
    CHECK(receipt.console == "");
    CHECK(receipt.html.find("<h1>The upstream reset the connection") != std::string::npos);
    CHECK(receipt.html.find("<img") == std::string::npos);
  }
}
