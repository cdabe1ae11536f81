#include "relay/no_proxy.h"

#include <doctest/doctest.h>

#include <string>

#include "base/limits.h"

using namespace llmrec;
using namespace llmrec::relay;

namespace {

bool covers(const std::string& list, const std::string& host) {
  NoProxy no_proxy;
  CHECK(no_proxy.add(list));
  return no_proxy.covers(host);
}

}  // namespace

TEST_CASE("names cover themselves and what is below them") {
  CHECK(covers("example.com", "example.com"));
  CHECK(covers("example.com", "www.EXAMPLE.com."));
  CHECK(covers(".example.com", "example.com"));
  CHECK(covers("Example.com.", "a.b.example.com"));
  CHECK(!covers("example.com", "nonexample.com"));
  CHECK(!covers("www.example.com", "example.com"));
  CHECK(!covers("", "example.com"));
}

TEST_CASE("lists, and the star that covers all") {
  CHECK(covers("a,b c\td,,", "c"));
  CHECK(covers("a, .svc,.cluster.local", "vllm.models.svc"));
  CHECK(covers("*", "anything"));
  CHECK(covers("a,*", "10.0.0.1"));
  CHECK(!covers("*.example.com", "a.example.com"));  // curl knows no such pattern
}

TEST_CASE("addresses and networks") {
  CHECK(covers("127.0.0.1", "127.0.0.1"));
  CHECK(!covers("127.0.0.1", "127.0.0.11"));
  CHECK(covers("10.0.0.0/8", "10.255.0.1"));
  CHECK(!covers("10.0.0.0/8", "11.0.0.1"));
  CHECK(covers("192.168.1.128/25", "192.168.1.200"));
  CHECK(!covers("192.168.1.128/25", "192.168.1.100"));
  CHECK(covers("0.0.0.0/0", "8.8.8.8"));
  CHECK(covers("::1", "::1"));
  CHECK(covers("[::1]", "0:0::1"));
  CHECK(covers("fd00::/8", "fd12::1"));
  CHECK(!covers("fd00::/8", "10.0.0.1"));
  CHECK(!covers("10.0.0.0/33,10.0.0.0/x,10.0.0.0/", "10.0.0.1"));
  CHECK(!covers("10.0.0.0/8", "name.example"));  // names are not looked up
}

TEST_CASE("a list has an end") {
  std::string list;
  for (std::size_t i = 0; i < limits::kHostListEntries; ++i) list += "a,";
  NoProxy no_proxy;
  CHECK(no_proxy.add(list));
  CHECK(!no_proxy.add("b"));
}
