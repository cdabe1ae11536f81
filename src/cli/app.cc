#include "cli/app.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <map>
#include <utility>

#include "base/limits.h"
#include "cli/catalog.h"
#include "cli/command.h"

#ifndef LLMREC_VERSION
#error "the build names the version"
#endif

namespace llmrec::cli {
namespace {

constexpr int kUsage = 2;

Stop usage(const std::string& what, const std::string& command) {
  const std::string see = command.empty() ? "llmrec --help" : "llmrec " + command + " --help";
  return {kUsage, "", "llmrec: " + what + "; see '" + see + "'"};
}

Stop wrong(const std::string& what) { return {kUsage, "", "llmrec: " + what}; }

std::vector<std::string> names_of(const Command& command) {
  std::vector<std::string> names;
  for (const Option& option : command.options) {
    if (!option.hidden) names.push_back(option.name);
  }
  return names;
}

std::vector<std::string> keys_of(const Command& command) {
  std::vector<std::string> keys;
  for (const Option& option : command.options) {
    if (option.from_outside && option.name != "config") keys.push_back(option.name);
  }
  return keys;
}

std::string unknown(const std::string& argument, const Command& command) {
  if (argument.size() < 2 || argument[0] != '-') return "unexpected argument '" + argument + "'";
  const std::string option = argument.substr(0, argument.find('='));
  const std::string meant = nearest(option.substr(option.find_first_not_of('-') == std::string::npos
                                                      ? 0
                                                      : option.find_first_not_of('-')),
                                    names_of(command));
  return "unknown option " + option + (meant.empty() ? "" : ", did you mean --" + meant + '?');
}

// The values given for each option, by whoever has the first word; and where they stand.
struct Given {
  std::vector<std::string> values;
  std::string where;  // "--drain", "LLMREC_DRAIN", "FILE:3: drain"
};
using AllGiven = std::map<std::string, Given>;

struct CommandLine {
  AllGiven options;
  std::vector<std::string> positionals;
};

// Takes the line of another program off the end; see Command::runs_command.
std::vector<std::string> take_other_line(const Command& command, std::vector<std::string>& words) {
  const auto takes_value = [&command](const std::string& word) {
    return std::any_of(command.options.begin(), command.options.end(), [&word](const Option& o) {
      const bool named =
          word == "--" + o.name || (o.letter != 0 && word == std::string{'-', o.letter});
      return named && !o.hidden && !o.value.empty();
    });
  };
  auto at = words.begin();
  while (at != words.end() && *at != "--" && at->size() > 1 && at->front() == '-') {
    const bool more = takes_value(*at);
    ++at;
    if (more && at != words.end()) ++at;
  }
  const bool marked = at != words.end() && *at == "--";
  std::vector<std::string> line(at + (marked ? 1 : 0), words.end());
  words.erase(at, words.end());
  return line;
}

// CLI11 cuts the line into options and values; what they mean is for the rows of the command.
std::optional<Stop> read_arguments(const Command& command, std::vector<std::string> arguments,
                                   CommandLine& out) {
  CLI::App app;
  app.set_help_flag();
  app.allow_extras();
  if (command.runs_command) out.positionals = take_other_line(command, arguments);
  const CLI::callback_t later = [](const CLI::results_t&) { return true; };
  std::vector<std::pair<std::string, CLI::Option*>> made;
  for (const Option& option : command.options) {
    if (option.hidden) continue;
    std::string flags = "--" + option.name;
    if (option.letter != 0) flags = std::string("-") + option.letter + ',' + flags;
    CLI::Option* added = option.value.empty() ? app.add_flag(flags) : app.add_option(flags, later);
    added->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    made.emplace_back(option.name, added);
  }
  CLI::Option* positional = nullptr;
  if (!command.positional.empty() && !command.runs_command) {
    positional = app.add_option("positional", later);
    if (command.positionals_max > 1) {
      positional->allow_extra_args();
      positional->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    }
  }
  std::reverse(arguments.begin(), arguments.end());  // as CLI11 wants them
  try {
    app.parse(arguments);
  } catch (const CLI::ArgumentMismatch& e) {
    const std::string text = e.what();
    return usage("option " + text.substr(0, text.find(':')) + " needs a value", command.name);
  } catch (const CLI::ParseError& e) {
    const std::string text = e.what();
    return usage(text.substr(0, text.find('\n')), command.name);
  }
  for (const auto& [name, option] : made) {
    if (option->count() > 0) out.options[name] = {option->results(), "--" + name};
  }
  if (out.options.count("help") != 0) return std::nullopt;
  for (const std::string& extra : app.remaining()) {
    if (extra != "--") return usage(unknown(extra, command), command.name);
  }
  if (positional != nullptr) out.positionals = positional->results();
  if (out.positionals.size() > command.positionals_max && !command.runs_command) {
    return usage(unknown(out.positionals[command.positionals_max], command), command.name);
  }
  return std::nullopt;
}

std::string trimmed(const std::string& text) {
  const auto begin = text.find_first_not_of(" \t\r");
  if (begin == std::string::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r") - begin + 1);
}

// `key = value` lines; '#' begins a comment line; a value may stand in double quotes.
std::optional<Stop> read_config(const Command& command, const std::string& file, AllGiven& out) {
  std::ifstream in(file);
  if (!in) return wrong("cannot read the configuration file " + file);
  std::string line;
  for (std::size_t number = 1; std::getline(in, line); ++number) {
    const std::string where = file + ':' + std::to_string(number) + ": ";
    if (number > limits::kConfigLinesMax) return wrong(where + "the file is too long");
    line = trimmed(line);
    if (line.empty() || line[0] == '#') continue;
    const auto equals = line.find('=');
    if (equals == std::string::npos) return wrong(where + "not a line such as 'listen = ...'");
    const std::string key = trimmed(line.substr(0, equals));
    std::string value = trimmed(line.substr(equals + 1));
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
      value = value.substr(1, value.size() - 2);
    }
    const auto row = std::find_if(command.options.begin(), command.options.end(),
                                  [&key](const Option& o) { return o.name == key; });
    if (row == command.options.end() || !row->from_outside || key == "config") {
      const std::string meant = nearest(key, keys_of(command));
      return wrong(where + "unknown key '" + key + "'" +
                   (meant.empty() ? "" : ", did you mean " + meant + '?'));
    }
    Given& given = out[key];
    given.where = where + key;
    given.values.push_back(value);
  }
  if (in.bad()) return wrong("cannot read the configuration file " + file);
  return std::nullopt;
}

void read_environment(const Command& command, const Environment& environment, AllGiven& out) {
  for (const Option& option : command.options) {
    if (!option.from_outside || out.count(option.name) != 0) continue;
    const std::string name = environment_name(option.name);
    const auto value = environment.get(name);
    if (!value || value->empty()) continue;
    Given given{{}, name};
    std::size_t begin = 0;
    while (option.many) {
      const std::size_t comma = value->find(',', begin);
      if (comma == std::string::npos) break;
      given.values.push_back(trimmed(value->substr(begin, comma - begin)));
      begin = comma + 1;
    }
    given.values.push_back(value->substr(begin));
    out[option.name] = std::move(given);
  }
}

// What the help calls a positional: "KEY=VALUE" for the second and all later ones of "ID
// KEY=VALUE...".
std::string word_at(const std::string& positional, std::size_t number) {
  std::string rest = positional;
  for (; number > 0 && rest.find(' ') != std::string::npos; --number) {
    rest.erase(0, rest.find(' ') + 1);
  }
  rest.resize(std::min(rest.find(' '), rest.size()));
  if (rest.ends_with("...")) rest.resize(rest.size() - 3);
  return rest;
}

std::optional<Stop> apply(const Command& command, const CommandLine& line) {
  for (const Option& option : command.options) {
    const auto given = line.options.find(option.name);
    if (given == line.options.end() || !option.set) continue;
    const auto& values = given->second.values;
    for (auto value = option.many ? values.begin() : values.end() - 1; value != values.end();
         ++value) {
      if (const auto ok = option.set(*value); !ok) {
        return wrong(given->second.where + ": " + ok.error().detail);
      }
    }
  }
  if (command.positional.empty()) return std::nullopt;
  if (line.positionals.size() < command.positionals_min) {
    return usage("which " + word_at(command.positional, line.positionals.size()) + '?',
                 command.name);
  }
  for (std::size_t i = 0; i < line.positionals.size(); ++i) {
    if (const auto ok = command.set_positional(line.positionals[i]); !ok) {
      return wrong(word_at(command.positional, i) + ": " + ok.error().detail);
    }
  }
  return std::nullopt;
}

std::optional<Stop> read_all(const Command& command, const std::vector<std::string>& arguments,
                             const Environment& environment) {
  CommandLine line;
  if (auto stop = read_arguments(command, arguments, line)) return stop;
  if (line.options.count("help") != 0) return Stop{0, help_of(command), ""};
  read_environment(command, environment, line.options);
  const auto config = line.options.find("config");
  if (command.has_config && config != line.options.end()) {
    AllGiven from_file;
    if (auto stop = read_config(command, config->second.values.back(), from_file)) return stop;
    line.options.merge(from_file);  // keeps what is there
  }
  return apply(command, line);
}

std::vector<std::string> known_names(const Catalog& catalog, const std::string& group) {
  std::vector<std::string> names;
  for (const Command& command : catalog.commands()) {
    const std::size_t blank = command.name.find(' ');
    if (group.empty() && blank == std::string::npos) names.push_back(command.name);
    if (!group.empty() && command.name.starts_with(group + ' ')) {
      names.push_back(command.name.substr(blank + 1));
    }
  }
  if (group.empty()) {
    for (const Group& g : catalog.groups()) names.push_back(g.name);
  }
  return names;
}

bool asks_for_help(const std::string& word) {
  return word == "help" || word == "--help" || word == "-h";
}

Stop no_such(const std::string& name, const std::string& group, const Catalog& catalog) {
  const std::string meant = nearest(name, known_names(catalog, group));
  const std::string before = group.empty() ? "" : group + ' ';
  const std::string kind =
      name.starts_with('-') ? "unknown option " + name : "unknown command '" + before + name + "'";
  return usage(kind + (meant.empty() ? "" : ", did you mean " + before + meant + '?'), group);
}

Parsed choose(std::vector<std::string> words, const Environment& environment) {
  const Catalog catalog(environment);
  std::string name = words.front();
  words.erase(words.begin());
  for (const Group& group : catalog.groups()) {
    if (group.name != name) continue;
    if (words.empty()) {
      std::string all;
      for (const std::string& one : known_names(catalog, name)) {
        all += (all.empty() ? "" : ", ") + one;
      }
      return usage("which command of " + name + ": " + all + '?', name);
    }
    if (asks_for_help(words.front())) return Stop{0, help_of_group(group, catalog.commands()), ""};
    name += ' ' + words.front();
    words.erase(words.begin());
    break;
  }
  const auto& all = catalog.commands();
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all[i].name != name) continue;
    if (auto stop = read_all(all[i], words, environment)) return *std::move(stop);
    return catalog.settled(i);
  }
  if (asks_for_help(name)) return Stop{0, help_of_all(catalog.groups(), all), ""};
  const std::size_t blank = name.find(' ');
  if (blank == std::string::npos) return no_such(name, "", catalog);
  return no_such(name.substr(blank + 1), name.substr(0, blank), catalog);
}

}  // namespace

Environment Environment::of_process() {
  Environment out;
  out.get = [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    if (value == nullptr) return std::nullopt;
    return std::string(value);
  };
  out.root = ::geteuid() == 0;
  std::timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  out.now_unix_ms = std::int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
  return out;
}

Parsed parse(const std::vector<std::string>& arguments, const Environment& environment) {
  if (arguments.empty()) return usage("which command?", "");
  const std::string& name = arguments.front();
  if (name == "--version" || name == "version") return Stop{0, "llmrec " LLMREC_VERSION "\n", ""};
  std::vector<std::string> words = arguments;
  if (name == "help" && words.size() > 1) {
    words.erase(words.begin());
    words.emplace_back("--help");
  }
  return choose(std::move(words), environment);
}

}  // namespace llmrec::cli
