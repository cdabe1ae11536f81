#include "cli/run.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <variant>

#include "base/limits.h"
#include "cli/app.h"
#include "cli_store.h"
#include "record/json.h"
#include "report/receipt.h"

using namespace llmrec;
using namespace llmrec::cli;

namespace {

using Words = std::vector<std::string>;

Environment environment(std::map<std::string, std::string> variables = {}) {
  Environment out;
  variables.emplace("HOME", "/home/u");
  out.get = [variables](const std::string& name) -> std::optional<std::string> {
    const auto at = variables.find(name);
    return at == variables.end() ? std::nullopt : std::optional(at->second);
  };
  return out;
}

RunOptions parsed(Words words, std::map<std::string, std::string> variables = {}) {
  words.insert(words.begin(), "run");
  const Environment e = environment(std::move(variables));
  const Parsed p = parse(words, e);
  const auto* stop = std::get_if<Stop>(&p);
  REQUIRE_MESSAGE(stop == nullptr, (stop != nullptr ? stop->error : ""));
  return std::get<RunOptions>(p);
}

std::string refused(Words words) {
  words.insert(words.begin(), "run");
  const Environment e = environment();
  const Parsed p = parse(words, e);
  REQUIRE(std::holds_alternative<Stop>(p));
  CHECK(std::get<Stop>(p).exit_status == 2);
  return std::get<Stop>(p).error;
}

std::string value_of(const std::vector<Variable>& all, const std::string& name) {
  for (const Variable& v : all) {
    if (v.name == name) return v.value;
  }
  return "(none)";
}

const std::vector<Listener> kListeners = {{"listen", "127.0.0.1:4000"},
                                          {"reverse", "127.0.0.1:4001"},
                                          {"reverse", "127.0.0.1:4002"},
                                          {"reverse", "127.0.0.1:4003"},
                                          {"reverse", "127.0.0.1:4004"}};

}  // namespace

TEST_CASE("run: where the command begins") {
  const Words ls = {"ls", "-l", "--", "x"};
  CHECK(parsed({"--", "ls", "-l", "--", "x"}).command == ls);
  CHECK(parsed({"ls", "-l", "--", "x"}).command == ls);
  CHECK(parsed({"-q", "--tag", "a=b", "ls", "-l", "--", "x"}).command == ls);
  CHECK(parsed({"--tag=a=b", "ls", "-l", "--", "x"}).serve.tags.size() == 1);
  CHECK(parsed({"--", "--help"}).command == Words{"--help"});
  CHECK(parsed({"x", "--quiet"}).quiet == false);
  CHECK(parsed({"-", "y"}).command == Words{"-", "y"});
  CHECK(parsed({"", "y"}).command == Words{"", "y"});
  CHECK(refused({}).find("say which command to run") != std::string::npos);
  CHECK(refused({"-q"}).find("say which command to run") != std::string::npos);
  CHECK(refused({"--"}).find("say which command to run") != std::string::npos);
  CHECK(refused({"--nonsense", "x"}).find("unknown option --nonsense") != std::string::npos);
  CHECK(refused({"--tag"}).find("needs a value") != std::string::npos);
}

TEST_CASE("run: the recorder is its own, whatever the surroundings say") {
  const RunOptions o = parsed({"x"}, {{"LLMREC_LISTEN", "0.0.0.0:8790"},
                                      {"LLMREC_CA_DIR", "/llmrec/ca"},
                                      {"LLMREC_ADMIN", "127.0.0.1:8791"},
                                      {"LLMREC_TRANSPARENT", "127.0.0.1:1"},
                                      {"LLMREC_RECORD", "vllm:8000"}});
  CHECK(o.serve.listen == "127.0.0.1:0");
  CHECK(o.serve.ca_dir == "none");
  CHECK(o.serve.admin.empty());
  CHECK(o.serve.transparent.empty());
  CHECK(o.serve.record == Words{"vllm:8000"});
  CHECK(o.serve.log_level == LogLevel::warn);
  CHECK(o.serve.drain_ns == limits::kRunDrainNs);
  CHECK(o.serve.store == "/home/u/.local/state/llmrec");
  CHECK(o.default_store);
  CHECK_FALSE(parsed({"--store", "/s", "x"}).default_store);
  CHECK(parsed({"x"}, {{"LLMREC_STORE", "/s"}}).default_store);
  CHECK(parsed({"x"}, {{"HOME", ""}}).serve.store.empty());
  CHECK(parsed({"--base-urls", "--reverse", "127.0.0.1:1=http://a", "x"}).serve.reverse.size() ==
        4);
  CHECK_FALSE(refused({"--listen", "127.0.0.1:1", "x"}).empty());
}

TEST_CASE("run: what the command is told") {
  RunOptions o;
  const auto nothing = environment().get;
  auto v = run_variables(o, kListeners, "/b", nothing);
  CHECK(value_of(v, "HTTPS_PROXY") == "http://127.0.0.1:4000");
  CHECK(value_of(v, "https_proxy") == "http://127.0.0.1:4000");
  CHECK(value_of(v, "HTTP_PROXY") == "(none)");
  CHECK(value_of(v, "SSL_CERT_FILE") == "/b");
  CHECK(value_of(v, "NODE_USE_ENV_PROXY") == "1");
  CHECK(value_of(v, "OPENAI_BASE_URL") == "(none)");

  o.serve.record = {"localhost:8000=openai.chat", "[::1]:1"};
  v = run_variables(o, kListeners, "/b", environment({{"no_proxy", "a.test,localhost"}}).get);
  CHECK(value_of(v, "HTTP_PROXY") == "http://127.0.0.1:4000");
  CHECK(value_of(v, "http_proxy") == "http://127.0.0.1:4000");
  CHECK(value_of(v, "NO_PROXY") == "a.test,127.0.0.1,169.254.169.254,.svc,.cluster.local");
  CHECK(value_of(v, "no_proxy") == value_of(v, "NO_PROXY"));

  o.base_urls = true;
  v = run_variables(o, kListeners, "/b", environment({{"ANTHROPIC_BASE_URL", "http://mine"}}).get);
  CHECK(value_of(v, "OPENAI_BASE_URL") == "http://127.0.0.1:4002/v1");
  CHECK(value_of(v, "ANTHROPIC_BASE_URL") == "(none)");
  CHECK(value_of(v, "GOOGLE_GEMINI_BASE_URL") == "http://127.0.0.1:4004");
}

TEST_CASE("run: what was trusted before") {
  CHECK(named_bundles(environment().get).empty());
  CHECK(named_bundles(environment({{"SSL_CERT_FILE", "/system"},
                                   {"REQUESTS_CA_BUNDLE", "/corp"},
                                   {"CURL_CA_BUNDLE", "/corp"},
                                   {"DENO_CERT", "/system"},
                                   {"NODE_EXTRA_CA_CERTS", "/more"}})
                          .get) == Words{"/more", "/corp"});
}

TEST_CASE("run: listeners by the lines of the ready file") {
  const auto l = listeners_of("listen 127.0.0.1:1\nreverse [::1]:2\n\nodd\n");
  REQUIRE(l.size() == 2);
  CHECK(l[1].door == "reverse");
  CHECK(l[1].address == "[::1]:2");
}

TEST_CASE("run: receipts of what is younger") {
  const StoreFixture fixture;
  const auto from = store::Store::open_reader(fixture.dir());
  REQUIRE(from);
  RunOptions o;
  o.serve.store = fixture.dir();
  o.view.utc = true;
  Captured all;
  const auto printed = print_receipts(o, *from, {}, all.streams);
  REQUIRE(printed);
  CHECK(all.out.str().empty());
  CHECK(all.err.str().find(std::to_string(*printed) + " calls: ") != std::string::npos);
  CHECK(all.err.str().find("--store " + fixture.dir()) != std::string::npos);
  std::size_t finals = 0;
  RecordId before_last;
  RecordId last;
  for (const record::Record& r : fixture.records) {
    if (r.status == record::Status::open) continue;
    ++finals;
    before_last = last;
    last = r.request_id;
    const bool named = all.err.str().find(r.request_id.text()) != std::string::npos;
    if (r.status != record::Status::ok) CHECK(named);
  }
  CHECK(*printed == finals);

  Captured one;
  CHECK(*print_receipts(o, *from, before_last, one.streams) == 1);
  Captured receipt;
  const auto newest = std::find_if(fixture.records.begin(), fixture.records.end(),
                                   [&last](const auto& r) { return r.request_id == last; });
  print(report::receipt(*newest, style_of(o.view, receipt.streams)), false, receipt.streams.out);
  CHECK(one.err.str() == receipt.out.str());

  o.json = true;
  Captured json;
  CHECK(*print_receipts(o, *from, before_last, json.streams) == 1);
  CHECK(json.err.str() == record::to_json(*newest) + "\n");
  Captured none;
  CHECK(*print_receipts(o, *from, last, none.streams) == 0);
  CHECK(none.err.str().empty());
}
