#include "edit/usage_frame.h"

#include <doctest/doctest.h>

#include <string>

#include "base/limits.h"

using namespace llmrec;
using namespace llmrec::edit;

namespace {

const std::string kText = R"(data: {"choices":[{"index":0,"delta":{"content":"a"}}],"usage":null})";
const std::string kFinish =
    R"(data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":null})";
const std::string kUsage =
    R"(data: {"id":"x","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}})";
const std::string kDone = "data: [DONE]";

std::optional<Range> found(const std::string& body, std::size_t first, std::size_t step) {
  UsageFrame frame;
  const auto feed = [&frame](Bytes octets) {
    frame.feed(octets);
    if (!frame.settled()) return;
    if (frame.found()) CHECK(frame.decided() > frame.found()->end);
  };
  feed(Bytes(body).substr(0, first));
  for (std::size_t at = first; at < body.size(); at += step) feed(Bytes(body).substr(at, step));
  frame.finish();
  return frame.found();
}

// What is found, the same at every split.
std::string cut_out(const std::string& body) {
  const auto whole = found(body, body.size(), 1);
  for (std::size_t first = 0; first <= body.size(); ++first) {
    for (const std::size_t step : {std::size_t{1}, std::size_t{7}, body.size() + 1}) {
      const auto range = found(body, first, step);
      CHECK(range.has_value() == whole.has_value());
      if (range && whole) {
        CHECK(range->begin == whole->begin);
        CHECK(range->end == whole->end);
      }
    }
  }
  if (!whole) return {};
  return body.substr(whole->begin, whole->end - whole->begin);
}

std::string lines(const std::string& end, std::initializer_list<std::string> events) {
  std::string out;
  for (const std::string& event : events) out += event + end + end;
  return out;
}

}  // namespace

TEST_CASE("the chunk before [DONE], with any line ends") {
  for (const std::string end : {"\n", "\r\n", "\r"}) {
    CAPTURE(end);
    CHECK(cut_out(lines(end, {kText, kFinish, kUsage, kDone})) == kUsage + end + end);
  }
}

TEST_CASE("the chunk that is the last, without a marker") {
  CHECK(cut_out(lines("\n", {kText, kFinish, kUsage})) == kUsage + "\n\n");
}

TEST_CASE("names, ids and comments around it") {
  const std::string named = "event: message\nid: 7\n" + kUsage;
  CHECK(cut_out(": hello\n\n" + lines("\n", {kText, named}) + ": ping\n\n" + kDone + "\n\n") ==
        named + "\n\n");
  CHECK(cut_out(lines("\n", {kFinish, "data: {\"choices\":[],\ndata: \"usage\":{}}", kDone})) ==
        "data: {\"choices\":[],\ndata: \"usage\":{}}\n\n");
}

TEST_CASE("what only looks like it stays") {
  // Azure's first event; running totals; usage beside a choice; no usage; no array; not JSON.
  const std::string azure = R"(data: {"choices":[],"prompt_filter_results":[]})";
  CHECK(cut_out(lines("\n", {azure, kText, kFinish, kDone})).empty());
  CHECK(cut_out(lines("\n", {kUsage, kText, kFinish, kDone})).empty());
  CHECK(
      cut_out(lines("\n", {R"(data: {"choices":[{"index":0}],"usage":{"x":1}})", kDone})).empty());
  CHECK(cut_out(lines("\n", {R"(data: {"choices":[],"usage":null})", kDone})).empty());
  CHECK(cut_out(lines("\n", {R"(data: {"choices":[null],"usage":{}})", kDone})).empty());
  CHECK(cut_out(lines("\n", {R"(data: {"choices":{},"usage":{}})" + std::string(1, 'x'), kDone}))
            .empty());
  CHECK(cut_out(lines("\n", {R"(data: {"a":{"choices":[],"usage":{}}})", kDone})).empty());
  CHECK(cut_out(lines("\n", {kUsage.substr(0, kUsage.size() - 1), kDone})).empty());
  CHECK(cut_out(lines("\n", {R"(data: "choices")", kDone})).empty());
  // It never became an event.
  CHECK(cut_out(kFinish + "\n\n" + kUsage + "\n").empty());
}

TEST_CASE("of two the last") {
  CHECK(cut_out(lines("\n", {kUsage, kText, kUsage, kDone})) == kUsage + "\n\n");
  const std::string body = lines("\n", {kUsage, kUsage, kDone});
  const auto range = found(body, body.size(), 1);
  REQUIRE(range);
  CHECK(range->begin == kUsage.size() + 2);
}

TEST_CASE("text is decided as soon as it is known to be text") {
  UsageFrame frame;
  frame.feed("data: {\"id\":1,");
  CHECK(frame.decided() == 0);
  frame.feed("\"choices\":[{");
  CHECK(frame.decided() > 20);
  frame.feed("}]}\n\n");
  CHECK(frame.decided() == 31);
  frame.feed(kUsage + "\n\n");
  CHECK(frame.decided() == 31);
}

TEST_CASE("bounded: a large event is none, and a candidate does not wait for ever") {
  const std::string large = R"(data: {"x":")" + std::string(limits::kEditFrameOctets, 'x') +
                            R"(","choices":[],"usage":{}})"
                            "\n\n";
  for (const std::size_t step : {std::size_t{1}, std::size_t{1000}, large.size()}) {
    CHECK_FALSE(found(large + kDone + "\n\n", 0, step));
  }
  std::string pings = kUsage + "\n\n";
  while (pings.size() <= limits::kEditHeldOctets) pings += ": ping\n\n";
  for (const std::size_t step : {std::size_t{1}, std::size_t{1000}, pings.size()}) {
    CHECK_FALSE(found(pings + kDone + "\n\n", 0, step));
  }
}
