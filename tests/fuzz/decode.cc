// Content codings, alone and in chains. Octets: 0 which, and whether the rest is coded or is to be
// coded first; 1 the cut, then the octets.
#include "wire/decode.h"

#include <array>
#include <stdexcept>
#include <vector>

#include "fuzz/fuzz.h"
#include "support/coding.h"

using namespace llmrec;
using namespace llmrec::wire;

namespace {

constexpr std::array<Bytes, 16> kChains{
    "gzip",        "deflate",  "br",         "zstd",       "",
    "identity",    "gzip, br", "zstd,gzip",  "deflate,br", "br, zstd",
    "gzip,gzip",   "X-GZIP",   "zstd, zstd", " br ,\tbr ", "deflate, identity, gzip",
    "br,gzip,zstd"};
// A br window of 16 MiB for each stage, and the rest of the decoders.
constexpr std::size_t kMemoryMax = 3 * (16ULL + 1) * 1024 * 1024;

class Sum final : public ByteSink {
 public:
  void on_bytes(Bytes octets) override {
    LLMREC_PROMISE(!octets.empty());
    count += octets.size();
    for (const char c : octets) {
      hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
    }
    if (text.size() < 64 * 1024) text += octets;
  }
  std::string text;  // its beginning
  std::uint64_t count = 0;
  std::uint64_t hash = 0xcbf29ce484222325U;
};

struct Decoded {
  std::string seen;
  std::string text;
};

Decoded decode(Bytes chain_text, Bytes coded, fuzz::Cut how) {
  Bytes unknown;
  const auto chain = DecoderChain::make(chain_text, unknown);
  LLMREC_PROMISE(chain != nullptr);
  Sum sum;
  DecodeStatus status = DecodeStatus::ok;
  const std::size_t before = fuzz::heap_in_use();
  fuzz::in_pieces(coded, how, [&](Bytes piece) {
    const DecodeStatus now = chain->feed(piece, sum);
    LLMREC_PROMISE(!failed(status) || now == status);
    status = now;
  });
  LLMREC_PROMISE(fuzz::heap_in_use() < before + kMemoryMax);
  LLMREC_PROMISE(sum.count == chain->bytes_out());
  LLMREC_PROMISE(sum.count <= limits::kDecodedMax || chain->identity());
  LLMREC_PROMISE(!failed(status) || !chain->complete());
  // How much the library for br hands out before it notices damage depends on the cut.
  const bool damaged_br = failed(status) && chain_text.find("br") != Bytes::npos;
  return {std::to_string(static_cast<int>(status)) + std::to_string(chain->complete()) +
              (damaged_br ? "" : " " + std::to_string(sum.count) + " " + std::to_string(sum.hash)),
          sum.text};
}

// Flushed here and there, as servers do.
std::string encode(Bytes chain, std::string plain, std::uint64_t seed) {
  std::string out = std::move(plain);
  fuzz::Random random(seed);
  while (!chain.empty()) {
    const auto comma = chain.find(',');
    Bytes name = chain.substr(0, comma);
    chain.remove_prefix(comma == Bytes::npos ? chain.size() : comma + 1);
    while (name.starts_with(' ') || name.starts_with('\t')) name.remove_prefix(1);
    while (name.ends_with(' ')) name.remove_suffix(1);
    const auto coding = support::coding_named(name == "X-GZIP" ? "gzip" : name);
    LLMREC_PROMISE(coding.has_value());
    std::vector<std::string> pieces;
    for (Bytes rest = out; !rest.empty();) {
      const std::size_t n = 1 + random.below(400);
      pieces.emplace_back(rest.substr(0, n));
      rest.remove_prefix(std::min(n, rest.size()));
    }
    if (pieces.empty()) pieces.emplace_back();
    std::string coded;
    for (const std::string& piece : support::encode(*coding, pieces)) coded += piece;
    out = std::move(coded);
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(fuzz::bytes(data, size));
  const std::uint8_t which = input.byte();
  const fuzz::Cut cut = input.byte();
  const Bytes chain = kChains[which % kChains.size()];
  if ((which & 0x80U) == 0) {
    fuzz::same_in_every_cut(cut,
                            [&](fuzz::Cut how) { return decode(chain, input.rest(), how).seen; });
    // The value of a header is anybody's text.
    Bytes unknown;
    const auto any = DecoderChain::make(input.rest().substr(0, 64), unknown);
    if (any != nullptr && !input.empty()) {
      Sum sum;
      any->feed(input.rest(), sum);
    }
    return 0;
  }
  const std::string plain(input.rest().substr(0, 32 * 1024));
  const std::string coded = encode(chain, plain, cut);
  for (const fuzz::Cut how : {fuzz::kWhole, fuzz::kOctets, cut + 2}) {
    const Decoded d = decode(chain, coded, how);
    fuzz::expect_same(d.text, plain, "what was coded comes back");
    const bool copies = chain.empty() || chain == "identity";
    LLMREC_PROMISE(d.seen.starts_with(copies ? "01" : "11"));
  }
  return 0;
}
