#include "report/quantiles.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "base/limits.h"

using llmrec::report::Quantiles;
namespace limits = llmrec::limits;

namespace {

std::uint64_t nearest_rank(std::vector<std::uint64_t> all, double q) {
  std::sort(all.begin(), all.end());
  const auto rank = static_cast<std::size_t>(std::ceil(q * static_cast<double>(all.size())));
  return all[std::max<std::size_t>(rank, 1) - 1];
}

}  // namespace

TEST_CASE("no value, one value") {
  Quantiles q;
  CHECK_FALSE(q.at(0.5));
  q.add(42);
  for (const double share : {0.0, 0.01, 0.5, 0.99, 1.0, 7.0}) CHECK(q.at(share) == 42);
}

TEST_CASE("few values: exact") {
  Quantiles q;
  std::vector<std::uint64_t> all;
  std::mt19937_64 random(3);
  for (std::size_t i = 0; i < limits::kQuantilesExact; ++i) {
    all.push_back(random() >> (random() % 60));
    q.add(all.back());
    for (const double share : {0.5, 0.95, 0.99, 1.0})
      CHECK(q.at(share) == nearest_rank(all, share));
  }
}

TEST_CASE("many values: within 1/256, in any order") {
  std::mt19937_64 random(4);
  std::vector<std::uint64_t> all;
  for (int i = 0; i < 50'000; ++i) all.push_back(random() >> (random() % 64));
  Quantiles forward;
  Quantiles backward;
  for (const auto value : all) forward.add(value);
  for (auto value = all.rbegin(); value != all.rend(); ++value) backward.add(*value);
  CHECK(forward.count() == all.size());
  for (int percent = 1; percent <= 100; ++percent) {
    const double share = percent / 100.0;
    const auto exact = static_cast<double>(nearest_rank(all, share));
    const auto got = static_cast<double>(*forward.at(share));
    CAPTURE(percent);
    CHECK(std::abs(got - exact) <= exact / 256 + 0.5);
    CHECK(forward.at(share) == backward.at(share));
  }
}

TEST_CASE("the largest values there are") {
  Quantiles q;
  for (int i = 0; i < 2000; ++i) q.add(std::numeric_limits<std::uint64_t>::max());
  const double most = static_cast<double>(std::numeric_limits<std::uint64_t>::max());
  CHECK(static_cast<double>(*q.at(0.5)) > most * 255 / 256);
}
