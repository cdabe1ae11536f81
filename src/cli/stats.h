// `llmrec stats`: figures over many records, as tables and bars or as JSON.
#pragma once

#include "cli/options.h"
#include "cli/terminal.h"

namespace llmrec::cli {

// The exit status: kFailed where no record fits.
int stats(const StatsOptions&, Streams&);

}  // namespace llmrec::cli
