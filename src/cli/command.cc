#include "cli/command.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <type_traits>
#include <utility>

#include "cli/values.h"
#include "record/names.h"
#include "report/format.h"

namespace llmrec::cli {
namespace {

using Set = std::function<Result<void>(const std::string&)>;

// Parses and keeps: `into` takes what `parse` makes of the text.
template <class T, class Parse>
Set keep(T& into, Parse parse) {
  return [&into, parse](const std::string& text) -> Result<void> {
    auto value = parse(text);
    if (!value) return value.error();
    into = std::move(*value);
    return {};
  };
}

Set text(std::string& into) {
  return [&into](const std::string& given) -> Result<void> {
    if (given.empty()) return Error{Code::bad_argument, "the value is empty"};
    into = given;
    return {};
  };
}

Set duration(std::int64_t& into) {
  return keep(into, [](const std::string& t) { return parse_duration(t); });
}
Set duration(std::optional<std::int64_t>& into) {
  return keep(into, [](const std::string& t) { return parse_duration(t); });
}
Set flag(bool& into) {
  return keep(into, [](const std::string& t) { return parse_switch(t); });
}
Set count(std::optional<std::uint64_t>& into) {
  return keep(into, [](const std::string& t) { return parse_count(t); });
}

template <class Check>
Set each(std::vector<std::string>& into, Check check) {
  return [&into, check](const std::string& given) -> Result<void> {
    if (auto ok = check(given); !ok) return ok.error();
    into.push_back(given);
    return {};
  };
}

Set tag(std::vector<std::pair<std::string, std::string>>& into) {
  return [&into](const std::string& given) -> Result<void> {
    auto parsed = parse_tag(given);
    if (!parsed) return parsed.error();
    into.push_back(*std::move(parsed));
    return {};
  };
}

template <class E>
Set choice(E& into, std::vector<std::pair<std::string, E>> words) {
  return [&into, words = std::move(words)](const std::string& given) -> Result<void> {
    std::string all;
    for (const auto& [word, value] : words) {
      if (word == given) {
        into = value;
        return {};
      }
      all += (all.empty() ? "" : ", ") + word;
    }
    return Error{Code::bad_argument, "'" + given + "' is not one of " + all};
  };
}

// What a short list has; where to find a long one.
std::string some(const std::vector<std::string>& names) {
  if (names.size() > 10) return "llmrec-record(5) lists them";
  std::string out;
  for (const std::string& name : names) {
    if (!name.empty()) out += (out.empty() ? "" : ", ") + name;
  }
  return out;
}

// A word of one of the record's closed lists.
template <class E>
Set word(std::string& into, std::string_view what) {
  return [&into, what](const std::string& given) -> Result<void> {
    if (!given.empty() && record::value_by_name<E>(given)) {
      into = given;
      return {};
    }
    std::vector<std::string> names;
    for (std::size_t i = 0; i < record::kCount<E>; ++i) {
      names.emplace_back(record::name(static_cast<E>(i)));
    }
    const std::string meant = nearest(given, names);
    return Error{Code::bad_argument,
                 "'" + given + "' is not " + std::string(what) +
                     (meant.empty() ? ": " + some(names) : ", did you mean " + meant + "?")};
  };
}

Option help_option() {
  return {"help", 'h', "", "Print this help", [](const std::string&) { return Result<void>(); }};
}

Option store_option(std::string& into) {
  Option option{"store", 0, "DIR",
                "The store (default: /var/lib/llmrec as root, else $XDG_STATE_HOME/llmrec or "
                "~/.local/state/llmrec)",
                text(into)};
  option.from_outside = true;
  return option;
}

void add_view(std::vector<Option>& options, View& view) {
  options.push_back({"utc", 0, "", "Times in UTC, not local", flag(view.utc)});
  options.push_back({"ascii", 0, "", "Draw with ASCII characters only", flag(view.ascii)});
  options.push_back({"color", 0, "WHEN", "auto (on a terminal, the default), always or never",
                     choice<Color>(view.color, {{"auto", Color::automatic},
                                                {"always", Color::always},
                                                {"never", Color::never}})});
}

void add_listening(std::vector<Option>& options, ServeOptions& o) {
  options.push_back({"listen", 0, "HOST:PORT",
                     "Where apps connect, as to a proxy; port 0 takes a free one (default: "
                     "127.0.0.1:8790)",
                     [&o](const std::string& given) -> Result<void> {
                       if (auto parsed = parse_endpoint(given); !parsed) return parsed.error();
                       o.listen = given;
                       return {};
                     }});
  Option record{"record", 0, "ENTRY",
                "Also record this host: HOST[:PORT][=DIALECT], '*' is a wildcard; may be repeated",
                each(o.record, [](const std::string& t) { return check_record_entry(t); })};
  record.many = true;
  options.push_back(std::move(record));
  options.push_back({"no-default-hosts", 0, "", "Record only the hosts named by --record",
                     flag(o.no_default_hosts)});
  options.push_back({"deny-unlisted", 0, "",
                     "Refuse destinations that are not recorded, instead of tunnelling them",
                     flag(o.deny_unlisted)});
  options.push_back({"tunnel-untrusting", 0, "",
                     "Tunnel a host unopened for a while after a client refused our certificate "
                     "for it",
                     flag(o.tunnel_untrusting)});
  options.push_back({"h2", 0, "WHAT",
                     "Clients that offer only HTTP/2: tunnel (unopened, the default) or refuse",
                     choice<H2>(o.h2, {{"tunnel", H2::tunnel}, {"refuse", H2::refuse}})});
  Option tags{"tag", 0, "KEY=VALUE", "A tag for every record; may be repeated", tag(o.tags)};
  tags.many = true;
  options.push_back(std::move(tags));
}

void add_tls(std::vector<Option>& options, ServeOptions& o) {
  options.push_back({"ca-dir", 0, "DIR",
                     "Where our CA is kept, or none: in memory only (default: ca in the store)",
                     text(o.ca_dir)});
  options.push_back({"ca-bundle-out", 0, "FILE",
                     "Write the system's roots and our CA to this file, for apps to trust",
                     text(o.ca_bundle_out)});
  Option roots{"upstream-ca", 0, "FILE",
               "PEM file of more roots that providers may be signed by; may be repeated",
               each(o.upstream_ca, [](const std::string& t) -> Result<void> {
                 if (t.empty()) return Error{Code::bad_argument, "the value is empty"};
                 return {};
               })};
  roots.many = true;
  options.push_back(std::move(roots));
  Option connect{"connect-to", 0, "SPEC",
                 "HOST:PORT:ADDR:PORT: connect to ADDR:PORT in place of HOST:PORT, as curl does; "
                 "may be repeated",
                 each(o.connect_to, [](const std::string& t) { return check_connect_to(t); })};
  connect.many = true;
  options.push_back(std::move(connect));
}

void add_timeouts(std::vector<Option>& options, ServeOptions& o) {
  options.push_back({"connect-timeout", 0, "TIME",
                     "For the connection to a provider; always enforced (default: 10s)",
                     duration(o.connect_timeout_ns)});
  options.push_back({"headers-timeout", 0, "TIME", "Budget until the response head (default: none)",
                     duration(o.headers_timeout_ns)});
  options.push_back({"first-token-timeout", 0, "TIME",
                     "Budget until the first token (default: none)",
                     duration(o.first_token_timeout_ns)});
  options.push_back({"idle-timeout", 0, "TIME",
                     "Budget for a silence in the stream (default: none)",
                     duration(o.idle_timeout_ns)});
  options.push_back({"total-timeout", 0, "TIME", "Budget for the whole call (default: none)",
                     duration(o.total_timeout_ns)});
  options.push_back({"enforce-timeouts", 0, "",
                     "Cut calls that pass a budget; else it is only written to the record",
                     flag(o.enforce_timeouts)});
  options.push_back({"drain", 0, "TIME",
                     "How long running calls may go on after SIGTERM (default: 25s)",
                     duration(o.drain_ns)});
}

void add_storing(std::vector<Option>& options, ServeOptions& o) {
  options.push_back(store_option(o.store));
  options.push_back({"store-map", 0, "SIZE",
                     "The most that the store's file may take (default: 512MiB)",
                     [&o](const std::string& given) -> Result<void> {
                       auto size = parse_size(given);
                       if (!size) return size.error();
                       if (*size < limits::kStoreMapBytesMin) {
                         return Error{Code::bad_argument, "a store needs at least 1MiB"};
                       }
                       o.store_map_bytes = static_cast<std::size_t>(*size);
                       return {};
                     }});
  options.push_back(
      {"retain", 0, "TIME", "Drop records older than this, such as 7d", duration(o.retain_ns)});
  options.push_back({"retain-records", 0, "N", "Keep at most so many records; the oldest go first",
                     count(o.retain_records)});
  options.push_back({"retain-bytes", 0, "SIZE", "Keep at most so much, such as 256MiB",
                     keep(o.retain_bytes, [](const std::string& t) { return parse_size(t); })});
}

void add_process(std::vector<Option>& options, ServeOptions& o) {
  options.push_back(
      {"loops", 0, "N", "Event loops, each a thread (default: 1)",
       [&o](const std::string& given) -> Result<void> {
         auto n = parse_count(given);
         if (!n) return n.error();
         if (*n < 1 || *n > std::uint64_t{limits::kLoopsMax}) {
           return Error{Code::bad_argument, "between 1 and " + std::to_string(limits::kLoopsMax)};
         }
         o.loops = static_cast<std::size_t>(*n);
         return {};
       }});
  options.push_back({"ready-file", 0, "FILE",
                     "Write the address to this file as soon as it listens", text(o.ready_file)});
  options.push_back({"log-level", 0, "LEVEL", "error, warn, info (the default) or debug",
                     choice<LogLevel>(o.log_level, {{"error", LogLevel::error},
                                                    {"warn", LogLevel::warn},
                                                    {"info", LogLevel::info},
                                                    {"debug", LogLevel::debug}})});
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
  for (std::size_t j = 0; j <= b.size(); ++j) d[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      d[i][j] = std::min(
          {d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0U : 1U)});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
    }
  }
  return d[a.size()][b.size()];
}

constexpr std::size_t kHelpWidth = 80;
constexpr std::size_t kHelpText = 31;  // column where explanations begin

void help_row(std::string& out, const std::string& left, const std::string& explanation) {
  std::string line = report::padded("  " + left, kHelpText);
  if (line.size() > kHelpText || line.back() != ' ') {
    out += line + '\n';
    line.assign(kHelpText, ' ');
  }
  for (const std::string& part : report::wrapped(explanation, kHelpWidth - kHelpText)) {
    out += line + part + '\n';
    line.assign(kHelpText, ' ');
  }
}

std::string flags_of(const Option& option) {
  std::string out;
  if (option.letter != 0) out = std::string("-") + option.letter + ',';
  out += "--" + option.name;
  if (!option.value.empty()) out += ' ' + option.value;
  return out;
}

}  // namespace

Command serve_command(ServeOptions& o) {
  Command c;
  c.name = "serve";
  c.about = "Run the sidecar: forward every byte, record every call";
  c.description =
      "Each option is also an environment variable (--ca-dir is LLMREC_CA_DIR; several values are "
      "separated by commas) and a key of the configuration file (ca-dir = ...). The command line "
      "wins over the environment, the environment over the file.";
  c.options.push_back(help_option());
  c.options.push_back({"config", 0, "FILE", "Read options from this file", {}});
  c.options.back().from_outside = true;
  c.has_config = true;
  add_listening(c.options, o);
  add_tls(c.options, o);
  add_timeouts(c.options, o);
  add_storing(c.options, o);
  add_process(c.options, o);
  for (Option& option : c.options) option.from_outside = option.name != "help";
  return c;
}

Command show_command(ShowOptions& o) {
  Command c;
  c.name = "show";
  c.about = "Show one record as a receipt";
  c.description =
      "ID is a request_id or a unique beginning of one, 'last', or any id that the record holds: "
      "of the client, of the provider, of the response, of a tool call, of the trace.";
  c.positional = "ID";
  c.set_positional = text(o.id);
  c.options = {help_option(),
               {"json", 0, "", "The whole record as JSON", flag(o.json)},
               store_option(o.store)};
  add_view(c.options, o.view);
  return c;
}

Command ls_command(LsOptions& o, std::int64_t now_unix_ms) {
  Command c;
  c.name = "ls";
  c.about = "List records, newest first";
  const auto time = [now_unix_ms](const std::string& t) { return parse_time(t, now_unix_ms); };
  c.options = {
      help_option(),
      {"output", 'o', "FORM", "table (the default), wide, json, jsonl or csv",
       choice<Output>(o.output, {{"table", Output::table},
                                 {"wide", Output::wide},
                                 {"json", Output::json},
                                 {"jsonl", Output::jsonl},
                                 {"csv", Output::csv}})},
      {"count", 'n', "N", "At most so many; 0 is all (default: 50)",
       keep(o.count, [](const std::string& t) { return parse_count(t); })},
      {"since", 0, "TIME", "Begun at or after: 1h (ago), 2026-06-30, RFC 3339",
       keep(o.since_unix_ms, time)},
      {"until", 0, "TIME", "Begun before", keep(o.until_unix_ms, time)},
      {"status", 0, "WORD", "ok, failed, aborted or open",
       word<record::Status>(o.status, "a status")},
      {"stage", 0, "WORD", "This failure_stage", word<record::Stage>(o.stage, "a stage")},
      {"error", 0, "WORD", "This error_type", word<record::ErrorType>(o.error, "an error_type")},
      {"provider", 0, "NAME", "This provider, such as openai", text(o.provider)},
      {"model", 0, "GLOB", "This model, asked for or answered; '*' is a wildcard", text(o.model)},
      {"tag", 0, "KEY=VALUE", "With this tag; may be repeated: all of them", tag(o.tags)},
      {"slow", 0, "TIME", "Took at least so long", duration(o.slow_ns)},
      store_option(o.store)};
  for (Option& option : c.options) option.many = option.name == "tag";
  add_view(c.options, o.view);
  return c;
}

Command tap_command(TapOptions& o) {
  Command c;
  c.name = "tap";
  c.about = "Make a record of a captured request and response, as JSON";
  c.description = "The files hold the octets of one HTTP/1.1 exchange as they were on the wire.";
  c.options = {
      help_option(),
      {"request", 0, "FILE", "The octets that the client sent", text(o.request)},
      {"response", 0, "FILE", "The octets that the provider sent", text(o.response)},
      {"host", 0, "HOST", "The provider's host (default: the request's Host)", text(o.host)},
      {"end", 0, "HOW",
       "How the connection ended: close_notify (the default), fin, reset, or client (it reset "
       "the connection)",
       choice<CaptureEnd>(o.end, {{"close_notify", CaptureEnd::close_notify},
                                  {"fin", CaptureEnd::fin},
                                  {"reset", CaptureEnd::reset},
                                  {"client", CaptureEnd::client}})},
      {"split", 0, "N", "Read N octets at a time; the record does not depend on it",
       [&o](const std::string& given) -> Result<void> {
         auto n = parse_count(given);
         if (!n) return n.error();
         if (*n == 0) return Error{Code::bad_argument, "pieces have at least 1 octet"};
         o.split = static_cast<std::size_t>(*n);
         return {};
       }}};
  return c;
}

std::string environment_name(std::string_view option) {
  std::string out = "LLMREC_";
  for (const char c : option) {
    const bool letter = c >= 'a' && c <= 'z';
    out += c == '-' ? '_' : letter ? static_cast<char>(c - 'a' + 'A') : c;
  }
  return out;
}

std::string help_of(const Command& c) {
  std::string out = "Usage: llmrec " + c.name + " [OPTIONS]";
  if (!c.positional.empty()) out += ' ' + c.positional;
  out += "\n\n" + c.about + ".\n";
  if (!c.description.empty()) {
    for (const std::string& line : report::wrapped(c.description, kHelpWidth)) out += line + '\n';
  }
  out += "\nOptions:\n";
  for (const Option& option : c.options) help_row(out, flags_of(option), option.help);
  return out + "\nMore: man llmrec-" + c.name + '\n';
}

std::string help_of_all(const std::vector<Command>& commands) {
  std::string out =
      "Usage: llmrec COMMAND [OPTIONS]\n\n"
      "Records every call to an LLM provider, and changes none.\n\nSubcommands:\n";
  for (const Command& c : commands) help_row(out, c.name, c.about);
  out += "\nOptions:\n";
  help_row(out, "-h,--help", "Print this help");
  help_row(out, "--version", "Print the version");
  return out + "\nllmrec COMMAND --help says more about one; man 7 llmrec explains it all.\n";
}

std::string nearest(std::string_view typed, const std::vector<std::string>& names) {
  std::string best;
  std::size_t least = typed.size() < 4 ? 2 : 3;  // one more than allowed
  if (typed.size() > 64) return best;
  for (const std::string& name : names) {
    const std::size_t distance = name.empty() ? least : edit_distance(typed, name);
    if (distance < least) {
      least = distance;
      best = name;
    }
  }
  return best;
}

}  // namespace llmrec::cli
