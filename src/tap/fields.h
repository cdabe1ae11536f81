// Header fields that a record may use, and the small texts in them. Everything else in a head is
// skipped unread: an allow-list. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "record/record.h"

namespace llmrec::tap {

// A field whose presence says that a key was sent. Its value is never looked at.
bool is_credential_field(Bytes lower_name);
bool is_request_field(Bytes lower_name);
bool is_response_field(Bytes lower_name);

// How well a response field names the request in the provider's own books: the highest wins, 0 is
// no id at all.
int provider_id_rank(Bytes lower_name);

// W3C trace context: "00-<32 hex>-<16 hex>-<2 hex>".
struct TraceParent {
  Bytes trace_id;
  Bytes span_id;
};
std::optional<TraceParent> parse_traceparent(Bytes value);

// "600", "600.5" seconds or milliseconds, as nanoseconds. nullopt: not such a number.
record::Nanos parse_decimal(Bytes value, std::int64_t unit_ns);
// Retry-After (RFC 9110 §10.2.3): seconds, or a date against `now` (Unix seconds).
record::Nanos parse_retry_after(Bytes value, std::int64_t unix_now);
// IMF-fixdate, as Unix seconds.
std::optional<std::int64_t> parse_http_date(Bytes value);
std::optional<std::int64_t> parse_int(Bytes value);

// Printable ASCII, cut; anything else becomes '?'.
std::string clean(Bytes value, std::size_t max);

}  // namespace llmrec::tap
