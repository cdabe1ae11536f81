// Lines, at every cut.
#include "wire/lines.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace llmrec;
using namespace llmrec::wire;

namespace {

struct Log final : LineHandler {
  std::string text;
  std::string part;
  void on_line(Bytes octets) override {
    CHECK_FALSE(octets.empty());
    part += octets;
  }
  void on_line_end() override {
    CHECK_FALSE(part.empty());
    text += "<" + part + ">";
    part.clear();
  }
};

std::string run(const std::vector<Bytes>& pieces) {
  LineSplitter splitter;
  Log log;
  for (const Bytes piece : pieces) splitter.feed(piece, log);
  const bool tail = splitter.finish(log);
  CHECK(tail == splitter.in_line());
  CHECK(tail == !log.part.empty());
  return log.text + (tail ? "<" + log.part : "") + " " + std::to_string(splitter.lines());
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

TEST_CASE("lines: LF and CRLF") {
  CHECK(split("{\"a\":1}\n{}\n") == "<{\"a\":1}><{}> 2");
  CHECK(split("{}\r\n{}\r\n") == "<{}><{}> 2");
}

TEST_CASE("lines: empty ones are skipped") {
  CHECK(split("") == " 0");
  CHECK(split("\n\n{}\n\r\n\n{}\n \t\r\n") == "<{}><{}> 2");
  CHECK(split("{}\n\n") == "<{}> 1");
}

TEST_CASE("lines: the last one without its end") {
  CHECK(split("{}\n{\"a\"") == "<{}><{\"a\" 1");
  CHECK(split("{}") == "<{} 0");
  CHECK(split("{}\r") == "<{}\r 0");
  CHECK(split("{}\n  ") == "<{}> 1");
}

TEST_CASE("lines: CR that ends nothing stays") {
  CHECK(split("a\rb\r\r\nc\n") == "<a\rb\r><c> 2");
  CHECK(split("\r\r\na\r\n") == "<a> 1");
}
