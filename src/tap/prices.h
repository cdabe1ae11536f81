// What tokens cost: a table of prices by provider and model, built in or read from a file in the
// format of LiteLLM's model_prices_and_context_window.json. List prices of ordinary, paid use: no
// discount for batches, service tiers or contracts, no fee per search or image.
// Knows no file and no clock. Immutable once made, so any thread may look things up.
// Prices are in picodollars per token (1 USD per million tokens is 1,000,000), costs in
// nanodollars.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "record/record.h"

namespace llmrec::tap {

using Price = std::optional<std::int64_t>;  // nullopt: not known

struct Prices {
  Price input;
  Price output;
  Price cache_read;   // input that came from a cache; unknown: as input
  Price cache_write;  // input that went to a cache for minutes; unknown: as input
  Price reasoning;    // unknown: as output
  friend bool operator==(const Prices&, const Prices&) = default;
};

struct ModelPrices {
  Prices base;
  // Of a call whose whole input is larger than this many tokens; 0: there is no such tier. What is
  // not known in `above` is as in `base`.
  std::int64_t above_tokens = 0;
  Prices above;
};

class PriceTable {
 public:
  // The day of the list that the built-in prices were compared with.
  static constexpr std::string_view kBuiltInDate = "2026-08-01";
  static const PriceTable& built_in();

  // A file's text. Entries that make no sense are skipped and counted; text that is no JSON object
  // is bad_argument, as is one without a single price. Models that the file does not know in any
  // form of their name keep the built-in price.
  static Result<PriceTable> parse(Bytes json);

  // `provider` is the record's (openai, bedrock, ...). null: the price is not known.
  const ModelPrices* find(std::string_view provider, std::string_view model) const;

  // Of comparable usage: input includes what came from and went to caches, output includes
  // reasoning. nullopt: no price, or usage without input or output.
  std::optional<std::int64_t> cost_nano_usd(std::string_view provider, std::string_view model,
                                            const record::Usage& comparable) const;

  std::size_t size() const { return entries_.size(); }
  std::size_t skipped() const { return skipped_; }

 private:
  friend class PriceReader;
  struct Entry {
    std::string key;  // "provider/model", lower case
    ModelPrices prices;
  };
  void add(std::string_view provider, std::string_view model, const ModelPrices&);
  void sort();
  const ModelPrices* exact(std::string_view provider, std::string_view model) const;
  const ModelPrices* find_here(std::string_view provider, std::string_view model) const;
  const ModelPrices* find_named(std::string_view provider, std::string_view model) const;

  std::vector<Entry> entries_;  // sorted by key, at most limits::kPricesMax
  std::size_t skipped_ = 0;
  bool from_file_ = false;
};

// The cost of what is known, for one call. `reported`: from usage that is final.
std::optional<std::int64_t> cost_nano_usd(const Prices&, const record::Usage& comparable);

}  // namespace llmrec::tap
