// The rows of the commands that are about records. Knows no parser; see command.h.
#pragma once

#include <cstdint>

#include "cli/command.h"
#include "cli/options.h"

namespace llmrec::cli {

Command show_command(ShowOptions&);
Command ls_command(LsOptions&, std::int64_t now_unix_ms);
Command stats_command(StatsOptions&, std::int64_t now_unix_ms);
Command export_command(ExportOptions&, std::int64_t now_unix_ms);
Command retry_safe_command(RetrySafeOptions&);
Command note_command(NoteOptions&);
Command tap_command(TapOptions&);

}  // namespace llmrec::cli
