#include "dialect/errors.h"

#include <array>

#include "base/bytes.h"

namespace llmrec::dialect {
namespace {

using record::ErrorType;

struct Word {
  std::string_view word;
  ErrorType category;
};

// Money first: "insufficient_quota" comes with 429 and must not look like a rate limit.
constexpr std::array kWords = std::to_array<Word>({
    {"insufficient_quota", ErrorType::quota_exceeded},
    {"quota_exceeded", ErrorType::quota_exceeded},
    {"credit_balance_exhausted", ErrorType::quota_exceeded},
    {"organization_spend_limit_exceeded", ErrorType::quota_exceeded},
    {"project_spend_limit_exceeded", ErrorType::quota_exceeded},
    {"organization_usage_limit_exceeded", ErrorType::quota_exceeded},
    {"billing_hard_limit_reached", ErrorType::quota_exceeded},
    {"billing_not_active", ErrorType::quota_exceeded},
    {"billing_error", ErrorType::quota_exceeded},
    {"rate_limit_exceeded", ErrorType::rate_limit},
    {"rate_limit_error", ErrorType::rate_limit},
    {"rate_limited", ErrorType::rate_limit},
    {"ratelimitreached", ErrorType::rate_limit},
    {"resource_exhausted", ErrorType::rate_limit},
    {"throttlingexception", ErrorType::rate_limit},
    {"slow_down", ErrorType::rate_limit},
    {"tokens", ErrorType::rate_limit},
    {"requests", ErrorType::rate_limit},
    {"overloaded_error", ErrorType::overloaded},
    {"overloaded", ErrorType::overloaded},
    {"server_is_overloaded", ErrorType::overloaded},
    {"service_unavailable_error", ErrorType::overloaded},
    {"unavailable", ErrorType::overloaded},
    {"serviceunavailableexception", ErrorType::overloaded},
    {"modelnotreadyexception", ErrorType::overloaded},
    {"engine_overloaded", ErrorType::overloaded},
    {"context_length_exceeded", ErrorType::context_length_exceeded},
    {"exceed_context_size_error", ErrorType::context_length_exceeded},
    {"too_many_prompt_tokens", ErrorType::context_length_exceeded},
    {"too_many_tokens", ErrorType::context_length_exceeded},
    {"string_above_max_length", ErrorType::context_length_exceeded},
    {"content_filter", ErrorType::content_policy},
    {"content_policy_violation", ErrorType::content_policy},
    {"responsibleaipolicyviolation", ErrorType::content_policy},
    {"moderation_blocked", ErrorType::content_policy},
    {"safety", ErrorType::content_policy},
    {"invalid_api_key", ErrorType::authentication},
    {"authentication_error", ErrorType::authentication},
    {"unauthenticated", ErrorType::authentication},
    {"api_key_invalid", ErrorType::authentication},
    {"unrecognizedclientexception", ErrorType::authentication},
    {"expiredtokenexception", ErrorType::authentication},
    {"permission_error", ErrorType::permission},
    {"permission_denied", ErrorType::permission},
    {"accessdeniedexception", ErrorType::permission},
    {"unsupported_country_region_territory", ErrorType::permission},
    {"not_found_error", ErrorType::not_found},
    {"not_found", ErrorType::not_found},
    {"model_not_found", ErrorType::not_found},
    {"deploymentnotfound", ErrorType::not_found},
    {"resourcenotfoundexception", ErrorType::not_found},
    {"request_too_large", ErrorType::request_too_large},
    {"server_error", ErrorType::server_error},
    {"api_error", ErrorType::server_error},
    {"internal_server_error", ErrorType::server_error},
    {"internal", ErrorType::server_error},
    {"internalserverexception", ErrorType::server_error},
    {"timeout_error", ErrorType::server_error},
    {"invalid_request_error", ErrorType::invalid_request},
    {"invalid_argument", ErrorType::invalid_request},
    {"invalid-argument", ErrorType::invalid_request},
    {"failed_precondition", ErrorType::invalid_request},
    {"validationexception", ErrorType::invalid_request},
    {"tool_use_failed", ErrorType::invalid_request},
    {"validation", ErrorType::invalid_request},  // TGI's error_type
    {"generation", ErrorType::server_error},
    {"incomplete_generation", ErrorType::server_error},
    {"not_supported_error", ErrorType::invalid_request},
});

std::optional<ErrorType> by_word(std::string_view word) {
  for (const Word& w : kWords) {
    if (equals_ignoring_case(w.word, word)) return w.category;
  }
  return std::nullopt;
}

ErrorType by_status(std::int64_t status) {
  switch (status) {
    case 400:
    case 405:
    case 406:
    case 409:
    case 415:
    case 422:
      return ErrorType::invalid_request;
    case 401:
      return ErrorType::authentication;
    case 402:
      return ErrorType::quota_exceeded;
    case 403:
      return ErrorType::permission;
    case 404:
      return ErrorType::not_found;
    case 413:
      return ErrorType::request_too_large;
    case 429:
      return ErrorType::rate_limit;
    case 498:  // Groq: flex capacity
    case 503:
    case 529:  // Anthropic
      return ErrorType::overloaded;
    default:
      return status >= 500 && status < 600 ? ErrorType::server_error : ErrorType::http_error;
  }
}

bool retryable(ErrorType category, std::int64_t status) {
  switch (category) {
    case ErrorType::rate_limit:
    case ErrorType::overloaded:
    case ErrorType::server_error:
      return true;
    default:  // the SDKs' own rule: 408 and 409 are tried again
      return status == 408 || status == 409;
  }
}

// A word that says what is wrong beats the status; one that only says "it was your request" does
// not: OpenAI gives invalid_request_error to a bad key (401) and to an unknown model (404).
bool vague(ErrorType category) {
  return category == ErrorType::invalid_request || category == ErrorType::server_error;
}

}  // namespace

ErrorClass classify_error(const Provider&, const ErrorWords& words) {
  const std::int64_t status = words.http_status >= 400 ? words.http_status : words.status;
  const std::optional<ErrorType> code = by_word(words.code);
  const std::optional<ErrorType> type = by_word(words.type);
  ErrorType category = ErrorType::server_error;
  if (code && !vague(*code)) {
    category = *code;
  } else if (type && !vague(*type)) {
    category = *type;
  } else if (status >= 400) {
    category = by_status(status);
  } else if (code || type) {
    category = code ? *code : *type;
  }
  return {category, retryable(category, status)};
}

}  // namespace llmrec::dialect
