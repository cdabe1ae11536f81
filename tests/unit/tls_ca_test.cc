#include "tls/ca.h"

#include <doctest/doctest.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <filesystem>
#include <set>
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

// The extension in OpenSSL's words, "!" in front when critical; empty where there is none.
std::string words(X509* c, int nid) {
  const int at = X509_get_ext_by_NID(c, nid, -1);
  if (at < 0) return {};
  X509_EXTENSION* e = X509_get_ext(c, at);
  const UniqueBio bio(BIO_new(BIO_s_mem()));
  REQUIRE(X509V3_EXT_print(bio.get(), e, 0, 0) == 1);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  std::string text(data, static_cast<std::size_t>(size));
  std::string out = X509_EXTENSION_get_critical(e) != 0 ? "!" : "";
  for (const char ch : text) {
    if (ch == '\n') {
      out += ' ';
    } else if (ch != ' ' || (!out.empty() && out.back() != ' ')) {
      out += ch;
    }
  }
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

std::string name_of(X509_NAME* n) {
  char text[200];
  return X509_NAME_oneline(n, text, sizeof text);
}

std::string octets(const ASN1_OCTET_STRING* s) {
  if (s == nullptr) return {};
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(s)),
          static_cast<std::size_t>(ASN1_STRING_length(s))};
}

std::int64_t seconds_between(const ASN1_TIME* from, const ASN1_TIME* to) {
  int days = 0, seconds = 0;
  REQUIRE(ASN1_TIME_diff(&days, &seconds, from, to) == 1);
  return days * std::int64_t{86'400} + seconds;
}

bool is_p256(X509* c) {
  char group[40] = "";
  EVP_PKEY* key = X509_get0_pubkey(c);
  return EVP_PKEY_get_base_id(key) == EVP_PKEY_EC &&
         EVP_PKEY_get_utf8_string_param(key, "group", group, sizeof group, nullptr) == 1 &&
         std::string(group) == "prime256v1";
}

mode_t mode_of(const std::string& path) {
  struct stat st = {};
  REQUIRE(::stat(path.c_str(), &st) == 0);
  return st.st_mode & 07777;
}

}  // namespace

TEST_CASE("the root and the intermediate, field by field") {
  const std::int64_t t = 1'800'000'000;
  const Authority a = must(Authority::create({"api.openai.com"}, {}, t));
  X509* root = a.root();
  X509* sub = a.intermediate();
  for (X509* c : {root, sub}) {
    CHECK(X509_get_version(c) == X509_VERSION_3);
    CHECK(is_p256(c));
    CHECK(X509_get_signature_nid(c) == NID_ecdsa_with_SHA256);
    CHECK(words(c, NID_key_usage) == "!Certificate Sign");
    CHECK(X509_get0_subject_key_id(c) != nullptr);
    CHECK(words(c, NID_info_access).empty());
    CHECK(words(c, NID_crl_distribution_points).empty());
    CHECK(seconds_between(X509_get0_notBefore(c), X509_get0_notAfter(c)) == 3651 * 86'400);
  }
  CHECK(words(root, NID_basic_constraints) == "!CA:TRUE, pathlen:1");
  CHECK(words(sub, NID_basic_constraints) == "!CA:TRUE, pathlen:0");
  CHECK(words(root, NID_ext_key_usage).empty());
  CHECK(words(sub, NID_ext_key_usage) == "TLS Web Server Authentication");
  CHECK(words(root, NID_name_constraints).empty());
  const std::string nc = words(sub, NID_name_constraints);
  CHECK(nc ==
        "!Permitted: DNS:api.openai.com Excluded: IP:0.0.0.0/0.0.0.0 "
        "IP:0:0:0:0:0:0:0:0/0:0:0:0:0:0:0:0");
  const std::string cn = name_of(X509_get_subject_name(root));
  CHECK(cn.starts_with("/CN=llmrec pod root "));
  CHECK(cn.size() == std::string("/CN=llmrec pod root ").size() + 8);
  CHECK(name_of(X509_get_issuer_name(sub)) == cn);
  CHECK(octets(X509_get0_authority_key_id(sub)) == octets(X509_get0_subject_key_id(root)));
  CHECK(X509_verify(sub, X509_get0_pubkey(root)) == 1);
  CHECK(X509_verify(root, X509_get0_pubkey(root)) == 1);
  CHECK(X509_check_private_key(sub, a.intermediate_key()) == 1);
  CHECK(X509_check_private_key(root, a.intermediate_key()) == 0);
  CHECK(a.valid_at(t));
  CHECK(a.valid_at(t - 80'000));
  CHECK_FALSE(a.valid_at(t - 90'000));
  CHECK(a.valid_at(t + 3649 * 86'400LL));
  CHECK_FALSE(a.valid_at(t + 3651 * 86'400LL));
  CHECK(must(Authority::create({"api.openai.com"}, {}, t)).root_fingerprint() !=
        a.root_fingerprint());
  CHECK(a.root_fingerprint().size() == 32 * 3 - 1);
}

TEST_CASE("what a list of hosts permits") {
  const auto permitted = [](const Strings& hosts, const Strings& ips = {}) {
    return must(Authority::create(hosts, ips, now())).permitted();
  };
  CHECK(permitted({"API.OpenAI.com.", "api.openai.com"}) == Strings{"dns:api.openai.com"});
  CHECK(permitted({"*.openai.azure.com", "me.openai.azure.com"}) ==
        Strings{"dns:openai.azure.com"});
  CHECK(permitted({"bedrock-runtime.*.amazonaws.com"}) == Strings{"dns:amazonaws.com"});
  CHECK(permitted({"*-aiplatform.googleapis.com"}) == Strings{"dns:googleapis.com"});
  CHECK(permitted({"a*.b*.c.example"}) == Strings{"dns:c.example"});
  CHECK(permitted({"*.internal", "vllm", "ab.internals"}) ==
        Strings{"dns:ab.internals", "dns:internal", "dns:vllm"});
  CHECK(permitted({"xopenai.com", "openai.com"}) == Strings{"dns:openai.com", "dns:xopenai.com"});
  CHECK(permitted({"10.0.0.7"}, {"0::1", "10.0.0.7"}) == Strings{"ip:10.0.0.7", "ip:::1"});
  for (const char* bad : {"", "*", "*.com", "a.*", "a b", "a..b", ".", "a/b", "*.", "a*.com",
                          "127.1*", "b\xc3\xbc"}) {
    CAPTURE(bad);
    const auto r = Authority::create({bad}, {}, now());
    REQUIRE_FALSE(r.has_value());
    CHECK(r.error().code == Code::bad_argument);
  }
  CHECK(Authority::create({}, {}, now()).error().code == Code::bad_argument);
  CHECK(Authority::create({}, {"a.example"}, now()).error().code == Code::bad_argument);
  Strings many;
  for (std::size_t i = 0; i <= limits::kCaPermittedNames; ++i)
    many.push_back("h" + std::to_string(i));
  CHECK(Authority::create(many, {}, now()).error().code == Code::bad_argument);
  many.pop_back();
  CHECK(Authority::create(many, {}, now()).has_value());
}

TEST_CASE("which names it may sign for") {
  const Authority a =
      must(Authority::create({"api.openai.com", "*.azure.com"}, {"10.0.0.7"}, now()));
  for (const char* yes : {"api.openai.com", "API.openai.com.", "eu.api.openai.com", "azure.com",
                          "x.y.azure.com", "10.0.0.7"}) {
    CHECK_MESSAGE(a.permits(yes), yes);
  }
  for (const char* no :
       {"openai.com", "xapi.openai.com", "evil.example", "10.0.0.8", "::1", "",
        "api.openai.com.evil.example", "*.azure.com", "a b.azure.com", ".azure.com"}) {
    CHECK_FALSE_MESSAGE(a.permits(no), no);
  }
  CHECK(a.made_for({"*.azure.com", "api.openai.com"}, {"10.0.0.7"}));
  CHECK_FALSE(a.made_for({"*.azure.com"}, {"10.0.0.7"}));
  CHECK_FALSE(a.made_for({"*.azure.com", "api.openai.com", "more.example"}, {"10.0.0.7"}));
  CHECK_FALSE(a.made_for({"*.azure.com", "api.openai.com"}, {}));
}

TEST_CASE("constraints with addresses") {
  const auto nc = [](const Strings& hosts, const Strings& ips) {
    const Authority a = must(Authority::create(hosts, ips, now()));
    return words(a.intermediate(), NID_name_constraints);
  };
  CHECK(nc({"a.example"}, {"10.0.0.7"}) ==
        "!Permitted: IP:10.0.0.7/255.255.255.255 DNS:a.example Excluded: "
        "IP:0:0:0:0:0:0:0:0/0:0:0:0:0:0:0:0");
  const std::string only = nc({}, {"::1"});
  CHECK(only.find("DNS:llmrec.invalid") != std::string::npos);
  CHECK(only.find("Excluded: IP:0.0.0.0/0.0.0.0") != std::string::npos);
  CHECK(only.find("FFFF:FFFF:FFFF:FFFF") != std::string::npos);
}

TEST_CASE("saved and loaded again") {
  const TemporaryDirectory dir;
  const std::string path = dir.file("ca");
  CHECK(Authority::load(path).error().code == Code::not_found);
  const Authority a = must(Authority::create({"api.openai.com"}, {"10.0.0.7"}, now()));
  REQUIRE(a.save(path).has_value());
  CHECK(mode_of(path) == 0700);
  CHECK(mode_of(path + "/intermediate.key") == 0600);
  CHECK(mode_of(path + "/root.crt") == 0644);
  CHECK(slurp(path + "/hosts").find("\ndns:api.openai.com\nip:10.0.0.7\n") != std::string::npos);
  CHECK(slurp(path + "/root.crt") == a.root_pem());
  CHECK(a.chain_pem() == slurp(path + "/intermediate.crt") + a.root_pem());
  {
    const Authority b = must(Authority::load(path));
    CHECK(b.root_fingerprint() == a.root_fingerprint());
    CHECK(b.permitted() == a.permitted());
    CHECK(b.made_for({"api.openai.com"}, {"10.0.0.7"}));
    CHECK(X509_check_private_key(a.intermediate(), b.intermediate_key()) == 1);
  }
  SUBCASE("the root's key is nowhere") {
    std::size_t keys = 0;
    for (const auto& e : std::filesystem::directory_iterator(path)) {
      const std::string content = slurp(e.path().string());
      keys += content.find("PRIVATE KEY") != std::string::npos ? 1 : 0;
    }
    CHECK(keys == 2 - 1);
  }
  SUBCASE("readable by others") {
    REQUIRE(::chmod((path + "/intermediate.key").c_str(), 0644) == 0);
    CHECK(Authority::load(path).error().code == Code::permission);
    REQUIRE(::chmod((path + "/intermediate.key").c_str(), 0600) == 0);
    REQUIRE(::chmod(path.c_str(), 0755) == 0);
    CHECK(Authority::load(path).error().code == Code::permission);
    CHECK(a.save(path).error().code == Code::permission);
  }
  SUBCASE("a mixture, as a crash between two files leaves it") {
    const Authority other = must(Authority::create({"api.openai.com"}, {"10.0.0.7"}, now()));
    REQUIRE(other.save(dir.file("other")).has_value());
    for (const char* f : {"root.crt", "intermediate.crt", "intermediate.key"}) {
      REQUIRE(a.save(path).has_value());
      std::filesystem::copy_file(dir.file("other") + "/" + f, path + "/" + f,
                                 std::filesystem::copy_options::overwrite_existing);
      CHECK_MESSAGE(Authority::load(path).error().code == Code::corrupt, f);
    }
  }
  SUBCASE("damaged, empty, missing, enormous, with a password") {
    for (const char* f : {"root.crt", "intermediate.crt", "intermediate.key"}) {
      CAPTURE(f);
      REQUIRE(a.save(path).has_value());
      spill(path + "/" + f, "");
      CHECK(Authority::load(path).error().code == Code::corrupt);
      spill(path + "/" + f, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
      CHECK(Authority::load(path).error().code == Code::corrupt);
      spill(path + "/" + f, std::string(limits::kCaFileOctets + 1, 'x'));
      CHECK(Authority::load(path).error().code == Code::full);
      std::filesystem::remove(path + "/" + f);
      CHECK(Authority::load(path).error().code == Code::not_found);
    }
    REQUIRE(a.save(path).has_value());
    const UniqueBio bio(BIO_new_file((path + "/intermediate.key").c_str(), "w"));
    REQUIRE(PEM_write_bio_PKCS8PrivateKey(bio.get(), a.intermediate_key(), EVP_aes_128_cbc(), "pw",
                                          2, nullptr, nullptr) == 1);
    BIO_flush(bio.get());
    CHECK(Authority::load(path).error().code == Code::corrupt);
  }
  SUBCASE("an intermediate that is held to nothing is not ours") {
    const UniqueKey key = must(make_p256_key());
    CertificateSpec spec;
    spec.common_name = "free";
    spec.key = key.get();
    spec.not_after = now() + 1000;
    spec.ca_path_length = 0;
    const auto certificate = must(make_certificate(spec));
    const auto write = [&](const char* f) {
      const UniqueBio bio(BIO_new_file((path + "/" + f).c_str(), "w"));
      REQUIRE(PEM_write_bio_X509(bio.get(), certificate.get()) == 1);
    };
    write("root.crt");
    write("intermediate.crt");
    const UniqueBio bio(BIO_new_file((path + "/intermediate.key").c_str(), "w"));
    REQUIRE(PEM_write_bio_PrivateKey(bio.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) ==
            1);
    BIO_flush(bio.get());
    const auto r = Authority::load(path);
    CHECK(r.error().code == Code::corrupt);
    CHECK(r.error().detail.find("not held to hosts") != std::string::npos);
  }
}

TEST_CASE("open keeps what fits and replaces what does not") {
  const TemporaryDirectory dir;
  const std::string path = dir.file("ca");
  bool created = false;
  const std::int64_t t = now();
  const auto opened = [&](const Strings& hosts, std::int64_t when) {
    return must(Authority::open(path, hosts, {}, when, &created)).root_fingerprint();
  };
  const std::string first = opened({"a.example", "b.example"}, t);
  CHECK(created);
  CHECK(opened({"b.example", "a.example"}, t + 86'400) == first);
  CHECK_FALSE(created);
  const std::string narrower = opened({"a.example"}, t);
  CHECK(created);
  CHECK(narrower != first);
  SUBCASE("damaged") {
    spill(path + "/intermediate.crt", "x");
    CHECK(opened({"a.example"}, t) != narrower);
    CHECK(created);
  }
  SUBCASE("a month before its end, and before its beginning") {
    CHECK(opened({"a.example"}, t + (3650 - 31) * 86'400LL) == narrower);
    CHECK(opened({"a.example"}, t + (3650 - 29) * 86'400LL) != narrower);
    CHECK(created);
  }
  SUBCASE("nobody's keys are replaced behind their back") {
    REQUIRE(::chmod((path + "/intermediate.key").c_str(), 0644) == 0);
    const auto r = Authority::open(path, {"a.example"}, {}, t, &created);
    CHECK(r.error().code == Code::permission);
    CHECK_FALSE(created);
  }
}

TEST_CASE("several that start at once agree on one CA") {
  const TemporaryDirectory dir;
  std::vector<std::string> seen(8);
  std::vector<std::thread> threads;
  for (auto& s : seen) {
    threads.emplace_back([&dir, &s] {
      auto a = Authority::open(dir.file("ca"), {"a.example"}, {}, now(), nullptr);
      s = a ? a->root_fingerprint() : a.error().detail;
    });
  }
  for (auto& t : threads) t.join();
  CHECK(std::set<std::string>(seen.begin(), seen.end()).size() == 1);
  CHECK(seen[0].find(':') == 2);
}

TEST_CASE("the bundle is the union, readable by all, in place at once") {
  const TemporaryDirectory dir;
  const Authority a = must(Authority::create({"a.example"}, {}, now()));
  const Authority system = must(Authority::create({"b.example"}, {}, now()));
  std::string pem = system.root_pem();
  pem.pop_back();  // no line end behind the last one
  spill(dir.file("system.pem"), "# roots\n" + pem);
  const std::string out = dir.file("bundle.pem");
  REQUIRE(write_bundle(out, dir.file("system.pem"), a.root_pem()).has_value());
  CHECK(mode_of(out) == 0644);
  CHECK(slurp(out) == "# roots\n" + system.root_pem() + a.root_pem());
  const UniqueSslCtx ctx(SSL_CTX_new(TLS_client_method()));
  CHECK(SSL_CTX_load_verify_file(ctx.get(), out.c_str()) == 1);
  STACK_OF(X509_OBJECT)* objects = X509_STORE_get0_objects(SSL_CTX_get_cert_store(ctx.get()));
  CHECK(sk_X509_OBJECT_num(objects) == 2);

  REQUIRE(write_bundle(dir.file("twice.pem"), out, a.root_pem()).has_value());
  CHECK(slurp(dir.file("twice.pem")) == slurp(out));
  CHECK(write_bundle(out, out, a.root_pem()).error().code == Code::bad_argument);
  CHECK(write_bundle(out, dir.file("none.pem"), a.root_pem()).error().code == Code::not_found);
  spill(dir.file("junk.pem"), "junk");
  CHECK(write_bundle(out, dir.file("junk.pem"), a.root_pem()).error().code == Code::bad_argument);
  spill(dir.file("empty.pem"), "");
  CHECK(write_bundle(out, dir.file("empty.pem"), a.root_pem()).error().code == Code::bad_argument);
  CHECK(slurp(out) == "# roots\n" + system.root_pem() + a.root_pem());
  REQUIRE(write_bundle(dir.file("ours.pem"), "", a.root_pem()).has_value());
  CHECK(slurp(dir.file("ours.pem")) == a.root_pem());
  CHECK(write_bundle(dir.file("no/where.pem"), "", a.root_pem()).error().code == Code::not_found);
}

TEST_CASE("SSL_CERT_FILE goes before the known places") {
  CHECK(find_system_bundle("/some/where.pem") == "/some/where.pem");
  const std::string found = find_system_bundle("");
  if (!found.empty()) CHECK(std::filesystem::is_regular_file(found));
}
