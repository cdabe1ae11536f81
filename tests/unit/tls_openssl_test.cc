#include "tls/openssl.h"

#include <doctest/doctest.h>
#include <openssl/crypto.h>
#include <openssl/err.h>

#include <set>
#include <string>

#include "tls/certificate.h"

using namespace llmrec;
using namespace llmrec::tls;

TEST_CASE("verification errors have the names of OpenSSL's header") {
  CHECK(verify_error_name(X509_V_OK) == "X509_V_OK");
  CHECK(verify_error_name(X509_V_ERR_CERT_HAS_EXPIRED) == "X509_V_ERR_CERT_HAS_EXPIRED");
  CHECK(verify_error_name(X509_V_ERR_HOSTNAME_MISMATCH) == "X509_V_ERR_HOSTNAME_MISMATCH");
  CHECK(verify_error_name(9999) == "X509_V_ERR_9999");
  std::set<std::string> names;
  for (long i = 0; i <= X509_V_ERR_EC_KEY_EXPLICIT_PARAMS; ++i) names.insert(verify_error_name(i));
  CHECK(names.size() == X509_V_ERR_EC_KEY_EXPLICIT_PARAMS + 1);
}

TEST_CASE("alerts have their RFC names") {
  CHECK(alert_name(48) == "unknown_ca");
  CHECK(alert_name(116) == "certificate_required");
  CHECK(alert_name(0) == "close_notify");
  CHECK(alert_name(200) == "alert_200");
}

TEST_CASE("errors in words, and the queue is empty afterwards") {
  ERR_clear_error();
  CHECK(openssl_error(Code::io, "cannot").detail == "cannot");
  ERR_put_error(ERR_LIB_SSL, 0, SSL_R_CERTIFICATE_VERIFY_FAILED, "", 0);
  ERR_put_error(ERR_LIB_SSL, 0, SSL_R_BAD_LENGTH, "", 0);
  const Error e = openssl_error(Code::protocol, "cannot connect");
  CHECK(e.code == Code::protocol);
  CHECK(e.detail == "cannot connect: certificate verify failed");
  CHECK(ERR_peek_error() == 0);
}

TEST_CASE("private keys live in the secure heap where there is one") {
  if (!init_secure_heap()) return;  // no locked memory here
  CHECK(init_secure_heap());
  const std::size_t before = CRYPTO_secure_used();
  auto key = make_p256_key();
  REQUIRE(key.has_value());
  CHECK(CRYPTO_secure_used() > before);
  key = Error{};
  CHECK(CRYPTO_secure_used() == before);
}
