#include "tls/engine.h"

#include <doctest/doctest.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <functional>
#include <string>
#include <utility>

#include "tls_pair.h"

using namespace llmrec;
using namespace llmrec::tls;
using namespace llmrec::tls::test;

namespace {

constexpr int kVersions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

std::string pattern(std::size_t n) {
  std::string s(n, '\0');
  for (std::size_t i = 0; i < n; ++i) s[i] = static_cast<char>((i * 2654435761U) >> 13);
  return s;
}

Pair pair_of(World& w, int version) {
  REQUIRE(SSL_CTX_set_max_proto_version(w.client_ctx.get(), version) == 1);
  return w.pair();
}

}  // namespace

TEST_CASE("a handshake and octets both ways, at every size of piece") {
  World w;
  for (const int version : kVersions) {
    for (const std::size_t piece : {1U, 2U, 3U, 5U, 6U, 17U, 100U, 1000U, 16384U, 65536U}) {
      CAPTURE(version);
      CAPTURE(piece);
      Pair p = pair_of(w, version);
      p.piece = piece;
      p.handshake();
      CHECK(p.client.handshakes_done == 1);
      CHECK(p.server.handshakes_done == 1);
      CHECK(p.client.engine.version() == (version == TLS1_2_VERSION ? "TLSv1.2" : "TLSv1.3"));
      CHECK(p.client.engine.cipher() == p.server.engine.cipher());
      CHECK(p.client.engine.alpn() == "http/1.1");
      CHECK(p.server.engine.alpn() == "http/1.1");
      CHECK(p.client.engine.verify_error_name() == "X509_V_OK");
      const std::string up = pattern(40'000), down = pattern(50'001);
      REQUIRE(p.client.engine.write(up, p.client.out));
      REQUIRE(p.server.engine.write(down, p.server.out));
      CHECK(p.client.out.size() <= Engine::cipher_octets_for(up.size()));
      p.pump();
      CHECK((p.server.got == up));
      CHECK((p.client.got == down));
      CHECK(p.client.last == EngineStatus::ok);
      CHECK(p.client.engine.alert_received().empty());
    }
  }
}

TEST_CASE("the two flights may be cut anywhere") {
  World w;
  // Every cut of everything that the server receives up to the first request.
  for (const int version : kVersions) {
    std::size_t flight = 1;
    for (std::size_t cut = 0; cut < flight; cut += 7) {
      Pair p = pair_of(w, version);
      p.client.engine.start(p.client.out);
      const std::string hello(p.client.out.view());
      p.client.out.clear();
      flight = hello.size();
      Pair::feed(p.server, std::string_view(hello).substr(0, cut));
      Pair::feed(p.server, std::string_view(hello).substr(cut));
      p.pump();
      CHECK(p.server.engine.handshake_complete());
      CHECK(p.client.engine.handshake_complete());
    }
  }
}

TEST_CASE("ten megabytes in one write") {
  World w;
  for (const int version : kVersions) {
    Pair p = pair_of(w, version);
    p.handshake();
    const std::string big = pattern(10U << 20);
    REQUIRE(p.server.engine.write(big, p.server.out));
    CHECK(p.server.out.size() > big.size());
    CHECK(p.server.out.size() <= Engine::cipher_octets_for(big.size()));
    p.pump();
    CHECK((p.client.got == big));
  }
}

TEST_CASE("an empty write is nothing") {
  World w;
  Pair p = w.pair();
  p.handshake();
  CHECK(p.client.engine.write("", p.client.out));
  CHECK(p.client.out.empty());
}

TEST_CASE("how it ends: close_notify, and half-close both ways") {
  World w;
  for (const int version : kVersions) {
    CAPTURE(version);
    Pair p = pair_of(w, version);
    p.handshake();
    p.client.engine.close_notify(p.client.out);
    const std::size_t once = p.client.out.size();
    CHECK(once > 0);
    p.client.engine.close_notify(p.client.out);
    CHECK(p.client.out.size() == once);
    CHECK(p.client.engine.sent_close_notify());
    CHECK_FALSE(p.client.engine.write("late", p.client.out));
    p.pump();
    CHECK(p.server.last == EngineStatus::closed);
    CHECK(p.server.engine.received_close_notify());
    CHECK(p.server.engine.feed_eof() == EngineStatus::closed);
    CHECK_FALSE(p.server.engine.failed());

    REQUIRE(p.server.engine.write(pattern(100'000), p.server.out));  // the answer still comes
    p.pump();
    CHECK((p.client.got == pattern(100'000)));
    p.server.engine.close_notify(p.server.out);
    p.pump();
    CHECK(p.client.last == EngineStatus::closed);
    CHECK(p.client.engine.alert_received().empty());
    CHECK(p.server.engine.alert_sent().empty());
  }
}

TEST_CASE("what comes after close_notify is dropped") {
  World w;
  Pair p = w.pair();
  p.handshake();
  REQUIRE(p.client.engine.write("before", p.client.out));
  p.client.engine.close_notify(p.client.out);
  p.client.out.append("garbage", 7);
  p.pump();
  CHECK(p.server.got == "before");
  CHECK(p.server.last == EngineStatus::closed);
  Pair::feed(p.server, "more garbage");
  CHECK(p.server.last == EngineStatus::closed);
  CHECK(p.server.engine.write("still", p.server.out));
}

TEST_CASE("how it ends: a bare FIN is a truncation, and the other direction goes on") {
  World w;
  for (const int version : kVersions) {
    Pair p = pair_of(w, version);
    p.handshake();
    REQUIRE(p.client.engine.write("half a request", p.client.out));
    p.pump();
    CHECK(p.server.engine.feed_eof() == EngineStatus::truncated);
    CHECK_FALSE(p.server.engine.received_close_notify());
    CHECK(p.server.out.empty());  // no alert of our own making
    REQUIRE(p.server.engine.write("answer", p.server.out));
    p.pump();
    CHECK(p.client.got == "answer");
  }
  SUBCASE("also in the middle of a record, and in the handshake") {
    Pair p = w.pair();
    p.client.engine.start(p.client.out);
    Pair::feed(p.server, p.client.out.view().substr(0, 50));
    CHECK(p.server.engine.feed_eof() == EngineStatus::truncated);
    CHECK_FALSE(p.server.engine.handshake_complete());
  }
}

TEST_CASE("nothing is written before the handshake or after a failure") {
  World w;
  Pair p = w.pair();
  CHECK_FALSE(p.client.engine.write("early", p.client.out));
  CHECK_FALSE(p.server.engine.write("early", p.server.out));
  p.server.engine.close_notify(p.server.out);
  CHECK(p.server.out.empty());
  CHECK_FALSE(p.client.engine.failed());
  p.handshake();
  CHECK(p.client.engine.handshake_complete());

  Pair::feed(p.server, "this is no record");
  CHECK(p.server.last == EngineStatus::failed);
  CHECK_FALSE(p.server.engine.failure().empty());
  CHECK_FALSE(p.server.engine.write("late", p.server.out));
  Pair::feed(p.server, "x");
  CHECK(p.server.last == EngineStatus::failed);
  CHECK(p.server.engine.feed_eof() == EngineStatus::failed);
}

TEST_CASE("a damaged record is a failure with an alert for the peer") {
  World w;
  for (const int version : kVersions) {
    Pair p = pair_of(w, version);
    p.handshake();
    REQUIRE(p.client.engine.write("something", p.client.out));
    std::string cipher(p.client.out.view());
    p.client.out.clear();
    cipher.back() = static_cast<char>(cipher.back() ^ 1);
    Pair::feed(p.server, cipher);
    CHECK(p.server.last == EngineStatus::failed);
    CHECK(p.server.engine.alert_sent() == "bad_record_mac");
    CHECK(p.server.got.empty());
    p.pump();
    CHECK(p.client.last == EngineStatus::failed);
    CHECK(p.client.engine.alert_received() == "bad_record_mac");
    CHECK_FALSE(p.client.engine.peer_distrusts_us());
  }
}

TEST_CASE("a client that does not know our CA says so") {
  World ours;
  World other;
  for (const int version : kVersions) {
    CAPTURE(version);
    REQUIRE(SSL_CTX_set_max_proto_version(other.client_ctx.get(), version) == 1);
    UniqueSsl server = must(new_client_facing(ours.server_ctx.get()));
    REQUIRE(ours.mint->apply(server.get(), "api.openai.com", now()).has_value());
    UpstreamName name;
    name.host = "api.openai.com";
    Pair p(must(new_upstream(other.client_ctx.get(), name)), std::move(server));
    p.handshake();
    CHECK(p.client.last == EngineStatus::failed);
    CHECK(p.client.engine.alert_sent() == "unknown_ca");
    CHECK(p.client.engine.verify_error_name() == "X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY");
    CHECK(p.server.last == EngineStatus::failed);
    CHECK(p.server.engine.alert_received() == "unknown_ca");
    CHECK(p.server.engine.peer_distrusts_us());
    CHECK_FALSE(p.server.engine.handshake_complete());
  }
}

TEST_CASE("ALPN: http/1.1 where offered, never an alert") {
  World w;
  struct Row {
    std::string offer, want;
  };
  for (const int version : kVersions) {
    for (const Row& r :
         {Row{"", ""}, Row{"\x02h2", ""}, Row{"\x02h2\x08http/1.1", "http/1.1"},
          Row{"\x08http/1.0", "http/1.0"}, Row{"\x08http/1.0\x08http/1.1", "http/1.1"}}) {
      CAPTURE(r.offer);
      UniqueSsl server = must(new_client_facing(w.server_ctx.get()));
      REQUIRE(w.mint->apply(server.get(), "api.openai.com", now()).has_value());
      UpstreamName name;
      name.host = "api.openai.com";
      UniqueSsl client = must(new_upstream(w.client_ctx.get(), name));
      REQUIRE(SSL_set_max_proto_version(client.get(), version) == 1);
      REQUIRE(SSL_set_alpn_protos(client.get(),
                                  reinterpret_cast<const unsigned char*>(r.offer.data()),
                                  static_cast<unsigned>(r.offer.size())) == 0);
      Pair p(std::move(client), std::move(server));
      p.handshake();
      CHECK(p.server.engine.handshake_complete());
      CHECK(p.client.engine.handshake_complete());
      CHECK(p.client.engine.alpn() == r.want);
      CHECK(p.server.engine.alpn() == r.want);
    }
  }
}

TEST_CASE("no tickets, no early data, no renegotiation") {
  World w;
  REQUIRE(SSL_CTX_set_max_proto_version(w.client_ctx.get(), TLS1_3_VERSION) == 1);
  {
    UniqueSsl server = must(new_client_facing(w.server_ctx.get()));
    REQUIRE(w.mint->apply(server.get(), "api.openai.com", now()).has_value());
    UpstreamName name;
    name.host = "api.openai.com";
    UniqueSsl client = must(new_upstream(w.client_ctx.get(), name));
    SSL* raw = client.get();
    CHECK(SSL_get_num_tickets(server.get()) == 0);
    CHECK(SSL_get_max_early_data(server.get()) == 0);
    CHECK(SSL_get_recv_max_early_data(server.get()) == 0);
    Pair p(std::move(client), std::move(server));
    p.handshake();
    CHECK(p.client.engine.handshake_complete());
    CHECK(SSL_SESSION_is_resumable(SSL_get_session(raw)) == 0);
  }
  UniqueSsl client = must(new_upstream(w.client_ctx.get(), {"api.openai.com", false, nullptr}));
  SSL* raw = client.get();
  REQUIRE(SSL_set_max_proto_version(raw, TLS1_2_VERSION) == 1);
  SSL_clear_options(raw, SSL_OP_NO_RENEGOTIATION);
  UniqueSsl server = must(new_client_facing(w.server_ctx.get()));
  REQUIRE(w.mint->apply(server.get(), "api.openai.com", now()).has_value());
  Pair p(std::move(client), std::move(server));
  p.handshake();
  REQUIRE(p.client.engine.handshake_complete());
  REQUIRE(SSL_renegotiate(raw) == 1);
  p.client.engine.write("after", p.client.out);
  p.pump();
  CHECK(p.server.engine.alert_sent() == "no_renegotiation");
}

TEST_CASE("KeyUpdates are counted and answered in bounds") {
  World w;
  REQUIRE(SSL_CTX_set_max_proto_version(w.client_ctx.get(), TLS1_3_VERSION) == 1);
  UniqueSsl client = must(new_upstream(w.client_ctx.get(), {"api.openai.com", false, nullptr}));
  SSL* raw = client.get();
  UniqueSsl server = must(new_client_facing(w.server_ctx.get()));
  REQUIRE(w.mint->apply(server.get(), "api.openai.com", now()).has_value());
  Pair p(std::move(client), std::move(server));
  p.handshake();
  for (int i = 0; i < 5000; ++i) {
    REQUIRE(SSL_key_update(raw, SSL_KEY_UPDATE_REQUESTED) == 1);
    REQUIRE(p.client.engine.write("x", p.client.out));
  }
  const std::size_t sent = p.client.out.size();
  p.carry(p.client, p.server);
  CHECK(p.server.last == EngineStatus::ok);
  CHECK(p.server.got == std::string(5000, 'x'));
  CHECK(p.server.engine.key_updates() == 5000);
  CHECK(p.server.out.size() <= sent);
  REQUIRE(p.server.engine.write("answer", p.server.out));
  p.pump();
  CHECK(p.client.got == "answer");
  CHECK(p.client.engine.key_updates() >= 1);

  SUBCASE("also after we said close_notify") {
    p.server.engine.close_notify(p.server.out);
    REQUIRE(SSL_key_update(raw, SSL_KEY_UPDATE_REQUESTED) == 1);
    REQUIRE(p.client.engine.write("still here", p.client.out));
    p.carry(p.client, p.server);
    CHECK(p.server.last == EngineStatus::ok);
    CHECK(p.server.got == std::string(5000, 'x') + "still here");
    p.pump();
    CHECK(p.client.last == EngineStatus::closed);
  }
}

TEST_CASE("the buffers have marks") {
  OctetBuffer b(100);
  CHECK(b.append("12345", 5));
  CHECK(b.room() == 95);
  CHECK_FALSE(b.append(std::string(96, 'x').data(), 96));
  CHECK(b.view() == "12345");
  CHECK(b.prepare(96) == nullptr);
  REQUIRE(b.prepare(95) != nullptr);
  b.clear();
  CHECK(b.append(std::string(100, 'x').data(), 100));

  World w;
  SUBCASE("cipher") {
    Pair p = w.pair();
    p.handshake();
    CipherOut small(1000);
    CHECK_FALSE(p.server.engine.write(pattern(2000), small));
    CHECK(p.server.engine.failed());
    CHECK(p.server.engine.failure() == "the output is over its mark");
  }
  SUBCASE("cipher, in the handshake") {
    Pair p = w.pair();
    p.client.engine.start(p.client.out);
    CipherOut small(100);
    CHECK(p.server.engine.feed(p.client.out.view(), p.server.plain, small) == EngineStatus::failed);
  }
  SUBCASE("plain") {
    Pair p = w.pair();
    p.handshake();
    REQUIRE(p.client.engine.write(pattern(2000), p.client.out));
    PlainOut small(1000);
    CHECK(p.server.engine.feed(p.client.out.view(), small, p.server.out) == EngineStatus::failed);
    CHECK((small.view() == pattern(1000)));
    CHECK(p.server.engine.failure() == "the plain text is over its mark");
  }
  SUBCASE("plain, filled to the last octet") {
    Pair p = w.pair();
    p.handshake();
    REQUIRE(p.client.engine.write(pattern(2000), p.client.out));
    PlainOut exact(2000);
    CHECK(p.server.engine.feed(p.client.out.view(), exact, p.server.out) == EngineStatus::ok);
    CHECK((exact.view() == pattern(2000)));
  }
}

TEST_CASE("an alert in clear, before anything was said") {
  World w;
  Pair p = w.pair();
  p.client.engine.start(p.client.out);
  Engine::append_clear_alert(SSL_AD_UNRECOGNIZED_NAME, p.server.out);
  p.client.out.clear();
  p.carry(p.server, p.client);
  CHECK(p.client.last == EngineStatus::failed);
  CHECK(p.client.engine.alert_received() == "unrecognized_name");
}

TEST_CASE("a HelloRetryRequest is one more turn") {
  World w;
  UniqueSsl server = must(new_client_facing(w.server_ctx.get()));
  REQUIRE(w.mint->apply(server.get(), "api.openai.com", now()).has_value());
  REQUIRE(SSL_set1_groups_list(server.get(), "P-384") == 1);
  Pair p(must(new_upstream(w.client_ctx.get(), {"api.openai.com", false, nullptr})),
         std::move(server));
  p.piece = 1;
  p.handshake();
  CHECK(p.client.engine.handshake_complete());
  CHECK(p.server.engine.handshake_complete());
  CHECK(p.client.engine.version() == "TLSv1.3");
}

TEST_CASE("damaged flights end without plain text") {
  World w;
  std::uint32_t seed = 7;
  for (int round = 0; round < 300; ++round) {
    Pair p = pair_of(w, kVersions[round % 2]);
    p.client.engine.start(p.client.out);
    bool damaged = false;
    for (int turn = 0; turn < 6; ++turn) {
      End& from = turn % 2 == 0 ? p.client : p.server;
      End& to = turn % 2 == 0 ? p.server : p.client;
      std::string flight(from.out.view());
      from.out.clear();
      if (!damaged && turn == round / 2 % 3 && !flight.empty()) {
        seed = seed * 1664525U + 1013904223U;
        flight[(seed >> 8) % flight.size()] ^= static_cast<char>(1U << (seed >> 29));
        damaged = true;
      }
      Pair::feed(to, flight);
    }
    CHECK(p.server.got.empty());
    CHECK(p.client.got.empty());
    // A flipped bit may be in what nobody authenticates (a record's version), never else.
    if (p.client.engine.handshake_complete() && p.server.engine.handshake_complete()) {
      REQUIRE(p.client.engine.write("x", p.client.out));
      p.pump();
      CHECK(p.server.got == "x");
    }
  }
}

TEST_CASE("an engine can be moved") {
  World w;
  Pair p = w.pair();
  p.client.engine.start(p.client.out);
  Engine moved = std::move(p.client.engine);
  p.client.engine = std::move(moved);
  p.pump();
  CHECK(p.client.engine.handshake_complete());
}

namespace {

// A server with any certificate, and what our upstream side makes of it.
struct BadServer {
  UniqueKey root_key = must(make_p256_key());
  UniqueKey key = must(make_p256_key());
  UniqueX509 root;
  CertificateSpec leaf;

  BadServer() {
    CertificateSpec r;
    r.common_name = "test root";
    r.key = root_key.get();
    r.not_before = now() - 1000;
    r.not_after = now() + 100'000;
    r.ca_path_length = 1;
    root = must(make_certificate(r));
    leaf.common_name = "leaf";
    leaf.key = key.get();
    leaf.issuer = root.get();
    leaf.issuer_key = root_key.get();
    leaf.not_before = now() - 1000;
    leaf.not_after = now() + 1000;
    leaf.server_auth = true;
    leaf.subject = CertificateName{"good.example", {}};
  }

  std::string root_pem() const {
    const UniqueBio bio(BIO_new(BIO_s_mem()));
    REQUIRE(PEM_write_bio_X509(bio.get(), root.get()) == 1);
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &data);
    return {data, static_cast<std::size_t>(size)};
  }
};

struct Verdict {
  bool complete = false;
  std::string error;
  std::string alert;
  bool plain_written = true;
  std::string server_got;
};

using Tweak = std::function<void(SSL_CTX*)>;

Verdict meet(const std::string& roots, const std::string& host, X509* leaf, EVP_PKEY* key,
             X509* intermediate = nullptr, const Tweak& tweak_server = {}) {
  Verdict v;
  const UniqueSslCtx upstream = upstream_trusting(roots);
  const UniqueSslCtx server_ctx(SSL_CTX_new(TLS_server_method()));
  SSL_CTX_set_security_level(server_ctx.get(), 0);
  REQUIRE(SSL_CTX_use_cert_and_key(server_ctx.get(), leaf, key, nullptr, 1) == 1);
  if (intermediate != nullptr)
    REQUIRE(SSL_CTX_add1_chain_cert(server_ctx.get(), intermediate) == 1);
  if (tweak_server) tweak_server(server_ctx.get());
  UniqueSsl server(SSL_new(server_ctx.get()));
  SSL_set_accept_state(server.get());
  Pair p(must(new_upstream(upstream.get(), {host, false, nullptr})), std::move(server));
  p.handshake();
  v.complete = p.client.engine.handshake_complete();
  v.error = p.client.engine.verify_error_name();
  v.alert = p.client.engine.alert_sent();
  v.plain_written = p.client.engine.write("SECRET", p.client.out);
  p.pump();
  v.server_got = p.server.got;
  return v;
}

void refused(const Verdict& v, const std::string& error) {
  CHECK_FALSE(v.complete);
  CHECK(v.error == error);
  CHECK_FALSE(v.plain_written);
  CHECK(v.server_got.empty());
  CHECK_FALSE(v.alert.empty());
}

}  // namespace

TEST_CASE("upstreams that must not get a single octet") {
  BadServer s;
  SUBCASE("the good one does") {
    const auto leaf = must(make_certificate(s.leaf));
    const auto v = meet(s.root_pem(), "good.example", leaf.get(), s.key.get());
    CHECK(v.complete);
    CHECK(v.error == "X509_V_OK");
    CHECK(v.server_got == "SECRET");
    CHECK(meet(s.root_pem(), "GOOD.example.", leaf.get(), s.key.get()).complete);
  }
  SUBCASE("expired") {
    s.leaf.not_after = now() - 10;
    refused(meet(s.root_pem(), "good.example", must(make_certificate(s.leaf)).get(), s.key.get()),
            "X509_V_ERR_CERT_HAS_EXPIRED");
  }
  SUBCASE("not yet valid") {
    s.leaf.not_before = now() + 500;
    refused(meet(s.root_pem(), "good.example", must(make_certificate(s.leaf)).get(), s.key.get()),
            "X509_V_ERR_CERT_NOT_YET_VALID");
  }
  SUBCASE("another host") {
    const auto leaf = must(make_certificate(s.leaf));
    refused(meet(s.root_pem(), "evil.example", leaf.get(), s.key.get()),
            "X509_V_ERR_HOSTNAME_MISMATCH");
    refused(meet(s.root_pem(), "x.good.example", leaf.get(), s.key.get()),
            "X509_V_ERR_HOSTNAME_MISMATCH");
    refused(meet(s.root_pem(), "10.0.0.7", leaf.get(), s.key.get()),
            "X509_V_ERR_IP_ADDRESS_MISMATCH");
  }
  SUBCASE("the name in the CN only") {
    s.leaf.common_name = "good.example";
    s.leaf.subject.reset();
    refused(meet(s.root_pem(), "good.example", must(make_certificate(s.leaf)).get(), s.key.get()),
            "X509_V_ERR_HOSTNAME_MISMATCH");
  }
  SUBCASE("wildcards: a whole label, not a part of one") {
    s.leaf.subject = CertificateName{"*.good.example", {}};
    const auto leaf = must(make_certificate(s.leaf));
    CHECK(meet(s.root_pem(), "a.good.example", leaf.get(), s.key.get()).complete);
    s.leaf.subject = CertificateName{"a*.good.example", {}};
    const auto partial = must(make_certificate(s.leaf));
    refused(meet(s.root_pem(), "ab.good.example", partial.get(), s.key.get()),
            "X509_V_ERR_HOSTNAME_MISMATCH");
  }
  SUBCASE("an address") {
    s.leaf.subject = CertificateName{{}, std::string("\x0a\0\0\x07", 4)};
    const auto leaf = must(make_certificate(s.leaf));
    CHECK(meet(s.root_pem(), "10.0.0.7", leaf.get(), s.key.get()).complete);
    refused(meet(s.root_pem(), "10.0.0.8", leaf.get(), s.key.get()),
            "X509_V_ERR_IP_ADDRESS_MISMATCH");
  }
  SUBCASE("self-signed") {
    s.leaf.issuer = nullptr;
    s.leaf.issuer_key = nullptr;
    refused(meet(s.root_pem(), "good.example", must(make_certificate(s.leaf)).get(), s.key.get()),
            "X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT");
  }
  SUBCASE("another CA") {
    const BadServer other;
    refused(
        meet(other.root_pem(), "good.example", must(make_certificate(s.leaf)).get(), s.key.get()),
        "X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY");
  }
  SUBCASE("an issuer that is no CA") {
    const UniqueKey middle_key = must(make_p256_key());
    CertificateSpec middle = s.leaf;
    middle.common_name = "not a CA";
    middle.key = middle_key.get();
    const auto middle_certificate = must(make_certificate(middle));
    s.leaf.issuer = middle_certificate.get();
    s.leaf.issuer_key = middle_key.get();
    refused(meet(s.root_pem(), "good.example", must(make_certificate(s.leaf)).get(), s.key.get(),
                 middle_certificate.get()),
            "X509_V_ERR_INVALID_CA");
  }
  SUBCASE("for clients only") {
    s.leaf.server_auth = false;
    auto leaf = must(make_certificate(s.leaf));
    X509_EXTENSION* eku = X509V3_EXT_nconf_nid(nullptr, nullptr, NID_ext_key_usage, "clientAuth");
    REQUIRE(X509_add_ext(leaf.get(), eku, -1) == 1);
    X509_EXTENSION_free(eku);
    REQUIRE(X509_sign(leaf.get(), s.root_key.get(), EVP_sha256()) > 0);
    refused(meet(s.root_pem(), "good.example", leaf.get(), s.key.get()),
            "X509_V_ERR_INVALID_PURPOSE");
  }
  SUBCASE("outside the constraints of its CA") {
    const UniqueKey middle_key = must(make_p256_key());
    CertificateSpec middle = s.leaf;
    middle.common_name = "constrained";
    middle.subject.reset();
    middle.key = middle_key.get();
    middle.ca_path_length = 0;
    middle.permitted = {{"other.example", {}}};
    const auto middle_certificate = must(make_certificate(middle));
    s.leaf.issuer = middle_certificate.get();
    s.leaf.issuer_key = middle_key.get();
    refused(meet(s.root_pem(), "good.example", must(make_certificate(s.leaf)).get(), s.key.get(),
                 middle_certificate.get()),
            "X509_V_ERR_PERMITTED_VIOLATION");
  }
  SUBCASE("a weak key") {
    const UniqueKey weak(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", std::size_t{1024}));
    s.leaf.key = weak.get();
    refused(meet(s.root_pem(), "good.example", must(make_certificate(s.leaf)).get(), weak.get()),
            "X509_V_ERR_EE_KEY_TOO_SMALL");
  }
  SUBCASE("TLS 1.1 at most") {
    const auto leaf = must(make_certificate(s.leaf));
    const auto v =
        meet(s.root_pem(), "good.example", leaf.get(), s.key.get(), nullptr, [](SSL_CTX* c) {
          SSL_CTX_set_min_proto_version(c, TLS1_VERSION);
          SSL_CTX_set_max_proto_version(c, TLS1_1_VERSION);
        });
    CHECK_FALSE(v.complete);
    CHECK_FALSE(v.plain_written);
    CHECK(v.server_got.empty());
  }
  SUBCASE("CBC only") {
    const auto leaf = must(make_certificate(s.leaf));
    CHECK_FALSE(
        meet(s.root_pem(), "good.example", leaf.get(), s.key.get(), nullptr, [](SSL_CTX* c) {
          SSL_CTX_set_max_proto_version(c, TLS1_2_VERSION);
          SSL_CTX_set_cipher_list(c, "ECDHE-ECDSA-AES128-SHA256");
        }).complete);
  }
}

TEST_CASE("TLS 1.3 is required where the client offers nothing older") {
  BadServer s;
  const auto leaf = must(make_certificate(s.leaf));
  const UniqueSslCtx upstream = upstream_trusting(s.root_pem());
  const UniqueSslCtx server_ctx(SSL_CTX_new(TLS_server_method()));
  REQUIRE(SSL_CTX_use_cert_and_key(server_ctx.get(), leaf.get(), s.key.get(), nullptr, 1) == 1);
  SSL_CTX_set_max_proto_version(server_ctx.get(), TLS1_2_VERSION);
  for (const bool require : {false, true}) {
    UniqueSsl server(SSL_new(server_ctx.get()));
    SSL_set_accept_state(server.get());
    Pair p(must(new_upstream(upstream.get(), {"good.example", require, nullptr})),
           std::move(server));
    p.handshake();
    CHECK(p.client.engine.handshake_complete() == !require);
  }
}

TEST_CASE("a client certificate that is asked for is noticed, with and without one") {
  BadServer s;
  const auto leaf = must(make_certificate(s.leaf));
  const UniqueSslCtx upstream = upstream_trusting(s.root_pem());
  const TemporaryDirectory dir;
  {
    CertificateSpec spec = s.leaf;
    spec.common_name = "client";
    spec.subject.reset();
    spec.server_auth = false;
    const UniqueKey key = must(make_p256_key());
    spec.key = key.get();
    const auto certificate = must(make_certificate(spec));
    const UniqueBio c(BIO_new_file(dir.file("c.pem").c_str(), "w"));
    REQUIRE(PEM_write_bio_X509(c.get(), certificate.get()) == 1);
    const UniqueBio k(BIO_new_file(dir.file("k.pem").c_str(), "w"));
    REQUIRE(PEM_write_bio_PrivateKey(k.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) ==
            1);
  }
  for (const int version : kVersions) {
    for (const bool with : {false, true}) {
      CAPTURE(version);
      CAPTURE(with);
      const UniqueSslCtx server_ctx(SSL_CTX_new(TLS_server_method()));
      REQUIRE(SSL_CTX_use_cert_and_key(server_ctx.get(), leaf.get(), s.key.get(), nullptr, 1) == 1);
      X509_STORE_add_cert(SSL_CTX_get_cert_store(server_ctx.get()), s.root.get());
      SSL_CTX_set_verify(server_ctx.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
                         nullptr);
      SSL_CTX_set_max_proto_version(server_ctx.get(), version);
      UniqueSsl server(SSL_new(server_ctx.get()));
      SSL_set_accept_state(server.get());
      UpstreamName name{"good.example", false, nullptr};
      if (with) name.identity = must(ClientIdentity::load(dir.file("c.pem"), dir.file("k.pem")));
      Pair p(must(new_upstream(upstream.get(), name)), std::move(server));
      p.handshake();
      CHECK(p.client.engine.client_certificate_requested());
      CHECK_FALSE(p.server.engine.client_certificate_requested());
      CHECK(p.server.engine.handshake_complete() == with);
      if (!with) {
        CHECK(p.client.last == EngineStatus::failed);
        CHECK(p.client.engine.alert_received() ==
              (version == TLS1_3_VERSION ? "certificate_required" : "handshake_failure"));
      }
    }
  }
}

TEST_CASE("what is left in the error queue by others does no harm, and we leave nothing") {
  World w;
  Pair p = w.pair();
  p.handshake();
  ERR_put_error(ERR_LIB_SSL, 0, SSL_R_BAD_DIGEST_LENGTH, "", 0);
  REQUIRE(p.client.engine.write("x", p.client.out));
  ERR_put_error(ERR_LIB_SSL, 0, SSL_R_BAD_DIGEST_LENGTH, "", 0);
  p.pump();
  CHECK(p.server.last == EngineStatus::ok);
  Pair::feed(p.server, "this is no record");
  CHECK(ERR_peek_error() == 0);
}
