// Text Generation Inference's own API and what Hugging Face's inference API took over from it.
// https://huggingface.co/docs/text-generation-inference (read 2026-11)
#include <array>
#include <cmath>

#include "base/clock.h"
#include "base/limits.h"
#include "dialect/asked_sink.h"
#include "dialect/dialect.h"
#include "dialect/path.h"
#include "dialect/text.h"
#include "dialect/usage.h"

namespace llmrec::dialect {
namespace {

using wire::JsonPath;
using wire::JsonPaths;

enum Slot : std::uint16_t {
  kElement,
  kTokenText,
  kTokenSpecial,
  kGeneratedText,
  kFinish,
  kOutput,
  kInput,
  kError,
  kErrorType,
  kErrorCode,
  kErrorStatus,
  kEstimatedTime,
};

constexpr std::array kAnswer = std::to_array<JsonPath>({
    {"token.text", kTokenText},
    {"token.special", kTokenSpecial},
    {"generated_text", kGeneratedText},
    {"details.finish_reason", kFinish},
    {"details.generated_tokens", kOutput},
    {"details.input_length", kInput},
    {"[]", kElement},
    {"[].generated_text", kGeneratedText},
    {"[].details.finish_reason", kFinish},
    {"[].details.generated_tokens", kOutput},
    {"[].details.input_length", kInput},
    {"error", kError},
    {"error[]", kError},
    {"error_type", kErrorType},
    {"error.type", kErrorType},
    {"error.code", kErrorCode},
    {"error.http_status_code", kErrorStatus},
    {"estimated_time", kEstimatedTime},  // until the model is loaded, in seconds
});

const JsonPaths& answer_table() {
  static const JsonPaths paths{kAnswer};
  return paths;
}

constexpr std::array kRequest = std::to_array<JsonPath>({
    {"model", kAskedModel},
    {"stream", kAskedStream},
    {"parameters.max_new_tokens", kAskedMaxTokens},
    {"inputs", kAskedText},
    {"inputs[]", kAskedText},
});

const JsonPaths& request_table() {
  static const JsonPaths paths{kRequest};
  return paths;
}

bool is_hugging_face(Bytes host) {
  return host.ends_with("huggingface.co") || host.ends_with("huggingface.cloud");
}

// "/hf-inference/models/google/flan-t5-xxl"; behind a pipeline's name it is another task.
Bytes model_of(Bytes path) {
  constexpr Bytes kModels = "/models/";
  const auto at = path.find(kModels);
  if (at == Bytes::npos || path.find("/pipeline/") != Bytes::npos) return {};
  return path.substr(at + kModels.size());
}

class TgiGenerate final : public Dialect {
 public:
  TgiGenerate(std::string model, std::optional<bool> stream)
      : model_(std::move(model)), stream_(stream) {}

  std::string_view name() const override { return "tgi.generate"; }
  std::string_view operation() const override { return "generate"; }
  const JsonPaths& request_paths() const override { return request_table(); }
  std::unique_ptr<wire::JsonSink> request_sink(Asked& asked) const override {
    auto sink = std::make_unique<AskedSink>(asked, model_, stream_);
    sink->stream_by_default(false);
    return sink;
  }
  const JsonPaths& answer_paths() const override { return answer_table(); }
  Owes owes(const Provider&, const Asked&) const override { return {.finish = true, .done = true}; }
  record::Usage comparable(const Provider&, const record::Usage& reported) const override {
    return with_total(reported);
  }

  void on_enter(std::uint16_t slot, std::uint32_t position) override {
    if (slot == kElement) choice_ = position;
    if (slot == kError) error_of(delta_);
  }

  void on_string(std::uint16_t slot, Bytes part, bool last) override {
    switch (slot) {
      case kTokenText:
        add_chars(token_chars_, part);
        break;
      case kGeneratedText:
        ended_ = true;
        // In a stream it repeats the tokens, with the prompt where that was asked for.
        if (kind_ == DocumentKind::answer) add_chars(delta_.text_chars, part);
        break;
      case kFinish:
        if (finish_.add(part, last) && delta_.finishes.size() < limits::kChoicesMax) {
          delta_.finishes.push_back({choice_, finish_.text()});
        }
        break;
      case kError:
        if (!part.empty()) error_of(delta_);
        break;
      case kErrorType:
        error_type_.add(part, last);
        break;
      case kErrorCode:
        append_cut(error_of(delta_).code, part, limits::kRecordNameMax);
        break;
      default:
        break;
    }
  }

  void on_int(std::uint16_t slot, std::int64_t value) override {
    switch (slot) {
      case kOutput:
        delta_.usage.output = value;
        break;
      case kInput:
        delta_.usage.input = value;
        break;
      case kErrorStatus:
        error_of(delta_).status = value;
        break;
      case kEstimatedTime:
        on_double(slot, static_cast<double>(value));
        break;
      default:
        break;
    }
  }
  void on_double(std::uint16_t slot, double seconds) override {
    if (slot != kEstimatedTime || kind_ != DocumentKind::error_body) return;
    if (seconds >= 0 && seconds < kSecondsMax) {
      delta_.retry_after_ns = std::llround(seconds * static_cast<double>(kNsPerSecond));
    }
  }
  void on_bool(std::uint16_t slot, bool value) override {
    if (slot == kTokenSpecial) special_ = value;
  }

 protected:
  void start_document() override {
    token_chars_ = 0;
    choice_ = 0;
    special_ = ended_ = false;
    finish_.clear();
    error_type_.clear();
  }

  void finish_document(Bytes) override {
    if (kind_ == DocumentKind::error_body) error_of(delta_);
    if (delta_.error) {
      delta_.error->type = error_type_.text();
      return;
    }
    if (!special_) delta_.text_chars = saturating_add(delta_.text_chars, token_chars_);
    delta_.usage_final = delta_.usage.output.has_value();
    if (!ended_) return;
    // Why it ended stands in the details, which come only where they were asked for.
    delta_.finish_signal = delta_.finishes.empty();
    delta_.done = kind_ == DocumentKind::event;
  }

 private:
  static constexpr double kSecondsMax = 86'400;

  std::string model_;
  std::optional<bool> stream_;
  Word finish_;
  Word error_type_;
  std::uint64_t token_chars_ = 0;
  std::uint32_t choice_ = 0;
  bool special_ = false;
  bool ended_ = false;
};

bool claims(const Target& target) {
  if (target.path.ends_with("/generate_stream") || target.path.ends_with("/generate")) return true;
  return is_hugging_face(target.host) && (target.path == "/" || !model_of(target.path).empty());
}

std::unique_ptr<Dialect> make(const Target& target) {
  std::optional<bool> stream;
  if (target.path.ends_with("/generate_stream")) stream = true;
  if (target.path.ends_with("/generate")) stream = false;
  return std::make_unique<TgiGenerate>(
      percent_decoded(model_of(target.path)).substr(0, limits::kRecordModelMax), stream);
}

}  // namespace

extern const Entry tgi_generate_entry;
const Entry tgi_generate_entry{"tgi.generate", claims, make};

}  // namespace llmrec::dialect
