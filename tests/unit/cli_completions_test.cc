#include "cli/completions.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "cli/catalog.h"
#include "cli_temp.h"

using namespace llmrec;
using namespace llmrec::cli;

namespace {

std::string script(const std::string& shell) {
  Environment e;
  e.get = [](const std::string&) { return std::optional<std::string>(); };
  const Catalog catalog(e);
  return completions(shell, catalog.groups(), catalog.commands());
}

// What bash offers for words of which the last one is being typed.
std::string offered(const std::string& words) {
  const TempDir dir;
  std::ofstream(dir.path + "/c.bash") << script("bash");
  const std::string command =
      "bash --norc -c '. " + dir.path + "/c.bash; COMP_WORDS=(" + words +
      "); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _llmrec; echo \"${COMPREPLY[@]}\"' > " + dir.path +
      "/out";
  REQUIRE(std::system(command.c_str()) == 0);
  std::ifstream in(dir.path + "/out");
  std::string line;
  std::getline(in, line);
  return line;
}

bool parses(const std::string& shell) {
  const TempDir dir;
  std::ofstream(dir.path + "/c") << script(shell);
  if (std::system(("command -v " + shell + " >/dev/null").c_str()) != 0) {
    MESSAGE("skipped: there is no ", shell);
    return true;
  }
  return std::system((shell + " -n " + dir.path + "/c").c_str()) == 0;
}

}  // namespace

TEST_CASE("every command and every option of it, for each shell") {
  Environment e;
  e.get = [](const std::string&) { return std::optional<std::string>(); };
  const Catalog catalog(e);
  for (const std::string shell : {"bash", "zsh", "fish"}) {
    const std::string text = script(shell);
    for (const Command& c : catalog.commands()) {
      INFO(shell << ' ' << c.name);
      CHECK(text.find(c.name) != std::string::npos);
      for (const Option& o : c.options) {
        const std::string flag = shell == "fish" ? "-l " + o.name : "--" + o.name;
        if (!o.hidden) CHECK(text.find(flag) != std::string::npos);
      }
    }
    CHECK(text.back() == '\n');
  }
}

TEST_CASE("the shells can read them") {
  CHECK(parses("bash"));
  CHECK(parses("zsh"));
  CHECK(parses("fish"));
}

TEST_CASE("what bash offers") {
  CHECK(offered("llmrec st") == "stats");
  CHECK(offered("llmrec db ver") == "verify");
  CHECK(offered("llmrec db prune --retain-r") == "--retain-records");
  CHECK(offered("llmrec ls -o js") == "json jsonl");
  CHECK(offered("llmrec ls --output c") == "csv");
  CHECK(offered("llmrec ls --status fa") == "failed");
  CHECK(offered("llmrec ls --since \"\"").empty());
  CHECK(offered("llmrec completions f") == "fish");
  CHECK(offered("llmrec ca env --shell f") == "fish");
}
