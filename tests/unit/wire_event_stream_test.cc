// Messages against an encoder of their own, at every cut and with every bit turned.
#include "wire/event_stream.h"

#include <doctest/doctest.h>
#include <zlib.h>

#include <random>
#include <string>
#include <utility>
#include <vector>

using namespace llmrec;
using namespace llmrec::wire;

namespace {

std::string big_endian(std::uint32_t value, int size) {
  std::string out;
  for (int i = size - 1; i >= 0; --i) out += static_cast<char>(value >> (8 * i) & 0xff);
  return out;
}

std::string crc(const std::string& octets) {
  return big_endian(
      static_cast<std::uint32_t>(crc32(0, reinterpret_cast<const Bytef*>(octets.data()),
                                       static_cast<uInt>(octets.size()))),
      4);
}

std::string header(const std::string& name, const std::string& value, char type = 7) {
  std::string out = big_endian(static_cast<std::uint32_t>(name.size()), 1) + name + type;
  if (type == 6 || type == 7) out += big_endian(static_cast<std::uint32_t>(value.size()), 2);
  return out + value;
}

// Sizes as given, so that wrong ones can be made; the CRCs are right.
std::string raw_message(std::uint32_t total, std::uint32_t headers, const std::string& rest) {
  std::string out = big_endian(total, 4) + big_endian(headers, 4);
  out += crc(out);
  out += rest;
  return out + crc(out);
}

std::string message(const std::string& headers, const std::string& payload) {
  return raw_message(static_cast<std::uint32_t>(16 + headers.size() + payload.size()),
                     static_cast<std::uint32_t>(headers.size()), headers + payload);
}

std::string event(const std::string& type, const std::string& payload) {
  return message(header(":event-type", type) + header(":content-type", "application/json") +
                     header(":message-type", "event"),
                 payload);
}

struct Log final : EventStreamHandler {
  std::string text;
  std::string payload;
  std::uint32_t payload_bytes = 0;
  int accepted = 0;
  bool open = false;
  void on_message_begin(const EventStreamHead& head) override {
    CHECK_FALSE(open);
    open = true;
    payload_bytes = head.payload_bytes;
    text += "[" + std::string(head.message_type) + "|" + std::string(head.name()) + "|" +
            std::string(head.content_type) + (head.is_error() ? "|!" : "");
  }
  void on_payload(Bytes part) override {
    CHECK(open);
    CHECK_FALSE(part.empty());
    payload += part;
  }
  void on_message_end(bool crc_ok) override {
    CHECK(open);
    CHECK(payload.size() == payload_bytes);
    open = false;
    text += "|" + payload + (crc_ok ? "]" : "] taken back");
    payload.clear();
    if (crc_ok) ++accepted;
  }
};

std::string run(const std::vector<Bytes>& pieces) {
  EventStreamReader reader;
  Log log;
  for (const Bytes piece : pieces) {
    const bool good = reader.feed(piece, log);
    CHECK(good == !reader.bad());
  }
  CHECK(reader.messages() == static_cast<std::uint64_t>(log.accepted));
  if (log.open) log.text += "|" + log.payload + "...";
  return log.text + " " + std::string(reader.bad_reason()) + (reader.in_message() ? " cut" : "");
}

std::string run(const std::string& stream) { return run(std::vector<Bytes>{stream}); }

void check_every_cut(const std::string& stream) {
  const std::string whole = run(stream);
  std::vector<Bytes> octets;
  for (std::size_t i = 0; i < stream.size(); ++i) octets.push_back(Bytes(stream).substr(i, 1));
  CHECK(run(octets) == whole);
  for (std::size_t i = 0; i <= stream.size(); ++i) {
    INFO(i);
    CHECK(run({Bytes(stream).substr(0, i), Bytes(stream).substr(i)}) == whole);
  }
}

}  // namespace

TEST_CASE("event stream: messages with their headers and payloads") {
  const std::string stream =
      event("messageStart", R"({"role":"assistant"})") + event("messageStop", "{}");
  CHECK(run(stream) == R"([event|messageStart|application/json|{"role":"assistant"}])"
                       "[event|messageStop|application/json|{}] ");
  check_every_cut(stream);
}

TEST_CASE("event stream: exceptions and errors are named by their own headers") {
  const std::string stream =
      message(
          header(":exception-type", "throttlingException") + header(":message-type", "exception"),
          "{}") +
      message(header(":message-type", "error") + header(":error-code", "InternalError") +
                  header(":error-message", "x"),
              "");
  CHECK(run(stream) == "[exception|throttlingException||!|{}][error|InternalError||!|] ");
  check_every_cut(stream);
}

TEST_CASE("event stream: every type of header is passed over") {
  const std::string headers =
      header("a", "", 0) + header("b", "", 1) + header("c", "1", 2) + header("d", "12", 3) +
      header("e", "1234", 4) + header("f", "12345678", 5) + header("g", "any", 6) +
      header("h", "text", 7) + header("i", "12345678", 8) + header("j", "1234567890123456", 9) +
      header("", "no name") + header("k", "") + header(":event-type", "x") +
      header(":event-type-and-more", "y") + header(std::string(255, 'n'), std::string(300, 'v'));
  const std::string stream = message(headers, "p") + message("", "");
  CHECK(run(stream) == "[|x||p][|||] ");
  check_every_cut(stream);
}

TEST_CASE("event stream: kept values are cut, the last of two counts") {
  const std::string value(100, 'x');
  CHECK(run(message(header(":message-type", value) + header(":content-type", "a") +
                        header(":content-type", "b"),
                    "")) == "[" + value.substr(0, limits::kEventStreamValueMax) + "||b|] ");
  // A name with another type says nothing.
  CHECK(run(message(header(":message-type", "event", 6), "")) == "[|||] ");
}

TEST_CASE("event stream: no damage to a message is ever accepted") {
  const std::string good = event("chunk", R"({"bytes":"e30="})");
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      INFO("octet " << at << " bit " << bit);
      std::string damaged = good;
      damaged[at] = static_cast<char>(damaged[at] ^ (1 << bit));
      damaged += good;  // nothing behind it is believed either
      EventStreamReader reader;
      Log log;
      CHECK_FALSE(reader.feed(damaged, log));
      CHECK(reader.bad());
      CHECK(log.accepted == 0);
      CHECK(reader.messages() == 0);
    }
  }
}

TEST_CASE("event stream: damage reads the same at every cut") {
  const std::string good = event("chunk", "{}");
  for (std::size_t at :
       {std::size_t{0}, std::size_t{9}, std::size_t{12}, good.size() - 5, good.size() - 1}) {
    std::string damaged = good;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x40);
    check_every_cut(damaged + good);
  }
  std::string last = good;
  last.back() = static_cast<char>(last.back() ^ 1);
  CHECK(run(last) == "[event|chunk|application/json|{}] taken back event_stream_crc");
}

TEST_CASE("event stream: sizes that cannot be") {
  const std::string bad = " event_stream_framing";
  CHECK(run(raw_message(15, 0, "")) == bad);
  CHECK(run(raw_message(0, 0, "")) == bad);
  CHECK(run(raw_message(20, 5, "12345")) == bad);
  CHECK(run(raw_message(limits::kEventStreamMessageMax + 1, 0, "")) == bad);
  CHECK(run(raw_message(0xffffffff, 0xffffffff, "")) == bad);
  CHECK(run(raw_message(limits::kEventStreamMessageMax, limits::kEventStreamHeadersMax + 1, "")) ==
        bad);
  CHECK(run(big_endian(limits::kEventStreamMessageMax, 4)) == "  cut");
  // Headers that end before they should.
  for (const std::string& headers : {header("n", "value").substr(0, 8),
                                     std::string("\x05"
                                                 "abc",
                                                 4),
                                     std::string("\x01"
                                                 "a",
                                                 2),
                                     std::string("\x01"
                                                 "a\x07\x00",
                                                 4),
                                     std::string("\x01"
                                                 "a\x07\x00\x05"
                                                 "abc",
                                                 8),
                                     std::string("\x01"
                                                 "a\x05"
                                                 "1234567",
                                                 10),
                                     std::string("\x01"
                                                 "a\x0a",
                                                 3)}) {
    CHECK(run(message(headers, "payload")) == bad);
    check_every_cut(message(headers, "payload"));
  }
}

TEST_CASE("event stream: where the body ends") {
  const std::string stream = event("a", "{}");
  for (std::size_t i = 0; i <= stream.size(); ++i) {
    EventStreamReader reader;
    Log log;
    reader.feed(Bytes(stream).substr(0, i), log);
    INFO(i);
    CHECK(reader.in_message() == (i != 0 && i != stream.size()));
    CHECK(log.accepted == (i == stream.size() ? 1 : 0));
  }
}

TEST_CASE("event stream: the largest message passes without being held") {
  const std::string block(64 * 1024, 'p');
  std::string all = big_endian(limits::kEventStreamMessageMax, 4) + big_endian(0, 4);
  all += crc(all);
  std::size_t left = limits::kEventStreamMessageMax - 16;
  while (left != 0) {
    const std::size_t n = std::min(left, block.size());
    all.append(block, 0, n);
    left -= n;
  }
  all += crc(all);
  struct Count final : EventStreamHandler {
    std::size_t octets = 0;
    int whole = 0;
    void on_message_begin(const EventStreamHead&) override {}
    void on_payload(Bytes part) override { octets += part.size(); }
    void on_message_end(bool ok) override { whole += ok; }
  } count;
  EventStreamReader reader;
  CHECK(reader.feed(all, count));
  CHECK(count.octets == limits::kEventStreamMessageMax - 16);
  CHECK(count.whole == 1);
}

TEST_CASE("event stream: noise never gets through") {
  std::mt19937 random(7);
  for (int round = 0; round < 2000; ++round) {
    std::string noise;
    for (int i = 0; i < 64; ++i) noise += static_cast<char>(random());
    EventStreamReader reader;
    Log log;
    reader.feed(noise, log);
    CHECK(log.accepted == 0);
    CHECK(reader.bad());
  }
}
