// OpenAI's legacy completions (https://platform.openai.com/docs/api-reference/completions, read
// 2026-11) and what speaks them still: Azure, vLLM, llama.cpp, Together, DeepSeek, Writer.
#include <array>

#include "base/limits.h"
#include "dialect/dialect.h"
#include "dialect/openai_shared.h"
#include "dialect/text.h"

namespace llmrec::dialect {
namespace {

using wire::JsonPath;
using wire::JsonPaths;

enum Slot : std::uint16_t { kId, kModel, kChoice, kChoiceIndex, kFinish, kText, kReasoning };

constexpr std::array kAnswer = std::to_array<JsonPath>({
    {"id", kId},
    {"model", kModel},
    {"choices[]", kChoice},
    {"choices[].index", kChoiceIndex},
    {"choices[].finish_reason", kFinish},
    {"choices[].text", kText},
    {"choices[].reasoning", kReasoning},  // OpenRouter
    {"value", kText},                     // Writer: lines of nothing else
});

const JsonPaths& answer_table() {
  static const JsonPaths paths = join({OpenaiErrors::paths(), OpenaiUsage::paths(), kAnswer});
  return paths;
}

enum RequestSlot : std::uint16_t {
  kAskedModel,
  kAskedStream,
  kAskedIncludeUsage,
  kAskedMaxTokens,
  kAskedPrompt,
  kAskedPromptElement,
  kAskedText,
};

constexpr std::array kRequest = std::to_array<JsonPath>({
    {"model", kAskedModel},
    {"stream", kAskedStream},
    {"stream_options.include_usage", kAskedIncludeUsage},
    {"max_tokens", kAskedMaxTokens},
    {"prompt", kAskedPrompt},
    {"prompt[]", kAskedPromptElement},
    {"suffix", kAskedText},
});

const JsonPaths& request_table() {
  static const JsonPaths paths{kRequest};
  return paths;
}

class RequestSink final : public wire::JsonSink {
 public:
  explicit RequestSink(Asked& asked) : asked_(asked) {
    asked_.stream = false;
    asked_.usage_requested = false;
    asked_.tool_count = 0;
  }
  void on_enter(std::uint16_t slot, std::uint32_t) override {
    if (slot == kAskedPromptElement) count_one(asked_.message_count);  // one prompt as token ids
  }
  void on_string(std::uint16_t slot, Bytes part, bool last) override {
    switch (slot) {
      case kAskedModel:
        append_cut(asked_.model, part, limits::kRecordModelMax);
        break;
      case kAskedPrompt:
      case kAskedPromptElement:
        if (last) count_one(asked_.message_count);
        add_chars(asked_.text_chars, part);
        break;
      case kAskedText:
        add_chars(asked_.text_chars, part);
        break;
      default:
        break;
    }
  }
  void on_int(std::uint16_t slot, std::int64_t value) override {
    if (slot == kAskedMaxTokens) asked_.max_output_tokens = value;
    if (slot == kAskedPromptElement) asked_.message_count = 1;  // the token ids of the only prompt
  }
  void on_bool(std::uint16_t slot, bool value) override {
    if (slot == kAskedStream) asked_.stream = value;
    if (slot == kAskedIncludeUsage) asked_.usage_requested = value;
  }

 private:
  Asked& asked_;
};

class OpenaiCompletions final : public Dialect {
 public:
  explicit OpenaiCompletions(bool lines) : lines_(lines) {}

  std::string_view name() const override { return "openai.completions"; }
  std::string_view operation() const override { return "completions"; }
  const JsonPaths& request_paths() const override { return request_table(); }
  std::unique_ptr<wire::JsonSink> request_sink(Asked& asked) const override {
    return std::make_unique<RequestSink>(asked);
  }
  const JsonPaths& answer_paths() const override { return answer_table(); }
  Framing framing() const override { return lines_ ? Framing::ndjson : Framing::sse; }
  bool done_sentinel() const override { return true; }

  Owes owes(const Provider& provider, const Asked& asked) const override {
    if (lines_) return {.finish = false};  // Writer gives neither reason nor marker nor usage
    return {.finish = provider.sends_finish != Known::no,
            .done = provider.sends_done == Known::yes,
            .usage = asked.usage_requested.value_or(false) || provider.always_usage == Known::yes};
  }

  record::Usage comparable(const Provider&, const record::Usage& reported) const override {
    return reported;
  }

  void on_enter(std::uint16_t slot, std::uint32_t position) override {
    if (slot == kChoice) {
      choice_ = position;
      finish_.clear();
    } else {
      errors_.on_enter(slot, delta_);
    }
  }

  void on_leave(std::uint16_t slot) override {
    if (slot != kChoice || delta_.choices.size() == limits::kChoicesMax) return;
    delta_.choices.push_back(choice_);
    if (!finish_.text().empty()) {
      delta_.finishes.push_back({.choice = choice_, .reason = finish_.text()});
    }
  }

  void on_string(std::uint16_t slot, Bytes part, bool last) override {
    switch (slot) {
      case kId:
        append_cut(delta_.response_id, part, limits::kRecordIdTextMax);
        break;
      case kModel:
        append_cut(delta_.model, part, limits::kRecordModelMax);
        break;
      case kFinish:
        finish_.add(part, last);
        break;
      case kText:
        add_chars(delta_.text_chars, part);
        break;
      case kReasoning:
        add_chars(delta_.reasoning_chars, part);
        break;
      default:
        if (OpenaiErrors::owns(slot)) errors_.on_string(slot, part, last, delta_);
        break;
    }
  }

  void on_int(std::uint16_t slot, std::int64_t value) override {
    if (OpenaiErrors::owns(slot)) return errors_.on_int(slot, value, delta_);
    if (OpenaiUsage::owns(slot)) return OpenaiUsage::on_int(slot, value, delta_);
    const bool in_range = value >= 0 && value < static_cast<std::int64_t>(limits::kChoicesMax);
    if (slot == kChoiceIndex && in_range) choice_ = static_cast<std::uint32_t>(value);
  }

  void on_double(std::uint16_t slot, double value) override {
    if (OpenaiUsage::owns(slot)) OpenaiUsage::on_double(slot, value, delta_);
  }

 protected:
  void start_document() override {
    choice_ = 0;
    errors_.clear();
  }

  void finish_document(Bytes) override {
    errors_.finish(kind_, delta_);
    finished_ = finished_ || !delta_.finishes.empty();
    // vLLM can be asked for running totals; they are final only where a choice ends.
    delta_.usage_final = delta_.usage.output.has_value() &&
                         (kind_ == DocumentKind::answer || finished_ || delta_.choices.empty());
  }

 private:
  const bool lines_;
  std::uint32_t choice_ = 0;
  OpenaiErrors errors_;
  Word finish_;
  bool finished_ = false;
};

bool claims(const Target& target) { return target.path.ends_with("/completions"); }

std::unique_ptr<Dialect> make(const Target& target) {
  return std::make_unique<OpenaiCompletions>(target.host == "api.writer.com");
}

}  // namespace

extern const Entry openai_completions_entry;
const Entry openai_completions_entry{"openai.completions", claims, make};

}  // namespace llmrec::dialect
