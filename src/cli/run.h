// What `llmrec run` tells the command and the person who waits for it: variables before it starts,
// receipts after it has ended. Starts nothing: daemon/run.h does.
#pragma once

#include <string>
#include <vector>

#include "base/id.h"
#include "cli/ca.h"
#include "cli/command.h"
#include "cli/options.h"
#include "cli/terminal.h"
#include "store/store.h"

namespace llmrec::cli {

Command run_command(RunOptions&);

// A listener of the recorder: "listen" or "reverse", and its address.
struct Listener {
  std::string door;
  std::string address;
};
// From the lines that --ready-file has, too.
std::vector<Listener> listeners_of(const std::string& lines);

// The reverse listeners that --base-urls adds, behind those of the user.
std::vector<std::string> base_url_doors();

using Getenv = std::function<std::optional<std::string>(const std::string& name)>;

// All that the command finds in its environment beyond ours. `bundle`: the system's roots and our
// CA.
std::vector<Variable> run_variables(const RunOptions&, const std::vector<Listener>&,
                                    const std::string& bundle, const Getenv&);

// Files of roots that the environment names already, each once: what the command trusted before, it
// is to trust behind us, too.
std::vector<std::string> named_bundles(const Getenv&);

// The records younger than `after`, oldest first, on streams.err: the command's output is its own.
// One call: its receipt. More: a line each, and a sentence for each that did not end well. Returns
// how many there were; errors are the store's.
Result<std::size_t> print_receipts(const RunOptions&, const store::Store&, const RecordId& after,
                                   Streams& streams);

}  // namespace llmrec::cli
