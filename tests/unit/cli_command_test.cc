#include "cli/command.h"

#include <doctest/doctest.h>

#include <set>
#include <sstream>

#include "report/format.h"

using namespace llmrec;
using namespace llmrec::cli;

namespace {

struct AllCommands {
  ServeOptions serve;
  ShowOptions show;
  LsOptions ls;
  TapOptions tap;
  std::vector<Command> commands{serve_command(serve), show_command(show), ls_command(ls, 0),
                                tap_command(tap)};
};

}  // namespace

TEST_CASE("options have one name each, a text, and somebody who takes their value") {
  AllCommands all;
  for (const Command& c : all.commands) {
    std::set<std::string> names;
    std::set<char> letters;
    for (const Option& o : c.options) {
      INFO(c.name << " --" << o.name);
      CHECK(names.insert(o.name).second);
      if (o.letter != 0) CHECK(letters.insert(o.letter).second);
      CHECK_FALSE(o.help.empty());
      CHECK((o.set || (c.has_config && o.name == "config")));
    }
    CHECK(names.count("help") == 1);
  }
}

TEST_CASE("help fits 80 columns and names every option at the place where scripts look") {
  AllCommands all;
  std::vector<std::string> texts{help_of_all(all.commands)};
  for (const Command& c : all.commands) texts.push_back(help_of(c));
  for (const std::string& text : texts) {
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) {
      INFO(line);
      CHECK(report::columns(line) <= 80);
      CHECK((line.empty() || line.back() != ' '));
    }
  }
  for (std::size_t i = 0; i < all.commands.size(); ++i) {
    CHECK(texts[0].find("\n  " + all.commands[i].name + ' ') != std::string::npos);
    for (const Option& o : all.commands[i].options) {
      CHECK(texts[i + 1].find("--" + o.name) != std::string::npos);
    }
  }
}

TEST_CASE("names in the environment") {
  CHECK(environment_name("ca-bundle-out") == "LLMREC_CA_BUNDLE_OUT");
  CHECK(environment_name("h2") == "LLMREC_H2");
}

TEST_CASE("what was probably meant") {
  const std::vector<std::string> names{"serve", "show", "ls", "tap", "ca-dir", ""};
  CHECK(nearest("serv", names) == "serve");
  CHECK(nearest("sohw", names) == "show");
  CHECK(nearest("sl", names) == "ls");
  CHECK(nearest("cadir", names) == "ca-dir");
  CHECK(nearest("frobnicate", names).empty());
  CHECK(nearest("", names).empty());
  CHECK(nearest(std::string(100'000, 'x'), names).empty());
}
