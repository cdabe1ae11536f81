#include "relay/hello.h"

#include <doctest/doctest.h>
#include <openssl/ssl.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/limits.h"

using namespace llmrec;
using namespace llmrec::relay;

namespace {

std::string u8(std::size_t n) { return std::string(1, static_cast<char>(n)); }
std::string u16(std::size_t n) { return u8(n >> 8) + u8(n & 0xff); }
std::string vec8(const std::string& s) { return u8(s.size()) + s; }
std::string vec16(const std::string& s) { return u16(s.size()) + s; }

std::string extension(std::size_t type, const std::string& body) { return u16(type) + vec16(body); }
std::string sni(const std::string& name) { return extension(0, vec16(u8(0) + vec16(name))); }
std::string alpn(const std::vector<std::string>& names) {
  std::string list;
  for (const auto& n : names) list += vec8(n);
  return extension(16, vec16(list));
}
std::string versions(const std::vector<std::size_t>& list) {
  std::string body;
  for (const auto v : list) body += u16(v);
  return extension(43, vec8(body));
}

std::string message(const std::string& extensions, bool with_extensions = true) {
  std::string body = u16(0x0303) + std::string(32, 'r') + vec8("sess") + vec16(u16(0x1301)) +
                     vec8(u8(0)) + (with_extensions ? vec16(extensions) : "");
  return u8(1) + u8(body.size() >> 16) + u16(body.size() & 0xffff) + body;
}

std::string records(const std::string& msg, std::size_t fragment = 16384) {
  std::string out;
  for (std::size_t at = 0; at < msg.size(); at += fragment) {
    out += u8(22) + u16(0x0301) + vec16(msg.substr(at, fragment));
  }
  return out;
}

struct Seen {
  HelloState state = HelloState::need_more;
  ClientHello hello;
};

// Octet by octet, and from every cut to the end; all have to agree with the whole.
Seen peek(const std::string& wire, std::size_t hello_end = std::string::npos) {
  HelloPeek whole;
  Seen seen{whole.look(wire), whole.hello()};
  HelloPeek slow;
  auto state = HelloState::need_more;
  for (std::size_t i = 0; i <= wire.size(); ++i) {
    const auto now = slow.look(std::string_view(wire).substr(0, i));
    if (state != HelloState::need_more) CHECK(now == state);
    state = now;
    if (now == HelloState::ready && i < std::min(hello_end, wire.size())) FAIL("ready at ", i);
    if (wire.size() < 3000) {
      HelloPeek cut;
      cut.look(std::string_view(wire).substr(0, i));
      CHECK(cut.look(wire) == seen.state);
      CHECK(cut.hello().sni == seen.hello.sni);
    }
  }
  CHECK(state == seen.state);
  CHECK(slow.hello().sni == seen.hello.sni);
  CHECK(slow.hello().alpn == seen.hello.alpn);
  if (seen.state == HelloState::ready) CHECK(whole.wire_octets() == slow.wire_octets());
  return seen;
}

struct Want {
  const char* name = "api.openai.com";
  std::vector<std::string> alpn = {"h2", "http/1.1"};
  int min = TLS1_2_VERSION;
  int max = TLS1_3_VERSION;
};

std::string real_hello(const Want& want) {
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> ctx(SSL_CTX_new(TLS_client_method()),
                                                              SSL_CTX_free);
  const std::unique_ptr<SSL, decltype(&SSL_free)> ssl(SSL_new(ctx.get()), SSL_free);
  REQUIRE(SSL_set_min_proto_version(ssl.get(), want.min) == 1);
  REQUIRE(SSL_set_max_proto_version(ssl.get(), want.max) == 1);
  if (want.name != nullptr) SSL_set_tlsext_host_name(ssl.get(), want.name);
  std::string protos;
  for (const auto& p : want.alpn) protos += vec8(p);
  if (!protos.empty()) {
    REQUIRE(SSL_set_alpn_protos(ssl.get(), reinterpret_cast<const unsigned char*>(protos.data()),
                                static_cast<unsigned>(protos.size())) == 0);
  }
  SSL_set_bio(ssl.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
  SSL_connect(ssl.get());
  char* data = nullptr;
  const long size = BIO_get_mem_data(SSL_get_wbio(ssl.get()), &data);
  return {data, static_cast<std::size_t>(size)};
}

std::string fragmented(const std::string& wire, std::size_t fragment) {
  return records(wire.substr(5), fragment);
}

}  // namespace

TEST_CASE("hellos of OpenSSL, at every cut") {
  SUBCASE("TLS 1.2 and 1.3, h2 and http/1.1") {
    const auto s = peek(real_hello({}));
    REQUIRE(s.state == HelloState::ready);
    CHECK(s.hello.sni == "api.openai.com");
    CHECK(s.hello.has_sni);
    CHECK(s.hello.alpn == std::vector<std::string>{"h2", "http/1.1"});
    CHECK(s.hello.alpn_h2);
    CHECK(s.hello.offers_http1());
    CHECK(s.hello.tls13);
    CHECK_FALSE(s.hello.tls13_only);
    CHECK(s.hello.legacy_version == 0x0303);
    CHECK_FALSE(s.hello.ech);
  }
  SUBCASE("1.3 only, h2 only") {
    const auto s = peek(real_hello({"A.Example", {"h2"}, TLS1_3_VERSION}));
    CHECK(s.hello.tls13_only);
    CHECK_FALSE(s.hello.offers_http1());
    CHECK(s.hello.sni == "a.example");
  }
  SUBCASE("1.2 only, no ALPN, no SNI") {
    const auto s = peek(real_hello({nullptr, {}, TLS1_2_VERSION, TLS1_2_VERSION}));
    REQUIRE(s.state == HelloState::ready);
    CHECK_FALSE(s.hello.has_sni);
    CHECK_FALSE(s.hello.has_alpn);
    CHECK(s.hello.offers_http1());
    CHECK_FALSE(s.hello.tls13);
  }
  SUBCASE("in records of 1, 2, 7 and 100 octets") {
    const std::string wire = real_hello({});
    for (const std::size_t n : {1U, 2U, 7U, 100U}) {
      const auto s = peek(fragmented(wire, n));
      CHECK(s.state == HelloState::ready);
      CHECK(s.hello.sni == "api.openai.com");
      CHECK(s.hello.alpn.size() == 2);
    }
  }
  SUBCASE("with something behind it") {
    const std::string wire = real_hello({});
    const auto s = peek(wire + std::string("\x14\x03\x03\0\x01\x01", 6), wire.size());
    CHECK(s.state == HelloState::ready);
  }
}

TEST_CASE("extensions by hand") {
  SUBCASE("none at all") {
    const auto s = peek(records(message("", false)));
    CHECK(s.state == HelloState::ready);
    CHECK_FALSE(s.hello.has_sni);
    CHECK(peek(records(message(""))).state == HelloState::ready);
  }
  SUBCASE("GREASE everywhere (RFC 8701), ECH, a post-quantum key share") {
    const auto s = peek(records(
        message(extension(0x0a0a, "") + sni("a.example") + alpn({"\x0a\x0a", "h2", "http/1.1"}) +
                versions({0x8a8a, 0x0304}) + extension(51, std::string(1300, 'k')) +
                extension(0xfe0d, "x") + extension(0xfafa, std::string(1, '\0')))));
    REQUIRE(s.state == HelloState::ready);
    CHECK(s.hello.ech);
    CHECK(s.hello.tls13_only);
    CHECK(s.hello.alpn == std::vector<std::string>{"h2", "http/1.1"});
  }
  SUBCASE("http/1.1 is seen behind the cap") {
    std::vector<std::string> many(limits::kHelloAlpnNames + 5, "x");
    many.push_back("http/1.1");
    const auto s = peek(records(message(alpn(many))));
    CHECK(s.hello.alpn.size() == limits::kHelloAlpnNames);
    CHECK(s.hello.offers_http1());
    CHECK(peek(records(message(alpn({"http/1.0"})))).hello.offers_http1());
    CHECK_FALSE(peek(records(message(alpn({"h2c"})))).hello.offers_http1());
  }
  SUBCASE("names that are none") {
    for (const std::string& bad :
         {std::string(), std::string("a b"), std::string("a\0b", 3), std::string("a/b"),
          std::string("b\xc3\xbc"), std::string("a..b"), std::string("."), std::string("::1"),
          std::string("*.a"), std::string(254, 'a'), std::string("a\r\nb")}) {
      CAPTURE(bad);
      CHECK(peek(records(message(sni(bad)))).state == HelloState::malformed);
    }
    CHECK(peek(records(message(sni("A.Example.")))).hello.sni == "a.example");
  }
  SUBCASE("broken inside") {
    for (const auto& bad :
         {sni("a.example") + sni("b.example"), alpn({"h2"}) + alpn({"http/1.1"}),
          extension(77, "a") + extension(77, "a"), extension(0xfe0d, "") + extension(0xfe0d, ""),
          extension(0, ""), extension(0, vec16("")), extension(0, vec16(u8(1) + vec16("a"))),
          extension(0, vec16(u8(0) + vec16("a") + u8(0) + vec16("b"))),
          extension(0, vec16(u8(0) + vec16("a")) + "x"), extension(0, u16(9) + "a"), alpn({}),
          alpn({""}),
          extension(16, vec16("\x05"
                              "h2")),
          extension(43, ""), extension(43, vec8("\x03")), extension(43, vec8("")),
          std::string("\0\0\0", 3), u16(5) + u16(9) + "abc"}) {
      CHECK(peek(records(message(bad))).state == HelloState::malformed);
    }
  }
  SUBCASE("broken outside the extensions") {
    const std::string good = message(sni("a.example"));
    for (std::size_t n = 4; n < good.size(); ++n) {  // cut short, and saying so
      if (n == 4 + 2 + 32 + 5 + 4 + 2) continue;     // exactly before the extensions: fine
      std::string cut = good.substr(0, n);
      cut[1] = 0;
      cut[2] = static_cast<char>((n - 4) >> 8);
      cut[3] = static_cast<char>((n - 4) & 0xff);
      HelloPeek p;
      CHECK_MESSAGE(p.look(records(cut)) == HelloState::malformed, n);
    }
  }
}

TEST_CASE("things that are no hello") {
  CHECK(peek("GET / HTTP/1.1\r\n\r\n").state == HelloState::not_tls);
  CHECK(peek(std::string("\x80\x2e\x01\x03\x01", 5)).state == HelloState::not_tls);  // SSL 2
  CHECK(peek(std::string("\x16\x02", 2)).state == HelloState::not_tls);
  CHECK(peek(std::string("\x15\x03\x01\0\x02\x02\x28", 7)).state == HelloState::not_tls);
  CHECK(peek(std::string("\x16\x03\x01\0\0", 5)).state == HelloState::not_tls);
  CHECK(peek(std::string("\x16\x03\x01\x40\x01", 5)).state == HelloState::not_tls);
  CHECK(peek(std::string("\x16\x03\x01\x00\x05\x02", 6)).state == HelloState::malformed);
  CHECK(peek(std::string("\x16\x03")).state == HelloState::need_more);
  CHECK(peek("").state == HelloState::need_more);
  const std::string msg = message(sni("a.example"));
  SUBCASE("another record in the middle of it") {
    const auto first = records(msg.substr(0, 20));
    CHECK(peek(first + std::string("\x14\x03\x03\0\x01\x01", 6)).state == HelloState::malformed);
    CHECK(peek(first + std::string("\x16\x04", 2)).state == HelloState::malformed);
    CHECK(peek(first + std::string("\x16\x03\x03\0\0", 5)).state == HelloState::malformed);
  }
  SUBCASE("more behind it in its record") {
    CHECK(peek(records(msg + "x")).state == HelloState::malformed);
  }
}

TEST_CASE("a hello may be large, but not endless") {
  const std::string big = message(sni("a.example") + extension(99, std::string(60'000, 'x')));
  HelloPeek p;
  CHECK(p.look(records(big)) == HelloState::ready);
  HelloPeek too_big;
  CHECK(too_big.look(std::string("\x16\x03\x01\x40\x00\x01\x01\x00\x00", 9)) ==
        HelloState::malformed);
  // One octet to a record: 6 octets on the wire for each.
  HelloPeek wasteful;
  CHECK(wasteful.look(records(big, 1)) == HelloState::malformed);
}

TEST_CASE("noise never reads past its end or flips a verdict") {
  std::uint64_t seed = 42;
  const auto next = [&seed] {
    seed = seed * 6364136223846793005U + 1442695040888963407U;
    return static_cast<std::uint8_t>(seed >> 56);
  };
  const std::string good = real_hello({});
  int ready = 0;
  for (int round = 0; round < 3000; ++round) {
    std::string wire = good;
    for (int i = 0; i < 1 + round % 4; ++i) {
      wire[(next() * 256U + next()) % wire.size()] = static_cast<char>(next());
    }
    HelloPeek whole;
    const auto want = whole.look(wire);
    ready += want == HelloState::ready;
    HelloPeek cut;
    cut.look(std::string_view(wire).substr(0, (next() * 256U + next()) % wire.size()));
    CHECK(cut.look(wire) == want);
  }
  CHECK(ready > 100);
  CHECK(ready < 3000);
}

TEST_CASE("whose connection it is") {
  ClientHello hello;
  CHECK(why_not_ours(hello, "a.example").empty());  // no SNI: the host that was asked for
  hello.has_sni = true;
  hello.sni = "a.example";
  hello.ech = true;  // GREASE
  CHECK(why_not_ours(hello, "a.example").empty());
  CHECK(why_not_ours(hello, "b.example") == "ech");
  CHECK(why_not_ours(hello, "10.0.0.1") == "ech");
  hello.ech = false;
  CHECK(why_not_ours(hello, "b.example") == "sni_mismatch");
  hello.has_alpn = hello.alpn_h2 = true;
  CHECK(why_not_ours(hello, "a.example") == "http2");
  hello.alpn_http1 = true;
  CHECK(why_not_ours(hello, "a.example").empty());
}
