#include "cli/keeping_commands.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

using namespace llmrec::cli;

namespace {

std::set<std::string> shown(const Command& c) {
  std::set<std::string> out;
  for (const Option& o : c.options) {
    if (!o.hidden) out.insert(o.name);
  }
  return out;
}

}  // namespace

TEST_CASE("what belongs to serve is out of sight, and may still stand in its file") {
  CaOptions ca;
  const Command c = ca_command(CaAction::env, ca);
  CHECK(shown(c) ==
        std::set<std::string>{"help", "config", "ca-dir", "store", "listen", "shell", "bundle"});
  ServeOptions serve;
  for (const Option& option : serve_command(serve).options) {
    CAPTURE(option.name);
    CHECK(std::any_of(c.options.begin(), c.options.end(),
                      [&option](const Option& o) { return o.name == option.name; }));
  }
  ConfigOptions config;
  CHECK(shown(config_check_command(config)) == std::set<std::string>{"help", "config"});
}

TEST_CASE("every action has a name, and prune alone deletes") {
  std::set<std::string> names;
  for (const DbAction action :
       {DbAction::stat, DbAction::verify, DbAction::prune, DbAction::compact}) {
    DbOptions o;
    const Command c = db_command(action, o);
    CHECK(o.action == action);
    CHECK(names.insert(c.name).second);
    CHECK((shown(c).count("retain") == 1) == (action == DbAction::prune));
  }
  for (const CaAction action : {CaAction::init, CaAction::show, CaAction::env, CaAction::bundle}) {
    CaOptions o;
    const Command c = ca_command(action, o);
    CHECK(o.action == action);
    CHECK(names.insert(c.name).second);
    const bool about_hosts = action == CaAction::init || action == CaAction::show;
    CHECK((shown(c).count("record") == 1) == about_hosts);
  }
}

TEST_CASE("the options of doctor do what they say") {
  DoctorOptions o;
  const Command c = doctor_command(o);
  for (const Option& option : c.options) {
    if (option.name == "host") {
      CHECK(option.set("vllm:8000"));
      CHECK_FALSE(option.set("http://x/"));
    }
    if (option.name == "listen") CHECK(option.set("127.0.0.1:1"));
    if (option.name == "pid") CHECK(option.set("12"));
  }
  CHECK(o.hosts == std::vector<std::string>{"vllm:8000"});
  CHECK(o.serve.listen == "127.0.0.1:1");
  CHECK(o.pid == 12U);
}

TEST_CASE("shells that there are completions for") {
  std::string shell;
  const Command c = completions_command(shell);
  CHECK(c.set_positional("zsh"));
  CHECK(shell == "zsh");
  CHECK_FALSE(c.set_positional("tcsh"));
}
