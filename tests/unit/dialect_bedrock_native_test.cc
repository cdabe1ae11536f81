// The words that models speak only on Bedrock.
#include "dialect/bedrock_native.h"

#include <doctest/doctest.h>

#include <string>

#include "dialect_reading.h"

using namespace llmrec;
using namespace llmrec::dialect;

TEST_CASE("bedrock native: Titan") {
  Reading r(make_bedrock_native());
  const Delta& first = r.event(
      R"({"outputText":"abc","index":0,"totalOutputTextTokenCount":null,"completionReason":null,)"
      R"("inputTextTokenCount":5})");
  CHECK(first.text_chars == 3);
  CHECK(first.usage.input == 5);
  CHECK(first.finishes.empty());
  CHECK(!first.done);
  const Delta& last =
      r.event(R"({"outputText":"d","totalOutputTextTokenCount":6,"completionReason":"FINISH"})");
  CHECK(last.finishes[0].reason == "FINISH");
  CHECK(last.done);
  CHECK(last.usage.output == 6);
  CHECK(last.usage_final);
  Reading whole(make_bedrock_native());
  const Delta& answer = whole.answer(
      R"({"inputTextTokenCount":5,"results":[{"tokenCount":4,"outputText":"ab",)"
      R"("completionReason":"LENGTH"},{"tokenCount":3,"outputText":"c","completionReason":"FINISH"}]})");
  CHECK(answer.text_chars == 3);
  CHECK(answer.usage.output == 7);
  REQUIRE(answer.finishes.size() == 2);
  CHECK(answer.finishes[1].choice == 1);
  CHECK(!answer.done);
}

TEST_CASE("bedrock native: a guardrail ends a Titan stream without a reason") {
  Reading blocked(make_bedrock_native());
  const Delta& d = blocked.event(
      R"({"outputText":"no","index":0.0,"totalOutputTextTokenCount":3.0,"inputTextTokenCount":6.0,)"
      R"("amazon-bedrock-guardrailAction":"INTERVENED"})");
  REQUIRE(d.finishes.size() == 1);
  CHECK(d.finishes[0].reason.empty());
  CHECK(d.finishes[0].cls == record::FinishClass::filter);
  CHECK(!d.done);
  CHECK(d.usage.input == 6);
  CHECK(d.usage.output == 3);
  CHECK(d.usage_final);
  Reading masked(make_bedrock_native());  // it changed some words, and more come
  CHECK(!masked
             .event(R"({"outputText":"a","inputTextTokenCount":28.0,)"
                    R"("amazon-bedrock-guardrailAction":"INTERVENED"})")
             .finish_signal);
  CHECK(!masked.event(R"({"outputText":"a","totalOutputTextTokenCount":3})").finish_signal);
}

TEST_CASE("bedrock native: Llama counts on in every chunk") {
  Reading r(make_bedrock_native());
  CHECK(!r.event(R"({"generation":"a","prompt_token_count":9,"generation_token_count":1,)"
                 R"("stop_reason":null})")
             .usage_final);
  const Delta& last = r.event(
      R"({"generation":"","prompt_token_count":null,"generation_token_count":7,"stop_reason":"stop"})");
  CHECK(last.usage.output == 7);
  CHECK(last.usage_final);
  CHECK(last.done);
}

TEST_CASE("bedrock native: Claude's completions, Mistral, Jurassic, DeepSeek") {
  Reading claude(make_bedrock_native());
  CHECK(claude.event(R"({"type":"completion","completion":"ab","stop_reason":null})").text_chars ==
        2);
  CHECK(
      claude.event(R"({"completion":"","stop_reason":"stop_sequence","stop":"\n\nHuman:"})").done);
  Reading mistral(make_bedrock_native());
  CHECK(mistral.event(R"({"outputs":[{"text":"abc","stop_reason":null}]})").text_chars == 3);
  CHECK(mistral.event(R"({"outputs":[{"text":"","stop_reason":"length"}]})").finishes.size() == 1);
  Reading jurassic(make_bedrock_native());
  const Delta& j = jurassic.answer(
      R"({"id":1,"completions":[{"data":{"text":"ab"},"finishReason":{"reason":"endoftext"}}]})");
  CHECK(j.text_chars == 2);
  CHECK(j.finishes[0].reason == "endoftext");
  Reading deepseek(make_bedrock_native());
  CHECK(deepseek.event(R"({"choices":[{"text":"abc","stop_reason":null}]})").text_chars == 3);
  CHECK(deepseek.event(R"({"choices":[{"text":"","stop_reason":"stop"}]})").done);
}

TEST_CASE("bedrock native: Mistral Large gives messages for deltas, and whole tool calls") {
  Reading r(make_bedrock_native());
  CHECK(r.event(R"({"choices":[{"index":0,"message":{"content":"ab"},"stop_reason":null}]})")
            .text_chars == 2);
  for (const char* id : {"a", "b"}) {
    r.event(R"({"choices":[{"index":0,"message":{"tool_calls":[{"id":")" + std::string(id) +
            R"(","function":{"name":"f","arguments":"{}"}}]},"stop_reason":null}]})");
  }
  REQUIRE(r.calls().size() == 2);
  CHECK(r.calls()[1].id == "b");
  CHECK(r.calls()[1].index == 1);
  CHECK(r.calls()[1].arguments_whole());
}

TEST_CASE("bedrock native: numbers that are none") {
  Reading r(make_bedrock_native());
  const Delta& d = r.event(R"({"inputTextTokenCount":1e300,"totalOutputTextTokenCount":-2.5})");
  CHECK(!d.usage.input);
  CHECK(!d.usage.output);
  CHECK(r.error_body(R"({"message":"m"})").error);
}

TEST_CASE("bedrock native: no split changes what is said") {
  check_splits(
      +[] { return make_bedrock_native(); },
      {R"({"generation":"a\u00e9","prompt_token_count":9,"generation_token_count":1})",
       R"({"choices":[{"message":{"tool_calls":[{"id":"x","function":{"name":"f","arguments":"{}"}}]}}]})",
       R"({"generation":"","generation_token_count":7,"stop_reason":"stop"})"});
}
