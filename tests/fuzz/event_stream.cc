// Event streams of AWS. Octets: 0 whether the rest is a stream or says how to make a right one,
// 1 the cut.
#include "wire/event_stream.h"

#define ZLIB_CONST
#include <zlib.h>

#include <array>

#include "fuzz/fuzz.h"

using namespace llmrec;
using namespace llmrec::wire;

namespace {

class Log final : public EventStreamHandler {
 public:
  void on_message_begin(const EventStreamHead& h) override {
    for (const Bytes value :
         {h.message_type, h.event_type, h.exception_type, h.error_code, h.content_type}) {
      LLMREC_PROMISE(value.size() <= limits::kEventStreamValueMax);
      head += std::string(value) + "|";
    }
    left = h.payload_bytes;
    out += std::to_string(h.payload_bytes) + " " + std::string(h.name()) + ": ";
  }
  void on_payload(Bytes part) override {
    LLMREC_PROMISE(!part.empty() && part.size() <= left);
    left -= part.size();
    out += part;
  }
  void on_message_end(bool crc_ok) override {
    LLMREC_PROMISE(left == 0);
    out += crc_ok ? ";\n" : "!\n";
    head += "\n";
  }
  std::string out;
  std::string head;
  std::size_t left = 0;
};

std::string u32(std::size_t n) {
  std::string out;
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(n >> shift & 0xffU);
  return out;
}

std::string crc(Bytes octets) {
  return u32(
      ::crc32(0, reinterpret_cast<const Bytef*>(octets.data()), static_cast<uInt>(octets.size())));
}

std::string message(Bytes headers, Bytes payload) {
  std::string out = u32(16 + headers.size() + payload.size()) + u32(headers.size());
  out += crc(out);
  out += headers;
  out += payload;
  return out + crc(out);
}

std::string text_header(Bytes name, Bytes value) {
  std::string out(1, static_cast<char>(name.size()));
  out += name;
  out += '\7';
  out += static_cast<char>(value.size() >> 8);
  out += static_cast<char>(value.size() & 0xffU);
  out += value;
  return out;
}

struct Made {
  std::string octets;
  std::string out;
};

// Each message: how it is made, a type's size, a payload's size, the two.
Made make(fuzz::Input input) {
  constexpr std::array<Bytes, 4> kTypes{"event", "exception", "error", "event"};
  constexpr std::array<Bytes, 4> kNames{":event-type", ":exception-type", ":error-code",
                                        ":event-type"};
  Made made;
  for (int i = 0; i < 64 && !input.empty(); ++i) {
    const std::uint8_t how = input.byte();
    const Bytes type = input.take(input.byte());
    const Bytes payload = input.take(input.number() % 4096);
    std::string headers = text_header(":message-type", kTypes[how % 4]);
    if ((how & 4U) != 0) headers += Bytes("\3abc\0", 5);    // a true
    if ((how & 8U) != 0) headers += Bytes("\1n\3\1\2", 5);  // a 16-bit number
    if ((how & 16U) != 0) headers += text_header(std::string(200, 'h'), payload.substr(0, 300));
    headers += text_header(kNames[how % 4], type);
    made.octets += message(headers, payload);
    made.out += std::to_string(payload.size()) + " " +
                std::string(type.substr(0, limits::kEventStreamValueMax)) + ": " +
                std::string(payload) + ";\n";
  }
  return made;
}

std::string read(Bytes octets, fuzz::Cut how, std::string* out) {
  Log log;
  EventStreamReader reader;
  bool well = true;
  fuzz::in_pieces(octets, how, [&](Bytes piece) {
    const bool now = reader.feed(piece, log);
    LLMREC_PROMISE(well || !now);
    LLMREC_PROMISE(now == !reader.bad());
    well = now;
  });
  if (out != nullptr) *out = log.out;
  return log.out + log.head + std::string(reader.bad_reason()) +
         std::to_string(reader.in_message()) + std::to_string(reader.messages());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(fuzz::bytes(data, size));
  const bool build = (input.byte() & 1U) != 0;
  const fuzz::Cut cut = input.byte();
  Made made;
  if (build) made = make(input);
  const Bytes octets = build ? Bytes(made.octets) : input.rest();
  std::string out;
  fuzz::same_in_every_cut(cut, [&](fuzz::Cut how) { return read(octets, how, &out); });
  if (build) fuzz::expect_same(out, made.out, "the messages that were made");
  return 0;
}
