#include "support/fake_scenes.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "support/http_reader.h"
#include "support/openai_stream.h"

using namespace llmrec::support;

namespace {

Script scene(const std::string& wish, const std::string& body = "{}",
             const std::string& method = "POST") {
  Request request;
  request.method = method;
  request.body = body;
  if (!wish.empty()) request.headers = {{"X-Fake", wish}};
  return play_scene(request);
}

HttpMessage message(const Script& script, const std::string& method = "POST") {
  auto parsed = parse_http(HttpReader::Kind::response, text_sent_by(script), true, {method});
  CHECK(parsed.broken == "");
  REQUIRE(!parsed.messages.empty());
  return parsed.messages.back();
}

std::string joined(const openai::EventStream& stream) {
  std::string out;
  for (const auto& event : stream.events) out += event;
  return out;
}

}  // namespace

TEST_CASE("support fake_scenes: without a wish the request's body decides") {
  openai::Shape shape;
  CHECK(message(scene("", R"({"stream": true})")).body == joined(openai::text(shape)));
  CHECK(message(scene("", R"({"stream":false})")).body == openai::json(shape));
  CHECK(message(scene("", "")).header("content-type") == "application/json");
  shape.usage = true;
  CHECK(message(scene("", R"({"stream":true,"stream_options":{"include_usage" : true}})")).body ==
        joined(openai::text(shape)));
}

TEST_CASE("support fake_scenes: scenes and their options") {
  openai::Shape shape;
  CHECK(message(scene("scene=tools")).body == joined(openai::tools(shape)));
  CHECK(message(scene("scene=legacy")).body == joined(openai::legacy(shape)));
  CHECK(message(scene("scene=refusal")).body == joined(openai::refusal(shape)));
  CHECK(message(scene("scene=error-event")).body == joined(openai::error_event(shape)));
  shape.tools = 3;
  CHECK(message(scene("scene=parallel")).body == joined(openai::tools(shape)));
  shape = {};
  shape.choices = 2;
  CHECK(message(scene("scene=n2")).body == joined(openai::text(shape)));
  shape = {};
  shape.chunks = 3;
  shape.usage = true;
  shape.done = false;
  shape.finish = "length";
  CHECK(message(scene(" scene=text;chunks=3 ;usage=1; done=0; finish=length;")).body ==
        joined(openai::text(shape)));
}

TEST_CASE("support fake_scenes: errors, HEAD, 304, bulk") {
  const auto limited = message(scene("status=429; retry-after=7"));
  CHECK(limited.status == 429);
  CHECK(limited.header("retry-after") == "7");
  CHECK(limited.body == openai::error_json(429));
  CHECK(message(scene("scene=text", "", "HEAD"), "HEAD").body.empty());
  CHECK(text_sent_by(scene("status=304")).ends_with("\r\n\r\n"));
  CHECK(text_sent_by(scene("status=204")).ends_with("\r\n\r\n"));
  const auto bulk = message(scene("bytes=100000; framing=chunked"));
  CHECK(bulk.body_sha256 == bulk.header("x-bulk-sha256"));
  CHECK(bulk.body_bytes == 100'000);
}

TEST_CASE("support fake_scenes: coding, framing, chunk size, trailers, interim") {
  const auto script =
      scene("scene=text; coding=br; chunk-size=9; trailers=1; interim=1; close=1; delay-ms=1");
  const auto m = message(script);
  CHECK(decode(Coding::br, m.body).text == joined(openai::text({})));
  CHECK(m.chunk_sizes[0] == 9);
  CHECK(m.trailers == "X-Fake-Trailer: the end\r\n");
  CHECK(m.header("connection") == "close");
  CHECK(text_sent_by(script).starts_with("HTTP/1.1 103"));
  CHECK(std::holds_alternative<Close>(script.back()));
  CHECK(std::any_of(script.begin(), script.end(),
                    [](const Step& s) { return std::holds_alternative<Delay>(s); }));
}

TEST_CASE("support fake_scenes: cuts") {
  const std::string whole = text_sent_by(scene("scene=text"));
  const auto at = scene("scene=text; cut=rst; cut-at=700");
  CHECK(text_sent_by(at) == whole.substr(0, 700));
  CHECK(std::holds_alternative<Rst>(at.back()));

  const auto after = scene("scene=text; cut-after-chunks=2");
  CHECK(message(after).chunk_sizes.size() == 2);
  CHECK(std::holds_alternative<Fin>(after.back()));
  CHECK(message(scene("scene=text; cut-after-chunks=0")).body.empty());

  const auto tool = scene("scene=tools; cut-in=tool; cut=notify");
  CHECK(message(tool).chunk_sizes.size() == openai::tools({}).inside_tool);
  CHECK(std::holds_alternative<Close>(tool.back()));

  const auto end = scene("scene=text; cut=rst");
  CHECK(text_sent_by(end) == whole);
  CHECK(std::holds_alternative<Rst>(end.back()));

  const auto stall = scene("scene=text; stall-after=5");
  CHECK(message(stall).chunk_sizes.size() == 5);
  CHECK(std::holds_alternative<ReadUntilEof>(stall[stall.size() - 2]));
}

TEST_CASE("support fake_scenes: what is not understood is said") {
  for (const char* wish : {"scene=foo", "chunks=x", "chunks=-1", "usage=2", "nonsense", "wat=1",
                           "status=99", "cut=now", "scene=text; cut-in=tool", "coding=lzma"}) {
    CAPTURE(wish);
    const auto m = message(scene(wish));
    CHECK(m.status == 400);
    CHECK(m.body.find("x-fake: ") != std::string::npos);
  }
}
