// A call that no dialect claims: HTTP facts and counts of events, no guesses.
#include "dialect/dialect.h"

namespace llmrec::dialect {
namespace {

class Unknown final : public Dialect {
 public:
  std::string_view name() const override { return "unknown"; }
  std::string_view operation() const override { return "unknown"; }
  const wire::JsonPaths& request_paths() const override { return none(); }
  std::unique_ptr<wire::JsonSink> request_sink(Asked&) const override { return nullptr; }
  const wire::JsonPaths& answer_paths() const override { return none(); }
  bool knows_content() const override { return false; }
  Owes owes(const Provider&, const Asked&) const override { return {.finish = false}; }
  record::Usage comparable(const Provider&, const record::Usage& reported) const override {
    return reported;
  }

 protected:
  void finish_document(Bytes) override {}

 private:
  static const wire::JsonPaths& none() {
    static const wire::JsonPaths paths{std::span<const wire::JsonPath>{}};
    return paths;
  }
};

bool claims(const Target&) { return true; }

std::unique_ptr<Dialect> make(const Target&) { return std::make_unique<Unknown>(); }

}  // namespace

extern const Entry unknown_entry;
const Entry unknown_entry{"unknown", claims, make};

}  // namespace llmrec::dialect
