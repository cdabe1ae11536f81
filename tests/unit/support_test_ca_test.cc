#include "support/test_ca.h"

#include <doctest/doctest.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <filesystem>

#include "support/fake_provider.h"
#include "support/temp_dir.h"
#include "support/tls_client.h"

using namespace llmrec::support;

namespace {

struct Shown {
  std::string error;  // empty: accepted
  ConnectionLog log;
};

Shown shake_hands(const TestCa& ca, LeafKind kind, const std::string& name) {
  FakeProvider provider(provider_with(ca, kind));
  TlsClient client({.port = provider.port(), .tls = ClientTls{.ca_file = ca.file(), .name = name}});
  const auto connected = client.connect();
  Shown shown;
  if (!connected) shown.error = connected.error().detail;
  client.close();
  REQUIRE(provider.wait_finished(1));
  shown.log = provider.logs()[0];
  return shown;
}

constexpr int kUnknownCa = 48, kBadCertificate = 42, kExpired = 45, kUnsupported = 43;

}  // namespace

TEST_CASE("support test_ca: a good leaf is good for its names and no others") {
  const TempDir dir;
  const TestCa ca(dir.path());
  for (const char* name : {"api.openai.com", "localhost"}) {
    const auto shown = shake_hands(ca, LeafKind::good, name);
    CHECK(shown.error == "");
    CHECK(shown.log.handshake_done);
    CHECK(shown.log.tls.sni == name);
  }
  CHECK(shake_hands(ca, LeafKind::good, "api.anthropic.com").error.find("mismatch") !=
        std::string::npos);
}

TEST_CASE("support test_ca: each bad leaf fails for its own reason, which the log shows") {
  const TempDir dir;
  const TestCa ca(dir.path());
  struct Row {
    LeafKind kind;
    const char* reason;
    int alert;
  };
  for (const Row& row : {Row{LeafKind::expired, "expired", kExpired},
                         Row{LeafKind::not_yet_valid, "not yet valid", kBadCertificate},
                         Row{LeafKind::wrong_host, "mismatch", kBadCertificate},
                         Row{LeafKind::self_signed, "self-signed", kUnknownCa},
                         Row{LeafKind::untrusted, "", kUnknownCa},
                         Row{LeafKind::client_only, "purpose", kUnsupported},
                         Row{LeafKind::bad_issuer, "invalid CA", kUnknownCa}}) {
    CAPTURE(row.reason);
    const auto shown = shake_hands(ca, row.kind, "api.openai.com");
    CAPTURE(shown.error);
    CHECK(shown.error.find("certificate verify failed") != std::string::npos);
    CHECK(shown.error.find(row.reason) != std::string::npos);
    CHECK(shown.log.tls.alert_received == row.alert);
  }
}

TEST_CASE("support test_ca: certificates satisfy the strictest checks") {
  const TempDir dir;
  const TestCa ca(dir.path());
  const auto files = ca.write(ca.leaf(LeafKind::good, {"api.openai.com", "127.0.0.1"}), "leaf");
  using std::filesystem::perms;
  CHECK((std::filesystem::status(files.key).permissions() & perms::mask) ==
        (perms::owner_read | perms::owner_write));
  const X509Ptr leaf([&] {
    const BioPtr in(BIO_new_file(files.chain.c_str(), "r"));
    return PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr);
  }());
  REQUIRE(leaf);
  const std::unique_ptr<X509_STORE, FreeWith<X509_STORE_free>> store(X509_STORE_new());
  X509_STORE_load_file(store.get(), ca.file().c_str());
  const std::unique_ptr<X509_STORE_CTX, FreeWith<X509_STORE_CTX_free>> check(X509_STORE_CTX_new());
  X509_STORE_CTX_init(check.get(), store.get(), leaf.get(), nullptr);
  X509_VERIFY_PARAM* how = X509_STORE_CTX_get0_param(check.get());
  X509_VERIFY_PARAM_set_flags(how, X509_V_FLAG_X509_STRICT);
  X509_VERIFY_PARAM_set1_ip_asc(how, "127.0.0.1");
  X509_STORE_CTX_set_purpose(check.get(), X509_PURPOSE_SSL_SERVER);
  CHECK(X509_verify_cert(check.get()) == 1);
}
