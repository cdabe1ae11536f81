// What another process has used so far: CPU time, context switches, memory, system calls. Read from
// /proc and, for system calls, from a kernel trace point.
// Sums over the threads that live at the moment of reading: a thread that ends takes its time
// along. One thread; the process has to be of the same user, for trace points root.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "net/socket.h"

namespace llmrec::bench {

struct Usage {
  std::uint64_t cpu_ns = 0;  // user and system; up to one tick behind while the thread runs
  std::uint64_t voluntary = 0;
  std::uint64_t involuntary = 0;
  std::uint64_t anonymous_kib = 0;        // resident memory that no file backs
  std::optional<std::uint64_t> syscalls;  // counted only where asked for and allowed
};

class Probe {
 public:
  // Counting makes every system call of the process slower: not together with CPU time.
  Probe(pid_t pid, bool count_syscalls);
  Usage read() const;

 private:
  pid_t pid_;
  std::vector<net::UniqueFd> counters_;  // one per thread
};

}  // namespace llmrec::bench
