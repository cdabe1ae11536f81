// Completions for shells, made from the tables of the commands, so that they never lag behind.
// Pure.
#pragma once

#include <string>
#include <vector>

#include "cli/command.h"

namespace llmrec::cli {

// `shell`: "bash", "zsh" or "fish". The script of that shell.
std::string completions(const std::string& shell, const std::vector<Group>&,
                        const std::vector<Command>&);

}  // namespace llmrec::cli
