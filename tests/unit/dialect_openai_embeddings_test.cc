#include <doctest/doctest.h>

#include <string>

#include "dialect/dialect.h"

using namespace llmrec;
using namespace llmrec::dialect;

namespace {

Delta document(const std::string& json, DocumentKind kind) {
  const auto dialect = make_by_name("openai.embeddings", {});
  wire::JsonReader reader(dialect->answer_paths(), *dialect);
  dialect->begin_document(kind);
  reader.feed(json);
  REQUIRE_MESSAGE(reader.finish() == wire::JsonState::done, json);
  return dialect->end_document({});
}

Asked asked(const std::string& json) {
  const auto dialect = make_by_name("openai.embeddings", {});
  Asked a;
  const auto sink = dialect->request_sink(a);
  wire::JsonReader reader(dialect->request_paths(), *sink);
  reader.feed(json);
  REQUIRE(reader.finish() == wire::JsonState::done);
  return a;
}

}  // namespace

TEST_CASE("openai.embeddings: model and usage, and nothing of the vectors") {
  std::string vector = "[";
  for (int i = 0; i < 3000; ++i) vector += std::to_string(i) + ".5,";
  vector += "0]";
  const Delta d =
      document(R"({"object":"list","data":[{"object":"embedding","index":0,"embedding":)" + vector +
                   R"(},{"index":1,"embedding":"AAAA"}],"model":"ada",)" +
                   R"("usage":{"prompt_tokens":8,"total_tokens":8}})",
               DocumentKind::answer);
  CHECK(d.model == "ada");
  CHECK(d.usage.input == 8);
  CHECK(d.usage.total == 8);
  CHECK(!d.usage.output);
  CHECK(d.usage_final);
  CHECK(!d.content());
  CHECK(d.finishes.empty());
  CHECK(!d.error);
  CHECK(!document(R"({"data":[],"model":"x"})", DocumentKind::answer).usage_final);
}

TEST_CASE("openai.embeddings: errors") {
  const Delta d = document(R"({"error":{"type":"insufficient_quota","code":"insufficient_quota"}})",
                           DocumentKind::error_body);
  CHECK(d.error->code == "insufficient_quota");
}

TEST_CASE("openai.embeddings: what was asked") {
  const Asked a = asked(R"({"model":"ada","input":"abé","encoding_format":"base64"})");
  CHECK(a.model == "ada");
  CHECK(a.stream == false);
  CHECK(a.message_count == 1);
  CHECK(a.text_chars == 3);
  CHECK(asked(R"({"input":["a","b","c"]})").message_count == 3);
  CHECK(asked(R"({"input":[1,2,3]})").message_count == 1);
  CHECK(asked(R"({"input":[[1],[2]]})").message_count == 2);
  CHECK(!asked("{}").message_count);
}

TEST_CASE("openai.embeddings: no stream, and nothing owed") {
  const auto dialect = choose({.method = "POST",
                               .host = "api.openai.com",
                               .path = "/v1/embeddings",
                               .query = "",
                               .content_type = ""});
  CHECK(dialect->name() == "openai.embeddings");
  CHECK(dialect->operation() == "embeddings");
  const Owes owes = dialect->owes(provider_by_host("api.openai.com"), {});
  CHECK(!owes.finish);
  CHECK(!owes.done);
  CHECK(!owes.usage);
}
