#include "tap/request_body.h"

#include <doctest/doctest.h>
#include <zlib.h>
#include <zstd.h>

#include <string>

#include "base/limits.h"

using namespace llmrec;
using llmrec::tap::RequestBody;

namespace {

std::unique_ptr<dialect::Dialect> dialect_of(const char* path) {
  return dialect::choose({.method = "POST",
                          .host = "api.openai.com",
                          .path = path,
                          .query = {},
                          .content_type = "application/json"});
}

const std::string kBody =
    R"({"model":"m","stream":true,"messages":[{"content":"a"},{"content":"b"}],"tools":[{}]})";

// As many pieces as there are octets, or one.
dialect::Asked read(const std::string& octets, const std::string& coding, std::string& lost,
                    bool whole = true) {
  const auto dialect = dialect_of("/v1/chat/completions");
  RequestBody body;
  body.begin(*dialect, coding);
  if (whole) body.feed(octets);
  if (!whole) {
    for (const char c : octets) body.feed({&c, 1});
  }
  body.finish();
  lost = body.lost();
  return body.asked();
}

std::string compressed(const std::string& plain, const std::string& coding) {
  if (coding == "zstd") {
    std::string out(ZSTD_compressBound(plain.size()), '\0');
    out.resize(ZSTD_compress(out.data(), out.size(), plain.data(), plain.size(), 3));
    return out;
  }
  z_stream z{};
  REQUIRE(deflateInit2(&z, 6, Z_DEFLATED, coding == "gzip" ? 31 : 15, 8, Z_DEFAULT_STRATEGY) ==
          Z_OK);
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

}  // namespace

TEST_CASE("request body: what was asked, in any coding and any cut") {
  for (const std::string coding : {"", "identity", "gzip", "deflate", "zstd"}) {
    const bool plain = coding.empty() || coding == "identity";
    for (const bool whole : {true, false}) {
      INFO(coding);
      std::string lost;
      const dialect::Asked asked =
          read(plain ? kBody : compressed(kBody, coding), coding, lost, whole);
      CHECK(lost.empty());
      CHECK(asked.model == "m");
      CHECK(asked.stream == true);
      CHECK(asked.message_count == 2);
      CHECK(asked.tool_count == 1);
      CHECK(asked.text_chars == 2);
    }
  }
}

TEST_CASE("request body: what cannot be read is lost, and says why") {
  std::string lost;
  read(kBody, "lz4", lost);
  CHECK(lost == "request_encoding_unknown");
  read(kBody, "gzip", lost);
  CHECK(lost == "request_decoding_failed");
  read("prompt=hello", "", lost);
  CHECK(lost == "request_not_json");
  read(kBody + "}", "", lost);
  CHECK(lost == "request_not_json");
  read(std::string(limits::kJsonDepthMax + 1, '['), "", lost);
  CHECK(lost == "request_json_too_deep");
  const dialect::Asked cut = read(kBody.substr(0, 20), "", lost);
  CHECK(lost == "request_not_json");
  CHECK(cut.model == "m");  // what was read stands
}

TEST_CASE("request body: of what turns out to be no JSON nothing is known, in any cut") {
  const auto dialect = dialect_of("/v1/chat/completions");
  for (const std::string octets : {"{\"stream\":true,\"model\":\"gpt\n\"", "{\"model\":\"gpt\\x\"}",
                                   "{\"model\":\"m\",\"messages\":[{\"content\":\"abc\1\"}]}"}) {
    for (std::size_t cut = 0; cut <= octets.size(); ++cut) {
      RequestBody body;  // and it need not come to its end
      body.begin(*dialect, "");
      body.feed(octets.substr(0, cut));
      body.feed(octets.substr(cut));
      CHECK(body.asked().model.empty());
      CHECK(!body.asked().stream);
      CHECK(!body.asked().message_count);
      CHECK(body.asked().text_chars == 0);
    }
  }
}

TEST_CASE("request body: nothing asked is nothing lost") {
  std::string lost;
  const dialect::Asked none = read("", "", lost);
  CHECK(lost.empty());
  CHECK(none.stream == false);
  CHECK(!none.message_count);
}

TEST_CASE("request body: what an unknown dialect sends is not missed") {
  const auto dialect = dialect_of("/v1/whatever");
  RequestBody body;
  body.begin(*dialect, "");
  body.feed("not JSON at all");
  body.finish();
  CHECK(body.lost().empty());
  CHECK(!body.asked().stream);
}

TEST_CASE("request body: octets after the end are ignored") {
  const auto dialect = dialect_of("/v1/chat/completions");
  RequestBody body;
  body.begin(*dialect, "");
  body.feed(kBody);
  body.finish();
  body.feed(kBody);
  body.finish();
  CHECK(body.lost().empty());
  CHECK(body.asked().message_count == 2);
}
