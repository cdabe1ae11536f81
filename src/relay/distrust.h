// Remembers the destinations whose clients refuse our certificate: three times in a row without one
// success, and the destination is left unopened for ten minutes. Then one more refusal is enough.
// Does not know connections or clocks. Pure; the owner guards it where threads share it.
#pragma once

#include <cstddef>
#include <string>
#include <unordered_map>

#include "base/clock.h"

namespace llmrec::relay {

class Distrust {
 public:
  // True: from here on the destination is left unopened.
  bool refused(const std::string& destination, Instant now);
  void accepted(const std::string& destination) { seen_.erase(destination); }
  bool left_alone(const std::string& destination, Instant now) const;
  std::size_t size() const { return seen_.size(); }

 private:
  struct Seen {
    unsigned refusals = 0;
    Instant last;
  };
  std::unordered_map<std::string, Seen> seen_;
};

}  // namespace llmrec::relay
