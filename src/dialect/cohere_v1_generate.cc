#include "dialect/cohere.h"

namespace llmrec::dialect {
namespace {

bool claims(const Target& target) {
  return is_cohere_host(target.host) &&
         (target.path.ends_with("/v1/generate") || target.path == "/generate");
}

std::unique_ptr<Dialect> make(const Target&) { return make_cohere_v1(CohereCall::generate); }

}  // namespace

extern const Entry cohere_v1_generate_entry;
const Entry cohere_v1_generate_entry{"cohere.v1-generate", claims, make};

}  // namespace llmrec::dialect
