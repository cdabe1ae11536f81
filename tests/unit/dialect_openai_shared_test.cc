#include "dialect/openai_shared.h"

#include <doctest/doctest.h>

#include <limits>

using namespace llmrec;
using namespace llmrec::dialect;

namespace {

class Reader final : public wire::JsonSink {
 public:
  void on_enter(std::uint16_t slot, std::uint32_t) override { errors.on_enter(slot, delta); }
  void on_string(std::uint16_t slot, Bytes part, bool last) override {
    if (OpenaiErrors::owns(slot)) errors.on_string(slot, part, last, delta);
  }
  void on_int(std::uint16_t slot, std::int64_t value) override {
    if (OpenaiErrors::owns(slot)) errors.on_int(slot, value, delta);
    if (OpenaiUsage::owns(slot)) OpenaiUsage::on_int(slot, value, delta);
  }
  void on_double(std::uint16_t slot, double value) override {
    if (OpenaiUsage::owns(slot)) OpenaiUsage::on_double(slot, value, delta);
  }
  OpenaiErrors errors;
  Delta delta;
};

// Fed octet by octet, so that every string comes in parts.
Delta read(const std::string& json, DocumentKind kind = DocumentKind::event) {
  static const wire::JsonPaths paths = join({OpenaiErrors::paths(), OpenaiUsage::paths()});
  Reader sink;
  wire::JsonReader reader(paths, sink);
  for (const char c : json) reader.feed(Bytes(&c, 1));
  REQUIRE_MESSAGE(reader.finish() == wire::JsonState::done, json);
  sink.errors.finish(kind, sink.delta);
  return sink.delta;
}

}  // namespace

TEST_CASE("openai shared: errors in all their shapes") {
  struct Row {
    const char* json;
    const char* type;
    const char* code;
    std::int64_t status = 0;
  };
  const Row rows[] = {
      {R"({"error":{"message":"m","type":"server_error","param":null,"code":"c"}})", "server_error",
       "c"},
      {R"({"error":{"message":"m","type":"t","code":"c"},"id":"together"})", "t", "c"},
      {R"({"error":{"code":429,"message":"m","metadata":{"provider_name":"x"}},"user_id":"u"})", "",
       "429", 429},
      {R"({"error":{"code":40301,"message":"m"}})", "", "40301", 0},
      {R"({"choices":[{"error":{"code":502,"type":"t"}}]})", "t", "502", 502},
      {R"({"error":{"type":"t","code":"tool_use_failed","status_code":400}})", "t",
       "tool_use_failed", 400},
      {R"({"error":{"message":"m","http_status_code":422}})", "", "", 422},
      {R"({"error":"text"})", "", ""},
      {R"({"x_groq":{"error":"text"}})", "", ""},
      {R"({"error":"text","error_type":"overloaded"})", "overloaded", ""},
      {R"({"code":"invalid-argument","error":"text"})", "", "invalid-argument"},
      {R"({"object":"error","message":"m","type":"rate_limited","code":"1300","raw_status_code":429})",
       "rate_limited", "1300", 429},
      {R"({"object":"error","message":"m","type":"BadRequestError","code":400})", "BadRequestError",
       "400"},
      {R"({"error":{"code":"content_filter","innererror":{"code":"ResponsibleAIPolicyViolation"}}})",
       "", "content_filter"},
      {R"({"error":{"code":null,"innererror":{"code":"ResponsibleAIPolicyViolation"}}})", "",
       "ResponsibleAIPolicyViolation"},
      {R"({"error":{"code":503,"status":"UNAVAILABLE"}})", "UNAVAILABLE", "503", 503},
      {R"([{"error":{"code":400,"status":"INVALID_ARGUMENT","details":[{"reason":"API_KEY_INVALID"}]}}])",
       "INVALID_ARGUMENT", "API_KEY_INVALID", 400},
  };
  for (const Row& row : rows) {
    INFO(row.json);
    const Delta d = read(row.json);
    REQUIRE(d.error);
    CHECK(d.error->type == row.type);
    CHECK(d.error->code == row.code);
    CHECK(d.error->status == row.status);
  }
}

TEST_CASE("openai shared: what is no error") {
  for (const char* json :
       {R"({"error":null})", R"({"error":""})", R"({"object":"errors"})", R"({"code":"c"})",
        R"({"type":"t","message":"m"})", R"({"detail":[{"loc":[],"msg":"m","type":"t"}]})"}) {
    CHECK_MESSAGE(!read(json).error, json);
  }
}

TEST_CASE("openai shared: the body of a rejection is an error whatever it says") {
  const auto rejected = [](const char* json) { return read(json, DocumentKind::error_body); };
  CHECK(rejected(R"({"detail":"Unauthorized"})").error);
  CHECK(rejected(R"({"detail":[{"loc":["body"],"msg":"m","type":"missing"}]})").error);
  CHECK(rejected(R"({"message":"m","request_id":"r"})").error);
  CHECK(rejected("{}").error);
  CHECK(rejected(R"({"code":404,"type":"Bad Request","message":"m"})").error->type ==
        "Bad Request");
  CHECK(rejected(R"({"code":404})").error->code == "404");
}

TEST_CASE("openai shared: words are cut") {
  const Delta d =
      read(R"({"error":{"type":")" + std::string(5000, 'a') + R"(","code":")" +
           std::string(5000, 'b') + R"("},"error_type":")" + std::string(5000, 'c') + R"("})");
  CHECK(d.error->type == std::string(limits::kRecordNameMax, 'a'));
  CHECK(d.error->code == std::string(limits::kRecordNameMax, 'b'));
}

TEST_CASE("openai shared: when Google says to come back") {
  const Delta d = read(R"({"error":{"code":429,"details":[{"@type":"x"},{"retryDelay":"34s"}]}})");
  CHECK(d.retry_after_ns == 34'000'000'000);
  CHECK(seconds_ns("1.5s") == 1'500'000'000);
  CHECK(seconds_ns("0.25s") == 250'000'000);
  CHECK(seconds_ns("0.1234567891s") == 123'456'789);
  for (const char* bad : {"", "s", "34", "-1s", "1.2.3s", "1 s", "99999999999999999999s", "as"}) {
    CHECK_MESSAGE(!seconds_ns(bad), bad);
  }
}

TEST_CASE("openai shared: usage in its places") {
  const Delta d = read(R"({"usage":{"prompt_tokens":9,"completion_tokens":5,"total_tokens":14,)"
                       R"("prompt_tokens_details":{"cached_tokens":3,"cache_write_tokens":1},)"
                       R"("completion_tokens_details":{"reasoning_tokens":2}}})");
  CHECK(d.usage.input == 9);
  CHECK(d.usage.output == 5);
  CHECK(d.usage.total == 14);
  CHECK(d.usage.cached_input == 3);
  CHECK(d.usage.cache_write == 1);
  CHECK(d.usage.reasoning == 2);
  CHECK(!d.cost_nano_usd);
  CHECK(read(R"({"usage":{"prompt_cache_hit_tokens":4}})").usage.cached_input == 4);
  CHECK(read(R"({"usage":{"cached_tokens":4}})").usage.cached_input == 4);
  // The detailed place wins, whichever comes first.
  CHECK(
      read(R"({"usage":{"prompt_cache_hit_tokens":4,"prompt_tokens_details":{"cached_tokens":5}}})")
          .usage.cached_input == 5);
  CHECK(
      read(R"({"usage":{"prompt_tokens_details":{"cached_tokens":5},"prompt_cache_hit_tokens":4}})")
          .usage.cached_input == 5);
  CHECK(read(R"({"usage":{"reasoning_tokens":7}})").usage.reasoning == 7);
  CHECK(read(R"({"x_groq":{"usage":{"completion_tokens":2}}})").usage.output == 2);
  CHECK(read(R"({"choices":[{"usage":{"completion_tokens":2}}]})").usage.output == 2);
}

TEST_CASE("openai shared: the provider's own bill") {
  CHECK(read(R"({"usage":{"cost":0.0000113}})").cost_nano_usd == 11'300);
  CHECK(read(R"({"usage":{"cost":2}})").cost_nano_usd == 2'000'000'000);
  CHECK(read(R"({"usage":{"cost":0}})").cost_nano_usd == 0);
  CHECK(read(R"({"usage":{"cost":{"input_tokens_cost":0.1,"total_cost":0.005}}})").cost_nano_usd ==
        5'000'000);
  CHECK(read(R"({"usage":{"cost_in_usd_ticks":37756000}})").cost_nano_usd == 3'775'600);
  CHECK(!read(R"({"usage":{"cost":-1.5}})").cost_nano_usd);
  CHECK(!read(R"({"usage":{"cost":1e300}})").cost_nano_usd);
  CHECK(!read(R"({"usage":{"cost_in_usd_ticks":-5}})").cost_nano_usd);
  CHECK(!nano_usd(std::numeric_limits<double>::quiet_NaN()));
}
