// `llmrec db`: how the store is, and what can be done about it.
#pragma once

#include "cli/options.h"
#include "cli/terminal.h"

namespace llmrec::cli {

// The exit status: kFailed where `verify` finds damage, or where a recorder is in the way.
int db(const DbOptions&, Streams&);

}  // namespace llmrec::cli
