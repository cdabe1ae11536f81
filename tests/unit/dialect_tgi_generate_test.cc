// Text Generation Inference, event by event.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "dialect_reading.h"

using namespace llmrec;
using namespace llmrec::dialect;

namespace {

std::unique_ptr<Dialect> make() { return make_by_name("tgi.generate", {}); }

std::unique_ptr<Dialect> chosen(Bytes host, Bytes path) {
  return choose({.method = "POST", .host = host, .path = path, .query = {}, .content_type = {}});
}

}  // namespace

TEST_CASE("tgi.generate: paths, models and what they say of streaming") {
  struct Row {
    Bytes host;
    Bytes path;
    Bytes model;
    bool stream;  // where the body does not say
  };
  const Row rows[] = {
      {"localhost", "/generate_stream", "", true},
      {"localhost", "/generate", "", false},
      {"router.huggingface.co", "/hf-inference/models/google/flan%2Dt5", "google/flan-t5", false},
      {"api-inference.huggingface.co", "/models/gpt2", "gpt2", false},
      {"x.us-east-1.aws.endpoints.huggingface.cloud", "/", "", false},
  };
  for (const Row& row : rows) {
    INFO(row.path);
    const auto dialect = chosen(row.host, row.path);
    CHECK(dialect->name() == "tgi.generate");
    CHECK(asked_of(*dialect, "{}").model == row.model);
    CHECK(asked_of(*dialect, "{}").stream == row.stream);
  }
  CHECK(chosen("router.huggingface.co", "/hf-inference/models/a/b/v1/chat/completions")->name() ==
        "openai.chat");
  CHECK(chosen("router.huggingface.co", "/hf-inference/models/a/b/pipeline/feature-extraction")
            ->name() == "unknown");
  CHECK(chosen("api.example.com", "/models/gpt2")->name() == "unknown");
  CHECK(chosen("api.example.com", "/")->name() == "unknown");
  CHECK(chosen("localhost", "/api/generate")->name() == "ollama.generate");
}

TEST_CASE("tgi.generate: what was asked") {
  const auto dialect = chosen("api-inference.huggingface.co", "/models/gpt2");
  const Asked asked =
      asked_of(*dialect, R"({"inputs":"abc","parameters":{"max_new_tokens":9},"stream":true})");
  CHECK(asked.stream == true);
  CHECK(asked.max_output_tokens == 9);
  CHECK(asked.text_chars == 3);
  CHECK(asked_of(*make(), R"({"model":"m","inputs":["a","b"]})").model == "m");
}

TEST_CASE("tgi.generate: tokens; special ones are not text") {
  Reading r(make());
  CHECK(r.event(R"({"index":1,"token":{"id":1,"text":"aé","special":false},"generated_text":null})")
            .text_chars == 2);
  CHECK(r.event(R"({"token":{"text":"</s>","special":true}})").text_chars == 0);
  CHECK(r.event(R"({"token":{"special":true,"text":"</s>"}})").text_chars == 0);
  CHECK(r.event(R"({"token":{"text":"x"},"top_tokens":[{"text":"other"}]})").text_chars == 1);
}

TEST_CASE("tgi.generate: the whole text at the end is the end, and is not counted again") {
  Reading r(make());
  const Delta& d =
      r.event(R"({"token":{"text":"a","special":false},"generated_text":"prompt and a","details":{)"
              R"("finish_reason":"eos_token","generated_tokens":4,"input_length":9,"seed":null}})");
  CHECK(d.text_chars == 1);
  CHECK(d.done);
  CHECK(d.finishes[0].reason == "eos_token");
  CHECK(!d.finish_signal);
  CHECK(d.usage.output == 4);
  CHECK(d.usage.input == 9);
  CHECK(d.usage_final);
  Reading bare(make());
  const Delta& no_details =
      bare.event(R"({"token":{"text":"a"},"generated_text":"","details":null})");
  CHECK(no_details.done);
  CHECK(no_details.finish_signal);
  CHECK(no_details.finishes.empty());
  CHECK(!bare.event(R"({"token":{"text":"a"},"generated_text":null})").done);
}

TEST_CASE("tgi.generate: errors") {
  Reading r(make());
  const Delta& d = r.event(R"({"error":"text","error_type":"validation"})");
  REQUIRE(d.error);
  CHECK(d.error->type == "validation");
  CHECK(!d.done);
  CHECK(r.event(R"({"error_type":"overloaded","error":"text"})").error->type == "overloaded");
  CHECK(r.event(R"({"error":{"message":"m","http_status_code":424}})").error->status == 424);
  CHECK(r.error_body(R"({"error":["a","b"]})").error);
  const Delta& loading = r.error_body(R"({"error":"Model m is loading","estimated_time":20.5})");
  CHECK(loading.retry_after_ns == 20'500'000'000);
  CHECK(r.error_body(R"({"error":"x","estimated_time":20})").retry_after_ns == 20'000'000'000);
  CHECK(!r.error_body(R"({"error":"x","estimated_time":1e300})").retry_after_ns);
  CHECK(!r.error_body(R"({"error":"x","estimated_time":-1.5})").retry_after_ns);
}

TEST_CASE("tgi.generate: whole answers, alone or in a list") {
  Reading r(make());
  const Delta list = r.answer(R"([{"generated_text":"abc"},{"generated_text":"d"}])");
  CHECK(list.text_chars == 4);
  CHECK(list.finish_signal);
  CHECK(!list.done);
  const Delta& one = r.answer(
      R"({"generated_text":"abc","details":{"finish_reason":"length","generated_tokens":3}})");
  CHECK(one.text_chars == 3);
  CHECK(one.finishes[0].reason == "length");
  CHECK(one.usage.output == 3);
}

TEST_CASE("tgi.generate: no split changes what is said") {
  check_splits(
      +[] { return make(); },
      {R"({"token":{"text":"a\u00e9","special":false},"generated_text":null,"details":null})",
       R"({"token":{"text":"</s>","special":true},"generated_text":"abc","details":{)"
       R"("finish_reason":"length","generated_tokens":4}})",
       R"({"error":"text","error_type":"validation"})"});
}
