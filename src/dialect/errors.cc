#include "dialect/errors.h"

#include <algorithm>
#include <array>

#include "base/bytes.h"

namespace llmrec::dialect {
namespace {

using record::ErrorType;

// A provider's word for what went wrong, in lower case with `_` for `-` and blanks. Rows without a
// provider hold for all: gateways pass on the words of others, and most copy OpenAI's.
struct Row {
  std::string_view provider;
  std::string_view word;
  ErrorType category;
};

constexpr std::array kWords = std::to_array<Row>({
    // --- by provider, where the same word means something else or only one uses it
    {"mistral", "1300", ErrorType::rate_limit},
    {"mistral", "1500", ErrorType::invalid_request},  // unknown model; the status says 400 or 404
    {"mistral", "3505", ErrorType::overloaded},       // service tier capacity exceeded
    // https://docs.z.ai/api-reference/api-code (read 2026-11)
    {"zai", "1000", ErrorType::authentication},
    {"zai", "1001", ErrorType::authentication},
    {"zai", "1002", ErrorType::authentication},
    {"zai", "1003", ErrorType::authentication},
    {"zai", "1004", ErrorType::authentication},
    {"zai", "1110", ErrorType::permission},  // account inactive, unknown, locked
    {"zai", "1111", ErrorType::permission},
    {"zai", "1112", ErrorType::permission},
    {"zai", "1113", ErrorType::quota_exceeded},
    {"zai", "1121", ErrorType::permission},
    {"zai", "1211", ErrorType::not_found},
    {"zai", "1220", ErrorType::permission},
    {"zai", "1222", ErrorType::not_found},
    {"zai", "1234", ErrorType::server_error},
    {"zai", "1261", ErrorType::context_length_exceeded},
    {"zai", "1300", ErrorType::content_policy},
    {"zai", "1301", ErrorType::content_policy},
    {"zai", "1302", ErrorType::rate_limit},  // concurrency, then frequency
    {"zai", "1303", ErrorType::rate_limit},
    {"zai", "1304", ErrorType::quota_exceeded},  // the calls of today
    {"zai", "1305", ErrorType::rate_limit},
    {"zai", "1308", ErrorType::quota_exceeded},  // limits of a plan
    {"zai", "1309", ErrorType::quota_exceeded},
    {"zai", "1310", ErrorType::quota_exceeded},
    {"zai", "1311", ErrorType::permission},
    {"zai", "1312", ErrorType::overloaded},
    {"zai", "1313", ErrorType::rate_limit},
    // Cohere's ids of v1 errors; its v2 only has a status.
    {"cohere", "invalid_token", ErrorType::authentication},

    // --- money first: "insufficient_quota" comes with 429 and must not look like a rate limit
    {"", "insufficient_quota", ErrorType::quota_exceeded},
    {"", "quota_exceeded", ErrorType::quota_exceeded},
    {"", "credit_balance_exhausted", ErrorType::quota_exceeded},
    {"", "organization_spend_limit_exceeded", ErrorType::quota_exceeded},
    {"", "project_spend_limit_exceeded", ErrorType::quota_exceeded},
    {"", "organization_usage_limit_exceeded", ErrorType::quota_exceeded},
    {"", "billing_hard_limit_reached", ErrorType::quota_exceeded},
    {"", "billing_not_active", ErrorType::quota_exceeded},
    {"", "access_terminated", ErrorType::quota_exceeded},
    {"", "billing_error", ErrorType::quota_exceeded},         // Anthropic
    {"", "billing_disabled", ErrorType::quota_exceeded},      // Google
    {"", "insufficient_balance", ErrorType::quota_exceeded},  // DeepSeek
    {"", "insufficient_credits", ErrorType::quota_exceeded},  // OpenRouter
    {"", "insufficient_funds", ErrorType::quota_exceeded},    // Vercel
    {"", "payment_required", ErrorType::quota_exceeded},
    {"", "credit_limit", ErrorType::quota_exceeded},  // Together
    {"", "credit_limit_exceeded", ErrorType::quota_exceeded},
    {"", "exceeded_current_quota_error", ErrorType::quota_exceeded},  // Moonshot
    {"", "arrearage", ErrorType::quota_exceeded},                     // Alibaba
    {"", "allocationquota.freetieronly", ErrorType::quota_exceeded},
    {"", "servicequotaexceededexception", ErrorType::quota_exceeded},  // AWS
    {"", "usage_limit_reached", ErrorType::quota_exceeded},            // Codex
    {"", "usage_not_included", ErrorType::quota_exceeded},

    // --- rate limits
    {"", "rate_limit_exceeded", ErrorType::rate_limit},
    {"", "rate_limit_error", ErrorType::rate_limit},
    {"", "rate_limit", ErrorType::rate_limit},
    {"", "rate_limited", ErrorType::rate_limit},              // Mistral
    {"", "rate_limit_reached_error", ErrorType::rate_limit},  // Moonshot
    {"", "ratelimitreached", ErrorType::rate_limit},          // Azure
    {"", "too_many_requests", ErrorType::rate_limit},
    {"", "too_many_requests_error", ErrorType::rate_limit},  // Cerebras
    {"", "request_quota_exceeded", ErrorType::rate_limit},
    {"", "token_quota_exceeded", ErrorType::rate_limit},
    {"", "slow_down", ErrorType::rate_limit},
    {"", "tokens", ErrorType::rate_limit},
    {"", "requests", ErrorType::rate_limit},
    {"", "input_tokens", ErrorType::rate_limit},
    {"", "resource_exhausted", ErrorType::rate_limit},   // Google, xAI
    {"", "throttlingexception", ErrorType::rate_limit},  // AWS
    {"", "throttling", ErrorType::rate_limit},           // AWS, Alibaba
    {"", "throttledexception", ErrorType::rate_limit},
    {"", "toomanyrequestsexception", ErrorType::rate_limit},
    {"", "requestlimitexceeded", ErrorType::rate_limit},
    {"", "throttling.ratequota", ErrorType::rate_limit},  // Alibaba
    {"", "throttling.burstrate", ErrorType::rate_limit},
    {"", "throttling.allocationquota", ErrorType::rate_limit},
    {"", "limit_requests", ErrorType::rate_limit},
    {"", "limit_burst_rate", ErrorType::rate_limit},

    // --- overload
    {"", "overloaded_error", ErrorType::overloaded},  // Anthropic
    {"", "overloaded", ErrorType::overloaded},        // TGI
    {"", "server_is_overloaded", ErrorType::overloaded},
    {"", "service_unavailable_error", ErrorType::overloaded},
    {"", "service_unavailable", ErrorType::overloaded},
    {"", "engine_overloaded", ErrorType::overloaded},
    {"", "engine_overloaded_error", ErrorType::overloaded},  // Moonshot
    {"", "capacity_exceeded", ErrorType::overloaded},        // Groq: flex
    {"", "nocapacity", ErrorType::overloaded},               // Azure
    {"", "unavailable", ErrorType::overloaded},              // Google
    {"", "unavailable_error", ErrorType::overloaded},        // llama.cpp: loading the model
    {"", "modelloading", ErrorType::overloaded},
    {"", "serviceunavailableexception", ErrorType::overloaded},  // AWS
    {"", "serviceunavailable", ErrorType::overloaded},
    {"", "modelnotreadyexception", ErrorType::overloaded},

    // --- too long
    {"", "context_length_exceeded", ErrorType::context_length_exceeded},
    {"", "context_window_exceeded", ErrorType::context_length_exceeded},
    {"", "exceed_context_size_error", ErrorType::context_length_exceeded},  // llama.cpp
    {"", "too_many_prompt_tokens", ErrorType::context_length_exceeded},     // Perplexity
    {"", "too_many_tokens", ErrorType::context_length_exceeded},            // Cohere
    {"", "tokens_limit_reached", ErrorType::context_length_exceeded},       // GitHub models
    {"", "string_above_max_length", ErrorType::context_length_exceeded},
    {"", "model_max_prompt_tokens_exceeded", ErrorType::context_length_exceeded},  // Copilot
    {"", "request_too_large", ErrorType::request_too_large},                       // Anthropic
    {"", "payload_too_large", ErrorType::request_too_large},
    {"", "request_entity_too_large", ErrorType::request_too_large},

    // --- refused for what it says
    {"", "content_filter", ErrorType::content_policy},  // Azure
    {"", "responsibleaipolicyviolation", ErrorType::content_policy},
    {"", "content_policy_violation", ErrorType::content_policy},
    {"", "image_content_policy_violation", ErrorType::content_policy},
    {"", "cyber_policy_violation", ErrorType::content_policy},
    {"", "bio_policy", ErrorType::content_policy},
    {"", "moderation_blocked", ErrorType::content_policy},
    {"", "safety", ErrorType::content_policy},
    {"", "data_inspection_failed", ErrorType::content_policy},  // Alibaba
    {"", "datainspectionfailed", ErrorType::content_policy},

    // --- who is asking
    {"", "invalid_api_key", ErrorType::authentication},
    {"", "invalidapikey", ErrorType::authentication},
    {"", "incorrect_api_key_error", ErrorType::authentication},
    {"", "invalid_authentication_error", ErrorType::authentication},
    {"", "authentication_error", ErrorType::authentication},
    {"", "authenticationerror", ErrorType::authentication},
    {"", "wrong_api_key", ErrorType::authentication},  // Cerebras
    {"", "token_expired", ErrorType::authentication},
    {"", "token_invalidated", ErrorType::authentication},
    {"", "unauthorized", ErrorType::authentication},
    {"", "unauthenticated", ErrorType::authentication},  // Google, xAI
    {"", "api_key_invalid", ErrorType::authentication},
    {"", "api_key_expired", ErrorType::authentication},
    {"", "access_token_expired", ErrorType::authentication},
    {"", "credentials_missing", ErrorType::authentication},
    {"", "unrecognizedclientexception", ErrorType::authentication},  // AWS
    {"", "expiredtokenexception", ErrorType::authentication},
    {"", "expiredtoken", ErrorType::authentication},
    {"", "requestexpired", ErrorType::authentication},
    {"", "invalidsignatureexception", ErrorType::authentication},
    {"", "signaturedoesnotmatch", ErrorType::authentication},
    {"", "incompletesignature", ErrorType::authentication},
    {"", "invalidclienttokenid", ErrorType::authentication},
    {"", "missingauthenticationtokenexception", ErrorType::authentication},
    {"", "missingauthenticationtoken", ErrorType::authentication},

    // --- what they may do
    {"", "permission_error", ErrorType::permission},
    {"", "permission_denied", ErrorType::permission},  // Google, xAI
    {"", "permission_denied_error", ErrorType::permission},
    {"", "permissiondenied", ErrorType::permission},  // Azure
    {"", "access_denied", ErrorType::permission},
    {"", "accessdenied", ErrorType::permission},
    {"", "accessdeniedexception", ErrorType::permission},  // AWS
    {"", "notauthorized", ErrorType::permission},
    {"", "optinrequired", ErrorType::permission},
    {"", "forbidden", ErrorType::permission},
    {"", "unsupported_country_region_territory", ErrorType::permission},
    {"", "organization_restricted", ErrorType::permission},  // Groq
    {"", "model_terms_required", ErrorType::permission},
    {"", "model_permission_blocked_org", ErrorType::permission},
    {"", "service_disabled", ErrorType::permission},  // Google
    {"", "api_key_service_blocked", ErrorType::permission},
    {"", "consumer_suspended", ErrorType::permission},
    {"", "access_token_scope_insufficient", ErrorType::permission},

    // --- what is not there
    {"", "not_found_error", ErrorType::not_found},
    {"", "not_found", ErrorType::not_found},
    {"", "model_not_found", ErrorType::not_found},
    {"", "modelnotfound", ErrorType::not_found},
    {"", "model_not_available", ErrorType::not_found},
    {"", "model_decommissioned", ErrorType::not_found},
    {"", "unknown_model", ErrorType::not_found},
    {"", "unknown_url", ErrorType::not_found},
    {"", "resource_not_found_error", ErrorType::not_found},
    {"", "deploymentnotfound", ErrorType::not_found},  // Azure
    {"", "resourcenotfound", ErrorType::not_found},
    {"", "resourcenotfoundexception", ErrorType::not_found},  // AWS
    {"", "unknownoperationexception", ErrorType::not_found},

    // --- vague from here on: the status beats these
    {"", "server_error", ErrorType::server_error},
    {"", "api_error", ErrorType::server_error},  // Anthropic; Ollama's type for everything
    {"", "internal_error", ErrorType::server_error},
    {"", "internal_server_error", ErrorType::server_error},
    {"", "internalservererror", ErrorType::server_error},
    {"", "internalerror", ErrorType::server_error},
    {"", "vector_store_timeout", ErrorType::server_error},
    {"", "timeout", ErrorType::server_error},
    {"", "timeout_error", ErrorType::server_error},
    {"", "internal", ErrorType::server_error},  // Google
    {"", "unknown", ErrorType::server_error},
    {"", "aborted", ErrorType::server_error},
    {"", "cancelled", ErrorType::server_error},
    {"", "data_loss", ErrorType::server_error},
    {"", "deadline_exceeded", ErrorType::server_error},
    {"", "internalserverexception", ErrorType::server_error},  // AWS
    {"", "internalfailure", ErrorType::server_error},
    {"", "modelerrorexception", ErrorType::server_error},
    {"", "modelstreamerrorexception", ErrorType::server_error},
    {"", "modeltimeoutexception", ErrorType::server_error},
    {"", "generation", ErrorType::server_error},  // TGI's error_type
    {"", "incomplete_generation", ErrorType::server_error},
    {"", "invalid_request_error", ErrorType::invalid_request},
    {"", "bad_request", ErrorType::invalid_request},
    {"", "badrequest", ErrorType::invalid_request},
    {"", "bad_request_error", ErrorType::invalid_request},
    {"", "badrequesterror", ErrorType::invalid_request},  // vLLM
    {"", "conflict_error", ErrorType::invalid_request},   // Anthropic
    {"", "invalid_value", ErrorType::invalid_request},
    {"", "invalid_prompt", ErrorType::invalid_request},
    {"", "unsupported_parameter", ErrorType::invalid_request},
    {"", "unsupported_value", ErrorType::invalid_request},
    {"", "invalid_function_parameters", ErrorType::invalid_request},
    {"", "decimal_above_max_value", ErrorType::invalid_request},
    {"", "invalid_argument", ErrorType::invalid_request},  // Google, xAI
    {"", "failed_precondition", ErrorType::invalid_request},
    {"", "out_of_range", ErrorType::invalid_request},
    {"", "already_exists", ErrorType::invalid_request},
    {"", "unimplemented", ErrorType::invalid_request},
    {"", "validationexception", ErrorType::invalid_request},  // AWS
    {"", "conflictexception", ErrorType::invalid_request},
    {"", "serializationexception", ErrorType::invalid_request},
    {"", "operationnotsupported", ErrorType::invalid_request},  // Azure
    {"", "tool_use_failed", ErrorType::invalid_request},        // Groq
    {"", "json_validate_failed", ErrorType::invalid_request},
    {"", "validation", ErrorType::invalid_request},  // TGI's error_type
    {"", "empty_input", ErrorType::invalid_request},
    {"", "invalid_message", ErrorType::invalid_request},  // Perplexity
    {"", "invalid_model", ErrorType::invalid_request},
    {"", "not_supported_error", ErrorType::invalid_request},  // llama.cpp
    {"", "model_not_supported", ErrorType::invalid_request},  // Copilot
});

struct StatusRow {
  std::string_view provider;
  std::int64_t status;
  ErrorType category;
};

constexpr std::array kStatuses = std::to_array<StatusRow>({
    {"cohere", 498, ErrorType::content_policy},  // a word on the deny list
    {"cohere", 499, ErrorType::http_error},      // cancelled by the client
    {"groq", 498, ErrorType::overloaded},        // flex capacity
    {"zai", 434, ErrorType::permission},
    {"zai", 435, ErrorType::request_too_large},
    {"", 400, ErrorType::invalid_request},
    {"", 401, ErrorType::authentication},
    {"", 402, ErrorType::quota_exceeded},
    {"", 403, ErrorType::permission},
    {"", 404, ErrorType::not_found},
    {"", 405, ErrorType::invalid_request},
    {"", 406, ErrorType::invalid_request},
    {"", 409, ErrorType::invalid_request},
    {"", 410, ErrorType::not_found},
    {"", 412, ErrorType::invalid_request},
    {"", 413, ErrorType::request_too_large},
    {"", 415, ErrorType::invalid_request},
    {"", 422, ErrorType::invalid_request},
    {"", 424, ErrorType::server_error},  // the model failed: Bedrock, TGI
    {"", 429, ErrorType::rate_limit},
    {"", 498, ErrorType::overloaded},
    {"", 501, ErrorType::invalid_request},  // another try meets the same server
    {"", 503, ErrorType::overloaded},
    {"", 529, ErrorType::overloaded},  // Anthropic
});

char folded(char c) { return c == '-' || c == ' ' ? '_' : ascii_lower(c); }

bool same_word(std::string_view sent, std::string_view row) {
  return std::equal(sent.begin(), sent.end(), row.begin(), row.end(),
                    [](char a, char b) { return folded(a) == b; });
}

std::optional<ErrorType> by_word(std::string_view provider, std::string_view word) {
  // "com.amazon.coral.service#AccessDeniedException", "unauthenticated:bad-credentials"
  if (const auto hash = word.find('#'); hash != std::string_view::npos)
    word.remove_prefix(hash + 1);
  word = word.substr(0, word.find(':'));
  if (word.empty()) return std::nullopt;
  for (const Row& row : kWords) {  // a provider's own rows stand first
    if ((row.provider.empty() || row.provider == provider) && same_word(word, row.word)) {
      return row.category;
    }
  }
  return std::nullopt;
}

ErrorType by_status(std::string_view provider, std::int64_t status) {
  for (const StatusRow& row : kStatuses) {
    if ((row.provider.empty() || row.provider == provider) && row.status == status) {
      return row.category;
    }
  }
  return status >= 500 && status < 600 ? ErrorType::server_error : ErrorType::http_error;
}

// A code that is nothing but an HTTP status, as Azure writes it inside a stream; 0: it is not.
std::int64_t status_word(std::string_view code) {
  if (code.size() != 3 || (code[0] != '4' && code[0] != '5')) return 0;
  std::int64_t status = 0;
  for (const char c : code) {
    if (c < '0' || c > '9') return 0;
    status = status * 10 + (c - '0');
  }
  return status;
}

bool retryable(ErrorType category, std::int64_t status) {
  switch (category) {
    case ErrorType::rate_limit:
    case ErrorType::overloaded:
    case ErrorType::server_error:
      return true;
    case ErrorType::quota_exceeded:
      return false;
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

ErrorClass classify_error(const Provider& provider, const ErrorWords& words) {
  std::int64_t status = words.http_status >= 400 ? words.http_status : words.status;
  if (status < 400) status = status_word(words.code);
  const std::optional<ErrorType> code = by_word(provider.name, words.code);
  const std::optional<ErrorType> type = by_word(provider.name, words.type);
  ErrorType category = ErrorType::server_error;
  if (code && !vague(*code)) {
    category = *code;
  } else if (type && !vague(*type)) {
    category = *type;
  } else if (status >= 400 && by_status(provider.name, status) != ErrorType::http_error) {
    category = by_status(provider.name, status);
  } else if (code || type) {
    category = code ? *code : *type;
  } else if (status >= 400) {
    category = ErrorType::http_error;
  }
  return {category, retryable(category, status)};
}

}  // namespace llmrec::dialect
