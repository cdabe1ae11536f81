// Frames of RFC 6455 and messages compressed as RFC 7692 has them, for tests.
#pragma once

#define ZLIB_CONST
#include <zlib.h>

#include <cstdint>
#include <string>

#include "base/bytes.h"

namespace llmrec::websocket {

inline std::string frame(unsigned first, Bytes payload, bool masked) {
  std::string out(1, static_cast<char>(first));
  const unsigned mask = masked ? 0x80U : 0U;
  const std::uint64_t size = payload.size();
  const int extended = size < 126 ? 0 : size < 65536 ? 2 : 8;
  out += static_cast<char>(mask | (extended == 0   ? static_cast<unsigned>(size)
                                   : extended == 2 ? 126U
                                                   : 127U));
  for (int i = extended - 1; i >= 0; --i) out += static_cast<char>(size >> (8 * i) & 0xffU);
  constexpr unsigned char kKey[4] = {0x37, 0xfa, 0x21, 0x3d};
  if (masked) out.append(reinterpret_cast<const char*>(kKey), 4);
  for (std::size_t i = 0; i < payload.size(); ++i) {
    const auto octet = static_cast<unsigned char>(payload[i]);
    out += static_cast<char>(masked ? octet ^ kKey[i % 4] : octet);
  }
  return out;
}

inline std::string text(Bytes payload, bool masked = false) { return frame(0x81, payload, masked); }

inline std::string close(int code, Bytes reason, bool masked = false) {
  std::string payload;
  if (code != 0) {
    payload += static_cast<char>(code >> 8);
    payload += static_cast<char>(code & 0xff);
    payload += reason;
  }
  return frame(0x88, payload, masked);
}

class Deflater {
 public:
  explicit Deflater(bool takeover) : takeover_(takeover) {
    deflateInit2(&z_, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY);
  }
  ~Deflater() { deflateEnd(&z_); }
  Deflater(const Deflater&) = delete;
  Deflater& operator=(const Deflater&) = delete;

  // `last`: ended with a final block, which is allowed too.
  std::string message(Bytes plain, bool last = false) {
    std::string out(plain.size() + 1024, '\0');
    z_.next_in = reinterpret_cast<const Bytef*>(plain.data());
    z_.avail_in = static_cast<uInt>(plain.size());
    z_.next_out = reinterpret_cast<Bytef*>(out.data());
    z_.avail_out = static_cast<uInt>(out.size());
    deflate(&z_, last ? Z_FINISH : Z_SYNC_FLUSH);
    out.resize(out.size() - z_.avail_out);
    if (last) {
      out += '\0';
    } else if (out.size() < 4) {
      out.assign(1, '\0');  // nothing behind a flush: zlib says nothing; RFC 7692 §7.2.3.6
    } else {
      out.resize(out.size() - 4);
    }
    if (!takeover_ || last) deflateReset(&z_);
    return out;
  }

 private:
  z_stream z_{};
  bool takeover_;
};

}  // namespace llmrec::websocket
