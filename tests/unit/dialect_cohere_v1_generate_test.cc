// Cohere's /v1/generate: lines without a type, and generations where a chat has one text.
#include <doctest/doctest.h>

#include "dialect_reading.h"

using namespace llmrec;
using namespace llmrec::dialect;

namespace {

std::unique_ptr<Dialect> make() { return make_by_name("cohere.v1-generate", {}); }

}  // namespace

TEST_CASE("cohere.v1-generate: lines and their end") {
  Reading r(make());
  CHECK(r.dialect().operation() == "generate");
  CHECK(r.event(R"({"text":"abc","is_finished":false})").text_chars == 3);
  const Delta& d = r.event(
      R"({"is_finished":true,"finish_reason":"MAX_TOKENS","response":{"id":"x","generations":[)"
      R"({"id":"y","text":"abc","finish_reason":"MAX_TOKENS"}],"prompt":"p"}})");
  CHECK(d.text_chars == 0);
  CHECK(d.done);
  CHECK(d.response_id == "x");
  REQUIRE(d.finishes.size() == 1);
  CHECK(d.finishes[0].reason == "MAX_TOKENS");
}

TEST_CASE("cohere.v1-generate: several generations") {
  Reading r(make());
  CHECK(r.event(R"({"text":"a","is_finished":false,"index":1})").choices ==
        std::vector<std::uint32_t>{1});
  const Delta& d =
      r.event(R"({"is_finished":true,"finish_reason":"COMPLETE","response":{"generations":[)"
              R"({"finish_reason":"COMPLETE"},{"finish_reason":"MAX_TOKENS"}]}})");
  REQUIRE(d.finishes.size() == 2);
  CHECK(d.finishes[1].choice == 1);
  CHECK(d.finishes[1].reason == "MAX_TOKENS");
}

TEST_CASE("cohere.v1-generate: an error at the end, a whole answer, what was asked") {
  Reading r(make());
  const Delta failed = r.event(R"({"is_finished":true,"finish_reason":"ERROR","err":"text"})");
  REQUIRE(failed.error);
  CHECK(failed.error->type == "ERROR");
  Reading whole(make());
  const Delta& d = whole.answer(
      R"({"id":"x","generations":[{"id":"y","text":"abc","finish_reason":"COMPLETE"}],"prompt":"p",)"
      R"("meta":{"tokens":{"input_tokens":1,"output_tokens":2}}})");
  CHECK(d.text_chars == 3);
  CHECK(d.usage.output == 2);
  CHECK(d.response_id == "x");
  const Asked asked = asked_of(*make(), R"({"prompt":"ab","max_tokens":5})");
  CHECK(!asked.message_count);
  CHECK(asked.text_chars == 2);
  CHECK(asked.stream == false);
}
