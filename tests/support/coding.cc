#include "support/coding.h"

#include <brotli/decode.h>
#include <brotli/encode.h>
#include <zlib.h>
#include <zstd.h>

#include <array>
#include <cstdint>
#include <memory>
#include <stdexcept>

#include "support/handles.h"

namespace llmrec::support {
namespace {

using Buffer = std::array<unsigned char, 65536>;
using Pieces = std::vector<std::string>;

void need(bool ok, const char* what) {
  if (!ok) throw std::runtime_error(std::string("cannot encode: ") + what);
}

void append(std::string& to, const Buffer& from, std::size_t n) {
  to.append(reinterpret_cast<const char*>(from.data()), n);
}

constexpr int window_bits(Coding coding) { return coding == Coding::gzip ? 15 + 16 : 15; }

Pieces encode_zlib(Coding coding, const Pieces& pieces) {
  z_stream z{};
  need(deflateInit2(&z, 6, Z_DEFLATED, window_bits(coding), 8, Z_DEFAULT_STRATEGY) == Z_OK, "zlib");
  const std::unique_ptr<z_stream, FreeWith<deflateEnd>> guard(&z);
  Pieces out;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    std::string text = pieces[i];
    z.next_in = reinterpret_cast<unsigned char*>(text.data());
    z.avail_in = static_cast<unsigned>(text.size());
    std::string coded;
    Buffer buffer;
    do {
      z.next_out = buffer.data();
      z.avail_out = buffer.size();
      deflate(&z, i + 1 == pieces.size() ? Z_FINISH : Z_SYNC_FLUSH);
      append(coded, buffer, buffer.size() - z.avail_out);
    } while (z.avail_out == 0);
    out.push_back(std::move(coded));
  }
  return out;
}

Pieces encode_brotli(const Pieces& pieces) {
  const std::unique_ptr<BrotliEncoderState, FreeWith<BrotliEncoderDestroyInstance>> state(
      BrotliEncoderCreateInstance(nullptr, nullptr, nullptr));
  need(state != nullptr, "brotli");
  BrotliEncoderSetParameter(state.get(), BROTLI_PARAM_QUALITY, 5);
  Pieces out;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const auto operation =
        i + 1 == pieces.size() ? BROTLI_OPERATION_FINISH : BROTLI_OPERATION_FLUSH;
    const auto* in = reinterpret_cast<const std::uint8_t*>(pieces[i].data());
    std::size_t in_size = pieces[i].size();
    std::string coded;
    Buffer buffer;
    do {
      std::uint8_t* to = buffer.data();
      std::size_t room = buffer.size();
      need(BrotliEncoderCompressStream(state.get(), operation, &in_size, &in, &room, &to,
                                       nullptr) == BROTLI_TRUE,
           "brotli");
      append(coded, buffer, buffer.size() - room);
    } while (in_size > 0 || BrotliEncoderHasMoreOutput(state.get()) == BROTLI_TRUE);
    out.push_back(std::move(coded));
  }
  return out;
}

Pieces encode_zstd(const Pieces& pieces) {
  const std::unique_ptr<ZSTD_CCtx, FreeWith<ZSTD_freeCCtx>> context(ZSTD_createCCtx());
  need(context != nullptr, "zstd");
  Pieces out;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    ZSTD_inBuffer in{pieces[i].data(), pieces[i].size(), 0};
    std::string coded;
    Buffer buffer;
    std::size_t left = 1;
    while (left > 0 || in.pos < in.size) {
      ZSTD_outBuffer to{buffer.data(), buffer.size(), 0};
      left = ZSTD_compressStream2(context.get(), &to, &in,
                                  i + 1 == pieces.size() ? ZSTD_e_end : ZSTD_e_flush);
      need(ZSTD_isError(left) == 0, "zstd");
      append(coded, buffer, to.pos);
    }
    out.push_back(std::move(coded));
  }
  return out;
}

Decoded decode_zlib(Coding coding, Bytes bytes) {
  z_stream z{};
  need(inflateInit2(&z, window_bits(coding)) == Z_OK, "zlib");
  const std::unique_ptr<z_stream, FreeWith<inflateEnd>> guard(&z);
  std::string in(bytes);
  z.next_in = reinterpret_cast<unsigned char*>(in.data());
  z.avail_in = static_cast<unsigned>(in.size());
  Decoded out;
  Buffer buffer;
  do {
    z.next_out = buffer.data();
    z.avail_out = buffer.size();
    const int result = inflate(&z, Z_SYNC_FLUSH);
    append(out.text, buffer, buffer.size() - z.avail_out);
    out.complete = result == Z_STREAM_END;
    out.broken = result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR;
  } while (!out.complete && !out.broken && (z.avail_in > 0 || z.avail_out == 0));
  out.broken = out.broken || (out.complete && z.avail_in > 0);
  return out;
}

Decoded decode_brotli(Bytes bytes) {
  const std::unique_ptr<BrotliDecoderState, FreeWith<BrotliDecoderDestroyInstance>> state(
      BrotliDecoderCreateInstance(nullptr, nullptr, nullptr));
  need(state != nullptr, "brotli");
  const auto* in = reinterpret_cast<const std::uint8_t*>(bytes.data());
  std::size_t in_size = bytes.size();
  Decoded out;
  Buffer buffer;
  BrotliDecoderResult result = BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT;
  // "Needs more input" does not mean that all output has been handed over (brotli 1.0.9).
  while (result == BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT ||
         BrotliDecoderHasMoreOutput(state.get()) == BROTLI_TRUE) {
    std::uint8_t* to = buffer.data();
    std::size_t room = buffer.size();
    result = BrotliDecoderDecompressStream(state.get(), &in_size, &in, &room, &to, nullptr);
    append(out.text, buffer, buffer.size() - room);
    if (result == BROTLI_DECODER_RESULT_ERROR) break;
  }
  out.complete = result == BROTLI_DECODER_RESULT_SUCCESS;
  out.broken = result == BROTLI_DECODER_RESULT_ERROR || (out.complete && in_size > 0);
  return out;
}

Decoded decode_zstd(Bytes bytes) {
  const std::unique_ptr<ZSTD_DCtx, FreeWith<ZSTD_freeDCtx>> context(ZSTD_createDCtx());
  need(context != nullptr, "zstd");
  ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
  Decoded out;
  Buffer buffer;
  bool full = false;
  while (in.pos < in.size || full) {
    ZSTD_outBuffer to{buffer.data(), buffer.size(), 0};
    const std::size_t left = ZSTD_decompressStream(context.get(), &to, &in);
    append(out.text, buffer, to.pos);
    full = to.pos == to.size;
    out.broken = ZSTD_isError(left) != 0;
    out.complete = !out.broken && left == 0;
    if (out.broken || out.complete) break;
  }
  out.broken = out.broken || (out.complete && in.pos < in.size);
  return out;
}

}  // namespace

const char* name_of(Coding coding) {
  switch (coding) {
    case Coding::identity:
      return "identity";
    case Coding::gzip:
      return "gzip";
    case Coding::deflate:
      return "deflate";
    case Coding::br:
      return "br";
    case Coding::zstd:
      return "zstd";
  }
  return "?";
}

std::optional<Coding> coding_named(Bytes name) {
  for (const Coding c :
       {Coding::identity, Coding::gzip, Coding::deflate, Coding::br, Coding::zstd}) {
    if (name == name_of(c)) return c;
  }
  return std::nullopt;
}

std::vector<std::string> encode(Coding coding, const std::vector<std::string>& pieces) {
  switch (coding) {
    case Coding::identity:
      break;
    case Coding::gzip:
    case Coding::deflate:
      return encode_zlib(coding, pieces);
    case Coding::br:
      return encode_brotli(pieces);
    case Coding::zstd:
      return encode_zstd(pieces);
  }
  return pieces;
}

Decoded decode(Coding coding, Bytes bytes) {
  switch (coding) {
    case Coding::identity:
      break;
    case Coding::gzip:
    case Coding::deflate:
      return decode_zlib(coding, bytes);
    case Coding::br:
      return decode_brotli(bytes);
    case Coding::zstd:
      return decode_zstd(bytes);
  }
  return {std::string(bytes), true, false};
}

}  // namespace llmrec::support
