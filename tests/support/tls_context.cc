#include "support/tls_context.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include <array>
#include <stdexcept>

namespace llmrec::support {
namespace {

void need(bool ok, const std::string& what) {
  if (ok) return;
  std::array<char, 256> reason{};
  ERR_error_string_n(ERR_get_error(), reason.data(), reason.size());
  throw std::runtime_error("test TLS: " + what + ": " + reason.data());
}

BioPtr reader_of(const std::string& text) {
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

void use_leaf(SSL_CTX* context, const Leaf& leaf) {
  const BioPtr chain = reader_of(leaf.chain_pem);
  const X509Ptr first(PEM_read_bio_X509(chain.get(), nullptr, nullptr, nullptr));
  need(first && SSL_CTX_use_certificate(context, first.get()) == 1, "certificate");
  while (X509* next = PEM_read_bio_X509(chain.get(), nullptr, nullptr, nullptr)) {
    need(SSL_CTX_add_extra_chain_cert(context, next) == 1, "chain");
  }
  ERR_clear_error();  // the end of the PEM text is an error to OpenSSL
  const BioPtr key_text = reader_of(leaf.key_pem);
  const PkeyPtr key(PEM_read_bio_PrivateKey(key_text.get(), nullptr, nullptr, nullptr));
  need(key && SSL_CTX_use_PrivateKey(context, key.get()) == 1, "key");
}

void set_versions(SSL_CTX* context, int lowest, int highest) {
  // Debian's default level 2 refuses TLS 1.0 and 1.1 whatever the versions say.
  if (lowest < TLS1_2_VERSION) SSL_CTX_set_security_level(context, 0);
  need(SSL_CTX_set_min_proto_version(context, lowest) == 1 &&
           SSL_CTX_set_max_proto_version(context, highest) == 1,
       "versions");
}

TlsFacts* facts_of(SSL* ssl) { return static_cast<TlsFacts*>(SSL_get_app_data(ssl)); }

int on_server_name(SSL* ssl, int*, void*) noexcept {
  const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (name != nullptr && facts_of(ssl) != nullptr) facts_of(ssl)->sni = name;
  return SSL_TLSEXT_ERR_OK;
}

int on_alpn(SSL* ssl, const unsigned char** out, unsigned char* out_size, const unsigned char* in,
            unsigned in_size, void* argument) noexcept {
  const auto* server = static_cast<const ServerContext*>(argument);
  for (unsigned at = 0; at < in_size; at += 1 + in[at]) {
    facts_of(ssl)->alpn_offered.emplace_back(reinterpret_cast<const char*>(in + at + 1), in[at]);
  }
  unsigned char* chosen = nullptr;
  if (!server->alpn.empty() &&
      SSL_select_next_proto(
          &chosen, out_size, reinterpret_cast<const unsigned char*>(server->alpn.data()),
          static_cast<unsigned>(server->alpn.size()), in, in_size) == OPENSSL_NPN_NEGOTIATED) {
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
  }
  return server->refuse_other_alpn ? SSL_TLSEXT_ERR_ALERT_FATAL : SSL_TLSEXT_ERR_NOACK;
}

void want_client_certificate(SSL_CTX* context, const ServerTls& tls) {
  if (tls.client_certificate == ServerTls::ClientCertificate::no) return;
  int mode = SSL_VERIFY_PEER;
  if (tls.client_certificate == ServerTls::ClientCertificate::required) {
    mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
  }
  SSL_CTX_set_verify(context, mode, nullptr);
  const BioPtr text = reader_of(tls.client_ca_pem);
  const X509Ptr ca(PEM_read_bio_X509(text.get(), nullptr, nullptr, nullptr));
  need(ca && X509_STORE_add_cert(SSL_CTX_get_cert_store(context), ca.get()) == 1, "client CA");
  need(SSL_CTX_add_client_CA(context, ca.get()) == 1, "client CA");
}

}  // namespace

std::string alpn_wire(const std::vector<std::string>& names) {
  std::string out;
  for (const auto& name : names) out += static_cast<char>(name.size()) + name;
  return out;
}

std::unique_ptr<ServerContext> make_server_context(const ServerTls& tls) {
  auto server = std::make_unique<ServerContext>();
  server->alpn = alpn_wire(tls.alpn);
  server->refuse_other_alpn = tls.refuse_other_alpn;
  server->context.reset(SSL_CTX_new(TLS_server_method()));
  SSL_CTX* context = server->context.get();
  need(context != nullptr, "context");
  set_versions(context, tls.min_version, tls.max_version);
  use_leaf(context, tls.leaf);
  want_client_certificate(context, tls);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_tlsext_servername_callback(context, on_server_name);
  SSL_CTX_set_alpn_select_cb(context, on_alpn, server.get());
  return server;
}

SslCtxPtr make_client_context(const ClientTls& tls) {
  SslCtxPtr context(SSL_CTX_new(TLS_client_method()));
  need(context != nullptr, "context");
  set_versions(context.get(), tls.min_version, tls.max_version);
  if (!tls.ca_file.empty()) {
    need(SSL_CTX_load_verify_file(context.get(), tls.ca_file.c_str()) == 1, tls.ca_file);
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  }
  if (!tls.alpn.empty()) {
    const std::string wire = alpn_wire(tls.alpn);
    need(SSL_CTX_set_alpn_protos(context.get(), reinterpret_cast<const unsigned char*>(wire.data()),
                                 static_cast<unsigned>(wire.size())) == 0,
         "ALPN");
  }
  if (!tls.certificate_file.empty()) {
    need(
        SSL_CTX_use_certificate_chain_file(context.get(), tls.certificate_file.c_str()) == 1 &&
            SSL_CTX_use_PrivateKey_file(context.get(), tls.key_file.c_str(), SSL_FILETYPE_PEM) == 1,
        tls.certificate_file);
  }
  return context;
}

}  // namespace llmrec::support
