// `llmrec run`: a recorder for one command. The recorder is a process of its own, so that nothing
// that it needs (no core files, no new privileges, ignored signals) reaches the command; the
// command is in our process group, so that the terminal treats it as if we were not there.
#pragma once

#include "cli/options.h"
#include "cli/terminal.h"

namespace llmrec::daemon {

// The command's exit status; 128 and the number of the signal that ended it; 127 where it was not
// found, 126 where it could not be run; those of serve() where there is no recorder. Called before
// any thread is made: it forks.
int run(const cli::RunOptions& options, cli::Streams& streams);

}  // namespace llmrec::daemon
