#include "relay/distrust.h"

#include <doctest/doctest.h>

#include <string>

#include "base/limits.h"

using namespace llmrec;
using namespace llmrec::relay;

namespace {

Instant at(std::int64_t seconds) { return {seconds * kNsPerSecond}; }

}  // namespace

TEST_CASE("three refusals in a row, and ten minutes of peace") {
  Distrust d;
  CHECK(!d.refused("a:443", at(0)));
  CHECK(!d.refused("a:443", at(1)));
  CHECK(!d.left_alone("a:443", at(1)));
  CHECK(d.refused("a:443", at(2)));
  CHECK(d.left_alone("a:443", at(2)));
  CHECK(!d.left_alone("b:443", at(2)));
  CHECK(d.left_alone("a:443", at(601)));
  CHECK(!d.left_alone("a:443", at(602)));
  CHECK(d.refused("a:443", at(700)));  // then one more is enough
  CHECK(d.left_alone("a:443", at(1299)));
}

TEST_CASE("a success forgets what was before it") {
  Distrust d;
  d.refused("a:443", at(0));
  d.refused("a:443", at(0));
  d.accepted("a:443");
  CHECK(!d.refused("a:443", at(0)));
  CHECK(!d.left_alone("a:443", at(0)));
}

TEST_CASE("there is an end to what is remembered: the oldest goes") {
  Distrust d;
  for (std::size_t i = 0; i <= limits::kDistrustEntries; ++i) {
    for (int n = 0; n < 3; ++n) d.refused(std::to_string(i), at(static_cast<std::int64_t>(i)));
  }
  CHECK(d.size() == limits::kDistrustEntries);
  CHECK(!d.left_alone("0", at(1)));
  CHECK(d.left_alone(std::to_string(limits::kDistrustEntries), at(1100)));
}
