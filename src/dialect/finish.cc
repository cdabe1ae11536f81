// The normal form of finish reasons: every raw word that providers were seen to send.
#include <array>

#include "base/bytes.h"
#include "dialect/dialect.h"

namespace llmrec::dialect {
namespace {

using record::FinishClass;

struct Row {
  std::string_view word;
  FinishClass cls;
};

// What is not here, or is none of these (pause_turn, OTHER, LANGUAGE), has no class. The numbers
// are Gemini's enums, in the order of its API's proto.
constexpr std::array kClasses = std::to_array<Row>({
    {"stop", FinishClass::stop},
    {"end_turn", FinishClass::stop},
    {"eos", FinishClass::stop},
    {"eos_token", FinishClass::stop},
    {"complete", FinishClass::stop},
    {"finish", FinishClass::stop},
    {"finished", FinishClass::stop},
    {"completed", FinishClass::stop},
    {"stop_sequence", FinishClass::stop},
    {"load", FinishClass::stop},  // Ollama: an empty prompt only loads or unloads the model
    {"unload", FinishClass::stop},
    {"1", FinishClass::stop},
    {"length", FinishClass::length},
    {"max_tokens", FinishClass::length},
    {"max_output_tokens", FinishClass::length},
    {"max_length", FinishClass::length},
    {"model_length", FinishClass::length},
    {"model_context_window_exceeded", FinishClass::length},
    {"incomplete", FinishClass::length},  // Responses, where the reason beside it says nothing else
    {"incomplete:max_output_tokens", FinishClass::length},
    {"limit", FinishClass::length},
    {"error_limit", FinishClass::length},  // Cohere v1: the context is full
    {"2", FinishClass::length},
    {"tool_calls", FinishClass::tool},
    {"tool_call", FinishClass::tool},
    {"tool_use", FinishClass::tool},
    {"function_call", FinishClass::tool},
    {"requires_action", FinishClass::tool},
    {"content_filter", FinishClass::filter},
    {"content_filtered", FinishClass::filter},
    {"incomplete:content_filter", FinishClass::filter},
    {"safety", FinishClass::filter},
    {"recitation", FinishClass::filter},
    {"blocklist", FinishClass::filter},
    {"prohibited_content", FinishClass::filter},
    {"spii", FinishClass::filter},
    {"image_safety", FinishClass::filter},
    {"image_prohibited_content", FinishClass::filter},
    {"image_recitation", FinishClass::filter},
    {"jailbreak", FinishClass::filter},
    {"model_armor", FinishClass::filter},
    {"guardrail_intervened", FinishClass::filter},
    {"refusal", FinishClass::filter},
    {"sensitive", FinishClass::filter},    // z.ai
    {"error_toxic", FinishClass::filter},  // Cohere v1
    {"3", FinishClass::filter},
    {"4", FinishClass::filter},
    {"7", FinishClass::filter},
    {"8", FinishClass::filter},
    {"9", FinishClass::filter},
    {"11", FinishClass::filter},
    {"abort", FinishClass::abort},
    {"aborted", FinishClass::abort},
    {"cancelled", FinishClass::abort},
    {"canceled", FinishClass::abort},
    {"error", FinishClass::error},
    {"timeout", FinishClass::error},
    {"failed", FinishClass::error},
    {"network_error", FinishClass::error},
    {"server_error", FinishClass::error},
    {"insufficient_system_resource", FinishClass::error},  // DeepSeek
    {"malformed_function_call", FinishClass::error},
    {"malformed_response", FinishClass::error},
    {"malformed_model_output", FinishClass::error},
    {"malformed_tool_use", FinishClass::error},
    {"unexpected_tool_call", FinishClass::error},
    {"too_many_tool_calls", FinishClass::error},
    {"missing_thought_signature", FinishClass::error},
    {"10", FinishClass::error},
    {"12", FinishClass::error},
    {"13", FinishClass::error},
});

}  // namespace

FinishClass finish_class(std::string_view reason) {
  for (const Row& row : kClasses) {
    if (equals_ignoring_case(row.word, reason)) return row.cls;
  }
  return FinishClass::none;
}

}  // namespace llmrec::dialect
