// Commands and their options as tables: what is parsed, what --help shows and what the environment
// and a configuration file may set come from the same rows. Knows no parser and no terminal. The
// rows write into the struct that they were made for; both live side by side.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cli/options.h"

namespace llmrec::cli {

struct Option {
  std::string name;   // long, without dashes
  char letter = 0;    // 0: none
  std::string value;  // what --help calls its value; empty: a switch
  std::string help;
  std::function<Result<void>(const std::string&)> set;
  bool many = false;          // each occurrence adds one; else the last one counts
  bool from_outside = false;  // LLMREC_<NAME> and, for serve, the configuration file set it too
};

struct Command {
  std::string name;
  std::string about;        // one line, for the list of commands
  std::string description;  // a paragraph, may be empty
  std::string positional;   // "ID", or empty: takes none
  std::function<Result<void>(const std::string&)> set_positional;
  std::vector<Option> options;
  bool has_config = false;  // --config
};

Command serve_command(ServeOptions&);
Command show_command(ShowOptions&);
Command ls_command(LsOptions&, std::int64_t now_unix_ms);
Command tap_command(TapOptions&);

std::string environment_name(std::string_view option);  // "ca-dir" -> "LLMREC_CA_DIR"
std::string help_of(const Command&);                    // at most 80 columns
std::string help_of_all(const std::vector<Command>&);   // the list of commands

// The name that was probably meant: at most two typos away. "" where none is near.
std::string nearest(std::string_view typed, const std::vector<std::string>& names);

}  // namespace llmrec::cli
