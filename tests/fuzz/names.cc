// Short texts that strangers and flags bring: ids, addresses, hosts, authorities, credentials,
// header values. Octets: 0 which, then the text.
#include <arpa/inet.h>

#include <cstring>

#include "base/id.h"
#include "base/limits.h"
#include "dialect/provider.h"
#include "fuzz/fuzz.h"
#include "relay/authority.h"
#include "relay/basic_auth.h"
#include "relay/destination.h"
#include "relay/no_proxy.h"
#include "tap/fields.h"

using namespace llmrec;
using namespace llmrec::relay;

namespace {

void id(Bytes text) {
  if (const auto read = RecordId::from_text(text)) {
    LLMREC_PROMISE(RecordId::from_text(read->text()) == read);
    const auto range = record_id_prefix(text);
    LLMREC_PROMISE(range && range->first == *read && range->last == *read);
  }
  if (const auto range = record_id_prefix(text)) {
    LLMREC_PROMISE(range->first <= range->last);
  }
  if (const auto read = RecordId::from_bytes(text)) {
    LLMREC_PROMISE(read->bytes() == text);
    LLMREC_PROMISE(RecordId::from_text(read->text()) == read);
    LLMREC_PROMISE(read->unix_ms() >= 0);
  }
}

// The C library reads the same addresses, and no others.
void address(Bytes text) {
  const auto mine = parse_ip_literal(text);
  const std::string z(text);
  unsigned char octets[16];
  const bool clean = z.find('\0') == std::string::npos;
  const bool v4 = clean && inet_pton(AF_INET, z.c_str(), octets) == 1;
  const bool v6 = clean && !v4 && inet_pton(AF_INET6, z.c_str(), octets) == 1;
  LLMREC_PROMISE(mine.has_value() == (v4 || v6));
  if (mine) {
    LLMREC_PROMISE(mine->v4 == v4);
    LLMREC_PROMISE(std::memcmp(mine->octets.data(), octets, v4 ? 4 : 16) == 0);
    LLMREC_PROMISE(parse_ip_literal(mine->text()) == mine);
    LLMREC_PROMISE(!is_odd_address_literal(text));
    name_of(classify(*mine));
  }
  if (const auto ip = IpAddress::from_octets(text)) {
    LLMREC_PROMISE(parse_ip_literal(ip->text()) == ip);
  }
  // inet_aton takes what getaddrinfo() takes: such a name must not pass for a name.
  in_addr odd{};
  if (clean && !v4 && is_hostname(text) && inet_aton(z.c_str(), &odd) == 1) {
    LLMREC_PROMISE(is_odd_address_literal(text));
  }
}

void authority(Bytes text) {
  Authority a;
  if (parse_authority(text, 443, a).empty()) {
    LLMREC_PROMISE(a.port != 0 && !a.host.empty());
    Authority again;
    LLMREC_PROMISE(parse_authority(a.text(), 0, again).empty());
    LLMREC_PROMISE(again.host == a.host && again.port == a.port);
    Authority field;
    LLMREC_PROMISE(parse_authority(a.host_field(443), 443, field).empty());
    LLMREC_PROMISE(field.host == a.host && field.port == a.port);
  }
  Url url;
  if (parse_url(text, url).empty()) {
    LLMREC_PROMISE(is_absolute_url(text));
    LLMREC_PROMISE(url.rest.empty() || url.rest[0] == '/' || url.rest[0] == '?');
    LLMREC_PROMISE(text.ends_with(url.rest));
  }
}

void hosts(Bytes text) {
  HostList list;
  NoProxy none;
  none.add(text);
  for (Bytes rest = text; !rest.empty();) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const Bytes line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    const auto entry = parse_host_entry(line);
    if (entry) {
      LLMREC_PROMISE(!entry->pattern.empty());
      if (list.add(*entry) && !entry->is_glob) {
        LLMREC_PROMISE(list.match(entry->pattern, entry->port.value_or(443)) != nullptr);
      }
    } else {
      LLMREC_PROMISE(entry.error().code == Code::bad_argument);
    }
    list.match(line, 443);
    none.covers(line);
    dialect::provider_by_host(line);
    dialect::region_by_host(line);
  }
}

void credentials(Bytes text) {
  const std::string user = basic_user(text);
  LLMREC_PROMISE(user.size() <= 64);
  for (const char c : user) LLMREC_PROMISE(is_printable_ascii(c));
  const auto colon = text.find(':');
  const Bytes name = text.substr(0, colon);
  bool plain = colon != Bytes::npos && name.size() <= 64;
  for (const char c : name) plain = plain && is_printable_ascii(c);
  if (plain) LLMREC_PROMISE(basic_user(basic_credentials(text)) == name);
}

void fields(Bytes text) {
  if (const auto t = tap::parse_traceparent(text)) {
    LLMREC_PROMISE(t->trace_id.size() == 32 && t->span_id.size() == 16);
  }
  for (const auto ns :
       {tap::parse_decimal(text, 1'000'000'000), tap::parse_decimal(text, 1'000'000),
        tap::parse_retry_after(text, 1'780'000'000)}) {
    LLMREC_PROMISE(!ns || *ns >= 0);
  }
  tap::parse_http_date(text);
  tap::parse_int(text);
  const std::string clean = tap::clean(text, 20);
  LLMREC_PROMISE(clean.size() <= 20);
  for (const char c : clean) LLMREC_PROMISE(is_printable_ascii(c));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(fuzz::bytes(data, size));
  constexpr decltype(&id) kAll[] = {id, address, authority, hosts, credentials, fields};
  kAll[input.byte() % std::size(kAll)](input.rest());
  return 0;
}
