// What joins calls: rows of earlier calls and what a later one is taken for.
#include "tap/relations.h"

#include <doctest/doctest.h>

#include <string>

#include "base/limits.h"

using namespace llmrec;
using namespace llmrec::tap;

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

RecordId id_of(std::uint64_t n) {
  RecordId id;
  for (std::size_t i = 0; i < 8; ++i) {
    id.octets[15 - i] = static_cast<std::uint8_t>(n >> (8 * i) & 0xff);
  }
  return id;
}

Fingerprint body(char c) {
  Fingerprint f{};
  f.fill(c);
  return f;
}

Asking asking(std::uint64_t n) {
  Asking a;
  a.id = id_of(n);
  a.host = "api.openai.com";
  a.body = body('a');
  return a;
}

Instant at(std::int64_t seconds) { return {seconds * kSecond}; }

}  // namespace

TEST_CASE("relations: the same body again, after a failure") {
  Relations relations;
  CHECK(!relations.ask(asking(1), at(0)));
  relations.finished(id_of(1), false);
  const auto second = relations.ask(asking(2), at(1));
  REQUIRE(second);
  CHECK(second->retry_of == id_of(1));
  CHECK(second->attempt == 2);
  relations.finished(id_of(2), false);
  const auto third = relations.ask(asking(3), at(2));
  REQUIRE(third);
  CHECK(third->retry_of == id_of(2));
  CHECK(third->attempt == 3);
}

TEST_CASE("relations: asking the same thing twice is no retry") {
  Relations relations;
  relations.ask(asking(1), at(0));
  CHECK_FALSE(relations.ask(asking(2), at(1)));  // side by side
  relations.finished(id_of(1), true);
  relations.finished(id_of(2), true);
  CHECK_FALSE(relations.ask(asking(3), at(2)));
  Asking other = asking(4);
  other.body = body('b');
  relations.finished(id_of(3), false);
  CHECK_FALSE(relations.ask(other, at(3)));
}

TEST_CASE("relations: the client says that it tries again") {
  Relations relations;
  Asking first = asking(1);
  first.attempt = 1;
  relations.ask(first, at(0));  // its end is not known yet
  Asking second = asking(2);
  second.attempt = 2;
  const auto relation = relations.ask(second, at(1));
  REQUIRE(relation);
  CHECK(relation->retry_of == id_of(1));
  CHECK(relation->attempt == 2);
  Asking alone = asking(3);
  alone.body = body('z');
  alone.attempt = 3;
  CHECK_FALSE(relations.ask(alone, at(2)));  // of what, nobody saw
}

TEST_CASE("relations: keys of the client") {
  Relations relations;
  Asking first = asking(1);
  first.idempotency_key = "k1";
  relations.ask(first, at(0));
  Asking second = asking(2);
  second.idempotency_key = "k1";
  second.body = body('b');
  auto relation = relations.ask(second, at(1));
  REQUIRE(relation);
  CHECK(relation->retry_of == id_of(1));
  Asking elsewhere = asking(3);
  elsewhere.idempotency_key = "k1";
  elsewhere.body = body('c');
  elsewhere.host = "api.anthropic.com";
  CHECK_FALSE(relations.ask(elsewhere, at(2)));
  Asking aws = asking(4);
  aws.invocation_id = "i1";
  aws.attempt = 1;
  aws.body.reset();
  relations.ask(aws, at(3));
  aws.id = id_of(5);
  aws.attempt = 2;
  relation = relations.ask(aws, at(4));
  REQUIRE(relation);
  CHECK(relation->retry_of == id_of(4));
  CHECK(relation->attempt == 2);
}

TEST_CASE("relations: not after the window, and not beyond the limit") {
  Relations relations;
  relations.ask(asking(1), at(0));
  relations.finished(id_of(1), false);
  CHECK_FALSE(relations.ask(asking(2), {limits::kRetryWindowNs + 1}));
  Relations many;
  for (std::uint64_t n = 0; n < limits::kRelationsMax + 10; ++n) {
    Asking a = asking(n);
    a.idempotency_key = std::to_string(n);
    a.body.reset();
    many.ask(a, at(1));
  }
  CHECK(many.size() == limits::kRelationsMax);
  Asking a = asking(99'999);
  a.body.reset();
  a.idempotency_key = "3";
  CHECK_FALSE(many.ask(a, at(2)));
  a.id = id_of(100'000);
  a.idempotency_key = "100";
  CHECK(many.ask(a, at(2)));
}

TEST_CASE("relations: a request without any key is not remembered") {
  Relations relations;
  Asking a = asking(1);
  a.body.reset();
  CHECK_FALSE(relations.ask(a, at(0)));
  CHECK(relations.size() == 0);
  relations.finished(id_of(1), false);
  relations.finished(id_of(2), true);
}

TEST_CASE("relations: tool results are told once") {
  Relations relations;
  CHECK(relations.unseen({"a", "b"}) == std::vector<std::string>{"a", "b"});
  CHECK(relations.unseen({"a", "b", "c"}) == std::vector<std::string>{"c"});
  for (std::size_t n = 0; n < limits::kToolResultsSeenMax; ++n) {
    relations.unseen({"x" + std::to_string(n)});
  }
  CHECK(relations.unseen({"a"}) == std::vector<std::string>{"a"});  // forgotten, so told again
}
