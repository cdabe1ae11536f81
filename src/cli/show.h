// `llmrec show`: one record as a receipt or as JSON.
#pragma once

#include "cli/options.h"
#include "cli/terminal.h"

namespace llmrec::cli {

// The exit status: kFailed where nothing or more than one record fits.
int show(const ShowOptions&, Streams&);

}  // namespace llmrec::cli
