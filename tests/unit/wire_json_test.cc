// Chosen paths out of JSON: the events by hand, at every cut; random documents against the same
// walk over Boost.JSON's value tree.
#include "wire/json.h"

#include <doctest/doctest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <cstdio>
#include <limits>
#include <random>
#include <string>
#include <vector>

using namespace llmrec;
using namespace llmrec::wire;

namespace {

struct Log final : JsonSink {
  std::string text;
  std::string open;  // string parts so far
  void add(std::uint16_t slot, const std::string& s) { text += std::to_string(slot) + s + " "; }
  void on_enter(std::uint16_t slot, std::uint32_t position) override {
    add(slot, "(" + std::to_string(position));
  }
  void on_leave(std::uint16_t slot) override { add(slot, ")"); }
  void on_string(std::uint16_t slot, Bytes part, bool last) override {
    open += part;
    if (!last) return;
    add(slot, "'" + open + "'");
    open.clear();
  }
  void on_int(std::uint16_t slot, std::int64_t i) override { add(slot, "=" + std::to_string(i)); }
  void on_double(std::uint16_t slot, double d) override {
    char s[40];
    std::snprintf(s, sizeof s, "~%.17g", d);
    add(slot, s);
  }
  void on_bool(std::uint16_t slot, bool b) override { add(slot, b ? "=true" : "=false"); }
  void on_null(std::uint16_t slot) override { add(slot, "=null"); }
  void on_key(std::uint16_t slot, Bytes key) override { add(slot, "[" + std::string(key) + "]"); }
};

std::string end(JsonState s) {
  switch (s) {
    case JsonState::more:
      return "more";
    case JsonState::done:
      return "done";
    case JsonState::bad:
      return "bad";
    case JsonState::too_deep:
      return "too deep";
  }
  return "?";
}

// Events of a text that turns out bad may stop earlier or later with the cut; the verdict may not.
std::string run(const JsonPaths& paths, const std::vector<Bytes>& pieces) {
  Log log;
  JsonReader reader(paths, log);
  for (const Bytes piece : pieces) {
    const JsonState fed = reader.feed(piece);
    CHECK(fed == reader.state());
  }
  const JsonState state = reader.finish();
  return state == JsonState::done ? log.text + end(state) : end(state);
}

std::string run_every_cut(const JsonPaths& paths, Bytes text) {
  CAPTURE(text);
  const std::string whole = run(paths, {text});
  std::vector<Bytes> octets;
  for (std::size_t i = 0; i < text.size(); ++i) octets.push_back(text.substr(i, 1));
  REQUIRE(run(paths, octets) == whole);
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    CAPTURE(cut);
    REQUIRE(run(paths, {text.substr(0, cut), text.substr(cut)}) == whole);
  }
  return whole;
}

JsonPaths paths_of(std::vector<JsonPath> list) { return JsonPaths(list); }

const std::string kChunk =
    R"({"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"gpt-4o",)"
    R"("choices":[{"index":0,"delta":{"content":" word","tool_calls":[{"index":1,"function":)"
    R"({"name":"f","arguments":"{\"a\":"}}]},"logprobs":{"content":[{"token":"x"}]},)"
    R"("finish_reason":null},{"index":1,"delta":{}}],"usage":{"prompt_tokens":7}})";

}  // namespace

TEST_CASE("json: chosen paths of a completion chunk") {
  const JsonPaths paths = paths_of({{"id", 1},
                                    {"choices[]", 2},
                                    {"choices[].delta.content", 3},
                                    {"choices[].delta.tool_calls[].function.arguments", 4},
                                    {"choices[].finish_reason", 5},
                                    {"usage.prompt_tokens", 6},
                                    {"choices[].index", 7},
                                    {"", 8},
                                    {"usage", 9}});
  CHECK(run_every_cut(paths, kChunk) ==
        "8(0 1'chatcmpl-1' 2(0 7=0 3' word' 4'{\"a\":' 5=null 2) 2(1 7=1 2) 9(0 6=7 9) 8) done");
}

TEST_CASE("json: root values, root arrays, arrays of arrays, any key") {
  CHECK(run_every_cut(paths_of({{"", 1}}), "12") == "1=12 done");
  CHECK(run_every_cut(paths_of({{"", 1}}), " \"x\" ") == "1'x' done");
  CHECK(run_every_cut(paths_of({{"", 1}}), "\ntrue") == "1=true done");
  CHECK(run_every_cut(paths_of({{"[].id", 1}, {"[]", 2}}), R"([{"id":"a"},3,{"id":null}])") ==
        "2(0 1'a' 2) 2=3 2(2 1=null 2) done");
  CHECK(run_every_cut(paths_of({{"a[][]", 1}, {"a[]", 2}}), R"({"a":[[1,2],[],[[3],4]]})") ==
        "2(0 1=1 1=2 2) 2(1 2) 2(2 1(0 1) 1=4 2) done");
  CHECK(run_every_cut(paths_of({{"a.*", 1}, {"a.b", 2}, {"*.x", 3}}),
                      R"({"a":{"b":1,"c":2,"dd":{"x":1},"x":5},"q":{"x":7}})") ==
        "2=1 1[c] 1=2 1[dd] 1(0 1) 1[x] 1=5 3=7 done");
  CHECK(run_every_cut(paths_of({{"*", 1}}), "{\"" + std::string(70, 'k') + "\":1}") ==
        "1[" + std::string(64, 'k') + "] 1=1 done");
  // A named object where a value was expected, and the other way round.
  CHECK(run_every_cut(paths_of({{"a", 1}, {"b.c", 2}}), R"({"a":{"c":[1]},"b":3})") ==
        "1(0 1) done");
  CHECK(run_every_cut(paths_of({{"a", 1}}), R"({"a":1,"a":2,"b":{"a":3}})") == "1=1 1=2 done");
  CHECK(run_every_cut(paths_of({{"a[].b", 1}}),
                      R"({"a":{"b":1},"a":[{"b":2},[{"b":3}],{"b":4}]})") == "1=2 1=4 done");
  CHECK(run_every_cut(paths_of({}), kChunk) == "done");
}

TEST_CASE("json: keys by escapes, long keys, neighbours in length") {
  const JsonPaths paths = paths_of({{"id", 1}, {"ids", 2}, {std::string(64, 'k'), 3}});
  CHECK(run_every_cut(paths, R"({"\u0069d":1,"i\u0064s":2,"di":3,"i":4,"":5})") == "1=1 2=2 done");
  CHECK(run_every_cut(paths, "{\"" + std::string(64, 'k') + "\":1,\"" + std::string(65, 'k') +
                                 "\":2}") == "3=1 done");
}

TEST_CASE("json: strings come unescaped") {
  const JsonPaths paths = paths_of({{"s", 1}});
  CHECK(run_every_cut(paths, R"({"s":""})") == "1'' done");
  CHECK(run_every_cut(paths, R"({"s":"a\"\\\/\b\f\n\r\t\u0041\u00e9\u20ac"})") ==
        "1'a\"\\/\b\f\n\r\tA\xc3\xa9\xe2\x82\xac' done");
  CHECK(run_every_cut(paths, "{\"s\":\"\xff\xc3\"}") == "1'\xff\xc3' done");
  const std::string longer(5000, 'x');
  CHECK(run(paths, {"{\"s\":\"" + longer + "\\n" + longer + "\"}"}) ==
        "1'" + longer + "\n" + longer + "' done");
}

TEST_CASE("json: lone surrogates read as U+FFFD, pairs stay one code point") {
  const JsonPaths paths = paths_of({{"s", 1}, {"\xef\xbf\xbd", 2}});
  const std::string fffd = "\xef\xbf\xbd";
  const auto value = [&](const std::string& s) {
    return run_every_cut(paths, "{\"s\":\"" + s + "\",\"x\":0}");
  };
  CHECK(value(R"(\ud83d\ude00)") == "1'\xf0\x9f\x98\x80' done");
  CHECK(value(R"(\uD83D\uDE00)") == "1'\xf0\x9f\x98\x80' done");
  CHECK(value(R"(\ud83d)") == "1'" + fffd + "' done");
  CHECK(value(R"(\ude00)") == "1'" + fffd + "' done");
  CHECK(value(R"(a\ud83db)") == "1'a" + fffd + "b' done");
  CHECK(value(R"(\ud83d\n)") == "1'" + fffd + "\n' done");
  CHECK(value(R"(\ud83d\\ude00)") == "1'" + fffd + "\\ude00' done");
  CHECK(value(R"(\\ud83d)") == "1'\\ud83d' done");
  CHECK(value(R"(\\\ud83d\\)") == "1'\\" + fffd + "\\' done");
  CHECK(value(R"(\ud83d\ud83d\ude00)") == "1'" + fffd + "\xf0\x9f\x98\x80' done");
  CHECK(value(R"(\ud83d\ud83d\ud83d)") == "1'" + fffd + fffd + fffd + "' done");
  CHECK(value(R"(\ude00\ud83d)") == "1'" + fffd + fffd + "' done");
  CHECK(value(R"(\ud83d\u0041)") == "1'" + fffd + "A' done");
  CHECK(value(R"(\ud83d\udbff)") == "1'" + fffd + fffd + "' done");
  CHECK(value(R"(\ud83d\u)") == "bad");
  CHECK(value(R"(\ud83d\uzzzz)") == "bad");
  CHECK(value(R"(\ud8)") == "bad");
  CHECK(value(R"(\ud83d\x)") == "bad");
  CHECK(run_every_cut(paths, R"({"\ud83d":1})") == "2=1 done");
}

TEST_CASE("json: numbers, the same at every cut") {
  const JsonPaths paths = paths_of({{"n", 1}});
  const auto number = [&](const std::string& s) {
    return run_every_cut(paths, "{\"n\":" + s + ",\"m\":[" + s + "]}");
  };
  CHECK(number("0") == "1=0 done");
  CHECK(number("-0") == "1=0 done");
  CHECK(number("9223372036854775807") == "1=9223372036854775807 done");
  CHECK(number("-9223372036854775808") == "1=-9223372036854775808 done");
  CHECK(number("9223372036854775808") == "1~9.2233720368547758e+18 done");
  CHECK(number("18446744073709551616") == "1~1.8446744073709552e+19 done");
  CHECK(number("1.5") == "1~1.5 done");
  CHECK(number("0.1") == "1~0.10000000000000001 done");
  CHECK(number("123456789.123456789123") == "1~123456789.12345679 done");
  CHECK(number("1e3") == "1~1000 done");
  CHECK(number("1e999") == "1~1.7976931348623157e+308 done");
  CHECK(number("-1E+999") == "1~-1.7976931348623157e+308 done");
  CHECK(number("1e-999") == "1~0 done");
  CHECK(number("0e999") == "1~0 done");
  CHECK(number("1" + std::string(200, '0')) ==
        "1~1.0000000000000001e+63 done");  // read from its first 64
  CHECK(number("01") == "bad");
  CHECK(number("1.") == "bad");
  CHECK(number("-") == "bad");
  CHECK(number("NaN") == "bad");
}

TEST_CASE("json: what is not one JSON text") {
  const JsonPaths paths = paths_of({{"a", 1}});
  for (const Bytes bad :
       {"",     " ",          "{",       "{\"a\":1", "{\"a\":1}x", "{\"a\":1}{}", "[DONE]",
        "nul",  "{\"a\"}",    "{'a':1}", "[1,]",     "{\"a\":1,}", "// c\n{}",    "\\",
        "{}\\", "{} \\ud83d", "{\"a\\",  "\"\n\"",   "{}\"",       "<html>"}) {
    CHECK(run_every_cut(paths, bad) == "bad");
  }
  CHECK(run_every_cut(paths, "\r\n\t {} \r\n\t") == "done");

  Log log;
  JsonReader reader(paths, log);
  CHECK(reader.feed(" \n") == JsonState::more);
  CHECK(reader.empty());
  CHECK(reader.feed("{\"a\":") == JsonState::more);
  CHECK_FALSE(reader.empty());
  CHECK(reader.feed("1}") == JsonState::done);
  CHECK(reader.feed(" ") == JsonState::done);
  CHECK(reader.feed(",") == JsonState::bad);
  CHECK(reader.feed("{}") == JsonState::bad);
}

TEST_CASE("json: the depth is capped, and other paths are free of it") {
  const JsonPaths paths = paths_of({{"a", 1}});
  const std::size_t most = limits::kJsonDepthMax;
  CHECK(run_every_cut(paths, std::string(most, '[') + std::string(most, ']')) == "done");
  CHECK(run_every_cut(paths, std::string(most + 1, '[')) == "too deep");
  CHECK(run(paths, {std::string(1000000, '[')}) == "too deep");
  CHECK(run_every_cut(paths, "{\"b\":" + std::string(100, '[') + std::string(100, ']') +
                                 ",\"a\":1}") == "1=1 done");
}

TEST_CASE("json: reset reads a new text, with other paths too") {
  const JsonPaths first = paths_of({{"a.b.c", 1}});
  const JsonPaths second = paths_of({{"[]", 2}});
  Log log;
  JsonReader reader(first, log);
  reader.feed("{\"a\":{\"b\":{\"c\":\"half \\ud8");
  reader.reset();
  CHECK(reader.empty());
  CHECK(reader.state() == JsonState::more);
  log = {};
  CHECK(reader.feed("{\"a\":{\"b\":{\"c\":12") == JsonState::more);
  reader.reset(second);
  CHECK(reader.feed("[1,2]") == JsonState::done);
  CHECK(log.text == "2=1 2=2 ");
  reader.feed("x");
  CHECK(reader.state() == JsonState::bad);
  reader.reset();
  CHECK(reader.feed("[]") == JsonState::done);
}

namespace {

namespace bj = boost::json;

// A path by steps: "[]" or a key.
using Steps = std::vector<std::string>;

// The expected events of one path: a walk over the whole tree. Nothing is named inside a match, so
// that its begin and end stand side by side.
void walk(const bj::value& v, const Steps& steps, std::size_t at, Log& log,
          std::uint32_t position) {
  if (at == steps.size()) {
    if (v.is_object() || v.is_array()) {
      log.on_enter(1, position);
      log.on_leave(1);
    } else if (v.is_string()) {
      log.on_string(1, {v.get_string().data(), v.get_string().size()}, true);
    } else if (v.is_int64()) {
      log.on_int(1, v.get_int64());
    } else if (v.is_bool()) {
      log.on_bool(1, v.get_bool());
    } else {
      log.on_null(1);
    }
    return;
  }
  if (steps[at] == "[]") {
    std::uint32_t i = 0;
    if (v.is_array()) {
      for (const bj::value& e : v.get_array()) walk(e, steps, at + 1, log, i++);
    }
  } else if (v.is_object()) {
    if (const bj::value* child = v.get_object().if_contains(steps[at])) {
      walk(*child, steps, at + 1, log, 0);
    }
  }
}

struct Maker {
  std::mt19937 random{11};
  std::size_t below(std::size_t n) { return random() % n; }
  bj::value value(int depth) {
    const char* const words[] = {"", "x", "caf\xc3\xa9", "\"q\" \\ \n", "\xf0\x9f\x98\x80"};
    const char* const keys[] = {"a", "b", "ab", "abc", "\n"};
    switch (below(depth > 5 ? 4 : 8)) {
      case 0:
        return bj::value(nullptr);
      case 1:
        return bj::value(static_cast<std::int64_t>(random()) - (1LL << 31));
      case 2:
        return bj::value(below(2) == 0);
      case 3:
        return bj::value(words[below(5)]);
      case 4:
      case 5: {
        bj::array array;
        for (std::size_t n = below(4); n > 0; --n) array.push_back(value(depth + 1));
        return array;
      }
      default: {
        bj::object object;
        for (std::size_t n = 1 + below(5); n > 0; --n) object[keys[below(5)]] = value(depth + 1);
        return object;
      }
    }
  }
};

}  // namespace

TEST_CASE("json: random documents, random paths, beside other paths that must not matter") {
  Maker make;
  int found = 0;
  for (int i = 0; i < 1500; ++i) {
    const bj::value document = make.value(0);
    const bj::string made = bj::serialize(document).c_str();
    const std::string text(made.data(), made.size());
    Steps steps;
    std::string path;
    for (std::size_t n = make.below(5); n > 0; --n) {
      const char* const choices[] = {"[]", "a", "b", "ab", "abc"};
      steps.push_back(choices[make.below(5)]);
      if (steps.back() != "[]" && !path.empty()) path += ".";
      path += steps.back();
    }
    CAPTURE(text);
    CAPTURE(path);
    Log expected;
    walk(document, steps, 0, expected, 0);
    found += expected.text.empty() ? 0 : 1;
    const JsonPaths alone = paths_of({{path, 1}});
    // Inner nodes with children but without a slot, as every table of a dialect has.
    const JsonPaths company =
        paths_of({{path + "[].z", 0xfffe}, {path, 1}, {path + ".z.y", 0xfffe}});
    REQUIRE(run(alone, {text}) == expected.text + "done");
    REQUIRE(run_every_cut(company, text) == expected.text + "done");
  }
  CHECK(found > 200);
}
