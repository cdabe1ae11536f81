#include "dialect/dialect.h"

namespace llmrec::dialect {

#include "registry_list.inc"

std::unique_ptr<Dialect> choose(const Target& target) {
  for (const Entry& entry : registry()) {
    if (entry.claims(target)) return entry.make(target);
  }
  return registry().back().make(target);
}

std::unique_ptr<Dialect> make_by_name(std::string_view name, const Target& target) {
  for (const Entry& entry : registry()) {
    if (entry.name == name) return entry.make(target);
  }
  return nullptr;
}

}  // namespace llmrec::dialect
