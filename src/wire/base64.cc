#include "wire/base64.h"

#include <array>

namespace llmrec::wire {
namespace {

constexpr std::uint8_t kNone = 0xff;

constexpr std::array<std::uint8_t, 256> make_values() {
  constexpr Bytes kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::array<std::uint8_t, 256> values{};
  values.fill(kNone);
  for (std::size_t i = 0; i < kAlphabet.size(); ++i) {
    values[static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::uint8_t>(i);
  }
  return values;
}

constexpr std::array<std::uint8_t, 256> kValues = make_values();

}  // namespace

bool Base64Decoder::feed(Bytes text, ByteSink& sink) {
  std::array<char, 768> out;  // the sink is called once for this many octets
  std::size_t size = 0;
  for (const char c : text) {
    if (bad_) break;
    const std::uint8_t value = kValues[static_cast<unsigned char>(c)];
    const bool pad = c == '=';
    if (ended_ || (pad ? held_ < 2 : value == kNone || padding_ != 0)) {
      bad_ = true;
      break;
    }
    bits_ = bits_ << 6 | (pad ? 0U : value);
    padding_ = static_cast<std::uint8_t>(padding_ + (pad ? 1 : 0));
    if (++held_ != 4) continue;
    const std::size_t octets = 3U - padding_;
    for (std::size_t i = 0; i < octets; ++i) {
      out[size++] = static_cast<char>(bits_ >> (16 - 8 * i) & 0xffU);
    }
    ended_ = padding_ != 0;
    bits_ = held_ = padding_ = 0;
    if (size > out.size() - 3) {
      sink.on_bytes({out.data(), size});
      size = 0;
    }
  }
  if (size != 0) sink.on_bytes({out.data(), size});
  return !bad_;
}

}  // namespace llmrec::wire
