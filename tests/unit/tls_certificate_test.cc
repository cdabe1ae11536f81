#include "tls/certificate.h"

#include <doctest/doctest.h>
#include <openssl/x509v3.h>

#include <string>

#include "tls_pair.h"

using namespace llmrec;
using namespace llmrec::tls;
using namespace llmrec::tls::test;

TEST_CASE("addresses as text and as octets") {
  CHECK(address_octets("10.0.0.7") == std::string("\x0a\0\0\x07", 4));
  CHECK(address_octets("::1") == std::string(15, '\0') + '\x01');
  for (const char* bad : {"", "10.0.0", "127.1", "010.0.0.1", "a.example", "[::1]", "::1%eth0"}) {
    CHECK_FALSE(address_octets(bad).has_value());
  }
  CHECK_FALSE(address_octets(std::string_view("10.0.0.7\0x", 10)).has_value());
  CHECK(address_text(std::string("\x0a\0\0\x07", 4)) == "10.0.0.7");
  CHECK(address_text(*address_octets("2001:db8:0::1")) == "2001:db8::1");
  CHECK(address_text("odd").empty());
}

TEST_CASE("serial numbers are positive, of 16 octets, and different") {
  CertificateSpec spec;
  const UniqueKey key = must(make_p256_key());
  spec.common_name = "x";
  spec.key = key.get();
  spec.not_after = 1000;
  std::string last;
  for (int i = 0; i < 50; ++i) {
    const auto c = must(make_certificate(spec));
    const ASN1_INTEGER* serial = X509_get0_serialNumber(c.get());
    CHECK(ASN1_STRING_length(serial) == 16);
    CHECK(ASN1_STRING_type(serial) == V_ASN1_INTEGER);
    const std::string octets(reinterpret_cast<const char*>(ASN1_STRING_get0_data(serial)), 16);
    CHECK((octets[0] & 0xc0) == 0x40);
    CHECK(octets != last);
    last = octets;
  }
}

TEST_CASE("constraints read back are what was written") {
  CertificateSpec spec;
  const UniqueKey key = must(make_p256_key());
  spec.common_name = "x";
  spec.key = key.get();
  spec.not_after = 1000;
  CHECK(permitted_of(must(make_certificate(spec)).get()).empty());
  spec.permitted = {{"a.example", {}}, {{}, std::string("\x0a\0\0\x07", 4)}};
  const auto names = permitted_of(must(make_certificate(spec)).get());
  REQUIRE(names.size() == 2);
  CHECK(names[0].dns == "a.example");
  CHECK(names[1].address == std::string("\x0a\0\0\x07", 4));
  spec.permitted = {{{}, std::string("\x0a\0\0\x07", 4)}};
  CHECK(permitted_of(must(make_certificate(spec)).get()).size() == 1);
}

TEST_CASE("a name that would break OpenSSL's configuration syntax is only a name") {
  CertificateSpec spec;
  const UniqueKey key = must(make_p256_key());
  spec.common_name = "x,CA:TRUE";
  spec.key = key.get();
  spec.not_after = 1000;
  spec.subject = CertificateName{"a.example,DNS:b.example", {}};
  const auto c = must(make_certificate(spec));
  CHECK(X509_check_ca(c.get()) == 0);
  CHECK(X509_check_host(c.get(), "b.example", 9, 0, nullptr) == 0);
}

TEST_CASE("without a key there is an error, no crash") {
  CHECK_FALSE(make_certificate({}).has_value());
}
