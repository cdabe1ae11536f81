// A call that no path claims: HTTP facts and counts of events. What its first documents look like
// may tell which dialect it is after all (dialects.md's body sniff); nothing else is guessed.
#include <array>

#include "base/limits.h"
#include "dialect/dialect.h"
#include "dialect/text.h"

namespace llmrec::dialect {
namespace {

using wire::JsonPath;
using wire::JsonPaths;

enum Slot : std::uint16_t {
  kObject,
  kType,
  kChatChoice,
  kTextChoice,
  kGemini,
  kTokenId,
  kEventType,
  kDone,
  kModel,
  kMessage,
  kResponse,
};

constexpr std::array kAnswer = std::to_array<JsonPath>({
    {"object", kObject},
    {"type", kType},
    {"choices[].delta", kChatChoice},
    {"choices[].message", kChatChoice},
    {"choices[].text", kTextChoice},
    {"candidates", kGemini},
    {"promptFeedback", kGemini},
    {"usageMetadata", kGemini},
    {"token.id", kTokenId},
    {"event_type", kEventType},
    {"done", kDone},
    {"model", kModel},
    {"message", kMessage},
    {"response", kResponse},
});

enum RequestSlot : std::uint16_t { kAskedModel, kAskedStream };

constexpr std::array kRequest =
    std::to_array<JsonPath>({{"model", kAskedModel}, {"stream", kAskedStream}});

class RequestSink final : public wire::JsonSink {
 public:
  explicit RequestSink(Asked& asked) : asked_(asked) {}
  void on_string(std::uint16_t, Bytes part, bool) override {
    append_cut(asked_.model, part, limits::kRecordModelMax);
  }
  void on_bool(std::uint16_t slot, bool value) override {
    if (slot == kAskedStream) asked_.stream = value;
  }

 private:
  Asked& asked_;
};

class Unknown final : public Dialect {
 public:
  std::string_view name() const override { return "unknown"; }
  std::string_view operation() const override { return "unknown"; }
  const JsonPaths& request_paths() const override {
    static const JsonPaths paths{kRequest};
    return paths;
  }
  std::unique_ptr<wire::JsonSink> request_sink(Asked& asked) const override {
    return std::make_unique<RequestSink>(asked);
  }
  const JsonPaths& answer_paths() const override {
    static const JsonPaths paths{kAnswer};
    return paths;
  }
  bool knows_content() const override { return false; }
  std::string_view recognised() const override { return recognised_; }
  Owes owes(const Provider&, const Asked&) const override { return {.finish = false}; }
  record::Usage comparable(const Provider&, const record::Usage& reported) const override {
    return reported;
  }

  void on_enter(std::uint16_t slot, std::uint32_t) override {
    switch (slot) {
      case kChatChoice:
        recognised_ = "openai.chat";
        break;
      case kGemini:
        recognised_ = "gemini.generate";
        break;
      case kMessage:
        message_ = true;
        break;
      default:
        break;
    }
    ollama();
  }
  void on_string(std::uint16_t slot, Bytes part, bool last) override {
    switch (slot) {
      case kObject:
      case kType:
      case kEventType:
        append_cut(word_, part, limits::kRecordNameMax);
        if (last) word(slot);
        break;
      case kTextChoice:
        if (recognised_.empty()) recognised_ = "openai.completions";
        break;
      case kModel:
        model_ = true;
        break;
      case kResponse:
        response_ = true;
        break;
      default:
        break;
    }
    ollama();
  }
  void on_int(std::uint16_t slot, std::int64_t) override {
    if (slot == kTokenId) recognised_ = "tgi.generate";
  }
  void on_bool(std::uint16_t slot, bool) override {
    if (slot == kDone) done_ = true;
    ollama();
  }

 protected:
  void start_document() override {
    word_.clear();
    model_ = done_ = message_ = response_ = false;
  }
  void finish_document(Bytes) override {}

 private:
  void word(std::uint16_t slot) {
    if (slot == kObject) {
      if (word_.starts_with("chat.completion")) recognised_ = "openai.chat";
      if (word_ == "text_completion") recognised_ = "openai.completions";
      if (word_ == "response") recognised_ = "openai.responses";
    } else if (slot == kType) {
      if (word_.starts_with("response.")) recognised_ = "openai.responses";
      if (word_ == "message_start" || word_ == "message") recognised_ = "anthropic.messages";
    } else if (word_ == "stream-start") {
      recognised_ = "cohere.v1";
    }
    word_.clear();
  }
  void ollama() {
    if (!model_ || !done_ || !recognised_.empty()) return;
    if (message_) recognised_ = "ollama.chat";
    if (response_) recognised_ = "ollama.generate";
  }

  std::string_view recognised_;
  std::string word_;
  bool model_ = false;
  bool done_ = false;
  bool message_ = false;
  bool response_ = false;
};

bool claims(const Target&) { return true; }

std::unique_ptr<Dialect> make(const Target&) { return std::make_unique<Unknown>(); }

}  // namespace

extern const Entry unknown_entry;
const Entry unknown_entry{"unknown", claims, make};

}  // namespace llmrec::dialect
