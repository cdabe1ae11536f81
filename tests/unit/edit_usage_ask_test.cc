#include "edit/usage_ask.h"

#include <doctest/doctest.h>

#include <string>

#include "wire/json_shape.h"

using namespace llmrec;
using edit::UsageAsk;
using Is = UsageAsk::Is;

namespace {

std::string changed(const std::string& json) {
  const UsageAsk ask = edit::read_usage_ask(json);
  REQUIRE(ask.is == Is::unasked);
  std::string out = json;
  out.replace(ask.at, ask.size, ask.text);
  wire::JsonShape shape;
  shape.feed(out);
  CHECK(shape.complete());
  CHECK(edit::read_usage_ask(out).is == Is::asked);
  return out;
}

std::string_view why(const std::string& json) {
  const UsageAsk ask = edit::read_usage_ask(json);
  REQUIRE(ask.is == Is::unreadable);
  return ask.why;
}

}  // namespace

TEST_CASE("the option is added beside what asks for the stream") {
  CHECK(changed(R"({"model":"m","stream":true})") ==
        R"({"model":"m","stream":true,"stream_options":{"include_usage":true}})");
  CHECK(changed("{ \"stream\" : true , \"n\": 1 }\n") ==
        "{ \"stream\" : true,\"stream_options\":{\"include_usage\":true} , \"n\": 1 }\n");
  CHECK(changed(R"({"stream":true,"stream_options":null})") ==
        R"({"stream":true,"stream_options":{"include_usage":true}})");
  CHECK(changed(R"({"stream":true,"stream_options":{}})") ==
        R"({"stream":true,"stream_options":{"include_usage":true}})");
  CHECK(changed(R"({"stream_options":{ "include_obfuscation":false },"stream":true})") ==
        R"({"stream_options":{"include_usage":true, "include_obfuscation":false },"stream":true})");
}

TEST_CASE("an explicit false is one value that becomes another") {
  const std::string json = R"({"stream":true,"stream_options":{"include_usage": false,"x":1}})";
  CHECK(changed(json) == R"({"stream":true,"stream_options":{"include_usage": true,"x":1}})");
  CHECK(edit::read_usage_ask(json).refused);
  CHECK_FALSE(
      edit::read_usage_ask(R"({"stream":true,"stream_options":{"include_usage":null}})").refused);
}

TEST_CASE("what stands elsewhere is not the option") {
  // In texts, in other objects, in names that only look alike.
  const std::string json =
      R"({"messages":[{"content":"\"stream\":true,\"stream_options\":{}","stream":false}],)"
      R"("a":{"stream":false,"stream_options":1},"b":["}","]{\\"],"c":-1.5e3,"stream":true})";
  CHECK(changed(json) ==
        json.substr(0, json.size() - 1) + R"(,"stream_options":{"include_usage":true}})");
  CHECK(edit::read_usage_ask(R"({"x":{"stream":true}})").is == Is::not_streaming);
}

TEST_CASE("nothing to do") {
  CHECK(edit::read_usage_ask(R"({"stream":true,"stream_options":{"include_usage":true}})").is ==
        Is::asked);
  CHECK(edit::read_usage_ask(R"({"model":"m"})").is == Is::not_streaming);
  CHECK(edit::read_usage_ask(R"({"stream":false,"stream_options":7})").is == Is::not_streaming);
  CHECK(edit::read_usage_ask(R"({"stream":"true"})").is == Is::not_streaming);
  CHECK(edit::read_usage_ask("{}").is == Is::not_streaming);
  CHECK(edit::read_usage_ask(" { } ").is == Is::not_streaming);
}

TEST_CASE("what is not understood is not changed") {
  CHECK(why("") == "not_json");
  CHECK(why("{\"stream\":true") == "not_json");
  CHECK(why("{\"stream\":true}}") == "not_json");
  CHECK(why("stream=true") == "not_json");
  CHECK(why("[true]") == "not_an_object");
  CHECK(why("\"stream\"") == "not_an_object");
  CHECK(why(R"({"stream":true,"stream":true})") == "duplicate_key");
  CHECK(why(R"({"stream":true,"stream_options":{},"stream_options":{}})") == "duplicate_key");
  CHECK(why(R"({"stream":true,"stream_options":{"include_usage":false,"include_usage":true}})") ==
        "duplicate_key");
  CHECK(why(R"({"\u0073tream":true})") == "escaped_key");
  CHECK(why(R"({"stream":true,"stream_options":{"include\u005fusage":false}})") == "escaped_key");
  CHECK(why(R"({"stream":true,"stream_options":[]})") == "unexpected_value");
  CHECK(why(R"({"stream":true,"stream_options":{"include_usage":"no"}})") == "unexpected_value");
  std::string deep(300, '[');
  CHECK(why("{\"a\":" + deep) == "not_json");
}

TEST_CASE("every beginning of a request is read without harm") {
  const std::string json =
      R"({"a":"\\\"\u00e9","stream":true,"stream_options":{"include_usage":false}})";
  for (std::size_t n = 0; n < json.size(); ++n) {
    CAPTURE(n);
    CHECK(edit::read_usage_ask(Bytes(json).substr(0, n)).is == Is::unreadable);
  }
}
