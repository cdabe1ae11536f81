// Frames of RFC 6455 and their compression (RFC 7692). Octets: 0 how it is read, and whether the
// rest is a stream or says how to make a right one, 1 the cut.
#include "wire/websocket.h"

#include <algorithm>

#include "base/limits.h"
#include "fuzz/fuzz.h"
#include "unit/websocket_frames.h"

using namespace llmrec;
using namespace llmrec::wire;

namespace {

// So much of a bomb is enough.
constexpr std::size_t kShown = 256 * 1024;

class Log final : public WebSocketHandler {
 public:
  void on_message_begin(bool text) override {
    LLMREC_PROMISE(!open);
    open = true;
    out += text ? "text " : "binary ";
  }
  void on_message_data(Bytes part) override {
    LLMREC_PROMISE(open && !part.empty());
    octets += part.size();
    for (const char c : part) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
    out += part.substr(0, std::max(out.size(), kShown) - out.size());
  }
  void on_message_end(bool whole) override {
    LLMREC_PROMISE(open);
    open = false;
    out += whole ? ";\n" : "!\n";
  }
  void on_close(std::optional<std::uint16_t> code, std::size_t reason) override {
    out += "close " + (code ? std::to_string(*code) : "-") + "+" + std::to_string(reason);
  }
  void on_ping() override { pings += "ping"; }
  void on_pong() override { pings += "pong"; }
  void on_error(WebSocketError) override { out += "error"; }
  void on_inflate_failed() override { pings += "lost"; }

  std::string out;
  std::string pings;
  std::uint64_t octets = 0;
  std::uint64_t hash = 0xcbf29ce484222325U;
  bool open = false;
};

struct Made {
  std::string octets;
  std::string out;
};

// Each message: how it is made, its size, the octets.
Made make(fuzz::Input input, bool deflate, bool takeover) {
  Made made;
  websocket::Deflater deflater(takeover);
  for (int i = 0; i < 64 && !input.empty(); ++i) {
    const std::uint8_t how = input.byte();
    const Bytes plain = input.take(input.number() % 8192);
    const bool text = (how & 1U) != 0;
    const bool masked = (how & 2U) != 0;
    const bool compressed = deflate && (how & 4U) != 0;
    const std::string payload =
        compressed ? deflater.message(plain, (how & 8U) != 0) : std::string(plain);
    const std::size_t frames = 1 + (how >> 4 & 3U);
    const std::size_t size = payload.size() / frames;
    for (std::size_t f = 0; f < frames; ++f) {
      const bool last = f + 1 == frames;
      const Bytes part = Bytes(payload).substr(f * size, last ? Bytes::npos : size);
      const unsigned first = (last ? 0x80U : 0U) |
                             (f != 0 ? 0U
                              : text ? 1U
                                     : 2U) |
                             (f == 0 && compressed ? 0x40U : 0U);
      made.octets += websocket::frame(first, part, masked);
      if ((how & 0x40U) != 0) made.octets += websocket::frame(0x89, "still there?", masked);
    }
    made.out += std::string(text ? "text " : "binary ") + std::string(plain) + ";\n";
  }
  return made;
}

std::string read(Bytes octets, bool deflate, bool takeover, fuzz::Cut how, std::string* out) {
  Log log;
  const std::size_t before = fuzz::heap_in_use();
  WebSocketReader reader(deflate, takeover, log);
  fuzz::in_pieces(octets, how, [&](Bytes piece) { reader.feed(piece); });
  const std::size_t after = fuzz::heap_in_use();
  const std::size_t own = 2 * (log.out.capacity() + log.pings.capacity());
  LLMREC_PROMISE(after < before + own + 256 * 1024);
  const WebSocketCounters& c = reader.counters();
  LLMREC_PROMISE(c.text_messages <= c.messages && c.control_frames <= c.frames);
  LLMREC_PROMISE(log.octets <= limits::kWebSocketInflatedMax * (c.messages + 1));
  LLMREC_PROMISE(c.payload_octets <= octets.size());
  if (out != nullptr) *out = log.out;
  return log.out + log.pings + std::to_string(log.octets) + "/" + std::to_string(log.hash) + "/" +
         std::to_string(static_cast<int>(reader.error())) + std::to_string(reader.closed()) +
         std::to_string(reader.in_message()) + std::to_string(reader.in_frame()) +
         std::to_string(reader.inflate_failed()) + "/" + std::to_string(c.messages) + "," +
         std::to_string(c.text_messages) + "," + std::to_string(c.frames) + "," +
         std::to_string(c.control_frames) + "," + std::to_string(c.payload_octets);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(fuzz::bytes(data, size));
  const std::uint8_t how = input.byte();
  const fuzz::Cut cut = input.byte();
  const bool deflate = (how & 1U) != 0;
  const bool takeover = (how & 2U) != 0;
  if ((how & 4U) != 0) {
    parse_websocket_extensions(input.rest());
    return 0;
  }
  const bool build = (how & 8U) != 0;
  Made made;
  if (build) made = make(input, deflate, takeover);
  const Bytes octets = build ? Bytes(made.octets) : input.rest();
  std::string out;
  fuzz::same_in_every_cut(cut,
                          [&](fuzz::Cut c) { return read(octets, deflate, takeover, c, &out); });
  if (build && made.out.size() < kShown) {
    fuzz::expect_same(out, made.out, "the messages that were made");
  }
  return 0;
}
