// `llmrec serve`: puts the parts together, runs them until a signal, takes them apart in the
// reverse order.
#pragma once

#include "cli/options.h"

namespace llmrec::daemon {

// The exit status: 0 drained, 1 could not start, 3 the store cannot be opened.
int serve(const cli::ServeOptions& options);

}  // namespace llmrec::daemon
