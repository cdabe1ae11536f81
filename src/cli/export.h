// `llmrec export`: final records as JSONL, oldest first, so that one run can follow on another.
#pragma once

#include "cli/options.h"
#include "cli/terminal.h"

namespace llmrec::cli {

// The exit status: kDone also where there is nothing new.
int export_records(const ExportOptions&, Streams&);

}  // namespace llmrec::cli
