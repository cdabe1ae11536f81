// How far the estimates of tokens are from what providers said, over recorded traffic that is not
// part of this project: LLMREC_FIXTURES, else ../shared/fixtures. The figures of llmrec-record(5)
// come from here. Without recordings there is nothing to measure, and a message says so.
#include "tap/tokens.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "dialect/dialect.h"
#include "replay/exchange.h"
#include "wire/json.h"

using namespace llmrec;

namespace {

struct Recording {
  std::string file;
  std::string dialect;
  std::string host;
  std::string path;
  std::string request_file;
  std::string model;
  std::string asked_model;
  std::string provider;
  std::int64_t bytes = 0;
  std::int64_t out = -1;
  std::int64_t in = -1;
  std::int64_t cached = 0;
  std::int64_t cache_write = 0;
  std::int64_t reasoning = -1;
  tap::Passed passed;
};

enum Slot : std::uint16_t {
  kEntry,
  kFile,
  kDialect,
  kProvider,
  kHost,
  kPath,
  kRequestFile,
  kModel,
  kAskedModel,
  kOut,
  kIn,
  kReasoning,
  kCached,
  kCacheWrite,
  kText,
  kThought,
  kRefusal,
  kCall,
  kArguments,
};

constexpr std::array kPaths = std::to_array<wire::JsonPath>({
    {"[]", kEntry},
    {"[].file", kFile},
    {"[].dialect", kDialect},
    {"[].provider", kProvider},
    {"[].request_host", kHost},
    {"[].request_path", kPath},
    {"[].request_file", kRequestFile},
    {"[].expected.model", kModel},
    {"[].request_summary.model", kAskedModel},
    {"[].expected.usage.out", kOut},
    {"[].expected.usage.in", kIn},
    {"[].expected.usage_detail.reasoning", kReasoning},
    {"[].expected.usage_detail.cached", kCached},
    {"[].expected.usage_detail.cache_write", kCacheWrite},
    {"[].expected.text_chars", kText},
    {"[].expected.reasoning_chars", kThought},
    {"[].expected.refusal_chars", kRefusal},
    {"[].expected.tool_call_details[]", kCall},
    {"[].expected.tool_call_details[].args_chars", kArguments},
});

class Index final : public wire::JsonSink {
 public:
  void on_enter(std::uint16_t slot, std::uint32_t) override {
    if (slot == kEntry) all.emplace_back();
    if (slot == kCall) ++all.back().passed.tool_calls;
  }
  void on_string(std::uint16_t slot, Bytes part, bool) override {
    Recording& r = all.back();
    if (slot == kFile) r.file += part;
    if (slot == kDialect) r.dialect += part;
    if (slot == kProvider) r.provider += part;
    if (slot == kHost) r.host += part;
    if (slot == kPath) r.path += part;
    if (slot == kRequestFile) r.request_file += part;
    if (slot == kModel) r.model += part;
    if (slot == kAskedModel) r.asked_model += part;
  }
  void on_int(std::uint16_t slot, std::int64_t n) override {
    Recording& r = all.back();
    const auto chars = static_cast<std::uint64_t>(n);
    if (slot == kOut) r.out = n;
    if (slot == kIn) r.in = n;
    if (slot == kReasoning) r.reasoning = n;
    if (slot == kCached) r.cached = n;
    if (slot == kCacheWrite) r.cache_write = n;
    if (slot == kText || slot == kRefusal) r.passed.text_chars += chars;
    if (slot == kThought) r.passed.reasoning_chars += chars;
    if (slot == kArguments) r.passed.tool_argument_bytes += chars;
  }
  void on_double(std::uint16_t slot, double n) override {
    on_int(slot, static_cast<std::int64_t>(n));
  }
  std::vector<Recording> all;
};

std::string root() {
  const char* given = std::getenv("LLMREC_FIXTURES");
  return given != nullptr ? given : std::string(LLMREC_GOLDEN_DIR) + "/../../../shared/fixtures";
}

std::vector<Recording> recordings() {
  const std::string path = root() + "/index.json";
  if (!std::filesystem::exists(path)) {
    MESSAGE("no recordings in " << root() << ": nothing to measure");
    return {};
  }
  static const wire::JsonPaths paths{kPaths};
  Index index;
  wire::JsonReader reader(paths, index);
  reader.feed(replay::read_file(path));
  REQUIRE(reader.finish() == wire::JsonState::done);
  for (Recording& r : index.all) {
    if (r.model.empty()) r.model = r.asked_model;
  }
  return index.all;
}

// What passed, and its tokens as the provider counts them; 0 where that is not known.
std::int64_t visible_tokens(Recording& r) {
  if (r.out <= 0 || r.dialect == "openai.embeddings") return 0;
  if (r.reasoning < 0) return r.out;
  const bool apart = r.dialect.starts_with("gemini") ||
                     (r.dialect == "openai.chat" && r.provider == "xai");  // out is without it
  if (r.reasoning > 0) r.passed.reasoning_chars = 0;
  return apart ? r.out : r.out - r.reasoning;
}

struct Errors {
  std::vector<std::int64_t> thousandths;
  std::vector<std::int64_t> tokens;
  std::size_t inside = 0;
  void add(const tap::Estimate& e, std::int64_t truth) {
    thousandths.push_back(std::abs(e.tokens - truth) * 1000 / truth);
    tokens.push_back(std::abs(e.tokens - truth));
    inside += e.low <= truth && truth <= e.high;
  }
  static std::int64_t at(std::vector<std::int64_t> all, std::size_t percent) {
    if (all.empty()) return 0;
    std::sort(all.begin(), all.end());
    return all[(all.size() - 1) * percent / 100];
  }
  std::int64_t at(std::size_t percent) const { return at(thousandths, percent) / 10; }
  std::string text() const {
    return std::to_string(thousandths.size()) + " calls, error: median " + std::to_string(at(50)) +
           " %, p90 " + std::to_string(at(90)) + " %, median " + std::to_string(at(tokens, 50)) +
           " tokens; " + std::to_string(inside) + " between low and high";
  }
};

}  // namespace

TEST_CASE("tokens: the error of estimated output over recordings") {
  std::vector<Recording> all = recordings();
  if (all.empty()) return;
  Errors defaults;
  Errors longer;  // 30 tokens and more: those that cost
  Errors learned;
  const tap::TokenModel fresh;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const std::int64_t truth = visible_tokens(all[i]);
    if (truth <= 0) continue;
    const tap::Estimate e = fresh.output(all[i].model, all[i].passed);
    if (std::getenv("LLMREC_TOKENS_VERBOSE") != nullptr) {
      MESSAGE(all[i].file << " " << all[i].model << " said " << truth << " estimated " << e.low
                          << " " << e.tokens << " " << e.high);
    }
    defaults.add(e, truth);
    if (truth < 30) continue;
    longer.add(e, truth);
    tap::TokenModel others;  // all calls but this one
    for (std::size_t k = 0; k < all.size(); ++k) {
      if (k == i) continue;
      record::Usage usage;
      Recording other = all[k];
      usage.output = visible_tokens(other);
      others.learn(other.model, other.passed, usage);
    }
    learned.add(others.output(all[i].model, all[i].passed), truth);
  }
  MESSAGE("output, defaults, all: " << defaults.text());
  MESSAGE("output, defaults, 30 tokens and more: " << longer.text());
  MESSAGE("output, learned from the other calls, 30 tokens and more: " << learned.text());
  CHECK(longer.at(50) <= 25);
  CHECK(longer.at(90) <= 70);
  CHECK(learned.at(50) <= longer.at(50) + 5);
}

TEST_CASE("tokens: the error of estimated input over recordings") {
  const std::vector<Recording> all = recordings();
  if (all.empty()) return;
  Errors text;
  Errors tools;
  const tap::TokenModel fresh;
  for (const Recording& r : all) {
    const std::string path = root() + "/" + r.request_file;
    if (r.in <= 0 || r.request_file.empty() || !std::filesystem::exists(path)) continue;
    const std::string target = r.path.substr(0, r.path.find('?'));
    const dialect::Target asked_of{.method = "POST",
                                   .host = r.host,
                                   .path = target,
                                   .query = "",
                                   .content_type = "application/json"};
    auto dialect = dialect::make_by_name(r.dialect, asked_of);
    if (!dialect) continue;
    dialect::Asked asked;
    const auto sink = dialect->request_sink(asked);
    if (!sink) continue;
    wire::JsonReader reader(dialect->request_paths(), *sink);
    reader.feed(replay::read_file(path));
    if (reader.finish() != wire::JsonState::done || asked.text_chars == 0) continue;
    const auto messages = static_cast<std::uint64_t>(asked.message_count.value_or(1));
    const auto tool_count = static_cast<std::uint64_t>(asked.tool_count.value_or(0));
    std::int64_t truth = r.in;
    if (r.dialect.starts_with("anthropic")) truth += r.cached + r.cache_write;
    const tap::Estimate e = fresh.input(r.model, {.text_chars = asked.text_chars,
                                                  .attachment_bytes = asked.attachment_bytes,
                                                  .messages = messages,
                                                  .tools = tool_count});
    if (std::getenv("LLMREC_TOKENS_VERBOSE") != nullptr) {
      MESSAGE(r.file << " " << r.model << " said " << truth << " estimated " << e.low << " "
                     << e.tokens << " " << e.high << " tools " << tool_count);
    }
    (tool_count == 0 ? text : tools).add(e, truth);
  }
  MESSAGE("input, without tools: " << text.text());
  MESSAGE("input, with tools: " << tools.text());
  // Recorded prompts are of a few words, and what providers add to them weighs as much.
  CHECK(Errors::at(text.tokens, 50) <= 20);
  CHECK(Errors::at(tools.tokens, 50) <= 150);
}
