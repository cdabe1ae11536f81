#include "cli/tap.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdio>
#include <fstream>

#include "cli_temp.h"
#include "record/json.h"

using namespace llmrec;
using namespace llmrec::cli;

namespace {

const std::string kBody =
    R"({"model":"gpt-4o-mini","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"hi"}]})";

std::string request() {
  return "POST /v1/chat/completions HTTP/1.1\r\nHost: API.OpenAI.com:443\r\n"
         "Content-Type: application/json\r\nAuthorization: Bearer k\r\nContent-Length: " +
         std::to_string(kBody.size()) + "\r\n\r\n" + kBody;
}

const std::string kHead =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nx-request-id: req_abc\r\n"
    "Transfer-Encoding: chunked\r\n\r\n";

std::string chunked(const std::string& body, std::size_t size) {
  std::string out;
  char hex[32];
  for (std::size_t at = 0; at < body.size(); at += size) {
    const std::string piece = body.substr(at, size);
    std::snprintf(hex, sizeof hex, "%zx\r\n", piece.size());
    out += hex + piece + "\r\n";
  }
  return out;
}

std::string event(const std::string& delta, const std::string& finish) {
  return R"(data: {"id":"chatcmpl-1","model":"gpt-4o-mini-x","choices":[{"index":0,"delta":)" +
         delta + R"(,"finish_reason":)" + finish + "}]}\n\n";
}

const std::string kUsage =
    "data: {\"id\":\"chatcmpl-1\",\"choices\":[],\"usage\":{\"prompt_tokens\":5,"
    "\"completion_tokens\":2,\"total_tokens\":7}}\n\n";

std::string stream() {
  return event(R"({"role":"assistant","content":""})", "null") +
         event(R"({"content":"Hal"})", "null") + event(R"({"content":"l\u00f6"})", "null") +
         event("{}", R"("stop")") + kUsage + "data: [DONE]\n\n";
}

std::string whole() { return kHead + chunked(stream(), 37) + "0\r\n\r\n"; }

std::string cut_in_tool_call() {
  const std::string call =
      R"({"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"pay","arguments":"{\"to"}}]})";
  return kHead + chunked(event(R"({"content":"ok"})", "null") + event(call, "null"), 50);
}

std::string json_of(const std::string& response, CaptureEnd end, std::size_t split) {
  TapOptions o;
  o.end = end;
  o.split = split;
  const auto record = tap_capture(request(), response, o);
  REQUIRE(record);
  return record::to_json(*record);
}

}  // namespace

TEST_CASE("tap: a whole stream is ok, and a record says what passed") {
  const auto record = tap_capture(request(), whole(), {});
  REQUIRE(record);
  CHECK(record->status == record::Status::ok);
  CHECK(record->host == "api.openai.com");
  CHECK(record->provider == "openai");
  CHECK(record->provider_request_id == "req_abc");
  CHECK(record->response_id == "chatcmpl-1");
  CHECK(record->output_chars_received == 5);
  CHECK(record->chunks_received == 5);
  CHECK(record->usage_reported.output == 2);
  CHECK(record->client_delivery_status == record::Delivery::full);
  CHECK(record->closed_by == record::Party::none);
  CHECK(record->api_key_present == true);
}

TEST_CASE("tap: how it ended decides") {
  const std::string cut = cut_in_tool_call();
  const auto with = [&cut](CaptureEnd end) {
    TapOptions o;
    o.end = end;
    const auto record = tap_capture(request(), cut, o);
    REQUIRE(record);
    return *record;
  };
  for (const CaptureEnd end : {CaptureEnd::close_notify, CaptureEnd::fin, CaptureEnd::reset}) {
    const record::Record r = with(end);
    CHECK(r.failure_stage == record::Stage::during_tool_call);
    CHECK(r.error_type == record::ErrorType::incomplete_tool_arguments);
    CHECK(r.closed_by == record::Party::upstream);
    CHECK(r.tool_calls.at(0).name == "pay");
  }
  CHECK(with(CaptureEnd::fin).upstream_close == record::CloseHow::fin);
  CHECK(with(CaptureEnd::reset).upstream_close == record::CloseHow::reset);
  const record::Record left = with(CaptureEnd::client);
  CHECK(left.status == record::Status::aborted);
  CHECK(left.error_type == record::ErrorType::client_reset);
  CHECK(left.closed_by == record::Party::client);
}

TEST_CASE("tap: no split changes an octet of the record") {
  for (const std::string& response : {whole(), cut_in_tool_call()}) {
    const std::size_t longest = std::max(request().size(), response.size());
    for (const CaptureEnd end :
         {CaptureEnd::close_notify, CaptureEnd::fin, CaptureEnd::reset, CaptureEnd::client}) {
      const std::string expected = json_of(response, end, 0);
      for (std::size_t split = 1; split <= longest; ++split) {
        INFO(split);
        REQUIRE(json_of(response, end, split) == expected);
      }
    }
  }
}

TEST_CASE("tap: a plain rejection and an answer that never came") {
  const auto rejected =
      tap_capture(request(),
                  "HTTP/1.1 429 Too Many\r\nContent-Type: application/json\r\nRetry-After: 3\r\n"
                  "Content-Length: 58\r\n\r\n"
                  R"({"error":{"type":"requests","code":"rate_limit_exceeded"}})",
                  {});
  REQUIRE(rejected);
  CHECK(rejected->failure_stage == record::Stage::request_rejected);
  CHECK(rejected->error_type == record::ErrorType::rate_limit);
  const auto none = tap_capture(request(), "", {});
  REQUIRE(none);
  CHECK(none->failure_stage == record::Stage::before_first_token);
  CHECK(none->error_type == record::ErrorType::stream_interrupted);
}

TEST_CASE("tap: whose host it is") {
  CHECK(host_of_request("GET / HTTP/1.1\r\nX: y\r\nhOST:  A.example:8000 \r\n\r\n") == "a.example");
  CHECK(host_of_request("GET / HTTP/1.1\nHost: [::1]:80\n\n") == "::1");
  CHECK(host_of_request("GET http://u:p@B.example:1/x HTTP/1.1\r\n\r\n") == "b.example");
  CHECK(host_of_request("GET http://b.example?x HTTP/1.1") == "b.example");
  CHECK(host_of_request("GET / HTTP/1.1\r\n\r\nHost: body.example\r\n").empty());
  CHECK(host_of_request("").empty());
  TapOptions o;
  o.host = "Other.example:9";
  const auto record = tap_capture(request(), whole(), o);
  REQUIRE(record);
  CHECK(record->host == "other.example");
}

TEST_CASE("tap: files, and what can be wrong with them") {
  const TempDir dir;
  TapOptions o;
  o.request = dir.path + "/request";
  o.response = dir.path + "/response";
  const auto run = [&o](std::string& out, std::string& err) {
    Captured c;
    const int status = cli::tap(o, c.streams);
    out = c.out.str();
    err = c.err.str();
    return status;
  };
  std::string out;
  std::string err;
  CHECK(run(out, err) == 1);
  CHECK(err == "llmrec: cannot read " + o.request + "\n");
  std::ofstream(o.request, std::ios::binary) << request();
  std::ofstream(o.response, std::ios::binary) << whole();
  CHECK(run(out, err) == 0);
  CHECK(err.empty());
  CHECK(out == json_of(whole(), CaptureEnd::close_notify, 0) + "\n");
  std::ofstream(o.request, std::ios::binary) << "";
  CHECK(run(out, err) == 2);
  CHECK(err == "llmrec: the request names no host; say --host HOST\n");
  o.host = "h.example";
  CHECK(run(out, err) == 2);
  CHECK(err == "llmrec: there is no HTTP request in the capture\n");
  o.request = dir.path;
  CHECK(run(out, err) == 1);
  CHECK(err == "llmrec: cannot read " + dir.path + "\n");
}

TEST_CASE("tap: a list of prices that cannot be used is an error of one line") {
  const TempDir dir;
  TapOptions o;
  o.prices = dir.path + "/missing.json";
  const auto missing = tap_capture(request(), whole(), o);
  REQUIRE_FALSE(missing);
  CHECK(missing.error().code == Code::io);
  o.prices = dir.path + "/prices.json";
  std::ofstream(o.prices) << "<html>";
  const auto html = tap_capture(request(), whole(), o);
  REQUIRE_FALSE(html);
  CHECK(html.error().detail == o.prices + ": the list of prices is not a JSON object");
  std::ofstream(o.prices) << R"({"m":{"litellm_provider":"openai","input_cost_per_token":1e-6}})";
  CHECK(tap_capture(request(), whole(), o));
}
