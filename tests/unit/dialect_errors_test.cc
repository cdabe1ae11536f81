#include "dialect/errors.h"

#include <doctest/doctest.h>

#include <string>

using namespace llmrec;
using namespace llmrec::dialect;
using record::ErrorType;

namespace {

struct Row {
  int http;
  const char* type;
  const char* code;
  ErrorType category;
  bool retryable;
  std::int64_t inside = 0;
  const char* provider = "";
};

void check(const Row& row) {
  INFO(row.provider, " ", row.http, " ", row.type, " ", row.code);
  Provider provider;
  provider.name = row.provider;
  const ErrorClass c = classify_error(
      provider,
      {.http_status = row.http, .status = row.inside, .type = row.type, .code = row.code});
  CHECK(c.category == row.category);
  CHECK(c.retryable == row.retryable);
}

}  // namespace

TEST_CASE("errors: by status where nothing else is said") {
  check({400, "", "", ErrorType::invalid_request, false});
  check({401, "", "", ErrorType::authentication, false});
  check({402, "", "", ErrorType::quota_exceeded, false});
  check({403, "", "", ErrorType::permission, false});
  check({404, "", "", ErrorType::not_found, false});
  check({408, "", "", ErrorType::http_error, true});
  check({409, "", "", ErrorType::invalid_request, true});
  check({412, "", "", ErrorType::invalid_request, false});
  check({413, "", "", ErrorType::request_too_large, false});
  check({424, "", "", ErrorType::server_error, true});
  check({418, "", "", ErrorType::http_error, false});
  check({422, "", "", ErrorType::invalid_request, false});
  check({429, "", "", ErrorType::rate_limit, true});
  check({498, "", "", ErrorType::overloaded, true});
  check({500, "", "", ErrorType::server_error, true});
  check({501, "", "", ErrorType::invalid_request, false});
  check({502, "", "", ErrorType::server_error, true});
  check({504, "", "", ErrorType::server_error, true});
  check({503, "", "", ErrorType::overloaded, true});
  check({529, "", "", ErrorType::overloaded, true});
  check({600, "", "", ErrorType::http_error, false});
}

TEST_CASE("errors: the provider's words beat the status, unless they are vague") {
  // OpenAI
  check({400, "invalid_request_error", "context_length_exceeded",
         ErrorType::context_length_exceeded, false});
  check({401, "invalid_request_error", "invalid_api_key", ErrorType::authentication, false});
  check({404, "invalid_request_error", "model_not_found", ErrorType::not_found, false});
  check({403, "invalid_request_error", "unsupported_country_region_territory",
         ErrorType::permission, false});
  check({404, "invalid_request_error", "", ErrorType::not_found, false});
  check({400, "invalid_request_error", "invalid_value", ErrorType::invalid_request, false});
  check({429, "tokens", "rate_limit_exceeded", ErrorType::rate_limit, true});
  check({429, "requests", "", ErrorType::rate_limit, true});
  check({429, "insufficient_quota", "insufficient_quota", ErrorType::quota_exceeded, false});
  check({429, "", "credit_balance_exhausted", ErrorType::quota_exceeded, false});
  check({429, "", "project_spend_limit_exceeded", ErrorType::quota_exceeded, false});
  check({500, "server_error", "server_is_overloaded", ErrorType::overloaded, true});
  check({503, "service_unavailable_error", "", ErrorType::overloaded, true});
  check({503, "server_error", "", ErrorType::overloaded, true});
  check({429, "api_error", "", ErrorType::rate_limit, true});  // Ollama's type for everything
  // Azure
  check({400, "", "content_filter", ErrorType::content_policy, false});
  check({404, "", "DeploymentNotFound", ErrorType::not_found, false});
  check({429, "", "RateLimitReached", ErrorType::rate_limit, true});
  // Anthropic
  check({529, "overloaded_error", "", ErrorType::overloaded, true});
  check({402, "billing_error", "", ErrorType::quota_exceeded, false});
  check({403, "permission_error", "", ErrorType::permission, false});
  check({413, "request_too_large", "", ErrorType::request_too_large, false});
  check({504, "timeout_error", "", ErrorType::server_error, true});
  // Google
  check({429, "RESOURCE_EXHAUSTED", "429", ErrorType::rate_limit, true});
  check({503, "UNAVAILABLE", "503", ErrorType::overloaded, true});
  check({400, "INVALID_ARGUMENT", "API_KEY_INVALID", ErrorType::authentication, false});
  check({400, "INVALID_ARGUMENT", "400", ErrorType::invalid_request, false});
  // Perplexity, llama.cpp
  check({400, "too_many_prompt_tokens", "400", ErrorType::context_length_exceeded, false});
  check({400, "exceed_context_size_error", "400", ErrorType::context_length_exceeded, false});
  check({501, "not_supported_error", "501", ErrorType::invalid_request, false});
  // Bedrock
  check({400, "ValidationException", "", ErrorType::invalid_request, false});
  check({429, "ThrottlingException", "", ErrorType::rate_limit, true});
  check({403, "ExpiredTokenException", "", ErrorType::authentication, false});
  check({403, "UnrecognizedClientException", "", ErrorType::authentication, false});
  check({403, "AccessDeniedException", "", ErrorType::permission, false});
  check({403, "InvalidSignatureException", "", ErrorType::authentication, false});
  check({404, "ResourceNotFoundException", "", ErrorType::not_found, false});
  check({408, "ModelTimeoutException", "", ErrorType::server_error, true});
  check({424, "ModelErrorException", "", ErrorType::server_error, true});
  check({429, "ModelNotReadyException", "", ErrorType::overloaded, true});
  check({400, "ServiceQuotaExceededException", "", ErrorType::quota_exceeded, false});
  check({500, "InternalServerException", "", ErrorType::server_error, true});
  check({503, "ServiceUnavailableException", "", ErrorType::overloaded, true});
}

TEST_CASE("errors: every list of the protocol notes") {
  // OpenAI
  check({429, "", "slow_down", ErrorType::rate_limit, true});
  check({503, "server_error", "slow_down", ErrorType::rate_limit, true});
  check({429, "", "organization_spend_limit_exceeded", ErrorType::quota_exceeded, false});
  check({429, "", "organization_usage_limit_exceeded", ErrorType::quota_exceeded, false});
  for (const char* code : {"invalid_value", "unsupported_parameter", "unsupported_value",
                           "invalid_function_parameters", "decimal_above_max_value"}) {
    check({400, "invalid_request_error", code, ErrorType::invalid_request, false});
  }
  // Responses, inside a stream
  check({200, "", "server_error", ErrorType::server_error, true});
  check({200, "tokens", "rate_limit_exceeded", ErrorType::rate_limit, true});
  check({200, "", "invalid_prompt", ErrorType::invalid_request, false});
  // Azure
  check({400, "", "ResponsibleAIPolicyViolation", ErrorType::content_policy, false});
  check({401, "", "401", ErrorType::authentication, false});
  check({429, "", "429", ErrorType::rate_limit, true});
  // OpenRouter
  check({402, "", "402", ErrorType::quota_exceeded, false, 402});
  check({200, "", "502", ErrorType::server_error, true, 502});
  // Anthropic
  check({400, "invalid_request_error", "", ErrorType::invalid_request, false});
  check({401, "authentication_error", "", ErrorType::authentication, false});
  check({404, "not_found_error", "", ErrorType::not_found, false});
  check({409, "conflict_error", "", ErrorType::invalid_request, true});
  check({429, "rate_limit_error", "", ErrorType::rate_limit, true});
  check({500, "api_error", "", ErrorType::server_error, true});
  check({200, "api_error", "", ErrorType::server_error, true});
  // Google
  check({401, "UNAUTHENTICATED", "401", ErrorType::authentication, false});
  check({403, "PERMISSION_DENIED", "403", ErrorType::permission, false});
  check({404, "NOT_FOUND", "404", ErrorType::not_found, false});
  check({400, "FAILED_PRECONDITION", "400", ErrorType::invalid_request, false});
  check({500, "INTERNAL", "500", ErrorType::server_error, true});
  check({504, "DEADLINE_EXCEEDED", "504", ErrorType::server_error, true});
  check({200, "CANCELLED", "499", ErrorType::server_error, true, 499});
  check({200, "UNAVAILABLE", "503", ErrorType::overloaded, true, 503});
  // xAI
  check({400, "", "invalid-argument", ErrorType::invalid_request, false});
  check({429, "", "resource-exhausted", ErrorType::rate_limit, true});
  check({400, "", "unauthenticated:bad-credentials", ErrorType::authentication, false});
  // Doubleword, and others that write reason phrases
  check({400, "Bad Request", "", ErrorType::invalid_request, false});
  check({400, "Too Many Requests", "", ErrorType::rate_limit, true});
  // TGI
  check({200, "overloaded", "", ErrorType::overloaded, true});
  check({200, "generation", "", ErrorType::server_error, true});
  check({200, "incomplete_generation", "", ErrorType::server_error, true});
  check({422, "validation", "", ErrorType::invalid_request, false});
  // AWS, with the name of its service in front
  check({400, "com.amazon.coral.service#AccessDeniedException", "", ErrorType::permission, false});
  check({200, "modelStreamErrorException", "", ErrorType::server_error, true});
  check({200, "throttlingException", "", ErrorType::rate_limit, true});
  check({200, "validationException", "", ErrorType::invalid_request, false});
}

TEST_CASE("errors: what a provider's own codes mean") {
  check({429, "rate_limited", "1300", ErrorType::rate_limit, true, 0, "mistral"});
  check({404, "invalid_model", "1500", ErrorType::not_found, false, 0, "mistral"});
  check({429, "", "3505", ErrorType::overloaded, true, 0, "mistral"});
  check({429, "", "1113", ErrorType::quota_exceeded, false, 0, "zai"});
  check({429, "", "1302", ErrorType::rate_limit, true, 0, "zai"});
  check({400, "", "1300", ErrorType::content_policy, false, 0, "zai"});
  check({400, "", "1261", ErrorType::context_length_exceeded, false, 0, "zai"});
  check({400, "", "1261", ErrorType::invalid_request, false});  // of nobody we know
  check({498, "", "", ErrorType::content_policy, false, 0, "cohere"});
  check({499, "", "", ErrorType::http_error, false, 0, "cohere"});
  check({400, "TOO_MANY_TOKENS", "", ErrorType::context_length_exceeded, false, 0, "cohere"});
  check({498, "", "capacity_exceeded", ErrorType::overloaded, true, 0, "groq"});
  check({429, "exceeded_current_quota_error", "", ErrorType::quota_exceeded, false, 0, "moonshot"});
  check({429, "engine_overloaded_error", "", ErrorType::overloaded, true, 0, "moonshot"});
  check({400, "", "Arrearage", ErrorType::quota_exceeded, false, 0, "alibaba"});
  check({402, "unknown_error", "invalid_request_error", ErrorType::quota_exceeded, false, 0,
         "deepseek"});
  check({404, "", "", ErrorType::not_found, false, 0, "ollama"});
  check({503, "", "", ErrorType::overloaded, true, 0, "ollama"});
}

TEST_CASE("errors: inside a stream the document's own status counts") {
  check({200, "", "503", ErrorType::overloaded, true, 503});
  check({200, "", "400", ErrorType::invalid_request, false, 400});
  check({200, "overloaded_error", "", ErrorType::overloaded, true});
  check({200, "server_error", "", ErrorType::server_error, true});
  check({200, "invalid_request_error", "tool_use_failed", ErrorType::invalid_request, false, 400});
  check({200, "validation", "", ErrorType::invalid_request, false});
  check({200, "", "", ErrorType::server_error, true});  // it broke, and does not say why
  check({200, "brand_new", "word", ErrorType::server_error, true});
  check({200, "", "429", ErrorType::rate_limit, true});  // a status in the place of a code
  check({200, "", "4290", ErrorType::server_error, true});
}

TEST_CASE("errors: capitals do not matter") {
  check({429, "Insufficient_Quota", "", ErrorType::quota_exceeded, false});
}

TEST_CASE("errors: the code beats the type") {
  check({429, "rate_limit_error", "insufficient_quota", ErrorType::quota_exceeded, false});
}
