// What Cohere's APIs have in common: the words that say why an answer ended, and its hosts.
// https://docs.cohere.com/reference/chat-stream (read 2026-11). Pure.
#pragma once

#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/limits.h"
#include "dialect/dialect.h"
#include "dialect/text.h"

namespace llmrec::dialect {

inline bool is_cohere_host(Bytes host) {
  return host.ends_with("cohere.com") || host.ends_with("cohere.ai");
}

// An answer that ended in an error says so in the place of a finish reason.
inline void add_cohere_finish(Delta& delta, std::uint32_t choice, const std::string& reason) {
  using record::FinishClass;
  if (delta.finishes.size() >= limits::kChoicesMax) return;
  FinishClass cls = FinishClass::none;
  if (reason == "USER_CANCEL") cls = FinishClass::abort;
  if (reason == "ERROR" || reason == "TIMEOUT") {
    cls = FinishClass::error;
    ErrorEvent& error = error_of(delta);
    if (error.type.empty()) error.type = reason;
  }
  delta.finishes.push_back({choice, reason, cls});
}

enum class CohereCall { chat, generate };

// Version 1: `chat` and `generate` send the same lines of NDJSON.
std::unique_ptr<Dialect> make_cohere_v1(CohereCall call);

}  // namespace llmrec::dialect
