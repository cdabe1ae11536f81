// Ollama's /api/generate: /api/chat with its text in another place.
#include <doctest/doctest.h>

#include "dialect_reading.h"

using namespace llmrec;
using namespace llmrec::dialect;

namespace {

std::unique_ptr<Dialect> make() { return make_by_name("ollama.generate", {}); }

}  // namespace

TEST_CASE("ollama.generate: claimed by its path") {
  const auto dialect = choose({.method = "POST",
                               .host = "localhost",
                               .path = "/api/generate",
                               .query = {},
                               .content_type = {}});
  CHECK(dialect->name() == "ollama.generate");
  CHECK(dialect->operation() == "generate");
  CHECK(dialect->framing() == Framing::ndjson);
}

TEST_CASE("ollama.generate: what was asked") {
  const Asked asked = asked_of(*make(), R"({"model":"m","prompt":"ab","system":"c","suffix":"d",)"
                                        R"("images":["AAAA"],"options":{"num_predict":5}})");
  CHECK(asked.stream == true);
  CHECK(asked.text_chars == 4);
  CHECK(asked.attachment_bytes == 4);
  CHECK(asked.max_output_tokens == 5);
  CHECK(!asked.message_count);
}

TEST_CASE("ollama.generate: lines and their end") {
  Reading r(make());
  CHECK(r.event(R"({"model":"m","response":"aé","done":false})").text_chars == 2);
  CHECK(r.event(R"({"response":"","thinking":"abc","done":false})").reasoning_chars == 3);
  const Delta& d =
      r.event(R"({"response":"","done":true,"done_reason":"stop","context":[1,2],"eval_count":4})");
  CHECK(d.done);
  CHECK(d.text_chars == 0);
  CHECK(d.usage.output == 4);
  CHECK(r.event(R"({"error":"text"})").error);
  CHECK(r.answer(R"({"response":"abc","done":true,"done_reason":"stop"})").text_chars == 3);
}
