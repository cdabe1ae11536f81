#include "daemon/settings.h"

#include <algorithm>
#include <charconv>
#include <fstream>

#include "base/limits.h"
#include "daemon/ways.h"
#include "dialect/dialect.h"
#include "dialect/provider.h"

namespace llmrec::daemon {
namespace {

std::optional<std::uint16_t> parse_port(std::string_view text) {
  unsigned port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port > 65535) return std::nullopt;
  return static_cast<std::uint16_t>(port);
}

// Takes "HOST:" or "[V6]:" off the front.
std::optional<std::string> take_host(std::string_view& rest) {
  std::string host;
  if (!rest.empty() && rest.front() == '[') {
    const auto close = rest.find("]:");
    if (close == std::string_view::npos) return std::nullopt;
    host = rest.substr(1, close - 1);
    rest.remove_prefix(close + 2);
    return host;
  }
  const auto colon = rest.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  host = rest.substr(0, colon);
  rest.remove_prefix(colon + 1);
  return host;
}

Result<tap::PriceTable> read_prices(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  std::string text;
  std::string piece(64 * 1024, '\0');
  // One octet more than is taken, so that parse() sees that it is too much.
  while (in && text.size() <= limits::kPriceFileOctets) {
    in.read(piece.data(), static_cast<std::streamsize>(piece.size()));
    text.append(piece, 0, static_cast<std::size_t>(in.gcount()));
  }
  // A directory can be opened, and cannot be read.
  if (in.bad() || (text.empty() && !in.eof())) {
    return Error{Code::io, "--prices: cannot read " + file};
  }
  auto table = tap::PriceTable::parse(text);
  if (!table) return Error{table.error().code, "--prices " + file + ": " + table.error().detail};
  return table;
}

Result<void> add_hosts(const cli::ServeOptions& options, relay::HostList& list,
                       relay::HostList& named) {
  for (const std::string& entry : options.record) {
    auto parsed = relay::parse_host_entry(entry);
    if (!parsed) return Error{Code::bad_argument, "--record: " + parsed.error().detail};
    if (!parsed->dialect.empty() && !dialect::make_by_name(parsed->dialect, {})) {
      std::string known;
      for (const dialect::Entry& e : dialect::registry()) {
        known += (known.empty() ? "" : ", ") + std::string(e.name);
      }
      return Error{Code::bad_argument, "--record " + entry + ": there is no dialect '" +
                                           parsed->dialect + "'; known are " + known};
    }
    if (auto added = named.add(*parsed); !added) return std::move(added).error();
    if (auto added = list.add(*std::move(parsed)); !added) return std::move(added).error();
  }
  if (options.no_default_hosts) return {};
  for (const dialect::ProviderHost& host : dialect::provider_hosts()) {
    if (auto added = list.add(host.pattern); !added) return std::move(added).error();
  }
  return {};
}

}  // namespace

Result<net::ConnectTo> parse_connect_to(const std::string& text) {
  const auto bad = [&] {
    return Error{Code::bad_argument,
                 "--connect-to '" + text + "': write HOST:PORT:ADDRESS:PORT, as for curl"};
  };
  std::string_view rest = text;
  net::ConnectTo rule;
  const auto host = take_host(rest);
  if (!host) return bad();
  rule.host = *host;
  std::transform(rule.host.begin(), rule.host.end(), rule.host.begin(), ascii_lower);
  const auto colon = rest.find(':');
  if (colon == std::string_view::npos) return bad();
  if (colon != 0) {
    const auto port = parse_port(rest.substr(0, colon));
    if (!port) return bad();
    rule.port = *port;
  }
  rest.remove_prefix(colon + 1);
  const auto to_host = take_host(rest);
  if (!to_host) return bad();
  rule.to_host = *to_host;
  if (!rest.empty()) {
    const auto port = parse_port(rest);
    if (!port) return bad();
    rule.to_port = *port;
  }
  return rule;
}

Result<net::Settings> make_settings(const cli::ServeOptions& options, std::size_t descriptors) {
  net::Settings s;
  if (auto added = add_hosts(options, s.recorded, s.named); !added) return std::move(added).error();
  for (const std::string& text : options.connect_to) {
    auto rule = parse_connect_to(text);
    if (!rule) return std::move(rule).error();
    s.connect_to.push_back(*std::move(rule));
  }
  if (auto set = set_ways(options, s); !set) return std::move(set).error();
  s.deny_unlisted = options.deny_unlisted;
  s.tunnel_untrusting = options.tunnel_untrusting;
  s.refuse_h2 = options.h2 == cli::H2::refuse;
  s.enforce_timeouts = options.enforce_timeouts;
  s.edits = {.ensure_usage = options.ensure_usage,
             .strip_usage_frame = options.strip_usage_frame,
             .request_id_header = options.request_id_header};
  s.tags = options.tags;
  s.connect_timeout_ns = options.connect_timeout_ns;
  s.budgets = {.connect_ns = options.connect_timeout_ns,
               .headers_ns = options.headers_timeout_ns,
               .first_token_ns = options.first_token_timeout_ns,
               .idle_ns = options.idle_timeout_ns,
               .total_ns = options.total_timeout_ns};
  const std::size_t reserved =
      limits::kReservedDescriptors + (options.admin.empty() ? 0 : limits::kAdminConnections);
  const std::size_t usable =
      descriptors > 2 * reserved ? descriptors - reserved : limits::kReservedDescriptors;
  s.sessions_max = usable / limits::kDescriptorsPerSession;
  s.prices = tap::PriceTable::built_in();
  if (!options.prices.empty()) {
    auto prices = read_prices(options.prices);
    if (!prices) return std::move(prices).error();
    s.prices = *std::move(prices);
  }
  return s;
}

CaScope ca_scope(const relay::HostList& recorded) {
  CaScope scope;
  for (const relay::HostEntry& entry : recorded.entries()) {
    (entry.is_ip ? scope.ip_literals : scope.hosts).push_back(entry.pattern);
  }
  return scope;
}

}  // namespace llmrec::daemon
