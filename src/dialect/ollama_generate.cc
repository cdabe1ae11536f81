#include "dialect/ollama.h"

namespace llmrec::dialect {
namespace {

bool claims(const Target& target) { return target.path.ends_with("/api/generate"); }

std::unique_ptr<Dialect> make(const Target&) { return make_ollama(OllamaCall::generate); }

}  // namespace

extern const Entry ollama_generate_entry;
const Entry ollama_generate_entry{"ollama.generate", claims, make};

}  // namespace llmrec::dialect
