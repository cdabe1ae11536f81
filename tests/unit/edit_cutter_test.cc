#include "edit/cutter.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "edit/head.h"

using namespace llmrec;
using namespace llmrec::edit;
using What = Cutter::What;

namespace {

struct Run {
  std::string all;    // every octet of every piece
  std::string kinds;  // a letter for each piece, runs of data folded
  std::string data;
};

Run run(const std::string& input, std::size_t first, std::size_t step) {
  Cutter cutter;
  Run out;
  const auto take = [&](Bytes octets) {
    for (;;) {
      const Cutter::Piece piece = cutter.next(octets);
      if (piece.what == What::more) break;
      out.all.append(piece.octets);
      const char kind = "?bhdcetEo"[static_cast<int>(piece.what)];
      if (out.kinds.empty() || out.kinds.back() != kind || kind == 'h') out.kinds += kind;
      if (piece.what == What::data) out.data.append(piece.octets);
      if (piece.what != What::head) continue;
      const auto head = read_response_head(piece.octets);
      if (!head) {
        cutter.set_opaque();
      } else {
        cutter.follow(head->chunked  ? Body::chunked
                      : head->length ? Body::length
                                     : Body::until_close,
                      head->length.value_or(0));
      }
    }
    CHECK(octets.empty());
  };
  take(Bytes(input).substr(0, first));
  for (std::size_t at = first; at < input.size(); at += step) take(Bytes(input).substr(at, step));
  out.all += cutter.take_held();
  return out;
}

void check(const std::string& input, const std::string& kinds, const std::string& data) {
  for (std::size_t first = 0; first <= input.size(); ++first) {
    for (const std::size_t step : {std::size_t{1}, input.size()}) {
      CAPTURE(first);
      const Run r = run(input, first, step == 0 ? 1 : step);
      CHECK(r.all == input);
      CHECK(r.kinds == kinds);
      CHECK(r.data == data);
    }
  }
}

}  // namespace

TEST_CASE("messages in a row, however they come") {
  check(
      "\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"
      "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
      "HTTP/1.1 200 OK\r\n\r\nto the end",
      "bhdEhEhd", "abcto the end");
}

TEST_CASE("chunks, with all that may be among them") {
  check(
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3\r\nabc\r\n00A ;x=\"y\"\r\n0123456789\r\n0\r\nT: 1\r\n\r\n"
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "hcdecdetEhtE", "abc0123456789");
}

TEST_CASE("what breaks the letter passes as it is") {
  const std::string head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  check("HTTP/1.1 200 OK\nX: 1\r\n\r\nabc", "o", "");
  check(head + "xyz\r\nabc", "ho", "");
  check(head + "1\r\nabc\r\n", "hcdo", "a");
  check(head + "1\nabc", "ho", "");
  check(head + "11112222333344445\r\nabc", "ho", "");
  check(head + "3\r\nabc\r", "hcd", "abc");
}

TEST_CASE("a head or a line that never ends is not kept for ever") {
  for (const std::string& begin :
       {std::string("HTTP/1.1 200 OK\r\nX: "),
        std::string("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;")}) {
    const std::string input = begin + std::string(200'000, 'x');
    const Run r = run(input, 1000, 1000);
    CHECK(r.all == input);
    CHECK(r.kinds.back() == 'o');
  }
}
