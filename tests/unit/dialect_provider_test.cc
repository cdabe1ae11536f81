#include "dialect/provider.h"

#include <doctest/doctest.h>

#include <set>
#include <string>
#include <string_view>

using namespace llmrec::dialect;

TEST_CASE("provider: by host") {
  const std::pair<std::string_view, std::string_view> rows[] = {
      {"api.openai.com", "openai"},
      {"eu.api.openai.com", "openai"},
      {"x.openai.azure.com", "azure"},
      {"x.services.ai.azure.com", "azure"},
      {"api.anthropic.com", "anthropic"},
      {"us-central1-aiplatform.googleapis.com", "google"},
      {"aiplatform.googleapis.com", "google"},
      {"bedrock-runtime.us-east-1.amazonaws.com", "bedrock"},
      {"bedrock-runtime-fips.us-gov-west-1.amazonaws.com", "bedrock"},
      {"api.githubcopilot.com", "github_copilot"},
      {"api.business.githubcopilot.com", "github_copilot"},
      {"openrouter.ai", "openrouter"},
      {"aiplatform.eu.rep.googleapis.com", "google"},
      {"bedrock-runtime.cn-north-1.amazonaws.com.cn", "bedrock"},
      {"bedrock-mantle.us-east-1.api.aws", "bedrock"},
      {"us-east-1.api.x.ai", "xai"},
      {"api.together.ai", "together"},
      {"api.moonshot.cn", "moonshot"},
      {"dashscope-intl.aliyuncs.com", "alibaba"},
      {"ai-gateway.vercel.sh", "vercel"},
      {"org.snowflakecomputing.com", "snowflake"},
      {"localhost", ""},  // vLLM, llama.cpp, Ollama, TGI: any of them may be there
      {"127.0.0.1", ""},
      {"llm.internal", ""},
      {"openai.com", ""},
      {"evil-api.openai.com.example", ""},
      {"apixopenai.com", ""},
      {".openai.azure.com", ""},  // the star stands for at least one character
      {"", ""},
  };
  for (const auto& row : rows) {
    CHECK_MESSAGE(provider_by_host(row.first).name == row.second, row.first);
  }
}

TEST_CASE("provider: who is known to end a stream how") {
  CHECK(provider_by_host("api.openai.com").sends_done == Known::yes);
  CHECK(provider_by_host("api.openai.com").always_usage == Known::unknown);
  CHECK(provider_by_host("api.perplexity.ai").sends_done == Known::no);
  CHECK(provider_by_host("api.perplexity.ai").always_usage == Known::yes);
  CHECK(provider_by_host("api.cerebras.ai").sends_done == Known::no);
  CHECK(provider_by_host("api.mistral.ai").always_usage == Known::yes);
  CHECK(provider_by_host("x.snowflakecomputing.com").sends_finish == Known::no);
  CHECK(provider_by_host("api.x.ai").output_excludes_reasoning);
  CHECK(provider_by_host("llm.internal").sends_done == Known::unknown);
  CHECK(provider_by_host("router.huggingface.co").sends_done == Known::unknown);
}

TEST_CASE("provider: every pattern is its own, and an earlier one does not hide it") {
  std::set<std::string_view> seen;
  for (const ProviderHost& entry : provider_hosts()) {
    CHECK(seen.insert(entry.pattern).second);
    std::string host(entry.pattern);
    if (const auto star = host.find('*'); star != std::string::npos) host.replace(star, 1, "q-9");
    CHECK_MESSAGE(provider_by_host(host).name == entry.provider.name, host);
  }
}

TEST_CASE("provider: the region in a host name") {
  const std::pair<std::string_view, std::string_view> rows[] = {
      {"bedrock-runtime.us-east-1.amazonaws.com", "us-east-1"},
      {"bedrock-runtime-fips.us-gov-west-1.amazonaws.com", "us-gov-west-1"},
      {"bedrock-runtime.cn-north-1.amazonaws.com.cn", "cn-north-1"},
      {"europe-west4-aiplatform.googleapis.com", "europe-west4"},
      {"bedrock-mantle.eu-central-1.api.aws", "eu-central-1"},
      {"aiplatform.googleapis.com", ""},
      {"api.openai.com", ""},
      {"my-box", ""},
      {"a-1.example", ""},
      {"", ""},
      {"...", ""},
  };
  for (const auto& row : rows) {
    CHECK_MESSAGE(region_by_host(row.first) == row.second, row.first);
  }
}
