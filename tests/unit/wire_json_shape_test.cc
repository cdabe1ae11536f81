// The validator against Boost.JSON on texts made valid, damaged and cut, at every split.
#include "wire/json_shape.h"

#include <doctest/doctest.h>

#include <boost/json/stream_parser.hpp>
#include <random>
#include <string>
#include <vector>

#include "base/limits.h"

using namespace llmrec;
using namespace llmrec::wire;

namespace {

enum class Verdict { whole, part, bad };

Verdict verdict(const JsonShape& s) {
  CHECK_FALSE((s.complete() && s.invalid()));
  return s.invalid() ? Verdict::bad : s.complete() ? Verdict::whole : Verdict::part;
}

Verdict boost_verdict(Bytes text) {
  boost::json::parse_options options;
  options.max_depth = limits::kJsonDepthMax;
  options.allow_invalid_utf8 = true;
  boost::json::stream_parser parser({}, options);
  boost::json::error_code ec;
  parser.write(text.data(), text.size(), ec);
  if (ec) return Verdict::bad;
  parser.finish(ec);
  return ec ? Verdict::part : Verdict::whole;
}

Verdict check_every_cut(Bytes text) {
  CAPTURE(text);
  JsonShape whole;
  whole.feed(text);
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    JsonShape two;
    two.feed(text.substr(0, cut));
    const JsonShape copy = two;
    two.feed(text.substr(cut));
    REQUIRE(verdict(two) == verdict(whole));
    REQUIRE(two.depth() == whole.depth());
    REQUIRE(two.in_string() == whole.in_string());
    REQUIRE(two.empty() == whole.empty());
    REQUIRE(copy.depth() <= 128);
  }
  return verdict(whole);
}

class Maker {
 public:
  explicit Maker(unsigned seed) : random_(seed) {}
  std::size_t below(std::size_t n) { return random_() % n; }
  std::string value(int depth) {
    switch (below(depth > 4 ? 6 : 9)) {
      case 0:
        return "true";
      case 1:
        return "false";
      case 2:
        return "null";
      case 3:
        return number();
      case 4:
      case 5:
        return string();
      case 6:
        return list(depth, false);
      default:
        return list(depth, true);
    }
  }

 private:
  std::string space() { return std::string(below(6) == 0 ? below(3) : 0, " \n\r\t"[below(4)]); }
  std::string digits() {
    std::string s;
    for (std::size_t n = 1 + below(below(8) == 0 ? 25 : 4); n > 0; --n) {
      s += static_cast<char>('0' + below(10));
    }
    return s;
  }
  std::string number() {
    std::string s = below(3) == 0 ? "-" : "";
    s += below(4) == 0 ? "0" : static_cast<char>('1' + below(9)) + digits();
    if (below(3) == 0) s += "." + digits();
    if (below(3) == 0) s += std::string(1, "eE"[below(2)]) + (below(2) ? "+" : "-") + "1";
    return s;
  }
  std::string string() {
    static const std::vector<std::string> parts = {"a",   "text ",    "\\\"", "\\\\",
                                                   "\\n", "\\u00e9",  "{",    "]",
                                                   ",",   "\xc3\xa9", "\\/",  "\\ud83d\\ude00"};
    std::string s = "\"";
    for (std::size_t n = below(6); n > 0; --n) s += parts[below(parts.size())];
    return s + "\"";
  }
  std::string list(int depth, bool object) {
    std::string s = object ? "{" : "[";
    for (std::size_t n = below(4), i = 0; i < n; ++i) {
      if (i != 0) s += ",";
      s += space();
      if (object) s += string() + space() + ":" + space();
      s += value(depth + 1) + space();
    }
    return s + space() + (object ? "}" : "]");
  }

  std::mt19937 random_;
};

}  // namespace

TEST_CASE("json_shape: by hand") {
  for (const Bytes good : {"{}", "[]", " {\"a\": [1, 2.5e-3, true, null]}\r\n", "\"x\"", "0",
                           "-0.1", "12", "1e5", "null", "\"\\ud83d\"", "[\"\\u12aF\"]"}) {
    CHECK(check_every_cut(good) == Verdict::whole);
  }
  for (const Bytes part : {"", "  ", "{", "{\"a\"", "{\"a\":", "{\"a\":1,", "[1", "\"x", "\"\\",
                           "-", "1.", "1e", "1e+", "tru", "[\"\\u12a", "{\"a\":{\"b\":[{}"}) {
    CHECK(check_every_cut(part) == Verdict::part);
  }
  for (const Bytes bad :
       {"}",          "]",       "{]",     "[}",        "{,}",      "[,]",         "[1,]",
        "{\"a\":1,}", "{\"a\"}", "{1:2}",  "01",        "-a",       "1.e",         "1e+a",
        "+1",         ".5",      "tru]",   "nulL",      "\"\\x\"",  "\"\\u12g4\"", "\"\n\"",
        "{} {}",      "1 2",     "[1 2]",  "{\"a\" 1}", "'a'",      "[DONE]",      "NaN",
        "{}x",        "--1",     "\"a\"b", "[1}",       "{\"a\":1]"}) {
    CHECK(check_every_cut(bad) == Verdict::bad);
  }
  JsonShape s;
  CHECK(s.empty());
  s.feed(" \n");
  CHECK(s.empty());
  s.feed("{\"k\": [\"v");
  CHECK_FALSE(s.empty());
  CHECK(s.in_string());
  CHECK(s.depth() == 2);
}

TEST_CASE("json_shape: the depth is capped") {
  JsonShape s;
  s.feed(std::string(limits::kJsonDepthMax, '['));
  CHECK_FALSE(s.invalid());
  JsonShape whole = s;
  whole.feed(std::string(limits::kJsonDepthMax, ']'));
  CHECK(whole.complete());
  s.feed("[");
  CHECK(s.invalid());
  CHECK(s.too_deep());
  s.feed("]");
  CHECK(s.depth() == static_cast<int>(limits::kJsonDepthMax));

  // Both words of container kinds are used.
  std::string mixed, back;
  for (std::size_t i = 0; i < limits::kJsonDepthMax; ++i) {
    mixed += i % 3 == 0 ? "[" : "{\"a\":";
    back.insert(0, i % 3 == 0 ? "]" : "}");
  }
  CHECK(check_every_cut(mixed + "1" + back) == Verdict::whole);
}

TEST_CASE("json_shape: says what Boost.JSON says") {
  Maker make(7);
  int whole = 0, part = 0, bad = 0;
  for (int i = 0; i < 4000; ++i) {
    std::string text = make.value(0);
    if (i % 4 == 1) text.resize(make.below(text.size() + 1));
    if (i % 4 >= 2) {
      static const std::string alphabet = "{}[]\",:0129-+.eEtfn \\u\n\x01x";
      const std::size_t at = make.below(text.size());
      const char c = alphabet[make.below(alphabet.size())];
      if (i % 4 == 2) text[at] = c;
      if (i % 4 == 3) text.insert(at, 1, c);
    }
    CAPTURE(text);
    // Boost.JSON refuses lone surrogates, which damage can make out of a pair.
    if (i % 4 != 0 && text.find("\\ud") != std::string::npos) continue;
    const Verdict expected = boost_verdict(text);
    REQUIRE(check_every_cut(text) == expected);
    ++(expected == Verdict::whole ? whole : expected == Verdict::part ? part : bad);
  }
  CHECK(whole > 1000);
  CHECK(part > 300);
  CHECK(bad > 500);
}
