#include "cli/terminal.h"

#include "base/bytes.h"

namespace llmrec::cli {
namespace {

// Colours of the terminal's own palette, so that they suit its background (ECMA-48 §8.3.117).
const char* code_of(report::Role role) {
  switch (role) {
    case report::Role::plain:
      return "";
    case report::Role::strong:
      return "\x1b[1m";
    case report::Role::good:
      return "\x1b[32m";
    case report::Role::warn:
      return "\x1b[33m";
    case report::Role::bad:
      return "\x1b[31m";
    case report::Role::dim:
      return "\x1b[2m";
  }
  return "";
}

bool has_value(const std::optional<std::string>& text) { return text && !text->empty(); }

bool says_utf8(const std::string& locale) {
  std::string plain;
  for (const char c : locale) {
    if (c != '-') plain += ascii_lower(c);
  }
  return plain.find("utf8") != std::string::npos;
}

}  // namespace

bool use_color(const View& view, const Streams& streams) {
  if (view.color != Color::automatic) return view.color == Color::always;
  if (!streams.out_is_terminal || has_value(streams.get("NO_COLOR"))) return false;
  const auto term = streams.get("TERM");
  return has_value(term) && *term != "dumb";
}

report::Style style_of(const View& view, const Streams& streams) {
  report::Style style;
  style.utc = view.utc;
  style.unicode = false;
  if (view.ascii) return style;
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const auto locale = streams.get(name);
    if (!has_value(locale)) continue;
    style.unicode = says_utf8(*locale);
    break;
  }
  return style;
}

void print(const report::Lines& lines, bool color, std::ostream& out) {
  for (const report::Line& line : lines) {
    std::string plain;
    std::string shown;
    for (const report::Span& span : line) {
      const std::string code = color ? code_of(span.role) : "";
      const bool blank = span.text.find_first_not_of(' ') == std::string::npos;
      shown += code.empty() || blank ? span.text : code + span.text + "\x1b[0m";
      plain += span.text;
    }
    if (!color) shown.resize(plain.find_last_not_of(' ') + 1);
    out << shown << '\n';
  }
}

void complain(const std::string& what, Streams& streams) {
  streams.err << "llmrec: " << what << '\n';
}

void complain_of_unreadable(std::size_t records, Streams& streams) {
  if (records == 0) return;
  complain(
      "records left out because they are damaged or of a newer llmrec: " + std::to_string(records),
      streams);
}

int complain_of_store(const Error& error, Streams& streams) {
  complain(error.detail, streams);
  return kNoStore;
}

}  // namespace llmrec::cli
