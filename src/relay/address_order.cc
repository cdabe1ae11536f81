#include "relay/address_order.h"

#include <cstddef>

namespace llmrec::relay {

void let_families_take_turns(std::vector<IpAddress>& addresses) {
  if (addresses.empty()) return;
  const std::vector<IpAddress> given = addresses;
  std::size_t next[2] = {0, 0};  // by v4
  bool v4 = given.front().v4;
  const auto advance = [&](bool family) {
    std::size_t& at = next[family ? 1 : 0];
    while (at < given.size() && given[at].v4 != family) ++at;
    return at;
  };
  for (IpAddress& address : addresses) {
    if (advance(v4) == given.size()) v4 = !v4;
    address = given[advance(v4)];
    ++next[v4 ? 1 : 0];
    v4 = !v4;
  }
}

}  // namespace llmrec::relay
