// Ollama's own API, /api/chat and /api/generate: the same lines of NDJSON but for where the text
// stands. https://docs.ollama.com/api (read 2026-11)
#pragma once

#include <memory>

#include "dialect/dialect.h"

namespace llmrec::dialect {

enum class OllamaCall { chat, generate };

std::unique_ptr<Dialect> make_ollama(OllamaCall call);

}  // namespace llmrec::dialect
