#include "tls/context.h"

#include <doctest/doctest.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <string>

#include "tls_pair.h"

using namespace llmrec;
using namespace llmrec::tls;
using namespace llmrec::tls::test;

namespace {

void check_policy(SSL_CTX* ctx) {
  CHECK(SSL_CTX_get_min_proto_version(ctx) == TLS1_2_VERSION);
  CHECK(SSL_CTX_get_max_proto_version(ctx) == TLS1_3_VERSION);
  CHECK(SSL_CTX_get_security_level(ctx) == 2);
  CHECK(SSL_CTX_get_session_cache_mode(ctx) == SSL_SESS_CACHE_OFF);
  const auto options = SSL_CTX_get_options(ctx);
  CHECK((options & SSL_OP_NO_TICKET) != 0);
  CHECK((options & SSL_OP_NO_RENEGOTIATION) != 0);
  CHECK((options & SSL_OP_NO_COMPRESSION) != 0);
  // It would make a cut connection look like one that was closed.
  CHECK((options & SSL_OP_IGNORE_UNEXPECTED_EOF) == 0);
  CHECK((options & SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION) == 0);
  CHECK((SSL_CTX_get_mode(ctx) & SSL_MODE_RELEASE_BUFFERS) != 0);
  CHECK(SSL_CTX_get_read_ahead(ctx) == 0);
  CHECK(SSL_CTX_get_max_early_data(ctx) == 0);
  CHECK(SSL_CTX_get_recv_max_early_data(ctx) == 0);
  STACK_OF(SSL_CIPHER)* ciphers = SSL_CTX_get_ciphers(ctx);
  CHECK(sk_SSL_CIPHER_num(ciphers) >= 9);
  for (int i = 0; i < sk_SSL_CIPHER_num(ciphers); ++i) {
    const SSL_CIPHER* c = sk_SSL_CIPHER_value(ciphers, i);
    CAPTURE(SSL_CIPHER_get_name(c));
    CHECK(SSL_CIPHER_is_aead(c) == 1);
    const int kx = SSL_CIPHER_get_kx_nid(c);
    CHECK((kx == NID_kx_any || kx == NID_kx_ecdhe || kx == NID_kx_dhe));
    CHECK(SSL_CIPHER_get_auth_nid(c) != NID_auth_null);
  }
}

}  // namespace

TEST_CASE("both sides keep the policy") {
  const UniqueSslCtx server = must(make_client_facing_context());
  check_policy(server.get());
  CHECK(SSL_CTX_get_num_tickets(server.get()) == 0);
  CHECK(SSL_CTX_get_verify_mode(server.get()) == SSL_VERIFY_NONE);

  World w;
  check_policy(w.client_ctx.get());
  CHECK(SSL_CTX_get_verify_mode(w.client_ctx.get()) == SSL_VERIFY_PEER);
}

TEST_CASE("every upstream connection verifies its name") {
  World w;
  const UniqueSsl named =
      must(new_upstream(w.client_ctx.get(), {"api.openai.com.", false, nullptr}));
  CHECK(SSL_get_verify_mode(named.get()) == SSL_VERIFY_PEER);
  CHECK((SSL_get_verify_callback(named.get()) == nullptr));
  CHECK(std::string(SSL_get_servername(named.get(), TLSEXT_NAMETYPE_host_name)) ==
        "api.openai.com");
  X509_VERIFY_PARAM* param = SSL_get0_param(named.get());
  CHECK(std::string(X509_VERIFY_PARAM_get0_host(param, 0)) == "api.openai.com");
  CHECK(X509_VERIFY_PARAM_get_hostflags(param) ==
        (X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT));

  for (const char* ip : {"10.0.0.7", "::1"}) {
    const UniqueSsl by_address = must(new_upstream(w.client_ctx.get(), {ip, false, nullptr}));
    CHECK(SSL_get_servername(by_address.get(), TLSEXT_NAMETYPE_host_name) == nullptr);
    char* text = X509_VERIFY_PARAM_get1_ip_asc(SSL_get0_param(by_address.get()));
    CHECK(text != nullptr);
    OPENSSL_free(text);
  }
  CHECK(new_upstream(w.client_ctx.get(), {"", false, nullptr}).error().code == Code::bad_argument);
  CHECK_FALSE(
      new_upstream(w.client_ctx.get(), {std::string(300, 'a'), false, nullptr}).has_value());
}

TEST_CASE("roots") {
  const TemporaryDirectory dir;
  UpstreamRoots roots;
  roots.system = false;
  CHECK(make_upstream_context(roots).error().code == Code::not_found);
  roots.files = {dir.file("none.pem")};
  CHECK(make_upstream_context(roots).error().code == Code::bad_argument);
  spill(dir.file("junk.pem"), "junk");
  roots.files = {dir.file("junk.pem")};
  const auto junk = make_upstream_context(roots);
  CHECK(junk.error().code == Code::bad_argument);
  CHECK(junk.error().detail.find("junk.pem") != std::string::npos);
  // A second file does not replace the first.
  std::string two[2];
  for (int i = 0; i < 2; ++i) {
    two[i] = dir.file("root" + std::to_string(i));
    spill(two[i], must(Authority::create({"a.example"}, {}, now())).root_pem());
  }
  roots.files = {two[0], two[1]};
  const UniqueSslCtx ctx = must(make_upstream_context(roots));
  CHECK(sk_X509_OBJECT_num(X509_STORE_get0_objects(SSL_CTX_get_cert_store(ctx.get()))) == 2);
  roots.system = true;
  CHECK(make_upstream_context(roots).has_value());
}

TEST_CASE("client certificates that do not fit are refused at start") {
  const TemporaryDirectory dir;
  const auto write = [&](const char* name, X509* c, EVP_PKEY* k) {
    const UniqueBio bio(BIO_new_file(dir.file(name).c_str(), "w"));
    if (c != nullptr) REQUIRE(PEM_write_bio_X509(bio.get(), c) == 1);
    if (k != nullptr)
      REQUIRE(PEM_write_bio_PrivateKey(bio.get(), k, nullptr, nullptr, 0, nullptr, nullptr) == 1);
  };
  const UniqueKey key = must(make_p256_key()), other = must(make_p256_key());
  CertificateSpec spec;
  spec.common_name = "client";
  spec.key = key.get();
  spec.not_after = now() + 1000;
  const auto certificate = must(make_certificate(spec));
  write("c.pem", certificate.get(), nullptr);
  write("k.pem", nullptr, key.get());
  write("o.pem", nullptr, other.get());
  CHECK(ClientIdentity::load(dir.file("c.pem"), dir.file("k.pem")).has_value());
  for (const auto& [c, k] : {std::pair("c.pem", "o.pem"),
                             {"k.pem", "k.pem"},
                             {"c.pem", "c.pem"},
                             {"none", "k.pem"},
                             {"c.pem", "none"}}) {
    const auto r = ClientIdentity::load(dir.file(c), dir.file(k));
    REQUIRE_FALSE(r.has_value());
    CHECK(r.error().code == Code::bad_argument);
  }
}
