// Which destinations do not go through the upstream proxy: a list with the meaning that NO_PROXY
// has for curl (CURLOPT_NOPROXY). Names cover themselves and what is below them; a leading dot
// changes nothing; addresses cover themselves, with /BITS a network; `*` covers all.
// Does not resolve: a name is never covered by an address. Pure; frozen before it is shared.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "relay/destination.h"

namespace llmrec::relay {

class NoProxy {
 public:
  // Entries are separated by commas or blanks. What is neither a name nor an address covers
  // nothing, as with curl. False: more than limits::kHostListEntries.
  bool add(std::string_view list);
  // `host`: a name (any case, maybe with its trailing dot), or an address without brackets.
  bool covers(std::string_view host) const;

 private:
  struct Network {
    IpAddress ip;
    unsigned bits = 0;
  };
  void add_entry(std::string_view entry);

  std::vector<std::string> names_;  // lower case, without dots at the ends
  std::vector<Network> networks_;
  bool all_ = false;
};

}  // namespace llmrec::relay
