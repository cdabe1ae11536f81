#include "daemon/ways.h"

#include <cstdlib>
#include <optional>
#include <string_view>
#include <utility>

#include "base/limits.h"
#include "base/log.h"
#include "relay/basic_auth.h"

namespace llmrec::daemon {
namespace {

Error bad(std::string_view flag, const std::string& value, std::string_view why) {
  std::string detail(flag);
  detail += " '" + value + "': ";
  return {Code::bad_argument, detail.append(why)};
}

Result<net::Door> reverse_door(const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos) {
    return bad("--reverse", text, "write LISTEN=URL, as 127.0.0.1:8801=https://api.openai.com");
  }
  net::Door door;
  door.mode = record::Mode::reverse;
  const std::string url = text.substr(equals + 1);
  if (const auto fault = relay::parse_url(url, door.upstream); !fault.empty()) {
    return bad("--reverse", text, fault);
  }
  if (!door.upstream.rest.empty() && door.upstream.rest != "/") {
    return bad("--reverse", text,
               "requests keep their path, so the URL must have none; it belongs into the app's "
               "base URL");
  }
  door.upstream.rest = {};  // a view of a text that goes
  return door;
}

std::optional<int> hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char l = ascii_lower(c);
  if (l >= 'a' && l <= 'f') return l - 'a' + 10;
  return std::nullopt;
}

std::string percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto high = text[i] == '%' && i + 2 < text.size() ? hex_value(text[i + 1]) : std::nullopt;
    const auto low = high ? hex_value(text[i + 2]) : std::nullopt;
    if (!low) {
      out += text[i];
      continue;
    }
    out += static_cast<char>(*high * 16 + *low);
    i += 2;
  }
  return out;
}

// The value is not shown in errors: it may hold a password.
Result<net::UpstreamProxy> parse_proxy(std::string_view text) {
  const auto fail = [](std::string_view why) {
    return Error{Code::bad_argument, std::string("--upstream-proxy: ").append(why) +
                                         "; write http://[USER:PASSWORD@]HOST:PORT"};
  };
  if (const std::size_t scheme = text.find("://"); scheme != std::string_view::npos) {
    if (!equals_ignoring_case(text.substr(0, scheme), "http")) {
      return fail("only proxies that are spoken to in clear HTTP can be used");
    }
    text.remove_prefix(scheme + 3);
  }
  net::UpstreamProxy proxy;
  if (const std::size_t at = text.rfind('@'); at != std::string_view::npos) {
    std::string credentials = percent_decoded(text.substr(0, at));
    if (credentials.find(':') == std::string::npos) credentials += ':';
    proxy.authorization = relay::basic_credentials(credentials);
    text.remove_prefix(at + 1);
  }
  if (text.ends_with('/')) text.remove_suffix(1);
  relay::Authority authority;
  if (const auto fault = relay::parse_authority(text, 0, authority); !fault.empty()) {
    return fail(fault);
  }
  proxy.host = authority.dial_host;
  proxy.port = authority.port;
  return proxy;
}

std::string environment(std::initializer_list<const char*> names) {
  for (const char* name : names) {
    const char* value = std::getenv(name);
    if (value != nullptr && *value != '\0') return value;
  }
  return {};
}

Result<void> set_proxy(const cli::ServeOptions& options, net::Settings& settings) {
  std::string url = options.upstream_proxy;
  const auto add = [&settings](const std::string& list) -> Result<void> {
    if (settings.no_proxy.add(list)) return {};
    return Error{Code::full,
                 "--no-proxy: more than " + std::to_string(limits::kHostListEntries) + " entries"};
  };
  if (url == "env") {
    url = environment({"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"});
    if (auto added = add(environment({"no_proxy", "NO_PROXY"})); !added) return added;
    if (url.empty()) log::info("serve", "--upstream-proxy env: HTTPS_PROXY is not set");
  }
  for (const std::string& list : options.no_proxy) {
    if (auto added = add(list); !added) return added;
  }
  if (url.empty()) return {};
  auto proxy = parse_proxy(url);
  if (!proxy) return std::move(proxy).error();
  settings.proxy = *std::move(proxy);
  return {};
}

Result<void> add_client_cert(const std::string& text, net::Settings& settings) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos) return bad("--client-cert", text, "write HOST=CERT:KEY");
  auto entry = relay::parse_host_entry(text.substr(0, equals));
  if (!entry) return bad("--client-cert", text, entry.error().detail);
  const std::string files = text.substr(equals + 1);
  std::shared_ptr<const tls::ClientIdentity> identity;
  if (files != "none") {
    const std::size_t colon = files.find(':');
    if (colon == std::string::npos) return bad("--client-cert", text, "write HOST=CERT:KEY");
    auto loaded = tls::ClientIdentity::load(files.substr(0, colon), files.substr(colon + 1));
    if (!loaded) return bad("--client-cert", text, loaded.error().detail);
    identity = *std::move(loaded);
  }
  if (auto added = settings.client_cert_hosts.add(*std::move(entry)); !added) return added;
  settings.client_certs.push_back(std::move(identity));
  return {};
}

}  // namespace

Result<std::vector<net::Address>> listen_addresses(const cli::ServeOptions& options) {
  std::vector<net::Address> out;
  std::vector<std::string> texts = {options.listen};
  for (const std::string& text : options.reverse) texts.push_back(text.substr(0, text.find('=')));
  texts.insert(texts.end(), options.transparent.begin(), options.transparent.end());
  for (const std::string& text : texts) {
    auto address = net::parse_listen_address(text);
    if (!address) return std::move(address).error();
    out.push_back(*address);
  }
  return out;
}

Result<void> set_ways(const cli::ServeOptions& options, net::Settings& settings) {
  settings.doors.push_back({.mode = record::Mode::connect, .upstream = {}});
  for (const std::string& text : options.reverse) {
    auto door = reverse_door(text);
    if (!door) return std::move(door).error();
    // An upstream that is named here may be at any address.
    const relay::Authority& to = door->upstream.authority;
    if (auto added = settings.named.add(to.text()); !added) return added;
    settings.doors.push_back(*std::move(door));
  }
  for (std::size_t i = 0; i < options.transparent.size(); ++i) {
    settings.doors.push_back({.mode = record::Mode::transparent, .upstream = {}});
  }
  if (settings.doors.size() > limits::kDoorsMax) {
    return Error{Code::bad_argument,
                 "more than " + std::to_string(limits::kDoorsMax) + " listeners"};
  }
  for (const std::string& text : options.client_cert) {
    if (auto added = add_client_cert(text, settings); !added) return added;
  }
  return set_proxy(options, settings);
}

std::string describe(const net::Door& door) {
  switch (door.mode) {
    case record::Mode::reverse:
      return std::string("reverse to ") + (door.upstream.https ? "https://" : "http://") +
             door.upstream.authority.text();
    case record::Mode::transparent:
      return "transparent";
    default:
      return "listen";
  }
}

}  // namespace llmrec::daemon
