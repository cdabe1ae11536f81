#include "relay/no_proxy.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/limits.h"

namespace llmrec::relay {
namespace {

std::string lowered_without_dots(std::string_view s) {
  if (s.starts_with('.')) s.remove_prefix(1);
  if (s.ends_with('.')) s.remove_suffix(1);
  std::string out(s);
  for (char& c : out) c = ascii_lower(c);
  return out;
}

std::optional<unsigned> parse_bits(std::string_view s, unsigned most) {
  unsigned n = 0;
  const auto [end, ec] = std::from_chars(s.data(), s.data() + s.size(), n);
  if (s.empty() || ec != std::errc{} || end != s.data() + s.size() || n > most) return std::nullopt;
  return n;
}

bool within(const IpAddress& ip, const IpAddress& net, unsigned bits) {
  if (ip.v4 != net.v4) return false;
  for (unsigned i = 0; i < bits; ++i) {
    const unsigned differ = ip.octets[i / 8] ^ net.octets[i / 8];
    if ((differ >> (7 - i % 8) & 1) != 0) return false;
  }
  return true;
}

}  // namespace

bool NoProxy::add(std::string_view list) {
  while (!list.empty()) {
    const std::size_t end = std::min(list.find_first_of(", \t"), list.size());
    if (end != 0) add_entry(list.substr(0, end));
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return names_.size() + networks_.size() <= limits::kHostListEntries;
}

void NoProxy::add_entry(std::string_view entry) {
  if (entry == "*") {
    all_ = true;
    return;
  }
  const std::size_t slash = entry.find('/');
  std::string_view host = entry.substr(0, slash);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  if (const auto ip = parse_ip_literal(host)) {
    const unsigned most = ip->v4 ? 32 : 128;
    const auto bits = slash == std::string_view::npos ? std::optional<unsigned>(most)
                                                      : parse_bits(entry.substr(slash + 1), most);
    if (bits) networks_.push_back({*ip, *bits});
    return;
  }
  std::string name = lowered_without_dots(entry);
  if (!name.empty()) names_.push_back(std::move(name));
}

bool NoProxy::covers(std::string_view host) const {
  if (all_) return true;
  if (const auto ip = parse_ip_literal(host)) {
    return std::any_of(networks_.begin(), networks_.end(),
                       [&](const Network& n) { return within(*ip, n.ip, n.bits); });
  }
  const std::string name = lowered_without_dots(host);
  return std::any_of(names_.begin(), names_.end(), [&](const std::string& entry) {
    if (!name.ends_with(entry)) return false;
    return name.size() == entry.size() || name[name.size() - entry.size() - 1] == '.';
  });
}

}  // namespace llmrec::relay
