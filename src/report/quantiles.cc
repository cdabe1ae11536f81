#include "report/quantiles.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "base/limits.h"

namespace llmrec::report {
namespace {

// Values below 2^8 have a class each; above, each power of two has 2^7 of them. As microseconds,
// all 64 bits take 7424 classes, a minute takes 2500.
constexpr unsigned kBits = 7;
constexpr std::uint64_t kOwnClass = 1ULL << (kBits + 1);

std::size_t class_of(std::uint64_t value) {
  if (value < kOwnClass) return static_cast<std::size_t>(value);
  const auto shift = static_cast<unsigned>(std::bit_width(value)) - (kBits + 1);
  return static_cast<std::size_t>((static_cast<std::uint64_t>(shift) << kBits) + (value >> shift));
}

std::uint64_t middle_of(std::size_t number) {
  if (number < kOwnClass) return number;
  const auto shift = static_cast<unsigned>((number >> kBits) - 1);
  const std::uint64_t first = (number - (static_cast<std::uint64_t>(shift) << kBits)) << shift;
  return first + ((1ULL << shift) >> 1);
}

}  // namespace

void Quantiles::add_to_classes(std::uint64_t value) {
  const std::size_t number = class_of(value);
  if (number >= classes_.size()) classes_.resize(number + 1);
  if (classes_[number] < std::numeric_limits<std::uint32_t>::max()) ++classes_[number];
}

void Quantiles::add(std::uint64_t value) {
  ++count_;
  if (classes_.empty() && exact_.size() < limits::kQuantilesExact) {
    exact_.push_back(value);
    return;
  }
  for (const std::uint64_t earlier : exact_) add_to_classes(earlier);
  exact_ = {};
  add_to_classes(value);
}

std::optional<std::uint64_t> Quantiles::at(double q) const {
  if (count_ == 0) return std::nullopt;
  const double position = std::ceil(std::clamp(q, 0.0, 1.0) * static_cast<double>(count_));
  const std::uint64_t rank =
      std::clamp<std::uint64_t>(static_cast<std::uint64_t>(position), 1, count_);
  if (!exact_.empty()) {
    std::vector<std::uint64_t> sorted = exact_;
    const auto place = sorted.begin() + static_cast<std::ptrdiff_t>(rank - 1);
    std::nth_element(sorted.begin(), place, sorted.end());
    return *place;
  }
  std::uint64_t seen = 0;
  std::size_t last = 0;
  for (std::size_t i = 0; i < classes_.size(); ++i) {
    if (classes_[i] == 0) continue;
    last = i;
    seen += classes_[i];
    if (seen >= rank) break;
  }
  return middle_of(last);
}

}  // namespace llmrec::report
