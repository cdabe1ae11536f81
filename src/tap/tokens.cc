#include "tap/tokens.h"

#include <algorithm>

#include "base/bytes.h"

namespace llmrec::tap {
namespace {

// Sums of this many characters stay far inside 64 bits in all that follows.
constexpr std::uint64_t kCharsMost = std::uint64_t{1} << 40;
constexpr std::int64_t kOne = 1000;  // ratios are in thousandths

// What a tokenizer makes of English prose and of JSON, and what the wire does not show: the tokens
// around an answer and around the name of a tool.
struct Family {
  std::string_view word;        // in the model's name
  std::int64_t chars;           // of prose per token, in thousandths
  std::int64_t argument_bytes;  // of JSON per token, in thousandths
  std::int64_t around_call;     // tokens
  std::int64_t around_answer;   // tokens
};

// The first word that fits wins. Prose: vendors' own rules of thumb (3.5 to 4.5) and recordings;
// the surroundings are from recordings alone.
constexpr Family kFamilies[] = {
    {"claude", 4000, 3000, 38, 3},   {"gpt-5", 4500, 3500, 10, 7},   {"gpt-oss", 4500, 3500, 10, 7},
    {"gpt", 4600, 3500, 13, 2},      {"gemini", 4300, 3000, 9, 1},   {"gemma", 3700, 3000, 14, 1},
    {"llama", 4000, 3200, 14, 1},    {"mistral", 4200, 3200, 12, 1}, {"qwen", 4200, 3200, 16, 2},
    {"deepseek", 4400, 3200, 20, 2}, {"grok", 4300, 3200, 14, 2},    {"command", 4300, 3200, 34, 1},
    {"nova", 4200, 3200, 40, 2},     {"titan", 4600, 3200, 16, 1}};
constexpr Family kAnyFamily{"", 4200, 3200, 16, 2};

// Bounds of an estimate that nothing was learned for.
constexpr std::int64_t kSpreadLow = 750;
constexpr std::int64_t kSpreadHigh = 1450;
// A few tokens more or less mean nothing in a short answer.
constexpr std::int64_t kSlack = 3;
constexpr std::int64_t kSlackPerCall = 8;

// Ratios beyond these are not a tokenizer's: Chinese and Japanese reach 3.5. What lies outside is
// reasoning or a tool that did not show.
constexpr std::int64_t kRatioLeast = 300;
constexpr std::int64_t kRatioMost = 4000;
// Below this the surroundings of the text weigh more than the text.
constexpr std::int64_t kLearnTokensLeast = 16;
// The defaults count like this many calls, so that one odd call moves little.
constexpr std::size_t kPrior = 2;

// A message's role and separators; a tool's name, description and schema, which are not in the
// count of characters.
constexpr std::int64_t kAroundMessage = 4;
constexpr std::int64_t kPerTool = 70;
constexpr std::int64_t kToolLow = 12;
constexpr std::int64_t kToolHigh = 400;
// Anthropic puts a system prompt of its own before the first tool: 264 to 530 tokens
// (docs.anthropic.com, "Tool use", Pricing).
constexpr std::int64_t kClaudeToolPrompt = 340;
// An image costs 85 to 1,600 tokens whatever its octets; a page of a PDF has 20 to 100 KiB.
constexpr std::int64_t kAttachmentLeast = 85;
constexpr std::int64_t kOctetsPerAttachedToken = 300;

std::string lower_case(std::string_view text) {
  std::string out(text.substr(0, limits::kRecordModelMax));
  std::transform(out.begin(), out.end(), out.begin(), ascii_lower);
  return out;
}

const Family& family_of(std::string_view lower_model) {
  for (const Family& family : kFamilies) {
    if (lower_model.find(family.word) != std::string_view::npos) return family;
  }
  return kAnyFamily;
}

std::int64_t bounded(std::uint64_t n) { return static_cast<std::int64_t>(std::min(n, kCharsMost)); }

std::int64_t rounded_div(std::int64_t a, std::int64_t b) { return (a + b / 2) / b; }

std::int64_t by_default(const Family& family, const Passed& p) {
  const std::int64_t chars = bounded(p.text_chars) + bounded(p.reasoning_chars);
  const std::int64_t arguments = bounded(p.tool_argument_bytes);
  const std::int64_t calls = std::min<std::int64_t>(bounded(p.tool_calls), 1 << 20);
  if (chars == 0 && arguments == 0 && calls == 0) return 0;
  return rounded_div(chars * kOne, family.chars) +
         rounded_div(arguments * kOne, family.argument_bytes) + calls * family.around_call +
         family.around_answer;
}

std::int64_t scaled(std::int64_t tokens, std::int64_t ratio) {
  return rounded_div(tokens * ratio, kOne);
}

// Of sorted numbers, the one that `part` thousandths of them do not exceed.
std::int64_t quantile(const std::vector<std::int64_t>& sorted, std::size_t part) {
  return sorted[(sorted.size() - 1) * part / kOne];
}

struct Ratios {
  std::int64_t middle = kOne;
  std::int64_t low = kSpreadLow;
  std::int64_t high = kSpreadHigh;
};

}  // namespace

Passed passed(const record::Record& r) {
  Passed p{.text_chars = saturating_add(r.output_chars_received, r.refusal_chars_received),
           .reasoning_chars = r.reasoning_chars_received,
           .tool_argument_bytes = 0,
           .tool_calls = r.tool_calls.size() + r.tool_calls_not_kept};
  for (const record::ToolCall& call : r.tool_calls) {
    p.tool_argument_bytes = saturating_add(p.tool_argument_bytes, call.arguments_bytes);
  }
  return p;
}

Estimate TokenModel::output(std::string_view model, const Passed& p) const {
  const std::string name = lower_case(model);
  const std::int64_t plain = by_default(family_of(name), p);
  if (plain == 0) return {};
  Ratios ratios;
  if (const Learned* known = find(name)) {
    std::vector<std::int64_t> all(
        known->ratios.begin(), known->ratios.begin() + static_cast<std::ptrdiff_t>(known->count));
    std::vector<std::int64_t> weighed = all;
    weighed.insert(weighed.end(), kPrior, kOne);
    std::sort(weighed.begin(), weighed.end());
    ratios.middle = (quantile(weighed, 500) + weighed[weighed.size() / 2]) / 2;
    // The bounds keep their width around the middle until there are calls enough to see it.
    ratios.low = scaled(ratios.middle, kSpreadLow);
    ratios.high = scaled(ratios.middle, kSpreadHigh);
    if (known->count >= limits::kTokenRatios / 2) {
      std::sort(all.begin(), all.end());
      ratios.low = std::min(ratios.middle, scaled(quantile(all, 100), 950));
      ratios.high =
          std::max(ratios.middle, scaled(all[all.size() - 1 - (all.size() - 1) / 10], 1050));
    }
  }
  const std::int64_t calls = std::min<std::int64_t>(bounded(p.tool_calls), 1 << 20);
  const std::int64_t slack = kSlack + kSlackPerCall * calls;
  return {.tokens = scaled(plain, ratios.middle),
          .low = std::max<std::int64_t>(1, scaled(plain, ratios.low) - slack),
          .high = scaled(plain, ratios.high) + slack};
}

Estimate TokenModel::input(std::string_view model, const Prompt& prompt) const {
  const Family& family = family_of(lower_case(model));
  const std::int64_t text = rounded_div(bounded(prompt.text_chars) * kOne, family.chars);
  const std::int64_t messages = std::min<std::int64_t>(bounded(prompt.messages), 1 << 20);
  const std::int64_t tools = std::min<std::int64_t>(bounded(prompt.tools), 1 << 20);
  const std::int64_t octets = bounded(prompt.attachment_bytes);
  const std::int64_t attached =
      octets == 0 ? 0 : kAttachmentLeast + octets / kOctetsPerAttachedToken;
  if (text == 0 && messages == 0 && tools == 0 && attached == 0) return {};
  const std::int64_t around = messages * kAroundMessage + family.around_answer;
  const std::int64_t prompt_of_tools =
      tools != 0 && family.word == "claude" ? kClaudeToolPrompt : 0;
  const std::int64_t of_tools = tools * kPerTool + prompt_of_tools;
  return {.tokens = text + around + of_tools + attached,
          .low = scaled(text, kSpreadLow) + messages + tools * kToolLow + prompt_of_tools / 2 +
                 attached / 4,
          .high = scaled(text, kSpreadHigh) + 3 * around + tools * kToolHigh + 2 * prompt_of_tools +
                  attached * 4};
}

void TokenModel::learn(std::string_view model, const Passed& p, const record::Usage& usage) {
  if (model.empty() || !usage.output) return;
  Passed visible = p;
  std::int64_t tokens = *usage.output;
  if (usage.reasoning.value_or(0) > 0) {
    // Whether the reasoning that passed was all of it or a summary cannot be told.
    tokens -= *usage.reasoning;
    visible.reasoning_chars = 0;
  } else if (p.reasoning_chars != 0) {
    return;  // in `output`, or not, or in part
  }
  const std::int64_t plain = by_default(family_of(lower_case(model)), visible);
  if (tokens < kLearnTokensLeast || tokens > bounded(kCharsMost) || plain < kLearnTokensLeast) {
    return;
  }
  const std::int64_t ratio = rounded_div(tokens * kOne, plain);
  if (ratio < kRatioLeast || ratio > kRatioMost) return;
  Learned& known = find_or_add(lower_case(model));
  known.ratios[known.next] = static_cast<std::uint16_t>(ratio);
  known.next = (known.next + 1) % known.ratios.size();
  known.count = std::min(known.count + 1, known.ratios.size());
}

void TokenModel::learn(const record::Record& r) {
  const bool whole = r.status == record::Status::ok && r.usage_available &&
                     r.tap == record::TapState::complete && r.tool_calls_not_kept == 0;
  if (whole) learn(r.response_model.empty() ? r.model : r.response_model, passed(r), r.usage);
}

const TokenModel::Learned* TokenModel::find(std::string_view model) const {
  for (const Learned& known : learned_) {
    if (known.model == model) return &known;
  }
  return nullptr;
}

TokenModel::Learned& TokenModel::find_or_add(std::string_view model) {
  ++uses_;
  auto at = std::find_if(learned_.begin(), learned_.end(),
                         [&](const Learned& known) { return known.model == model; });
  if (at == learned_.end() && learned_.size() < limits::kTokenModels) {
    at = learned_.insert(at, Learned{});
    at->model = model;
  } else if (at == learned_.end()) {  // the one that was not heard of for longest goes
    at = std::min_element(learned_.begin(), learned_.end(),
                          [](const Learned& a, const Learned& b) { return a.used < b.used; });
    *at = Learned{};
    at->model = model;
  }
  at->used = uses_;
  return *at;
}

}  // namespace llmrec::tap
