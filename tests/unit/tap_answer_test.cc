// The body of an answer, row by row: what it is called, what it is, and what is made of it. Every
// row gives the same events whole, octet by octet and cut at every point.
#include "tap/answer.h"

#include <doctest/doctest.h>
#include <zlib.h>

#include <memory>
#include <string>
#include <vector>

#include "base/limits.h"

using namespace llmrec;
using namespace llmrec::tap;

namespace {

class Log final : public AnswerEvents {
 public:
  void on_document(const dialect::Delta& d, Bytes event, bool tail) override {
    add("doc" + says(d) + named(event) + (tail ? " tail" : ""));
  }
  void on_bad_document(Bytes event) override { add("bad" + named(event)); }
  void on_unread_event(Bytes event) override { add("unread" + named(event)); }
  void on_stray_document(const dialect::Delta& d) override { add("stray" + says(d)); }
  void on_sentinel(bool tail) override { add(tail ? "done tail" : "done"); }
  void on_ping() override { add("ping"); }
  void on_content_lost(std::string_view reason) override { add("lost " + std::string(reason)); }
  void on_unlabelled_coding() override { add("unlabelled"); }
  dialect::Dialect* on_recognised(std::string_view name) override {
    add("is " + std::string(name));
    recognised_ = dialect::make_by_name(name, {});
    REQUIRE(recognised_);
    return recognised_.get();
  }

  std::string text;

 private:
  std::unique_ptr<dialect::Dialect> recognised_;
  static std::string named(Bytes event) {
    return event.empty() ? std::string() : " '" + std::string(event) + "'";
  }
  static std::string says(const dialect::Delta& d) {
    std::string out;
    if (d.text_chars != 0) out += " " + std::to_string(d.text_chars);
    for (const auto& finish : d.finishes) out += " " + finish.reason;
    if (d.error) out += " error " + d.error->type + "/" + d.error->code;
    return out;
  }
  void add(const std::string& s) {
    if (!text.empty()) text += "; ";
    text += s;
  }
};

struct Row {
  std::string what;
  std::string body;
  std::string events;
  std::string type = "text/event-stream";
  std::string coding = {};
  int status = 200;
  std::string path = "/v1/chat/completions";
};

std::string run(const Row& row, const std::vector<Bytes>& pieces) {
  const auto dialect = dialect::choose({.method = "POST",
                                        .host = "api.openai.com",
                                        .path = row.path,
                                        .query = {},
                                        .content_type = {}});
  Log log;
  AnswerReader reader(*dialect, log);
  reader.begin(row.status, row.type, row.coding);
  for (const Bytes piece : pieces) reader.feed(piece);
  reader.finish();
  const std::string once = log.text;
  reader.finish();
  reader.feed("data: {}\n\n");
  reader.finish();
  CHECK_MESSAGE(log.text == once, "after the end nothing is looked at");
  return log.text + (reader.stream() ? " | stream" : " | answer");
}

void check(const Row& row) {
  INFO(row.what);
  CHECK(run(row, {row.body}) == row.events);
  std::vector<Bytes> octets;
  for (std::size_t i = 0; i < row.body.size(); ++i) octets.push_back(Bytes(row.body).substr(i, 1));
  CHECK(run(row, octets) == row.events);
  for (std::size_t i = 1; i < row.body.size(); ++i) {
    CHECK(run(row, {Bytes(row.body).substr(0, i), Bytes(row.body).substr(i)}) == row.events);
  }
}

std::string gzipped(const std::string& plain) {
  z_stream z{};
  REQUIRE(deflateInit2(&z, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string out(plain.size() + 100, '\0');
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(plain.data()));
  z.avail_in = static_cast<uInt>(plain.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  REQUIRE(deflate(&z, Z_FINISH) == Z_STREAM_END);
  out.resize(out.size() - z.avail_out);
  deflateEnd(&z);
  return out;
}

std::string number(std::size_t value, int octets) {
  std::string out;
  for (int i = octets - 1; i >= 0; --i) out += static_cast<char>(value >> (8 * i) & 0xff);
  return out;
}

std::string with_crc(const std::string& text) {
  return text + number(crc32(0, reinterpret_cast<const Bytef*>(text.data()),
                             static_cast<uInt>(text.size())),
                       4);
}

std::string message(const std::vector<std::pair<std::string, std::string>>& head,
                    const std::string& payload) {
  std::string fields;
  for (const auto& [name, value] : head) {
    fields += number(name.size(), 1) + name + '\7' + number(value.size(), 2) + value;
  }
  return with_crc(
      with_crc(number(fields.size() + payload.size() + 16, 4) + number(fields.size(), 4)) + fields +
      payload);
}

const std::string kHi = R"({"choices":[{"delta":{"content":"hi"}}]})";
const std::string kStop = R"({"choices":[{"delta":{},"finish_reason":"stop"}]})";
const std::string kError = R"({"error":{"type":"server_error","code":"x"}})";
const std::string kStream = "data: " + kHi + "\n\ndata: " + kStop + "\n\ndata: [DONE]\n\n";

}  // namespace

TEST_CASE("answer: event streams") {
  const std::string seen = "doc 2; doc stop; done | stream";
  check({"usual", kStream, seen});
  check({"type with parameters", kStream, seen, "text/event-stream; charset=utf-8"});
  check({"type in capitals, no space", kStream, seen, "TEXT/EVENT-STREAM;charset=UTF-8"});
  check({"no type", kStream, seen, ""});
  check({"a wrong type", kStream, seen, "text/plain"});
  check({"a comment first", ": hello\n\n" + kStream, "ping; " + seen, ""});
  check({"a named event", "event: message\ndata: " + kHi + "\n\n", "doc 2 'message' | stream"});
  check({"no space", "data:" + kHi + "\n\ndata:[DONE]\n\n", "doc 2; done | stream"});
  check({"carriage returns", "data: " + kHi + "\r\rdata: [DONE]\r\r", "doc 2; done | stream"});
  check({"a byte order mark", "\xef\xbb\xbf" + kStream, seen});
  check({"blank lines first", "\r\n\n" + kStream, seen});
  check({"data over two lines",
         "data: {\"choices\":[{\"delta\":\ndata: {\"content\":\"hi\"}}]}\n\n", "doc 2 | stream"});
  check({"a list, which begins as [DONE] does", "data: [1]\n\n", "doc | stream"});
  check({"not JSON", "data: oops\n\ndata: {\"a\":\n\n", "bad; bad | stream"});
  check({"half a marker", "data: [DO\n\n", "bad | stream"});
  check({"a marker and more", "data: [DONE] \n\n", "done | stream"});
  check({"no data at all", "data\n\ndata:\n\n", "ping; ping | stream"});
  check({"empty", "", " | stream"});
}

TEST_CASE("answer: the end of a stream") {
  check({"a whole event without its blank line", "data: " + kHi, "doc 2 tail | stream"});
  check({"with its line end", "data: " + kHi + "\n", "doc 2 tail | stream"});
  check({"a cut event", "data: {\"choices\":[{\"delta\":{\"content\":\"h", " | stream"});
  check({"a cut event behind a whole one", "data: " + kHi + "\n\ndata: {\"choices\":[",
         "doc 2 | stream"});
  check({"the marker without its blank line", "data: [DONE]", "done tail | stream"});
  check({"a cut marker", "data: [DON", " | stream"});
  check({"a cut field", "dat", " | stream"});
}

TEST_CASE("answer: JSON outside any event") {
  check({"llama.cpp's field", "error: {\"code\":500,\"type\":\"server_error\"}\n\ndata: [DONE]\n\n",
         "stray error server_error/500; done | stream"});
  check({"and without a space", "error:{\"code\":500,\"type\":\"server_error\"}\n\n",
         "stray error server_error/500 | stream"});
  check({"Google's object over several lines",
         "data: " + kHi + "\r\n\r\n{\r\n  \"error\": {\r\n    \"code\": 503,\r\n" +
             "    \"status\": \"UNAVAILABLE\"\r\n  }\r\n}\r\n",
         "doc 2; stray error UNAVAILABLE/503 | stream"});
  check({"in one line and cut of its line end", "data: " + kHi + "\n\n" + kError,
         "doc 2; stray error server_error/x | stream"});
  check({"cut", "data: " + kHi + "\n\n{\"error\": {\"type\"", "doc 2 | stream"});
  check({"not JSON", "error: no\n\nbogus\n\ndata: " + kHi + "\n\n", "doc 2 | stream"});
  check({"inside an event it is not looked at", "data: " + kHi + "\n" + kError + "\n\n",
         "doc 2 | stream"});
  check({"an event ends it", ":\n{\"error\":\ndata: " + kHi + "\n\n{}\n",
         "ping; doc 2; stray | stream"});
}

TEST_CASE("answer: plain answers") {
  check({"JSON", kStop, "doc stop | answer", "application/json"});
  check({"blank lines first", "\n\n \n" + kStop, "doc stop | answer", "application/json"});
  check({"JSON that is called a stream", kError, "doc error server_error/x | answer",
         "text/event-stream", "", 400});
  check({"JSON that is called octets", kError, "doc error server_error/x | answer",
         "application/octet-stream", "", 400});
  check({"JSON without a type", kError, "doc error server_error/x | answer", "", "", 404});
  check({"JSON in an array", "[" + kError + "]", "doc error server_error/x | answer",
         "application/json", "", 400});
  check({"an error body that does not say so", R"({"message":"no","code":"c","type":"t"})",
         "doc error t/c | answer", "application/json", "", 401});
  check({"the same with a status of success is none", R"({"message":"no","code":"c","type":"t"})",
         "doc | answer", "application/json"});
  check({"cut JSON", kStop.substr(0, kStop.size() - 1), " | answer", "application/json"});
  check({"two documents", kStop + kStop, " | answer", "application/json"});
  check({"a page", "<html>data: {}</html>", " | answer", "text/html", "", 502});
  check({"text that begins like a field", "data base down", " | answer", "application/json", "",
         502});
}

TEST_CASE("answer: content codings") {
  const std::string seen = "doc 2; doc stop; done | stream";
  check({"gzip", gzipped(kStream), seen, "text/event-stream", "gzip"});
  check({"gzip that is not labelled", gzipped(kStream), "unlabelled; " + seen});
  check({"an octet that only looks like it", "\x1f" + kStream,
         "doc stop; done | stream"});  // no known field
  check({"and nothing else", "\x1f", " | stream"});
  check({"identity", kStream, seen, "text/event-stream", "identity"});
  check({"unknown", kStream, "lost content_encoding_unknown | stream", "text/event-stream", "lz4"});
  check({"not what the label says", kStream, "lost content_decoding_failed | stream",
         "text/event-stream", "gzip"});
}

TEST_CASE("answer: too deep a document loses itself, not the stream") {
  const std::string deep(limits::kJsonDepthMax + 1, '[');
  const auto dialect = dialect::choose({.method = "POST",
                                        .host = "api.openai.com",
                                        .path = "/v1/chat/completions",
                                        .query = {},
                                        .content_type = {}});
  Log log;
  AnswerReader reader(*dialect, log);
  reader.begin(200, "text/event-stream", "");
  reader.feed("data: " + deep + "\n\ndata: " + kHi + "\n\n");
  reader.finish();
  CHECK(log.text == "lost json_too_deep; doc 2");
}

TEST_CASE("answer: what no path claims tells its dialect, or is counted and not read") {
  const std::string path = "/v1/other";
  const std::string is_chat = "is openai.chat; ";
  check({"stream", kStream, is_chat + "doc 2; doc stop; done | stream", "text/event-stream", "",
         200, path});
  check({"behind events that tell nothing", "data: {}\n\ndata: x\n\n" + kStream,
         "unread; unread; " + is_chat + "doc 2; doc stop; done | stream", "text/event-stream", "",
         200, path});
  check({"too late", "data: 1\n\ndata: 2\n\ndata: 3\n\ndata: 4\n\n" + kStream,
         "unread; unread; unread; unread; unread; unread; done | stream", "text/event-stream", "",
         200, path});
  const std::string long_one(limits::kSniffMax, 'x');
  check(
      {"early in a long document",
       "data: {\"object\":\"chat.completion.chunk\",\"x\":\"" + long_one + "\",\"choices\":[]}\n\n",
       is_chat + "doc | stream", "text/event-stream", "", 200, path});
  check({"late in a long document",
         "data: {\"x\":\"" + long_one + "\",\"object\":\"chat.completion.chunk\"}\n\n",
         "unread | stream", "text/event-stream", "", 200, path});
  check({"named", "event: x\ndata: no json\n\n: ping\n\n", "unread 'x'; ping | stream",
         "text/event-stream", "", 200, path});
  check({"a cut event counts nothing", "data: no json", " | stream", "text/event-stream", "", 200,
         path});
  check({"an answer of chat",
         R"({"choices":[{"message":{"content":"hi"},"finish_reason":"stop"}]})",
         is_chat + "doc 2 stop | answer", "application/json", "", 200, path});
  check({"JSON", R"({"a":1})", " | answer", "application/json", "", 200, path});
}

TEST_CASE("answer: lines") {
  const std::string type = "application/x-ndjson";
  const std::string seen = "doc 2; doc stop | stream";
  check({"usual", kHi + "\n" + kStop + "\n", seen, type});
  check({"carriage returns, empty lines", "\n" + kHi + "\r\n\r\n" + kStop + "\r\n", seen, type});
  check({"the last line without its end", kHi + "\n" + kStop, seen, type});
  check({"a cut line says nothing", kHi + "\n" + kStop.substr(0, 20), "doc 2 | stream", type});
  check({"Cohere's type", kHi + "\n", "doc 2 | stream", "application/stream+json; charset=utf-8"});
  check({"not JSON", kHi + "\nquagga\n" + kStop + "\n", "doc 2; bad; doc stop | stream", type});
  check({"an error is one document", kError, "doc error server_error/x | answer", type, "", 400});
}

TEST_CASE("answer: messages of an AWS event stream") {
  const std::string type = "application/vnd.amazon.eventstream";
  const std::string hi = message({{":message-type", "event"}, {":event-type", "chunk"}}, kHi);
  const std::string exception =
      message({{":message-type", "exception"}, {":exception-type", "throttlingException"}},
              R"({"message":"no"})");
  const std::string error =
      message({{":message-type", "error"}, {":error-code", "InternalError"}}, "");
  check({"usual", hi + hi, "doc 2 'chunk'; doc 2 'chunk' | stream", type});
  check({"an exception", hi + exception,
         "doc 2 'chunk'; doc error / 'throttlingException' | stream", type});
  check({"an error", error, "doc error / 'InternalError' | stream", type});
  check({"cut", hi + hi.substr(0, hi.size() - 1), "doc 2 'chunk' | stream", type});
  std::string broken = hi;
  broken[broken.size() - 6] ^= 1;
  check({"broken", hi + broken, "doc 2 'chunk'; lost event_stream_crc | stream", type});
  check({"broken, inside a coding", gzipped(hi + broken + hi),
         "doc 2 'chunk'; lost event_stream_crc | stream", type, "gzip"});
  check({"an error body is JSON", kError, "doc error server_error/x | answer", type, "", 400});
}

TEST_CASE("answer: before the first octet the type is believed") {
  const auto dialect = dialect::choose({.method = "POST",
                                        .host = "api.openai.com",
                                        .path = "/v1/chat/completions",
                                        .query = {},
                                        .content_type = {}});
  Log log;
  AnswerReader sse(*dialect, log);
  sse.begin(200, "text/event-stream", "");
  CHECK(sse.stream());
  sse.feed("{");
  CHECK(!sse.stream());
  AnswerReader json(*dialect, log);
  json.begin(200, "application/json", "");
  CHECK(!json.stream());
  CHECK(!json.nothing_said());
  AnswerReader nothing(*dialect, log);
  nothing.begin(200, "", "");
  CHECK(nothing.nothing_said());
  nothing.feed("\n");
  CHECK(nothing.nothing_said());
  nothing.feed("data");
  CHECK(!nothing.nothing_said());
  CHECK(nothing.stream());
}
