// What the fuzz targets share. A target is one function, LLVMFuzzerTestOneInput, in a file of its
// name; libFuzzer drives it when scripts/fuzz builds it with clang, standalone.cc replays its
// corpus everywhere else. A broken promise aborts, with one line that says which.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "base/bytes.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace llmrec::fuzz {

[[noreturn]] inline void broken(const char* promise, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: broken: %s\n", file, line, promise);
  std::abort();
}

// Prints only what follows the first difference: transcripts are long.
inline void expect_same(const std::string& a, const std::string& b, const char* what) {
  if (a == b) return;
  std::size_t at = 0;
  while (at < a.size() && at < b.size() && a[at] == b[at]) ++at;
  const std::size_t from = at > 60 ? at - 60 : 0;
  std::fprintf(stderr, "broken: %s, from %zu on\n--- %s\n--- %s\n", what, from,
               a.substr(from, 400).c_str(), b.substr(from, 400).c_str());
  std::abort();
}

inline Bytes bytes(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// Decisions first, octets behind them. What is not there is 0.
class Input {
 public:
  explicit Input(Bytes all) : rest_(all) {}
  std::uint8_t byte() {
    const Bytes b = take(1);
    return b.empty() ? std::uint8_t{0} : static_cast<std::uint8_t>(b[0]);
  }
  std::size_t number() { return static_cast<std::size_t>(byte() << 8) | byte(); }
  Bytes take(std::size_t n) {
    const Bytes out = rest_.substr(0, n);
    rest_.remove_prefix(out.size());
    return out;
  }
  Bytes rest() const { return rest_; }
  bool empty() const { return rest_.empty(); }

 private:
  Bytes rest_;
};

// splitmix64: the same everywhere, unlike the distributions of <random>.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15U;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
  }
  std::size_t below(std::size_t n) { return static_cast<std::size_t>(next() % n); }
  bool one_in(std::size_t n) { return below(n) == 0; }

 private:
  std::uint64_t state_;
};

// How an input is cut. 0: not at all; 1: every octet alone; else at places that the number draws.
using Cut = std::uint32_t;
inline constexpr Cut kWhole = 0;
inline constexpr Cut kOctets = 1;

template <class Feed>
void in_pieces(Bytes octets, Cut cut, Feed&& feed) {
  Random random(cut);
  const std::size_t longest = cut == kOctets ? 1 : 1 + random.below(64);
  while (!octets.empty()) {
    const std::size_t n = cut == kWhole ? octets.size() : 1 + random.below(longest);
    // A copy of its own: a read past the end of a piece is a read past the end of an allocation.
    const std::string piece(octets.substr(0, n));
    feed(Bytes(piece));
    octets.remove_prefix(piece.size());
  }
}

// `run(cut)` tells all that can be seen of one run, as text.
template <class Run>
void same_in_every_cut(Cut drawn, Run&& run) {
  const std::string whole = run(kWhole);
  expect_same(whole, run(kOctets), "octet by octet as in one piece");
  expect_same(whole, run(drawn + 2), "in pieces as in one piece");
}

// Octets of the heap in use; 0 where the allocator does not tell.
std::size_t heap_in_use();

inline std::string number(std::uint64_t n) { return std::to_string(n); }

}  // namespace llmrec::fuzz

#define LLMREC_PROMISE(x) ((x) ? void() : ::llmrec::fuzz::broken(#x, __FILE__, __LINE__))
