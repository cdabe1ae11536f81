// From argv, the environment and a configuration file to what is to be done.
// The only unit that knows the command line parser. Reads the --config file and nothing else.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "cli/options.h"

namespace llmrec::cli {

// What the outside says; of_process() asks the real one.
struct Environment {
  std::function<std::optional<std::string>(const std::string& name)> get;
  bool root = false;
  std::int64_t now_unix_ms = 0;
  static Environment of_process();
};

// Nothing to do: print and leave.
struct Stop {
  int exit_status = 0;  // 2: it was used wrongly
  std::string out;      // for stdout
  std::string error;    // one line for stderr, without line end
};

using Parsed = std::variant<ServeOptions, RunOptions, ShowOptions, LsOptions, StatsOptions,
                            ExportOptions, RetrySafeOptions, NoteOptions, TapOptions, DbOptions,
                            CaOptions, ConfigOptions, DoctorOptions, Stop>;

// `arguments` without the program's name. Command line before environment before file.
Parsed parse(const std::vector<std::string>& arguments, const Environment&);

}  // namespace llmrec::cli
