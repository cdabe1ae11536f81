// Elements of an array, at every cut.
#include "wire/json_array.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace llmrec;
using namespace llmrec::wire;

namespace {

struct Log final : JsonArrayHandler {
  std::string text;
  std::string part;
  bool open = false;
  void on_element_begin() override {
    CHECK_FALSE(open);
    open = true;
  }
  void on_element(Bytes octets) override {
    CHECK(open);
    CHECK_FALSE(octets.empty());
    part += octets;
  }
  void on_element_end() override {
    CHECK(open);
    open = false;
    text += "<" + part + ">";
    part.clear();
  }
};

std::string run(const std::vector<Bytes>& pieces) {
  JsonArraySplitter splitter;
  Log log;
  for (const Bytes piece : pieces) {
    const JsonArraySplitter::State state = splitter.feed(piece, log);
    CHECK(state == splitter.state());
  }
  CHECK(splitter.in_element() == log.open);
  if (log.open) log.text += "<" + log.part;
  switch (splitter.state()) {
    case JsonArraySplitter::State::more:
      return log.text + " more";
    case JsonArraySplitter::State::done:
      return log.text;
    default:
      return log.text + " bad";
  }
}

std::string split(const std::string& text) {
  const std::string whole = run({text});
  std::vector<Bytes> octets;
  for (std::size_t i = 0; i < text.size(); ++i) octets.push_back(Bytes(text).substr(i, 1));
  CHECK(run(octets) == whole);
  for (std::size_t i = 0; i <= text.size(); ++i) {
    INFO(text << " at " << i);
    CHECK(run({Bytes(text).substr(0, i), Bytes(text).substr(i)}) == whole);
  }
  return whole;
}

}  // namespace

TEST_CASE("json array: elements of every kind") {
  CHECK(split("[]") == "");
  CHECK(split(" [ ] \r\n") == "");
  CHECK(split(R"([{"a":1}])") == R"(<{"a":1}>)");
  CHECK(split("[{\"a\": [1, {}]}\n,\r\n{}\n]\n") == R"(<{"a": [1, {}]}><{}>)");
  CHECK(split(R"([1,-2.5e3 , true,null,"s",[],[[]]])") ==
        R"(<1><-2.5e3><true><null><"s"><[]><[[]]>)");
}

TEST_CASE("json array: brackets and quotes inside strings are text") {
  CHECK(split(R"([{"a":"]}\"[{,"},"\\",["\\\"]"]])") == R"(<{"a":"]}\"[{,"}><"\\"><["\\\"]"]>)");
}

TEST_CASE("json array: an object is whole with its last octet") {
  CHECK(split("[{}") == "<{}> more");
  CHECK(split("[\"a\"") == "<\"a\"> more");
  CHECK(split("[12") == "<12 more");
  CHECK(split("[12 ") == "<12> more");
  CHECK(split("[{\"a\":[") == "<{\"a\":[ more");
  CHECK(split("") == " more");
  CHECK(split("  ") == " more");
  CHECK(split("[{},") == "<{}> more");
}

TEST_CASE("json array: what is no array") {
  CHECK(split("{}") == " bad");
  CHECK(split("x") == " bad");
  CHECK(split("[,]") == " bad");
  CHECK(split("[{},]") == "<{}> bad");
  CHECK(split("[{},,{}]") == "<{}> bad");
  CHECK(split("[{}{}]") == "<{}> bad");
  CHECK(split("[1:2]") == "<1> bad");
  CHECK(split("[}]") == " bad");
  CHECK(split("[{}}") == "<{}> bad");
  CHECK(split("[]x") == " bad");
  CHECK(split("[][]") == " bad");
  CHECK(split("[{}]{}") == "<{}> bad");
}

TEST_CASE("json array: depth has no end and no cost") {
  const std::string deep = std::string(100'000, '[') + std::string(99'999, ']');
  CHECK(run({deep}) == "<" + deep.substr(1) + "> more");
}
