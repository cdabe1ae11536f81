#include "cli/reading_commands.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <sstream>

using namespace llmrec::cli;

namespace {

const Option& option_of(const Command& c, const std::string& name) {
  const auto at = std::find_if(c.options.begin(), c.options.end(),
                               [&name](const Option& o) { return o.name == name; });
  REQUIRE(at != c.options.end());
  return *at;
}

}  // namespace

TEST_CASE("every command that looks for records has the same filters") {
  LsOptions ls;
  StatsOptions stats;
  ExportOptions exported;
  for (const Command& c :
       {ls_command(ls, 0), stats_command(stats, 0), export_command(exported, 0)}) {
    for (const char* name : {"since", "until", "status", "stage", "error", "provider", "model",
                             "tag", "slow", "store"}) {
      INFO(c.name << " --" << name);
      CHECK_FALSE(option_of(c, name).help.empty());
    }
    CHECK(option_of(c, "tag").many);
    CHECK(option_of(c, "status").words.size() == 4);
  }
}

TEST_CASE("breakdowns are checked where they are given") {
  StatsOptions o;
  const Command c = stats_command(o, 0);
  const Option& by = option_of(c, "by");
  CHECK(by.set("tag:team"));
  CHECK_FALSE(by.set("color"));
  for (int i = 0; i < 7; ++i) CHECK(by.set("host"));
  CHECK_FALSE(by.set("host"));
  CHECK(o.by.size() == 8);
}

TEST_CASE("a note has an id first, then facts") {
  NoteOptions o;
  const Command c = note_command(o);
  CHECK(c.set_positional("req_1"));
  CHECK(c.set_positional("a=b"));
  CHECK(c.set_positional("c="));
  CHECK_FALSE(c.set_positional("no fact"));
  CHECK(o.id == "req_1");
  CHECK(o.facts.size() == 2);
}

TEST_CASE("only a whole id can be gone on from") {
  ExportOptions o;
  const Command c = export_command(o, 0);
  CHECK_FALSE(option_of(c, "after").set("req_01JZ"));
  CHECK(option_of(c, "after").set("req_01JZ0T0M3V6Q3C1B4W0V7W9K2D"));
}
