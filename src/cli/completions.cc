#include "cli/completions.h"

#include <algorithm>

namespace llmrec::cli {
namespace {

enum class Values { none, words, files, directories };

Values values_of(const Option& option) {
  if (!option.words.empty()) return Values::words;
  if (option.value == "FILE") return Values::files;
  return option.value == "DIR" ? Values::directories : Values::none;
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : " ") + word;
  return out;
}

// Between single quotes of any of the three shells: the texts are ours and hold no control
// characters.
std::string quoted(const std::string& text, const std::string& for_quote) {
  std::string out;
  for (const char c : text) out += c == '\'' ? for_quote : std::string(1, c);
  return out;
}

std::vector<std::string> flags_of(const Option& option) {
  std::vector<std::string> out;
  if (option.letter != 0) out.push_back(std::string("-") + option.letter);
  out.push_back("--" + option.name);
  return out;
}

std::vector<const Option*> shown(const Command& command) {
  std::vector<const Option*> out;
  for (const Option& option : command.options) {
    if (!option.hidden) out.push_back(&option);
  }
  return out;
}

// What may stand after "llmrec" (no group) or after a group's name.
std::vector<std::pair<std::string, std::string>> words_after(const std::string& group,
                                                             const std::vector<Group>& groups,
                                                             const std::vector<Command>& commands) {
  std::vector<std::pair<std::string, std::string>> out;
  for (const Command& command : commands) {
    const std::size_t blank = command.name.find(' ');
    if (group.empty() && blank == std::string::npos) out.emplace_back(command.name, command.about);
    if (!group.empty() && command.name.starts_with(group + ' ')) {
      out.emplace_back(command.name.substr(blank + 1), command.about);
    }
  }
  if (group.empty()) {
    for (const Group& g : groups) out.emplace_back(g.name, g.about);
  }
  return out;
}

std::string names_after(const std::string& group, const std::vector<Group>& groups,
                        const std::vector<Command>& commands) {
  std::vector<std::string> names;
  for (const auto& [name, about] : words_after(group, groups, commands)) names.push_back(name);
  return joined(names);
}

std::string bash(const std::vector<Group>& groups, const std::vector<Command>& commands) {
  std::string group_names;
  for (const Group& g : groups) group_names += (group_names.empty() ? "" : "|") + g.name;
  std::string out =
      "# bash completions for llmrec; made by: llmrec completions bash\n"
      "_llmrec() {\n"
      "  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
      "  local command=${COMP_WORDS[1]} at=1 words=\n"
      "  COMPREPLY=()\n"
      "  case $command in " +
      group_names +
      ") command+=\" ${COMP_WORDS[2]}\" at=2 ;; esac\n"
      "  if ((COMP_CWORD == 1)); then\n"
      "    COMPREPLY=($(compgen -W '" +
      names_after("", groups, commands) +
      "' -- \"$cur\"))\n"
      "    return\n"
      "  fi\n"
      "  if ((COMP_CWORD == at)); then\n"
      "    case ${COMP_WORDS[1]} in\n";
  for (const Group& g : groups) {
    out += "      " + g.name + ") words='" + names_after(g.name, groups, commands) + "' ;;\n";
  }
  out +=
      "    esac\n"
      "    COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
      "    return\n"
      "  fi\n"
      "  case \"$command $prev\" in\n";
  for (const Command& command : commands) {
    for (const Option* option : shown(command)) {
      if (option->value.empty()) continue;
      std::string pattern;
      for (const std::string& flag : flags_of(*option)) {
        pattern += (pattern.empty() ? "" : "|") + ('\'' + command.name + ' ' + flag + '\'');
      }
      const Values values = values_of(*option);
      const std::string how = values == Values::words   ? "-W '" + joined(option->words) + '\''
                              : values == Values::files ? "-f"
                              : values == Values::directories ? "-d"
                                                              : "";
      out += "    " + pattern + ") " +
             (how.empty() ? "" : "COMPREPLY=($(compgen " + how + " -- \"$cur\")); ") +
             "return ;;\n";
    }
  }
  out +=
      "  esac\n"
      "  case $command in\n";
  for (const Command& command : commands) {
    std::vector<std::string> all;
    if (command.name == "completions") all = {"bash", "zsh", "fish"};
    for (const Option* option : shown(command)) {
      for (const std::string& flag : flags_of(*option)) all.push_back(flag);
    }
    out += "    '" + command.name + "') words='" + joined(all) + "' ;;\n";
  }
  return out +
         "  esac\n"
         "  COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
         "}\n"
         "complete -F _llmrec llmrec\n";
}

// In an option's description of _arguments, ']' and ':' end it.
std::string zsh_text(const std::string& text) {
  std::string out;
  for (const char c : quoted(text, "'\\''")) {
    if (c == '[' || c == ']' || c == ':') out += '\\';
    out += c;
  }
  return out;
}

std::string zsh_options(const Command& command, const std::string& indent) {
  std::string out = indent + "_arguments -s";
  for (const Option* option : shown(command)) {
    std::string action;
    if (!option->value.empty()) {
      action = ':' + option->value + ':';
      switch (values_of(*option)) {
        case Values::words:
          action += '(' + zsh_text(joined(option->words)) + ')';
          break;
        case Values::files:
          action += "_files";
          break;
        case Values::directories:
          action += "_files -/";
          break;
        case Values::none:
          action += ' ';
          break;
      }
    }
    for (const std::string& flag : flags_of(*option)) {
      out += " \\\n" + indent + "  '" + (option->many ? "*" : "") + flag + '[' +
             zsh_text(option->help) + ']' + action + '\'';
    }
  }
  if (command.name == "completions") out += " \\\n" + indent + "  '1:shell:(bash zsh fish)'";
  return out + '\n';
}

std::string zsh_list(const std::string& group, const std::vector<Group>& groups,
                     const std::vector<Command>& commands, const std::string& indent) {
  std::string out = indent + "words_here=(\n";
  for (const auto& [name, about] : words_after(group, groups, commands)) {
    out += indent + "  '" + name + ':' + quoted(about, "'\\''") + "'\n";
  }
  return out + indent + ")\n" + indent + "_describe command words_here\n";
}

std::string zsh(const std::vector<Group>& groups, const std::vector<Command>& commands) {
  std::string out =
      "#compdef llmrec\n"
      "# zsh completions for llmrec; made by: llmrec completions zsh\n"
      "_llmrec() {\n"
      "  local -a words_here\n"
      "  local name=${words[2]}\n"
      "  if ((CURRENT == 2)); then\n" +
      zsh_list("", groups, commands, "    ") +
      "    return\n"
      "  fi\n"
      "  shift words\n"
      "  ((CURRENT--))\n"
      "  case $name in\n";
  for (const Group& g : groups) {
    out += "    " + g.name +
           ")\n"
           "      if ((CURRENT == 2)); then\n" +
           zsh_list(g.name, groups, commands, "        ") +
           "        return\n"
           "      fi\n"
           "      name+=\" ${words[2]}\"\n"
           "      shift words\n"
           "      ((CURRENT--))\n"
           "      ;;\n";
  }
  out +=
      "  esac\n"
      "  case $name in\n";
  for (const Command& command : commands) {
    out += "    '" + command.name + "')\n" + zsh_options(command, "      ") + "      ;;\n";
  }
  return out +
         "  esac\n"
         "}\n"
         "_llmrec \"$@\"\n";
}

std::string fish_text(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

std::string fish(const std::vector<Group>& groups, const std::vector<Command>& commands) {
  std::string out =
      "# fish completions for llmrec; made by: llmrec completions fish\n"
      "function __llmrec_at\n"
      "  set -l words (commandline -opc)\n"
      "  set -e words[1]\n"
      "  set -l wanted $argv\n"
      "  test (count $words) -ge (count $wanted); or return 1\n"
      "  for i in (seq (count $wanted))\n"
      "    test $words[$i] = $wanted[$i]; or return 1\n"
      "  end\n"
      "end\n"
      "function __llmrec_exactly\n"
      "  set -l words (commandline -opc)\n"
      "  test (count $words) -eq (math (count $argv) + 1); or return 1\n"
      "  test (count $argv) -eq 0; or __llmrec_at $argv\n"
      "end\n"
      "complete -c llmrec -f\n";
  std::vector<std::string> places{""};
  for (const Group& g : groups) places.push_back(g.name);
  for (const std::string& place : places) {
    for (const auto& [name, about] : words_after(place, groups, commands)) {
      out += "complete -c llmrec -n '__llmrec_exactly" + (place.empty() ? "" : ' ' + place) +
             "' -a " + name + " -d '" + fish_text(about) + "'\n";
    }
  }
  for (const Command& command : commands) {
    const std::string here = "complete -c llmrec -n '__llmrec_at " + command.name + "' ";
    for (const Option* option : shown(command)) {
      out += here + "-l " + option->name;
      if (option->letter != 0) out += std::string(" -s ") + option->letter;
      const Values values = values_of(*option);
      if (!option->value.empty()) out += " -r";
      if (values == Values::words) out += " -a '" + fish_text(joined(option->words)) + '\'';
      if (values == Values::files) out += " -F";
      if (values == Values::directories) out += " -a '(__fish_complete_directories)'";
      out += " -d '" + fish_text(option->help) + "'\n";
    }
    if (command.name == "completions") out += here + "-a 'bash zsh fish'\n";
  }
  return out;
}

}  // namespace

std::string completions(const std::string& shell, const std::vector<Group>& groups,
                        const std::vector<Command>& commands) {
  if (shell == "zsh") return zsh(groups, commands);
  return shell == "fish" ? fish(groups, commands) : bash(groups, commands);
}

}  // namespace llmrec::cli
