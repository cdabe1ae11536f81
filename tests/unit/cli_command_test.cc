#include "cli/command.h"

#include <doctest/doctest.h>

#include <set>
#include <sstream>

#include "cli/catalog.h"
#include "report/format.h"

using namespace llmrec;
using namespace llmrec::cli;

namespace {

struct AllCommands {
  Environment environment;
  Catalog catalog{environment};
  const std::vector<Command>& commands = catalog.commands();
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
      if (o.hidden) CHECK(o.from_outside);
    }
    CHECK(names.count("help") == 1);
  }
}

TEST_CASE("help fits 80 columns and names every option at the place where scripts look") {
  AllCommands all;
  std::vector<std::string> texts{help_of_all(all.catalog.groups(), all.commands)};
  for (const Command& c : all.commands) texts.push_back(help_of(c));
  for (const Group& g : all.catalog.groups()) texts.push_back(help_of_group(g, all.commands));
  for (const std::string& text : texts) {
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) {
      INFO(line);
      CHECK(report::columns(line) <= 80);
      CHECK((line.empty() || line.back() != ' '));
    }
  }
  for (std::size_t i = 0; i < all.commands.size(); ++i) {
    const std::string& name = all.commands[i].name;
    CHECK(texts[0].find("\n  " + name.substr(0, name.find(' ')) + ' ') != std::string::npos);
    for (const Option& o : all.commands[i].options) {
      const std::string start = o.letter == 0 ? "\n  " : std::string("\n  -") + o.letter + ',';
      const std::string flag = start + "--" + o.name;
      const std::string& text = texts[i + 1];
      const bool named =
          text.find(flag + ' ') != std::string::npos || text.find(flag + '\n') != std::string::npos;
      CHECK(named != o.hidden);
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
