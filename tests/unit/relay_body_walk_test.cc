#include "relay/body_walk.h"

#include <doctest/doctest.h>

#include <string>

#include "base/limits.h"

using namespace llmrec;
using namespace llmrec::relay;

namespace {

struct Walked {
  std::size_t used = 0;
  bool done = false, broken = false;
  friend bool operator==(const Walked&, const Walked&) = default;
};

Walked walk_in(const std::string& text, std::size_t piece) {
  BodyWalk walk;
  walk.begin_chunked();
  Walked out;
  for (std::size_t at = 0; at < text.size(); at += piece) {
    const std::string part = text.substr(at, piece);
    const std::size_t n = walk.feed(part);
    out.used += n;
    if (n < part.size()) break;
  }
  out.done = walk.done();
  out.broken = walk.broken();
  return out;
}

Walked chunks(const std::string& text) {
  const Walked whole = walk_in(text, text.size());
  for (std::size_t piece = 1; piece < text.size(); ++piece) CHECK(walk_in(text, piece) == whole);
  return whole;
}

}  // namespace

TEST_CASE("a length") {
  BodyWalk walk;
  walk.begin_length(0);
  CHECK(walk.done());
  CHECK(walk.feed("x") == 0);
  walk.begin_length(5);
  CHECK(walk.feed("abc") == 3);
  CHECK(!walk.done());
  CHECK(walk.feed("defg") == 2);
  CHECK(walk.done());
}

TEST_CASE("chunks, extensions and trailers, and where they end") {
  for (const std::string text :
       {"0\r\n\r\n", "5\r\nhello\r\n0\r\n\r\n",
        "a;x=y\r\n0123456789\r\n0;z\r\nT: 1\r\nU: 2\r\n\r\n", "A \r\n0123456789\r\n000\r\n\r\n"}) {
    CAPTURE(text);
    CHECK(chunks(text) == Walked{text.size(), true, false});
    CHECK(chunks(text + "POST /") == Walked{text.size(), true, false});
    CHECK(!chunks(text.substr(0, text.size() - 1)).done);
  }
}

TEST_CASE("what is no chunk") {
  for (const char* text : {"\r\n", "g\r\n", "-1\r\n", "5\nhello", "5\r\nhelloX", "5\r\nhello\rX",
                           "0\r\nT: 1\nU", "5;a\nb\r\n", "11111111111111111\r\n", "0\r\n\rX"}) {
    CAPTURE(text);
    const Walked w = chunks(text);
    CHECK(w.broken);
    CHECK(!w.done);
  }
  const std::string endless = "5;" + std::string(limits::kHttpHeadMax + 2, 'x');
  CHECK(walk_in(endless, endless.size()).broken);
}
