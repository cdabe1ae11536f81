#include "cli/findings.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "cli/values.h"
#include "report/format.h"

namespace llmrec::cli {
namespace {

using Findings = std::vector<Finding>;

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), ascii_lower);
  return text;
}

std::string value(const World& world, const std::string& name) {
  return world.get(name).value_or("");
}

// Scheme, host and port of a URL; user and path do not matter here.
struct Url {
  std::string scheme;
  std::string host;
  std::uint16_t port = 0;
};
std::optional<Url> parse_url(std::string_view text) {
  Url url;
  url.scheme = "http";
  if (const auto end = text.find("://"); end != std::string_view::npos) {
    url.scheme = lower(std::string(text.substr(0, end)));
    text.remove_prefix(end + 3);
  }
  text = text.substr(0, text.find_first_of("/?#"));
  if (const auto at = text.rfind('@'); at != std::string_view::npos) text.remove_prefix(at + 1);
  const std::string port = url.scheme == "https" ? ":443" : ":80";
  const bool bare = text.find(':') == std::string_view::npos || text.ends_with(']');
  const auto endpoint = parse_endpoint(std::string(text) + (bare ? port : ""));
  if (!endpoint) return std::nullopt;
  url.host = lower(endpoint->host);
  url.port = endpoint->port;
  return url;
}

bool is_here(const std::string& host) {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

// The addresses that reach a listener from the same machine.
bool leads_to(const Url& url, const Endpoint& listen) {
  if (url.port != listen.port) return false;
  const bool wildcard = listen.host == "0.0.0.0" || listen.host == "::";
  return lower(listen.host) == url.host ||
         (is_here(url.host) && (wildcard || is_here(listen.host)));
}

struct TrustVariable {
  const char* name;
  const char* who;
  bool replaces;  // the file stands in place of the system's roots
};
constexpr std::array<TrustVariable, 7> kTrust = {{
    {"SSL_CERT_FILE", "Python httpx (openai, anthropic), Go, Rust, .NET, OpenSSL", true},
    {"NODE_EXTRA_CA_CERTS", "Node, Bun", false},
    {"REQUESTS_CA_BUNDLE", "Python requests", true},
    {"CURL_CA_BUNDLE", "curl", true},
    {"AWS_CA_BUNDLE", "boto3, the AWS CLI", true},
    {"GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", "gRPC", true},
    {"DENO_CERT", "Deno", false},
}};

// Without blanks and line ends, so that files written by other programs compare.
std::string dense(std::string_view pem) {
  std::string out;
  for (const char c : pem) {
    if (c > ' ') out += c;
  }
  return out;
}

std::size_t certificates_in(const std::string& pem) {
  constexpr std::string_view kBegin = "-----BEGIN CERTIFICATE-----";
  std::size_t n = 0;
  for (auto at = pem.find(kBegin); at != std::string::npos; at = pem.find(kBegin, at + 1)) ++n;
  return n;
}

Finding examine_variable(const TrustVariable& v, const std::string& file, const Plan& plan,
                         const World& world) {
  const std::string is = std::string(v.name) + '=' + file;
  const std::string set = "set " + std::string(v.name) + '=' + plan.bundle;
  const auto content = world.read_file(file);
  if (!content) return {Severity::bad, is + ": " + content.error().detail, set};
  if (!plan.root_pem.empty() && dense(*content).find(dense(plan.root_pem)) == std::string::npos) {
    return {Severity::bad, is + ": our CA is not in it",
            "run llmrec ca bundle, " + set + " and start the app again"};
  }
  if (v.replaces && certificates_in(*content) < 2) {
    return {Severity::bad,
            is + ": our CA is alone in it, so that all other hosts are refused (" + v.who + ")",
            "run llmrec ca bundle and " + set};
  }
  return {Severity::good, is + " (" + v.who + ")", ""};
}

constexpr std::array<const char*, 9> kBaseUrls = {"OPENAI_BASE_URL",
                                                  "OPENAI_API_BASE",
                                                  "ANTHROPIC_BASE_URL",
                                                  "AZURE_OPENAI_ENDPOINT",
                                                  "GOOGLE_GEMINI_BASE_URL",
                                                  "GOOGLE_VERTEX_BASE_URL",
                                                  "MISTRAL_BASE_URL",
                                                  "OLLAMA_HOST",
                                                  "AWS_ENDPOINT_URL_BEDROCK_RUNTIME"};

std::string most_of(const std::map<std::string, std::uint64_t>& counts) {
  const auto most =
      std::max_element(counts.begin(), counts.end(),
                       [](const auto& a, const auto& b) { return a.second < b.second; });
  return report::clean(most->first);
}

std::uint64_t sum(const std::map<std::string, std::uint64_t>& counts) {
  std::uint64_t n = 0;
  for (const auto& [host, count] : counts) n += count;
  return n;
}

}  // namespace

bool kept_from_proxy(const std::string& no_proxy, const std::string& host) {
  std::size_t begin = 0;
  while (begin <= no_proxy.size()) {
    const std::size_t end = std::min(no_proxy.find_first_of(", ", begin), no_proxy.size());
    std::string entry = lower(no_proxy.substr(begin, end - begin));
    begin = end + 1;
    if (entry == "*") return true;
    if (entry.starts_with("*.")) entry.erase(0, 1);
    if (entry.starts_with('.')) entry.erase(0, 1);
    if (entry.empty()) continue;
    if (host == entry || host.ends_with('.' + entry)) return true;
  }
  return false;
}

void examine_proxy(const Plan& plan, const World& world, Findings& out) {
  const std::string url = "http://" + plan.listen;
  const auto listen = parse_endpoint(plan.listen);
  if (listen) {
    const std::string refused = world.dial(listen->host, listen->port);
    if (refused.empty()) {
      out.push_back({Severity::good, "something listens on " + plan.listen, ""});
    } else {
      out.push_back({Severity::bad, "nothing answers on " + plan.listen + ": " + refused,
                     "start llmrec serve, or name its address with --listen"});
    }
  }
  const std::string upper_case = value(world, "HTTPS_PROXY");
  const std::string lower_case = value(world, "https_proxy");
  if (upper_case.empty() && lower_case.empty()) {
    const bool all = !value(world, "ALL_PROXY").empty() || !value(world, "all_proxy").empty();
    out.push_back({Severity::bad,
                   all ? "only ALL_PROXY is set, which Node, Go and Python's requests do not read"
                       : "HTTPS_PROXY is not set: calls go past the recorder",
                   "set HTTPS_PROXY=" + url + " for the app (llmrec ca env)"});
    return;
  }
  for (const auto& [name, text] :
       {std::pair<std::string, std::string>("HTTPS_PROXY", upper_case),
        std::pair<std::string, std::string>("https_proxy", lower_case)}) {
    if (text.empty()) {
      out.push_back({Severity::hint, name + " is not set: some clients read only this spelling",
                     "set both spellings"});
      continue;
    }
    const auto parsed = parse_url(text);
    if (!parsed) {
      out.push_back({Severity::bad, name + " is no address of a proxy", "set " + name + '=' + url});
    } else if (parsed->scheme != "http") {
      out.push_back({Severity::bad,
                     name + " begins with " + report::clean(parsed->scheme) +
                         "://, the recorder speaks plain HTTP to apps",
                     "set " + name + '=' + url});
    } else if (listen && !leads_to(*parsed, *listen)) {
      const std::string there = report::clean(parsed->host) + ':' + std::to_string(parsed->port);
      out.push_back({Severity::bad, name + " leads to " + there + ", not to " + plan.listen,
                     "set " + name + '=' + url + ", or name the right address with --listen"});
    } else {
      out.push_back({Severity::good, name + " leads to the recorder", ""});
    }
  }
  if (value(world, "NODE_USE_ENV_PROXY") != "1") {
    out.push_back({Severity::hint, "NODE_USE_ENV_PROXY is not 1: Node goes past the recorder",
                   "set NODE_USE_ENV_PROXY=1 (Node 22.21 and later, 24.5 and later)"});
  }
}

void examine_trust(const Plan& plan, const World& world, Findings& out) {
  if (plan.root_pem.empty()) {
    out.push_back({Severity::hint,
                   "our CA was not found: what is in the files below is not checked",
                   "name it with --ca-dir, or the bundle with --bundle"});
  }
  Findings found;
  std::string unset;
  for (const TrustVariable& v : kTrust) {
    const std::string file = value(world, v.name);
    if (file.empty()) {
      unset += (unset.empty() ? "" : ", ") + std::string(v.name);
    } else {
      found.push_back(examine_variable(v, file, plan, world));
    }
  }
  if (found.empty()) {
    out.push_back({Severity::bad, "no variable names our CA: clients will refuse its certificates",
                   "run llmrec ca bundle and set what llmrec ca env prints"});
    return;
  }
  out.insert(out.end(), found.begin(), found.end());
  if (!unset.empty()) {
    out.push_back({Severity::hint, "not set: " + unset,
                   "set those that the app's clients read: "
                   "llmrec ca env prints all"});
  }
}

void examine_hosts(const Plan& plan, const World& world, Findings& out) {
  const std::string no_proxy = value(world, "NO_PROXY") + ',' + value(world, "no_proxy");
  const auto examine = [&](const std::string& host, std::uint16_t port, const std::string& from) {
    if (!world.recorded(host, port)) {
      out.push_back({Severity::bad,
                     from + report::clean(host) +
                         " is not a recorded host: it is "
                         "tunnelled unopened",
                     "start llmrec serve with --record " + report::clean(host)});
    } else if (kept_from_proxy(no_proxy, host)) {
      out.push_back({Severity::bad,
                     from + report::clean(host) + " is kept from the proxy by NO_PROXY",
                     "take it out of NO_PROXY and no_proxy"});
    } else {
      out.push_back({Severity::good, from + report::clean(host) + " is recorded", ""});
    }
  };
  for (const std::string& text : plan.hosts) {
    const auto url = parse_url("https://" + text);
    if (url) examine(url->host, url->port, "");
  }
  for (const char* name : kBaseUrls) {
    const std::string text = value(world, name);
    if (text.empty()) continue;
    const auto url = parse_url(text);
    const std::string from = std::string(name) + ": ";
    if (!url) {
      out.push_back({Severity::hint, from + "not an address", "look at it"});
    } else if (is_here(url->host)) {
      out.push_back({Severity::hint, from + "this machine, which clients do not ask a proxy for",
                     "give the recorder that address with --reverse, or a name to the server"});
    } else {
      examine(url->host, url->port, from);
    }
  }
  if (kept_from_proxy(no_proxy, "api.openai.com") && plan.hosts.empty()) {
    out.push_back({Severity::bad, "NO_PROXY keeps api.openai.com from the proxy",
                   "take what fits it out of NO_PROXY and no_proxy"});
  }
}

void examine_store(const Result<store::Stat>& stat, int writer, const std::string& dir,
                   Findings& out) {
  if (!stat) {
    out.push_back({Severity::bad, stat.error().detail, "name the recorder's store with --store"});
    return;
  }
  if (writer == 0) {
    out.push_back({Severity::bad, "no recorder writes to " + dir,
                   "start llmrec serve, or name the store of the one that runs with --store"});
  } else {
    out.push_back({Severity::good, "a recorder writes to " + dir, ""});
  }
  if (stat->records + stat->open_rows == 0) {
    out.push_back({Severity::hint, "it has recorded nothing yet", "make a call and look again"});
  }
  for (const store::Loss& loss : stat->losses) {
    const bool full =
        loss.reason == store::LossReason::disk_full || loss.reason == store::LossReason::map_full;
    if (&loss != &stat->losses.back() && !full) continue;
    out.push_back(
        {full ? Severity::bad : Severity::hint,
         report::counted(loss.count, "record") + " lost, last at " +
             report::local_time(loss.last_ms * 1000, false) + ": " +
             std::string(store::name(loss.reason)),
         full ? "make room on the disk, or raise --store-map" : "llmrec db stat lists all losses"});
  }
}

void examine_evidence(const Evidence& seen, Findings& out) {
  if (!seen.untrusting.empty()) {
    out.push_back({Severity::bad,
                   report::counted(sum(seen.untrusting), "connection") +
                       " refused our certificate, most of them to " + most_of(seen.untrusting),
                   "point that app's CA variable at the bundle; for a client that pins "
                   "certificates, start llmrec serve with --tunnel-untrusting"});
  }
  if (!seen.h2_only.empty()) {
    out.push_back({Severity::bad,
                   report::counted(sum(seen.h2_only), "connection") +
                       " offered only HTTP/2 and passed unopened, most of them to " +
                       most_of(seen.h2_only),
                   "make that client offer HTTP/1.1 (gRPC and the AWS SDK for JavaScript cannot)"});
  }
}

}  // namespace llmrec::cli
