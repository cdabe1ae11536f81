#include "record/json.h"

#include <doctest/doctest.h>

// g++ 12 sees a memmove of an empty array in it when it builds for AddressSanitizer.
#pragma GCC diagnostic push
#ifndef __clang__
#pragma GCC diagnostic ignored "-Warray-bounds"
#pragma GCC diagnostic ignored "-Wstringop-overflow"
#endif
#include <boost/json/src.hpp>
#pragma GCC diagnostic pop

#include "record_sample.h"

namespace json = boost::json;
using namespace llmrec::record;
using llmrec::Bytes;

namespace {

// llmrec-record(5), in its order.
const char* const kFields[] = {"schema",
                               "request_id",
                               "client_request_id",
                               "provider_request_id",
                               "response_id",
                               "trace_id",
                               "span_id",
                               "tags",
                               "notes",
                               "started_at",
                               "provider",
                               "host",
                               "operation",
                               "dialect",
                               "mode",
                               "model",
                               "response_model",
                               "stream",
                               "message_count",
                               "tool_count",
                               "max_output_tokens",
                               "request_bytes",
                               "input_tokens_estimated",
                               "usage_requested",
                               "api_key_present",
                               "user_agent",
                               "client_timeout_ms",
                               "region",
                               "status",
                               "failure_stage",
                               "progress",
                               "error_type",
                               "error_detail",
                               "error_category",
                               "fault",
                               "fault_evidence",
                               "http_status",
                               "retryable",
                               "retry_after_ms",
                               "retry_safety",
                               "finish_reason",
                               "finish_reasons",
                               "finish_class",
                               "done_event_received",
                               "usage_available",
                               "error_event_received",
                               "terminal_missing",
                               "truncated",
                               "warnings",
                               "chunks_received",
                               "content_chunks",
                               "output_chars_received",
                               "reasoning_chars_received",
                               "refusal_chars_received",
                               "usage_reported",
                               "usage",
                               "expected_output_tokens",
                               "actual_output_tokens",
                               "actual_output_tokens_low",
                               "actual_output_tokens_high",
                               "expected_chunks",
                               "cost_usd",
                               "cost_source",
                               "tool_calls",
                               "tool_name",
                               "tool_arguments_completed",
                               "tool_execution_started",
                               "time_to_connect_ms",
                               "time_to_tls_ms",
                               "time_to_request_sent_ms",
                               "time_to_headers_ms",
                               "time_to_first_byte_ms",
                               "time_to_first_token_ms",
                               "last_chunk_ms",
                               "stream_duration_ms",
                               "duration_ms",
                               "max_gap_ms",
                               "max_gap_at_chunk",
                               "gap_had_pings",
                               "chunk_timeline",
                               "timeouts_exceeded",
                               "connect_timeout_ms",
                               "headers_timeout_ms",
                               "first_token_timeout_ms",
                               "idle_timeout_ms",
                               "total_timeout_ms",
                               "closed_by",
                               "upstream_close",
                               "client_close",
                               "body_complete",
                               "last_event",
                               "response_bytes",
                               "bytes_to_client",
                               "client_delivery_status",
                               "upstream_cancelled",
                               "upstream_active_at_abort",
                               "billing_received",
                               "attempt",
                               "retry_of",
                               "tap",
                               "tap_reason"};

json::object parsed(const Record& r) { return json::parse(to_json(r)).as_object(); }

void check_fields(const json::object& o) {
  REQUIRE(o.size() == std::size(kFields));
  std::size_t i = 0;
  for (const auto& member : o) CHECK(Bytes(member.key()) == kFields[i++]);
}

std::string quoted_back(Bytes octets) {
  return std::string(json::parse(json_quoted(octets)).as_string());
}

// The example of llmrec-record(5), with all the rest filled in.
Record example() {
  Record r;
  r.request_id = *llmrec::RecordId::from_text("req_01JZ0T0M3V6Q3C1B4W0V7W9K2D");
  r.client_request_id = "checkout-7781";
  r.provider_request_id = "req_a1b2";
  r.response_id = "chatcmpl-9";
  r.trace_id = "4bf92f3577b34da6a3ce929d0e0e4736";
  r.span_id = "00f067aa0ba902b7";
  r.tags = {{"route", "checkout"}, {"tier", "\"gold\""}};
  r.notes = {{"message_persisted", "true"}};
  r.started_at_us = 1'782'814'361'120'999;
  r.provider = "openai";
  r.host = "api.openai.com";
  r.operation = "chat.completions.stream";
  r.dialect = "openai_chat";
  r.mode = Mode::reverse;
  r.model = "gpt-4o-mini";
  r.response_model = "gpt-4o-mini-2024-07-18";
  r.stream = true;
  r.message_count = 3;
  r.tool_count = 2;
  r.max_output_tokens = 512;
  r.request_bytes = 1'200;
  r.input_tokens_estimated = 300;
  r.usage_requested = true;
  r.api_key_present = true;
  r.user_agent = "OpenAI/Python 1.93.0";
  r.client_timeout_ns = 600'000'000'000;
  r.region = "eastus";
  r.status = Status::failed;
  r.failure_stage = Stage::during_tool_call;
  r.progress = Progress::tool_call;
  r.error_type = ErrorType::incomplete_tool_arguments;
  r.error_detail = "ECONNRESET";
  r.error_category = ErrorType::overloaded;
  r.fault = Fault::network;
  r.fault_evidence.insert(FaultEvidence::body_incomplete);
  r.fault_evidence.insert(FaultEvidence::upstream_fin_without_close_notify);
  r.http_status = 200;
  r.retryable = true;
  r.retry_after_ns = 1'500'000'000;
  r.retry_safety = RetrySafety::duplicates_output;
  r.terminal_missing = Set<Terminal>(7);
  r.truncated = true;
  r.warnings.insert(Warning::unterminated_tail);
  r.chunks_received = 37;
  r.content_chunks = 35;
  r.output_chars_received = 1'842;
  r.reasoning_chars_received = 1;
  r.refusal_chars_received = 2;
  r.usage_reported = {10, 20, 30, 4, 5, 6};
  r.usage.input = 19;
  r.actual_output_tokens = 460;
  r.actual_output_tokens_low = 400;
  r.actual_output_tokens_high = 520;
  r.cost_nano_usd = 1'234'500;
  r.cost_source = CostSource::estimated;
  r.tool_calls = {{0, "call_1", "look_up", 14, true, true},
                  {1, "call_2", "create_invoice", 77, false, false}};
  r.cut_tool_call = 1;
  r.time_to_connect_ns = 500'000;
  r.time_to_tls_ns = 20'000'000;
  r.time_to_request_sent_ns = 30'001'000;
  r.time_to_headers_ns = 210'400'999;
  r.time_to_first_byte_ns = 210'500'000;
  r.time_to_first_token_ns = 842'117'000;
  r.last_chunk_ns = 5'020'530'000;
  r.stream_duration_ns = 4'810'030'000;
  r.duration_ns = 5'020'530'001;
  r.max_gap_ns = 631'617'000;
  r.max_gap_at_chunk = 1;
  r.gap_had_pings = false;
  r.chunk_timeline = {80'000'000, {1, 0, 36}};
  r.timeouts_exceeded.insert(Budget::first_token);
  r.budgets = {10'000'000'000, {}, 500'000'000, {}, {}};
  r.closed_by = Party::upstream;
  r.upstream_close = CloseHow::fin;
  r.client_close = CloseHow::tls_alert;
  r.client_alert = "unknown_ca";
  r.body_complete = false;
  r.last_event = "chunk";
  r.response_bytes = 9'000;
  r.bytes_to_client = 9'000;
  r.client_delivery_status = Delivery::full;
  r.upstream_active_at_abort = false;
  r.attempt = 2;
  r.retry_of = *llmrec::RecordId::from_text("req_01JZ0T0M3V6Q3C1B4W0V7W9K2C");
  r.tap = TapState::partial;
  r.tap_reason = "body_over_limit";
  return r;
}

const char* const kGolden =
    R"({"schema":1,"request_id":"req_01JZ0T0M3V6Q3C1B4W0V7W9K2D","client_request_id":"checkout-7781",)"
    R"("provider_request_id":"req_a1b2","response_id":"chatcmpl-9",)"
    R"("trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","span_id":"00f067aa0ba902b7",)"
    R"("tags":{"route":"checkout","tier":"\"gold\""},"notes":{"message_persisted":"true"},)"
    R"("started_at":"2026-06-30T10:12:41.120Z","provider":"openai","host":"api.openai.com",)"
    R"("operation":"chat.completions.stream","dialect":"openai_chat","mode":"reverse",)"
    R"("model":"gpt-4o-mini","response_model":"gpt-4o-mini-2024-07-18","stream":true,)"
    R"("message_count":3,"tool_count":2,"max_output_tokens":512,"request_bytes":1200,)"
    R"("input_tokens_estimated":300,"usage_requested":true,"api_key_present":true,)"
    R"("user_agent":"OpenAI/Python 1.93.0","client_timeout_ms":600000,"region":"eastus",)"
    R"("status":"failed","failure_stage":"during_tool_call","progress":"tool_call",)"
    R"("error_type":"incomplete_tool_arguments","error_detail":"ECONNRESET",)"
    R"("error_category":"overloaded","fault":"network",)"
    R"("fault_evidence":["upstream_fin_without_close_notify","body_incomplete"],)"
    R"("http_status":200,"retryable":true,"retry_after_ms":1500,)"
    R"("retry_safety":"duplicates_output","finish_reason":null,"finish_reasons":[],)"
    R"("finish_class":null,"done_event_received":false,"usage_available":false,)"
    R"("error_event_received":false,"terminal_missing":["finish_reason","usage","done"],)"
    R"("truncated":true,"warnings":["unterminated_tail"],"chunks_received":37,)"
    R"("content_chunks":35,"output_chars_received":1842,"reasoning_chars_received":1,)"
    R"("refusal_chars_received":2,"usage_reported":{"input":10,"output":20,"total":30,)"
    R"("cached_input":4,"cache_write":5,"reasoning":6},"usage":{"input":19,"output":null,)"
    R"("total":null,"cached_input":null,"cache_write":null,"reasoning":null},)"
    R"("expected_output_tokens":null,"actual_output_tokens":460,"actual_output_tokens_low":400,)"
    R"("actual_output_tokens_high":520,"expected_chunks":null,"cost_usd":0.0012345,)"
    R"("cost_source":"estimated","tool_calls":[{"index":0,"id":"call_1","name":"look_up",)"
    R"("arguments_bytes":14,"arguments_completed":true,"execution_observed":true},{"index":1,)"
    R"("id":"call_2","name":"create_invoice","arguments_bytes":77,"arguments_completed":false,)"
    R"("execution_observed":false}],"tool_name":"create_invoice",)"
    R"("tool_arguments_completed":false,"tool_execution_started":false,"time_to_connect_ms":0.5,)"
    R"("time_to_tls_ms":20,"time_to_request_sent_ms":30.001,"time_to_headers_ms":210.4,)"
    R"("time_to_first_byte_ms":210.5,"time_to_first_token_ms":842.117,"last_chunk_ms":5020.53,)"
    R"("stream_duration_ms":4810.03,"duration_ms":5020.53,"max_gap_ms":631.617,)"
    R"("max_gap_at_chunk":1,"gap_had_pings":false,"chunk_timeline":{"bucket_ms":80,)"
    R"("counts":[1,0,36]},"timeouts_exceeded":["first_token"],"connect_timeout_ms":10000,)"
    R"("headers_timeout_ms":null,"first_token_timeout_ms":500,"idle_timeout_ms":null,)"
    R"("total_timeout_ms":null,"closed_by":"upstream","upstream_close":"fin",)"
    R"("client_close":"tls_alert:unknown_ca","body_complete":false,"last_event":"chunk",)"
    R"("response_bytes":9000,"bytes_to_client":9000,"client_delivery_status":"full",)"
    R"("upstream_cancelled":false,"upstream_active_at_abort":false,"billing_received":false,)"
    R"("attempt":2,"retry_of":"req_01JZ0T0M3V6Q3C1B4W0V7W9K2C","tap":"partial",)"
    R"("tap_reason":"body_over_limit"})";

}  // namespace

TEST_CASE("the golden line of a full record") {
  CHECK(to_json(example()) == kGolden);
  check_fields(parsed(example()));
}

TEST_CASE("a record that knows nothing has every field, and null for what is not known") {
  const json::object o = parsed(Record{});
  check_fields(o);
  for (const char* field : {"request_id",
                            "client_request_id",
                            "started_at",
                            "provider",
                            "host",
                            "operation",
                            "model",
                            "stream",
                            "message_count",
                            "usage_requested",
                            "user_agent",
                            "client_timeout_ms",
                            "region",
                            "failure_stage",
                            "error_type",
                            "error_detail",
                            "error_category",
                            "fault",
                            "http_status",
                            "retryable",
                            "retry_after_ms",
                            "finish_reason",
                            "finish_class",
                            "truncated",
                            "expected_output_tokens",
                            "actual_output_tokens",
                            "expected_chunks",
                            "cost_usd",
                            "cost_source",
                            "tool_name",
                            "tool_arguments_completed",
                            "tool_execution_started",
                            "time_to_headers_ms",
                            "duration_ms",
                            "max_gap_at_chunk",
                            "gap_had_pings",
                            "chunk_timeline",
                            "connect_timeout_ms",
                            "closed_by",
                            "body_complete",
                            "last_event",
                            "bytes_to_client",
                            "billing_received",
                            "retry_of",
                            "tap_reason"}) {
    CAPTURE(field);
    CHECK(o.at(field).is_null());
  }
  CHECK(o.at("tags").as_object().empty());
  CHECK(o.at("tool_calls").as_array().empty());
  CHECK(o.at("fault_evidence").as_array().empty());
  CHECK(o.at("finish_reasons").as_array().empty());
  CHECK(o.at("usage").as_object().at("input").is_null());
  CHECK(o.at("status") == "open");
  CHECK(o.at("progress") == "none");
  CHECK(o.at("retry_safety") == "unknown");
  CHECK(o.at("upstream_close") == "none");
  CHECK(o.at("client_delivery_status") == "unknown");
  CHECK(o.at("attempt") == 1);
  CHECK(o.at("chunks_received") == 0);
}

TEST_CASE("random records are one line of JSON with the same fields") {
  sample::Random x(99);
  for (int i = 0; i < 500; ++i) {
    const Record r = sample::random(x);
    const std::string line = to_json(r);
    for (const char c : line) REQUIRE(static_cast<unsigned char>(c) >= 0x20);
    const json::object o = json::parse(line).as_object();
    REQUIRE(o.size() == std::size(kFields));
    CHECK(o.at("tool_calls").as_array().size() == r.tool_calls.size());
    CHECK(o.at("chunks_received").to_number<std::uint64_t>() == r.chunks_received);
    CHECK(o.at("stream").is_null() == !r.stream.has_value());
  }
}

TEST_CASE("whether a bill came is known from the response head on") {
  Record r;
  r.progress = Progress::request_sent;
  CHECK(parsed(r).at("billing_received").is_null());
  r.progress = Progress::headers;
  CHECK(parsed(r).at("billing_received") == false);
  r.usage_available = true;
  CHECK(parsed(r).at("billing_received") == true);
}

TEST_CASE("the flat tool fields are those of the call that was cut") {
  Record r;
  r.tool_calls = {{0, "a", "first", 1, true, true}, {1, "b", "second", 1, false, true}};
  CHECK(parsed(r).at("tool_name").is_null());
  r.cut_tool_call = 1;
  CHECK(parsed(r).at("tool_name") == "second");
  CHECK(parsed(r).at("tool_arguments_completed") == false);
  CHECK(parsed(r).at("tool_execution_started") == true);
  r.cut_tool_call = 7;
  CHECK(parsed(r).at("tool_name").is_null());
}

TEST_CASE("milliseconds are cut to the microsecond and carry no zeros") {
  const struct {
    std::int64_t ns;
    const char* text;
  } rows[] = {{0, "0"},
              {999, "0"},
              {1'000, "0.001"},
              {10'000, "0.01"},
              {500'000, "0.5"},
              {1'000'000, "1"},
              {1'001'999, "1.001"},
              {842'117'000, "842.117"},
              {INT64_MAX, "9223372036854.775"}};
  for (const auto& row : rows) {
    Record r;
    r.duration_ns = row.ns;
    CHECK(to_json(r).find("\"duration_ms\":" + std::string(row.text) + ",") != std::string::npos);
  }
  Record r;
  r.duration_ns = -1;
  CHECK(parsed(r).at("duration_ms").is_null());
}

TEST_CASE("started_at over the calendar") {
  const struct {
    std::int64_t us;
    const char* text;
  } rows[] = {{1, "1970-01-01T00:00:00.000Z"},
              {951'782'399'999'999, "2000-02-28T23:59:59.999Z"},
              {951'782'400'000'000, "2000-02-29T00:00:00.000Z"},
              {4'107'542'400'000'000, "2100-03-01T00:00:00.000Z"},
              {253'402'300'799'999'999, "9999-12-31T23:59:59.999Z"}};
  for (const auto& row : rows) {
    Record r;
    r.started_at_us = row.us;
    CHECK(parsed(r).at("started_at") == row.text);
  }
  for (const std::int64_t none : {INT64_MIN, std::int64_t{0}, 253'402'300'800'000'000, INT64_MAX}) {
    Record r;
    r.started_at_us = none;
    CHECK(parsed(r).at("started_at").is_null());
  }
}

TEST_CASE("texts of strangers become valid JSON") {
  CHECK(json_quoted("") == "\"\"");
  CHECK(json_quoted("a\"b\\c/d") == R"("a\"b\\c/d")");
  CHECK(json_quoted("\b\f\n\r\t") == R"("\b\f\n\r\t")");
  CHECK(json_quoted(Bytes("\0\x1f\x7f", 3)) == R"("\u0000\u001f\u007f")");
  CHECK(json_quoted("\xc2\x9b") == R"("\u009b")");  // CSI, which some terminals obey
  CHECK(json_quoted("\xc2\xa0gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80") ==
        "\"\xc2\xa0gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80\"");
}

TEST_CASE("what is not UTF-8 becomes U+FFFD, one for each ill-formed piece") {
  const std::string bad = "\xef\xbf\xbd";
  const struct {
    Bytes in;
    int replaced;
  } rows[] = {{"\x80", 1},
              {"\xff", 1},
              {"\xc0\xaf", 2},
              {"\xc1\xbf", 2},
              {"\xe0\x80\xaf", 3},
              {"\xed\xa0\x80", 3},
              {"\xf4\x90\x80\x80", 4},
              {"\xe2\x82", 1},
              {"\xf0\x9f\x98", 1},
              {"\xf5\x80\x80\x80", 4},
              {"\xc3", 1}};
  for (const auto& row : rows) {
    std::string expected;
    for (int i = 0; i < row.replaced; ++i) expected += bad;
    CHECK(quoted_back("a" + std::string(row.in) + "b") == "a" + expected + "b");
    CHECK(quoted_back(row.in) == expected);
  }
}

TEST_CASE("every octet and every pair of octets is quoted to valid JSON") {
  for (int a = 0; a < 256; ++a) {
    for (int b = 0; b < 256; ++b) {
      const char pair[] = {static_cast<char>(a), static_cast<char>(b)};
      boost::system::error_code broken;
      json::parse(json_quoted(Bytes(pair, 2)), broken);
      REQUIRE_FALSE(broken);
    }
  }
}
