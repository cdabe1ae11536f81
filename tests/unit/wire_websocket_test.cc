#include "wire/websocket.h"

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <vector>

#include "base/limits.h"
#include "websocket_frames.h"

using namespace llmrec;
using namespace llmrec::wire;
using websocket::Deflater;
using websocket::frame;
using websocket::text;

namespace {

class Log final : public WebSocketHandler {
 public:
  void on_message_begin(bool is_text) override { out += is_text ? "text(" : "binary("; }
  void on_message_data(Bytes part) override {
    octets += part.size();
    if (octets < 10'000) out += part;
  }
  void on_message_end(bool whole) override { out += whole ? ") " : "!) "; }
  void on_close(std::optional<std::uint16_t> code, std::size_t reason) override {
    out += "close " + (code ? std::to_string(*code) : "-") + "+" + std::to_string(reason) + " ";
  }
  void on_ping() override { out += "<ping>"; }
  void on_pong() override { out += "<pong>"; }
  void on_error(WebSocketError) override { out += "<error>"; }
  void on_inflate_failed() override { out += "<lost>"; }

  std::string out;
  std::uint64_t octets = 0;
};

struct Read {
  std::string log;
  WebSocketCounters counters;
  WebSocketError error;
  bool closed;
  bool in_message;
  friend bool operator==(const Read&, const Read&) = default;
};

Read read(const std::string& octets, bool deflate, bool takeover, std::size_t split) {
  Log log;
  WebSocketReader reader(deflate, takeover, log);
  if (split == 0) {
    for (const char& c : octets) reader.feed({&c, 1});
  } else {
    reader.feed(Bytes(octets).substr(0, split));
    reader.feed(Bytes(octets).substr(std::min(split, octets.size())));
  }
  return {log.out, reader.counters(), reader.error(), reader.closed(), reader.in_message()};
}

// In one piece; every cut has to say the same.
Read read(const std::string& octets, bool deflate = false, bool takeover = true) {
  const Read whole = read(octets, deflate, takeover, octets.size());
  for (std::size_t split = 0; split < octets.size(); ++split) {
    INFO("split at " << split);
    CHECK(read(octets, deflate, takeover, split) == whole);
  }
  return whole;
}

}  // namespace

TEST_CASE("websocket: the examples of RFC 6455 section 5.7") {
  CHECK(read(std::string("\x81\x05Hello", 7)).log == "text(Hello) ");
  CHECK(read("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58").log == "text(Hello) ");
  CHECK(read(std::string("\x01\x03Hel\x80\x02lo", 9)).log == "text(Hello) ");
  CHECK(read(std::string("\x89\x05Hello", 7)).log == "<ping>");
  CHECK(read("\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58").log == "<pong>");
}

TEST_CASE("websocket: the examples of RFC 7692 section 7.2.3") {
  CHECK(read(std::string("\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00", 9), true).log == "text(Hello) ");
  CHECK(read(std::string("\x41\x03\xf2\x48\xcd\x80\x04\xc9\xc9\x07\x00", 11), true).log ==
        "text(Hello) ");
  // The window goes on to the second message.
  CHECK(read(std::string("\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00\xc1\x05\xf2\x00\x11\x00\x00", 16),
             true)
            .log == "text(Hello) text(Hello) ");
  // No compression, and a final block.
  CHECK(read(std::string("\xc1\x0b\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", 13), true).log ==
        "text(Hello) ");
  CHECK(read(std::string("\xc1\x08\xf3\x48\xcd\xc9\xc9\x07\x00\x00", 10), true).log ==
        "text(Hello) ");
  // Two blocks in one message.
  CHECK(read(std::string("\xc1\x0d\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00", 15), true)
            .log == "text(Hello) ");
}

TEST_CASE("websocket: messages, fragments and control frames in between") {
  const std::string octets = frame(0x01, "ab", true) + frame(0x89, "p", true) +
                             frame(0x00, "", true) + frame(0x8a, "", true) +
                             frame(0x80, "cd", true) + frame(0x82, "x", false) +
                             frame(0x81, "", false) + websocket::close(1011, "why") + "tail";
  const Read r = read(octets);
  CHECK(r.log == "text(ab<ping><pong>cd) binary(x) text() close 1011+3 ");
  CHECK(r.counters.messages == 3);
  CHECK(r.counters.text_messages == 2);
  CHECK(r.counters.frames == 8);
  CHECK(r.counters.control_frames == 3);
  CHECK(r.counters.payload_octets == 5);
  CHECK(r.closed);
  CHECK(r.error == WebSocketError::none);
}

TEST_CASE("websocket: close frames without a code, and with half of one") {
  CHECK(read(websocket::close(0, "")).log == "close -+0 ");
  CHECK(read(frame(0x88, "x", true)).log == "close -+0 ");
  CHECK(read(websocket::close(1000, "", true)).log == "close 1000+0 ");
  CHECK(read(websocket::close(4999, std::string(123, 'r'))).log == "close 4999+123 ");
}

TEST_CASE("websocket: all three forms of length") {
  for (const std::size_t size : {125U, 126U, 65535U, 65536U}) {
    const std::string octets = text(std::string(size, 'x'), true) + text("y");
    Log log;
    WebSocketReader reader(false, true, log);
    for (std::size_t at = 0; at < octets.size(); at += 7) reader.feed(Bytes(octets).substr(at, 7));
    CHECK(log.octets == size + 1);
    CHECK(reader.counters().messages == 2);
    CHECK_FALSE(reader.in_frame());
  }
}

TEST_CASE("websocket: a length that is a lie costs nothing") {
  Log log;
  WebSocketReader reader(true, true, log);
  reader.feed(std::string("\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff", 10));
  reader.feed(std::string(1000, 'x'));
  CHECK(log.octets == 1000);
  CHECK(reader.in_message());
  CHECK(reader.counters().messages == 0);
}

TEST_CASE("websocket: what makes the next frame uncertain ends it") {
  struct Row {
    std::string octets;
    WebSocketError error;
  };
  const std::vector<Row> rows{
      {std::string("\x83\x00", 2), WebSocketError::reserved},  // opcode 3
      {std::string("\x8b\x00", 2), WebSocketError::reserved},  // opcode 11
      {std::string("\xa1\x00", 2), WebSocketError::reserved},  // RSV2
      {std::string("\xc1\x00", 2), WebSocketError::reserved},  // RSV1, not negotiated
      {std::string("\x82\x7f\x80\0\0\0\0\0\0\0", 10), WebSocketError::reserved},
      {std::string("\x09\x00", 2), WebSocketError::control},           // a ping in pieces
      {std::string("\x89\x7e\x00\x7e", 4), WebSocketError::control},   // a ping of 126
      {std::string("\x80\x00", 2), WebSocketError::sequence},          // continues nothing
      {std::string("\x01\x00\x01\x00", 4), WebSocketError::sequence},  // inside another
  };
  for (const Row& row : rows) {
    const Read r = read(row.octets + text("behind"));
    CHECK(r.error == row.error);
    CHECK(r.log.find("behind") == std::string::npos);
  }
  // RSV1 belongs on a first data frame.
  CHECK(read(std::string("\x41\x00\xc0\x00", 4), true).error == WebSocketError::reserved);
  CHECK(read(std::string("\xc9\x00", 2), true).error == WebSocketError::reserved);
}

TEST_CASE("websocket: compressed and plain messages mix, with and without a common window") {
  for (const bool takeover : {true, false}) {
    Deflater deflater(takeover);
    const std::string long_text = "{\"type\":\"response.output_text.delta\",\"delta\":\"hello\"}";
    const std::string first = deflater.message(long_text);
    const std::string second = deflater.message(long_text);
    const std::string ended = deflater.message("last", true);
    const std::string after = deflater.message("after");
    if (takeover) CHECK(second.size() < first.size() / 2);
    const std::string octets = frame(0x41, Bytes(first).substr(0, 5), false) +
                               frame(0x89, "", false) + frame(0x80, Bytes(first).substr(5), false) +
                               text("plain") + frame(0xc1, second, true) +
                               frame(0xc1, ended, false) + frame(0xc1, after, false) +
                               frame(0xc1, std::string(1, '\0'), false);
    const Read r = read(octets, true, takeover);
    CHECK(r.log.find("text(plain) ") != std::string::npos);
    CHECK(r.log.ends_with("text(" + long_text + ") text(last) text(after) text() "));
    CHECK(r.counters.messages == 6);
  }
}

TEST_CASE("websocket: a window behind a final block is still the window") {
  // "Hello", ended by a final block, then a copy of five octets from five octets back.
  const std::string octets("\xc1\x08\xf3\x48\xcd\xc9\xc9\x07\x00\x00\xc1\x05\xf2\x00\x11\x00\x00",
                           17);
  CHECK(read(octets, true).log == "text(Hello) text(Hello) ");
}

TEST_CASE("websocket: what cannot be inflated is counted, and plain messages still read") {
  const std::string octets = frame(0xc1, "\xff\xff\xff", false) + frame(0xc1, "x", false) +
                             text("plain") + frame(0x82, "b", false);
  const Read r = read(octets, true);
  CHECK(r.log == "text(<lost>!) text(!) text(plain) binary(b) ");
  CHECK(r.counters.messages == 4);
  CHECK(r.error == WebSocketError::none);
}

TEST_CASE("websocket: a bomb is dropped at the same octet for every cut") {
  std::string bomb;
  {
    Deflater deflater(true);
    for (int i = 0; i < 80; ++i)
      bomb += deflater.message(std::string(1 << 20, 'a')) + std::string("\0\0\xff\xff", 4);
  }
  for (const std::size_t step : {std::size_t{1}, std::size_t{977}, bomb.size()}) {
    Log log;
    WebSocketReader reader(true, true, log);
    const std::string octets = frame(0xc1, bomb, true) + text("after");
    for (std::size_t at = 0; at < octets.size(); at += step) {
      reader.feed(Bytes(octets).substr(at, step));
    }
    CHECK(reader.inflate_failed());
    CHECK(log.octets == limits::kWebSocketInflatedMax + 5);
    CHECK(log.out.ends_with("<lost>!) text() "));  // the log has no room for more data
  }
}

TEST_CASE("websocket: noise is survived, and says the same however it is cut") {
  std::mt19937 random(7);
  for (int round = 0; round < 2000; ++round) {
    std::string octets(1 + random() % 60, '\0');
    for (char& c : octets) c = static_cast<char>(random());
    if (round % 2 == 0) octets[0] = static_cast<char>(round % 4 == 0 ? 0xc1 : 0x81);
    if (octets.size() > 1 && round % 3 == 0) octets[1] = static_cast<char>(random() % 20);
    const bool takeover = round % 5 != 0;
    CHECK(read(octets, true, takeover, 0) == read(octets, true, takeover, octets.size()));
  }
}

TEST_CASE("websocket: the extensions' header") {
  const auto none = parse_websocket_extensions("");
  CHECK_FALSE(none.deflate);
  CHECK_FALSE(none.unknown);
  const auto plain = parse_websocket_extensions("permessage-deflate");
  CHECK(plain.deflate);
  CHECK_FALSE(plain.server_no_context_takeover);
  const auto all = parse_websocket_extensions(
      " Permessage-Deflate ;server_no_context_takeover; CLIENT_no_context_takeover ; "
      "server_max_window_bits=12; client_max_window_bits = \"15\" , ");
  CHECK(all.deflate);
  CHECK(all.server_no_context_takeover);
  CHECK(all.client_no_context_takeover);
  CHECK_FALSE(all.unknown);
  CHECK(parse_websocket_extensions("x-webkit-deflate-frame").unknown);
  CHECK(parse_websocket_extensions("permessage-deflate; other").unknown);
  CHECK(parse_websocket_extensions("permessage-deflate, permessage-deflate").unknown);
  CHECK(parse_websocket_extensions("permessage-deflate, mux").unknown);
}
