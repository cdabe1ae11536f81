#include "admin/notes.h"

#include <doctest/doctest.h>

#include <string>

#include "base/limits.h"
#include "net/payload.h"
#include "record/codec.h"
#include "record_sample.h"

using namespace llmrec;
using namespace llmrec::admin;

namespace {

std::string refused(const std::string& json) {
  const auto facts = parse_notes(json);
  return facts ? "" : facts.error().detail;
}

store::Row row_of(const record::Record& r, store::Kind kind) {
  return {r.request_id, kind, record::encode(r)};
}

}  // namespace

TEST_CASE("notes: one flat object of texts, whole numbers and booleans") {
  const auto facts = parse_notes(
      R"( {"message_persisted": true, "order": "A-\u00e9\n17", "n": -3, "no": false} )");
  REQUIRE(facts);
  CHECK(*facts == record::Facts{{"message_persisted", "true"},
                                {"order", "A-\xc3\xa9\n17"},
                                {"n", "-3"},
                                {"no", "false"}});
}

TEST_CASE("notes: what is something else is refused, and not quoted") {
  for (const char* json :
       {"", "{", "[]", "[1]", "1", "\"text\"", "true", "null", "{}", "{\"a\":1}x", "{\"a\":null}",
        "{\"a\":1.5}", "{\"a\":{\"canary\":1}}", "{\"a\":[\"canary\"]}", "{\"\":1}", "{a:1}"}) {
    CAPTURE(json);
    CHECK(!refused(json).empty());
    CHECK(refused(json).find("canary") == std::string::npos);
  }
  CHECK(!refused("{\"" + std::string(limits::kFactKeyMax, 'k') + "\":1}").empty());
  CHECK(refused("{\"" + std::string(limits::kFactKeyMax - 1, 'k') + "\":1}").empty());
  CHECK(!refused("{\"k\":\"" + std::string(limits::kFactValueMax + 1, 'v') + "\"}").empty());
  CHECK(refused("{\"k\":\"" + std::string(limits::kFactValueMax, 'v') + "\"}").empty());
  std::string many = "{\"k\":1";
  for (std::size_t i = 0; i < limits::kFactsMax; ++i) many += ",\"k" + std::to_string(i) + "\":1";
  CHECK(!refused(many + "}").empty());
}

TEST_CASE("notes: the payload changes the final record, and nothing else of it") {
  record::Record r = record::sample::typical();
  r.notes = {{"a", "1"}};
  NotePayload payload(r.request_id, {{"a", "2"}, {"b", "3"}});
  CHECK(payload.is_amendment());
  CHECK(payload.key() == r.request_id);
  const auto entry = payload.amend(row_of(r, store::Kind::final));
  REQUIRE(entry);
  const auto now = record::decode(entry->blob);
  REQUIRE(now);
  CHECK(now->notes == record::Facts{{"a", "2"}, {"b", "3"}});
  CHECK(entry->ids.size() == net::to_entry(r, store::Kind::final).ids.size());
  CHECK(!payload.amend(row_of(r, store::Kind::open)));
  CHECK(!payload.amend({r.request_id, store::Kind::final, "damaged"}));
}
