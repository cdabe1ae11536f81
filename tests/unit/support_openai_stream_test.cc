#include "support/openai_stream.h"

#include <doctest/doctest.h>

#include <boost/json/src.hpp>
#include <map>
#include <set>

using namespace llmrec::support;
namespace bj = boost::json;

namespace {

// The events' data as JSON, without [DONE].
std::vector<bj::value> chunks_of(const openai::EventStream& stream) {
  std::vector<bj::value> out;
  for (const auto& event : stream.events) {
    REQUIRE(event.starts_with("data: "));
    REQUIRE(event.ends_with("\n\n"));
    const std::string data = event.substr(6, event.size() - 8);
    if (data != "[DONE]") out.push_back(bj::parse(data));
  }
  return out;
}

struct Said {
  std::map<std::int64_t, std::string> text;
  std::string refusal, function_name, function_arguments;
  std::map<std::int64_t, std::string> tool_ids, tool_arguments;
  std::multiset<std::string> finishes;
  int usages = 0;
};

void append(std::string& to, const bj::object& from, const char* key) {
  const bj::value* value = from.if_contains(key);
  if (value != nullptr && value->is_string()) to += value->as_string().c_str();
}

Said listen(const openai::EventStream& stream) {
  Said said;
  for (const auto& chunk : chunks_of(stream)) {
    const bj::object& object = chunk.as_object();
    if (object.contains("usage") && object.at("usage").is_object()) ++said.usages;
    if (!object.contains("choices")) continue;
    for (const auto& choice : object.at("choices").as_array()) {
      const bj::object& delta = choice.at("delta").as_object();
      append(said.text[choice.at("index").as_int64()], delta, "content");
      append(said.refusal, delta, "refusal");
      if (delta.contains("function_call")) {
        append(said.function_name, delta.at("function_call").as_object(), "name");
        append(said.function_arguments, delta.at("function_call").as_object(), "arguments");
      }
      if (delta.contains("tool_calls")) {
        const bj::object& call = delta.at("tool_calls").at(0).as_object();
        append(said.tool_ids[call.at("index").as_int64()], call, "id");
        append(said.tool_arguments[call.at("index").as_int64()], call.at("function").as_object(),
               "arguments");
      }
      if (choice.at("finish_reason").is_string()) {
        said.finishes.insert(choice.at("finish_reason").as_string().c_str());
      }
    }
  }
  return said;
}

std::string unescaped(const std::string& wire) {
  return bj::parse("\"" + wire + "\"").as_string().c_str();
}

}  // namespace

TEST_CASE("support openai_stream: text, with every option") {
  openai::Shape shape;
  shape.chunks = 30;
  shape.choices = 2;
  shape.usage = shape.unicode = shape.obfuscation = true;
  const auto stream = openai::text(shape);
  const auto said = listen(stream);
  CHECK(said.text.at(0) == unescaped(openai::wire_text(shape, 0)));
  CHECK(said.text.at(1) == unescaped(openai::wire_text(shape, 1)));
  CHECK(said.text.at(0) != said.text.at(1));
  CHECK(said.finishes == std::multiset<std::string>{"stop", "stop"});
  CHECK(said.usages == 1);
  CHECK(stream.events.back() == "data: [DONE]\n\n");
  CHECK(stream.events.size() == 2 + 60 + 2 + 1 + 1);
  for (const auto& chunk : chunks_of(stream)) CHECK(chunk.as_object().contains("obfuscation"));
  const auto last = chunks_of(stream).back();
  CHECK(last.at("choices").as_array().empty());
  CHECK(last.at("usage").at("completion_tokens").as_int64() == openai::completion_tokens(shape));

  shape.usage = shape.done = false;
  const auto bare = openai::text(shape);
  CHECK(bare.events.back().find("DONE") == std::string::npos);
  CHECK(bare.events.back().find("usage") == std::string::npos);
}

TEST_CASE("support openai_stream: tool calls are whole, and their middle is inside the first") {
  openai::Shape shape;
  shape.tools = 3;
  const auto stream = openai::tools(shape);
  const auto said = listen(stream);
  REQUIRE(said.tool_arguments.size() == 3);
  for (int call = 0; call < 3; ++call) {
    CHECK(said.tool_ids.at(call) == openai::tool_id(call));
    CHECK(said.tool_arguments.at(call) == openai::tool_arguments(call));
    CHECK_NOTHROW(bj::parse(said.tool_arguments.at(call)));
  }
  CHECK(said.finishes == std::multiset<std::string>{"tool_calls"});

  auto cut = stream;
  cut.events.resize(stream.inside_tool);
  const auto half = listen(cut);
  REQUIRE(half.tool_arguments.size() == 1);
  CHECK(!half.tool_arguments.at(0).empty());
  CHECK(openai::tool_arguments(0).starts_with(half.tool_arguments.at(0)));
  CHECK_THROWS(bj::parse(half.tool_arguments.at(0)));
}

TEST_CASE("support openai_stream: legacy call, refusal, error event") {
  const openai::Shape shape;
  const auto legacy = listen(openai::legacy(shape));
  CHECK(legacy.function_name == openai::tool_name(0));
  CHECK(legacy.function_arguments == openai::tool_arguments(0));
  CHECK(legacy.finishes == std::multiset<std::string>{"function_call"});
  const auto refusal = listen(openai::refusal(shape));
  CHECK(refusal.refusal == unescaped(openai::wire_text(shape)));
  CHECK(refusal.finishes == std::multiset<std::string>{"stop"});
  const auto error = openai::error_event(shape);
  CHECK(listen(error).finishes.empty());
  CHECK(chunks_of(error).back().at("error").at("type").as_string() == "server_error");
}

TEST_CASE("support openai_stream: answers, errors and requests are JSON") {
  openai::Shape shape;
  shape.choices = 2;
  shape.unicode = true;
  const auto answer = bj::parse(openai::json(shape));
  CHECK(answer.at("choices").as_array().size() == 2);
  CHECK(answer.at("choices").at(1).at("message").at("content").as_string() ==
        unescaped(openai::wire_text(shape, 1)));
  const auto tools = bj::parse(openai::tools_json(shape));
  CHECK(tools.at("choices")
            .at(0)
            .at("message")
            .at("tool_calls")
            .at(0)
            .at("function")
            .at("arguments")
            .as_string() == openai::tool_arguments(0));
  for (const int status : {400, 401, 404, 429, 500, 503}) {
    CHECK(bj::parse(openai::error_json(status)).at("error").is_object());
  }
  openai::Ask ask;
  ask.include_usage = false;
  ask.max_completion_tokens = 9;
  ask.n = 2;
  ask.tools = 2;
  ask.tool_results = 2;
  ask.prompt_bytes = 5000;
  const auto request = bj::parse(openai::request_json(ask));
  CHECK(request.at("stream").as_bool());
  CHECK_FALSE(request.at("stream_options").at("include_usage").as_bool());
  CHECK(request.at("messages").as_array().size() == 5);
  CHECK(request.at("messages").at(1).at("content").as_string().size() == 5000);
  CHECK(request.at("tools").as_array().size() == 2);
  ask = {};
  ask.stream = false;
  CHECK_FALSE(bj::parse(openai::request_json(ask)).as_object().contains("stream"));
}
