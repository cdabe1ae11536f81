// The ways in and out that flags name: listeners with their doors, the upstream proxy, client
// certificates. Errors are one line that names the flag, and never show a password.
// Main thread, at start.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "cli/options.h"
#include "net/shared.h"

namespace llmrec::daemon {

// The doors in the order of listen_addresses(), the proxy, its exceptions, the certificates.
Result<void> set_ways(const cli::ServeOptions& options, net::Settings& settings);
Result<std::vector<net::Address>> listen_addresses(const cli::ServeOptions& options);

// "listen", "reverse to https://api.openai.com:443", "transparent".
std::string describe(const net::Door& door);

}  // namespace llmrec::daemon
