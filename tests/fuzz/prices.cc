// A file of prices, as people write them. The octets are its text.
#include "tap/prices.h"

#include "base/limits.h"
#include "fuzz/fuzz.h"

using namespace llmrec;
using namespace llmrec::tap;

namespace {

void check(const Prices& p) {
  for (const Price& price : {p.input, p.output, p.cache_read, p.cache_write, p.reasoning}) {
    LLMREC_PROMISE(!price || *price >= 0);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes text = fuzz::bytes(data, size);
  const std::size_t before = fuzz::heap_in_use();
  const auto table = PriceTable::parse(text);
  LLMREC_PROMISE(fuzz::heap_in_use() < before + 4 * 1024 * 1024 + 64 * size);
  if (!table) {
    LLMREC_PROMISE(table.error().code == Code::bad_argument);
    LLMREC_PROMISE(table.error().detail.find('\n') == std::string::npos);
    return 0;
  }
  LLMREC_PROMISE(table->size() > 0 && table->size() <= limits::kPricesMax);
  record::Usage usage;
  usage.input = 2'000'000;
  usage.output = 100'000;
  usage.cached_input = 1'000'000;
  usage.cache_write = 500'000;
  usage.reasoning = 50'000;
  // Names out of the file, and names that a request may say.
  for (Bytes rest = text; !rest.empty();) {
    const std::size_t end = std::min(rest.find('"'), rest.size());
    const Bytes name = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (name.empty() || name.size() > 300) continue;
    for (const char* provider : {"openai", "anthropic", "bedrock", "vertex_ai", "azure", ""}) {
      if (const ModelPrices* prices = table->find(provider, name)) {
        check(prices->base);
        check(prices->above);
        LLMREC_PROMISE(prices->above_tokens >= 0);
      }
      const auto cost = table->cost_nano_usd(provider, name, usage);
      LLMREC_PROMISE(!cost || *cost >= 0);
    }
  }
  return 0;
}
