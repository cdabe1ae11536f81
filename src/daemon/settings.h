// From the user's words to what the loops run on: hosts, addresses, budgets. Errors are one line
// that names the flag. Main thread, at start.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "cli/options.h"
#include "net/shared.h"

namespace llmrec::daemon {

Result<net::Settings> make_settings(const cli::ServeOptions& options, std::size_t descriptors);

Result<net::ConnectTo> parse_connect_to(const std::string& text);

// What the CA is constrained to: the recorded names and globs, and the recorded addresses.
struct CaScope {
  std::vector<std::string> hosts;
  std::vector<std::string> ip_literals;
};
CaScope ca_scope(const relay::HostList& recorded);

}  // namespace llmrec::daemon
