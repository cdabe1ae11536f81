// Every cap of the program, with its reason. What happens at a cap is named beside it; none of them
// ever stops the forwarding of bytes unless it says so.
#pragma once

#include <cstddef>
#include <cstdint>

namespace llmrec::limits {}  // namespace llmrec::limits
