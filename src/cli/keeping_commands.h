// The rows of the commands that look after a recorder: its store, its CA, its configuration. Knows
// no parser; see command.h.
#pragma once

#include "cli/command.h"
#include "cli/options.h"

namespace llmrec::cli {

Command db_command(DbAction, DbOptions&);
Command ca_command(CaAction, CaOptions&);
Command config_check_command(ConfigOptions&);
Command doctor_command(DoctorOptions&);
// The shells that there are completions for: the value goes into `shell`.
Command completions_command(std::string& shell);

}  // namespace llmrec::cli
