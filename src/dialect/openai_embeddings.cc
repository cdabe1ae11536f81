// OpenAI embeddings (https://platform.openai.com/docs/api-reference/embeddings, read 2026-11) and
// their copies: one JSON answer, no stream, no finish. The vectors are skipped, however large.
#include <array>

#include "base/limits.h"
#include "dialect/dialect.h"
#include "dialect/openai_shared.h"
#include "dialect/text.h"

namespace llmrec::dialect {
namespace {

using wire::JsonPath;
using wire::JsonPaths;

enum Slot : std::uint16_t { kId, kModel };

constexpr std::array kAnswer = std::to_array<JsonPath>({
    {"id", kId},  // Mistral, vLLM
    {"model", kModel},
});

const JsonPaths& answer_table() {
  static const JsonPaths paths = join({OpenaiErrors::paths(), OpenaiUsage::paths(), kAnswer});
  return paths;
}

enum RequestSlot : std::uint16_t { kAskedModel, kAskedInput, kAskedInputElement };

constexpr std::array kRequest = std::to_array<JsonPath>({
    {"model", kAskedModel},
    {"input", kAskedInput},
    {"input[]", kAskedInputElement},
});

const JsonPaths& request_table() {
  static const JsonPaths paths{kRequest};
  return paths;
}

class RequestSink final : public wire::JsonSink {
 public:
  explicit RequestSink(Asked& asked) : asked_(asked) {
    asked_.stream = false;
    asked_.tool_count = 0;
  }
  void on_enter(std::uint16_t slot, std::uint32_t) override {
    if (slot == kAskedInputElement) count_one(asked_.message_count);  // one text as token ids
  }
  void on_string(std::uint16_t slot, Bytes part, bool last) override {
    if (slot == kAskedModel) {
      append_cut(asked_.model, part, limits::kRecordModelMax);
    } else if (slot == kAskedInput || slot == kAskedInputElement) {
      if (last) count_one(asked_.message_count);
      add_chars(asked_.text_chars, part);
    }
  }
  void on_int(std::uint16_t slot, std::int64_t) override {
    if (slot == kAskedInputElement) asked_.message_count = 1;  // the token ids of the only text
  }

 private:
  Asked& asked_;
};

class OpenaiEmbeddings final : public Dialect {
 public:
  std::string_view name() const override { return "openai.embeddings"; }
  std::string_view operation() const override { return "embeddings"; }
  const JsonPaths& request_paths() const override { return request_table(); }
  std::unique_ptr<wire::JsonSink> request_sink(Asked& asked) const override {
    return std::make_unique<RequestSink>(asked);
  }
  const JsonPaths& answer_paths() const override { return answer_table(); }

  Owes owes(const Provider&, const Asked&) const override { return {.finish = false}; }

  record::Usage comparable(const Provider&, const record::Usage& reported) const override {
    return reported;
  }

  void on_enter(std::uint16_t slot, std::uint32_t) override { errors_.on_enter(slot, delta_); }

  void on_string(std::uint16_t slot, Bytes part, bool last) override {
    if (slot == kId) append_cut(delta_.response_id, part, limits::kRecordIdTextMax);
    if (slot == kModel) append_cut(delta_.model, part, limits::kRecordModelMax);
    if (OpenaiErrors::owns(slot)) errors_.on_string(slot, part, last, delta_);
  }

  void on_int(std::uint16_t slot, std::int64_t value) override {
    if (OpenaiErrors::owns(slot)) errors_.on_int(slot, value, delta_);
    if (OpenaiUsage::owns(slot)) OpenaiUsage::on_int(slot, value, delta_);
  }

  void on_double(std::uint16_t slot, double value) override {
    if (OpenaiUsage::owns(slot)) OpenaiUsage::on_double(slot, value, delta_);
  }

 protected:
  void start_document() override { errors_.clear(); }

  void finish_document(Bytes) override {
    errors_.finish(kind_, delta_);
    delta_.usage_final = delta_.usage.input.has_value();  // there is no output to count
  }

 private:
  OpenaiErrors errors_;
};

bool claims(const Target& target) { return target.path.ends_with("/embeddings"); }

std::unique_ptr<Dialect> make(const Target&) { return std::make_unique<OpenaiEmbeddings>(); }

}  // namespace

extern const Entry openai_embeddings_entry;
const Entry openai_embeddings_entry{"openai.embeddings", claims, make};

}  // namespace llmrec::dialect
