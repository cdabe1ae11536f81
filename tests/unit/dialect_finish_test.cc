#include <doctest/doctest.h>

#include <string_view>
#include <utility>
#include <vector>

#include "dialect/dialect.h"

using namespace llmrec;
using dialect::finish_class;
using record::FinishClass;

TEST_CASE("finish: every raw word of a provider has its class") {
  const std::pair<FinishClass, std::vector<std::string_view>> rows[] = {
      {FinishClass::stop,
       {"stop", "end_turn", "STOP", "eos", "eos_token", "COMPLETE", "FINISH", "completed",
        "stop_sequence", "STOP_SEQUENCE", "1"}},
      {FinishClass::length,
       {"length", "max_tokens", "MAX_TOKENS", "LENGTH", "model_length", "max_output_tokens",
        "model_context_window_exceeded", "2"}},
      {FinishClass::tool,
       {"tool_calls", "function_call", "tool_use", "TOOL_CALL", "requires_action"}},
      {FinishClass::filter,
       {"content_filter", "SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII",
        "content_filtered", "guardrail_intervened", "refusal", "MODEL_ARMOR", "3", "4"}},
      {FinishClass::abort, {"abort", "cancelled"}},
      {FinishClass::error,
       {"error", "ERROR", "TIMEOUT", "failed", "malformed_model_output", "malformed_tool_use",
        "MALFORMED_FUNCTION_CALL", "insufficient_system_resource"}},
      {FinishClass::none, {"", "OTHER", "LANGUAGE", "brand_new", "stopp", "5"}},
  };
  for (const auto& row : rows) {
    for (const std::string_view word : row.second) {
      INFO(word);
      CHECK(record::name(finish_class(word)) == record::name(row.first));
    }
  }
}
