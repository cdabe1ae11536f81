// Every command, with the options that it fills and what has to be settled after they were read.
// Knows no parser. Lives as long as its rows are used: they write into it.
#pragma once

#include <array>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cli/app.h"
#include "cli/command.h"

namespace llmrec::cli {

class Catalog {
 public:
  explicit Catalog(const Environment&);
  Catalog(const Catalog&) = delete;
  Catalog& operator=(const Catalog&) = delete;

  const std::vector<Command>& commands() const { return commands_; }
  const std::vector<Group>& groups() const { return groups_; }
  // The options of commands()[i] after they were read: defaults filled in, contradictions refused.
  Parsed settled(std::size_t i) const { return settled_[i](); }

 private:
  void add(Command, std::function<Parsed()> settled);
  void add_recording();
  void add_reading();
  void add_keeping();
  void add_the_rest();

  const Environment& environment_;
  ServeOptions serve_;
  RunOptions run_;
  ShowOptions show_;
  LsOptions ls_;
  StatsOptions stats_;
  ExportOptions export_;
  RetrySafeOptions retry_safe_;
  NoteOptions note_;
  TapOptions tap_;
  std::array<DbOptions, 4> db_;
  std::array<CaOptions, 4> ca_;
  ConfigOptions config_;
  DoctorOptions doctor_;
  std::string shell_;
  std::vector<Command> commands_;
  std::vector<Group> groups_;
  std::vector<std::function<Parsed()>> settled_;
};

}  // namespace llmrec::cli
