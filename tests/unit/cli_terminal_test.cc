#include "cli/terminal.h"

#include <doctest/doctest.h>

#include "cli_temp.h"

using namespace llmrec;
using namespace llmrec::cli;

TEST_CASE("colour: on a terminal that can, unless somebody says no") {
  Captured c;
  View view;
  c.variables["TERM"] = "xterm";
  CHECK_FALSE(use_color(view, c.streams));
  c.streams.out_is_terminal = true;
  CHECK(use_color(view, c.streams));
  c.variables["NO_COLOR"] = "";
  CHECK(use_color(view, c.streams));
  c.variables["NO_COLOR"] = "1";
  CHECK_FALSE(use_color(view, c.streams));
  view.color = Color::always;
  CHECK(use_color(view, c.streams));
  view.color = Color::automatic;
  c.variables.erase("NO_COLOR");
  c.variables["TERM"] = "dumb";
  CHECK_FALSE(use_color(view, c.streams));
  c.variables.erase("TERM");
  CHECK_FALSE(use_color(view, c.streams));
}

TEST_CASE("box drawing only where the locale says UTF-8") {
  Captured c;
  View view;
  CHECK_FALSE(style_of(view, c.streams).unicode);
  c.variables["LANG"] = "de_DE.UTF-8";
  CHECK(style_of(view, c.streams).unicode);
  c.variables["LC_ALL"] = "C";
  CHECK_FALSE(style_of(view, c.streams).unicode);
  c.variables["LC_ALL"] = "";
  c.variables["LC_CTYPE"] = "C.utf8";
  c.variables["LANG"] = "C";
  CHECK(style_of(view, c.streams).unicode);
  view.ascii = true;
  CHECK_FALSE(style_of(view, c.streams).unicode);
}

TEST_CASE("lines: colour around words, no blanks at an end") {
  const report::Lines lines{
      {{report::Role::bad, "x "}, {report::Role::plain, "one"}, {report::Role::dim, "   "}}, {}};
  Captured c;
  print(lines, false, c.out);
  CHECK(c.out.str() == "x one\n\n");
  c.out.str("");
  print(lines, true, c.out);
  CHECK(c.out.str() == "\x1b[31mx \x1b[0mone   \n\n");
}

TEST_CASE("complaints are one line") {
  Captured c;
  complain("it is broken", c.streams);
  CHECK(complain_of_store({Code::not_found, "no store"}, c.streams) == 3);
  CHECK(c.err.str() == "llmrec: it is broken\nllmrec: no store\n");
}
