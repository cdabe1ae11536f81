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
};

void check(const Row& row) {
  INFO(row.http, " ", row.type, " ", row.code);
  const ErrorClass c = classify_error(
      {}, {.http_status = row.http, .status = row.inside, .type = row.type, .code = row.code});
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
  check({413, "", "", ErrorType::request_too_large, false});
  check({418, "", "", ErrorType::http_error, false});
  check({422, "", "", ErrorType::invalid_request, false});
  check({429, "", "", ErrorType::rate_limit, true});
  check({498, "", "", ErrorType::overloaded, true});
  check({500, "", "", ErrorType::server_error, true});
  check({502, "", "", ErrorType::server_error, true});
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
  check({501, "not_supported_error", "501", ErrorType::server_error, true});
  // Bedrock
  check({400, "ValidationException", "", ErrorType::invalid_request, false});
  check({429, "ThrottlingException", "", ErrorType::rate_limit, true});
  check({403, "ExpiredTokenException", "", ErrorType::authentication, false});
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
}

TEST_CASE("errors: capitals do not matter") {
  check({429, "Insufficient_Quota", "", ErrorType::quota_exceeded, false});
}

TEST_CASE("errors: the code beats the type") {
  check({429, "rate_limit_error", "insufficient_quota", ErrorType::quota_exceeded, false});
}
