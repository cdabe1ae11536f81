// `llmrec retry-safe`: may this call be tried again?
#pragma once

#include "cli/options.h"
#include "cli/terminal.h"

namespace llmrec::cli {

// Not an ExitStatus: 0 safe, 1 unsafe, 2 unknown or no such record; 3: the store cannot be read.
int retry_safe(const RetrySafeOptions&, Streams&);

}  // namespace llmrec::cli
