#include "edit/stream_edit.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "base/limits.h"

using namespace llmrec;
using namespace llmrec::edit;
using What = Cutter::What;

namespace {

const std::string kText = R"(data: {"choices":[{"delta":{"content":"a"}}]})"
                          "\n\n";
const std::string kUsage = R"(data: {"choices":[],"usage":{"total_tokens":3}})"
                           "\n\n";
const std::string kDone = "data: [DONE]\n\n";

std::string chunk(const std::string& data, const std::string& extension = "") {
  std::string size;
  for (std::size_t n = data.size(); n != 0; n /= 16) {
    size.insert(size.begin(), "0123456789abcdef"[n % 16]);
  }
  return size + extension + "\r\n" + data + "\r\n";
}
const std::string kLast = "0\r\n\r\n";

struct Edited {
  std::string out;
  StreamEdit::Did did;
  std::size_t held_most = 0;  // octets that had come and not gone on
};

Edited edited(Body body, const std::string& input, std::size_t first, std::size_t step) {
  Cutter cutter;
  Bytes head = "HTTP/1.1 200 OK\r\n\r\n";
  REQUIRE(cutter.next(head).what == What::head);
  cutter.follow(body, input.size());
  StreamEdit edit(body);
  Edited r{};
  std::size_t came = 0;
  const auto take = [&](Bytes octets) {
    came += octets.size();
    for (;;) {
      const Cutter::Piece piece = cutter.next(octets);
      if (piece.what == What::more || piece.what == What::end) break;
      REQUIRE(piece.what != What::opaque);
      edit.piece(piece, r.out);
    }
    if (came > r.out.size()) r.held_most = std::max(r.held_most, came - r.out.size());
  };
  take(Bytes(input).substr(0, first));
  for (std::size_t at = first; at < input.size(); at += step) take(Bytes(input).substr(at, step));
  edit.finish(r.out);
  r.out += cutter.take_held();
  r.did = edit.did();
  return r;
}

void check(Body body, const std::string& input, const std::string& wanted, StreamEdit::Did did) {
  for (std::size_t first = 0; first <= input.size(); ++first) {
    for (const std::size_t step : {std::size_t{1}, std::size_t{5}, input.size() + 1}) {
      CAPTURE(first);
      CAPTURE(step);
      const Edited r = edited(body, input, first, step);
      CHECK(r.out == wanted);
      CHECK(r.did == did);
    }
  }
}

using Did = StreamEdit::Did;

}  // namespace

TEST_CASE("a chunk for each event: one chunk less") {
  check(Body::chunked, chunk(kText) + chunk(kUsage) + chunk(kDone) + kLast,
        chunk(kText) + chunk(kDone) + kLast, Did::dropped);
  check(Body::chunked, chunk(kText) + chunk(kUsage) + kLast, chunk(kText) + kLast, Did::dropped);
}

TEST_CASE("a chunk that holds more keeps the rest") {
  check(Body::chunked, chunk(kText + kUsage + kDone, ";x=1") + kLast,
        chunk(kText + kDone, ";x=1") + kLast, Did::dropped);
  // It stands in three chunks, of which the one in the middle is nothing else.
  const std::string a = kUsage.substr(0, 10);
  const std::string b = kUsage.substr(10, 9);
  const std::string c = kUsage.substr(19);
  check(Body::chunked, chunk(kText) + chunk(kText + a) + chunk(b) + chunk(c + kDone) + kLast,
        chunk(kText) + chunk(kText) + chunk(kDone) + kLast, Did::dropped);
}

TEST_CASE("nothing to drop: nothing is changed, not even the framing") {
  const std::string odd = "00" + chunk(kText.substr(0, 5), " ;a") + chunk(kText.substr(5) + kDone) +
                          "000\r\nT: 1\r\n\r\n";
  check(Body::chunked, odd, odd, Did::nothing);
  check(Body::chunked, kLast, kLast, Did::nothing);
  check(Body::length, kText + kDone, kText + kDone, Did::nothing);
}

TEST_CASE("a body without framing loses it, one of a stated length keeps its length") {
  check(Body::until_close, kText + kUsage + kDone, kText + kDone, Did::dropped);
  const std::string comment = ":" + std::string(kUsage.size() - 3, ' ') + "\n\n";
  check(Body::length, kText + kUsage + kDone, kText + comment + kDone, Did::blanked);
}

TEST_CASE("cut anywhere, what came goes on") {
  const std::string whole = chunk(kText) + chunk(kUsage) + chunk(kDone) + kLast;
  const std::size_t before = chunk(kText).size();
  const std::size_t behind = before + chunk(kUsage).size();
  for (std::size_t n = 0; n < whole.size(); ++n) {
    CAPTURE(n);
    const std::string cut = whole.substr(0, n);
    const Edited once = edited(Body::chunked, cut, n, 1);
    const Edited octets = edited(Body::chunked, cut, 0, 1);
    CHECK(once.out == octets.out);
    CHECK(once.did == octets.did);
    if (n <= before) CHECK(once.out == cut);
    // Its event is whole, and the last that came.
    if (n >= behind) CHECK(once.out == chunk(kText) + cut.substr(behind));
  }
  // A chunk that was cut still looks cut.
  const std::string half = "40\r\n" + kUsage;
  CHECK(edited(Body::chunked, half, half.size(), 1).out ==
        chunk(std::string(0x40 - kUsage.size(), 'x')).substr(0, 3));
}

TEST_CASE("a chunk that is too large to be held goes on as it comes") {
  std::string large;
  while (large.size() <= limits::kEditHeldOctets) large += kText;
  const std::string comment = ":" + std::string(kUsage.size() - 3, ' ') + "\n\n";
  const std::string input = chunk(large + kUsage + kDone) + kLast;
  for (const std::size_t step : {std::size_t{1}, std::size_t{4096}, input.size()}) {
    const Edited r = edited(Body::chunked, input, 0, step);
    CHECK(r.out == chunk(large + comment + kDone) + kLast);
    CHECK(r.did == Did::blanked);
    if (step == 1) CHECK(r.held_most < 1000);
  }
}

TEST_CASE("what is held has an end") {
  // An endless line, in chunks; a usage chunk and nothing but comments behind it.
  std::string input;
  for (int i = 0; i < 300; ++i) input += chunk("data: {\"a\":\"" + std::string(1000, 'x'));
  CHECK(edited(Body::chunked, input, 0, 997).held_most < 3 * limits::kEditHeldOctets);
  CHECK(edited(Body::chunked, input, 0, 997).out == input);
  input = chunk(kUsage);
  for (int i = 0; i < 10'000; ++i) input += chunk(":\n\n");
  CHECK(edited(Body::chunked, input, 0, 997).held_most < 3 * limits::kEditHeldOctets);
  CHECK(edited(Body::chunked, input, 0, 997).out == input);
  CHECK(edited(Body::chunked, input, 0, 1).out == input);
}
