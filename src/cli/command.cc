#include "cli/command.h"

#include <algorithm>
#include <utility>

#include "cli/setters.h"
#include "cli/values.h"
#include "report/format.h"

namespace llmrec::cli {
namespace {

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
  options.push_back(choice_option<H2>(
      "h2", 0, "WHAT", "Clients that offer only HTTP/2: tunnel (unopened, the default) or refuse",
      o.h2, {{"tunnel", H2::tunnel}, {"refuse", H2::refuse}}));
  Option tags{"tag", 0, "KEY=VALUE", "A tag for every record; may be repeated", tag(o.tags)};
  tags.many = true;
  options.push_back(std::move(tags));
}

// Taken apart by the daemon, which knows URLs and addresses.
void add_ways(std::vector<Option>& options, ServeOptions& o) {
  const auto many = [&options](std::string name, std::string value, std::string help,
                               std::vector<std::string>& into) {
    Option option{std::move(name), 0, std::move(value), std::move(help),
                  each(into, [](const std::string& t) -> Result<void> {
                    if (t.empty()) return Error{Code::bad_argument, "the value is empty"};
                    return {};
                  })};
    option.many = true;
    options.push_back(std::move(option));
  };
  many("reverse", "LISTEN=URL",
       "Lead clients of this address to URL, as a base URL for apps that use no proxy; may be "
       "repeated",
       o.reverse);
  many("transparent", "LISTEN",
       "Take connections that netfilter redirected to this address; may be repeated",
       o.transparent);
  options.push_back({"upstream-proxy", 0, "URL",
                     "Go out through this proxy, http://[USER:PASSWORD@]HOST:PORT; env takes "
                     "HTTPS_PROXY and NO_PROXY",
                     text(o.upstream_proxy)});
  many("no-proxy", "LIST",
       "Hosts, domains and networks that do not go through it, as for curl; may be repeated",
       o.no_proxy);
  many("client-cert", "HOST=CERT:KEY",
       "Show HOST this certificate, PEM files; or HOST=none to show none; may be repeated",
       o.client_cert);
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
  options.push_back(prices_option(o.prices));
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
  options.push_back({"admin", 0, "HOST:PORT",
                     "Where probes, /metrics and the dashboard are, such as 127.0.0.1:8791 "
                     "(default: nowhere)",
                     [&o](const std::string& given) -> Result<void> {
                       if (auto ok = parse_endpoint(given); !ok) return ok.error();
                       o.admin = given;
                       return {};
                     }});
  options.push_back({"admin-notes", 0, "", "Let apps add notes to records through that port",
                     flag(o.admin_notes)});
  options.push_back(choice_option<Logged>(
      "log", 0, "WHAT", "records: one line of JSON on standard output for each; nothing (default)",
      o.logged, {{"nothing", Logged::nothing}, {"records", Logged::records}}));
  options.push_back(choice_option<LogLevel>("log-level", 0, "LEVEL",
                                            "error, warn, info (the default) or debug", o.log_level,
                                            {{"error", LogLevel::error},
                                             {"warn", LogLevel::warn},
                                             {"info", LogLevel::info},
                                             {"debug", LogLevel::debug}}));
}

void add_edits(std::vector<Option>& options, ServeOptions& o) {
  options.push_back({"ensure-usage", 0, "",
                     "Edit: ask for usage in every stream of OpenAI's chat and completions",
                     flag(o.ensure_usage)});
  options.push_back({"strip-usage-frame", 0, "",
                     "Edit: drop the usage chunk at the end that the client did not ask for",
                     flag(o.strip_usage_frame)});
  options.push_back({"request-id-header", 0, "",
                     "Edit: add X-Llmrec-Request-Id to the head of each response",
                     flag(o.request_id_header)});
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
constexpr std::size_t kHelpText = 31;     // column where explanations begin
constexpr std::size_t kCommandText = 15;  // the same behind names of commands

void help_row(std::string& out, const std::string& left, const std::string& explanation,
              std::size_t text_at = kHelpText) {
  std::string line = report::padded("  " + left, text_at);
  if (line.size() > text_at || line.back() != ' ') {
    out += line + '\n';
    line.assign(text_at, ' ');
  }
  for (const std::string& part : report::wrapped(explanation, kHelpWidth - text_at)) {
    out += line + part + '\n';
    line.assign(text_at, ' ');
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
  add_ways(c.options, o);
  add_tls(c.options, o);
  add_timeouts(c.options, o);
  add_edits(c.options, o);
  add_storing(c.options, o);
  add_process(c.options, o);
  for (Option& option : c.options) option.from_outside = option.name != "help";
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
  for (const Option& option : c.options) {
    if (!option.hidden) help_row(out, flags_of(option), option.help);
  }
  return out + "\nMore: man llmrec-" + c.name.substr(0, c.name.find(' ')) + '\n';
}

std::string help_of_group(const Group& group, const std::vector<Command>& commands) {
  std::string out = "Usage: llmrec " + group.name + " COMMAND [OPTIONS]\n\n" + group.about +
                    ".\n\nSubcommands:\n";
  for (const Command& c : commands) {
    if (c.name.starts_with(group.name + ' ')) {
      help_row(out, c.name.substr(group.name.size() + 1), c.about, kCommandText);
    }
  }
  return out + "\nMore: llmrec " + group.name + " COMMAND --help, man llmrec-" + group.name + '\n';
}

std::string help_of_all(const std::vector<Group>& groups, const std::vector<Command>& commands) {
  std::string out =
      "Usage: llmrec COMMAND [OPTIONS]\n\n"
      "Records every call to an LLM provider, and changes none.\n\nSubcommands:\n";
  for (const Command& c : commands) {
    if (c.name.find(' ') == std::string::npos) help_row(out, c.name, c.about, kCommandText);
  }
  for (const Group& group : groups) help_row(out, group.name, group.about, kCommandText);
  out += "\nOptions:\n";
  help_row(out, "-h,--help", "Print this help", kCommandText);
  help_row(out, "--version", "Print the version", kCommandText);
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
