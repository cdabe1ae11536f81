#include "tap/fields.h"

#include <doctest/doctest.h>

#include <initializer_list>
#include <string>

#include "base/clock.h"

using namespace llmrec;
using namespace llmrec::tap;

TEST_CASE("fields: a key is seen by its name only, and its value is never asked for") {
  for (const Bytes name :
       {"authorization", "x-api-key", "api-key", "x-goog-api-key", "x-amz-security-token"}) {
    CHECK_MESSAGE(is_credential_field(name), name);
    CHECK_MESSAGE(!is_request_field(name), name);
    CHECK_MESSAGE(!is_response_field(name), name);
  }
  CHECK(!is_credential_field("x-request-id"));
}

TEST_CASE("fields: only listed ones are read") {
  for (const Bytes name : {"cookie", "set-cookie", "proxy-authorization", "referer",
                           "x-forwarded-for", "openai-organization", "x-custom"}) {
    CHECK_MESSAGE(!is_request_field(name), name);
    CHECK_MESSAGE(!is_response_field(name), name);
  }
  CHECK(is_request_field("traceparent"));
  CHECK(is_response_field("retry-after-ms"));
  CHECK(is_response_field("mistral-correlation-id"));
}

TEST_CASE("fields: the id that the provider's support asks for wins") {
  CHECK(provider_id_rank("request-id") > provider_id_rank("x-request-id"));
  CHECK(provider_id_rank("x-request-id") > provider_id_rank("apim-request-id"));
  CHECK(provider_id_rank("x-amzn-requestid") > provider_id_rank("inference-id"));
  CHECK(provider_id_rank("inference-id") > 0);
  CHECK(provider_id_rank("content-type") == 0);
}

TEST_CASE("fields: traceparent") {
  const std::string good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const auto parent = parse_traceparent(good);
  REQUIRE(parent);
  CHECK(parent->trace_id == "0af7651916cd43dd8448eb211c80319c");
  CHECK(parent->span_id == "b7ad6b7169203331");
  CHECK(parse_traceparent("cc" + good.substr(2) + "-more"));  // a later version may append
  for (const Bytes bad : {"", "00", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
                          "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                          "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                          "00-00000000000000000000000000000000-b7ad6b7169203331-01",
                          "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
                          "00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                          "0g-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}) {
    CHECK_MESSAGE(!parse_traceparent(bad), bad);
  }
}

TEST_CASE("fields: decimals of a unit") {
  CHECK(parse_decimal("600", kNsPerSecond) == 600 * kNsPerSecond);
  CHECK(parse_decimal("600.0", kNsPerSecond) == 600 * kNsPerSecond);
  CHECK(parse_decimal("0.25", kNsPerSecond) == 250 * kNsPerMs);
  CHECK(parse_decimal("1.0000000009", kNsPerSecond) == kNsPerSecond);  // finer than we count
  CHECK(parse_decimal("1500", kNsPerMs) == 1500 * kNsPerMs);
  CHECK(parse_decimal("1000000000", kNsPerSecond) == 1'000'000'000 * kNsPerSecond);
  for (const Bytes bad : {"", "-1", "-0.5", "+1", " 1", "1 ", "1e3", "0x10", ".", ".5", "1.-5",
                          "1,5", "1000000001", "99999999999999999999"}) {
    CHECK_MESSAGE(!parse_decimal(bad, kNsPerSecond), bad);
  }
}

TEST_CASE("fields: Retry-After in seconds and as a date") {
  CHECK(parse_retry_after("20", 0) == 20 * kNsPerSecond);
  CHECK(parse_retry_after("0.5", 0) == 500 * kNsPerMs);
  const Bytes date = "Sun, 06 Nov 1994 08:49:37 GMT";
  CHECK(parse_http_date(date) == 784'111'777);
  CHECK(parse_retry_after(date, 784'111'747) == 30 * kNsPerSecond);
  CHECK(parse_retry_after(date, 784'111'800) == 0);  // it is over
  CHECK(!parse_retry_after("soon", 0));
  CHECK(!parse_retry_after("-3", 0));
}

TEST_CASE("fields: a date beyond all patience does not overflow") {
  CHECK(!parse_retry_after("Fri, 31 Dec 9999 23:59:59 GMT", 0));
  CHECK(parse_http_date("Fri, 31 Dec 9999 23:59:59 GMT") == 253'402'300'799);
}

TEST_CASE("fields: dates") {
  CHECK(parse_http_date("Thu, 01 Jan 1970 00:00:00 GMT") == 0);
  CHECK(parse_http_date("Thu, 29 Feb 2024 12:00:00 GMT") == 1'709'208'000);
  CHECK(parse_http_date("Sun, 01 Mar 2026 00:00:00 GMT") == 1'772'323'200);
  for (const Bytes bad : {"", "Sun, 06 Nov 1994 08:49:37 UTC", "Sunday, 06-Nov-94 08:49:37 GMT",
                          "Sun, 06 Nix 1994 08:49:37 GMT", "Sun, 06 anF 1994 08:49:37 GMT",
                          "Sun, xx Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08-49-37 GMT"}) {
    CHECK_MESSAGE(!parse_http_date(bad), bad);
  }
}

TEST_CASE("fields: integers, to the last character") {
  CHECK(parse_int("42") == 42);
  CHECK(parse_int("-42") == -42);
  for (const Bytes bad : {"", "4 2", "42 ", "4.2", "99999999999999999999"}) {
    CHECK_MESSAGE(!parse_int(bad), bad);
  }
}

TEST_CASE("fields: a text becomes printable and short") {
  CHECK(clean("req_123", 64) == "req_123");
  CHECK(clean("a\x1b[31m\xc3\xa4\x7f", 64) == "a?[31m???");
  CHECK(clean("abcdef", 3) == "abc");
}
