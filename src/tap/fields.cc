#include "tap/fields.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/clock.h"

namespace llmrec::tap {
namespace {

template <std::size_t N>
bool one_of(const std::array<Bytes, N>& names, Bytes name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

constexpr auto kCredentials = std::to_array<Bytes>(
    {"authorization", "x-api-key", "api-key", "x-goog-api-key", "x-amz-security-token"});

constexpr auto kRequestFields = std::to_array<Bytes>(
    {"content-type", "content-encoding", "user-agent", "x-request-id", "x-client-request-id",
     "traceparent", "x-stainless-timeout", "x-stainless-read-timeout", "x-stainless-retry-count",
     "amz-sdk-request", "amz-sdk-invocation-id", "idempotency-key"});

constexpr auto kResponseFields = std::to_array<Bytes>(
    {"content-type", "content-encoding", "retry-after", "retry-after-ms", "x-should-retry",
     "sec-websocket-extensions", "x-ms-region", "x-groq-region", "x-amzn-errortype",
     "x-amzn-bedrock-input-token-count", "x-amzn-bedrock-output-token-count"});

// From the surest to the least: an id that the provider's support asks for beats a gateway's.
constexpr auto kProviderIds =
    std::to_array<Bytes>({"inference-id", "x-generation-id", "x-ms-request-id", "x-ds-trace-id",
                          "x-debug-trace-id", "mistral-correlation-id", "apim-request-id",
                          "x-amzn-requestid", "x-request-id", "request-id"});

// Thirty years of seconds: nobody waits longer, and the nanoseconds of it fit.
constexpr std::int64_t kUnitsMost = 1'000'000'000;

bool is_hex(Bytes text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool is_zero(Bytes text) { return text.find_first_not_of('0') == Bytes::npos; }

// Days from 1970-01-01 in the proleptic Gregorian calendar.
std::int64_t days_from_civil(std::int64_t y, std::int64_t m, std::int64_t d) {
  y -= m <= 2;
  const std::int64_t era = (y >= 0 ? y : y - 399) / 400;
  const std::int64_t yoe = y - era * 400;
  const std::int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
  return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

}  // namespace

bool is_credential_field(Bytes name) { return one_of(kCredentials, name); }
bool is_request_field(Bytes name) { return one_of(kRequestFields, name); }
bool is_response_field(Bytes name) {
  return one_of(kResponseFields, name) || one_of(kProviderIds, name);
}

int provider_id_rank(Bytes name) {
  const auto it = std::find(kProviderIds.begin(), kProviderIds.end(), name);
  return it == kProviderIds.end() ? 0 : static_cast<int>(it - kProviderIds.begin()) + 1;
}

std::optional<TraceParent> parse_traceparent(Bytes value) {
  if (value.size() < 55 || value[2] != '-' || value[35] != '-' || value[52] != '-') {
    return std::nullopt;
  }
  const TraceParent parent{value.substr(3, 32), value.substr(36, 16)};
  if (!is_hex(value.substr(0, 2)) || value.starts_with("ff") || !is_hex(parent.trace_id) ||
      !is_hex(parent.span_id) || is_zero(parent.trace_id) || is_zero(parent.span_id)) {
    return std::nullopt;
  }
  return parent;
}

std::optional<std::int64_t> parse_int(Bytes value) {
  std::int64_t n = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), n);
  if (error != std::errc() || end != value.data() + value.size()) return std::nullopt;
  return n;
}

record::Nanos parse_decimal(Bytes value, std::int64_t unit_ns) {
  const auto point = value.find('.');
  const auto whole = parse_int(value.substr(0, point));
  if (!whole || value.front() == '-' || *whole > kUnitsMost) return std::nullopt;
  std::int64_t ns = *whole * unit_ns;
  std::int64_t unit = unit_ns;
  if (point != Bytes::npos) {
    for (const char c : value.substr(point + 1)) {
      if (c < '0' || c > '9') return std::nullopt;
      unit /= 10;
      ns += unit * (c - '0');
    }
  }
  return ns;
}

std::optional<std::int64_t> parse_http_date(Bytes v) {
  // "Sun, 06 Nov 1994 08:49:37 GMT"
  constexpr Bytes kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
  if (v.size() != 29 || v[3] != ',' || v.substr(25) != " GMT" || v[19] != ':' || v[22] != ':') {
    return std::nullopt;
  }
  const auto month = kMonths.find(v.substr(8, 3));
  const auto day = parse_int(v.substr(5, 2));
  const auto year = parse_int(v.substr(12, 4));
  const auto hour = parse_int(v.substr(17, 2));
  const auto minute = parse_int(v.substr(20, 2));
  const auto second = parse_int(v.substr(23, 2));
  if (month == Bytes::npos || month % 3 != 0 || !day || !year || !hour || !minute || !second) {
    return std::nullopt;
  }
  return days_from_civil(*year, static_cast<std::int64_t>(month / 3) + 1, *day) * 86400 +
         *hour * 3600 + *minute * 60 + *second;
}

record::Nanos parse_retry_after(Bytes value, std::int64_t unix_now) {
  if (const auto seconds = parse_decimal(value, kNsPerSecond)) return seconds;
  if (const auto date = parse_http_date(value)) {
    const std::int64_t seconds = std::max<std::int64_t>(0, *date - unix_now);
    if (seconds <= kUnitsMost) return seconds * kNsPerSecond;
  }
  return std::nullopt;
}

std::string clean(Bytes value, std::size_t max) {
  std::string out(value.substr(0, max));
  std::replace_if(
      out.begin(), out.end(), [](char c) { return !is_printable_ascii(c); }, '?');
  return out;
}

}  // namespace llmrec::tap
