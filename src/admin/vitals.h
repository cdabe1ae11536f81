// How the recorder itself is: the numbers that a sidecar owes to whoever watches it, gathered by
// the daemon when they are asked for. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "admin/exposition.h"
#include "admin/process.h"

namespace llmrec::admin {

struct Vitals {
  std::string version;
  std::vector<std::string> listening;  // "listen 127.0.0.1:8790"
  std::int64_t started_unix_ms = 0;
  std::int64_t now_unix_ms = 0;
  bool draining = false;
  std::string stuck;  // what does not turn any more; empty: all is well

  std::uint64_t connections = 0;  // since the start
  std::uint64_t connections_open = 0;
  std::uint64_t connections_max = 0;
  std::uint64_t calls_running = 0;
  std::uint64_t tunnels_blind = 0;
  std::uint64_t refused = 0;
  std::uint64_t accept_pauses = 0;

  std::uint64_t queue_entries = 0;  // on the way to the store
  std::uint64_t queue_octets = 0;
  std::uint64_t rows_written = 0;
  std::uint64_t rows_dropped = 0;
  std::uint64_t rows_pruned = 0;
  std::uint64_t commits = 0;
  std::uint64_t commit_failures = 0;
  std::uint64_t store_octets = 0;  // pages in use, as last seen
  std::uint64_t store_max_octets = 0;
  std::uint64_t store_records = 0;

  bool logs_records = false;
  std::uint64_t lines_written = 0;
  std::uint64_t lines_dropped = 0;

  std::uint64_t failed_checks = 0;
  ProcessFigures process;
};

void write(const Vitals&, Exposition&);

// /healthz: {"status":"ok",...}
std::string to_json(const Vitals&);

}  // namespace llmrec::admin
