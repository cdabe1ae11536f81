#include <doctest/doctest.h>

#include "dialect/dialect.h"

using namespace llmrec;
using namespace llmrec::dialect;

TEST_CASE("unknown: claims nothing to know, and so nothing to be owed") {
  const auto dialect = make_by_name("unknown", {});
  REQUIRE(dialect);
  CHECK(dialect->operation() == "unknown");
  CHECK(!dialect->knows_content());
  CHECK(!dialect->done_sentinel());
  Asked asked;
  asked.usage_requested = true;
  CHECK(dialect->recognised().empty());
  const Owes owes = dialect->owes(provider_by_host("api.openai.com"), asked);
  CHECK(!owes.finish);
  CHECK(!owes.done);
  CHECK(!owes.usage);
  record::Usage usage;
  usage.input = 3;
  CHECK(dialect->comparable({}, usage) == usage);
}

TEST_CASE("unknown: no document says anything") {
  const auto dialect = make_by_name("unknown", {});
  wire::JsonReader json(dialect->answer_paths(), *dialect);
  dialect->begin_document(DocumentKind::event);
  json.feed(R"({"id":"x","choices":[{"delta":{"content":"hi"},"finish_reason":"stop"}]})");
  CHECK(json.finish() == wire::JsonState::done);
  const Delta& delta = dialect->end_document("message");
  CHECK(!delta.content());
  CHECK(delta.finishes.empty());
  CHECK(delta.response_id.empty());
}
