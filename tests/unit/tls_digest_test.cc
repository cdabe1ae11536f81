#include "tls/digest.h"

#include <doctest/doctest.h>

#include <set>
#include <string>

using namespace llmrec;
using namespace llmrec::tls;

namespace {

std::string digest(const DigestKey& key, const std::string& text, std::size_t step) {
  auto d = key.begin();
  REQUIRE(d);
  for (std::size_t i = 0; i < text.size(); i += step)
    d->update(std::string_view(text).substr(i, step));
  const auto out = d->finish();
  REQUIRE(out);
  return {out->data(), out->size()};
}

}  // namespace

TEST_CASE("digest: the same text gives the same, in whatever pieces, under one key") {
  auto key = DigestKey::make();
  REQUIRE(key);
  const std::string text(1000, 'q');
  const std::string whole = digest(*key, text, 1000);
  CHECK(digest(*key, text, 1) == whole);
  CHECK(digest(*key, text, 333) == whole);
  CHECK(digest(*key, text + "x", 1000) != whole);
  auto other = DigestKey::make();
  REQUIRE(other);
  CHECK(digest(*other, text, 1000) != whole);
}

TEST_CASE("digest: it ends once") {
  auto key = DigestKey::make();
  REQUIRE(key);
  auto d = key->begin();
  CHECK(d->finish());
  d->update("more");
  CHECK_FALSE(d->finish());
}
