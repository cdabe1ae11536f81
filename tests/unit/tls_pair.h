// For the tls tests: a directory that goes away, a CA of any shape, and two engines wired to each
// other through buffers.
#pragma once

#include <doctest/doctest.h>
#include <openssl/ssl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>

#include "tls/ca.h"
#include "tls/certificate.h"
#include "tls/context.h"
#include "tls/engine.h"
#include "tls/mint.h"

namespace llmrec::tls::test {

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "llmrec-tls-XXXXXX").string();
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  ~TemporaryDirectory() {
    std::error_code ec;
    std::filesystem::remove_all(path_, ec);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  std::string file(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline std::string slurp(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline void spill(const std::string& path, const std::string& content) {
  std::ofstream out(path, std::ios::binary);
  out << content;
  REQUIRE(out.flush().good());
}

// OpenSSL verifies against the real clock.
inline std::int64_t now() { return static_cast<std::int64_t>(std::time(nullptr)); }

template <class T>
T must(Result<T> r) {
  REQUIRE_MESSAGE(r.has_value(), (r ? std::string() : r.error().detail));
  return *std::move(r);
}

inline UniqueSslCtx upstream_trusting(const std::string& root_pem) {
  const TemporaryDirectory dir;
  spill(dir.file("root.pem"), root_pem);
  UpstreamRoots roots;
  roots.system = false;
  roots.files = {dir.file("root.pem")};
  return must(make_upstream_context(roots));
}

struct End {
  End(UniqueSsl ssl, Role role) : engine(std::move(ssl), role) {}
  Engine engine;
  PlainOut plain{64U << 20};
  CipherOut out{64U << 20};
  EngineStatus last = EngineStatus::ok;
  int handshakes_done = 0;
  std::string got;  // all plain octets
};

class Pair {
 public:
  Pair(UniqueSsl client_ssl, UniqueSsl server_ssl)
      : client(std::move(client_ssl), Role::upstream),
        server(std::move(server_ssl), Role::client_facing) {}

  End client;
  End server;
  std::size_t piece = 65536;  // octets per feed

  // Carries octets to and fro until there are none.
  void pump() {
    bool moved = true;
    while (moved) {
      moved = carry(client, server);
      moved = carry(server, client) || moved;
    }
  }
  bool carry(End& from, End& to) {
    const std::string cipher(from.out.view());
    from.out.clear();
    for (std::size_t at = 0; at < cipher.size(); at += piece) {
      feed(to, std::string_view(cipher).substr(at, piece));
    }
    return !cipher.empty();
  }
  static void feed(End& to, Bytes cipher) {
    to.last = to.engine.feed(cipher, to.plain, to.out);
    to.handshakes_done += to.last == EngineStatus::handshake_done;
    CHECK(to.plain.size() <= cipher.size() + 16384);
    to.got += to.plain.view();
    to.plain.clear();
  }
  void handshake() {
    client.last = client.engine.start(client.out);
    pump();
  }
};

// One CA, both contexts; makes pairs.
struct World {
  explicit World(std::vector<std::string> hosts = {"api.openai.com"},
                 std::vector<std::string> addresses = {})
      : mint(must(Mint::create(must(Authority::create(hosts, addresses, now()))))),
        client_ctx(upstream_trusting(mint->authority().root_pem())),
        server_ctx(must(make_client_facing_context())) {}

  Pair pair(const std::string& host = "api.openai.com", const std::string& verify_as = {}) {
    UpstreamName name;
    name.host = verify_as.empty() ? host : verify_as;
    UniqueSsl server = must(new_client_facing(server_ctx.get()));
    REQUIRE(mint->apply(server.get(), host, now()).has_value());
    return {must(new_upstream(client_ctx.get(), name)), std::move(server)};
  }

  std::unique_ptr<Mint> mint;
  UniqueSslCtx client_ctx;
  UniqueSslCtx server_ctx;
};

}  // namespace llmrec::tls::test
