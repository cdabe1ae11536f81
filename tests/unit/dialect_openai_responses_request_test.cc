#include "dialect/openai_responses_request.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "base/limits.h"

using namespace llmrec;
using namespace llmrec::dialect;

namespace {

// Fed octet by octet, so that every string comes in parts.
Asked asked(const std::string& json, bool stream = false) {
  Asked a;
  const auto sink = responses_request_sink(a, stream);
  wire::JsonReader reader(responses_request_paths(), *sink);
  for (const char c : json) reader.feed(Bytes(&c, 1));
  REQUIRE(reader.finish() == wire::JsonState::done);
  return a;
}

}  // namespace

TEST_CASE("openai.responses: what was asked") {
  const Asked a = asked(
      R"({"model":"m","instructions":"abc","max_output_tokens":9,"stream":true,"tools":[{},{}],)"
      R"("input":[{"role":"user","content":"de"},{"role":"user","content":[{"type":"input_text",)"
      R"("text":"fé"},{"type":"input_image","image_url":"data:xyz"},{"type":"input_file",)"
      R"("file_data":"QUJD"}]},{"type":"function_call","call_id":"call_1","name":"f",)"
      R"("arguments":"{}"},{"call_id":"call_1","output":"g","type":"function_call_output"},)"
      R"({"type":"custom_tool_call_output","call_id":"call_2","output":[{"type":"input_text",)"
      R"("text":"h"}]},{"type":"computer_call_output","call_id":"call_3","output":{"type":)"
      R"("computer_screenshot","image_url":"data:q"}},{"type":"mcp_approval_response",)"
      R"("approval_request_id":"mcpr_1","approve":true},{"type":"shell_call_output",)"
      R"("call_id":"call_4","output":[{"stdout":"i","stderr":"j"}]}]})");
  CHECK(a.model == "m");
  CHECK(a.message_count == 8);
  CHECK(a.tool_count == 2);
  CHECK(a.max_output_tokens == 9);
  CHECK(a.stream == true);
  CHECK(!a.usage_requested);  // there is nothing to ask for: it is always sent
  CHECK(a.text_chars == 13);
  CHECK(a.attachment_bytes == 18);
  CHECK(a.tool_result_ids ==
        std::vector<std::string>{"call_1", "call_2", "call_3", "mcpr_1", "call_4"});
  const Asked text = asked(R"({"input":"abc"})");
  CHECK(text.message_count == 1);
  CHECK(text.text_chars == 3);
  CHECK(text.stream == false);
  CHECK(text.tool_count == 0);
}

TEST_CASE("openai.responses: what the body says of the stream beats the rest") {
  CHECK(asked("{}", true).stream == true);
  CHECK(asked(R"({"stream":false})", true).stream == false);
  CHECK(asked(R"({"stream":true})", false).stream == true);
}

TEST_CASE("openai.responses: more results than are kept") {
  std::string json = R"({"input":[)";
  for (std::size_t i = 0; i < limits::kToolResultIdsMax + 9; ++i) {
    json += std::string(i == 0 ? "" : ",") + R"({"type":"function_call_output","call_id":"c)" +
            std::to_string(i) + R"("})";
  }
  const Asked a = asked(json + R"(,{"type":"function_call_output"},{"call_id":"no_type"}]})");
  CHECK(a.tool_result_ids.size() == limits::kToolResultIdsMax);
  CHECK(a.message_count == static_cast<std::int64_t>(limits::kToolResultIdsMax + 11));
}
