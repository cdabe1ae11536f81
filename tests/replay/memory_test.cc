// Answers and requests that are larger or deeper than anything real: the tap's memory stays flat,
// the record says what it could not follow, and what comes after is read again.
#include <doctest/doctest.h>
#include <malloc.h>
#include <zlib.h>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "record/json.h"
#include "tap/tap.h"

using namespace llmrec;
using record::CloseHow;
using record::Record;
using record::TapState;

namespace {

constexpr std::size_t kMiB = 1024 * 1024;

class Sink final : public tap::TapHost {
 public:
  RecordId mint(Instant) override { return {}; }
  void on_finished(Record&& r) override { records.push_back(std::move(r)); }
  std::vector<Record> records;
};

std::size_t in_use() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return 0;  // their allocators do not tell
#else
  const struct mallinfo2 info = ::mallinfo2();
  return info.uordblks + info.hblkhd;
#endif
}

// A MiB of one character, made before anything is measured.
const std::string& filler(char c) {
  static std::map<char, std::string> made;
  return made.try_emplace(c, kMiB, c).first->second;
}
const bool kMade = [] {
  for (const char c : {'q', '1', 'k', 'm', 'A', 'h'}) filler(c);
  return true;
}();

// A connection whose memory is looked at after every piece.
class Call {
 public:
  explicit Call(const std::string& path = "/v1/chat/completions", std::uint64_t body = 0)
      : before_(in_use()), tap_(facts(), sink_) {
    request(
        "POST " + path +
        " HTTP/1.1\r\nHost: api.openai.com\r\nContent-Type: application/json\r\nContent-Length: " +
        std::to_string(body) + "\r\n\r\n");
  }
  void request(Bytes octets) { feed(tap::Dir::request, octets); }
  void response(Bytes octets) { feed(tap::Dir::response, octets); }
  void head(const std::string& fields) { response("HTTP/1.1 200 OK\r\n" + fields + "\r\n\r\n"); }
  void many(const std::string& piece, std::size_t times) {
    for (std::size_t i = 0; i < times; ++i) response(piece);
  }
  Record end() {
    tap_.on_accepted(sent_, {2});
    tap_.on_end(tap::Dir::response, {CloseHow::close_notify, {}}, {2});
    tap_.on_over(tap::End::none, {2});
    REQUIRE(sink_.records.size() == 1);
    return sink_.records[0];
  }
  std::size_t peak() const { return peak_; }
  std::uint64_t fed() const { return fed_; }

 private:
  static tap::ConnFacts facts() {
    tap::ConnFacts f;
    f.host = "api.openai.com";
    return f;
  }
  void feed(tap::Dir dir, Bytes octets) {
    tap_.on_bytes(dir, octets, {1});
    fed_ += octets.size();
    if (dir == tap::Dir::response) sent_ += octets.size();
    const std::size_t now = in_use();
    peak_ = std::max(peak_, now > before_ ? now - before_ : 0);
  }

  std::size_t before_;
  Sink sink_;
  tap::Tap tap_;
  std::uint64_t sent_ = 0;
  std::uint64_t fed_ = 0;
  std::size_t peak_ = 0;
};

const std::string kSse = "Content-Type: text/event-stream";
const std::string kTail =
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"}}]}\n\n"
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: "
    "[DONE]\n\n";

// Prints what it took; the real thing is one number for all sizes.
void check_flat(const std::string& what, const Call& call, std::size_t most) {
  MESSAGE(what, ": ", call.fed() / kMiB, " MiB passed, at most ", call.peak() / 1024, " KiB held");
  CHECK(call.peak() <= most);
}

std::string gzip_of_zeros(std::size_t size) {
  z_stream z{};
  REQUIRE(deflateInit2(&z, 9, Z_DEFLATED, 31, 9, Z_DEFAULT_STRATEGY) == Z_OK);
  const std::string zeros(kMiB, ' ');
  std::string out(kMiB, '\0');
  std::string all;
  for (std::size_t done = 0; done < size; done += zeros.size()) {
    z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(zeros.data()));
    z.avail_in = static_cast<uInt>(zeros.size());
    do {
      z.next_out = reinterpret_cast<Bytef*>(out.data());
      z.avail_out = static_cast<uInt>(out.size());
      deflate(&z, done + zeros.size() >= size ? Z_FINISH : Z_NO_FLUSH);
      all.append(out, 0, out.size() - z.avail_out);
    } while (z.avail_out == 0);
  }
  deflateEnd(&z);
  return all;
}

}  // namespace

TEST_CASE("memory: an event of 100 MiB in one line") {
  Call call;
  call.head(kSse);
  call.response("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"");
  call.many(filler('q'), 100);
  call.response("\"}}]}\n\n" + kTail);
  check_flat("one event", call, 256 * 1024);
  const Record r = call.end();
  CHECK(r.status == record::Status::ok);
  CHECK(r.output_chars_received == 100 * kMiB + 2);
  CHECK(r.tap == TapState::complete);
}

TEST_CASE("memory: a line without end, in and outside a field") {
  for (const std::string begin :
       {"data: ", ": ", "event: ", "id: ", "quagga", "retry: 1", "error: {\"a\":\""}) {
    Call call;
    call.head(kSse);
    call.response(begin);
    call.many(filler('1'), 100);
    call.response("\n\n" + kTail);
    check_flat(begin, call, 256 * 1024);
    const Record r = call.end();
    CHECK(r.output_chars_received == 2);
    CHECK(r.done_event_received);
  }
}

TEST_CASE("memory: members, keys and names without end") {
  std::string members;
  for (int i = 0; i < 20'000; ++i) members += ",\"member" + std::to_string(i) + "\":[1,2.5e3,null]";
  std::vector<std::string> calls(20);
  for (int i = 0; i < 100'000; ++i) {
    const std::string id = std::to_string(i);
    calls[static_cast<std::size_t>(i / 5'000)] +=
        "{\"index\":" + id + ",\"delta\":{\"tool_calls\":[{\"index\":" + id + ",\"id\":\"c" + id +
        "\",\"function\":{\"name\":\"f\",\"arguments\":\"{\"}}]}},";
  }
  Call call;
  call.head(kSse);
  call.response("data: {\"");
  call.many(filler('k'), 20);
  call.response("\":1");
  call.many(members, 20);
  call.response(",\"model\":\"");
  call.many(filler('m'), 20);
  call.response("\",\"choices\":[");
  for (const std::string& some : calls) call.response(some);
  call.response("{}]}\n\n" + kTail);
  check_flat("members", call, 1024 * 1024);
  CHECK(call.end().output_chars_received == 2);
}

TEST_CASE("memory: JSON 10,000 deep loses itself and says so; the stream goes on") {
  Call call;
  call.head(kSse);
  call.response("data: " + std::string(10'000, '[') + "\n\n" + kTail);
  check_flat("deep", call, 256 * 1024);
  const Record r = call.end();
  CHECK(r.tap == TapState::partial);
  CHECK(r.tap_reason == "json_too_deep");
  CHECK(r.output_chars_received == 2);
  CHECK(r.done_event_received);
}

TEST_CASE("memory: invalid UTF-8 is counted and never an error") {
  Call call;
  call.head(kSse);
  call.response("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"");
  call.many("\xff\xfe\xc0\x80\xed\xa0\x80\xf5", 1000);
  call.response("\"}}]}\n\n" + kTail);
  const Record r = call.end();
  CHECK(r.status == record::Status::ok);
  CHECK(r.tap == TapState::complete);
}

TEST_CASE("memory: a bomb is put down, and the stream counts as not followed") {
  const std::string bomb = gzip_of_zeros(200 * kMiB);
  Call call;
  call.head(kSse + "\r\nContent-Encoding: gzip");
  for (std::size_t at = 0; at < bomb.size(); at += 1000)
    call.response(Bytes(bomb).substr(at, 1000));
  check_flat("a bomb", call, 512 * 1024);
  const Record r = call.end();
  CHECK(r.tap == TapState::partial);
  CHECK(r.tap_reason == "body_over_limit");
}

TEST_CASE("memory: a request of 100 MiB with pictures in it") {
  const std::string begin =
      "{\"model\":\"m\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":"
      "\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,";
  const std::string end = "\"}}]}]}";
  Call call("/v1/chat/completions", begin.size() + 100 * kMiB + end.size());
  call.request(begin);
  const std::string& piece = filler('A');
  for (int i = 0; i < 100; ++i) call.request(piece);
  call.request(end);
  call.head(kSse);
  call.response(kTail);
  check_flat("a request", call, 256 * 1024);
  const Record r = call.end();
  CHECK(r.model == "m");
  CHECK(r.message_count == 1);
  CHECK(r.status == record::Status::ok);
}

TEST_CASE("memory: a head without end blinds the tap, no more") {
  Call call;
  call.response("HTTP/1.1 200 OK\r\nX-Quagga: ");
  call.many(filler('h'), 20);
  check_flat("a head", call, 256 * 1024);
  CHECK(call.end().tap == TapState::blind);
}
