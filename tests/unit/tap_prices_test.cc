#include "tap/prices.h"

#include <doctest/doctest.h>

#include <limits>
#include <string>

#include "base/limits.h"

using namespace llmrec;
using namespace llmrec::tap;

namespace {

record::Usage usage(std::int64_t input, std::int64_t output) {
  record::Usage u;
  u.input = input;
  u.output = output;
  return u;
}

// The input price in USD per million tokens, in thousandths; -1: no such model.
std::int64_t input_price(std::string_view provider, std::string_view model) {
  const ModelPrices* m = PriceTable::built_in().find(provider, model);
  return m == nullptr ? -1 : *m->base.input / 1000;
}

const std::string kList = R"({
  "sample_spec": {"input_cost_per_token": 0.0, "litellm_provider": "one of many"},
  "gpt-x": {"litellm_provider": "openai", "mode": "chat", "max_tokens": 128000,
    "input_cost_per_token": 2.5e-06, "output_cost_per_token": 1e-05,
    "cache_read_input_token_cost": 1.25e-08, "supports_vision": true,
    "input_cost_per_token_priority": 1e-03, "supported_regions": ["global"]},
  "gemini/gem-y": {"litellm_provider": "gemini", "input_cost_per_token": 1.25e-06,
    "output_cost_per_token": 1e-05, "output_cost_per_reasoning_token": 2e-05,
    "input_cost_per_token_above_200k_tokens": 2.5e-06,
    "output_cost_per_token_above_200k_tokens": 1.5e-05},
  "eu.anthropic.claude-z-20990101-v1:0": {"litellm_provider": "bedrock_converse",
    "input_cost_per_token": 3.3e-06, "output_cost_per_token": 1.65e-05,
    "cache_creation_input_token_cost": 4.125e-06},
  "azure/gpt-x": {"litellm_provider": "azure", "input_cost_per_token": 3e-06,
    "output_cost_per_token": 1e-05},
  "free": {"litellm_provider": "groq", "input_cost_per_token": 0, "output_cost_per_token": 0},
  "image": {"litellm_provider": "openai", "output_cost_per_image": 0.04},
  "quoted": {"litellm_provider": "openai", "input_cost_per_token": "2.5e-06"},
  "negative": {"litellm_provider": "openai", "input_cost_per_token": -1e-06},
  "dear": {"litellm_provider": "openai", "input_cost_per_token": 1e300},
  "nobody": {"input_cost_per_token": 1e-06},
  "word": "no object",
  "number": 5
})";

}  // namespace

TEST_CASE("prices: a list is read, what makes no sense is skipped and counted") {
  const auto table = PriceTable::parse(kList);
  REQUIRE(table);
  CHECK(table->size() == 5);
  CHECK(table->skipped() == 7);
  CHECK(table->cost_nano_usd("openai", "gpt-x", usage(1000, 100)) == 2'500'000 + 1'000'000);
  CHECK(table->cost_nano_usd("openai", "gpt-x-2099-01-01", usage(1, 0)) == 2500);
  CHECK(table->cost_nano_usd("google", "models/gem-y", usage(1000, 0)) == 1'250'000);
  CHECK(table->cost_nano_usd("bedrock", "eu.anthropic.claude-z-20990101-v1:0", usage(10, 0)) ==
        33'000);
  CHECK(table->cost_nano_usd("azure", "gpt-x", usage(1000, 0)) == 3'000'000);
  CHECK(table->cost_nano_usd("groq", "free", usage(1000, 5)) == 0);
  CHECK_FALSE(table->cost_nano_usd("openai", "quoted", usage(1, 1)));
  CHECK_FALSE(table->cost_nano_usd("openai", "sample_spec", usage(1, 1)));
}

TEST_CASE("prices: parts of a token's nanodollar are not lost") {
  const auto table = PriceTable::parse(kList);
  REQUIRE(table);
  record::Usage u = usage(1001, 0);
  u.cached_input = 1001;
  CHECK(table->cost_nano_usd("openai", "gpt-x", u) == 12'513);  // 12.5125 each thousand
}

TEST_CASE("prices: caches, reasoning and large inputs have their own prices") {
  const auto table = PriceTable::parse(kList);
  REQUIRE(table);
  record::Usage u = usage(1000, 100);
  u.reasoning = 60;
  CHECK(table->cost_nano_usd("google", "gem-y", u) == 1'250'000 + 40 * 10'000 + 60 * 20'000);
  u = usage(200'000, 10);
  CHECK(table->cost_nano_usd("google", "gem-y", u) == 250'000'000 + 100'000);
  u = usage(200'001, 10);
  u.reasoning = 10;
  CHECK(table->cost_nano_usd("google", "gem-y", u) == 500'002'500 + 150'000);
  u = usage(100, 0);
  u.cached_input = 30;  // no price of its own: as input
  u.cache_write = 50;
  CHECK(table->cost_nano_usd("bedrock", "eu.anthropic.claude-z-20990101-v1:0", u) ==
        50 * 3'300 + 50 * 4'125);
}

TEST_CASE("prices: parts that are larger than the whole do not raise the bill") {
  const auto table = PriceTable::parse(kList);
  REQUIRE(table);
  record::Usage u = usage(100, 10);
  u.cached_input = 500;
  u.cache_write = 500;
  u.reasoning = 500;
  CHECK(table->cost_nano_usd("google", "gem-y", u) == 100 * 1'250 + 10 * 20'000);
  u.cached_input = -7;
  u.cache_write = -7;
  u.reasoning = -7;
  CHECK(table->cost_nano_usd("google", "gem-y", u) == 100 * 1'250 + 10 * 10'000);
}

TEST_CASE("prices: no cost without usage, without sense or without a price") {
  const PriceTable& table = PriceTable::built_in();
  record::Usage u;
  CHECK_FALSE(table.cost_nano_usd("openai", "gpt-4o", u));
  u.input = 10;
  CHECK_FALSE(table.cost_nano_usd("openai", "gpt-4o", u));
  CHECK(table.cost_nano_usd("openai", "text-embedding-3-small", u) == 200);
  u = {};
  u.output = 10;
  CHECK_FALSE(table.cost_nano_usd("openai", "gpt-4o", u));
  CHECK_FALSE(table.cost_nano_usd("openai", "gpt-4o", usage(-1, 1)));
  const std::int64_t most = std::numeric_limits<std::int64_t>::max();
  CHECK_FALSE(table.cost_nano_usd("openai", "gpt-4o", usage(most, 1)));
  CHECK_FALSE(table.cost_nano_usd("openai", "gpt-4o", usage(1, most)));
  CHECK(table.cost_nano_usd("openai", "o1-pro", usage(100'000'000, 100'000'000)) ==
        75'000'000'000'000);
  CHECK_FALSE(table.cost_nano_usd("openai", "", usage(1, 1)));
  CHECK_FALSE(table.cost_nano_usd("", "gpt-4o", usage(1, 1)));
  CHECK_FALSE(table.cost_nano_usd("openai", "no-such-model", usage(1, 1)));
}

TEST_CASE("prices: what is no list says so in one line") {
  for (const std::string text : {"", "  ", "[]", "{", "{\"a\":", "<html>", "{}", "{} {}", "\"x\"",
                                 R"({"a":{"litellm_provider":"openai"}})"}) {
    INFO(text);
    const auto table = PriceTable::parse(text);
    REQUIRE_FALSE(table);
    CHECK(table.error().code == Code::bad_argument);
    CHECK(table.error().detail.find('\n') == std::string::npos);
  }
  const auto large = PriceTable::parse(std::string(limits::kPriceFileOctets + 1, ' '));
  REQUIRE_FALSE(large);
  CHECK(large.error().code == Code::full);
}

TEST_CASE("prices: nesting and entries beyond the limit cost memory no more") {
  std::string deep = R"({"a":)";
  for (int i = 0; i < 500; ++i) deep += "[";
  CHECK_FALSE(PriceTable::parse(deep));
  std::string many = "{";
  for (std::size_t i = 0; i < limits::kPricesMax + 5; ++i) {
    many += (i == 0 ? "\"m" : ",\"m") + std::to_string(i) +
            R"(":{"litellm_provider":"openai","input_cost_per_token":1e-6})";
  }
  const auto table = PriceTable::parse(many + "}");
  REQUIRE(table);
  CHECK(table->size() == limits::kPricesMax);
  CHECK(table->skipped() == 5);
}

TEST_CASE("prices: a name that may have been cut is nobody's") {
  const std::string name(limits::kJsonKeyMax, 'n');
  CHECK_FALSE(PriceTable::parse("{\"" + name +
                                R"(":{"litellm_provider":"openai","input_cost_per_token":1e-6}})"));
}

TEST_CASE("prices: the same model under its many names") {
  CHECK(input_price("openai", "gpt-4o-mini") == 150);
  CHECK(input_price("openai", "gpt-4o-mini-2024-07-18") == 150);
  CHECK(input_price("OpenAI", "GPT-4o-mini-2024-07-18") == 150);
  CHECK(input_price("openai", "gpt-4o-2024-05-13") == 5000);  // a date with its own price
  CHECK(input_price("openai", "gpt-4o-2024-08-06") == 2500);
  CHECK(input_price("openai", "gpt-4-0613") == 30'000);
  CHECK(input_price("openai", "gpt-3.5-turbo-1106") == 1000);
  CHECK(input_price("openai", "gpt-3.5-turbo-0125") == 500);
  CHECK(input_price("openai", "gpt-5-chat-latest") == 1250);
  CHECK(input_price("anthropic", "claude-sonnet-4-5-20250929") == 3000);
  CHECK(input_price("anthropic", "claude-3-5-haiku-latest") == 800);
  CHECK(input_price("google", "models/gemini-2.5-flash") == 300);
  CHECK(input_price("google", "gemini-2.0-flash-001") == 100);
  CHECK(input_price("google", "gemini-3-pro-preview") == 2000);
  CHECK(input_price("google", "gemini-2.5-flash-preview-09-2025") == 300);
  CHECK(input_price("google", "projects/p/locations/l/publishers/google/models/gemini-2.5-pro") ==
        1250);
  CHECK(input_price("google", "claude-sonnet-4-5@20250929") == 3000);
  CHECK(input_price("azure", "gpt-4o-2024-11-20") == 2500);
  CHECK(input_price("azure", "gpt-35-turbo") == 500);
  CHECK(input_price("bedrock", "anthropic.claude-3-5-sonnet-20240620-v1:0") == 3000);
  CHECK(input_price("bedrock", "us.anthropic.claude-sonnet-4-20250514-v1:0") == 3000);
  CHECK(input_price("bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0") == 3300);
  CHECK(input_price("bedrock", "global.anthropic.claude-sonnet-4-5-20250929-v1:0") == 3000);
  CHECK(input_price("bedrock", "us.amazon.nova-lite-v1:0") == 60);
  CHECK(input_price("bedrock",
                    "arn:aws:bedrock:us-east-1:1:inference-profile/"
                    "eu.anthropic.claude-haiku-4-5-20251001-v1:0") == 1100);
  CHECK(input_price("openrouter", "openai/gpt-4.1-mini") == 400);
  CHECK(input_price("openrouter", "anthropic/claude-sonnet-4.5") == 3000);
  CHECK(input_price("openrouter", "x-ai/grok-4") == 3000);
  CHECK(input_price("groq", "openai/gpt-oss-120b") == 150);
}

TEST_CASE("prices: what is not sure has no price") {
  CHECK(input_price("azure", "my-deployment") == -1);
  CHECK(input_price("bedrock", "eu.amazon.nova-lite-v1:0") == -1);
  CHECK(input_price("bedrock",
                    "arn:aws:bedrock:us-east-1:1:application-inference-profile/abcdef") == -1);
  CHECK(input_price("openrouter", "minimax/minimax-m2:free") == -1);
  CHECK(input_price("openrouter", "openai/gpt-4o:online") == -1);
  CHECK(input_price("openai", "gpt-4o-audio-preview") == -1);
  CHECK(input_price("google", "gemini-2.5-flash-preview-tts") == -1);
  CHECK(input_price("google", "gemini-2.5-flash-image") == -1);
  CHECK(input_price("openai", "ft:gpt-4o-mini-2024-07-18:org::id") == -1);
  CHECK(input_price("openai", "gpt-4o-mini-") == -1);
  CHECK(input_price("openai", "-2024-07-18") == -1);
  CHECK(input_price("vllm.internal", "gpt-4o") == -1);
  CHECK(input_price("openai", std::string(100'000, '-')) == -1);
}

TEST_CASE("prices: the built-in table is whole") {
  CHECK(PriceTable::built_in().size() > 100);
  CHECK(PriceTable::built_in().skipped() == 0);
  CHECK(PriceTable::kBuiltInDate.size() == 10);
  const ModelPrices* m = PriceTable::built_in().find("bedrock", "us.anthropic.claude-sonnet-4-5");
  REQUIRE(m != nullptr);
  CHECK(m->above_tokens == 200'000);
  CHECK(m->above.output == 24'750'000);
  CHECK(m->base.cache_write == 4'125'000);
}
