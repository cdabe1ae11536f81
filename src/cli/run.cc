#include "cli/run.h"

#include <algorithm>
#include <array>
#include <sstream>
#include <string_view>
#include <utility>

#include "base/limits.h"
#include "cli/setters.h"
#include "cli/walk.h"
#include "record/codec.h"
#include "record/json.h"
#include "report/format.h"
#include "report/listing.h"
#include "report/receipt.h"
#include "report/sentence.h"

namespace llmrec::cli {
namespace {

using record::Record;
using record::Status;

// What belongs to a recorder that stays.
constexpr std::array<std::string_view, 12> kNotForRun = {
    "listen", "transparent", "ca-dir", "ca-bundle-out",  "ready-file",   "loops",
    "drain",  "store-map",   "retain", "retain-records", "retain-bytes", "log"};

struct BaseUrl {
  const char* variable;
  const char* origin;
  const char* path;  // as the SDKs want it
};
constexpr std::array<BaseUrl, 3> kBaseUrls = {
    {{"OPENAI_BASE_URL", "https://api.openai.com", "/v1"},
     {"ANTHROPIC_BASE_URL", "https://api.anthropic.com", ""},
     {"GOOGLE_GEMINI_BASE_URL", "https://generativelanguage.googleapis.com", ""}}};

// "vllm" of "vllm:8000=openai.chat", "::1" of "[::1]:8000".
std::string host_of_entry(const std::string& entry) {
  if (entry.starts_with('[')) return entry.substr(1, entry.find(']') - 1);
  return entry.substr(0, entry.find_first_of(":="));
}

// A host that the user wants recorded must not go past the recorder.
std::string without_recorded(const std::string& list, const std::vector<std::string>& record) {
  std::string out;
  std::istringstream in(list);
  for (std::string item; std::getline(in, item, ',');) {
    const bool recorded = std::any_of(record.begin(), record.end(), [&](const std::string& entry) {
      return host_of_entry(entry) == item;
    });
    if (!recorded) out += (out.empty() ? "" : ",") + item;
  }
  return out;
}

std::string counts(const std::vector<Record>& records) {
  const auto with = [&records](Status status) {
    return std::count_if(records.begin(), records.end(),
                         [status](const Record& r) { return r.status == status; });
  };
  std::string out = report::counted(records.size(), "call");
  std::string_view before = ": ";
  for (const Status status : {Status::ok, Status::failed, Status::aborted, Status::open}) {
    if (const auto n = with(status); n != 0) {
      out.append(before).append(std::to_string(n)).append(" ").append(record::name(status));
      before = ", ";
    }
  }
  return out;
}

void print_several(const RunOptions& o, const std::vector<Record>& records, Streams& streams) {
  const report::Style style = style_of(o.view, streams);
  report::Lines lines = report::listing(records, style, streams.now_unix_ms * 1000);
  lines.emplace_back();
  lines.push_back({{report::Role::strong, counts(records)}});
  for (const Record& r : records) {
    if (r.status == Status::ok) continue;
    lines.push_back({{report::Role::plain, r.request_id.text()}});
    for (const std::string& line : report::wrapped(report::verdict(r).front(), style.width - 2)) {
      lines.push_back({{report::Role::plain, "  " + line}});
    }
  }
  lines.push_back({{report::Role::dim, "llmrec show ID says more about one" +
                                           (o.default_store ? "" : ": --store " + o.serve.store)}});
  print(lines, use_color(o.view, streams), streams.err);
}

}  // namespace

Command run_command(RunOptions& o) {
  Command c;
  c.name = "run";
  c.about = "Run a command with a recorder of its own, then print its receipts";
  c.description =
      "Its exit status is the command's; 128 and the signal's number where one ended it, 127 where "
      "it was not found, 126 where it could not be run. The receipts go to standard error.";
  c.positional = "-- COMMAND...";
  c.runs_command = true;
  c.positionals_min = 0;  // settled with a clearer word
  c.set_positional = [&o](const std::string& word) -> Result<void> {
    o.command.push_back(word);
    return {};
  };
  c.has_config = true;
  c.options = serve_command(o.serve).options;
  for (Option& option : c.options) {
    option.hidden =
        std::find(kNotForRun.begin(), kNotForRun.end(), option.name) != kNotForRun.end() ||
        option.name.starts_with("admin");
    if (option.name == "log-level") {
      option.help = "error, warn (the default), info or debug, of the recorder";
    }
    if (option.name == "store") {
      option.help =
          "The store (default: the one of serve; where a recorder has it already, one in the "
          "directory for temporary files)";
    }
  }
  std::stable_sort(c.options.begin(), c.options.end(),
                   [](const Option& a, const Option& b) { return a.hidden < b.hidden; });
  std::vector<Option> ours = {
      {"quiet", 'q', "", "Print no receipts", flag(o.quiet)},
      {"json", 0, "", "Print the records as JSON, one in a line", flag(o.json)},
      {"base-urls", 0, "",
       "Also set OPENAI_BASE_URL, ANTHROPIC_BASE_URL and GOOGLE_GEMINI_BASE_URL where they are not "
       "set, for clients that use no proxy",
       flag(o.base_urls)}};
  add_view(ours, o.view);
  std::erase_if(ours, [](const Option& option) { return option.name == "no-pager"; });
  c.options.insert(c.options.begin() + 1, ours.begin(), ours.end());
  return c;
}

std::vector<Listener> listeners_of(const std::string& lines) {
  std::vector<Listener> out;
  std::istringstream in(lines);
  for (std::string line; std::getline(in, line);) {
    const auto blank = line.find(' ');
    if (blank != std::string::npos) out.push_back({line.substr(0, blank), line.substr(blank + 1)});
  }
  return out;
}

std::vector<std::string> base_url_doors() {
  std::vector<std::string> out;
  for (const BaseUrl& base : kBaseUrls) out.push_back(std::string("127.0.0.1:0=") + base.origin);
  return out;
}

std::vector<Variable> run_variables(const RunOptions& o, const std::vector<Listener>& listeners,
                                    const std::string& bundle, const Getenv& get) {
  std::string listen;
  std::vector<std::string> reverse;
  for (const Listener& l : listeners) {
    if (l.door == "listen") listen = l.address;
    if (l.door == "reverse") reverse.push_back(l.address);
  }
  const std::string no_proxy = get("NO_PROXY").value_or(get("no_proxy").value_or(""));
  std::vector<Variable> out = app_variables(listen, bundle, no_proxy);
  for (Variable& v : out) {
    if (v.name == "NO_PROXY" || v.name == "no_proxy") {
      v.value = without_recorded(v.value, o.serve.record);
    }
  }
  // Providers speak TLS. A host that somebody names is often a server of models in clear HTTP.
  if (!o.serve.record.empty()) {
    const std::string proxy = "http://" + listen;
    out.push_back({"HTTP_PROXY", proxy});
    out.push_back({"http_proxy", proxy});
  }
  if (!o.base_urls || reverse.size() < kBaseUrls.size()) return out;
  auto at = reverse.end() - static_cast<std::ptrdiff_t>(kBaseUrls.size());
  for (const BaseUrl& base : kBaseUrls) {
    const std::string url = "http://" + *at++ + base.path;
    if (get(base.variable).value_or("").empty()) out.push_back({base.variable, url});
  }
  return out;
}

std::vector<std::string> named_bundles(const Getenv& get) {
  std::vector<std::string> out;
  // serve takes SSL_CERT_FILE for the system's roots.
  const std::string system = get("SSL_CERT_FILE").value_or("");
  for (const Variable& v : app_variables("127.0.0.1:0", "", "")) {
    if (!v.value.empty()) continue;  // the bundle's variables are those without a value
    const std::string file = get(v.name).value_or("");
    if (file.empty() || file == system) continue;
    if (std::find(out.begin(), out.end(), file) == out.end()) out.push_back(file);
  }
  return out;
}

Result<std::size_t> print_receipts(const RunOptions& o, const store::Store& from,
                                   const RecordId& after, Streams& streams) {
  std::vector<Record> records;
  std::size_t count = 0;
  std::size_t unreadable = 0;
  const auto walked =
      walk_oldest_first(from, {}, after, {}, [&](const record::Summary&, Bytes blob) {
        auto decoded = record::decode(blob);
        if (!decoded) {
          ++unreadable;
          return true;
        }
        ++count;
        if (o.json) {
          streams.err << record::to_json(*decoded) << '\n';
        } else if (records.size() < limits::kListedRecords) {
          records.push_back(*std::move(decoded));
        }
        return true;
      });
  if (!walked) return walked.error();
  complain_of_unreadable(unreadable + walked->unreadable, streams);
  if (records.size() == 1) {
    print(report::receipt(records.front(), style_of(o.view, streams)), use_color(o.view, streams),
          streams.err);
  } else if (!records.empty()) {
    print_several(o, records, streams);
  }
  return count;
}

}  // namespace llmrec::cli
