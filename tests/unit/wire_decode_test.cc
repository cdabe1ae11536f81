// Content codings against what the codecs' own encoders make, at every cut, with the caps.
#include "wire/decode.h"

#include <brotli/encode.h>
#include <doctest/doctest.h>
#include <malloc.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cstring>
#include <ostream>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#if defined(__SANITIZE_ADDRESS__)
#define LLMREC_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LLMREC_ASAN 1
#endif
#endif
#ifdef LLMREC_ASAN
extern "C" std::size_t
__sanitizer_get_current_allocated_bytes();  // g++ 12 comes without its header
#endif

using namespace llmrec;
using namespace llmrec::wire;

namespace {

struct Text final : ByteSink {
  std::string text;
  void on_bytes(Bytes b) override {
    CHECK_FALSE(b.empty());
    text += b;
  }
};

// What is large and hard to pack is packed with little effort.
int effort(Bytes text, int low, int usual) {
  const bool hard = text.find_first_not_of(text.substr(0, 1)) != Bytes::npos;
  return hard && text.size() > (1U << 20) ? low : usual;
}

std::string deflate_all(Bytes text, int window_bits, int flush_every = 0) {
  z_stream z{};
  REQUIRE(deflateInit2(&z, effort(text, 1, 9), Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY) ==
          Z_OK);
  std::string out;
  char buffer[4096];
  const auto step = [&](Bytes part, int flush) {
    z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(part.data()));
    z.avail_in = static_cast<uInt>(part.size());
    do {
      z.next_out = reinterpret_cast<Bytef*>(buffer);
      z.avail_out = sizeof buffer;
      deflate(&z, flush);
      out.append(buffer, sizeof buffer - z.avail_out);
    } while (z.avail_out == 0);
  };
  if (flush_every != 0) {
    const auto every = static_cast<std::size_t>(flush_every);
    for (; text.size() > every; text.remove_prefix(every)) {
      step(text.substr(0, every), Z_SYNC_FLUSH);
    }
  }
  step(text, Z_FINISH);
  deflateEnd(&z);
  return out;
}

std::string gzip(Bytes text, int flush_every = 0) { return deflate_all(text, 31, flush_every); }

std::string brotli(Bytes text, int window = 22, bool large_window = false) {
  BrotliEncoderState* s = BrotliEncoderCreateInstance(nullptr, nullptr, nullptr);
  BrotliEncoderSetParameter(s, BROTLI_PARAM_QUALITY,
                            static_cast<std::uint32_t>(effort(text, 3, 5)));
  if (large_window) BrotliEncoderSetParameter(s, BROTLI_PARAM_LARGE_WINDOW, 1);
  BrotliEncoderSetParameter(s, BROTLI_PARAM_LGWIN, static_cast<std::uint32_t>(window));
  std::string out;
  std::size_t in_left = text.size();
  auto* in = reinterpret_cast<const std::uint8_t*>(text.data());
  while (BrotliEncoderIsFinished(s) == BROTLI_FALSE) {
    std::uint8_t buffer[4096];
    std::size_t room = sizeof buffer;
    std::uint8_t* to = buffer;
    REQUIRE(BrotliEncoderCompressStream(s, BROTLI_OPERATION_FINISH, &in_left, &in, &room, &to,
                                        nullptr) != BROTLI_FALSE);
    out.append(reinterpret_cast<char*>(buffer), sizeof buffer - room);
  }
  BrotliEncoderDestroyInstance(s);
  return out;
}

// Without a content size in its head, as a streaming server writes it.
std::string zstd(Bytes text, int window_log = 0) {
  ZSTD_CCtx* c = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(c, ZSTD_c_contentSizeFlag, 0);
  ZSTD_CCtx_setParameter(c, ZSTD_c_compressionLevel, effort(text, 1, 3));
  if (window_log != 0) ZSTD_CCtx_setParameter(c, ZSTD_c_windowLog, window_log);
  std::string out(ZSTD_compressBound(text.size()) + 64, '\0');
  ZSTD_inBuffer in{text.data(), text.size(), 0};
  ZSTD_outBuffer to{out.data(), out.size(), 0};
  // Two calls keep the library from learning the size.
  ZSTD_inBuffer half{text.data(), text.size() / 2, 0};
  ZSTD_compressStream2(c, &to, &half, ZSTD_e_continue);
  in.pos = half.pos;
  while (ZSTD_compressStream2(c, &to, &in, ZSTD_e_end) != 0) {
  }
  ZSTD_freeCCtx(c);
  out.resize(to.pos);
  return out;
}

std::string encode(Coding coding, Bytes text) {
  switch (coding) {
    case Coding::gzip:
      return gzip(text);
    case Coding::deflate:
      return deflate_all(text, 15);
    case Coding::br:
      return brotli(text);
    case Coding::zstd:
      return zstd(text);
    case Coding::identity:
      break;
  }
  return std::string(text);
}

struct Outcome {
  std::string text;
  DecodeStatus status;
  bool complete;
  bool operator==(const Outcome&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Outcome& o) {
  return out << o.text.size() << " octets, status " << static_cast<int>(o.status)
             << (o.complete ? ", complete" : "");
}

Outcome decode(Coding coding, const std::vector<Bytes>& pieces) {
  const auto decoder = Decoder::make(coding);
  REQUIRE(decoder != nullptr);
  Text sink;
  DecodeStatus status = DecodeStatus::ok;
  for (const Bytes piece : pieces) status = decoder->feed(piece, sink);
  CHECK(decoder->bytes_out() == sink.text.size());
  return {sink.text, status, decoder->complete()};
}

Outcome decode_every_cut(Coding coding, Bytes coded) {
  const Outcome whole = decode(coding, {coded});
  std::vector<Bytes> octets;
  for (std::size_t i = 0; i < coded.size(); ++i) octets.push_back(coded.substr(i, 1));
  REQUIRE(decode(coding, octets) == whole);
  for (std::size_t cut = 0; cut <= coded.size(); ++cut) {
    const bool same = decode(coding, {coded.substr(0, cut), coded.substr(cut)}) == whole;
    REQUIRE(same);
  }
  return whole;
}

std::string sample(std::size_t size) {
  std::mt19937 random(3);
  std::string s;
  while (s.size() < size) {
    s += "data: {\"delta\":\"" + std::to_string(random() % 100000) + "\"}\n\n";
  }
  s.resize(size);
  return s;
}

// Large and hard to pack.
std::string noise(std::size_t size) {
  std::mt19937_64 random(9);
  std::string s(size, '\0');
  for (std::size_t i = 0; i + 8 <= size; i += 8) {
    const std::uint64_t word = (random() & 0x0f0f0f0f0f0f0f0fU) | 0x4040404040404040U;
    std::memcpy(s.data() + i, &word, 8);
  }
  return s;
}

constexpr Coding kCodings[] = {Coding::gzip, Coding::deflate, Coding::br, Coding::zstd};

std::size_t allocated() {
#ifdef LLMREC_ASAN
  return __sanitizer_get_current_allocated_bytes();
#else
  const struct mallinfo2 m = mallinfo2();
  return m.uordblks + m.hblkhd;
#endif
}

// Counts output and the most memory in use while it comes; keeps nothing.
struct Gauge final : ByteSink {
  std::uint64_t bytes = 0;
  std::size_t most = 0;
  void on_bytes(Bytes b) override {
    bytes += b.size();
    most = std::max(most, allocated());
  }
};

}  // namespace

TEST_CASE("decode: every coding, at every cut") {
  for (const Coding coding : kCodings) {
    CAPTURE(static_cast<int>(coding));
    for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{700}}) {
      const std::string text = sample(size);
      const Outcome o = decode_every_cut(coding, encode(coding, text));
      CHECK(o == Outcome{text, DecodeStatus::ended, true});
    }
    const std::string large = sample(300000);
    const std::string coded = encode(coding, large);
    CHECK(decode(coding, {coded}) == Outcome{large, DecodeStatus::ended, true});
    std::vector<Bytes> pieces;
    for (std::size_t i = 0; i < coded.size(); i += 977)
      pieces.push_back(Bytes(coded).substr(i, 977));
    CHECK(decode(coding, pieces) == Outcome{large, DecodeStatus::ended, true});
  }
}

TEST_CASE("decode: identity copies") {
  CHECK(decode(Coding::identity, {"ab", "c"}) == Outcome{"abc", DecodeStatus::ok, true});
}

TEST_CASE("decode: a body that stops early keeps its output and is not complete") {
  const std::string text = sample(5000);
  for (const Coding coding : kCodings) {
    CAPTURE(static_cast<int>(coding));
    const std::string coded = encode(coding, text);
    for (std::size_t size = 1; size < coded.size(); size += 7) {
      const Outcome o = decode(coding, {Bytes(coded).substr(0, size)});
      CHECK(o.status == DecodeStatus::ok);
      CHECK_FALSE(o.complete);
      CHECK(text.starts_with(o.text));
    }
    const auto untouched = Decoder::make(coding);
    CHECK(untouched->complete());
  }
}

TEST_CASE("decode: what was flushed is seen at once") {
  const std::string text = sample(1000);
  const std::string coded = gzip(text, 100);
  const auto decoder = Decoder::make(Coding::gzip);
  Text sink;
  std::size_t fed = 0;
  // A sync flush ends with the octets 00 00 ff ff.
  const std::string mark("\0\0\xff\xff", 4);
  for (std::size_t flushes = 1; flushes <= 9; ++flushes) {
    const std::size_t end = coded.find(mark, fed) + mark.size();
    CHECK(decoder->feed(Bytes(coded).substr(fed, end - fed), sink) == DecodeStatus::ok);
    fed = end;
    CHECK(sink.text.size() == flushes * 100);
  }
  CHECK(decoder->feed(Bytes(coded).substr(fed), sink) == DecodeStatus::ended);
  CHECK(sink.text == text);
}

TEST_CASE("decode: members and frames follow each other") {
  const std::string a = sample(300);
  const std::string b = "second";
  CHECK(decode_every_cut(Coding::gzip, gzip(a) + gzip(b) + gzip("")) ==
        Outcome{a + b, DecodeStatus::ended, true});
  CHECK(decode_every_cut(Coding::zstd, zstd(a) + zstd(b)) ==
        Outcome{a + b, DecodeStatus::ended, true});
  CHECK(decode_every_cut(Coding::gzip, gzip(a) + std::string(40, '\0')) ==
        Outcome{a, DecodeStatus::ended, true});
  CHECK(decode(Coding::gzip, {gzip(a) + gzip(b).substr(0, 12)}).complete == false);
  for (const Coding coding : kCodings) {
    CHECK(decode_every_cut(coding, encode(coding, a) + "trash") ==
          Outcome{a, DecodeStatus::error, false});
  }
}

TEST_CASE("decode: deflate with and without the zlib wrapper") {
  const std::string text = sample(400);
  for (const int window_bits : {15, 9, -15, -9}) {
    CHECK(decode_every_cut(Coding::deflate, deflate_all(text, window_bits)) ==
          Outcome{text, DecodeStatus::ended, true});
  }
}

TEST_CASE("decode: another coding than announced, and damage") {
  const std::string json = "{\"id\":\"x\",\"object\":\"chat.completion\"}";
  for (const Coding coding : {Coding::gzip, Coding::deflate, Coding::zstd}) {
    const Outcome o = decode_every_cut(coding, json);
    CHECK(o.status == DecodeStatus::error);
    CHECK_FALSE(o.complete);
  }
  const std::string text = sample(2000);
  std::mt19937 random(5);
  for (const Coding coding : kCodings) {
    const std::string good = encode(coding, text);
    for (int i = 0; i < 300; ++i) {
      std::string coded = good;
      coded[random() % coded.size()] = static_cast<char>(random());
      const Outcome o = decode(coding, {coded});  // whatever it says, it ends and is bounded
      CHECK(o.text.size() < 2000000);
    }
  }
  std::string coded = gzip(text);
  coded[coded.size() - 6] = static_cast<char>(coded[coded.size() - 6] ^ 1);  // of the checksum
  const Outcome o = decode_every_cut(Coding::gzip, coded);
  CHECK(o.status == DecodeStatus::error);
  Text sink;
  const auto decoder = Decoder::make(Coding::gzip);
  decoder->feed("no gzip at all", sink);
  CHECK(decoder->feed(gzip(text), sink) == DecodeStatus::error);
  CHECK(sink.text.empty());
}

TEST_CASE("decode: what comes before damage comes for every cut") {
  const std::string text = sample(400) + noise(200);
  // Blocks that a server flushed, and a frame that tells its size.
  std::string blocks;
  ZSTD_CCtx* c = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(c, ZSTD_c_checksumFlag, 1);
  for (std::size_t at = 0; at < text.size(); at += 60) {
    char room[1024];
    const Bytes part = Bytes(text).substr(at, 60);
    ZSTD_inBuffer in{part.data(), part.size(), 0};
    ZSTD_outBuffer to{room, sizeof room, 0};
    ZSTD_compressStream2(c, &to, &in, at + 60 < text.size() ? ZSTD_e_flush : ZSTD_e_end);
    blocks.append(room, to.pos);
  }
  std::string sized(ZSTD_compressBound(text.size()), '\0');
  sized.resize(ZSTD_compress2(c, sized.data(), sized.size(), text.data(), text.size()));
  ZSTD_freeCCtx(c);
  struct Row {
    Coding coding;
    std::string coded;
  };
  std::mt19937 random(7);
  for (const Row& row :
       {Row{Coding::zstd, blocks}, Row{Coding::zstd, sized}, Row{Coding::zstd, sized + blocks},
        Row{Coding::gzip, gzip(text, 60)}, Row{Coding::deflate, deflate_all(text, 15, 60)}}) {
    const Outcome good = decode_every_cut(row.coding, row.coded);
    CHECK(good.text.substr(0, text.size()) == text);
    CHECK(good.complete);
    for (int i = 0; i < 40; ++i) {
      std::string coded = row.coded;
      coded[random() % coded.size()] ^= static_cast<char>(1U << random() % 8);
      decode_every_cut(row.coding, coded);
    }
  }
}

TEST_CASE("decode: bombs stop at the caps, in bounded memory") {
  const std::string zeros(std::size_t{80} << 20, '\0');
  const std::string plain = noise(std::size_t{70} << 20);
  for (const Coding coding : kCodings) {
    CAPTURE(static_cast<int>(coding));
    for (const bool by_ratio : {true, false}) {
      const std::string coded = encode(coding, by_ratio ? zeros : plain);
      const std::size_t before = allocated();
      const auto decoder = Decoder::make(coding);
      Gauge gauge;
      DecodeStatus status = DecodeStatus::ok;
      for (std::size_t i = 0; i < coded.size(); i += 65536) {
        status = decoder->feed(Bytes(coded).substr(i, 65536), gauge);
      }
      CHECK(status == DecodeStatus::limit);
      CHECK_FALSE(decoder->complete());
      if (by_ratio) {
        CHECK(gauge.bytes >= limits::kDecodeRatioFrom);
        CHECK(gauge.bytes < 2 * limits::kDecodeRatioFrom);
      } else {
        CHECK(gauge.bytes == limits::kDecodedMax);
      }
      CHECK(gauge.most - before < (std::size_t{18} << 20));
    }
  }
}

TEST_CASE("decode: exactly the most output is no bomb") {
  const std::string text = noise(limits::kDecodedMax);
  const auto decoder = Decoder::make(Coding::gzip);
  Gauge gauge;
  CHECK(decoder->feed(deflate_all(text, 31), gauge) == DecodeStatus::ended);
  CHECK(gauge.bytes == limits::kDecodedMax);
}

TEST_CASE("decode: the ratio strikes at the same octet for every cut") {
  const std::string coded = gzip(std::string(std::size_t{3} << 20, 'a'));
  std::uint64_t expected = 0;
  for (const std::size_t piece : {coded.size(), std::size_t{1}, std::size_t{7}, std::size_t{500}}) {
    const auto decoder = Decoder::make(Coding::gzip);
    Gauge gauge;
    DecodeStatus status = DecodeStatus::ok;
    for (std::size_t i = 0; i < coded.size(); i += piece) {
      status = decoder->feed(Bytes(coded).substr(i, piece), gauge);
    }
    CHECK(status == DecodeStatus::limit);
    if (expected == 0) expected = gauge.bytes;
    CHECK(gauge.bytes == expected);
  }
}

TEST_CASE("decode: windows beyond ours are named") {
  const std::string text = noise(std::size_t{20} << 20);
  const auto status_of = [](Coding coding, const std::string& coded) {
    const auto decoder = Decoder::make(coding);
    Gauge gauge;
    return decoder->feed(coded, gauge);
  };
  CHECK(status_of(Coding::zstd, zstd(text, 23)) == DecodeStatus::ended);
  CHECK(status_of(Coding::zstd, zstd(text, 24)) == DecodeStatus::window);
  CHECK(status_of(Coding::zstd, zstd(text, 27)) == DecodeStatus::window);
  CHECK(status_of(Coding::br, brotli(text, 24)) == DecodeStatus::ended);
  CHECK(status_of(Coding::br, brotli(text, 26, true)) == DecodeStatus::window);
}

TEST_CASE("decode: names") {
  CHECK(coding_by_name("gzip") == Coding::gzip);
  CHECK(coding_by_name("X-GZip") == Coding::gzip);
  CHECK(coding_by_name("deflate") == Coding::deflate);
  CHECK(coding_by_name("BR") == Coding::br);
  CHECK(coding_by_name("zstd") == Coding::zstd);
  CHECK(coding_by_name("identity") == Coding::identity);
  CHECK(coding_by_name("compress") == std::nullopt);
  CHECK(coding_by_name("") == std::nullopt);
  CHECK(looks_gzip(gzip("x")));
  CHECK_FALSE(looks_gzip("\x1f"));
  CHECK_FALSE(looks_gzip("{}"));
}

TEST_CASE("decode: a chain is undone from right to left") {
  const std::string text = sample(500);
  Bytes unknown;
  const std::string coded = brotli(gzip(text));
  for (const Bytes value : {Bytes("gzip, br"), Bytes(" ,GZIP\t,, identity ,br,")}) {
    for (std::size_t cut = 0; cut <= coded.size(); ++cut) {
      const auto chain = DecoderChain::make(value, unknown);
      REQUIRE(chain != nullptr);
      Text sink;
      chain->feed(Bytes(coded).substr(0, cut), sink);
      CHECK(chain->complete() == (cut == 0 || cut == coded.size()));
      if (cut != coded.size()) {
        REQUIRE(chain->feed(Bytes(coded).substr(cut), sink) == DecodeStatus::ended);
      }
      REQUIRE(sink.text == text);
      CHECK(chain->bytes_out() == text.size());
    }
  }
  const auto wrong = DecoderChain::make("br, gzip", unknown);
  Text sink;
  CHECK(wrong->feed(coded, sink) == DecodeStatus::error);
  const auto inner_wrong = DecoderChain::make("zstd, br", unknown);
  CHECK(inner_wrong->feed(coded, sink) == DecodeStatus::error);
  CHECK(inner_wrong->feed(coded, sink) == DecodeStatus::error);
  CHECK(sink.text.empty());

  CHECK(DecoderChain::make("gzip, exi", unknown) == nullptr);
  CHECK(unknown == "exi");
  CHECK(DecoderChain::make("gzip,gzip,gzip,br", unknown) == nullptr);
  CHECK(unknown == "br");
  for (const Bytes none : {"", "identity", " , "}) {
    const auto copy = DecoderChain::make(none, unknown);
    REQUIRE(copy != nullptr);
    CHECK(unknown.empty());
    CHECK(copy->identity());
    Text copied;
    CHECK(copy->feed("abc", copied) == DecodeStatus::ok);
    CHECK(copied.text == "abc");
    CHECK(copy->complete());
  }
}

TEST_CASE("decode: a chain that has failed stays so, whatever still comes") {
  Bytes unknown;
  const auto chain = DecoderChain::make("gzip, gzip", unknown);
  REQUIRE(chain != nullptr);
  Text sink;
  const std::string coded = gzip("this is no gzip, but what is around it is") + gzip(gzip("x"));
  const std::size_t cut = coded.size() - gzip(gzip("x")).size();
  CHECK(chain->feed(Bytes(coded).substr(0, cut), sink) == DecodeStatus::error);
  CHECK(chain->feed(Bytes(coded).substr(cut), sink) == DecodeStatus::error);
  CHECK(chain->feed("", sink) == DecodeStatus::error);
  CHECK_FALSE(chain->complete());
  CHECK(sink.text.empty());
}

TEST_CASE("decode: a sink that throws is an error, not a crash") {
  struct Thrower final : ByteSink {
    void on_bytes(Bytes) override { throw std::runtime_error("no"); }
  } sink;
  for (const Coding coding : {Coding::gzip, Coding::identity}) {
    const auto decoder = Decoder::make(coding);
    CHECK(decoder->feed(encode(coding, "text"), sink) == DecodeStatus::error);
  }
}
