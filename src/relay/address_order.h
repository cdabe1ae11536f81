// In which order the addresses of a name are tried (RFC 8305 §4): the families take turns, so that
// a host whose IPv6 leads nowhere costs one pause and not one for each address. Pure.
#pragma once

#include <vector>

#include "relay/destination.h"

namespace llmrec::relay {

// Within a family the resolver's order stays, and its first address stays the first.
void let_families_take_turns(std::vector<IpAddress>& addresses);

}  // namespace llmrec::relay
