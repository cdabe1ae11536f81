// The behaviour we rely on, pinned row by row, so that another llhttp shows its differences here.
// Every row gives the same events whole, octet by octet and cut at every point.
#include "wire/http1.h"

#include <doctest/doctest.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "base/limits.h"

using namespace llmrec;
using namespace llmrec::wire;

namespace {

constexpr auto kRequest = Http1Kind::request;
constexpr auto kResponse = Http1Kind::response;

// Writes what it is told as one line of text.
class Log : public Http1Handler {
 public:
  explicit Log(BodyRule rule) : rule_(rule) {}
  void on_message_begin() override { add("begin"); }
  bool wants_field(Bytes lower_name) override { return lower_name != "skip"; }
  void on_field(Bytes lower_name, Bytes value) override {
    add(std::string(lower_name) + "=" + std::string(value));
  }
  BodyRule on_head(const Http1Head& h) override {
    std::string s = h.kind == kRequest ? std::string(h.method) + " " + std::string(h.target)
                                       : std::to_string(h.status);
    s += " 1." + std::to_string(h.minor_version);
    if (h.content_length) s += " cl" + std::to_string(*h.content_length);
    if (h.chunked) s += " chunked";
    s += h.keep_alive ? " ka" : " close";
    if (h.upgrade) s += " upgrade";
    add("[" + s + "]");
    return rule_;
  }
  void on_body(Bytes b) override {
    if (!in_body_) add("body ");
    in_body_ = true;
    text_ += b;
  }
  void on_trailer(Bytes lower_name, Bytes value) override {
    add("trailer " + std::string(lower_name) + "=" + std::string(value));
  }
  void on_message_complete() override { add("end"); }

  std::string text() const { return text_; }
  void add(const std::string& s) {
    in_body_ = false;
    if (!text_.empty()) text_ += "; ";
    text_ += s;
  }

 private:
  BodyRule rule_;
  std::string text_;
  bool in_body_ = false;
};

struct Row {
  std::string what;
  Http1Kind kind;
  std::string input;
  std::string events;
  BodyRule rule = BodyRule::by_framing;
  bool finish = false;
};

std::string run(const Row& row, const std::vector<Bytes>& pieces) {
  Log log(row.rule);
  Http1Parser parser(row.kind, log);
  std::size_t used = 0;
  for (const Bytes piece : pieces) {
    const std::size_t n = parser.feed(piece);
    used += n;
    if (n < piece.size()) break;
  }
  if (row.finish) {
    const bool until_close = parser.body_until_close();
    parser.finish();
    log.add(until_close ? "closed" : "finished");
  }
  switch (parser.error()) {
    case Http1Error::none:
      break;
    case Http1Error::rejected:
      log.add("REJECTED");
      break;
    case Http1Error::head_too_large:
      log.add("TOO LARGE");
      break;
    case Http1Error::after_close:
      log.add("AFTER CLOSE");
      break;
  }
  CHECK((parser.error() == Http1Error::none) == parser.error_name().empty());
  if (parser.upgraded()) log.add("upgraded " + std::to_string(row.input.size() - used) + " left");
  if (parser.error() == Http1Error::none && parser.in_message()) {
    log.add(parser.in_body() ? "in body" : parser.head_complete() ? "in trailers" : "in head");
  }
  return log.text();
}

const std::string kGet = "GET / HTTP/1.1\r\n";
const std::string kOk = "HTTP/1.1 200 OK\r\n";
const std::string kChunked = kOk + "Transfer-Encoding: chunked\r\n\r\n";
const std::string kChunkedHead = "begin; transfer-encoding=chunked; [200 1.1 chunked ka]";
const std::string kPost = "POST /v1 HTTP/1.1\r\n";

const std::vector<Row>& rows() {
  static const std::vector<Row> all = {
      // Ordinary messages.
      {"GET", kRequest, kGet + "Host: a\r\n\r\n", "begin; host=a; [GET / 1.1 ka]; end"},
      {"names in lower case, blanks trimmed, skipped field", kRequest,
       kGet + "X-A: \t b c \t \r\nSkip: 1\r\nX-Empty:\r\nX-B:d\r\n\r\n",
       "begin; x-a=b c; x-empty=; x-b=d; [GET / 1.1 ka]; end"},
      {"POST with length", kRequest, kPost + "Content-Length: 5\r\n\r\nhello",
       "begin; content-length=5; [POST /v1 1.1 cl5 ka]; body hello; end"},
      {"POST cut short", kRequest, kPost + "Content-Length: 5\r\n\r\nhel",
       "begin; content-length=5; [POST /v1 1.1 cl5 ka]; body hel; in body"},
      {"POST, no length, no body", kRequest, kPost + "\r\n", "begin; [POST /v1 1.1 ka]; end"},
      {"length zero", kRequest, kPost + "Content-Length: 0\r\n\r\n",
       "begin; content-length=0; [POST /v1 1.1 cl0 ka]; end"},
      {"pipelined requests", kRequest,
       kPost + "Content-Length: 2\r\n\r\nab" + kGet + "\r\n" + kGet + "\r\n",
       "begin; content-length=2; [POST /v1 1.1 cl2 ka]; body ab; end; begin; [GET / 1.1 ka]; end; "
       "begin; [GET / 1.1 ka]; end"},
      {"blank lines before and between", kRequest,
       "\r\n\r\n" + kGet + "\r\n\r\n\r\n" + kGet + "\r\n",
       "begin; [GET / 1.1 ka]; end; begin; [GET / 1.1 ka]; end"},
      {"absolute target, port, query", kRequest, "GET http://h:8/p?q=1#f HTTP/1.1\r\n\r\n",
       "begin; [GET http://h:8/p?q=1#f 1.1 ka]; end"},
      {"answer with length", kResponse, kOk + "Content-Length: 2\r\n\r\nok",
       "begin; content-length=2; [200 1.1 cl2 ka]; body ok; end"},
      {"no reason phrase", kResponse, "HTTP/1.1 204\r\n\r\n", "begin; [204 1.1 ka]; end"},
      {"chunked", kResponse, kChunked + "5\r\nhello\r\n1;x=y\r\n!\r\n0\r\n\r\n",
       kChunkedHead + "; body hello!; end"},
      {"chunk size in upper and lower hex, zeros", kResponse,
       kChunked + "000A\r\n0123456789\r\n0b\r\nabcdefghijk\r\n0\r\n\r\n",
       kChunkedHead + "; body 0123456789abcdefghijk; end"},
      {"chunk extension, quoted", kResponse, kChunked + "1;a=\"b\";c\r\nx\r\n0;z\r\n\r\n",
       kChunkedHead + "; body x; end"},
      {"trailers", kResponse, kChunked + "1\r\nx\r\n0\r\nX-Sum: 7 \r\nSkip: 1\r\nB: \r\n\r\n",
       kChunkedHead + "; body x; trailer x-sum=7; trailer b=; end"},
      {"trailers cut", kResponse, kChunked + "1\r\nx\r\n0\r\nX-Sum: 7\r\n",
       kChunkedHead + "; body x; in trailers"},
      {"chunked cut", kResponse, kChunked + "5\r\nhel", kChunkedHead + "; body hel; in body"},
      {"chunked, end of transport is no end of body", kResponse, kChunked + "5\r\nhello\r\n",
       kChunkedHead + "; body hello; finished; in body", BodyRule::by_framing, true},
      {"gzip, chunked", kResponse,
       kOk + "Transfer-Encoding: gzip, chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
       "begin; transfer-encoding=gzip, chunked; [200 1.1 chunked ka]; body x; end"},
      {"close-delimited", kResponse, kOk + "\r\nall of it",
       "begin; [200 1.1 ka]; body all of it; end; closed", BodyRule::by_framing, true},
      {"close-delimited, not yet closed", kResponse, kOk + "\r\nall of it",
       "begin; [200 1.1 ka]; body all of it; in body"},
      {"close-delimited, empty", kResponse, kOk + "Connection: close\r\n\r\n",
       "begin; connection=close; [200 1.1 close]; end; closed", BodyRule::by_framing, true},
      {"HTTP/1.0, close-delimited", kResponse, "HTTP/1.0 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
       "begin; [200 1.0 close]; body HTTP/1.1 200 OK\r\n\r\n; end; closed", BodyRule::by_framing,
       true},
      {"HTTP/1.0, kept alive", kRequest,
       "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET / HTTP/1.0\r\n\r\n",
       "begin; connection=keep-alive; [GET / 1.0 ka]; end; begin; [GET / 1.0 close]; end"},
      {"head cut by the end", kResponse, "HTTP/1.1 200 OK\r\nA: b\r\n", "begin; finished; in head",
       BodyRule::by_framing, true},
      {"nothing at all", kResponse, "", "finished", BodyRule::by_framing, true},

      // Answers whose head speaks of a body they do not have.
      {"HEAD with length, then the next", kResponse,
       kOk + "Content-Length: 9\r\n\r\n" + kOk + "Content-Length: 9\r\n\r\n",
       "begin; content-length=9; [200 1.1 cl9 ka]; end; begin; content-length=9; [200 1.1 cl9 ka]; "
       "end",
       BodyRule::none},
      {"HEAD, chunked", kResponse, kChunked, kChunkedHead + "; end", BodyRule::none},
      {"HEAD without framing", kResponse, kOk + "\r\n" + kOk + "\r\n",
       "begin; [200 1.1 ka]; end; begin; [200 1.1 ka]; end", BodyRule::none},
      {"304 with length", kResponse,
       "HTTP/1.1 304 N\r\nContent-Length: 9\r\n\r\n" + kOk + "Content-Length: 1\r\n\r\nx",
       "begin; content-length=9; [304 1.1 cl9 ka]; end; begin; content-length=1; [200 1.1 cl1 ka]; "
       "body x; end"},
      {"204 with length", kResponse,
       "HTTP/1.1 204 N\r\nContent-Length: 9\r\n\r\n" + kOk + "Content-Length: 0\r\n\r\n",
       "begin; content-length=9; [204 1.1 cl9 ka]; end; begin; content-length=0; [200 1.1 cl0 ka]; "
       "end"},
      {"304, chunked", kResponse,
       "HTTP/1.1 304 N\r\nTransfer-Encoding: chunked\r\n\r\n" + kOk + "Content-Length: 0\r\n\r\n",
       "begin; transfer-encoding=chunked; [304 1.1 chunked ka]; end; begin; content-length=0; [200 "
       "1.1 cl0 ka]; end"},
      {"100, 103, 200", kResponse,
       "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\n" + kOk +
           "Content-Length: 1\r\n\r\nx",
       "begin; [100 1.1 ka]; end; begin; link=x; [103 1.1 ka]; end; begin; content-length=1; [200 "
       "1.1 cl1 ka]; body x; end"},
      {"100 that says close closes nothing", kResponse,
       "HTTP/1.1 100 C\r\nConnection: close\r\nContent-Length: 4\r\n\r\n" + kOk +
           "Content-Length: 0\r\n\r\n",
       "begin; connection=close; content-length=4; [100 1.1 cl4 close]; end; begin; "
       "content-length=0; [200 1.1 cl0 ka]; end"},
      {"Expect: 100-continue", kRequest,
       kPost + "Expect: 100-continue\r\nContent-Length: 2\r\n\r\nab",
       "begin; expect=100-continue; content-length=2; [POST /v1 1.1 cl2 ka]; body ab; end"},

      // Other protocols.
      {"101", kResponse,
       "HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x05xyz",
       "begin; connection=Upgrade; upgrade=websocket; [101 1.1 ka upgrade]; end; upgraded 5 left"},
      {"101 without fields", kResponse, "HTTP/1.1 101 S\r\n\r\nabc",
       "begin; [101 1.1 ka upgrade]; end; upgraded 3 left"},
      {"200 with Upgrade is ordinary", kResponse,
       kOk + "Connection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 1\r\n\r\nx",
       "begin; connection=upgrade; upgrade=h2c; content-length=1; [200 1.1 cl1 ka]; body x; end"},
      {"2xx to CONNECT", kResponse, kOk + "Content-Length: 4\r\n\r\n\x16\x03\x01",
       "begin; content-length=4; [200 1.1 cl4 ka]; end; upgraded 3 left", BodyRule::tunnel},
      {"request with Upgrade, refused: parsed on", kRequest,
       kGet + "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n" + kGet + "\r\n",
       "begin; connection=Upgrade, HTTP2-Settings; upgrade=h2c; [GET / 1.1 ka upgrade]; end; "
       "begin; [GET / 1.1 ka]; end"},
      {"POST with Upgrade and body", kRequest,
       kPost + "Connection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\nab" + kGet + "\r\n",
       "begin; connection=upgrade; upgrade=h2c; content-length=2; [POST /v1 1.1 cl2 ka upgrade]; "
       "body ab; end; begin; [GET / 1.1 ka]; end"},
      {"POST with Upgrade, chunked", kRequest,
       kPost +
           "Connection: upgrade\r\nUpgrade: h2c\r\nTransfer-Encoding: "
           "chunked\r\n\r\n1\r\na\r\n0\r\n\r\n" +
           kGet + "\r\n",
       "begin; connection=upgrade; upgrade=h2c; transfer-encoding=chunked; [POST /v1 1.1 chunked "
       "ka upgrade]; body a; end; begin; [GET / 1.1 ka]; end"},
      {"CONNECT, refused: parsed on", kRequest, "CONNECT h:443 HTTP/1.1\r\n\r\n" + kGet + "\r\n",
       "begin; [CONNECT h:443 1.1 ka upgrade]; end; begin; [GET / 1.1 ka]; end"},
      {"HTTP/2 preface", kRequest, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "begin; REJECTED"},
      {"TLS in a request", kRequest, std::string("\x16\x03\x01\x02\x00", 5), "begin; REJECTED"},
      {"TLS in an answer", kResponse, std::string("\x16\x03\x01\x02\x00", 5), "begin; REJECTED"},
      {"an answer where a request must be", kRequest, kOk, "begin; REJECTED"},
      {"a request where an answer must be", kResponse, kGet, "begin; REJECTED"},
      {"HTTP/2 answer line", kResponse, "HTTP/2.0 200 OK\r\n\r\n", "begin; REJECTED"},
      {"HTTP/0.9 request", kRequest, "GET /\r\n\r\n", "begin; REJECTED"},
      {"HTTP/1.2", kRequest, "GET / HTTP/1.2\r\n\r\n", "begin; REJECTED"},

      // Behind the last message.
      {"octets after close", kResponse, kOk + "Connection: close\r\nContent-Length: 1\r\n\r\nxy",
       "begin; connection=close; content-length=1; [200 1.1 cl1 close]; body x; end; AFTER CLOSE"},
      {"an answer after close", kResponse,
       kOk + "Connection: close\r\nContent-Length: 1\r\n\r\nx" + kOk + "\r\n",
       "begin; connection=close; content-length=1; [200 1.1 cl1 close]; body x; end; AFTER CLOSE"},
      {"line ends after close", kResponse,
       kOk + "Connection: close\r\nContent-Length: 1\r\n\r\nx\r\n",
       "begin; connection=close; content-length=1; [200 1.1 cl1 close]; body x; end"},
      {"a request after close", kRequest, kGet + "Connection: close\r\n\r\n" + kGet + "\r\n",
       "begin; connection=close; [GET / 1.1 close]; end; AFTER CLOSE"},
      {"a second HTTP/1.0 request", kRequest, "GET / HTTP/1.0\r\n\r\n" + kGet + "\r\n",
       "begin; [GET / 1.0 close]; end; AFTER CLOSE"},

      // Framing that could be read in two ways.
      {"length and chunked, request", kRequest,
       kPost + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
       "begin; content-length=5; transfer-encoding=chunked; REJECTED"},
      {"chunked and length, request", kRequest,
       kPost + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
       "begin; transfer-encoding=chunked; content-length=5; REJECTED"},
      {"length and chunked, answer", kResponse,
       kOk + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
       "begin; content-length=5; transfer-encoding=chunked; REJECTED"},
      {"two lengths", kRequest, kPost + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
       "begin; content-length=5; REJECTED"},
      {"the same length twice", kResponse,
       kOk + "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
       "begin; content-length=5; REJECTED"},
      {"a list of lengths", kResponse, kOk + "Content-Length: 5, 5\r\n\r\nhello",
       "begin; REJECTED"},
      {"signed length", kRequest, kPost + "Content-Length: +5\r\n\r\nhello", "begin; REJECTED"},
      {"negative length", kRequest, kPost + "Content-Length: -5\r\n\r\nhello", "begin; REJECTED"},
      {"hex length", kRequest, kPost + "Content-Length: 0x5\r\n\r\nhello", "begin; REJECTED"},
      {"length with a blank inside", kRequest, kPost + "Content-Length: 4 2\r\n\r\n",
       "begin; REJECTED"},
      {"empty length", kRequest, kPost + "Content-Length: \r\n\r\n", "begin; REJECTED"},
      {"length beyond 64 bits", kResponse, kOk + "Content-Length: 18446744073709551616\r\n\r\n",
       "begin; REJECTED"},
      {"largest length", kResponse, kOk + "Content-Length: 18446744073709551615\r\n\r\nx",
       "begin; content-length=18446744073709551615; [200 1.1 cl18446744073709551615 ka]; body x; "
       "in body"},
      {"chunked not last, request", kRequest, kPost + "Transfer-Encoding: chunked, gzip\r\n\r\n",
       "begin; REJECTED"},
      {"identity coding, request", kRequest, kPost + "Transfer-Encoding: identity\r\n\r\n",
       "begin; transfer-encoding=identity; [POST /v1 1.1 ka]; REJECTED"},
      {"not chunked, request", kRequest, kPost + "Transfer-Encoding: xchunked\r\n\r\n",
       "begin; transfer-encoding=xchunked; [POST /v1 1.1 ka]; REJECTED"},
      {"chunked not last, answer: until close", kResponse,
       kOk + "Transfer-Encoding: chunked, gzip\r\n\r\nxyz",
       "begin; transfer-encoding=chunked, gzip; [200 1.1 ka]; body xyz; in body"},
      {"empty chunk size", kResponse, kChunked + "\r\nx", kChunkedHead + "; REJECTED"},
      {"chunk size not hex", kResponse, kChunked + "g\r\nx", kChunkedHead + "; REJECTED"},
      {"chunk size 0x5", kResponse, kChunked + "0x5\r\nhello", kChunkedHead + "; REJECTED"},
      {"chunk size signed", kResponse, kChunked + "+5\r\nhello", kChunkedHead + "; REJECTED"},
      {"chunk size beyond 64 bits", kResponse, kChunked + "10000000000000000\r\nx",
       kChunkedHead + "; REJECTED"},
      {"chunk size, many digits", kResponse, kChunked + "fffffffffffffffff\r\nx",
       kChunkedHead + "; REJECTED"},
      {"blank before the chunk's line end", kResponse, kChunked + "5 \r\nhello",
       kChunkedHead + "; REJECTED"},
      {"chunk line with bare LF", kResponse, kChunked + "5\nhello\r\n",
       kChunkedHead + "; REJECTED"},
      {"chunk data too long", kResponse, kChunked + "2\r\nhello\r\n",
       kChunkedHead + "; body he; REJECTED"},
      {"chunk data with bare LF behind", kResponse, kChunked + "2\r\nhe\n0\r\n\r\n",
       kChunkedHead + "; body he; REJECTED"},
      {"bare LF in a chunk extension", kResponse, kChunked + "2;a\nhe\r\n",
       kChunkedHead + "; REJECTED"},
      {"trailer with a bad name", kResponse, kChunked + "0\r\nA b: c\r\n\r\n",
       kChunkedHead + "; REJECTED"},

      // Lines by the letter.
      {"bare LF after the start line", kResponse, "HTTP/1.1 200 OK\nA: b\r\n\r\n",
       "begin; REJECTED"},
      {"bare LF after a field", kRequest, kGet + "A: b\nC: d\r\n\r\n", "begin; REJECTED"},
      {"bare LF as the last line", kRequest, kGet + "A: b\r\n\n", "begin; REJECTED"},
      {"bare CR in a value", kRequest, kGet + "A: b\rC: d\r\n\r\n", "begin; REJECTED"},
      {"bare CR after the target", kRequest, "GET / HTTP/1.1\rA: b\r\n\r\n", "begin; REJECTED"},
      {"NUL in a value", kRequest, kGet + std::string("A: b\0c\r\n\r\n", 10), "begin; REJECTED"},
      {"NUL in a name", kRequest, kGet + std::string("A\0: b\r\n\r\n", 9), "begin; REJECTED"},
      {"control octet in a value", kRequest, kGet + "A: \x01\r\n\r\n", "begin; REJECTED"},
      {"DEL in a value", kRequest, kGet + "A: \x7f\r\n\r\n", "begin; REJECTED"},
      {"tab and high octets in a value", kRequest, kGet + "A: b\tc\xff\r\n\r\n",
       "begin; a=b\tc\xff; [GET / 1.1 ka]; end"},
      {"folded value", kRequest, kGet + "A: b\r\n c\r\n\r\n", "begin; REJECTED"},
      {"folded with a tab", kResponse, kOk + "A: b\r\n\tc\r\n\r\n", "begin; REJECTED"},
      {"fold behind the colon", kRequest, kGet + "A:\r\n b\r\n\r\n", "begin; REJECTED"},
      {"blank line that is not blank", kRequest, kGet + "A: b\r\n \r\n\r\n", "begin; REJECTED"},
      {"blank before the first name", kRequest, kGet + " A: b\r\n\r\n", "begin; REJECTED"},
      {"space before the colon", kRequest, kGet + "A : b\r\n\r\n", "begin; REJECTED"},
      {"space in a name", kRequest, kGet + "A b: c\r\n\r\n", "begin; REJECTED"},
      {"no colon", kRequest, kGet + "A\r\n\r\n", "begin; REJECTED"},
      {"empty name", kRequest, kGet + ": b\r\n\r\n", "begin; REJECTED"},
      {"unknown method", kRequest, "BREW / HTTP/1.1\r\n\r\n", "begin; REJECTED"},
      {"lower-case method", kRequest, "get / HTTP/1.1\r\n\r\n", "begin; REJECTED"},
      {"space before the method", kRequest, " GET / HTTP/1.1\r\n\r\n", "begin; REJECTED"},
      {"no target", kRequest, "GET HTTP/1.1\r\n\r\n", "begin; REJECTED"},
      {"space after the version", kRequest, "GET / HTTP/1.1 \r\n\r\n", "begin; REJECTED"},
      {"NUL in the target", kRequest, std::string("GET /\0 HTTP/1.1\r\n\r\n", 19),
       "begin; REJECTED"},
      {"lower-case protocol", kRequest, "GET / http/1.1\r\n\r\n", "begin; REJECTED"},
      {"status of two digits", kResponse, "HTTP/1.1 99 X\r\n\r\n", "begin; REJECTED"},
      {"status of four digits", kResponse, "HTTP/1.1 2000 X\r\n\r\n", "begin; REJECTED"},
      {"no space after the status", kResponse, "HTTP/1.1 200OK\r\n\r\n", "begin; REJECTED"},
      {"status 999", kResponse, "HTTP/1.1 999 X\r\nContent-Length: 0\r\n\r\n",
       "begin; content-length=0; [999 1.1 cl0 ka]; end"},
  };
  return all;
}

}  // namespace

TEST_CASE("http1: every row, whole, octet by octet and at every cut") {
  for (const Row& row : rows()) {
    CAPTURE(row.what);
    const Bytes input = row.input;
    const std::string whole = run(row, {input});
    CHECK(whole == row.events);
    std::vector<Bytes> octets;
    for (std::size_t i = 0; i < input.size(); ++i) octets.push_back(input.substr(i, 1));
    CHECK(run(row, octets) == whole);
    for (std::size_t cut = 1; cut < input.size(); ++cut) {
      CAPTURE(cut);
      REQUIRE(run(row, {input.substr(0, cut), input.substr(cut)}) == whole);
    }
  }
}

TEST_CASE("http1: a head is taken up to the limit and refused one octet beyond it, at every cut") {
  const std::string begin = kGet + "A: ";
  for (const std::size_t over : {std::size_t{0}, std::size_t{1}}) {
    const std::size_t fill = limits::kHttpHeadMax + over - begin.size() - 4;
    const std::string input =
        kGet + "\r\n" + begin + std::string(fill, 'x') + "\r\n\r\n" + kGet + "\r\n";
    Row row{"", kRequest, input, ""};
    const std::string expected =
        "begin; [GET / 1.1 ka]; end; begin; a=" + std::string(limits::kHttpFieldValueMax, 'x') +
        (over != 0 ? "; TOO LARGE" : "; [GET / 1.1 ka]; end; begin; [GET / 1.1 ka]; end");
    const Bytes all = input;
    for (std::size_t cut = 0; cut <= all.size(); cut += cut % 4096 < 40 ? 1 : 509) {
      CAPTURE(cut);
      const bool same = run(row, {all.substr(0, cut), all.substr(cut)}) == expected;
      REQUIRE(same);
    }
  }
}

TEST_CASE("http1: a head of blanks is counted too") {
  Log log(BodyRule::by_framing);
  Http1Parser parser(kRequest, log);
  const std::string blanks(limits::kHttpHeadMax, ' ');
  CHECK(parser.feed(kGet + "A:") == kGet.size() + 2);
  parser.feed(blanks);
  CHECK(parser.error() == Http1Error::head_too_large);
  CHECK(parser.feed("x") == 0);
  CHECK_FALSE(parser.head_complete());
}

TEST_CASE("http1: a name too long to be wanted is not asked about") {
  Row row{"", kRequest,
          kGet + std::string(limits::kHttpFieldNameMax + 1, 'n') + ": 1\r\n" +
              std::string(limits::kHttpFieldNameMax, 'm') + ": 2\r\n\r\n",
          ""};
  const std::string expected =
      "begin; " + std::string(limits::kHttpFieldNameMax, 'm') + "=2; [GET / 1.1 ka]; end";
  CHECK(run(row, {row.input}) == expected);
}

TEST_CASE("http1: told that the connection is opaque, nothing more is read") {
  Log log(BodyRule::by_framing);
  Http1Parser parser(kRequest, log);
  const std::string head = kGet + "Connection: upgrade\r\nUpgrade: websocket\r\n\r\n";
  CHECK(parser.feed(head) == head.size());
  CHECK_FALSE(parser.upgraded());
  parser.set_opaque();
  CHECK(parser.feed("\x81\x05hello") == 0);
  CHECK(parser.error() == Http1Error::none);
}

TEST_CASE("http1: a message cut short stays open at the end and is no error") {
  Log log(BodyRule::by_framing);
  Http1Parser parser(kResponse, log);
  parser.feed(kOk + "Content-Length: 9\r\n\r\nabc");
  parser.finish();
  CHECK(parser.error() == Http1Error::none);
  CHECK(parser.in_body());
  CHECK_FALSE(parser.body_until_close());
}

TEST_CASE("http1: nothing but line ends may follow the end of a close-delimited body") {
  Log log(BodyRule::by_framing);
  Http1Parser parser(kResponse, log);
  parser.feed(kOk + "\r\nabc");
  CHECK(parser.body_until_close());
  parser.finish();
  parser.finish();
  CHECK(log.text() == "begin; [200 1.1 ka]; body abc; end");
  CHECK(parser.feed("x") == 0);
  CHECK(parser.error() == Http1Error::after_close);
}

TEST_CASE("http1: a handler that throws stops the parser and nothing else") {
  struct Thrower final : Log {
    using Log::Log;
    void on_body(Bytes) override { throw std::runtime_error("no"); }
  };
  struct LateThrower final : Log {
    using Log::Log;
    void on_message_complete() override { throw std::runtime_error("no"); }
  };
  Thrower early(BodyRule::by_framing);
  LateThrower late(BodyRule::by_framing);
  for (Log* log : {static_cast<Log*>(&early), static_cast<Log*>(&late)}) {
    Http1Parser parser(kResponse, *log);
    const std::string input = kOk + "Content-Length: 1\r\n\r\nx" + kOk;
    CHECK(parser.feed(input) < input.size());
    CHECK(parser.error() == Http1Error::rejected);
    CHECK(parser.feed(kOk) == 0);
  }
}

TEST_CASE("http1: the status is known before the rest of a head, wherever it is cut") {
  struct Status final : Log {
    using Log::Log;
    void on_status(int status) override { add("status " + std::to_string(status)); }
  };
  const std::string input = "HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 503\r\nA: b";
  for (std::size_t cut = 0; cut < input.size(); ++cut) {
    Status log(BodyRule::by_framing);
    Http1Parser parser(kResponse, log);
    parser.feed(Bytes(input).substr(0, cut));
    parser.feed(Bytes(input).substr(cut));
    CHECK(log.text() == "begin; status 103; [103 1.1 ka]; end; begin; status 503");
  }
  Status request(BodyRule::by_framing);
  Http1Parser parser(kRequest, request);
  parser.feed(kGet + "\r\n");
  CHECK(request.text() == "begin; [GET / 1.1 ka]; end");
}

TEST_CASE("http1: empty lines between messages count for the one before, wherever they are cut") {
  struct Counts final : Log {
    using Log::Log;
    void on_message_begin() override { octets.push_back(0); }
    void on_octets(std::size_t n) override { octets.back() += n; }
    std::vector<std::size_t> octets{0};  // the first: before any message
  };
  const std::string input = "\r\n\r\n" + kGet + "\r\n\r\n\n" + kGet + "\r\n\r\n";
  for (std::size_t cut = 0; cut <= input.size(); ++cut) {
    INFO(cut);
    Counts log(BodyRule::by_framing);
    Http1Parser parser(kRequest, log);
    parser.feed(Bytes(input).substr(0, cut));
    parser.feed(Bytes(input).substr(cut));
    CHECK(log.octets == std::vector<std::size_t>{4, kGet.size() + 5, kGet.size() + 4});
  }
}

TEST_CASE("http1: an idle parser is small") { CHECK(sizeof(Http1Parser) < 400); }
