// Amazon Bedrock InvokeModel and InvokeModelWithResponseStream: the model's own words, in a stream
// as Base64 inside a frame's JSON: {"bytes":"eyJ…","p":"abc"}.
// https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModelWithResponseStream.html
// (read 2026-11). Which words those are stands in the model's name, unless that is the name of an
// inference profile: then all known readers listen until one of them has heard something.
#include <algorithm>
#include <array>
#include <vector>

#include "base/limits.h"
#include "dialect/asked_sink.h"
#include "dialect/bedrock.h"
#include "dialect/bedrock_native.h"
#include "dialect/dialect.h"
#include "dialect/text.h"
#include "dialect/usage.h"
#include "wire/base64.h"

namespace llmrec::dialect {
namespace {

using wire::JsonPath;
using wire::JsonPaths;
using wire::JsonState;

constexpr Bytes kOperation = "/invoke";
constexpr Bytes kStreaming = "/invoke-with-response-stream";

enum FrameSlot : std::uint16_t { kBytes, kErrorType, kErrorStatus };

constexpr std::array kFrame = std::to_array<JsonPath>({
    {"bytes", kBytes},
    {"__type", kErrorType},
    {"originalStatusCode", kErrorStatus},
});

const JsonPaths& frame_table() {
  static const JsonPaths paths{kFrame};
  return paths;
}

enum MetricsSlot : std::uint16_t { kInput, kOutput, kCacheRead, kCacheWrite };

// What Bedrock itself counted; it stands beside the model's own words in the last chunk.
constexpr std::array kMetrics = std::to_array<JsonPath>({
    {"amazon-bedrock-invocationMetrics.inputTokenCount", kInput},
    {"amazon-bedrock-invocationMetrics.outputTokenCount", kOutput},
    {"amazon-bedrock-invocationMetrics.cacheReadInputTokenCount", kCacheRead},
    {"amazon-bedrock-invocationMetrics.cacheWriteInputTokenCount", kCacheWrite},
});

const JsonPaths& metrics_table() {
  static const JsonPaths paths{kMetrics};
  return paths;
}

// Every family's request; fields of different families do not overlap.
enum RequestSlot : std::uint16_t { kAnthropicVersion = kAskedSlots, kCohereMessage, kPrompt };

constexpr std::array kRequest = std::to_array<JsonPath>({
    {"anthropic_version", kAnthropicVersion},
    {"max_tokens", kAskedMaxTokens},
    {"max_completion_tokens", kAskedMaxTokens},
    {"max_tokens_to_sample", kAskedMaxTokens},
    {"max_gen_len", kAskedMaxTokens},
    {"maxTokens", kAskedMaxTokens},
    {"textGenerationConfig.maxTokenCount", kAskedMaxTokens},
    {"inferenceConfig.maxTokens", kAskedMaxTokens},
    {"inferenceConfig.max_new_tokens", kAskedMaxTokens},
    {"messages[]", kAskedMessage},
    {"tools[]", kAskedTool},
    {"toolConfig.tools[]", kAskedTool},
    {"prompt", kPrompt},
    {"inputText", kPrompt},
    {"message", kCohereMessage},
    {"system", kAskedText},
    {"system[].text", kAskedText},
    {"messages[].content", kAskedText},
    {"messages[].content[].text", kAskedText},
    {"messages[].content[].content", kAskedText},
    {"messages[].content[].content[].text", kAskedText},
    {"messages[].content[].toolResult.content[].text", kAskedText},
    {"messages[].content[].tool_use_id", kAskedToolCallId},
    {"messages[].content[].toolResult.toolUseId", kAskedToolCallId},
    {"messages[].tool_call_id", kAskedToolCallId},
    {"messages[].content[].source.data", kAskedAttachment},
    {"messages[].content[].image.source.bytes", kAskedAttachment},
    {"messages[].content[].document.source.bytes", kAskedAttachment},
    {"messages[].content[].video.source.bytes", kAskedAttachment},
});

const JsonPaths& request_table() {
  static const JsonPaths paths{kRequest};
  return paths;
}

// What the words of a request tell of the family, for a whole answer of a model whose name does
// not: there one reader must be chosen before the answer is seen.
struct Manner {
  bool anthropic = false;
  bool cohere = false;
  bool prompt = false;
};

class RequestSink final : public AskedSink {
 public:
  RequestSink(Asked& asked, const BedrockPath& path, std::shared_ptr<Manner> manner)
      : AskedSink(asked, path.model(), path.stream()), manner_(std::move(manner)) {}
  void on_string(std::uint16_t slot, Bytes part, bool last) override {
    if (slot == kAnthropicVersion) manner_->anthropic = true;
    if (slot == kCohereMessage) manner_->cohere = true;
    if (slot == kPrompt) manner_->prompt = true;
    const bool text = slot == kPrompt || slot == kCohereMessage;
    AskedSink::on_string(text ? std::uint16_t{kAskedText} : slot, part, last);
  }

 private:
  std::shared_ptr<Manner> manner_;
};

using Readers = std::vector<std::unique_ptr<Dialect>>;

void add(Readers& to, std::string_view name) {
  if (auto dialect = make_by_name(name, {})) to.push_back(std::move(dialect));
}

// The readers that a model's name leaves, the likeliest first. "us.anthropic.claude-…" and
// "arn:aws:bedrock:…:foundation-model/anthropic.claude-…" name their vendor as the plain id does.
Readers readers_of(Bytes model) {
  const auto has = [model](Bytes word) { return model.find(word) != Bytes::npos; };
  Readers out;
  if (has("anthropic.")) {
    add(out, "anthropic.messages");
    // These two were called by text completions before there were messages.
    if (has("claude-v2") || has("claude-instant")) out.push_back(make_bedrock_native());
  } else if (has("amazon.nova")) {
    add(out, "bedrock.converse");
  } else if (has("cohere.")) {
    add(out, "cohere.v1");
  } else if (has("amazon.titan") || has("meta.llama") || has("ai21.j2")) {
    out.push_back(make_bedrock_native());
  } else if (has("mistral.") || has("deepseek.")) {
    out.push_back(make_bedrock_native());
    add(out, "openai.chat");
  } else if (has("openai.") || has("qwen.") || has("ai21.jamba")) {
    add(out, "openai.chat");
  } else {
    add(out, "anthropic.messages");
    add(out, "bedrock.converse");
    add(out, "openai.chat");
    add(out, "cohere.v1");
    out.push_back(make_bedrock_native());
  }
  if (out.empty()) out.push_back(make_bedrock_native());
  return out;
}

bool says_something(const Delta& delta) {
  return delta.content() || delta.error || delta.done || delta.finish_signal ||
         !delta.finishes.empty();
}

bool says_anything(const Delta& delta) {
  return delta.ping || delta.usage_final || delta.usage.input || delta.usage.output ||
         !delta.response_id.empty() || !delta.model.empty();
}

class Metrics final : public wire::JsonSink {
 public:
  void on_int(std::uint16_t slot, std::int64_t value) override {
    record::Count* const fields[] = {&usage_.input, &usage_.output, &usage_.cached_input,
                                     &usage_.cache_write};
    *fields[slot] = value;
  }
  void clear() { usage_ = {}; }
  const record::Usage& usage() const { return usage_; }

 private:
  record::Usage usage_;
};

class BedrockInvoke final : public Dialect, private wire::ByteSink {
 public:
  explicit BedrockInvoke(BedrockPath path)
      : path_(std::move(path)), readers_(readers_of(path_.model())) {}

  std::string_view name() const override { return "bedrock.invoke"; }
  std::string_view operation() const override { return "invoke_model"; }
  const JsonPaths& request_paths() const override { return request_table(); }
  std::unique_ptr<wire::JsonSink> request_sink(Asked& asked) const override {
    return std::make_unique<RequestSink>(asked, path_, manner_);
  }

  // A stream's frames are ours; a whole answer is the model's own.
  const JsonPaths& answer_paths() const override {
    if (path_.stream()) return frame_table();
    choose_for_answer();
    return readers_.front()->answer_paths();
  }
  Framing framing() const override { return Framing::event_stream; }

  Owes owes(const Provider& provider, const Asked& asked) const override {
    return readers_.front()->owes(provider, asked);
  }
  record::Usage comparable(const Provider& provider, const record::Usage& reported) const override {
    return with_total(readers_.front()->comparable(provider, reported));
  }
  const ToolCalls& tools() const override { return readers_.front()->tools(); }
  void end_tool_calls() override { readers_.front()->end_tool_calls(); }

  void on_enter(std::uint16_t slot, std::uint32_t position) override {
    if (inner_) inner_->on_enter(slot, position);
  }
  void on_leave(std::uint16_t slot) override {
    if (inner_) inner_->on_leave(slot);
  }
  void on_key(std::uint16_t slot, Bytes key) override {
    if (inner_) inner_->on_key(slot, key);
  }
  void on_double(std::uint16_t slot, double value) override {
    if (inner_) inner_->on_double(slot, value);
  }
  void on_bool(std::uint16_t slot, bool value) override {
    if (inner_) inner_->on_bool(slot, value);
  }
  void on_null(std::uint16_t slot) override {
    if (inner_) inner_->on_null(slot);
  }
  void on_int(std::uint16_t slot, std::int64_t value) override {
    if (inner_) return inner_->on_int(slot, value);
    if (slot == kErrorStatus) original_status_ = value;
  }
  void on_string(std::uint16_t slot, Bytes part, bool last) override {
    if (inner_) return inner_->on_string(slot, part, last);
    if (slot == kErrorType) error_type_.add(part, last);
    if (slot == kBytes && kind_ == DocumentKind::event && base64_.feed(part, *this) && last) {
      bytes_whole_ = base64_.finish();
    }
  }

 protected:
  void start_document() override {
    inner_ = path_.stream() ? nullptr : readers_.front().get();
    if (inner_ != nullptr) return inner_->begin_document(kind_);
    original_status_ = 0;
    error_type_.clear();
    base64_.reset();
    bytes_whole_ = false;
    if (kind_ == DocumentKind::event) begin_chunk();
  }

  void finish_document(Bytes event) override {
    if (inner_ != nullptr) {
      delta_ = inner_->end_document(event);
    } else if (kind_ == DocumentKind::event) {
      end_chunk();
    }
    if (kind_ != DocumentKind::error_body) return;
    // The type stands in a header, in the frame's head, or here.
    ErrorEvent& error = error_of(delta_);
    if (error.type.empty()) {
      append_cut(error.type, event.empty() ? bedrock_error_type(error_type_.text()) : event,
                 limits::kRecordNameMax);
    }
    if (error.status == 0) error.status = original_status_;
  }

 private:
  void on_bytes(Bytes plain) override {
    for (auto& json : json_) json->feed(plain);
    metrics_json_->feed(plain);
  }

  void begin_chunk() {
    if (json_.empty()) {
      for (auto& reader : readers_) {
        json_.push_back(std::make_unique<wire::JsonReader>(reader->answer_paths(), *reader));
      }
      metrics_json_ = std::make_unique<wire::JsonReader>(metrics_table(), metrics_);
    }
    for (auto& json : json_) json->reset();
    for (auto& reader : readers_) reader->begin_document(DocumentKind::event);
    metrics_json_->reset();
    metrics_.clear();
  }

  void end_chunk() {
    if (!bytes_whole_) return;  // a frame of a kind that we do not know
    const std::size_t none = readers_.size();
    std::size_t heard = none;  // the first that heard something, else the first that heard a name
    bool sure = false;
    for (std::size_t i = 0; i < none; ++i) {
      if (json_[i]->finish() != JsonState::done) continue;
      const Delta& delta = readers_[i]->end_document({});
      const bool clear = says_something(delta);
      if (sure || (!clear && (heard != none || !says_anything(delta)))) continue;
      delta_ = delta;
      heard = i;
      sure = clear;
    }
    if (sure && none > 1) keep(heard);
    // Nobody sends `[DONE]` in here: the end is where the model says why.
    if (readers_.front()->done_sentinel()) delta_.done = !delta_.finishes.empty();
    add_metrics();
  }

  void keep(std::size_t reader) {
    std::swap(readers_.front(), readers_[reader]);
    std::swap(json_.front(), json_[reader]);
    readers_.resize(1);
    json_.resize(1);
  }

  // Bedrock's count fills in what the model did not say.
  void add_metrics() {
    family_.input = delta_.usage.input ? delta_.usage.input : family_.input;
    family_.output = delta_.usage.output ? delta_.usage.output : family_.output;
    if (metrics_json_->finish() != JsonState::done) return;
    const record::Usage& counted = metrics_.usage();
    if (!family_.input) delta_.usage.input = counted.input;
    if (!family_.output && counted.output) {
      delta_.usage.output = counted.output;
      delta_.usage_final = true;
    }
    if (family_.input || family_.output) return;  // its own cache counts, or it has no cache
    delta_.usage.cached_input = counted.cached_input;
    delta_.usage.cache_write = counted.cache_write;
  }

  void choose_for_answer() const {
    if (readers_.size() == 1) return;
    std::string_view name = "openai.chat";
    if (manner_->anthropic) name = "anthropic.messages";
    if (manner_->cohere) name = "cohere.v1";
    if (manner_->prompt) name = "bedrock.invoke";
    const auto it = std::find_if(readers_.begin(), readers_.end(),
                                 [name](const auto& reader) { return reader->name() == name; });
    if (it != readers_.end()) std::swap(readers_.front(), *it);
    readers_.resize(1);
  }

  BedrockPath path_;
  std::shared_ptr<Manner> manner_ = std::make_shared<Manner>();
  mutable Readers readers_;   // never empty; one once it is known who reads
  Dialect* inner_ = nullptr;  // reads the document at hand, a whole answer
  std::vector<std::unique_ptr<wire::JsonReader>> json_;  // one per reader, in a stream
  std::unique_ptr<wire::JsonReader> metrics_json_;
  Metrics metrics_;
  record::Usage family_;  // what the model said itself so far
  wire::Base64Decoder base64_;
  Word error_type_;
  std::int64_t original_status_ = 0;
  bool bytes_whole_ = false;
};

bool claims(const Target& target) {
  return BedrockPath(target.path, kOperation, kStreaming).valid();
}

std::unique_ptr<Dialect> make(const Target& target) {
  return std::make_unique<BedrockInvoke>(BedrockPath(target.path, kOperation, kStreaming));
}

}  // namespace

extern const Entry bedrock_invoke_entry;
const Entry bedrock_invoke_entry{"bedrock.invoke", claims, make};

}  // namespace llmrec::dialect
