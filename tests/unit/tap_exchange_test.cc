// One call: what of its heads and bodies is in the record, and how the verdict is dressed.
#include "tap/exchange.h"

#include <doctest/doctest.h>

#include <string>

#include "base/limits.h"
#include "tap_rig.h"

using namespace llmrec;
using namespace llmrec::record;
using namespace llmrec::test;
using llmrec::tap::End;

namespace {

std::string stream_of(const std::string& events) {
  return kStreamHead + chunk(events) + kLastChunk;
}

// One call over a connection that then ends in order.
Record call(const std::string& request, const std::string& response,
            const tap::ConnFacts& facts = Rig::openai()) {
  Rig rig(facts);
  rig.request(request).response(response).upstream(CloseHow::close_notify).over();
  REQUIRE(rig.records.size() == 1);
  return rig.only();
}

Record streamed(const std::string& events) { return call(kAskStream, stream_of(events)); }

tap::ConnFacts at_host(const std::string& host) {
  tap::ConnFacts facts = Rig::openai();
  facts.host = host;
  return facts;
}

std::string tool(int index, const std::string& id, const std::string& name,
                 const std::string& arguments) {
  std::string out = R"({"choices":[{"delta":{"tool_calls":[{"index":)" + std::to_string(index);
  if (!id.empty()) out += R"(,"id":")" + id + R"(")";
  out += R"(,"function":{)";
  if (!name.empty()) out += R"("name":")" + name + R"(",)";
  return event(out + R"("arguments":")" + arguments + R"("}}]}}]})");
}

std::string finish(const std::string& reason, int choice = 0) {
  return event(R"({"choices":[{"index":)" + std::to_string(choice) +
               R"(,"delta":{},"finish_reason":")" + reason + R"("}]})");
}

}  // namespace

TEST_CASE("exchange: what the head of a request says") {
  const std::string fields =
      "x-request-id: mine\r\nX-Client-Request-Id: other\r\nUser-Agent: OpenAI/Python 2.1\r\n"
      "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n"
      "x-stainless-timeout: 600\r\nx-stainless-read-timeout: 5\r\nx-stainless-retry-count: 2\r\n"
      "Authorization: Bearer k\r\n";
  const Record r = call(post(R"({"model":"m"})", fields), answer("200 OK", kJson));
  CHECK(r.client_request_id == "mine");
  CHECK(r.user_agent == "OpenAI/Python 2.1");
  CHECK(r.trace_id == "0af7651916cd43dd8448eb211c80319c");
  CHECK(r.span_id == "b7ad6b7169203331");
  CHECK(r.client_timeout_ns == 600 * kNsPerSecond);
  CHECK(r.attempt == 3);
  CHECK(r.api_key_present == true);
  CHECK(r.provider == "openai");
  CHECK(r.host == "api.openai.com");
  CHECK(r.dialect == "openai.chat");
  CHECK(r.operation == "chat.completions");
  CHECK(r.stream == false);
  CHECK(r.model == "m");
}

TEST_CASE("exchange: other heads") {
  const Record r = call(post("{}",
                             "x-client-request-id: c\r\nx-stainless-read-timeout: 7.5\r\n"
                             "amz-sdk-request: attempt=4; max=5\r\n"),
                        answer("200 OK", kJson));
  CHECK(r.client_request_id == "c");
  CHECK(r.client_timeout_ns == 7500 * kNsPerMs);
  CHECK(r.attempt == 4);
  CHECK(r.api_key_present == false);
  const Record odd = call(post("{}",
                               "x-stainless-retry-count: many\r\nx-stainless-timeout: 0\r\n"
                               "traceparent: nonsense\r\namz-sdk-request: attempt=0\r\n"),
                          answer("200 OK", kJson));
  CHECK(odd.attempt == 1);
  CHECK(!odd.client_timeout_ns);
  CHECK(odd.trace_id.empty());
}

TEST_CASE("exchange: what was asked") {
  const Record r = call(
      post(R"({"stream":true,"model":"m","max_tokens":5,"max_completion_tokens":7,"messages":)"
           R"([{},{}],"tools":[{}],"functions":[{}],"stream_options":{"include_usage":true}})"),
      stream_of(event(kStop) + event(kUsage) + kDone));
  CHECK(r.operation == "chat.completions.stream");
  CHECK(r.stream == true);
  CHECK(r.max_output_tokens == 7);
  CHECK(r.message_count == 2);
  CHECK(r.tool_count == 2);
  CHECK(r.usage_requested == true);
  CHECK(verdict(r) == "ok");
}

TEST_CASE("exchange: a request that cannot be read leaves a partial record") {
  const Record r = call(post("stream=true"), answer("200 OK", kJson));
  CHECK(r.tap == TapState::partial);
  CHECK(r.tap_reason == "request_not_json");
  CHECK(!r.stream);
  CHECK(!r.message_count);
  CHECK(r.response_id == "j1");
  CHECK(verdict(r) == "ok");
}

TEST_CASE("exchange: the dialect can be told") {
  tap::ConnFacts facts = at_host("llm.internal");
  facts.dialect = "openai.chat";
  const std::string request = post("{}", "", "/api/generate-text");
  CHECK(call(request, answer("200 OK", kJson), facts).dialect == "openai.chat");
  facts.dialect = "no.such";
  CHECK(call(request, answer("200 OK", kJson), facts).dialect == "unknown");
  const std::string absolute =
      "POST http://llm.internal/v1/chat/completions?x HTTP/1.1\r\n"
      "Host: llm.internal\r\nContent-Length: 2\r\n\r\n{}";
  facts.dialect.clear();
  const Record r = call(absolute, answer("200 OK", kJson), facts);
  CHECK(r.dialect == "openai.chat");
  CHECK(r.provider == "llm.internal");
}

TEST_CASE("exchange: what the head of an answer says") {
  const std::string fields =
      "x-request-id: edge\r\nrequest-id: req_7\r\napim-request-id: apim\r\n"
      "x-ms-region: Sweden Central\r\nContent-Type: application/json\r\n";
  const Record r = call(kAskJson, answer("200 OK", kJson, fields));
  CHECK(r.provider_request_id == "req_7");
  CHECK(r.region == "Sweden Central");
  CHECK(r.http_status == 200);
}

TEST_CASE("exchange: how long to wait") {
  const auto wait = [](const std::string& fields) {
    return call(kAskJson, answer("429 No", "{}", fields)).retry_after_ns;
  };
  CHECK(wait("Retry-After: 20\r\n") == 20 * kNsPerSecond);
  CHECK(wait("Retry-After: 20\r\nretry-after-ms: 1500\r\n") == 1500 * kNsPerMs);
  CHECK(wait("retry-after-ms: 1500\r\nRetry-After: 20\r\n") == 1500 * kNsPerMs);
  CHECK(!wait("Retry-After: later\r\n"));
  CHECK(!wait(""));
}

TEST_CASE("exchange: rejections") {
  struct Row {
    std::string status;
    std::string body;
    std::string verdict;
    std::string detail;
    bool retryable;
    std::string fields = "Content-Type: application/json\r\n";
  };
  const Row rows[] = {
      {"401 No", R"({"error":{"type":"invalid_request_error","code":"invalid_api_key"}})",
       "failed request_rejected authentication app", "invalid_request_error/invalid_api_key",
       false},
      {"429 No", R"({"error":{"type":"tokens","code":"rate_limit_exceeded"}})",
       "failed request_rejected rate_limit provider", "tokens/rate_limit_exceeded", true},
      {"429 No", R"({"error":{"type":"insufficient_quota","code":"insufficient_quota"}})",
       "failed request_rejected quota_exceeded app", "insufficient_quota", false},
      {"400 No", R"({"error":{"type":"invalid_request_error","code":"context_length_exceeded"}})",
       "failed request_rejected context_length_exceeded app",
       "invalid_request_error/context_length_exceeded", false},
      {"400 No", R"({"error":{"type":"invalid_request_error","code":null}})",
       "failed request_rejected invalid_request app", "invalid_request_error", false},
      {"503 No", "<html>", "failed request_rejected overloaded provider", "", true},
      {"500 No", R"({"error":{"type":"server_error"}})",
       "failed request_rejected server_error provider", "server_error", true},
      {"503 No", "{}", "failed request_rejected overloaded provider", "", false,
       "x-should-retry: false\r\n"},
      {"400 No", "{}", "failed request_rejected invalid_request app", "", true,
       "x-should-retry: true\r\n"},
      {"400 No", R"({"message":"x"})", "failed request_rejected invalid_request app",
       "ValidationException", false, "x-amzn-errortype: ValidationException:http://x/\r\n"},
  };
  for (const Row& row : rows) {
    INFO(row.status, " ", row.body);
    const Record r = call(kAskStream, answer(row.status, row.body, row.fields));
    CHECK(verdict(r) == row.verdict);
    CHECK(r.error_detail == row.detail);
    CHECK(r.retryable == row.retryable);
    CHECK(r.error_category == r.error_type);
    CHECK(r.retry_safety == RetrySafety::safe);
    CHECK(r.operation == "chat.completions.stream");  // it was asked for
    CHECK(!r.error_event_received);
    CHECK(r.terminal_missing.empty());
    CHECK(!r.truncated);
    CHECK(r.progress == Progress::headers);
    CHECK(r.chunks_received == 0);
  }
}

TEST_CASE("exchange: a rejection that is cut is one") {
  Rig rig;
  rig.request(kAskStream)
      .response(answer("429 No", R"({"error":{"type":"tokens"}})").substr(0, 90))
      .upstream(CloseHow::reset)
      .over();
  CHECK(verdict(rig.only()) == "failed request_rejected rate_limit provider");
  CHECK(rig.only().body_complete == false);
}

TEST_CASE("exchange: numbers of a stream") {
  Rig rig;
  rig.at(0).request(kAskStream).at(200).response(kStreamHead);
  rig.at(250).response(
      chunk(": wait\n\n" + event(R"({"choices":[{"delta":{"role":"assistant"}}]})")));
  rig.at(400).response(
      chunk(event(R"({"choices":[{"delta":{"content":"h\u00e9\ud83d\ude00"}}]})")));
  rig.at(900).response(chunk(event(R"({"choices":[{"delta":{"content":"","refusal":"no"}}]})")));
  rig.at(950).response(chunk(event(kStop) + event(kUsage) + kDone) + kLastChunk);
  const Record r = rig.only();
  CHECK(r.time_to_request_sent_ns == 0);
  CHECK(r.time_to_headers_ns == 200 * kNsPerMs);
  CHECK(r.time_to_first_byte_ns == 250 * kNsPerMs);
  CHECK(r.time_to_first_token_ns == 400 * kNsPerMs);
  CHECK(r.last_chunk_ns == 950 * kNsPerMs);
  CHECK(r.stream_duration_ns == 700 * kNsPerMs);
  CHECK(r.duration_ns == 950 * kNsPerMs);
  CHECK(r.max_gap_ns == 500 * kNsPerMs);
  CHECK(r.max_gap_at_chunk == 3);
  CHECK(r.gap_had_pings == false);
  CHECK(r.chunks_received == 5);
  CHECK(r.content_chunks == 2);
  CHECK(r.output_chars_received == 3);
  CHECK(r.refusal_chars_received == 2);
  CHECK(r.reasoning_chars_received == 0);
  CHECK(r.last_event == "[DONE]");
  CHECK(r.usage_available);
  CHECK(r.usage_reported.input == 9);
  CHECK(r.expected_output_tokens == 2);
  CHECK(r.done_event_received);
  CHECK(r.finish_reasons == std::vector<std::string>{"stop"});
  CHECK(r.finish_class == FinishClass::stop);
  CHECK(r.truncated == false);
  CHECK(r.warnings.empty());
}

TEST_CASE("exchange: numbers of a plain answer") {
  Rig rig;
  rig.at(0).request(kAskJson).at(100).response(answer("200 OK", kJson));
  const Record r = rig.only();
  CHECK(verdict(r) == "ok");
  CHECK(r.chunks_received == 0);
  CHECK(r.content_chunks == 0);
  CHECK(!r.time_to_first_token_ns);
  CHECK(!r.last_chunk_ns);
  CHECK(!r.max_gap_ns);
  CHECK(r.output_chars_received == 3);
  CHECK(r.usage_available);
  CHECK(!r.done_event_received);
  CHECK(r.finish_reasons == std::vector<std::string>{"stop"});
  CHECK(r.retry_safety == RetrySafety::duplicates_output);
}

TEST_CASE("exchange: a stream was asked for and a plain answer came") {
  const Record r = call(kAskStream, answer("200 OK", kJson));
  CHECK(verdict(r) == "ok");
  CHECK(r.terminal_missing.empty());
  CHECK(r.stream == true);
  CHECK(r.operation == "chat.completions.stream");
}

TEST_CASE("exchange: a stream was asked for and nothing came") {
  for (const std::string type : {"", "Content-Type: text/event-stream\r\n"}) {
    const Record r = call(kAskStream, answer("200 OK", "", type));
    CHECK(verdict(r) == "failed before_first_token missing_finish_reason provider");
    CHECK(names(r.terminal_missing) == "finish_reason done");
  }
  const Record r = call(kAskStream, answer("200 OK", ""));  // called JSON
  CHECK(verdict(r) == "ok");
}

TEST_CASE("exchange: an error with the status of success") {
  const std::string error = R"({"error":{"type":"server_error","code":"c"}})";
  Record r = call(kAskJson, answer("200 OK", error));
  CHECK(verdict(r) == "failed after_first_token stream_error_event provider");
  CHECK(r.error_event_received);
  CHECK(r.error_category == ErrorType::server_error);
  CHECK(r.error_detail == "server_error/c");
  r = streamed(event(error));
  CHECK(verdict(r) == "failed before_first_token stream_error_event provider");
  r = streamed(event(kHi) + event(error) + kDone);
  CHECK(verdict(r) == "failed after_first_token stream_error_event provider");
  CHECK(r.retryable == true);
  CHECK(r.retry_safety == RetrySafety::duplicates_output);
  r = streamed(tool(0, "a", "f", "{") + event(error));
  CHECK(verdict(r) == "failed during_tool_call stream_error_event provider");
  r = streamed(event(kHi) + event(kStop) + event(error));
  CHECK(verdict(r) == "failed after_finish_reason stream_error_event provider");
  r = streamed(event(kHi) + event(R"({"error":{"code":"insufficient_quota"}})"));
  CHECK(verdict(r) == "failed after_first_token stream_error_event app");
  CHECK(r.error_category == ErrorType::quota_exceeded);
  CHECK(r.retryable == false);
  r = streamed(event(kHi) + "error: {\"code\":500,\"type\":\"server_error\"}\n\n" + kDone);
  CHECK(verdict(r) == "failed after_first_token stream_error_event provider");
  CHECK(r.chunks_received == 1);
  CHECK(r.error_detail == "server_error/500");
}

TEST_CASE("exchange: the first error is the one that counts") {
  const Record r = streamed(event(R"({"error":{"type":"overloaded_error"}})") +
                            event(R"({"error":{"type":"other","code":"later"}})"));
  CHECK(r.error_category == ErrorType::overloaded);
}

TEST_CASE("exchange: a finish that says error") {
  Record r = streamed(event(kHi) + finish("error") + kDone);
  CHECK(verdict(r) == "failed after_finish_reason stream_error_event provider");
  CHECK(names(r.fault_evidence) == "finish_reason_says_error");
  CHECK(r.truncated == true);
  CHECK(!r.error_event_received);
  CHECK(r.retryable == true);
  // One of two choices says it and the other never ended.
  r = streamed(event(R"({"choices":[{"index":1,"delta":{"content":"x"}}]})") + finish("abort") +
               kDone);
  CHECK(verdict(r) == "failed after_first_token stream_error_event provider");
}

TEST_CASE("exchange: several choices") {
  const std::string both = event(
      R"({"choices":[{"index":0,"delta":{"content":"a"}},{"index":1,"delta":{"content":"bc"}}]})");
  Record r = streamed(both + finish("stop", 1) + finish("length", 0) + kDone);
  CHECK(verdict(r) == "ok");
  CHECK(r.finish_reasons == std::vector<std::string>{"length", "stop"});
  CHECK(r.finish_class == FinishClass::length);
  CHECK(r.output_chars_received == 3);
  CHECK(r.truncated == true);
  r = streamed(both + finish("length", 1) + finish("stop", 0) + kDone);
  CHECK(r.finish_class == FinishClass::stop);
  CHECK(r.truncated == true);  // the second was cut
  r = streamed(both + finish("stop", 0) + kDone);
  CHECK(verdict(r) == "failed after_first_token missing_finish_reason provider");
  CHECK(names(r.terminal_missing) == "finish_reason");
}

TEST_CASE("exchange: a finish that is repeated") {
  const Record r = streamed(event(kHi) + finish("tool_calls") + finish("stop") + kDone);
  CHECK(verdict(r) == "ok");
  CHECK(r.finish_reasons == std::vector<std::string>{"stop"});
}

TEST_CASE("exchange: lengths and filters are ok, and truncated") {
  for (const std::string reason : {"length", "content_filter"}) {
    const Record r = streamed(event(kHi) + finish(reason) + kDone);
    CHECK(verdict(r) == "ok");
    CHECK(r.truncated == true);
  }
}

TEST_CASE("exchange: what is owed and did not come") {
  const std::string asked = post(R"({"stream":true,"stream_options":{"include_usage":true}})");
  Record r = call(asked, stream_of(event(kHi) + event(kStop) + kDone));
  CHECK(verdict(r) == "failed after_finish_reason missing_usage provider");
  CHECK(names(r.terminal_missing) == "usage");
  CHECK(names(r.fault_evidence) == "terminal_signal_missing");
  CHECK(r.retryable == false);  // the answer is there
  r = call(asked, stream_of(event(kHi) + event(kStop)));
  CHECK(verdict(r) == "failed after_finish_reason missing_done_event provider");
  CHECK(names(r.terminal_missing) == "usage done");
  r = call(asked, stream_of(event(kHi) + event(kUsage) + kDone));
  CHECK(verdict(r) == "failed after_first_token missing_finish_reason provider");
  r = streamed(kDone);  // a gateway that hid an error
  CHECK(verdict(r) == "failed before_first_token missing_finish_reason provider");
  CHECK(r.progress == Progress::done);
}

TEST_CASE("exchange: who owes what depends on the provider") {
  const std::string events = event(kHi) + event(kStop);
  const auto at = [&](const std::string& host, const std::string& more = {}) {
    return call(kAskStream, stream_of(events + more), at_host(host));
  };
  Record r = at("llm.internal");  // nobody knows whether it sends a marker
  CHECK(verdict(r) == "ok");
  CHECK(names(r.warnings) == "done_event_absent");
  r = at("llm.internal", kDone);
  CHECK(r.warnings.empty());
  r = at("api.perplexity.ai");  // never sends one, always sends usage
  CHECK(verdict(r) == "failed after_finish_reason missing_usage provider");
  r = at("api.perplexity.ai", event(kUsage));
  CHECK(verdict(r) == "ok");
  CHECK(r.warnings.empty());
  r = at("api.openai.com");
  CHECK(verdict(r) == "failed after_finish_reason missing_done_event provider");
}

TEST_CASE("exchange: tool calls") {
  const std::string begun = tool(0, "call_1", "f", "") + tool(0, "", "", R"({\"a\":)");
  Record r = streamed(begun + tool(0, "", "", "1}") + tool(1, "call_2", "g", "{}") +
                      finish("tool_calls") + kDone);
  CHECK(verdict(r) == "ok");
  REQUIRE(r.tool_calls.size() == 2);
  CHECK(r.tool_calls[0].id == "call_1");
  CHECK(r.tool_calls[0].name == "f");
  CHECK(r.tool_calls[0].arguments_bytes == 7);
  CHECK(r.tool_calls[0].arguments_completed);
  CHECK(r.tool_calls[1].index == 1);
  CHECK(!r.cut_tool_call);
  CHECK(r.retry_safety == RetrySafety::unsafe);
  CHECK(r.finish_class == FinishClass::tool);

  r = streamed(begun);
  CHECK(verdict(r) == "failed during_tool_call incomplete_tool_arguments provider");
  CHECK(r.cut_tool_call == 0);
  CHECK(!r.tool_calls[0].arguments_completed);
  CHECK(r.retry_safety == RetrySafety::duplicates_output);
  CHECK(r.progress == Progress::tool_call);

  r = streamed(begun + tool(0, "", "", "1}"));  // whole, but no finish
  CHECK(verdict(r) == "failed after_first_token missing_finish_reason provider");
  CHECK(r.retry_safety == RetrySafety::unsafe);

  r = streamed(tool(0, "call_1", "f", "{}") + tool(1, "call_2", "g", ""));
  CHECK(verdict(r) == "failed during_tool_call incomplete_tool_arguments provider");
  CHECK(r.cut_tool_call == 1);
  CHECK(r.retry_safety == RetrySafety::unsafe);  // the first may have run

  r = streamed(tool(0, "call_1", "f", "") + finish("tool_calls") + kDone);  // no arguments are {}
  CHECK(verdict(r) == "ok");
  CHECK(r.tool_calls[0].arguments_completed);

  r = streamed(begun + finish("length") + kDone);
  CHECK(verdict(r) == "ok");
  CHECK(r.truncated == true);
  CHECK(r.cut_tool_call == 0);
  CHECK(r.warnings.empty());

  // A length says nothing about whether the arguments had begun.
  r = streamed(tool(0, "call_1", "f", "") + finish("length") + kDone);
  CHECK(verdict(r) == "ok");
  CHECK(!r.tool_calls[0].arguments_completed);
  CHECK(r.retry_safety == RetrySafety::duplicates_output);

  r = streamed(begun + finish("tool_calls") + kDone);
  CHECK(verdict(r) == "ok");
  CHECK(names(r.warnings) == "finish_contradicts_tool_call");
  CHECK(!r.tool_calls[0].arguments_completed);
}

TEST_CASE("exchange: the start of a tool call is a token") {
  Rig rig;
  rig.at(0).request(kAskStream).at(70).response(kStreamHead + chunk(tool(0, "c", "f", "")));
  rig.over(End::draining);
  CHECK(rig.only().time_to_first_token_ns == 70 * kNsPerMs);
  CHECK(verdict(rig.only()) == "failed during_tool_call recorder_draining recorder");
}

TEST_CASE("exchange: warnings") {
  CHECK(names(streamed(event(kStop) + kDone).warnings) == "empty_output");
  CHECK(
      names(streamed(event(kHi) + event(kStop) +
                     event(R"({"choices":[],"usage":{"prompt_tokens":0,"completion_tokens":0}})") +
                     kDone)
                .warnings) == "usage_all_zero");
  CHECK(names(streamed(event(kHi) + event(kStop) + "data: [DONE]").warnings) ==
        "unterminated_tail");
  Record r = streamed(event(kHi) + "data: " + kStop);
  CHECK(names(r.warnings) == "unterminated_tail");
  CHECK(r.finish_reasons.size() == 1);
  r = streamed(event(kHi) + "data: " + kStop.substr(0, 30));
  CHECK(r.warnings.empty());
  CHECK(r.chunks_received == 1);
}

TEST_CASE("exchange: a refusal is something said") {
  const Record r =
      streamed(event(R"({"choices":[{"delta":{"refusal":"I cannot"}}]})") + event(kStop) + kDone);
  CHECK(verdict(r) == "ok");
  CHECK(r.warnings.empty());
  CHECK(r.refusal_chars_received == 8);
}

TEST_CASE("exchange: event data that is not JSON") {
  Record r = streamed(event("oops"));
  CHECK(verdict(r) == "failed before_first_token invalid_stream_chunk provider");
  CHECK(r.chunks_received == 1);
  r = streamed(event(kHi) + event("oops") + event(kStop) + kDone);
  CHECK(verdict(r) == "ok");
}

TEST_CASE("exchange: a content coding that we do not know") {
  const std::string head =
      "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Encoding: lz4\r\n"
      "Transfer-Encoding: chunked\r\n\r\n";
  Record r = call(kAskStream, head + chunk("....") + kLastChunk);
  CHECK(verdict(r) == "ok");  // its framing is all there is to judge
  CHECK(r.tap == TapState::partial);
  CHECK(r.tap_reason == "content_encoding_unknown");
  CHECK(r.terminal_missing.empty());
  CHECK(!r.truncated);
  CHECK(r.retry_safety == RetrySafety::unknown);
  CHECK(r.warnings.empty());
  Rig rig;
  rig.request(kAskStream).response(head + chunk("....")).upstream(CloseHow::reset).over();
  CHECK(verdict(rig.only()) == "failed after_first_token upstream_reset network");
  CHECK(rig.only().terminal_missing.empty());
}

TEST_CASE("exchange: what came before the content was lost still counts") {
  const std::string deep = event(std::string(limits::kJsonDepthMax + 1, '['));
  Record r = streamed(event(kHi) + event(kStop) + kDone + deep);
  CHECK(verdict(r) == "ok");
  CHECK(r.tap_reason == "json_too_deep");
  r = streamed(event(kHi) + deep);  // what it said nobody knows: no claim that a finish is missing
  CHECK(verdict(r) == "ok");
  CHECK(r.tap == TapState::partial);
  CHECK(!r.truncated);
}

TEST_CASE("exchange: an unknown dialect has no stages") {
  const std::string request = post("{}", "", "/v1/other");
  Rig rig;
  const std::string odd = "{\"text\":\"hi\"}";
  rig.request(request).response(kStreamHead + chunk(event(odd))).upstream(CloseHow::reset).over();
  Record r = rig.only();
  CHECK(verdict(r) == "failed after_first_token upstream_reset network");
  CHECK(r.chunks_received == 1);
  CHECK(r.output_chars_received == 0);
  CHECK(r.retry_safety == RetrySafety::unknown);
  CHECK(r.tap == TapState::complete);
  r = call(request, stream_of(event(odd) + kDone));
  CHECK(verdict(r) == "ok");
  CHECK(r.chunks_received == 1);  // the marker is none
  CHECK(!r.truncated);
  CHECK(r.operation == "unknown");
  CHECK(!r.stream);
}

TEST_CASE("exchange: the answer tells what the path did not") {
  const std::string request = post("{\"model\":\"m\",\"stream\":true}", "", "/v1/other");
  const Record r = call(request, stream_of(event(kHi) + event(kStop) + kDone));
  CHECK(verdict(r) == "ok");
  CHECK(r.dialect == "openai.chat");
  CHECK(r.operation == "chat.completions.stream");
  CHECK(r.model == "m");
  CHECK(r.output_chars_received == 2);
  CHECK(r.tap == TapState::complete);
}

TEST_CASE("exchange: budgets that were passed") {
  tap::ConnFacts facts = Rig::openai();
  facts.time_to_connect_ns = 90 * kNsPerMs;
  facts.budgets = {.connect_ns = 50 * kNsPerMs,
                   .headers_ns = 100 * kNsPerMs,
                   .first_token_ns = 150 * kNsPerMs,
                   .idle_ns = 300 * kNsPerMs,
                   .total_ns = 1000 * kNsPerMs};
  Rig late(facts);
  late.at(0).request(kAskStream).at(101).response(kStreamHead + chunk(": x\n\n"));
  late.at(160).response(chunk(event(kHi)));
  late.at(1100).response(chunk(event(kStop) + kDone) + kLastChunk);
  CHECK(names(late.only().timeouts_exceeded) == "connect headers first_token idle total");
  CHECK(late.only().budgets == facts.budgets);
  facts.time_to_connect_ns = 50 * kNsPerMs;
  Rig in_time(facts);
  in_time.at(0).request(kAskStream).at(100).response(kStreamHead);
  in_time.at(150).response(chunk(event(kHi)));
  in_time.at(450).response(chunk(event(kStop) + kDone) + kLastChunk);
  CHECK(in_time.only().timeouts_exceeded.empty());
  Rig silent(facts);  // what never came is late too
  silent.at(0).request(kAskStream).at(200).upstream(CloseHow::reset).over();
  CHECK(names(silent.only().timeouts_exceeded) == "headers first_token");
}

TEST_CASE("exchange: which budget is used up, for those who enforce it") {
  tap::ConnFacts facts = Rig::openai();
  facts.budgets = {.connect_ns = {},
                   .headers_ns = 100 * kNsPerMs,
                   .first_token_ns = 200 * kNsPerMs,
                   .idle_ns = 300 * kNsPerMs,
                   .total_ns = 1000 * kNsPerMs};
  const auto overdue = [](const Rig& rig, std::int64_t ms) {
    return rig.tap.overdue({ms * kNsPerMs});
  };
  Rig rig(facts);
  CHECK(overdue(rig, 5000) == End::none);
  rig.at(0).request(kAskStream);
  CHECK(overdue(rig, 100) == End::none);
  CHECK(overdue(rig, 101) == End::headers_timeout);
  rig.at(50).response(kStreamHead + chunk(": wait\n\n"));
  CHECK(overdue(rig, 200) == End::none);
  CHECK(overdue(rig, 201) == End::first_token_timeout);
  rig.at(190).response(chunk(event(kHi)));
  CHECK(overdue(rig, 490) == End::none);
  CHECK(overdue(rig, 491) == End::idle_timeout);
  rig.at(900).response(chunk(": still here\n\n"));
  CHECK(overdue(rig, 1000) == End::none);
  CHECK(overdue(rig, 1001) == End::total_timeout);
  rig.at(1001).over(End::total_timeout);
  CHECK(verdict(rig.only()) == "failed after_first_token total_timeout provider");
  CHECK(rig.only().closed_by == Party::recorder);

  // Where nobody can see a token, none is late.
  Rig unknown(facts);
  unknown.at(0).request(post("{}", "", "/v1/other")).at(50).response(kStreamHead);
  unknown.at(190).response(chunk(event(kHi)));
  CHECK(overdue(unknown, 400) == End::none);
  unknown.at(400).response(kLastChunk);
  CHECK(unknown.only().timeouts_exceeded.empty());
}

TEST_CASE("exchange: the words of an error are codes or nothing") {
  const auto detail = [](const std::string& type, const std::string& code) {
    return call(kAskJson, answer("400 No", R"({"error":{"type":")" + type + R"(","code":")" + code +
                                               R"("}})"))
        .error_detail;
  };
  CHECK(detail("a_b", "C-1.2:x") == "a_b/C-1.2:x");
  CHECK(detail("a", "a") == "a");
  CHECK(detail("Bad Request", "x") == "x");
  CHECK(detail("x", "You asked: why") == "x");
  CHECK(detail("", "x") == "x");
  CHECK(detail(std::string(200, 'a'), std::string(200, 'b')).size() == 120);
}

TEST_CASE("exchange: ids and models are those of the first event that has them") {
  const Record r =
      streamed(event(R"({"id":"","model":"","choices":[]})") +
               event(R"({"id":"a","model":"m-1","choices":[{"delta":{"content":"x"}}]})") +
               event(R"({"id":"b","model":"m-2","choices":[]})") + event(kStop) + kDone);
  CHECK(r.response_id == "a");
  CHECK(r.response_model == "m-1");
}

TEST_CASE("exchange: which failures of a connection are worth another try") {
  CHECK(tap::setup_retryable(ErrorType::dns_failed));
  CHECK(tap::setup_retryable(ErrorType::connect_timeout));
  CHECK(!tap::setup_retryable(ErrorType::tls_certificate_invalid));
  CHECK(!tap::setup_retryable(ErrorType::client_untrusted_ca));
  CHECK(!tap::setup_retryable(ErrorType::destination_denied));
}
