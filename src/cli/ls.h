// `llmrec ls`: many records, newest first.
#pragma once

#include "cli/options.h"
#include "cli/terminal.h"
#include "record/record.h"

namespace llmrec::cli {

// The exit status: kFailed where no record fits.
int ls(const LsOptions&, Streams&);

// Whether a record fits every filter.
bool fits(const record::Record&, const LsOptions&);

}  // namespace llmrec::cli
