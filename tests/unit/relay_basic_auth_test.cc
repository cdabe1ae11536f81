#include "relay/basic_auth.h"

#include <doctest/doctest.h>

#include <string>

using namespace llmrec::relay;

TEST_CASE("RFC 4648 §10, and what a client sends comes back") {
  CHECK(basic_credentials("") == "Basic ");
  CHECK(basic_credentials("f") == "Basic Zg==");
  CHECK(basic_credentials("fo") == "Basic Zm8=");
  CHECK(basic_credentials("foo") == "Basic Zm9v");
  CHECK(basic_credentials("foob") == "Basic Zm9vYg==");
  CHECK(basic_credentials("\xff\xfe") == "Basic //4=");
  for (const std::string name : {"a", "ab", "abc", "checkout"}) {
    CHECK(basic_user(basic_credentials(name + ":pass")) == name);
  }
}

TEST_CASE("what names nobody") {
  CHECK(basic_user("Basic") == "");
  CHECK(basic_user("Basic ") == "");
  CHECK(basic_user("Bearer YTpi") == "");
  CHECK(basic_user(basic_credentials("no colon")) == "");
  CHECK(basic_user(basic_credentials("new\nline:x")) == "");
  CHECK(basic_user(basic_credentials(std::string(65, 'a') + ":x")) == "");
  CHECK(basic_user(basic_credentials(std::string(64, 'a') + ":x")) == std::string(64, 'a'));
}
