// A network of one's own: this thread, and all threads and children that it starts later, move into
// a fresh network and mount namespace with a loopback device, netfilter rules and a hosts file of
// the test's. Needs root; without it the test program ends with 77, which is "skipped".
#pragma once

#include <string>

namespace llmrec::integration {

// Once per program, before any other thread. Ends the program where it cannot be had.
void enter_own_network();

// Runs `nft -f -`; a failed assertion where it does not take the rules.
void add_rules(const std::string& rules);

// Replaces /etc/hosts, for us alone.
void set_hosts(const std::string& content);

// Connections of this thread are made as another user while it lives, for rules that ask for one.
class AsUser {
 public:
  explicit AsUser(unsigned uid);
  ~AsUser();
  AsUser(const AsUser&) = delete;
  AsUser& operator=(const AsUser&) = delete;

 private:
  unsigned before_;
};

}  // namespace llmrec::integration
