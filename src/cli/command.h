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
  bool many = false;                 // each occurrence adds one; else the last one counts
  bool from_outside = false;         // LLMREC_<NAME> and the configuration file set it too
  bool hidden = false;               // only these two set it: it belongs to `serve`
  std::vector<std::string> words{};  // all values there are, for completions; empty: no such list
};

struct Command {
  std::string name;         // "ls", "db stat"
  std::string about;        // one line, for the list of commands
  std::string description;  // a paragraph, may be empty
  std::string positional;   // "ID", "ID KEY=VALUE...", or empty: takes none
  std::function<Result<void>(const std::string&)> set_positional;  // called for each, in order
  std::size_t positionals_min = 1;
  std::size_t positionals_max = 1;
  std::vector<Option> options;
  bool has_config = false;  // --config
  // The positionals are another program's line: they begin behind "--", or at the first word that
  // is neither an option nor its value, and nothing of them is looked at.
  bool runs_command = false;
};

// Commands whose names begin with the same word.
struct Group {
  std::string name;
  std::string about;
};

Command serve_command(ServeOptions&);

std::string environment_name(std::string_view option);  // "ca-dir" -> "LLMREC_CA_DIR"
std::string help_of(const Command&);                    // at most 80 columns
std::string help_of_group(const Group&, const std::vector<Command>&);
std::string help_of_all(const std::vector<Group>&, const std::vector<Command>&);

// The name that was probably meant: at most two typos away. "" where none is near.
std::string nearest(std::string_view typed, const std::vector<std::string>& names);

}  // namespace llmrec::cli
