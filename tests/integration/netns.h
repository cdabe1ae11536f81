// A network of one's own: this thread, and all threads and children that it starts later, move into
// a fresh network and mount namespace with a loopback device, netfilter rules and a hosts file of
// the test's. Needs root; without it the test program ends with 77, which is "skipped".
#pragma once

#include <string>

namespace llmrec::integration {

// Once per program, before any other thread. Ends the program where it cannot be had.
void enter_own_network();

// The only rule there is from now on, as nft(8) has it; a failed assertion where it is not taken.
void set_rules(const std::string& hook, const std::string& rule);

// Replaces /etc/hosts, for us alone.
void set_hosts(const std::string& content);
// Names are asked of a server that never answers, for so many seconds.
void set_silent_resolver(int seconds);

}  // namespace llmrec::integration
