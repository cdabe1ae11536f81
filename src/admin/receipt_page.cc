#include "admin/receipt_page.h"

#include <algorithm>

#include "admin/pages.h"
#include "base/limits.h"
#include "record/json.h"
#include "report/format.h"
#include "report/receipt.h"
#include "report/sentence.h"

namespace llmrec::admin {
namespace {

using record::Record;
using record::Status;

constexpr std::size_t kColumns = 64;  // a receipt is narrow, and so is a phone

std::string_view class_of(report::Role role) {
  switch (role) {
    case report::Role::strong:
      return "strong";
    case report::Role::good:
      return "good";
    case report::Role::warn:
      return "warn";
    case report::Role::bad:
      return "bad";
    case report::Role::dim:
      return "dim";
    case report::Role::plain:
      break;
  }
  return {};
}

std::string text_of(const report::Lines& lines) {
  std::string out;
  for (const report::Line& line : lines) {
    for (const report::Span& span : line) {
      const std::string_view name = class_of(span.role);
      const std::string text = escaped_html(span.text);
      out += name.empty() ? text : "<span class=\"" + std::string(name) + "\">" + text + "</span>";
    }
    out += '\n';
  }
  return out;
}

// The first paragraph says what the page's head says already.
report::Lines without_verdict(report::Lines lines) {
  const auto blank = std::find_if(lines.begin(), lines.end(),
                                  [](const report::Line& line) { return line.empty(); });
  if (blank != lines.end()) lines.erase(lines.begin(), blank + 1);
  return lines;
}

// One member of the object per line.
std::string spread(const std::string& json) {
  std::string out;
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (in_string) {
      out += c;
      if (c == '\\' && i + 1 < json.size()) {
        out += json[++i];
      } else if (c == '"') {
        in_string = false;
      }
      continue;
    }
    in_string = c == '"';
    if (c == '{' || c == '[') ++depth;
    if (c == '}' || c == ']') --depth;
    if (c == '}' && depth == 0) out += '\n';
    out += c;
    if (c == '{' && depth == 1) out += "\n  ";
    if (c == ',' && depth == 1) out += "\n  ";
    if (c == ',' && depth > 1) out += ' ';
    if (c == ':') out += ' ';
  }
  return out;
}

std::string_view mood(const Record& r) {
  switch (r.status) {
    case Status::ok:
      return r.truncated.value_or(false) ? "warn" : "good";
    case Status::failed:
      return "bad";
    case Status::aborted:
      return "warn";
    case Status::open:
      break;
  }
  return "dim";
}

std::string main_of(const Record& r) {
  const auto sentences = report::verdict(r);
  std::string out = "<p class=\"status " + std::string(mood(r)) + "\">" +
                    escaped_html(record::name(r.status)) + "</p>\n<h1>" +
                    escaped_html(sentences.front()) + "</h1>\n";
  if (sentences.size() > 1) {
    out += "<p class=\"lead\">";
    for (std::size_t i = 1; i < sentences.size(); ++i) {
      out += (i == 1 ? "" : " ") + escaped_html(sentences[i]);
    }
    out += "</p>\n";
  }
  if (r.tap != record::TapState::complete) {
    out += "<p class=\"warn\">" + escaped_html(report::tap_text(r)) + "</p>\n";
  }
  report::Style style;
  style.utc = true;
  style.width = kColumns;
  out += "<pre class=\"receipt\">" + text_of(without_verdict(report::receipt(r, style))) +
         "</pre>\n<details><summary>All that was recorded, as JSON</summary><pre>" +
         escaped_html(spread(record::to_json(r))) + "</pre></details>\n";
  return out;
}

}  // namespace

std::string escaped_html(Bytes text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

Response receipt_page(const Record& r) { return simple_page(200, r.request_id.text(), main_of(r)); }

Response choice_page(const std::vector<Record>& found) {
  std::string main = "<h1>" + std::to_string(found.size()) +
                     " records have this id.</h1>\n<ul class=\"choice\">\n";
  const std::size_t shown = std::min(found.size(), limits::kCandidatesShown);
  for (std::size_t i = 0; i < shown; ++i) {
    const std::string id = found[i].request_id.text();
    main += "<li><a href=\"/records/" + id + "\">" + id + "</a><br>" +
            report::local_time(found[i].started_at_us, true) + ", " +
            escaped_html(report::verdict(found[i]).front()) + "</li>\n";
  }
  return simple_page(300, "Several records", main + "</ul>\n");
}

Response missing_page() {
  return simple_page(
      404, "No such record",
      "<h1>No record has this id.</h1>\n<p class=\"lead\">It may have been removed to "
      "keep the store in bounds, or never been here.</p>\n");
}

}  // namespace llmrec::admin
