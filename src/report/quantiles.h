// Quantiles of any number of values in bounded memory. Exact for the first limits::kQuantilesExact
// values; beyond, values fall into log-linear classes and an answer is within 1/256 of a value that
// was there. The answer does not depend on the order of the values. Pure; one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace llmrec::report {

class Quantiles {
 public:
  void add(std::uint64_t value);
  std::uint64_t count() const { return count_; }
  // The nearest rank: the smallest value that at least a share `q` of all do not exceed. `q` in
  // (0, 1]; nullopt without values.
  std::optional<std::uint64_t> at(double q) const;

 private:
  void add_to_classes(std::uint64_t value);

  std::uint64_t count_ = 0;
  std::vector<std::uint64_t> exact_;    // as long as there are few
  std::vector<std::uint32_t> classes_;  // then these
};

}  // namespace llmrec::report
