// Base64, beside a reading of the whole text, and what is encoded comes back.
// Octets: 0 the cut, then the text.
#include "wire/base64.h"

#include "fuzz/fuzz.h"

using namespace llmrec;
using namespace llmrec::wire;

namespace {

constexpr Bytes kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

class Log final : public ByteSink {
 public:
  void on_bytes(Bytes octets) override {
    LLMREC_PROMISE(!octets.empty());
    out += octets;
  }
  std::string out;
};

std::string encode(Bytes plain) {
  std::string out;
  for (std::size_t i = 0; i < plain.size(); i += 3) {
    unsigned bits = 0;
    for (std::size_t j = 0; j < 3; ++j) {
      bits = bits << 8 | (i + j < plain.size() ? static_cast<unsigned char>(plain[i + j]) : 0U);
    }
    for (std::size_t j = 0; j < 4; ++j) {
      out += i + j > plain.size() ? '=' : kAlphabet[bits >> (18 - 6 * j) & 63U];
    }
  }
  return out;
}

bool whole(Bytes text) {
  if (text.size() % 4 != 0) return false;
  if (text.ends_with('=')) text.remove_suffix(1);
  if (text.size() % 4 == 3 && text.ends_with('=')) text.remove_suffix(1);
  return text.find_first_not_of(kAlphabet) == Bytes::npos;
}

std::string decode(Bytes text, fuzz::Cut how) {
  Log log;
  Base64Decoder decoder;
  bool well = true;
  fuzz::in_pieces(text, how, [&](Bytes piece) {
    const bool now = decoder.feed(piece, log);
    LLMREC_PROMISE(well || !now);
    well = now;
  });
  LLMREC_PROMISE(well || !decoder.finish());
  LLMREC_PROMISE(decoder.finish() == whole(text));
  return (decoder.finish() ? "+" : well ? "?" : "-") + log.out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(fuzz::bytes(data, size));
  const fuzz::Cut cut = input.byte();
  fuzz::same_in_every_cut(cut, [&](fuzz::Cut how) { return decode(input.rest(), how); });
  fuzz::expect_same(decode(encode(input.rest()), cut), "+" + std::string(input.rest()),
                    "what was encoded comes back");
  return 0;
}
