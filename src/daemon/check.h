// The parts of `serve` that other commands ask for: what a configuration means, without starting
// anything.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "cli/ca.h"
#include "cli/options.h"
#include "cli/terminal.h"

namespace llmrec::daemon {

// `llmrec config check`. The exit status: kUsageError where `serve` would refuse it.
int config_check(const cli::ConfigOptions&, cli::Streams&);

// The hosts that the CA would be constrained to.
Result<cli::CaHosts> ca_hosts(const cli::ServeOptions&);

// Whether a host would be recorded.
Result<bool> is_recorded(const cli::ServeOptions&, const std::string& host, std::uint16_t port);

}  // namespace llmrec::daemon
