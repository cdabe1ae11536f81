#include "tap/tokens.h"

#include <doctest/doctest.h>

#include <limits>
#include <string>

using namespace llmrec;
using namespace llmrec::tap;

namespace {

record::Usage usage(std::int64_t output, record::Count reasoning = std::nullopt) {
  record::Usage u;
  u.output = output;
  u.reasoning = reasoning;
  return u;
}

constexpr Passed kThousand{
    .text_chars = 4600, .reasoning_chars = 0, .tool_argument_bytes = 0, .tool_calls = 0};

}  // namespace

TEST_CASE("tokens: nothing passed is no token, and has no spread") {
  const TokenModel model;
  CHECK(model.output("gpt-4o", {}) == Estimate{});
  CHECK(model.input("gpt-4o", {}) == Estimate{});
}

TEST_CASE("tokens: text, reasoning, arguments and calls all count, and bounds hold the estimate") {
  const TokenModel model;
  const Estimate text = model.output("gpt-4o-mini", kThousand);
  CHECK(text.tokens == 1002);
  CHECK(text.low < text.tokens);
  CHECK(text.high > text.tokens);
  Passed more = kThousand;
  more.reasoning_chars = 460;
  CHECK(model.output("gpt-4o-mini", more).tokens == 1102);
  more.tool_argument_bytes = 350;
  CHECK(model.output("gpt-4o-mini", more).tokens == 1202);
  more.tool_calls = 1;
  CHECK(model.output("gpt-4o-mini", more).tokens == 1215);
}

TEST_CASE("tokens: the family is found anywhere in the name, in any case") {
  const TokenModel model;
  const Passed p{
      .text_chars = 4000, .reasoning_chars = 0, .tool_argument_bytes = 0, .tool_calls = 0};
  CHECK(model.output("us.anthropic.Claude-sonnet-4-5-20250929-v1:0", p) ==
        model.output("claude-haiku", p));
  CHECK(model.output("my-deployment", p).tokens == 954);
  CHECK(model.output("", p).tokens == 954);
}

TEST_CASE("tokens: the largest numbers do not overflow") {
  const TokenModel model;
  const std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
  const Estimate e = model.output("x", {most, most, most, most});
  CHECK(e.low > 0);
  CHECK(e.low < e.tokens);
  CHECK(e.tokens < e.high);
  const Estimate in = model.input("x", {most, most, most, most});
  CHECK(in.low > 0);
  CHECK(in.low < in.tokens);
  CHECK(in.tokens < in.high);
}

TEST_CASE("tokens: a model's ratio is learned, and narrows the bounds") {
  TokenModel model;
  for (int i = 0; i < 32; ++i) model.learn("gpt-4o", kThousand, usage(2000));
  const Estimate e = model.output("GPT-4o", kThousand);
  CHECK(e.tokens >= 1980);
  CHECK(e.tokens <= 2020);
  CHECK(e.high - e.low < 300);
  CHECK(model.output("gpt-4o-mini", kThousand).tokens == 1002);
}

TEST_CASE("tokens: one call teaches little, outliers nothing") {
  TokenModel model;
  model.learn("gpt-4o", kThousand, usage(3000));
  CHECK(model.output("gpt-4o", kThousand).tokens == 1002);
  for (int i = 0; i < 20; ++i) model.learn("gpt-4o", kThousand, usage(1100));
  const Estimate before = model.output("gpt-4o", kThousand);
  for (int i = 0; i < 4; ++i) model.learn("gpt-4o", kThousand, usage(3900));
  for (int i = 0; i < 32; ++i) model.learn("gpt-4o", kThousand, usage(50'000));  // did not show
  CHECK(model.output("gpt-4o", kThousand).tokens == before.tokens);
}

TEST_CASE("tokens: the ratio follows a model whose traffic changes") {
  TokenModel model;
  for (int i = 0; i < 32; ++i) model.learn("gpt-4o", kThousand, usage(1000));
  for (int i = 0; i < 32; ++i) model.learn("gpt-4o", kThousand, usage(3000));
  CHECK(model.output("gpt-4o", kThousand).tokens >= 2990);
}

TEST_CASE("tokens: hidden reasoning is not learned as text") {
  TokenModel model;
  for (int i = 0; i < 32; ++i) model.learn("gpt-5", kThousand, usage(3030, 2000));
  const std::int64_t learned = model.output("gpt-5", kThousand).tokens;
  CHECK(learned >= 1020);
  CHECK(learned <= 1040);
  // Shown, but nobody says how much of the count it is.
  Passed shown = kThousand;
  shown.reasoning_chars = 100;
  for (int i = 0; i < 32; ++i) model.learn("claude-x", shown, usage(3000));
  CHECK(model.models() == 1);
}

TEST_CASE("tokens: what is too short or unknown teaches nothing") {
  TokenModel model;
  model.learn("gpt-4o",
              {.text_chars = 20, .reasoning_chars = 0, .tool_argument_bytes = 0, .tool_calls = 0},
              usage(15));
  model.learn("gpt-4o", kThousand, usage(0));
  model.learn("gpt-4o", kThousand, usage(-5));
  model.learn("gpt-4o", kThousand, usage(std::numeric_limits<std::int64_t>::max()));
  model.learn("gpt-4o", kThousand, {});
  model.learn("gpt-4o", {}, usage(1000));
  model.learn("", kThousand, usage(1000));
  CHECK(model.models() == 0);
}

TEST_CASE("tokens: so many models are remembered, the newest ones") {
  TokenModel model;
  for (std::size_t i = 0; i < limits::kTokenModels + 10; ++i) {
    for (int k = 0; k < 8; ++k) model.learn("m" + std::to_string(i), kThousand, usage(2190));
    for (int k = 0; k < 8; ++k) model.learn("kept", kThousand, usage(2190));
  }
  CHECK(model.models() == limits::kTokenModels);
  CHECK(model.output("m0", kThousand).tokens == model.output("other", kThousand).tokens);
  CHECK(model.output("kept", kThousand).tokens > 2000);
}

TEST_CASE("tokens: records that ended well teach, others do not") {
  record::Record r;
  r.status = record::Status::ok;
  r.usage_available = true;
  r.model = "asked";
  r.response_model = "gpt-4o-2024-08-06";
  r.output_chars_received = 2300;
  r.refusal_chars_received = 2300;
  r.usage.output = 2000;
  r.tool_calls.emplace_back().arguments_bytes = 70;
  const Passed p = passed(r);
  CHECK(p.text_chars == 4600);
  CHECK(p.tool_argument_bytes == 70);
  CHECK(p.tool_calls == 1);
  TokenModel model;
  model.learn(r);
  CHECK(model.models() == 1);
  record::Record cut = r;
  cut.status = record::Status::failed;
  cut.response_model = "cut";
  model.learn(cut);
  record::Record unread = r;
  unread.tap = record::TapState::partial;
  unread.response_model = "unread";
  model.learn(unread);
  record::Record silent = r;
  silent.usage_available = false;
  silent.response_model = "silent";
  model.learn(silent);
  CHECK(model.models() == 1);
}

TEST_CASE("tokens: a request is its text, what is around it, its tools and attachments") {
  const TokenModel model;
  const Estimate text =
      model.input("gpt-4o", {.text_chars = 4600, .attachment_bytes = 0, .messages = 2, .tools = 0});
  CHECK(text.tokens == 1010);
  const Estimate tools =
      model.input("gpt-4o", {.text_chars = 4600, .attachment_bytes = 0, .messages = 2, .tools = 2});
  CHECK(tools.tokens == 1150);
  const Prompt two_tools{.text_chars = 4000, .attachment_bytes = 0, .messages = 0, .tools = 2};
  CHECK(model.input("claude-sonnet-4-5", two_tools).tokens == 1000 + 3 + 2 * 70 + 340);
  const Estimate image = model.input(
      "gpt-4o", {.text_chars = 4600, .attachment_bytes = 300'000, .messages = 2, .tools = 0});
  CHECK(image.tokens == 2095);
  CHECK(image.low < text.tokens + 85);
}
