#include "support/script.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "support/http_reader.h"

using namespace llmrec::support;

namespace {

HttpMessage only(const Script& script, const std::string& method = "POST") {
  const auto parsed = parse_http(HttpReader::Kind::response, text_sent_by(script), true, {method});
  REQUIRE(parsed.broken == "");
  REQUIRE(!parsed.messages.empty());
  return parsed.messages.back();
}

Answer sample() {
  Answer answer = events({"data: 1\n\n", "data: 22\n\n", "data: [DONE]\n\n"});
  answer.trailers = {"X-T: t"};
  return answer;
}

}  // namespace

TEST_CASE("support script: every framing and coding gives the same body") {
  for (const Framing framing : {Framing::chunked, Framing::length, Framing::close}) {
    for (const Coding coding :
         {Coding::identity, Coding::gzip, Coding::deflate, Coding::br, Coding::zstd}) {
      for (const std::size_t chunk : {0u, 1u, 5u}) {
        Answer answer = sample();
        answer.framing = framing;
        answer.coding = coding;
        if (chunk > 0) answer.chunk_sizes = {chunk};
        const Script script = play(answer);
        const auto message = only(script);
        CHECK(message.complete);
        CHECK(message.body == coded_body(answer));
        CHECK(decode(coding, message.body).text == "data: 1\n\ndata: 22\n\ndata: [DONE]\n\n");
        CHECK(message.header("content-encoding") ==
              (coding == Coding::identity ? "" : name_of(coding)));
        CHECK(message.trailers == (framing == Framing::chunked ? "X-T: t\r\n" : ""));
        CHECK(std::holds_alternative<Close>(script.back()) == (framing == Framing::close));
        if (framing == Framing::chunked && chunk == 5) CHECK(message.chunk_sizes[0] == 5);
      }
    }
  }
}

TEST_CASE("support script: heads without bodies, interim heads, one write") {
  Answer answer = sample();
  answer.head_only = true;
  CHECK(only(play(answer), "HEAD").header("transfer-encoding") == "chunked");
  CHECK(text_sent_by(play(answer)).ends_with("\r\n\r\n"));

  answer = sample();
  answer.interim = {"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"};
  answer.at_once = true;
  const auto reply = build(answer);
  CHECK(reply.script.size() == 1);
  const auto parsed = parse_http(HttpReader::Kind::response, text_sent_by(reply.script), true);
  REQUIRE(parsed.messages.size() == 2);
  CHECK(parsed.messages[0].status == 103);
  CHECK(reply.head_bytes == parsed.messages[0].head.size() + parsed.messages[1].head.size());
}

TEST_CASE("support script: steps go before the piece they are meant for") {
  Answer answer = sample();
  answer.before[1] = {WaitFor{"gate"}};
  answer.delay_ms = 3;
  const auto reply = build(answer);
  REQUIRE(reply.script.size() == 8);  // head, piece, delay, gate, piece, delay, piece, last chunk
  CHECK(std::get<WaitFor>(reply.script[3]).gate == "gate");
  CHECK(reply.piece_ends.size() == 3);
  CHECK(reply.piece_ends[0] == reply.head_bytes + std::get<Send>(reply.script[1]).bytes.size());
}

TEST_CASE("support script: a cut leaves exactly so many bytes, at every byte") {
  for (const Script& script : {play(sample()), bulk(300, Framing::chunked, 100)}) {
    const std::string whole = text_sent_by(script);
    CHECK(bytes_sent_by(script) == whole.size());
    for (std::size_t n = 0; n <= whole.size() + 1; ++n) {
      const Script cut = cut_at(script, n, How::rst);
      CHECK(text_sent_by(cut) == whole.substr(0, n));
      CHECK(std::holds_alternative<Rst>(cut.back()));
      CHECK(std::count_if(cut.begin(), cut.end(), [](const Step& s) {
              return std::holds_alternative<Close>(s) || std::holds_alternative<Fin>(s);
            }) == 0);
    }
  }
  Answer closing = sample();
  closing.framing = Framing::close;
  const Script cut = cut_at(play(closing), 1 << 20, How::fin);
  CHECK(std::holds_alternative<Fin>(cut.back()));
  CHECK_FALSE(std::holds_alternative<Close>(cut[cut.size() - 2]));
}

TEST_CASE("support script: bulk content has the digest it announces") {
  for (const Framing framing : {Framing::chunked, Framing::length, Framing::close}) {
    const auto message = only(bulk(200'001, framing));
    CHECK(message.body_bytes == 200'001);
    CHECK(message.body_sha256 == message.header("x-bulk-sha256"));
  }
  CHECK(only(bulk(0, Framing::chunked)).complete);
}
