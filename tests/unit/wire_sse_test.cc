// The tokenizer against a plain whole-buffer reading of WHATWG HTML §9.2.6, at every cut.
#include "wire/sse.h"

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <vector>

using namespace llmrec;
using namespace llmrec::wire;

namespace {

// What was called, as text. Parts of data and of other lines are joined; their bounds are free.
struct Log final : SseHandler {
  std::string text;
  std::string data;
  std::string other;
  void on_data(Bytes part) override {
    CHECK_FALSE(part.empty());
    data += part;
  }
  void on_event(const SseEvent& e) override {
    CHECK(e.data_bytes == data.size());
    text += "event(" + std::string(e.name) + "|" + data + ")";
    data.clear();
  }
  void on_discard() override { text += "discard "; }
  void on_comment() override { text += "comment "; }
  void on_other(Bytes part) override { other += part; }
  void on_other_end() override {
    text += "other(" + other + ")";
    other.clear();
  }
};

void add_end(std::string& text, bool tail, Bytes name, const std::string& data, bool last_id,
             std::uint64_t events, std::uint64_t ids, std::uint64_t retries, bool bom) {
  if (tail) text += "tail(" + std::string(name) + "|" + data + ")";
  text += " events " + std::to_string(events) + " ids " + std::to_string(ids) + " retries " +
          std::to_string(retries) + (last_id ? " resumable" : "") + (bom ? " bom" : "");
}

std::string run(const std::vector<Bytes>& pieces) {
  SseTokenizer t;
  Log log;
  for (const Bytes piece : pieces) t.feed(piece, log);
  const bool tail = t.finish(log);
  CHECK(tail == t.in_event());
  CHECK(t.tail().data_bytes == (tail ? log.data.size() : 0));
  const SseCounters& c = t.counters();
  add_end(log.text, tail, t.tail().name, log.data, t.has_last_event_id(), c.events, c.ids,
          c.retries, c.bom);
  log.text += std::string(c.lf ? " lf" : "") + (c.crlf ? " crlf" : "") + (c.cr ? " cr" : "");
  return log.text;
}

// The standard, read line by line with the whole stream at hand.
std::string reference(Bytes stream) {
  std::string text, data, name;
  bool has_data = false, last_id = false, bom = false, lf = false, crlf = false, cr = false;
  std::uint64_t events = 0, ids = 0, retries = 0;
  if (stream.starts_with("\xef\xbb\xbf")) {
    bom = true;
    stream.remove_prefix(3);
  }
  while (!stream.empty()) {
    const std::size_t eol = std::min(stream.find_first_of("\r\n"), stream.size());
    const Bytes line = stream.substr(0, eol);
    stream.remove_prefix(eol);
    if (stream.starts_with("\r\n")) {
      crlf = true;
      stream.remove_prefix(2);
    } else if (!stream.empty()) {
      (stream[0] == '\r' ? cr : lf) = true;
      stream.remove_prefix(1);
    }
    const std::size_t colon = line.find(':');
    const Bytes field = line.substr(0, colon);
    Bytes value = colon == Bytes::npos ? Bytes() : line.substr(colon + 1);
    if (value.starts_with(' ')) value.remove_prefix(1);
    if (line.empty()) {
      if (has_data) {
        ++events;
        text += "event(" + name + "|" + data + ")";
      } else if (!name.empty()) {
        text += "discard ";
      }
      name.clear();
      data.clear();
      has_data = false;
    } else if (colon == 0) {
      text += "comment ";
    } else if (field == "data") {
      if (has_data) data += "\n";
      data += value;
      has_data = true;
    } else if (field == "event") {
      name = value.substr(0, limits::kSseEventNameMax);
    } else if (field == "id") {
      if (value.find('\0') == Bytes::npos) {
        ++ids;
        last_id = !value.empty();
      }
    } else if (field == "retry") {
      if (!value.empty() && value.find_first_not_of("0123456789") == Bytes::npos) ++retries;
    } else {
      text += "other(" + std::string(line) + ")";
    }
  }
  add_end(text, has_data, name, data, last_id, events, ids, retries, bom);
  return text + (lf ? " lf" : "") + (crlf ? " crlf" : "") + (cr ? " cr" : "");
}

void check_every_cut(const std::string& stream) {
  CAPTURE(stream);
  const std::string expected = reference(stream);
  const Bytes all = stream;
  REQUIRE(run({all}) == expected);
  std::vector<Bytes> octets;
  for (std::size_t i = 0; i < all.size(); ++i) octets.push_back(all.substr(i, 1));
  REQUIRE(run(octets) == expected);
  for (std::size_t cut = 0; cut <= all.size(); ++cut) {
    REQUIRE(run({all.substr(0, cut), all.substr(cut)}) == expected);
  }
}

}  // namespace

TEST_CASE("sse: what the standard and the providers' streams ask for") {
  CHECK(run({"data: a\n\n"}) == "event(|a) events 1 ids 0 retries 0 lf");
  CHECK(run({"data:a\n\ndata:  b\n\n"}) == "event(|a)event(| b) events 2 ids 0 retries 0 lf");
  CHECK(run({"data: a\ndata:\ndata\ndata: b\n\n"}) ==
        "event(|a\n\n\nb) events 1 ids 0 retries 0 lf");
  CHECK(run({"data\n\n"}) == "event(|) events 1 ids 0 retries 0 lf");
  CHECK(run({"data: a\nevent: late\n\n"}) == "event(late|a) events 1 ids 0 retries 0 lf");
  CHECK(run({"event: x\n\ndata: a\n\n"}) == "discard event(|a) events 1 ids 0 retries 0 lf");
  CHECK(run({"event: x\nevent: y\ndata: a\n\n"}) == "event(y|a) events 1 ids 0 retries 0 lf");
  CHECK(run({": OPENROUTER PROCESSING\n\n:\n\n"}) ==
        "comment comment  events 0 ids 0 retries 0 lf");
  CHECK(run({"id: 1\nretry: 10\nretry: x\nretry:\ndata: a\n\n"}) ==
        "event(|a) events 1 ids 1 retries 1 resumable lf");
  CHECK(run({Bytes("id: a\0b\ndata: a\n\n", 17)}) == "event(|a) events 1 ids 0 retries 0 lf");
  CHECK(run({"id: 1\nid\n\n"}) == " events 0 ids 2 retries 0 lf");
  CHECK(run({"data: a\r\n\r\n"}) == "event(|a) events 1 ids 0 retries 0 crlf");
  CHECK(run({"data: a\r\rdata: b\n\r\n"}) ==
        "event(|a)event(|b) events 2 ids 0 retries 0 lf crlf cr");
  CHECK(run({"\xef\xbb\xbf"
             "data: a\n\n"}) == "event(|a) events 1 ids 0 retries 0 bom lf");
  CHECK(run({"data: [DONE]"}) == "tail(|[DONE]) events 0 ids 0 retries 0");
  CHECK(run({"event: e\ndata: a\r"}) == "tail(e|a) events 0 ids 0 retries 0 lf cr");
  CHECK(run({"error: {\"code\":500}\n\n"}) ==
        "other(error: {\"code\":500}) events 0 ids 0 retries 0 lf");
  CHECK(run({"{\n  \"error\": 1\n}"}) ==
        "other({)other(  \"error\": 1)other(}) events 0 ids 0 retries 0 lf");
  CHECK(run({"Data: a\ndata : b\ndatax: c\ndat: d\n"}) ==
        "other(Data: a)other(data : b)other(datax: c)other(dat: d) events 0 ids 0 retries 0 lf");
  CHECK(run({""}) == " events 0 ids 0 retries 0");
}

TEST_CASE("sse: every cut of hand-made streams") {
  for (const std::string& s : std::vector<std::string>{
           "data: {\"a\":1}\n\ndata: [DONE]\n\n",
           "event: message_start\r\ndata: {}\r\n\r\nevent: ping\r\ndata: {\"type\": "
           "\"ping\"}\r\n\r\n",
           "\xef\xbb\xbf: hello\r\rdata:\rdata: x\r\n\nid: 7\nid: \nretry: 3000\n\n",
           "\xef\xbb"
           "data: a\n\n",
           "\xef", "\xef\xbb\xbf",
           "\xef\xbb\xbf\xef\xbb\xbf"
           "data: a\n\n",
           "data: a\nevent: " + std::string(70, 'n') + "\n\nevent: x", "\n\n\r\r\n\n", "data",
           "data:", "data: ", "event:a\n\n\ndata: x\r\n", "retry:1 2\nretry: 12\n"}) {
    check_every_cut(s);
  }
}

TEST_CASE("sse: random streams read as the standard says, at every cut") {
  const std::vector<std::string> words = {"\r",
                                          "\n",
                                          "\r\n",
                                          "\n\n",
                                          ":",
                                          " ",
                                          "d",
                                          "data",
                                          "data:",
                                          "data: ",
                                          "event",
                                          "event: ",
                                          "id",
                                          "id:",
                                          "retry: ",
                                          "1",
                                          "x",
                                          std::string(1, '\0'),
                                          "\xef\xbb\xbf",
                                          "\xef",
                                          "error: ",
                                          "a long piece of text"};
  std::mt19937 random(20260101);
  for (int i = 0; i < 3000; ++i) {
    std::string stream;
    const std::size_t n = 1 + random() % 24;
    for (std::size_t k = 0; k < n; ++k) stream += words[random() % words.size()];
    check_every_cut(stream);
  }
}

TEST_CASE("sse: reset begins a new stream") {
  SseTokenizer t;
  Log log;
  t.feed("id: 1\nevent: x\ndata: a\r", log);
  t.reset();
  log = {};
  t.feed(
      "\xef\xbb\xbf"
      "data: b\n\n",
      log);
  CHECK(log.text == "event(|b)");
  CHECK_FALSE(t.has_last_event_id());
  CHECK(t.counters().events == 1);
}
