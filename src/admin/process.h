// What the kernel says of this process, for /metrics. Linux. Any thread.
#pragma once

#include <cstdint>
#include <optional>

namespace llmrec::admin {

struct ProcessFigures {  // nullopt: the kernel does not tell
  std::optional<std::uint64_t> open_descriptors;
  std::optional<std::uint64_t> max_descriptors;
  std::optional<std::uint64_t> resident_octets;
  std::optional<std::uint64_t> virtual_octets;
  std::uint64_t cpu_ns = 0;
};

ProcessFigures read_process();

}  // namespace llmrec::admin
