#include "dialect/provider.h"

#include <algorithm>
#include <array>

#include "base/limits.h"

namespace llmrec::dialect {
namespace {

// A `*` stands for one or more characters of a host name, dots included.
bool host_matches(std::string_view pattern, std::string_view host) {
  const auto star = pattern.find('*');
  if (star == std::string_view::npos) return pattern == host;
  const std::string_view head = pattern.substr(0, star);
  const std::string_view tail = pattern.substr(star + 1);
  return host.size() > head.size() + tail.size() && host.starts_with(head) && host.ends_with(tail);
}

bool is_region(std::string_view label) {  // us-east-1, us-gov-west-1, europe-west4
  const auto dash = label.find('-');
  if (dash == std::string_view::npos || dash < 2 || label.size() > limits::kRecordNameMax)
    return false;
  return label.back() >= '0' && label.back() <= '9' &&
         std::all_of(label.begin(), label.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
         });
}

}  // namespace

const std::vector<ProviderHost>& provider_hosts() {
  static const std::vector<ProviderHost> hosts{
      {"api.openai.com", {.name = "openai", .sends_done = Known::yes}},
      {"*.api.openai.com", {.name = "openai", .sends_done = Known::yes}},  // eu, us
      {"chatgpt.com", {.name = "openai", .sends_done = Known::yes}},       // Codex
      {"api.anthropic.com", {.name = "anthropic"}},
      {"generativelanguage.googleapis.com", {.name = "google", .sends_done = Known::yes}},
      {"aiplatform.googleapis.com", {.name = "google"}},
      {"aiplatform.*.rep.googleapis.com", {.name = "google"}},
      {"*-aiplatform.googleapis.com", {.name = "google"}},
      {"firebasevertexai.googleapis.com", {.name = "google"}},
      {"*.openai.azure.com", {.name = "azure", .sends_done = Known::yes}},
      {"*.openai.azure.us", {.name = "azure", .sends_done = Known::yes}},
      {"*.services.ai.azure.com", {.name = "azure", .sends_done = Known::yes}},
      {"*.cognitiveservices.azure.com", {.name = "azure", .sends_done = Known::yes}},
      {"*.models.ai.azure.com", {.name = "azure"}},
      {"models.inference.ai.azure.com", {.name = "github_models"}},
      {"models.github.ai", {.name = "github_models"}},
      {"openrouter.ai",
       {.name = "openrouter", .sends_done = Known::yes, .always_usage = Known::yes}},
      {"api.groq.com", {.name = "groq", .sends_done = Known::yes, .always_usage = Known::yes}},
      {"api.deepseek.com",
       {.name = "deepseek", .sends_done = Known::yes, .always_usage = Known::yes}},
      {"api.mistral.ai", {.name = "mistral", .sends_done = Known::yes, .always_usage = Known::yes}},
      {"codestral.mistral.ai",
       {.name = "mistral", .sends_done = Known::yes, .always_usage = Known::yes}},
      {"api.x.ai", {.name = "xai", .sends_done = Known::yes, .output_excludes_reasoning = true}},
      {"*.api.x.ai", {.name = "xai", .sends_done = Known::yes, .output_excludes_reasoning = true}},
      {"api.together.xyz",
       {.name = "together", .sends_done = Known::yes, .always_usage = Known::yes}},
      {"api.together.ai",
       {.name = "together", .sends_done = Known::yes, .always_usage = Known::yes}},
      {"api.fireworks.ai",
       {.name = "fireworks", .sends_done = Known::yes, .always_usage = Known::yes}},
      {"api.perplexity.ai",
       {.name = "perplexity", .sends_done = Known::no, .always_usage = Known::yes}},
      {"api.cerebras.ai",
       {.name = "cerebras", .sends_done = Known::no, .always_usage = Known::yes}},
      {"api.cohere.com", {.name = "cohere", .sends_done = Known::yes}},
      {"api.cohere.ai", {.name = "cohere", .sends_done = Known::yes}},
      {"api.githubcopilot.com", {.name = "github_copilot", .sends_done = Known::yes}},
      {"*.githubcopilot.com", {.name = "github_copilot", .sends_done = Known::yes}},
      // What a router passes on is the stream of whoever answers.
      {"router.huggingface.co", {.name = "huggingface"}},
      {"api-inference.huggingface.co", {.name = "huggingface"}},
      {"*.endpoints.huggingface.cloud", {.name = "huggingface"}},
      {"ai-gateway.vercel.sh", {.name = "vercel", .sends_done = Known::yes}},
      {"gateway.ai.cloudflare.com", {.name = "cloudflare"}},
      {"api.z.ai", {.name = "zai", .sends_done = Known::yes}},
      {"open.bigmodel.cn", {.name = "zai", .sends_done = Known::yes}},
      {"api.moonshot.ai", {.name = "moonshot", .sends_done = Known::yes}},
      {"api.moonshot.cn", {.name = "moonshot", .sends_done = Known::yes}},
      {"dashscope.aliyuncs.com", {.name = "alibaba", .sends_done = Known::yes}},
      {"dashscope-intl.aliyuncs.com", {.name = "alibaba", .sends_done = Known::yes}},
      {"dashscope-us.aliyuncs.com", {.name = "alibaba", .sends_done = Known::yes}},
      {"api.novita.ai", {.name = "novita", .sends_done = Known::yes}},
      {"*.snowflakecomputing.com",
       {.name = "snowflake", .sends_done = Known::yes, .sends_finish = Known::no}},
      {"api.writer.com", {.name = "writer"}},
      // No recording says how these end a stream.
      {"api.deepinfra.com", {.name = "deepinfra"}},
      {"api.sambanova.ai", {.name = "sambanova"}},
      {"api.studio.nebius.com", {.name = "nebius"}},
      {"api.studio.nebius.ai", {.name = "nebius"}},
      {"api.tokenfactory.nebius.com", {.name = "nebius"}},
      {"api.hyperbolic.xyz", {.name = "hyperbolic"}},
      {"api.venice.ai", {.name = "venice"}},
      {"api.doubleword.ai", {.name = "doubleword"}},
      {"integrate.api.nvidia.com", {.name = "nvidia"}},
      {"api.minimax.io", {.name = "minimax"}},
      {"api.ai21.com", {.name = "ai21"}},
      {"inference.baseten.co", {.name = "baseten"}},
      {"*.ml.cloud.ibm.com", {.name = "watsonx"}},
      {"bedrock-runtime.*.amazonaws.com", {.name = "bedrock"}},
      {"bedrock-runtime-fips.*.amazonaws.com", {.name = "bedrock"}},
      {"bedrock-runtime.*.amazonaws.com.cn", {.name = "bedrock"}},
      {"bedrock-runtime.*.api.aws", {.name = "bedrock"}},
      {"bedrock-mantle.*.api.aws", {.name = "bedrock"}},
      {"bedrock-agent-runtime.*.amazonaws.com", {.name = "bedrock"}},
      {"ollama.com", {.name = "ollama", .sends_done = Known::yes}},
  };
  return hosts;
}

const Provider& provider_by_host(std::string_view host) {
  static const Provider nobody{};
  for (const ProviderHost& entry : provider_hosts()) {
    if (host_matches(entry.pattern, host)) return entry.provider;
  }
  return nobody;
}

std::string region_by_host(std::string_view host) {
  std::string_view rest = host;
  while (!rest.empty()) {
    const auto dot = rest.find('.');
    std::string_view label = rest.substr(0, dot);
    constexpr std::string_view kVertex = "-aiplatform";
    if (label.ends_with(kVertex)) label.remove_suffix(kVertex.size());
    if (is_region(label)) return std::string(label);
    if (dot == std::string_view::npos) break;
    rest.remove_prefix(dot + 1);
  }
  return {};
}

}  // namespace llmrec::dialect
