#include "tls/mint.h"

#include <doctest/doctest.h>
#include <openssl/x509v3.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "base/limits.h"
#include "tls_pair.h"

using namespace llmrec;
using namespace llmrec::tls;
using namespace llmrec::tls::test;

namespace {

using Strings = std::vector<std::string>;
constexpr std::int64_t kHour = 3600;

std::unique_ptr<Mint> mint_for(const Strings& hosts, const Strings& ips = {}) {
  return must(Mint::create(must(Authority::create(hosts, ips, now()))));
}

std::string serial_of(X509* c) {
  const ASN1_INTEGER* s = X509_get0_serialNumber(c);
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(s)),
          static_cast<std::size_t>(ASN1_STRING_length(s))};
}

bool critical(X509* c, int nid) {
  const int at = X509_get_ext_by_NID(c, nid, -1);
  REQUIRE(at >= 0);
  return X509_EXTENSION_get_critical(X509_get_ext(c, at)) != 0;
}

// OpenSSL's verdict on the chain, as strict as it can be (what Python 3.13 asks for).
long verify(const Authority& a, X509* leaf, bool strict = true) {
  const std::unique_ptr<X509_STORE, Freed<X509_STORE_free>> store(X509_STORE_new());
  REQUIRE(X509_STORE_add_cert(store.get(), a.root()) == 1);
  const std::unique_ptr<X509_STORE_CTX, Freed<X509_STORE_CTX_free>> ctx(X509_STORE_CTX_new());
  STACK_OF(X509)* chain = sk_X509_new_null();
  sk_X509_push(chain, a.intermediate());
  REQUIRE(X509_STORE_CTX_init(ctx.get(), store.get(), leaf, chain) == 1);
  REQUIRE(X509_STORE_CTX_set_default(ctx.get(), "ssl_server") == 1);
  if (strict) X509_STORE_CTX_set_flags(ctx.get(), X509_V_FLAG_X509_STRICT);
  X509_verify_cert(ctx.get());
  const long error = X509_STORE_CTX_get_error(ctx.get());
  sk_X509_free(chain);
  return error;
}

// A leaf signed with a stolen intermediate key.
UniqueX509 stolen(const Authority& a, const CertificateName& subject, const std::string& cn) {
  const UniqueKey key = must(make_p256_key());
  CertificateSpec spec;
  spec.common_name = cn;
  spec.key = key.get();
  spec.issuer = a.intermediate();
  spec.issuer_key = a.intermediate_key();
  spec.not_before = now() - 1000;
  spec.not_after = now() + 1000;
  spec.server_auth = true;
  if (!subject.dns.empty() || !subject.address.empty()) spec.subject = subject;
  return must(make_certificate(spec));
}

}  // namespace

TEST_CASE("a leaf, field by field") {
  auto mint = mint_for({"api.openai.com"});
  const std::int64_t t = now();
  const auto leaf = must(mint->leaf("API.openai.com.", t));
  X509* c = leaf.get();
  CHECK(X509_get_version(c) == X509_VERSION_3);
  CHECK(X509_check_ca(c) == 0);
  CHECK(critical(c, NID_basic_constraints));
  CHECK(critical(c, NID_key_usage));
  CHECK(X509_get_key_usage(c) == KU_DIGITAL_SIGNATURE);
  CHECK(X509_get_extended_key_usage(c) == XKU_SSL_SERVER);
  CHECK_FALSE(critical(c, NID_subject_alt_name));
  CHECK(X509_get0_subject_key_id(c) != nullptr);
  REQUIRE(X509_get0_authority_key_id(c) != nullptr);
  CHECK(ASN1_OCTET_STRING_cmp(X509_get0_authority_key_id(c),
                              X509_get0_subject_key_id(mint->authority().intermediate())) == 0);
  CHECK(X509_get_ext_by_NID(c, NID_info_access, -1) < 0);
  CHECK(X509_get_ext_by_NID(c, NID_crl_distribution_points, -1) < 0);
  CHECK(X509_get_ext_count(c) == 6);
  auto* names =
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(c, NID_subject_alt_name, nullptr, nullptr));
  CHECK(sk_GENERAL_NAME_num(names) == 1);
  GENERAL_NAMES_free(names);
  CHECK(X509_check_host(c, "api.openai.com", 0, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, nullptr) == 1);
  char cn[100];
  CHECK(X509_NAME_get_text_by_NID(X509_get_subject_name(c), NID_commonName, cn, sizeof cn) == 14);
  CHECK(std::string(cn) == "api.openai.com");
  time_t from = t - kHour, to = t + 24 * kHour;
  CHECK(ASN1_TIME_cmp_time_t(X509_get0_notBefore(c), from) == 0);
  CHECK(ASN1_TIME_cmp_time_t(X509_get0_notAfter(c), to) == 0);
  CHECK(serial_of(c).size() == 16);
  CHECK(EVP_PKEY_get_bits(X509_get0_pubkey(c)) == 256);
  CHECK(verify(mint->authority(), c) == X509_V_OK);
}

TEST_CASE("one key for the life of the process, one leaf for half its life") {
  auto mint = mint_for({"a.example", "b.example"});
  const std::int64_t t = now();
  const auto leaf = [&](const char* host, std::int64_t when) {
    return must(mint->leaf(host, when));
  };
  const auto first = leaf("a.example", t);
  CHECK(mint->minted() == 1);
  CHECK(serial_of(leaf("A.EXAMPLE.", t + 12 * kHour - 1).get()) == serial_of(first.get()));
  CHECK(mint->minted() == 1);
  const auto other = leaf("b.example", t);
  CHECK(EVP_PKEY_eq(X509_get0_pubkey(other.get()), X509_get0_pubkey(first.get())) == 1);
  SUBCASE("at half life") {
    const auto second = leaf("a.example", t + 12 * kHour);
    CHECK(serial_of(second.get()) != serial_of(first.get()));
    CHECK(mint->minted() == 3);
    CHECK(serial_of(leaf("a.example", t + 13 * kHour).get()) == serial_of(second.get()));
  }
  SUBCASE("when the clock went back") {
    CHECK(serial_of(leaf("a.example", t - kHour / 2).get()) == serial_of(first.get()));
    CHECK(serial_of(leaf("a.example", t - kHour).get()) != serial_of(first.get()));
    CHECK(serial_of(leaf("a.example", t + 400 * 24 * kHour).get()) != serial_of(first.get()));
  }
}

TEST_CASE("long names stand in the SAN alone") {
  const std::string label(60, 'a');
  const std::string name = label + ".a.example";
  auto mint = mint_for({"a.example"});
  const auto c = must(mint->leaf(name, now()));
  CHECK(X509_check_host(c.get(), name.c_str(), 0, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, nullptr) ==
        1);
  char cn[100];
  X509_NAME_get_text_by_NID(X509_get_subject_name(c.get()), NID_commonName, cn, sizeof cn);
  CHECK(std::string(cn) == "llmrec leaf");
  CHECK(verify(mint->authority(), c.get()) == X509_V_OK);
}

TEST_CASE("addresses that are listed have leaves, others have none") {
  auto mint = mint_for({"a.example"}, {"10.0.0.7", "::1"});
  for (const char* ip : {"10.0.0.7", "::1"}) {
    const auto c = must(mint->leaf(ip, now()));
    CHECK(X509_check_ip_asc(c.get(), ip, 0) == 1);
    CHECK(verify(mint->authority(), c.get()) == X509_V_OK);
  }
  CHECK(serial_of(must(mint->leaf("0:0::1", now())).get()) ==
        serial_of(must(mint->leaf("::1", now())).get()));
  for (const char* no : {"10.0.0.8", "::2", "evil.example", "", "a.example.evil"}) {
    const auto r = mint->leaf(no, now());
    REQUIRE_FALSE(r.has_value());
    CHECK(r.error().code == Code::bad_argument);
  }
}

TEST_CASE("a stolen key signs for nobody else") {
  const Authority a = must(Authority::create({"api.openai.com"}, {}, now()));
  CHECK(verify(a, stolen(a, {"api.openai.com", {}}, "x").get()) == X509_V_OK);
  CHECK(verify(a, stolen(a, {"eu.api.openai.com", {}}, "x").get()) == X509_V_OK);
  for (const char* host : {"evil.example", "openai.com", "xapi.openai.com", "bank.com"}) {
    CHECK(verify(a, stolen(a, {host, {}}, "x").get()) == X509_V_ERR_PERMITTED_VIOLATION);
  }
  CHECK(verify(a, stolen(a, {}, "bank.com").get(), false) == X509_V_ERR_PERMITTED_VIOLATION);
  CHECK(verify(a, stolen(a, {{}, *address_octets("127.0.0.1")}, "x").get()) ==
        X509_V_ERR_EXCLUDED_VIOLATION);
  CHECK(verify(a, stolen(a, {{}, *address_octets("::1")}, "x").get()) ==
        X509_V_ERR_EXCLUDED_VIOLATION);

  const Authority with_ip = must(Authority::create({}, {"10.0.0.7"}, now()));
  CHECK(verify(with_ip, stolen(with_ip, {{}, *address_octets("10.0.0.7")}, "x").get()) ==
        X509_V_OK);
  CHECK(verify(with_ip, stolen(with_ip, {{}, *address_octets("10.0.0.8")}, "x").get()) !=
        X509_V_OK);
  CHECK(verify(with_ip, stolen(with_ip, {{}, *address_octets("::1")}, "x").get()) != X509_V_OK);
  CHECK(verify(with_ip, stolen(with_ip, {"bank.com", {}}, "x").get()) ==
        X509_V_ERR_PERMITTED_VIOLATION);
}

TEST_CASE("a stolen key makes no further CA") {
  const Authority a = must(Authority::create({"api.openai.com"}, {}, now()));
  const UniqueKey key = must(make_p256_key());
  CertificateSpec sub;
  sub.common_name = "sub";
  sub.key = key.get();
  sub.issuer = a.intermediate();
  sub.issuer_key = a.intermediate_key();
  sub.not_before = now() - 1000;
  sub.not_after = now() + 1000;
  sub.ca_path_length = 0;
  const auto certificate = must(make_certificate(sub));
  CertificateSpec leaf = sub;
  leaf.common_name = "leaf";
  leaf.issuer = certificate.get();
  leaf.issuer_key = key.get();
  leaf.ca_path_length.reset();
  leaf.subject = CertificateName{"api.openai.com", {}};
  const auto below = must(make_certificate(leaf));

  const std::unique_ptr<X509_STORE, Freed<X509_STORE_free>> store(X509_STORE_new());
  X509_STORE_add_cert(store.get(), a.root());
  const std::unique_ptr<X509_STORE_CTX, Freed<X509_STORE_CTX_free>> ctx(X509_STORE_CTX_new());
  STACK_OF(X509)* chain = sk_X509_new_null();
  sk_X509_push(chain, certificate.get());
  sk_X509_push(chain, a.intermediate());
  REQUIRE(X509_STORE_CTX_init(ctx.get(), store.get(), below.get(), chain) == 1);
  CHECK(X509_verify_cert(ctx.get()) == 0);
  CHECK(X509_STORE_CTX_get_error(ctx.get()) == X509_V_ERR_PATH_LENGTH_EXCEEDED);
  sk_X509_free(chain);
}

TEST_CASE("the cache has a cap and drops the one unused for longest") {
  auto mint = mint_for({"a.example"});
  const std::int64_t t = now();
  const auto host = [](std::size_t i) { return "h" + std::to_string(i) + ".a.example"; };
  const std::string kept = serial_of(must(mint->leaf(host(0), t)).get());
  const std::string dropped = serial_of(must(mint->leaf(host(1), t)).get());
  for (std::size_t i = 2; i < limits::kMintCachedLeaves; ++i) must(mint->leaf(host(i), t));
  CHECK(mint->minted() == limits::kMintCachedLeaves);
  CHECK(serial_of(must(mint->leaf(host(0), t)).get()) == kept);
  must(mint->leaf("one.more.a.example", t));
  CHECK(serial_of(must(mint->leaf(host(0), t)).get()) == kept);
  CHECK(serial_of(must(mint->leaf(host(1), t)).get()) != dropped);
}

TEST_CASE("installed on a connection, with the intermediate and without the root") {
  World w;
  UniqueSsl client = must(new_upstream(w.client_ctx.get(), {"api.openai.com", false, nullptr}));
  SSL* raw = client.get();
  UniqueSsl server = must(new_client_facing(w.server_ctx.get()));
  REQUIRE(w.mint->apply(server.get(), "api.openai.com", now()).has_value());
  CHECK(w.mint->apply(server.get(), "evil.example", now()).error().code == Code::bad_argument);
  Pair p(std::move(client), std::move(server));
  p.handshake();
  REQUIRE(p.client.engine.handshake_complete());
  CHECK(sk_X509_num(SSL_get_peer_cert_chain(raw)) == 2);
}

TEST_CASE("several threads at once") {
  World w({"a.example"});
  std::atomic<int> bad{0};
  std::vector<std::thread> threads;
  for (int n = 0; n < 4; ++n) {
    threads.emplace_back([&w, &bad, n] {
      for (int i = 0; i < 60; ++i) {
        const std::string host = "h" + std::to_string((i * 7 + n) % 20) + ".a.example";
        // Some of them find their leaf too old.
        const std::int64_t when = now() - (i % 3 == 0 ? 13 * kHour : 0);
        auto server = new_client_facing(w.server_ctx.get());
        auto client = new_upstream(w.client_ctx.get(), {host, false, nullptr});
        if (!server || !client || !w.mint->apply(server->get(), host, when)) {
          ++bad;
          continue;
        }
        Engine c(*std::move(client), Role::upstream), s(*std::move(server), Role::client_facing);
        CipherOut up, down;
        PlainOut plain;
        c.start(up);
        for (int turn = 0; turn < 4; ++turn) {
          s.feed(up.view(), plain, down);
          up.clear();
          c.feed(down.view(), plain, up);
          down.clear();
        }
        if (!c.handshake_complete() || !s.handshake_complete()) ++bad;
      }
    });
  }
  for (auto& t : threads) t.join();
  CHECK(bad == 0);
}
