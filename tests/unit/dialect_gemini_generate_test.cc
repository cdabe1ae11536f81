// Gemini's generateContent, document by document.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "dialect_reading.h"

using namespace llmrec;
using namespace llmrec::dialect;
using record::FinishClass;

namespace {

const std::string kStream = "/v1beta/models/gemini-t:streamGenerateContent";
const std::string kVertex = "/v1/projects/p/locations/l/publishers/google/models/gemini-t";

std::unique_ptr<Dialect> of(Bytes path, Bytes query = {}) {
  auto dialect =
      choose({.method = "POST", .host = "h", .path = path, .query = query, .content_type = {}});
  REQUIRE_MESSAGE(dialect->name() == "gemini.generate", path);
  return dialect;
}
std::unique_ptr<Dialect> make() { return of(kStream, "alt=sse"); }

std::string parts(const std::string& parts, const std::string& more = "") {
  return R"({"candidates":[{"content":{"parts":[)" + parts + R"(],"role":"model"})" + more + "}]}";
}
std::string call(const std::string& fields) { return R"({"functionCall":{)" + fields + "}}"; }

}  // namespace

TEST_CASE("gemini.generate: text and thoughts, whatever stands first") {
  Reading r(make());
  const Delta& d = r.event(parts(
      R"({"text":"aé"},{"text":"hmm","thought":true},{"thought":true,"text":"x"},{"thought":false,"text":"y"})"));
  CHECK(d.text_chars == 3);
  CHECK(d.reasoning_chars == 4);
  CHECK(!r.event(parts(R"({"text":""})")).content());
  CHECK(!r.event(parts(R"({"executableCode":{"code":"a + 1"}},)"
                       R"({"codeExecutionResult":{"output":"1"}})"))
             .content());
}

TEST_CASE("gemini.generate: the finish is the end") {
  Reading r(make());
  CHECK(!r.event(parts(R"({"text":"a"})")).done);
  const Delta& d = r.event(parts("", R"(,"finishReason":"STOP")"));
  REQUIRE(d.finishes.size() == 1);
  CHECK(d.finishes[0].reason == "STOP");
  CHECK(d.finishes[0].cls == FinishClass::stop);
  CHECK(d.done);
  CHECK(!r.event(parts("", R"(,"finishReason":"FINISH_REASON_UNSPECIFIED")")).done);
  CHECK(!r.event(parts("", R"(,"finishReason":0)")).done);
  CHECK(!Reading(make()).answer(parts("", R"(,"finishReason":"STOP")")).done);
}

TEST_CASE("gemini.generate: finish reasons as numbers, which the two APIs number differently") {
  const auto cls = [](Bytes path, int number) {
    Reading r(of(path, "$alt=json;enum-encoding=int"));
    const Delta& d = r.event(parts("", ",\"finishReason\":" + std::to_string(number)));
    REQUIRE(d.finishes.size() == 1);
    CHECK(d.finishes[0].reason == std::to_string(number));
    return d.finishes[0].cls;
  };
  const std::string vertex = kVertex + ":streamGenerateContent";
  for (const std::string& path : {kStream, vertex}) {
    CHECK(cls(path, 1) == FinishClass::stop);
    CHECK(cls(path, 2) == FinishClass::length);
    CHECK(cls(path, 3) == FinishClass::filter);
    CHECK(cls(path, 4) == FinishClass::filter);
    CHECK(cls(path, 5) == FinishClass::none);
    CHECK(cls(path, 99) == FinishClass::none);
  }
  CHECK(cls(kStream, 6) == FinishClass::none);    // LANGUAGE
  CHECK(cls(vertex, 6) == FinishClass::filter);   // BLOCKLIST
  CHECK(cls(kStream, 9) == FinishClass::filter);  // SPII
  CHECK(cls(vertex, 9) == FinishClass::error);    // MALFORMED_FUNCTION_CALL
  CHECK(cls(kStream, 10) == FinishClass::error);
  CHECK(cls(vertex, 10) == FinishClass::filter);  // MODEL_ARMOR
}

TEST_CASE("gemini.generate: whole function calls, numbered through, with and without ids") {
  Reading r(make());
  r.event(parts(call(R"("name":"f","args":{"a":1.5,"b":[{"c":"\""}]},"id":"x")") + "," +
                call(R"("args":{},"name":"f")")));
  r.event(parts(call(R"("name":"f")")));
  REQUIRE(r.calls().size() == 3);
  CHECK(r.calls()[0].id == "x");
  CHECK(r.calls()[0].arguments_bytes == Bytes(R"({"a":1.5,"b":[{"c":"\""}]})").size());
  for (std::uint32_t i = 0; i < 3; ++i) {
    CHECK(r.calls()[i].index == i);
    CHECK(r.calls()[i].name == "f");
    CHECK(r.calls()[i].arguments_whole());
  }
  const Delta& d = r.event(parts("", R"(,"finishReason":"STOP")"));
  CHECK(d.finishes[0].cls == FinishClass::tool);
}

TEST_CASE("gemini.generate: a call and its finish in one chunk, the finish first") {
  Reading r(make());
  const Delta& d = r.event(R"({"candidates":[{"finishReason":"STOP","content":{"parts":[)" +
                           call(R"("name":"f","args":{})") + R"(]}}]})");
  CHECK(d.finishes[0].cls == FinishClass::tool);
}

TEST_CASE("gemini.generate: arguments in parts") {
  Reading r(make());
  r.event(parts(call(R"("name":"f","willContinue":true)")));
  REQUIRE(r.calls().size() == 1);
  CHECK(r.calls()[0].open());
  r.event(parts(call(
      R"("willContinue":true,"partialArgs":[{"jsonPath":"$.a","stringValue":"abc"},{"numberValue":12},{"boolValue":true}])")));
  CHECK(r.calls().size() == 1);
  CHECK(r.calls()[0].arguments_bytes == 3 + 2 + 4);
  CHECK(!r.calls()[0].arguments_whole());
  SUBCASE("and their end") {
    r.event(parts(call("")));
    CHECK(r.calls()[0].arguments_whole());
    r.event(parts(call("")));  // an end without a beginning
    CHECK(r.calls().size() == 1);
  }
  SUBCASE("whose last part is the end") {
    r.event(parts(call(R"("partialArgs":[{"stringValue":"d"}])")));
    CHECK(r.calls()[0].arguments_whole());
    CHECK(r.calls()[0].arguments_bytes == 10);
  }
  SUBCASE("whose end is lost when the next begins") {
    r.event(parts(call(R"("name":"g","willContinue":true)")));
    r.event(parts(call("")));
    REQUIRE(r.calls().size() == 2);
    CHECK(!r.calls()[0].arguments_whole());
    CHECK(r.calls()[1].arguments_whole());
    r.dialect().end_tool_calls();  // a good finish says that they are all there
    CHECK(r.calls()[0].arguments_whole());
  }
  SUBCASE("and a cut document") {
    r.cut(parts(call("")), 60);
    CHECK(!r.calls()[0].arguments_whole());
  }
}

TEST_CASE("gemini.generate: candidates are told apart by their index, wherever it stands") {
  Reading r(make());
  const Delta& d = r.event(R"({"candidates":[{"content":{"parts":[)" + call(R"("name":"f")") +
                           R"(]},"finishReason":"STOP","index":3},{"index":0}]})");
  CHECK(d.choices == std::vector<std::uint32_t>{3, 0});
  REQUIRE(d.finishes.size() == 1);
  CHECK(d.finishes[0].choice == 3);
  CHECK(r.calls()[0].choice == 3);
  CHECK(r.event(R"({"candidates":[{"index":4000000000,"finishReason":"STOP"}]})").finishes.size() ==
        1);
}

TEST_CASE("gemini.generate: a blocked prompt is an end without a finish reason") {
  Reading r(make());
  const Delta& d = r.event(
      R"({"promptFeedback":{"blockReason":"SAFETY"},"usageMetadata":{"promptTokenCount":3}})");
  CHECK(d.done);
  REQUIRE(d.finishes.size() == 1);
  CHECK(d.finishes[0].reason.empty());
  CHECK(d.finishes[0].cls == record::FinishClass::filter);
  CHECK(d.usage_final);
  CHECK(Reading(make()).event(R"({"promptFeedback":{"blockReason":1}})").done);
  CHECK(!Reading(make()).event(R"({"promptFeedback":{"blockReason":0}})").done);
  CHECK(!Reading(make()).event(R"({"promptFeedback":{"safetyRatings":[]}})").done);
  Reading begun(make());
  begun.event(parts(R"({"text":"a"})"));
  const Delta& end = begun.event(R"({"promptFeedback":{"blockReason":"OTHER"}})");
  REQUIRE(end.finishes.size() == 1);
  CHECK(end.finishes[0].cls == FinishClass::filter);
}

TEST_CASE("gemini.generate: usage runs along and is final with the finish") {
  Reading r(make());
  CHECK(!r.dialect().owes({}, {}).usage);
  const std::string early =
      R"({"candidates":[{"index":0}],"usageMetadata":{"promptTokenCount":9,"thoughtsTokenCount":5}})";
  const Delta& d = r.event(early);
  CHECK(d.usage.input == 9);
  CHECK(!d.usage.output);
  CHECK(!d.usage_final);
  CHECK(r.dialect().owes({}, {}).usage);
  const Delta& last =
      r.event(R"({"candidates":[{"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":9,)"
              R"("candidatesTokenCount":4,"thoughtsTokenCount":5,"toolUsePromptTokenCount":6,)"
              R"("cachedContentTokenCount":2,"totalTokenCount":24}})");
  CHECK(last.usage_final);
  CHECK(last.usage == record::Usage{9, 4, 24, 2, {}, 5});
  CHECK(r.comparable(last.usage) == record::Usage{15, 9, 24, 2, {}, 5});
  CHECK(r.event(R"({"usageMetadata":{"promptTokenCount":9}})").usage_final);
}

TEST_CASE("gemini.generate: errors") {
  const std::string error =
      R"({"error":{"code":429,"message":"x","status":"RESOURCE_EXHAUSTED","details":[)"
      R"({"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"RATE_LIMIT_EXCEEDED"},)"
      R"({"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"34.5s"}]}})";
  for (const DocumentKind kind :
       {DocumentKind::event, DocumentKind::answer, DocumentKind::error_body}) {
    Reading r(make());
    const Delta& d = r.document(error, kind);
    REQUIRE(d.error);
    CHECK(d.error->type == "RESOURCE_EXHAUSTED");
    CHECK(d.error->code == "RATE_LIMIT_EXCEEDED");
    CHECK(d.error->status == 429);
    CHECK(d.retry_after_ns == 34'500'000'000);
  }
  CHECK(Reading(make()).error_body("[" + error + "]").error->type == "RESOURCE_EXHAUSTED");
  CHECK(Reading(make()).error_body("{}").error);
}

TEST_CASE("gemini.generate: model, streaming and framing stand in the target") {
  const struct {
    std::string path;
    const char* query;
    const char* model;
    bool stream;
    Framing framing;
  } targets[] = {
      {kStream, "alt=sse", "gemini-t", true, Framing::sse},
      {kStream, "key=x&alt=sse", "gemini-t", true, Framing::sse},
      {kStream, "%24alt=sse", "gemini-t", true, Framing::sse},
      {kStream, "", "gemini-t", true, Framing::json_array},
      {kStream, "%24alt=json%3Benum-encoding%3Dint", "gemini-t", true, Framing::json_array},
      {"/v1beta/models/gemini-t:generateContent", "alt=sse", "gemini-t", false, Framing::sse},
      {"/v1/models/a%20b%3AgenerateContent", "", "a b", false, Framing::sse},
      {"/v1beta/tunedModels/t1:generateContent", "", "tunedModels/t1", false, Framing::sse},
      {"/v1beta/models/models%2Fgemini-t:generateContent", "", "gemini-t", false, Framing::sse},
      {kVertex + ":generateContent", "", "gemini-t", false, Framing::sse},
      {"/v1/projects/p/locations/l/endpoints/12:generateContent", "", "endpoints/12", false,
       Framing::sse},
  };
  for (const auto& t : targets) {
    INFO(t.path, "?", t.query);
    const auto dialect = of(t.path, t.query);
    const Asked a = asked_of(*dialect, "");
    CHECK(a.model == t.model);
    CHECK(a.stream == t.stream);
    CHECK(dialect->framing() == t.framing);
  }
  for (const Bytes path : {"/v1beta/models/m:countTokens", "/v1beta/models/m:batchGenerateContent",
                           "/v1beta/models/generateContent", "/v1beta/a:generateContent/b"}) {
    const auto dialect =
        choose({.method = "POST", .host = "h", .path = path, .query = {}, .content_type = {}});
    CHECK_MESSAGE(dialect->name() != "gemini.generate", path);
  }
  CHECK(!asked_of(*make_by_name("gemini.generate", {}), "{}").stream);
}

TEST_CASE("gemini.generate: the request, in either spelling") {
  const std::string camel =
      R"({"model":"models/other","systemInstruction":{"parts":[{"text":"abc"}]},)"
      R"("generationConfig":{"maxOutputTokens":99},"tools":[{"functionDeclarations":[{},{}]},{"googleSearch":{}}],)"
      R"("contents":[{"parts":[{"text":"defg"},{"inlineData":{"data":"AAAA"}}]},)"
      R"({"parts":[{"functionCall":{"args":{"a":1}}}]},)"
      R"({"parts":[{"functionResponse":{"id":"c1","response":{"b":"é"}}}]}]})";
  std::string snake = camel;
  for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{
           {"systemInstruction", "system_instruction"},
           {"generationConfig", "generation_config"},
           {"maxOutputTokens", "max_output_tokens"},
           {"functionDeclarations", "function_declarations"},
           {"googleSearch", "google_search"},
           {"inlineData", "inline_data"},
           {"functionCall", "function_call"},
           {"functionResponse", "function_response"}}) {
    snake.replace(snake.find(from), from.size(), to);
  }
  for (const std::string& json : {camel, snake}) {
    const Asked a = asked_of(*make(), json);
    CHECK(a.model == "gemini-t");
    CHECK(a.max_output_tokens == 99);
    CHECK(a.message_count == 3);
    CHECK(a.tool_count == 3);
    CHECK(a.attachment_bytes == 4);
    CHECK(a.text_chars == 3 + 4 + 7 + 9);
    CHECK(a.tool_result_ids == std::vector<std::string>{"c1"});
  }
}

TEST_CASE("gemini.generate: no split changes a document, and a cut one says nothing") {
  check_splits(
      make,
      {parts(R"({"text":"aé","thought":true})"), parts(call(R"("name":"f","args":{"a":["é",1]})")),
       parts(call(R"("name":"g","willContinue":true)")),
       parts(call(R"("partialArgs":[{"stringValue":"xyz"}],"willContinue":true)")), parts(call("")),
       R"({"candidates":[{"finishReason":"STOP"}],"usageMetadata":{"candidatesTokenCount":4}})"});
}

TEST_CASE("gemini.generate: no end of calls or parts") {
  Reading r(make());
  std::string many;
  for (int i = 0; i < 1000; ++i) many += (i == 0 ? "" : ",") + call(R"("name":"f","args":{})");
  r.event(parts(many));
  CHECK(r.calls().size() <= 128);
  std::string deep = R"({"a":)" + std::string(90, '[') + std::string(90, ']') + "}";
  r.event(parts(call(R"("name":"f","args":)" + deep)));
  CHECK(r.calls().size() <= 128);
}
