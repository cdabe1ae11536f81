#include "cli/catalog.h"

#include <doctest/doctest.h>

#include <set>

using namespace llmrec;
using namespace llmrec::cli;

namespace {

Environment environment() {
  Environment out;
  out.get = [](const std::string& name) -> std::optional<std::string> {
    if (name == "HOME") return "/home/u";
    return std::nullopt;
  };
  return out;
}

}  // namespace

TEST_CASE("all commands that are promised, each once, each group with members") {
  const Environment e = environment();
  const Catalog catalog(e);
  std::set<std::string> names;
  for (const Command& c : catalog.commands()) CHECK(names.insert(c.name).second);
  for (const char* name :
       {"serve",     "run",      "show",       "ls",           "stats",  "export",     "retry-safe",
        "note",      "tap",      "ca init",    "ca show",      "ca env", "ca bundle",  "db stat",
        "db verify", "db prune", "db compact", "config check", "doctor", "completions"}) {
    CAPTURE(name);
    CHECK(names.count(name) == 1);
  }
  for (const Group& g : catalog.groups()) {
    CHECK(names.lower_bound(g.name + ' ')->starts_with(g.name + ' '));
  }
}

TEST_CASE("every command settles: a store is found, what is missing is said") {
  const Environment e = environment();
  const Catalog catalog(e);
  for (std::size_t i = 0; i < catalog.commands().size(); ++i) {
    const std::string& name = catalog.commands()[i].name;
    CAPTURE(name);
    const Parsed parsed = catalog.settled(i);
    const bool stops = name == "run" || name == "run" || name == "tap" || name == "db prune" ||
                       name == "completions";
    CHECK(std::holds_alternative<Stop>(parsed) == stops);
    if (const auto* o = std::get_if<StatsOptions>(&parsed))
      CHECK(o->store == "/home/u/.local/state/llmrec");
    if (const auto* o = std::get_if<CaOptions>(&parsed))
      CHECK(o->serve.ca_dir == "/home/u/.local/state/llmrec/ca");
  }
}
