#include "wire/decode.h"

#define ZLIB_CONST  // zlib then takes const input
#include <brotli/decode.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <limits>
#include <new>

namespace llmrec::wire {
namespace {

// Output is made in blocks that end at multiples of this, wherever the input was cut, so that a
// limit strikes at the same octet for every cut.
constexpr std::size_t kBlock = 16 * 1024;
static_assert(limits::kDecodedMax % kBlock == 0);

struct Step {
  DecodeStatus status;
  std::size_t consumed;
  std::size_t produced;
};

// The loop and the caps; a coding only makes single steps.
class BlockDecoder : public Decoder {
 public:
  DecodeStatus feed(Bytes coded, ByteSink& sink) noexcept final {
    if (failed(status_) || coded.empty()) return status_;
    try {
      status_ = run(coded, sink);
    } catch (...) {
      status_ = DecodeStatus::error;
    }
    return status_;
  }

  bool complete() const final {
    return status_ == DecodeStatus::ended || (status_ == DecodeStatus::ok && bytes_in_ == 0);
  }

 protected:
  // Never called with empty input after `ended`.
  virtual Step step(Bytes coded, char* out, std::size_t room) = 0;

 private:
  DecodeStatus run(Bytes coded, ByteSink& sink) {
    char out[kBlock];
    for (;;) {
      const std::size_t room = kBlock - static_cast<std::size_t>(bytes_out_ % kBlock);
      const Step s = step(coded, out, room);
      bytes_in_ += s.consumed;
      coded.remove_prefix(s.consumed);
      if (s.produced != 0) {
        if (bytes_out_ + s.produced > limits::kDecodedMax) return DecodeStatus::limit;
        bytes_out_ += s.produced;
        sink.on_bytes({out, s.produced});
      }
      if (failed(s.status)) return s.status;
      if (s.produced == room && bytes_out_ >= limits::kDecodeRatioFrom &&
          bytes_out_ / limits::kDecodeRatioMax > bytes_in_) {
        return DecodeStatus::limit;
      }
      const bool may_hold_output = s.produced == room && s.status == DecodeStatus::ok;
      if (coded.empty() && !may_hold_output) return s.status;
      if (s.consumed == 0 && s.produced == 0) return DecodeStatus::error;
    }
  }

  std::uint64_t bytes_in_ = 0;
  DecodeStatus status_ = DecodeStatus::ok;
};

class ZlibDecoder final : public BlockDecoder {
 public:
  // Window bits as inflateInit2() takes them; 0: found out from the first two octets.
  static constexpr int kGzip = 15 + 16;
  static constexpr int kZlib = 15;
  static constexpr int kRaw = -15;

  explicit ZlibDecoder(int window_bits) : window_bits_(window_bits) {
    if (window_bits_ != 0) init();
  }
  ~ZlibDecoder() override {
    if (ready_) inflateEnd(&z_);
  }
  bool ready() const { return ready_ || window_bits_ == 0; }

 private:
  void init() { ready_ = inflateInit2(&z_, window_bits_) == Z_OK; }

  Step step(Bytes coded, char* out, std::size_t room) override {
    if (!ready_) return sniff(coded, out, room);
    if (ended_) return after_end(coded, out, room);
    return inflate_some(coded, out, room);
  }

  // RFC 9110 §8.4.1.2 means the zlib format, some servers send bare deflate.
  Step sniff(Bytes coded, char* out, std::size_t room) {
    if (!has_first_ && coded.size() == 1) {
      first_ = coded[0];
      has_first_ = true;
      return {DecodeStatus::ok, 1, 0};
    }
    const auto cmf = static_cast<unsigned char>(has_first_ ? first_ : coded[0]);
    const auto flg = static_cast<unsigned char>(has_first_ ? coded[0] : coded[1]);
    const bool zlib = (cmf & 0x0f) == 8 && (cmf >> 4) <= 7 && (cmf * 256 + flg) % 31 == 0;
    window_bits_ = zlib ? kZlib : kRaw;
    init();
    if (!ready_) return {DecodeStatus::error, 0, 0};
    if (has_first_) {  // too little to make output, in either format
      const Step s = inflate_some({&first_, 1}, out, room);
      if (failed(s.status)) return {s.status, 0, 0};
    }
    return inflate_some(coded, out, room);
  }

  Step inflate_some(Bytes coded, char* out, std::size_t room) {
    const std::size_t most = std::numeric_limits<uInt>::max();
    const std::size_t given = std::min(coded.size(), most);
    z_.next_in = reinterpret_cast<const Bytef*>(coded.data());
    z_.avail_in = static_cast<uInt>(given);
    z_.next_out = reinterpret_cast<Bytef*>(out);
    z_.avail_out = static_cast<uInt>(room);
    const int rc = inflate(&z_, Z_NO_FLUSH);
    const std::size_t consumed = given - z_.avail_in;
    const std::size_t produced = room - z_.avail_out;
    ended_ = rc == Z_STREAM_END;
    const bool fine = rc == Z_OK || rc == Z_BUF_ERROR || ended_;
    return {!fine    ? DecodeStatus::error
            : ended_ ? DecodeStatus::ended
                     : DecodeStatus::ok,
            consumed, produced};
  }

  // RFC 1952 §2.2: members follow each other. Some writers pad the last with zeros, as gzip(1)
  // allows.
  Step after_end(Bytes coded, char* out, std::size_t room) {
    if (window_bits_ != kGzip) return {DecodeStatus::error, 0, 0};
    const std::size_t padding = std::min(coded.find_first_not_of('\0'), coded.size());
    if (padding != 0) return {DecodeStatus::ended, padding, 0};
    if (inflateReset(&z_) != Z_OK) return {DecodeStatus::error, 0, 0};
    return inflate_some(coded, out, room);
  }

  z_stream z_{};
  int window_bits_;
  char first_ = 0;
  bool has_first_ = false;
  bool ready_ = false;
  bool ended_ = false;
};

class BrotliDecoder final : public BlockDecoder {
 public:
  BrotliDecoder() : state_(BrotliDecoderCreateInstance(nullptr, nullptr, nullptr)) {}
  ~BrotliDecoder() override {
    if (state_ != nullptr) BrotliDecoderDestroyInstance(state_);
  }
  bool ready() const { return state_ != nullptr; }

 private:
  // Large windows (not RFC 7932) stay off, which is the library's default.
  Step step(Bytes coded, char* out, std::size_t room) override {
    if (BrotliDecoderIsFinished(state_)) return {DecodeStatus::error, 0, 0};
    std::size_t in_left = coded.size();
    auto* in = reinterpret_cast<const std::uint8_t*>(coded.data());
    std::size_t out_left = room;
    auto* to = reinterpret_cast<std::uint8_t*>(out);
    const auto rc = BrotliDecoderDecompressStream(state_, &in_left, &in, &out_left, &to, nullptr);
    DecodeStatus status = DecodeStatus::ok;
    if (rc == BROTLI_DECODER_RESULT_SUCCESS) status = DecodeStatus::ended;
    if (rc == BROTLI_DECODER_RESULT_ERROR) {
      const bool window =
          BrotliDecoderGetErrorCode(state_) == BROTLI_DECODER_ERROR_FORMAT_WINDOW_BITS;
      status = window ? DecodeStatus::window : DecodeStatus::error;
    }
    return {status, coded.size() - in_left, room - out_left};
  }

  BrotliDecoderState* state_;
};

class ZstdDecoder final : public BlockDecoder {
 public:
  ZstdDecoder() : stream_(ZSTD_createDStream()) {
    if (stream_ == nullptr) return;
    ready_ = ZSTD_isError(ZSTD_DCtx_setParameter(stream_, ZSTD_d_windowLogMax,
                                                 limits::kZstdWindowLogMax)) == 0;
  }
  ~ZstdDecoder() override { ZSTD_freeDStream(stream_); }
  bool ready() const { return ready_; }

 private:
  // A call that meets damage forgets what it had decoded before it, and a frame that is all there
  // is taken in one go. So a call gets what is inside, or what makes one block, and no more.
  Step step(Bytes coded, char* out, std::size_t room) override {
    if (full_) {
      const Step s = run({}, out, room);
      if (s.produced != 0 || coded.empty() || failed(s.status)) return s;
    }
    return run(coded.substr(0, wanted_), out, room);
  }

  Step run(Bytes coded, char* out, std::size_t room) {
    constexpr std::size_t kBlockHeader = 3;
    ZSTD_inBuffer in{coded.data(), coded.size(), 0};
    ZSTD_outBuffer to{out, room, 0};
    const std::size_t rc = ZSTD_decompressStream(stream_, &to, &in);
    full_ = to.pos == room;
    if (ZSTD_isError(rc) != 0) {
      const bool window = ZSTD_getErrorCode(rc) == ZSTD_error_frameParameter_windowTooLarge;
      return {window ? DecodeStatus::window : DecodeStatus::error, in.pos, to.pos};
    }
    // What it asks for is a block and the header of the next.
    wanted_ = rc > kBlockHeader ? rc - kBlockHeader : 1;
    return {rc == 0 ? DecodeStatus::ended : DecodeStatus::ok, in.pos, to.pos};
  }

  ZSTD_DStream* stream_;
  std::size_t wanted_ = 1;  // octets of the next call
  bool full_ = false;       // there may be more output inside
  bool ready_ = false;
};

class IdentityDecoder final : public Decoder {
 public:
  DecodeStatus feed(Bytes coded, ByteSink& sink) noexcept override {
    try {
      bytes_out_ += coded.size();
      sink.on_bytes(coded);
      return DecodeStatus::ok;
    } catch (...) {
      return DecodeStatus::error;
    }
  }
  bool complete() const override { return true; }
};

template <class D, class... Args>
std::unique_ptr<Decoder> ready_or_null(Args... args) {
  auto decoder = std::make_unique<D>(args...);
  if (!decoder->ready()) return nullptr;
  return decoder;
}

Bytes trim(Bytes b) {
  while (!b.empty() && (b.front() == ' ' || b.front() == '\t')) b.remove_prefix(1);
  while (!b.empty() && (b.back() == ' ' || b.back() == '\t')) b.remove_suffix(1);
  return b;
}

}  // namespace

std::optional<Coding> coding_by_name(Bytes token) {
  if (equals_ignoring_case(token, "identity")) return Coding::identity;
  if (equals_ignoring_case(token, "gzip") || equals_ignoring_case(token, "x-gzip")) {
    return Coding::gzip;
  }
  if (equals_ignoring_case(token, "deflate")) return Coding::deflate;
  if (equals_ignoring_case(token, "br")) return Coding::br;
  if (equals_ignoring_case(token, "zstd")) return Coding::zstd;
  return std::nullopt;
}

std::unique_ptr<Decoder> Decoder::make(Coding coding) {
  try {
    switch (coding) {
      case Coding::gzip:
        return ready_or_null<ZlibDecoder>(ZlibDecoder::kGzip);
      case Coding::deflate:
        return ready_or_null<ZlibDecoder>(0);
      case Coding::br:
        return ready_or_null<BrotliDecoder>();
      case Coding::zstd:
        return ready_or_null<ZstdDecoder>();
      case Coding::identity:
        break;
    }
    return std::make_unique<IdentityDecoder>();
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

std::unique_ptr<DecoderChain> DecoderChain::make(Bytes content_encoding_value,
                                                 Bytes& unknown_token) {
  auto chain = std::make_unique<DecoderChain>();
  Bytes rest = content_encoding_value;
  while (!rest.empty()) {
    const std::size_t comma = std::min(rest.find(','), rest.size());
    const Bytes token = trim(rest.substr(0, comma));
    rest.remove_prefix(std::min(comma + 1, rest.size()));
    if (token.empty()) continue;  // RFC 9110 §5.6.1.2: empty list members do not count
    const std::optional<Coding> coding = coding_by_name(token);
    if (coding == Coding::identity) continue;
    unknown_token = token;
    if (!coding || chain->stages_.size() == limits::kCodingsMax) return nullptr;
    auto decoder = Decoder::make(*coding);
    if (decoder == nullptr) {
      unknown_token = {};
      return nullptr;
    }
    chain->stages_.push_back(std::move(decoder));
  }
  unknown_token = {};
  std::reverse(chain->stages_.begin(), chain->stages_.end());
  return chain;
}

DecodeStatus DecoderChain::feed(Bytes coded, ByteSink& sink) noexcept {
  if (failed(status_)) return status_;
  status_ = feed_stage(0, coded, sink);
  if (failed(status_) || stages_.empty()) return status_;
  return complete() ? DecodeStatus::ended : DecodeStatus::ok;
}

DecodeStatus DecoderChain::feed_stage(std::size_t stage, Bytes coded, ByteSink& sink) noexcept {
  if (stage == stages_.size()) {
    try {
      copied_ += coded.size();
      sink.on_bytes(coded);
      return DecodeStatus::ok;
    } catch (...) {
      return DecodeStatus::error;
    }
  }
  struct Next final : ByteSink {
    Next(DecoderChain& c, std::size_t n, ByteSink& s) : chain(c), stage(n), last(s) {}
    void on_bytes(Bytes b) override {
      if (!failed(status)) status = chain.feed_stage(stage, b, last);
    }
    DecoderChain& chain;
    std::size_t stage;
    ByteSink& last;
    DecodeStatus status = DecodeStatus::ok;
  } next(*this, stage + 1, sink);
  const DecodeStatus own = stages_[stage]->feed(coded, next);
  return failed(next.status) ? next.status : own;
}

bool DecoderChain::complete() const {
  return std::all_of(stages_.begin(), stages_.end(), [](const auto& d) { return d->complete(); });
}

std::uint64_t DecoderChain::bytes_out() const { return copied_; }

}  // namespace llmrec::wire
