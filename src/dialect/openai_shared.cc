#include "dialect/openai_shared.h"

#include <array>
#include <cmath>

namespace llmrec::dialect {
namespace {

using wire::JsonPath;

enum ErrorSlot : std::uint16_t {
  kObject = kOpenaiErrorSlots,
  kTopType,
  kTopCode,
  kError,
  kType,
  kCode,
  kStatus,
  kWord,
  kReason,
  kInnerCode,
  kRetryDelay,
};

constexpr std::array kErrorPaths = std::to_array<JsonPath>({
    {"object", kObject},  // Mistral, vLLM: "error"
    {"type", kTopType},
    {"code", kTopCode},
    {"raw_status_code", kStatus},  // Mistral
    {"error", kError},
    {"error.type", kType},
    {"error.code", kCode},
    {"error.status", kWord},  // Google
    {"error_type", kWord},    // TGI
    {"error.status_code", kStatus},
    {"error.http_status_code", kStatus},
    {"error.innererror.code", kInnerCode},        // Azure
    {"error.details[].reason", kReason},          // Google: ErrorInfo
    {"error.details[].retryDelay", kRetryDelay},  // and RetryInfo
    {"choices[].error", kError},                  // OpenRouter
    {"choices[].error.type", kType},
    {"choices[].error.code", kCode},
    {"x_groq.error", kError},
    {"[].error", kError},  // Google wraps some error bodies in an array
    {"[].error.code", kCode},
    {"[].error.status", kWord},
    {"[].error.details[].reason", kReason},
    {"[].error.details[].retryDelay", kRetryDelay},
});

enum UsageSlot : std::uint16_t {
  kInput = kOpenaiUsageSlots,
  kOutput,
  kTotal,
  kCached,
  kCachedElsewhere,
  kCacheWrite,
  kReasoning,
  kReasoningElsewhere,
  kCost,
  kCostTicks,
};

constexpr std::array kUsagePaths = std::to_array<JsonPath>({
    {"usage.prompt_tokens", kInput},
    {"usage.completion_tokens", kOutput},
    {"usage.total_tokens", kTotal},
    {"usage.prompt_tokens_details.cached_tokens", kCached},
    {"usage.prompt_tokens_details.cache_write_tokens", kCacheWrite},
    {"usage.prompt_cache_hit_tokens", kCachedElsewhere},  // DeepSeek
    {"usage.cached_tokens", kCachedElsewhere},            // Moonshot
    {"usage.completion_tokens_details.reasoning_tokens", kReasoning},
    {"usage.reasoning_tokens", kReasoningElsewhere},  // Perplexity
    {"usage.cost", kCost},                            // OpenRouter, in USD
    {"usage.cost.total_cost", kCost},                 // Perplexity
    {"usage.cost_in_usd_ticks", kCostTicks},          // xAI, in 1e-10 USD
    {"x_groq.usage.prompt_tokens", kInput},
    {"x_groq.usage.completion_tokens", kOutput},
    {"x_groq.usage.total_tokens", kTotal},
    {"x_groq.usage.prompt_tokens_details.cached_tokens", kCached},
    {"x_groq.usage.completion_tokens_details.reasoning_tokens", kReasoning},
    {"choices[].usage.prompt_tokens", kInput},
    {"choices[].usage.completion_tokens", kOutput},
    {"choices[].usage.total_tokens", kTotal},
    {"choices[].usage.cached_tokens", kCachedElsewhere},
});

constexpr std::array kResponsesUsagePaths = std::to_array<JsonPath>({
    {"response.usage.input_tokens", kInput},
    {"response.usage.output_tokens", kOutput},
    {"response.usage.total_tokens", kTotal},
    {"response.usage.input_tokens_details.cached_tokens", kCached},
    {"response.usage.input_tokens_details.cache_write_tokens", kCacheWrite},
    {"response.usage.output_tokens_details.reasoning_tokens", kReasoning},
    {"response.usage.cost", kCost},
    {"response.usage.cost_in_usd_ticks", kCostTicks},
    {"usage.input_tokens", kInput},
    {"usage.output_tokens", kOutput},
    {"usage.total_tokens", kTotal},
    {"usage.input_tokens_details.cached_tokens", kCached},
    {"usage.input_tokens_details.cache_write_tokens", kCacheWrite},
    {"usage.output_tokens_details.reasoning_tokens", kReasoning},
    {"usage.cost", kCost},
    {"usage.cost_in_usd_ticks", kCostTicks},
});

constexpr double kNanoPerUsd = 1e9;
constexpr double kUsdMax = 1e9;  // more is no bill, and would not fit

bool is_http_status(std::int64_t code) { return code >= 400 && code < 600; }

}  // namespace

wire::JsonPaths join(std::initializer_list<std::span<const wire::JsonPath>> parts) {
  std::vector<JsonPath> all;
  for (const auto part : parts) all.insert(all.end(), part.begin(), part.end());
  return wire::JsonPaths{all};
}

std::span<const JsonPath> OpenaiErrors::paths() { return kErrorPaths; }

void OpenaiErrors::clear() {
  object_.clear();
  top_type_.clear();
  word_.clear();
  top_code_.clear();
  reason_.clear();
  delay_.clear();
}

void OpenaiErrors::on_enter(std::uint16_t slot, Delta& delta) {
  if (slot == kError) error_of(delta);
}

void OpenaiErrors::on_string(std::uint16_t slot, Bytes part, bool last, Delta& delta) {
  switch (slot) {
    case kObject:
      object_.add(part, last);
      break;
    case kTopType:
      top_type_.add(part, last);
      break;
    case kTopCode:
      append_cut(top_code_, part, limits::kRecordNameMax);
      break;
    case kError:  // "error": "text", as xAI, Ollama and Hugging Face write it
      if (!part.empty()) error_of(delta);
      break;
    case kType:
      append_cut(error_of(delta).type, part, limits::kRecordNameMax);
      break;
    case kCode:
      append_cut(error_of(delta).code, part, limits::kRecordNameMax);
      break;
    case kWord:
      word_.add(part, last);
      break;
    case kReason:
    case kInnerCode:
      append_cut(reason_, part, limits::kRecordNameMax);
      break;
    case kRetryDelay:
      if (delay_.add(part, last)) delta.retry_after_ns = seconds_ns(delay_.text());
      break;
    default:
      break;
  }
}

void OpenaiErrors::on_int(std::uint16_t slot, std::int64_t value, Delta& delta) {
  switch (slot) {
    case kCode:  // OpenRouter and Google give the HTTP status as the code
      error_of(delta).code = std::to_string(value);
      if (is_http_status(value)) error_of(delta).status = value;
      break;
    case kStatus:
      error_of(delta).status = value;
      break;
    case kTopCode:
      top_code_ = std::to_string(value);
      break;
    default:
      break;
  }
}

void OpenaiErrors::finish(DocumentKind kind, Delta& delta) {
  if (object_.is("error") || kind == DocumentKind::error_body) error_of(delta);
  if (!delta.error) return;
  ErrorEvent& error = *delta.error;
  if (error.type.empty()) error.type = word_.text();
  // Mistral, xAI and others put the words at the top level.
  if (error.type.empty()) error.type = top_type_.text();
  if (error.code.empty()) error.code = top_code_;
  // Google says 400 INVALID_ARGUMENT of a bad key, and what it was in the details.
  const bool number = error.code.find_first_not_of("0123456789") == std::string::npos;
  if (number && !reason_.empty()) error.code = reason_;
}

std::span<const JsonPath> OpenaiUsage::paths() { return kUsagePaths; }
std::span<const JsonPath> OpenaiUsage::responses_paths() { return kResponsesUsagePaths; }

void OpenaiUsage::on_int(std::uint16_t slot, std::int64_t value, Delta& delta) {
  record::Usage& usage = delta.usage;
  switch (slot) {
    case kInput:
      usage.input = value;
      break;
    case kOutput:
      usage.output = value;
      break;
    case kTotal:
      usage.total = value;
      break;
    case kCached:
      usage.cached_input = value;
      break;
    case kCachedElsewhere:
      if (!usage.cached_input) usage.cached_input = value;
      break;
    case kCacheWrite:
      usage.cache_write = value;
      break;
    case kReasoning:
      usage.reasoning = value;
      break;
    case kReasoningElsewhere:
      if (!usage.reasoning) usage.reasoning = value;
      break;
    case kCost:
      delta.cost_nano_usd = nano_usd(static_cast<double>(value));
      break;
    case kCostTicks:
      if (value >= 0) delta.cost_nano_usd = value / 10;
      break;
    default:
      break;
  }
}

void OpenaiUsage::on_double(std::uint16_t slot, double value, Delta& delta) {
  if (slot == kCost) delta.cost_nano_usd = nano_usd(value);
}

std::optional<std::int64_t> nano_usd(double usd) {
  if (!(usd >= 0 && usd < kUsdMax)) return std::nullopt;
  return std::llround(usd * kNanoPerUsd);
}

std::optional<std::int64_t> seconds_ns(Bytes text) {
  if (text.size() < 2 || text.size() > 24 || text.back() != 's') return std::nullopt;
  text.remove_suffix(1);
  constexpr std::int64_t kNs = 1'000'000'000;
  constexpr std::int64_t kSecondsMax = 1'000'000'000;
  std::int64_t whole = 0;
  std::int64_t fraction = 0;
  std::int64_t unit = kNs;
  bool behind_point = false;
  for (const char c : text) {
    if (c == '.' && !behind_point) {
      behind_point = true;
    } else if (c < '0' || c > '9' || whole > kSecondsMax) {
      return std::nullopt;
    } else if (behind_point) {
      unit /= 10;
      fraction += (c - '0') * unit;
    } else {
      whole = whole * 10 + (c - '0');
    }
  }
  return whole * kNs + fraction;
}

}  // namespace llmrec::dialect
