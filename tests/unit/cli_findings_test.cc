#include "cli/findings.h"

#include <doctest/doctest.h>

#include <algorithm>

using namespace llmrec;
using namespace llmrec::cli;

namespace {

const std::string kRoot = "-----BEGIN CERTIFICATE-----\nours\n-----END CERTIFICATE-----\n";
const std::string kOther = "-----BEGIN CERTIFICATE-----\nother\n-----END CERTIFICATE-----\n";

struct Rig {
  std::map<std::string, std::string> variables;
  std::map<std::string, std::string> files{{"/b", kOther + kRoot}};
  std::string refused;
  Plan plan{"127.0.0.1:8790", "/b", kRoot, {}};
  World world{[this](const std::string& name) -> std::optional<std::string> {
                const auto at = variables.find(name);
                if (at == variables.end()) return std::nullopt;
                return at->second;
              },
              [this](const std::string& path) -> Result<std::string> {
                const auto at = files.find(path);
                if (at == files.end()) return Error{Code::not_found, "No such file"};
                return at->second;
              },
              [this](const std::string&, std::uint16_t) { return refused; },
              [](const std::string& host, std::uint16_t) { return host.ends_with("openai.com"); }};
  Rig() = default;
  Rig(const Rig&) = delete;

  using Examine = void (*)(const Plan&, const World&, std::vector<Finding>&);
  std::vector<Finding> run(Examine examine) {
    std::vector<Finding> out;
    examine(plan, world, out);
    return out;
  }
};

bool has(const std::vector<Finding>& all, Severity severity, const std::string& part) {
  return std::any_of(all.begin(), all.end(), [&](const Finding& f) {
    return f.severity == severity && f.text.find(part) != std::string::npos;
  });
}

std::size_t bad(const std::vector<Finding>& all) {
  return static_cast<std::size_t>(std::count_if(
      all.begin(), all.end(), [](const Finding& f) { return f.severity == Severity::bad; }));
}

}  // namespace

TEST_CASE("the proxy: set and right") {
  Rig rig;
  rig.variables = {{"HTTPS_PROXY", "http://checkout@localhost:8790/"},
                   {"https_proxy", "127.0.0.1:8790"},
                   {"NODE_USE_ENV_PROXY", "1"}};
  const auto found = rig.run(examine_proxy);
  CHECK(found.size() == 3);
  for (const Finding& f : found) CHECK(f.severity == Severity::good);
}

TEST_CASE("the proxy: every way to be wrong, each with a remedy") {
  Rig rig;
  CHECK(has(rig.run(examine_proxy), Severity::bad, "HTTPS_PROXY is not set"));
  rig.variables = {{"ALL_PROXY", "http://127.0.0.1:8790"}};
  CHECK(has(rig.run(examine_proxy), Severity::bad, "only ALL_PROXY is set"));
  rig.variables = {{"HTTPS_PROXY", "http://127.0.0.1:8791"}};
  CHECK(has(rig.run(examine_proxy), Severity::bad, "leads to 127.0.0.1:8791, not to"));
  CHECK(has(rig.run(examine_proxy), Severity::hint, "https_proxy is not set"));
  CHECK(has(rig.run(examine_proxy), Severity::hint, "NODE_USE_ENV_PROXY"));
  rig.variables = {{"HTTPS_PROXY", "http://proxy.corp:8790"}};
  CHECK(has(rig.run(examine_proxy), Severity::bad, "proxy.corp:8790"));
  rig.variables = {{"HTTPS_PROXY", "https://127.0.0.1:8790"}};
  CHECK(has(rig.run(examine_proxy), Severity::bad, "begins with https://"));
  rig.variables = {{"HTTPS_PROXY", "http://127.0.0.1:port"}};
  CHECK(has(rig.run(examine_proxy), Severity::bad, "no address"));
  rig.refused = "Connection refused";
  const auto dead = rig.run(examine_proxy);
  CHECK(has(dead, Severity::bad, "nothing answers on 127.0.0.1:8790: Connection refused"));
  for (const Finding& f : dead) CHECK((f.severity == Severity::good || !f.remedy.empty()));
}

TEST_CASE("a listener on all addresses is reached by loopback") {
  Rig rig;
  rig.plan.listen = "0.0.0.0:8790";
  rig.variables = {{"HTTPS_PROXY", "http://127.0.0.1:8790"}};
  CHECK(bad(rig.run(examine_proxy)) == 0);
}

TEST_CASE("trust: our CA has to be in the file, and not alone where it replaces the roots") {
  Rig rig;
  CHECK(has(rig.run(examine_trust), Severity::bad, "no variable names our CA"));
  rig.variables = {{"SSL_CERT_FILE", "/b"}};
  CHECK(bad(rig.run(examine_trust)) == 0);
  CHECK(has(rig.run(examine_trust), Severity::good, "SSL_CERT_FILE=/b"));
  CHECK(has(rig.run(examine_trust), Severity::hint, "not set: NODE_EXTRA_CA_CERTS, "));
  rig.variables = {{"SSL_CERT_FILE", "/missing"}};
  CHECK(has(rig.run(examine_trust), Severity::bad, "/missing: No such file"));
  rig.files["/roots"] = kOther;
  rig.variables = {{"CURL_CA_BUNDLE", "/roots"}};
  CHECK(has(rig.run(examine_trust), Severity::bad, "our CA is not in it"));
  rig.files["/ours"] = kRoot;
  rig.variables = {{"REQUESTS_CA_BUNDLE", "/ours"}};
  CHECK(has(rig.run(examine_trust), Severity::bad, "alone in it"));
  rig.variables = {{"NODE_EXTRA_CA_CERTS", "/ours"}};
  CHECK(bad(rig.run(examine_trust)) == 0);
  rig.files["/other"] = kOther + kOther;
  rig.variables = {{"SSL_CERT_FILE", "/other"}};
  rig.plan.root_pem.clear();
  CHECK(bad(rig.run(examine_trust)) == 0);
  CHECK(has(rig.run(examine_trust), Severity::hint, "our CA was not found"));
}

TEST_CASE("hosts: named ones, base URLs, and NO_PROXY") {
  Rig rig;
  CHECK(rig.run(examine_hosts).empty());
  rig.plan.hosts = {"api.openai.com", "llm.corp:8443"};
  rig.variables = {{"ANTHROPIC_BASE_URL", "https://gateway.corp/anthropic"},
                   {"OPENAI_BASE_URL", "http://localhost:8000/v1"}};
  const auto found = rig.run(examine_hosts);
  CHECK(has(found, Severity::good, "api.openai.com is recorded"));
  CHECK(has(found, Severity::bad, "llm.corp is not a recorded host"));
  CHECK(has(found, Severity::bad, "ANTHROPIC_BASE_URL: gateway.corp is not a recorded host"));
  CHECK(has(found, Severity::hint, "OPENAI_BASE_URL: this machine"));
  rig.variables = {{"no_proxy", "localhost,.openai.com"}};
  CHECK(has(rig.run(examine_hosts), Severity::bad, "api.openai.com is kept from the proxy"));
  rig.plan.hosts.clear();
  CHECK(has(rig.run(examine_hosts), Severity::bad, "NO_PROXY keeps api.openai.com"));
}

TEST_CASE("NO_PROXY as clients read it") {
  CHECK(kept_from_proxy("*", "x"));
  CHECK(kept_from_proxy("a, openai.com", "api.openai.com"));
  CHECK(kept_from_proxy(".openai.com", "api.openai.com"));
  CHECK(kept_from_proxy("*.openai.com", "api.openai.com"));
  CHECK(kept_from_proxy("API.openai.com", "api.openai.com"));
  CHECK_FALSE(kept_from_proxy("penai.com", "api.openai.com"));
  CHECK_FALSE(kept_from_proxy(",,", "api.openai.com"));
  CHECK_FALSE(kept_from_proxy("", "api.openai.com"));
}

TEST_CASE("the store, and what its records say") {
  std::vector<Finding> out;
  examine_store(Error{Code::not_found, "there is none"}, 0, "/s", out);
  CHECK(has(out, Severity::bad, "there is none"));
  out.clear();
  store::Stat stat;
  examine_store(stat, 0, "/s", out);
  CHECK(has(out, Severity::bad, "no recorder writes to /s"));
  CHECK(has(out, Severity::hint, "recorded nothing yet"));
  out.clear();
  stat.records = 5;
  stat.losses = {{store::LossReason::map_full, 2, 0, 0}, {store::LossReason::queue_full, 1, 0, 0}};
  examine_store(stat, 77, "/s", out);
  CHECK(has(out, Severity::good, "a recorder writes"));
  CHECK(has(out, Severity::bad, "2 records lost"));
  CHECK(has(out, Severity::hint, "1 record lost"));
  out.clear();
  examine_evidence({}, out);
  CHECK(out.empty());
  Evidence seen;
  seen.untrusting = {{"a", 1}, {"b", 3}};
  seen.h2_only = {{"bedrock", 2}};
  examine_evidence(seen, out);
  CHECK(has(out, Severity::bad, "4 connections refused our certificate, most of them to b"));
  CHECK(has(out, Severity::bad, "2 connections offered only HTTP/2"));
}
