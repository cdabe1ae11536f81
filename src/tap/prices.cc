#include "tap/prices.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "base/limits.h"
#include "wire/json.h"

namespace llmrec::tap {
namespace {

constexpr double kPicoPerDollar = 1e12;
constexpr std::int64_t kPicoPerNano = 1000;
// A cent per token; the dearest model takes 0.06 cents.
constexpr std::int64_t kPriceMost = 10'000'000'000;

struct Row {
  std::string_view provider;
  std::string_view model;
  double input;
  double output;
  double cache_read;
  double cache_write;
  std::int64_t above_tokens = 0;
  double above_input = 0;
  double above_output = 0;
  double above_cache_read = 0;
  double above_cache_write = 0;
};

constexpr Row kRows[] = {
#include "tap/price_table.inc"
};

// LiteLLM's names of providers, and ours. Others keep their name.
struct ProviderName {
  std::string_view theirs;
  std::string_view ours;
};
constexpr ProviderName kProviders[] = {
    {"text-completion-openai", "openai"},
    {"gemini", "google"},
    {"azure_ai", "azure"},
    {"azure_text", "azure"},
    {"bedrock_converse", "bedrock"},
    {"bedrock_mantle", "bedrock"},
    {"cohere_chat", "cohere"},
    {"together_ai", "together"},
    {"fireworks_ai", "fireworks"},
    {"dashscope", "alibaba"},
    {"vercel_ai_gateway", "vercel"},
};

std::string_view our_name(std::string_view theirs) {
  if (theirs.starts_with("vertex_ai")) return "google";
  for (const ProviderName& p : kProviders) {
    if (p.theirs == theirs) return p.ours;
  }
  return theirs;
}

// Who else sells the same models at the same list price. OpenRouter passes prices on; Azure's
// global deployments cost what OpenAI asks; Claude costs the same on Vertex's global endpoint.
struct Vendor {
  std::string_view prefix;  // of a model at OpenRouter and Vercel
  std::string_view provider;
};
constexpr Vendor kVendors[] = {
    {"openai/", "openai"},
    {"anthropic/", "anthropic"},
    {"google/", "google"},
    {"deepseek/", "deepseek"},
    {"x-ai/", "xai"},
    {"xai/", "xai"},
    {"mistralai/", "mistral"},
    {"mistral/", "mistral"},
    {"cohere/", "cohere"},
    {"z-ai/", "zai"},
    {"moonshotai/", "moonshot"},
};

std::string lower_case(std::string_view text) {
  std::string out(text.substr(0, limits::kRecordModelMax));
  std::transform(out.begin(), out.end(), out.begin(), ascii_lower);
  return out;
}

bool digits(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// "dd-dd" and the like: `form` has 'd' for a digit.
bool ends_like(std::string_view text, std::string_view form) {
  if (text.size() <= form.size()) return false;
  const std::string_view tail = text.substr(text.size() - form.size());
  for (std::size_t i = 0; i < form.size(); ++i) {
    if (form[i] == 'd' ? !digits(tail.substr(i, 1)) : tail[i] != form[i]) return false;
  }
  return true;
}

// Takes one suffix off that names a version and not a price. 'd' stands for a digit, so no form
// may have the letter itself.
bool strip_version(std::string_view& model) {
  constexpr std::array<std::string_view, 8> kForms{"-dddd-dd-dd", "-dd-dd", "-dd-dddd", "-dddddddd",
                                                   "@dddddddd",   "-dddd",  "-00d",     "-vd:d"};
  for (const std::string_view form : kForms) {
    if (!ends_like(model, form)) continue;
    model.remove_suffix(form.size());
    return true;
  }
  for (const std::string_view word : {"-latest", "@default", "-preview", "-vd"}) {
    const bool version = word == "-vd" ? ends_like(model, word) : model.ends_with(word);
    if (!version || model.size() == word.size()) continue;
    model.remove_suffix(word.size());
    return true;
  }
  return false;
}

// The name behind the path that some APIs put before it.
std::string_view without_path(std::string_view model) {
  // models/x, publishers/google/models/x, projects/p/locations/l/publishers/google/models/x
  if (const auto at = model.rfind("models/");
      at != std::string_view::npos && (at == 0 || model[at - 1] == '/')) {
    return model.substr(at + 7);
  }
  // An ARN of an inference profile or a foundation model; one of an app's own names no model.
  if (model.starts_with("arn:")) return model.substr(model.rfind('/') + 1);
  return model;
}

std::optional<std::int64_t> part_cost(std::int64_t tokens, const Price& price) {
  if (tokens == 0) return 0;
  if (!price || *price < 0 || *price > kPriceMost) return std::nullopt;
  return tokens * *price;  // both are bounded: below 2^60
}

Prices merged(const Prices& base, const Prices& over) {
  Prices out = base;
  if (over.input) out.input = over.input;
  if (over.output) {
    out.output = over.output;
    if (!over.reasoning) out.reasoning.reset();
  }
  if (over.cache_read) out.cache_read = over.cache_read;
  if (over.cache_write) out.cache_write = over.cache_write;
  if (over.reasoning) out.reasoning = over.reasoning;
  return out;
}

std::int64_t per_million(double dollars) {
  return static_cast<std::int64_t>(std::llround(dollars * 1e6));
}

Prices of_row(double input, double output, double cache_read, double cache_write,
              std::int64_t thousandths) {
  const auto price = [thousandths](double dollars) {
    return per_million(dollars) * thousandths / 1000;
  };
  Prices p;
  p.input = price(input);
  p.output = price(output);
  if (cache_read > 0) p.cache_read = price(cache_read);
  if (cache_write > 0) p.cache_write = price(cache_write);
  return p;
}

ModelPrices of_row(const Row& row, std::int64_t thousandths = 1000) {
  ModelPrices m;
  m.base = of_row(row.input, row.output, row.cache_read, row.cache_write, thousandths);
  m.above_tokens = row.above_tokens;
  if (row.above_tokens != 0) {
    m.above = of_row(row.above_input, row.above_output, row.above_cache_read, row.above_cache_write,
                     thousandths);
  }
  return m;
}

// Claude at Amazon: from 4.5 on the endpoints of one region of the world cost a tenth more than
// the global ones.
bool is_dearer_by_region(std::string_view claude) {
  for (const std::string_view old : {"claude-3", "claude-opus-4-1", "claude-opus-4-0"}) {
    if (claude.starts_with(old)) return false;
  }
  return claude != "claude-opus-4" && claude != "claude-sonnet-4";
}

}  // namespace

// One entry per model: "name": {"litellm_provider": ..., "input_cost_per_token": ...}.
class PriceReader final : public wire::JsonSink {
 public:
  enum Slot : std::uint16_t { kModel, kField };
  explicit PriceReader(PriceTable& table) : table_(table) {}

  static const wire::JsonPaths& paths() {
    static const wire::JsonPaths all{
        std::to_array<wire::JsonPath>({{"*", kModel}, {"*.*", kField}})};
    return all;
  }

  void on_key(std::uint16_t slot, Bytes key) override { (slot == kModel ? name_ : field_) = key; }
  void on_enter(std::uint16_t slot, std::uint32_t) override {
    if (slot != kModel) return;
    provider_.clear();
    prices_ = {};
    nonsense_ = false;
  }
  void on_leave(std::uint16_t slot) override {
    if (slot == kModel) end_model();
  }
  void on_string(std::uint16_t slot, Bytes part, bool last) override {
    if (slot == kModel) {
      if (last) ++table_.skipped_;
    } else if (field_ == "litellm_provider") {
      if (provider_.size() < limits::kRecordNameMax) provider_ += part;
    } else if (price_of(field_) != nullptr) {
      nonsense_ = true;  // a price in quotes
    }
  }
  void on_int(std::uint16_t slot, std::int64_t n) override {
    on_double(slot, static_cast<double>(n));
  }
  void on_double(std::uint16_t slot, double dollars) override {
    if (slot == kModel) {
      ++table_.skipped_;
      return;
    }
    Price* price = price_of(field_);
    if (price == nullptr) return;
    if (!(dollars >= 0) || dollars * kPicoPerDollar > static_cast<double>(kPriceMost)) {
      nonsense_ = true;
      return;
    }
    *price = static_cast<std::int64_t>(std::llround(dollars * kPicoPerDollar));
  }

 private:
  // The place that a field's value goes to; null for fields that are no price of ours.
  Price* price_of(std::string_view field) {
    Prices* into = &prices_.base;
    constexpr std::string_view kAbove = "_above_";
    constexpr std::string_view kTokens = "k_tokens";
    if (const auto at = field.find(kAbove); at != std::string_view::npos) {
      std::string_view rest = field.substr(at + kAbove.size());
      if (!rest.ends_with(kTokens)) return nullptr;
      rest.remove_suffix(kTokens.size());
      std::int64_t thousands = 0;
      const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), thousands);
      if (error != std::errc() || end != rest.data() + rest.size() || thousands <= 0 ||
          thousands > 100'000) {
        return nullptr;
      }
      // Of several tiers the first one is kept; all lists of this day have one.
      const std::int64_t tokens = thousands * 1000;
      if (prices_.above_tokens != 0 && prices_.above_tokens != tokens) return nullptr;
      prices_.above_tokens = tokens;
      into = &prices_.above;
      field = field.substr(0, at);
    }
    if (field == "input_cost_per_token") return &into->input;
    if (field == "output_cost_per_token") return &into->output;
    if (field == "cache_read_input_token_cost") return &into->cache_read;
    if (field == "cache_creation_input_token_cost") return &into->cache_write;
    if (field == "output_cost_per_reasoning_token") return &into->reasoning;
    return nullptr;
  }

  void end_model() {
    const bool priced = prices_.base.input.has_value();
    if (name_ == "sample_spec") return;
    // A key that fills all the room may have been cut.
    const bool whole = name_.size() < limits::kJsonKeyMax;
    if (nonsense_ || !priced || provider_.empty() || !whole ||
        table_.entries_.size() == limits::kPricesMax) {
      ++table_.skipped_;
      return;
    }
    std::string_view model = name_;
    if (model.starts_with(provider_ + "/")) {
      model.remove_prefix(provider_.size() + 1);
    } else if (provider_.starts_with("vertex_ai") && model.starts_with("vertex_ai/")) {
      model.remove_prefix(10);
    } else if (provider_.starts_with("bedrock") && model.starts_with("bedrock/")) {
      model.remove_prefix(8);
    }
    // As the record's `cohere` is cohere_chat there, and azure_ai is azure.
    table_.add(our_name(provider_), model, prices_);
  }

  PriceTable& table_;
  std::string name_;
  std::string field_;
  std::string provider_;
  ModelPrices prices_;
  bool nonsense_ = false;
};

void PriceTable::add(std::string_view provider, std::string_view model, const ModelPrices& m) {
  entries_.push_back({lower_case(provider) + '/' + lower_case(model), m});
}

void PriceTable::sort() {
  std::stable_sort(entries_.begin(), entries_.end(),
                   [](const Entry& a, const Entry& b) { return a.key < b.key; });
  const auto same = [](const Entry& a, const Entry& b) { return a.key == b.key; };
  entries_.erase(std::unique(entries_.begin(), entries_.end(), same), entries_.end());
}

const PriceTable& PriceTable::built_in() {
  static const PriceTable table = [] {
    PriceTable made;
    for (const Row& row : kRows) {
      made.add(row.provider, row.model, of_row(row));
      if (row.provider != "anthropic") continue;
      const std::string at_amazon = "anthropic." + std::string(row.model);
      made.add("bedrock", at_amazon, of_row(row));
      const std::int64_t regional = is_dearer_by_region(row.model) ? 1100 : 1000;
      for (const std::string_view region : {"us.", "eu.", "jp.", "au.", "apac."}) {
        made.add("bedrock", std::string(region) + at_amazon, of_row(row, regional));
      }
    }
    made.sort();
    return made;
  }();
  return table;
}

Result<PriceTable> PriceTable::parse(Bytes json) {
  if (json.size() > limits::kPriceFileOctets) {
    return Error{Code::full, "the list of prices is larger than 16 MiB"};
  }
  PriceTable table;
  PriceReader sink(table);
  wire::JsonReader reader(PriceReader::paths(), sink);
  const auto begin = json.find_first_not_of(" \t\r\n");
  const bool object = begin != Bytes::npos && json[begin] == '{';
  if (object) reader.feed(json);
  if (!object || reader.finish() != wire::JsonState::done) {
    return Error{Code::bad_argument, "the list of prices is not a JSON object"};
  }
  if (table.entries_.empty()) {
    return Error{Code::bad_argument,
                 "no model in the list of prices has a litellm_provider and an "
                 "input_cost_per_token"};
  }
  table.sort();
  table.from_file_ = true;
  return table;
}

const ModelPrices* PriceTable::exact(std::string_view provider, std::string_view model) const {
  std::string key(provider);
  key += '/';
  key += model;
  const auto at =
      std::lower_bound(entries_.begin(), entries_.end(), key,
                       [](const Entry& entry, const std::string& k) { return entry.key < k; });
  return at != entries_.end() && at->key == key ? &at->prices : nullptr;
}

// As it is, then with one version suffix less after the other, then under the name of its preview:
// a date that has its own price is found before the model without it.
const ModelPrices* PriceTable::find_named(std::string_view provider, std::string_view model) const {
  const std::string whole(model);
  for (int tries = 0; tries < 5; ++tries) {
    if (const ModelPrices* found = exact(provider, model)) return found;
    if (!strip_version(model)) break;
  }
  if (const ModelPrices* found = exact(provider, whole + "-latest")) return found;
  return exact(provider, whole + "-v1:0");
}

const ModelPrices* PriceTable::find(std::string_view provider, std::string_view model) const {
  const ModelPrices* found = find_here(provider, model);
  return found == nullptr && from_file_ ? built_in().find_here(provider, model) : found;
}

const ModelPrices* PriceTable::find_here(std::string_view provider_as_given,
                                         std::string_view model_as_given) const {
  const std::string provider = lower_case(provider_as_given);
  const std::string lower = lower_case(model_as_given);
  const std::string_view model = without_path(lower);
  if (model.empty()) return nullptr;
  if (const ModelPrices* found = find_named(provider, model)) return found;
  if (provider == "azure") {
    // Azure writes gpt-35-turbo.
    const bool without_point = model.starts_with("gpt-35-");
    return find_named(
        "openai", without_point ? "gpt-3.5-" + std::string(model.substr(7)) : std::string(model));
  }
  if (provider == "google") return find_named("anthropic", model);  // Claude on Vertex
  if (provider == "bedrock") {
    for (const std::string_view region : {"global.", "us."}) {
      if (model.starts_with(region)) return find_named(provider, model.substr(region.size()));
    }
    return nullptr;  // other parts of the world have their own prices
  }
  if (provider == "openrouter" || provider == "vercel") {
    for (const Vendor& vendor : kVendors) {
      if (!model.starts_with(vendor.prefix)) continue;
      std::string name(model.substr(vendor.prefix.size()));
      if (name.find(':') != std::string::npos) return nullptr;  // :free, :nitro: other prices
      if (const ModelPrices* found = find_named(vendor.provider, name)) return found;
      // anthropic/claude-sonnet-4.5 is claude-sonnet-4-5 at home.
      std::replace(name.begin(), name.end(), '.', '-');
      return vendor.provider == "anthropic" ? find_named(vendor.provider, name) : nullptr;
    }
  }
  return nullptr;
}

std::optional<std::int64_t> cost_nano_usd(const Prices& prices, const record::Usage& usage) {
  const auto sane = [](std::int64_t n) { return n >= 0 && n <= limits::kPricedTokensMax; };
  const std::int64_t input = usage.input.value_or(0);
  const std::int64_t output = usage.output.value_or(0);
  const bool free_output = prices.output.value_or(0) == 0;  // embeddings have none
  if (!usage.input || (!usage.output && !free_output) || !sane(input) || !sane(output)) {
    return std::nullopt;
  }
  // Parts larger than their whole were seen; the whole is what is billed.
  const std::int64_t read = std::clamp<std::int64_t>(usage.cached_input.value_or(0), 0, input);
  const std::int64_t written =
      std::clamp<std::int64_t>(usage.cache_write.value_or(0), 0, input - read);
  const std::int64_t reasoning = std::clamp<std::int64_t>(usage.reasoning.value_or(0), 0, output);
  std::int64_t pico = 0;
  const auto add = [&pico](std::int64_t tokens, const Price& price) {
    const auto cost = part_cost(tokens, price);
    if (cost) pico += *cost;
    return cost.has_value();
  };
  const auto either = [](const Price& a, const Price& b) { return a ? a : b; };
  const bool known = add(input - read - written, prices.input) &&
                     add(read, either(prices.cache_read, prices.input)) &&
                     add(written, either(prices.cache_write, prices.input)) &&
                     add(output - reasoning, prices.output) &&
                     add(reasoning, either(prices.reasoning, prices.output));
  if (!known) return std::nullopt;
  return (pico + kPicoPerNano / 2) / kPicoPerNano;
}

std::optional<std::int64_t> PriceTable::cost_nano_usd(std::string_view provider,
                                                      std::string_view model,
                                                      const record::Usage& usage) const {
  const ModelPrices* prices = find(provider, model);
  if (prices == nullptr) return std::nullopt;
  const bool above = prices->above_tokens != 0 && usage.input.value_or(0) > prices->above_tokens;
  return tap::cost_nano_usd(above ? merged(prices->base, prices->above) : prices->base, usage);
}

}  // namespace llmrec::tap
