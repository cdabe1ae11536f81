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
        "complete", "stop_sequence", "STOP_SEQUENCE", "load", "unload", "1"}},
      {FinishClass::length,
       {"length", "max_tokens", "MAX_TOKENS", "LENGTH", "model_length", "max_output_tokens",
        "model_context_window_exceeded", "incomplete", "incomplete:max_output_tokens",
        "ERROR_LIMIT", "2"}},
      {FinishClass::tool,
       {"tool_calls", "function_call", "tool_use", "TOOL_CALL", "requires_action"}},
      {FinishClass::filter,
       {"content_filter",
        "SAFETY",
        "RECITATION",
        "BLOCKLIST",
        "PROHIBITED_CONTENT",
        "SPII",
        "content_filtered",
        "CONTENT_FILTERED",
        "guardrail_intervened",
        "refusal",
        "MODEL_ARMOR",
        "IMAGE_SAFETY",
        "JAILBREAK",
        "incomplete:content_filter",
        "ERROR_TOXIC",
        "sensitive",
        "3",
        "4",
        "7",
        "8",
        "9",
        "11"}},
      {FinishClass::abort, {"abort", "aborted", "cancelled", "canceled"}},
      {FinishClass::error,
       {"error", "ERROR", "TIMEOUT", "failed", "malformed_model_output", "malformed_tool_use",
        "MALFORMED_FUNCTION_CALL", "MALFORMED_RESPONSE", "UNEXPECTED_TOOL_CALL",
        "TOO_MANY_TOOL_CALLS", "MISSING_THOUGHT_SIGNATURE", "insufficient_system_resource",
        "network_error", "10", "12", "13"}},
      {FinishClass::none,
       {"", "OTHER", "LANGUAGE", "pause_turn", "IMAGE_OTHER", "NO_IMAGE", "CONTINUATION",
        "brand_new", "stopp", "sto", "5", "6", "0", "14"}},
  };
  for (const auto& row : rows) {
    for (const std::string_view word : row.second) {
      INFO(word);
      CHECK(record::name(finish_class(word)) == record::name(row.first));
    }
  }
}
