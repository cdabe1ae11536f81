#include "relay/address_order.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace llmrec::relay;

namespace {

std::string order(const std::vector<const char*>& texts) {
  std::vector<IpAddress> addresses;
  for (const char* text : texts) addresses.push_back(*parse_ip_literal(text));
  let_families_take_turns(addresses);
  std::string out;
  for (const IpAddress& a : addresses) out += (out.empty() ? "" : " ") + a.text();
  return out;
}

}  // namespace

TEST_CASE("the families take turns, the first stays the first") {
  CHECK(order({}).empty());
  CHECK(order({"1.1.1.1"}) == "1.1.1.1");
  CHECK(order({"::1", "::2", "::3", "1.1.1.1", "1.1.1.2"}) == "::1 1.1.1.1 ::2 1.1.1.2 ::3");
  CHECK(order({"1.1.1.1", "1.1.1.2", "::1"}) == "1.1.1.1 ::1 1.1.1.2");
  CHECK(order({"1.1.1.1", "::1", "1.1.1.2", "::2"}) == "1.1.1.1 ::1 1.1.1.2 ::2");
  CHECK(order({"::1", "::2"}) == "::1 ::2");
}
