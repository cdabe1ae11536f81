// RFC 4648 §10's vectors and every octet, at every cut.
#include "wire/base64.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace llmrec;
using namespace llmrec::wire;

namespace {

struct Text final : ByteSink {
  std::string text;
  void on_bytes(Bytes part) override {
    CHECK_FALSE(part.empty());
    text += part;
  }
};

std::string run(const std::vector<Bytes>& pieces) {
  Base64Decoder decoder;
  Text out;
  bool ok = true;
  for (const Bytes piece : pieces) {
    const bool now = decoder.feed(piece, out);
    CHECK((ok || !now));  // an error stays
    ok = now;
  }
  return out.text + (!ok ? " bad" : decoder.finish() ? "" : " cut");
}

std::string encode(const std::string& octets) {
  const Bytes alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i < octets.size(); i += 3) {
    const std::size_t n = std::min<std::size_t>(3, octets.size() - i);
    unsigned bits = 0;
    for (std::size_t j = 0; j < 3; ++j) {
      bits = bits << 8 | (j < n ? static_cast<unsigned char>(octets[i + j]) : 0U);
    }
    for (std::size_t j = 0; j < 4; ++j) {
      out += j <= n ? alphabet[bits >> (18 - 6 * j) & 63U] : '=';
    }
  }
  return out;
}

void check_every_cut(const std::string& text) {
  const std::string whole = run({text});
  for (std::size_t i = 0; i <= text.size(); ++i) {
    INFO(text.substr(0, 40) << " at " << i);
    CHECK(run({Bytes(text).substr(0, i), Bytes(text).substr(i)}) == whole);
  }
}

}  // namespace

TEST_CASE("base64: the RFC's vectors") {
  CHECK(run({""}) == "");
  CHECK(run({"Zg=="}) == "f");
  CHECK(run({"Zm8="}) == "fo");
  CHECK(run({"Zm9v"}) == "foo");
  CHECK(run({"Zm9vYg=="}) == "foob");
  CHECK(run({"Zm9vYmE="}) == "fooba");
  CHECK(run({"Zm9vYmFy"}) == "foobar");
}

TEST_CASE("base64: every octet at every place, at every cut") {
  for (std::size_t from = 0; from < 3; ++from) {
    std::string octets(from, 'x');
    for (int i = 0; i < 256; ++i) octets += static_cast<char>(i);
    const std::string text = encode(octets);
    CHECK(run({text}) == octets);
    check_every_cut(text);
  }
}

TEST_CASE("base64: what is not base64") {
  for (const std::string text : {"Zg=", "Zg", "Z", "Zm9vY"}) {
    CHECK(run({text}).ends_with(" cut"));
    check_every_cut(text);
  }
  for (const std::string text : {"=", "Z===", "Zg==Zg==", "Zg==Z", "Zg===", "Zg=A", "Zm9v\nZm9v",
                                 "Zm-v", "Zm_v", "Zm 9v", "Zm9v=", "\x80Zm9"}) {
    INFO(text);
    CHECK(run({text}).ends_with(" bad"));
    check_every_cut(text);
  }
}

TEST_CASE("base64: long texts come in parts that add up") {
  std::string octets;
  for (int i = 0; i < 100'000; ++i) octets += static_cast<char>(i * 7);
  CHECK(run({encode(octets)}) == octets);
}

TEST_CASE("base64: a decoder can be used again") {
  Base64Decoder decoder;
  Text out;
  CHECK_FALSE(decoder.feed("?", out));
  CHECK_FALSE(decoder.finish());
  decoder.reset();
  CHECK(decoder.feed("Zg==", out));
  CHECK(decoder.finish());
  CHECK(out.text == "f");
}
