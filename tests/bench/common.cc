#include "common.h"

#include <netinet/in.h>
#include <openssl/err.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "tls/context.h"

namespace llmrec::bench {
namespace {

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

template <class T>
T or_give_up(Result<T> result) {
  if (!result) give_up(result.error().detail);
  return *std::move(result);
}

net::UniqueFd new_socket() {
  net::UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) give_up(std::string("socket: ") + std::strerror(errno));
  return fd;
}

}  // namespace

void give_up(std::string_view why) {
  std::fprintf(stderr, "bench: %.*s\n", static_cast<int>(why.size()), why.data());
  std::exit(2);
}

RelayOptions parse_relay_options(int argc, char** argv, const char* what) {
  RelayOptions options;
  CLI::App app(what);
  app.add_option("--listen", options.listen, "port on 127.0.0.1 for clients")->required();
  app.add_option("--upstream", options.upstream, "port on 127.0.0.1 of the provider")->required();
  app.add_option("--cert", options.files.certificate, "certificate chain, PEM")->required();
  app.add_option("--key", options.files.key, "its key, PEM")->required();
  app.add_option("--ca", options.files.ca, "root that the provider is verified by")->required();
  app.add_flag("--read-ahead", options.read_ahead, "read_ahead, where OpenSSL reads the socket");
  app.add_flag("--keep-buffers", options.keep_buffers, "without SSL_MODE_RELEASE_BUFFERS");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    std::exit(app.exit(e));
  }
  std::signal(SIGPIPE, SIG_IGN);
  return options;
}

Contexts make_contexts(const TlsFiles& files) {
  Contexts contexts{or_give_up(tls::make_client_facing_context()),
                    or_give_up(tls::make_upstream_context({.system = false, .files = {files.ca}}))};
  SSL_CTX* ctx = contexts.client_facing.get();
  if (SSL_CTX_use_certificate_chain_file(ctx, files.certificate.c_str()) != 1 ||
      SSL_CTX_use_PrivateKey_file(ctx, files.key.c_str(), SSL_FILETYPE_PEM) != 1) {
    give_up(tls::openssl_error(Code::bad_argument, "certificate or key").detail);
  }
  return contexts;
}

tls::UniqueSsl accept_tls(SSL_CTX* client_facing) {
  return or_give_up(tls::new_client_facing(client_facing));
}

tls::UniqueSsl dial_tls(SSL_CTX* upstream) {
  tls::UpstreamName name;
  name.host = kServerName;
  return or_give_up(tls::new_upstream(upstream, name));
}

net::UniqueFd listen_on(std::uint16_t port) {
  net::UniqueFd fd = new_socket();
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const sockaddr_in address = loopback(port);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(fd.get(), limits::kBacklog) != 0) {
    give_up("port " + std::to_string(port) + ": " + std::strerror(errno));
  }
  return fd;
}

net::UniqueFd connect_to(std::uint16_t port) {
  net::UniqueFd fd = new_socket();
  net::tune(fd.get());
  const sockaddr_in address = loopback(port);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 &&
      errno != EINPROGRESS) {
    give_up("port " + std::to_string(port) + ": " + std::strerror(errno));
  }
  return fd;
}

net::UniqueFd accept_from(int listener) {
  net::UniqueFd fd(::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (fd) net::tune(fd.get());
  return fd;
}

}  // namespace llmrec::bench
