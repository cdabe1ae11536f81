// What a process in somebody's pod owes: no core files with keys in them, no new privileges, enough
// descriptors, enough resolver threads, signals that cannot kill it by surprise. Main thread, once,
// before any other thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/result.h"

namespace llmrec::daemon {

// Returns how many descriptors we may have open.
std::size_t prepare_process();

// Random octets from the kernel.
Result<void> random_octets(void* into, std::size_t octets);

// Whole or not at all, 0644.
Result<void> write_file(const std::string& path, const std::string& text);

}  // namespace llmrec::daemon
