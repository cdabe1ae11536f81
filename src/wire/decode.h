// Content codings (RFC 9110 §8.4), undone on a copy of the body as it passes: gzip, deflate (RFC
// 1950 and, as some servers send it, bare RFC 1951), br (RFC 7932), zstd (RFC 8878).
// Knows no HTTP: the caller brings the value of Content-Encoding.
// Owned by one message; one thread. All output of a feed is handed on in that feed, so that a
// flushed event stream is seen as it was flushed.
// What comes out does not depend on how the input is cut. One exception: how much of a damaged br
// stream is handed on before the damage is noticed, which is the library's affair.
// Memory: zlib 40 KiB, br up to 16 MiB (its largest plain window), zstd up to 8 MiB and a block.
// Output is capped by limits::kDecodedMax and limits::kDecodeRatioMax.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/limits.h"

namespace llmrec::wire {

enum class Coding { identity, gzip, deflate, br, zstd };

// A token of Content-Encoding, any case; x-gzip is gzip. nullopt: unknown.
std::optional<Coding> coding_by_name(Bytes token);

enum class DecodeStatus {
  ok,
  ended,   // the coded stream is complete; a further gzip member or zstd frame continues it
  error,   // not this coding, or damaged
  limit,   // too much output, in octets or for the input
  window,  // wants a larger window than we allow
};

constexpr bool failed(DecodeStatus s) { return s != DecodeStatus::ok && s != DecodeStatus::ended; }

class ByteSink {
 public:
  virtual ~ByteSink() = default;
  virtual void on_bytes(Bytes) = 0;  // the view is valid during the call; may throw: error
};

// After error, limit or window further octets are ignored and the status stays.
class Decoder {
 public:
  static std::unique_ptr<Decoder> make(Coding);  // nullptr: no memory
  virtual ~Decoder() = default;
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  virtual DecodeStatus feed(Bytes coded, ByteSink& sink) noexcept = 0;
  // At the end of the message: was the coded stream whole? A body without an octet is.
  virtual bool complete() const = 0;
  std::uint64_t bytes_out() const { return bytes_out_; }

 protected:
  Decoder() = default;
  std::uint64_t bytes_out_ = 0;
};

// All codings of a Content-Encoding value, undone from right to left.
class DecoderChain {
 public:
  // nullptr: a token is unknown, or there are more than limits::kCodingsMax; `unknown_token` is
  // then the offending token (a view into the value); it is empty where memory was short. An empty
  // value or "identity" copies. May throw bad_alloc.
  static std::unique_ptr<DecoderChain> make(Bytes content_encoding_value, Bytes& unknown_token);

  DecodeStatus feed(Bytes coded, ByteSink& sink) noexcept;
  bool complete() const;
  std::uint64_t bytes_out() const;
  bool identity() const { return stages_.empty(); }

 private:
  DecodeStatus feed_stage(std::size_t stage, Bytes coded, ByteSink& sink) noexcept;

  std::vector<std::unique_ptr<Decoder>> stages_;  // in the order of undoing
  std::uint64_t copied_ = 0;
  DecodeStatus status_ = DecodeStatus::ok;
};

// Some servers gzip without saying so; the magic number of RFC 1952 §2.3.1 tells.
constexpr bool looks_gzip(Bytes first_octets) {
  return first_octets.size() >= 2 && first_octets[0] == '\x1f' && first_octets[1] == '\x8b';
}

}  // namespace llmrec::wire
