#include "support/coding.h"

#include <doctest/doctest.h>

#include "support/digest.h"

using namespace llmrec::support;

TEST_CASE("support coding: every piece can be decoded as soon as it is there") {
  std::string bulk;
  append_bulk(bulk, 0, 300'000);
  const std::vector<std::string> pieces = {"data: one\n\n", "", bulk, std::string(200'000, 'a'),
                                           "data: [DONE]\n\n"};
  for (const Coding coding : {Coding::gzip, Coding::deflate, Coding::br, Coding::zstd}) {
    const std::string name = name_of(coding);
    CAPTURE(name);
    const auto coded = encode(coding, pieces);
    REQUIRE(coded.size() == pieces.size());
    std::string sent, expected;
    for (std::size_t i = 0; i < coded.size(); ++i) {
      sent += coded[i];
      expected += pieces[i];
      const auto decoded = decode(coding, sent);
      CAPTURE(i);
      CHECK(decoded.text.size() == expected.size());
      CHECK((decoded.text == expected));
      CHECK_FALSE(decoded.broken);
      CHECK(decoded.complete == (i + 1 == coded.size()));
    }
    CHECK(decode(coding, "this is not it, whatever it is").broken);
  }
  CHECK(encode(Coding::identity, pieces) == pieces);
}

TEST_CASE("support coding: names") {
  for (const Coding coding : {Coding::identity, Coding::gzip, Coding::br, Coding::zstd}) {
    CHECK(coding_named(name_of(coding)) == coding);
  }
  CHECK_FALSE(coding_named("lzma").has_value());
}

TEST_CASE("support digest: pieces, a copy in between, and bulk content by offset") {
  Sha256 digest;
  digest.update("ab");
  CHECK(digest.hex() == sha256_hex("ab"));
  digest.update("c");
  CHECK(digest.hex() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(digest.bytes() == 3);

  std::string whole;
  append_bulk(whole, 0, 1000);
  for (const std::size_t cut : {1u, 7u, 8u, 9u, 500u, 999u}) {
    std::string parts;
    append_bulk(parts, 0, cut);
    append_bulk(parts, cut, whole.size() - cut);
    CHECK(parts == whole);
  }
  CHECK(bulk_sha256(1000) == sha256_hex(whole));
}
