// `llmrec serve`: puts the parts together, runs them until a signal, takes them apart in the
// reverse order.
#pragma once

#include <functional>
#include <string>

#include "cli/options.h"

namespace llmrec::daemon {

// Called once, when it listens: a line for each listener, as in --ready-file.
using OnReady = std::function<void(const std::string& listeners)>;

// The exit status: 0 drained, 1 could not start, 3 the store cannot be opened.
int serve(const cli::ServeOptions& options, const OnReady& on_ready = {});

}  // namespace llmrec::daemon
