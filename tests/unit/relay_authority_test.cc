#include "relay/authority.h"

#include <doctest/doctest.h>

#include <string>

using namespace llmrec::relay;

namespace {

std::string fault(const std::string& text, std::uint16_t port = 0) {
  Authority out;
  return std::string(parse_authority(text, port, out));
}

Authority parsed(const std::string& text, std::uint16_t port = 0) {
  Authority out;
  const auto why = parse_authority(text, port, out);
  CHECK_MESSAGE(why.empty(), text, ": ", why);
  return out;
}

}  // namespace

TEST_CASE("names, addresses and ports") {
  CHECK(parsed("API.OpenAI.com.:443") ==
        Authority{"api.openai.com", "API.OpenAI.com.", 443, false});
  CHECK(parsed("vllm", 80) == Authority{"vllm", "vllm", 80, false});
  CHECK(parsed("vllm:", 80).port == 80);
  CHECK(parsed("vllm:8000", 80).port == 8000);
  CHECK(parsed("10.0.0.1:1") == Authority{"10.0.0.1", "10.0.0.1", 1, true});
  CHECK(parsed("[2001:DB8::1]", 443) == Authority{"2001:db8::1", "2001:db8::1", 443, true});
  CHECK(parsed("[::1]:65535").text() == "[::1]:65535");
}

TEST_CASE("what is no authority") {
  CHECK(fault("a.example") == "the target has no port");
  CHECK(fault("a.example:") == "the port is not a number from 1 to 65535");
  for (const char* text :
       {"u:p@a.example:1", "@a.example:1", "a.example:0", "a.example:65536", ":1", "a.example:1:2",
        "::1:443", "[::1", "[127.0.0.1]:1", "[::1]x:1", "[]:1", "a b:1", "a/b:1", "a%41:1",
        "0x7f.1:1", "2130706433:1", "127.1:1", "-:x"}) {
    CAPTURE(text);
    CHECK(!fault(text).empty());
    CHECK(!fault(text, 80).empty());
  }
}

TEST_CASE("a Host field leaves out the scheme's own port") {
  CHECK(parsed("a.example:443").host_field(443) == "a.example");
  CHECK(parsed("a.example:443").host_field(80) == "a.example:443");
  CHECK(parsed("[::1]:80").host_field(80) == "[::1]");
}

TEST_CASE("URLs") {
  Url url;
  CHECK(parse_url("https://api.openai.com", url).empty());
  CHECK((url.https && url.authority.port == 443 && url.rest.empty()));
  CHECK(parse_url("HTTP://vllm:8000/v1/chat?x=1", url).empty());
  CHECK((!url.https && url.authority.port == 8000 && url.rest == "/v1/chat?x=1"));
  CHECK(parse_url("http://vllm?x", url).empty());
  CHECK(url.rest == "?x");
  for (const char* text : {"ftp://a/", "http:/a", "http://", "https://u:p@a/", "http:///x", "a", "",
                           "http://a#x", "http://a/b?c#d"}) {
    CAPTURE(text);
    CHECK(!parse_url(text, url).empty());
  }
}
