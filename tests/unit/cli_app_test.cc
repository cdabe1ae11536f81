#include "cli/app.h"

#include <doctest/doctest.h>

#include <cstdio>
#include <fstream>
#include <map>

#include "cli_temp.h"

using namespace llmrec;
using namespace llmrec::cli;

namespace {

using Variables = std::map<std::string, std::string>;

Environment environment(Variables variables = {{"HOME", "/home/u"}}, bool root = false) {
  Environment out;
  out.get = [variables](const std::string& name) -> std::optional<std::string> {
    const auto at = variables.find(name);
    if (at == variables.end()) return std::nullopt;
    return at->second;
  };
  out.root = root;
  out.now_unix_ms = 1'782'814'361'120;
  return out;
}

template <class T>
T as(const std::vector<std::string>& arguments, const Environment& e = environment()) {
  Parsed parsed = parse(arguments, e);
  const Stop* stop = std::get_if<Stop>(&parsed);
  INFO((stop != nullptr ? stop->error : std::string()));
  REQUIRE(std::holds_alternative<T>(parsed));
  return std::get<T>(std::move(parsed));
}

std::string error_of(const std::vector<std::string>& arguments,
                     const Environment& e = environment()) {
  const auto stop = as<Stop>(arguments, e);
  CHECK(stop.exit_status == 2);
  CHECK(stop.out.empty());
  CHECK(stop.error.find('\n') == std::string::npos);
  CHECK(stop.error.starts_with("llmrec: "));
  return stop.error.substr(8);
}

}  // namespace

TEST_CASE("serve without a word") {
  const auto o = as<ServeOptions>({"serve"});
  CHECK(o.listen == "127.0.0.1:8790");
  CHECK(o.store == "/home/u/.local/state/llmrec");
  CHECK(o.ca_dir == "/home/u/.local/state/llmrec/ca");
  CHECK(o.connect_timeout_ns == 10 * kNsPerSecond);
  CHECK(o.drain_ns == 25 * kNsPerSecond);
  CHECK_FALSE(o.idle_timeout_ns);
  CHECK(o.loops == 1);
  CHECK(o.h2 == H2::tunnel);
  CHECK(o.store_map_bytes == 512 * 1024 * 1024);
}

TEST_CASE("every option of serve reaches its field") {
  const auto o = as<ServeOptions>({"serve",
                                   "--listen",
                                   "[::]:0",
                                   "--store",
                                   "/s",
                                   "--ca-dir",
                                   "none",
                                   "--ca-bundle-out",
                                   "/b",
                                   "--upstream-ca",
                                   "/u1",
                                   "--upstream-ca=/u2",
                                   "--connect-to",
                                   "a:1:b:2",
                                   "--record",
                                   "x.example=openai_chat",
                                   "--record",
                                   "y.example",
                                   "--no-default-hosts",
                                   "--deny-unlisted",
                                   "--tunnel-untrusting",
                                   "--tag",
                                   "route=a",
                                   "--tag",
                                   "v=1",
                                   "--connect-timeout",
                                   "1s",
                                   "--headers-timeout",
                                   "2s",
                                   "--first-token-timeout",
                                   "3s",
                                   "--idle-timeout",
                                   "4s",
                                   "--total-timeout",
                                   "5m",
                                   "--enforce-timeouts",
                                   "--drain",
                                   "0s",
                                   "--loops",
                                   "2",
                                   "--h2",
                                   "refuse",
                                   "--ready-file",
                                   "/r",
                                   "--log-level",
                                   "debug",
                                   "--store-map",
                                   "64MiB",
                                   "--retain",
                                   "7d",
                                   "--retain-records",
                                   "1000",
                                   "--retain-bytes",
                                   "32MiB"});
  CHECK(o.listen == "[::]:0");
  CHECK(o.store == "/s");
  CHECK(o.ca_dir == "none");
  CHECK(o.ca_bundle_out == "/b");
  CHECK(o.upstream_ca == std::vector<std::string>{"/u1", "/u2"});
  CHECK(o.connect_to == std::vector<std::string>{"a:1:b:2"});
  CHECK(o.record == std::vector<std::string>{"x.example=openai_chat", "y.example"});
  CHECK(o.no_default_hosts);
  CHECK(o.deny_unlisted);
  CHECK(o.tunnel_untrusting);
  REQUIRE(o.tags.size() == 2);
  CHECK(o.tags[1] == std::pair<std::string, std::string>("v", "1"));
  CHECK(o.connect_timeout_ns == kNsPerSecond);
  CHECK(o.headers_timeout_ns == 2 * kNsPerSecond);
  CHECK(o.first_token_timeout_ns == 3 * kNsPerSecond);
  CHECK(o.idle_timeout_ns == 4 * kNsPerSecond);
  CHECK(o.total_timeout_ns == 300 * kNsPerSecond);
  CHECK(o.enforce_timeouts);
  CHECK(o.drain_ns == 0);
  CHECK(o.loops == 2);
  CHECK(o.h2 == H2::refuse);
  CHECK(o.ready_file == "/r");
  CHECK(o.log_level == LogLevel::debug);
  CHECK(o.store_map_bytes == 64 * 1024 * 1024);
  CHECK(o.retain_ns == 7 * 86'400 * kNsPerSecond);
  CHECK(o.retain_records == 1000);
  CHECK(o.retain_bytes == 32 * 1024 * 1024);
}

TEST_CASE("where the store is") {
  CHECK(as<ServeOptions>({"serve"}, environment({}, true)).store == "/var/lib/llmrec");
  CHECK(as<ShowOptions>({"show", "last"}, environment({{"XDG_STATE_HOME", "/x"}})).store ==
        "/x/llmrec");
  const Variables relative{{"XDG_STATE_HOME", "x"}, {"HOME", "/h"}};  // the XDG rules ignore it
  CHECK(as<LsOptions>({"ls"}, environment(relative)).store == "/h/.local/state/llmrec");
  CHECK(as<LsOptions>({"ls"}, environment({{"LLMREC_STORE", "/e"}})).store == "/e");
  CHECK(error_of({"ls"}, environment({})).find("--store") != std::string::npos);
}

TEST_CASE("command line before environment before file") {
  const TempDir dir;
  const std::string file = dir.path + "/llmrec.conf";
  std::ofstream(file) << "# hosts\nlisten = 127.0.0.1:1\n  drain=1s  \n\nidle-timeout = \"3s\"\n"
                         "record = a.example\nrecord = b.example\ndeny-unlisted = yes\r\n";
  const Environment e = environment({{"HOME", "/h"},
                                     {"LLMREC_CONFIG", file},
                                     {"LLMREC_DRAIN", "2s"},
                                     {"LLMREC_LISTEN", "127.0.0.1:2"},
                                     {"LLMREC_TAG", "a=1, b=2"},
                                     {"LLMREC_TUNNEL_UNTRUSTING", "1"},
                                     {"LLMREC_ENFORCE_TIMEOUTS", ""}});
  const auto o = as<ServeOptions>({"serve", "--listen", "127.0.0.1:3"}, e);
  CHECK(o.listen == "127.0.0.1:3");
  CHECK(o.drain_ns == 2 * kNsPerSecond);
  CHECK(o.idle_timeout_ns == 3 * kNsPerSecond);
  CHECK(o.record == std::vector<std::string>{"a.example", "b.example"});
  CHECK(o.deny_unlisted);
  CHECK(o.tunnel_untrusting);
  CHECK_FALSE(o.enforce_timeouts);
  REQUIRE(o.tags.size() == 2);
  CHECK(o.tags[1].first == " b");
}

TEST_CASE("files that say something wrong") {
  const TempDir dir;
  const std::string file = dir.path + "/c";
  const auto with = [&](const std::string& text) {
    std::ofstream(file) << text;
    return error_of({"serve", "--config", file});
  };
  CHECK(with("listn = 3\n") == file + ":1: unknown key 'listn', did you mean listen?");
  CHECK(with("\nhelp = 1\n").starts_with(file + ":2: unknown key 'help'"));
  CHECK(with("config = x\n").starts_with(file + ":1: unknown key 'config'"));
  CHECK(with("listen\n") == file + ":1: not a line such as 'listen = ...'");
  CHECK(with("drain = 5\n") ==
        file + ":1: drain: '5' is not a duration such as 250ms, 10s, 5m, 1h or 7d");
  CHECK(error_of({"serve", "--config", dir.path + "/none"}) ==
        "cannot read the configuration file " + dir.path + "/none");
}

TEST_CASE("wrong lines: one clear sentence each") {
  CHECK(error_of({}) == "which command?; see 'llmrec --help'");
  CHECK(error_of({"serv"}) == "unknown command 'serv', did you mean serve?; see 'llmrec --help'");
  CHECK(error_of({"--foo"}) == "unknown option --foo; see 'llmrec --help'");
  CHECK(error_of({"serve", "--foo"}) == "unknown option --foo; see 'llmrec serve --help'");
  CHECK(error_of({"serve", "--listn", "x"}) ==
        "unknown option --listn, did you mean --listen?; see 'llmrec serve --help'");
  CHECK(error_of({"serve", "-x"}) == "unknown option -x; see 'llmrec serve --help'");
  CHECK(error_of({"serve", "now"}) == "unexpected argument 'now'; see 'llmrec serve --help'");
  CHECK(error_of({"serve", "--listen"}) ==
        "option --listen needs a value; see 'llmrec serve --help'");
  CHECK(error_of({"serve", "--listen", "8790"}) ==
        "--listen: '8790' is not an address such as 127.0.0.1:8790 or [::1]:8790");
  CHECK(error_of({"serve", "--loops", "0"}).starts_with("--loops: between 1 and "));
  CHECK(error_of({"serve", "--h2", "x"}) == "--h2: 'x' is not one of tunnel, refuse");
  CHECK(error_of({"serve", "--store-map", "1KiB"}) == "--store-map: a store needs at least 1MiB");
  CHECK(error_of({"serve", "--store", ""}) == "--store: the value is empty");
  CHECK(error_of({"serve", "--deny-unlisted=perhaps"}).find("perhaps") != std::string::npos);
  CHECK(error_of({"serve"}, environment({{"HOME", "/h"}, {"LLMREC_DRAIN", "x"}}))
            .starts_with("LLMREC_DRAIN: 'x' is not a duration"));
  CHECK(error_of({"show"}) == "which ID?; see 'llmrec show --help'");
  CHECK(error_of({"show", "a", "b"}) == "unexpected argument 'b'; see 'llmrec show --help'");
  CHECK(error_of({"ls", "--status", "bad"}) ==
        "--status: 'bad' is not a status: open, ok, failed, aborted");
  CHECK(error_of({"ls", "--error", "rate_limits"}) ==
        "--error: 'rate_limits' is not an error_type, did you mean rate_limit?");
  CHECK(error_of({"ls", "-n", "x"}) == "--count: 'x' is not a number");
  CHECK(error_of({"ls", "-o", "xml"}) ==
        "--output: 'xml' is not one of table, wide, json, jsonl, csv");
  CHECK(error_of({"tap", "--response", "x"}) ==
        "--request FILE is missing; see 'llmrec tap --help'");
  CHECK(error_of({"tap", "--request", "x"}) ==
        "--response FILE is missing; see 'llmrec tap --help'");
  CHECK(error_of({"tap", "--request", "a", "--response", "b", "--split", "0"}) ==
        "--split: pieces have at least 1 octet");
}

TEST_CASE("reading commands") {
  const auto show = as<ShowOptions>({"show", "req_01J", "--json", "--utc", "--store", "/s"});
  CHECK(show.id == "req_01J");
  CHECK(show.json);
  CHECK(show.view.utc);
  const auto ls = as<LsOptions>({"ls",
                                 "-n",
                                 "3",
                                 "-o",
                                 "jsonl",
                                 "--since",
                                 "1h",
                                 "--status",
                                 "failed",
                                 "--stage",
                                 "during_tool_call",
                                 "--error",
                                 "idle_timeout",
                                 "--provider",
                                 "openai",
                                 "--model",
                                 "gpt-*",
                                 "--tag",
                                 "a=b",
                                 "--tag",
                                 "c=d",
                                 "--slow",
                                 "2s",
                                 "--color",
                                 "never"});
  CHECK(ls.count == 3U);
  CHECK(ls.output == Output::jsonl);
  CHECK(ls.since_unix_ms == 1'782'814'361'120 - 3'600'000);
  CHECK(ls.status == "failed");
  CHECK(ls.stage == "during_tool_call");
  CHECK(ls.error == "idle_timeout");
  CHECK(ls.model == "gpt-*");
  CHECK(ls.tags.size() == 2);
  CHECK(ls.slow_ns == 2 * kNsPerSecond);
  CHECK(ls.view.color == Color::never);
  const auto tap = as<TapOptions>({"tap", "--request", "a", "--response", "b", "--end", "client",
                                   "--split", "7", "--host", "h"});
  CHECK(tap.end == CaptureEnd::client);
  CHECK(tap.split == 7);
}

TEST_CASE("commands of two words") {
  const Environment e = environment({{"HOME", "/h"}, {"LLMREC_LISTEN", "127.0.0.1:1"}});
  CHECK(as<DbOptions>({"db", "verify"}).action == DbAction::verify);
  CHECK(as<DbOptions>({"db", "prune", "--retain", "1d"}).retain_ns == 86'400 * kNsPerSecond);
  const auto env = as<CaOptions>({"ca", "env", "--shell", "k8s", "--bundle", "/b"}, e);
  CHECK(env.action == CaAction::env);
  CHECK(env.form == EnvForm::k8s);
  CHECK(env.serve.listen == "127.0.0.1:1");
  CHECK(env.serve.ca_dir == "/h/.local/state/llmrec/ca");
  CHECK(error_of({"db"}) ==
        "which command of db: stat, verify, prune, compact?; see 'llmrec db --help'");
  CHECK(error_of({"db", "verfy"}) ==
        "unknown command 'db verfy', did you mean db verify?; see 'llmrec db --help'");
  CHECK(error_of({"db", "prune"}).starts_with("say what to keep: "));
  CHECK(error_of({"db", "stat", "--retain", "1d"}) ==
        "unknown option --retain; see 'llmrec db stat --help'");
}

TEST_CASE("a file of serve serves the commands that ask for it, whole") {
  const TempDir dir;
  const std::string file = dir.path + "/llmrec.conf";
  std::ofstream(file) << "listen = 127.0.0.1:9\ndrain = 3s\nrecord = a.example\nstore = /s\n";
  const auto config = as<ConfigOptions>({"config", "check", "--config", file});
  CHECK(config.file == file);
  CHECK(config.serve.drain_ns == 3 * kNsPerSecond);
  const auto ca = as<CaOptions>({"ca", "init", "--config", file, "--record", "b.example"});
  CHECK(ca.serve.record == std::vector<std::string>{"b.example"});
  CHECK(ca.serve.ca_dir == "/s/ca");
  const auto doctor = as<DoctorOptions>({"doctor", "--config", file, "--pid", "4"});
  CHECK(doctor.serve.listen == "127.0.0.1:9");
  CHECK(doctor.pid == 4U);
  std::ofstream(file) << "drain = soon\n";
  CHECK(error_of({"ca", "show", "--config", file}).starts_with(file + ":1: drain: 'soon'"));
  CHECK(error_of({"config", "check", "--drain", "1s"}) ==
        "unknown option --drain; see 'llmrec config check --help'");
}

TEST_CASE("commands with several words of their own") {
  const auto note = as<NoteOptions>({"note", "req_1", "a=b", "c=d=e", "--store", "/s"});
  CHECK(note.id == "req_1");
  REQUIRE(note.facts.size() == 2);
  CHECK(note.facts[1] == std::pair<std::string, std::string>("c", "d=e"));
  CHECK(error_of({"note"}) == "which ID?; see 'llmrec note --help'");
  CHECK(error_of({"note", "req_1"}) == "which KEY=VALUE?; see 'llmrec note --help'");
  CHECK(error_of({"note", "req_1", "ab"})
            .starts_with("KEY=VALUE: 'ab' is not a note such as message_persisted=true"));
  std::vector<std::string> many(40, "a=b");
  many.insert(many.begin(), {"note", "req_1"});
  CHECK(error_of(many) == "unexpected argument 'a=b'; see 'llmrec note --help'");
  CHECK(as<RetrySafeOptions>({"retry-safe", "last"}).id == "last");
  const auto stats = as<StatsOptions>({"stats", "--by", "model", "--by", "tag:team", "--json"});
  CHECK(stats.by == std::vector<std::string>{"model", "tag:team"});
  CHECK(stats.json);
  CHECK(
      error_of({"stats", "--by", "x"}).starts_with("--by: 'x' is none of provider, model, route"));
  CHECK(error_of({"ls", "-f", "-o", "json"}).find("jsonl") != std::string::npos);
  CHECK(error_of({"ls", "-f", "--status", "open"}).find("ended") != std::string::npos);
  CHECK(as<LsOptions>({"ls", "-f"}).follow);
  CHECK_FALSE(as<LsOptions>({"ls"}).count);
  CHECK(error_of({"completions", "tcsh"}) == "SHELL: 'tcsh' is not one of bash, zsh, fish");
  CHECK(as<Stop>({"completions", "bash"}).out.find("complete -F _llmrec llmrec") !=
        std::string::npos);
}

TEST_CASE("the last value of a single option counts, and -- ends options") {
  CHECK(as<LsOptions>({"ls", "-n", "3", "-n", "4"}).count == 4);
  CHECK(as<ShowOptions>({"show", "--", "last"}).id == "last");
}

TEST_CASE("help and version are no errors, whatever else stands there") {
  for (const std::vector<std::string>& line : {std::vector<std::string>{"--help"},
                                               {"-h"},
                                               {"help"},
                                               {"serve", "--help"},
                                               {"help", "ls"},
                                               {"show", "-h"},
                                               {"db", "--help"},
                                               {"db", "help"},
                                               {"help", "db"},
                                               {"help", "db", "stat"},
                                               {"ca", "env", "--help"},
                                               {"tap", "--help", "--split", "x"}}) {
    const auto stop = as<Stop>(line);
    CHECK(stop.exit_status == 0);
    CHECK(stop.error.empty());
    CHECK(stop.out.starts_with("Usage: llmrec "));
  }
  CHECK(as<Stop>({"--version"}).out == "llmrec " LLMREC_VERSION "\n");
}
