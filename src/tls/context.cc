#include "tls/context.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "base/bytes.h"
#include "tls/ca.h"
#include "tls/certificate.h"

namespace llmrec::tls {
namespace {

// Forward secrecy and AEAD only; what else OpenSSL offers for TLS 1.2 is CBC and RSA key exchange.
// The client-facing key is on P-256 and there are no DH parameters, so DHE is for upstream alone.
constexpr const char* kClientFacingCiphers = "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL";
constexpr const char* kUpstreamCiphers =
    "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:DHE+CHACHA20:!aNULL";
// OpenSSL 3.5 and later have the post-quantum group; it goes first, as browsers do it.
constexpr const char* kGroupsHybrid = "X25519MLKEM768:X25519:P-256:P-384:P-521";
constexpr const char* kGroups = "X25519:P-256:P-384:P-521";
constexpr unsigned char kAlpnHttp11[] = "\x08http/1.1";

int select_alpn(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* in,
                unsigned int in_size, void*) noexcept {
  const Bytes list(reinterpret_cast<const char*>(in), in_size);
  for (const std::string_view wanted : {"http/1.1", "http/1.0"}) {
    for (std::size_t at = 0; at < list.size();) {
      const std::size_t size = static_cast<unsigned char>(list[at]);
      if (list.substr(at + 1, size) == wanted) {
        *out = in + at + 1;
        *out_size = static_cast<unsigned char>(size);
        return SSL_TLSEXT_ERR_OK;
      }
      at += 1 + size;
    }
  }
  return SSL_TLSEXT_ERR_NOACK;
}

bool set_policy(SSL_CTX* ctx, const char* ciphers) {
  if (ctx == nullptr) return false;
  SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  // Without the cache, too: tickets off and the cache on grew without bound in CVE-2024-2511.
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_read_ahead(ctx, 0);
  SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                            SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_NO_AUTO_CHAIN);
  SSL_CTX_set_security_level(ctx, 2);
  const bool set = SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 &&
                   SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) == 1 &&
                   SSL_CTX_set_cipher_list(ctx, ciphers) == 1 &&
                   SSL_CTX_set_max_early_data(ctx, 0) == 1 &&
                   SSL_CTX_set_recv_max_early_data(ctx, 0) == 1;
  if (!set) return false;
  if (SSL_CTX_set1_groups_list(ctx, kGroupsHybrid) == 1) return true;
  ERR_clear_error();
  return SSL_CTX_set1_groups_list(ctx, kGroups) == 1;
}

// OpenSSL's compiled-in places may not exist here (a static build, another distribution): then the
// known bundles are tried.
Result<void> add_system_roots(SSL_CTX* ctx) {
  if (SSL_CTX_set_default_verify_paths(ctx) != 1) {
    return openssl_error(Code::internal, "cannot set the system's roots");
  }
  std::error_code ec;
  const auto exists = [&ec](const char* env, const char* fallback) {
    const char* set = ::secure_getenv(env);
    return std::filesystem::exists(set == nullptr ? fallback : set, ec);
  };
  if (exists(X509_get_default_cert_file_env(), X509_get_default_cert_file())) return {};
  const char* places = X509_get_default_cert_dir();
  const char* set = ::secure_getenv(X509_get_default_cert_dir_env());
  if (set != nullptr) return {};
  if (std::filesystem::is_directory(places, ec) && !std::filesystem::is_empty(places, ec))
    return {};
  const std::string bundle = find_system_bundle({});
  if (bundle.empty())
    return Error{Code::not_found, "no system roots were found; --upstream-ca FILE adds some"};
  if (SSL_CTX_load_verify_file(ctx, bundle.c_str()) != 1) {
    return openssl_error(Code::bad_argument, "cannot read the roots in " + bundle);
  }
  return {};
}

std::string_view without_trailing_dot(std::string_view host) {
  if (host.size() > 1 && host.back() == '.') host.remove_suffix(1);
  return host;
}

}  // namespace

Result<UniqueSslCtx> make_client_facing_context() {
  UniqueSslCtx ctx(SSL_CTX_new(TLS_server_method()));
  if (!set_policy(ctx.get(), kClientFacingCiphers) || SSL_CTX_set_num_tickets(ctx.get(), 0) != 1) {
    return openssl_error(Code::internal, "cannot set up TLS towards clients");
  }
  SSL_CTX_set_alpn_select_cb(ctx.get(), select_alpn, nullptr);
  return ctx;
}

Result<UniqueSsl> new_client_facing(SSL_CTX* ctx) {
  UniqueSsl ssl(SSL_new(ctx));
  if (!ssl) return openssl_error(Code::resource, "cannot make a TLS connection");
  SSL_set_accept_state(ssl.get());
  return ssl;
}

Result<UniqueSslCtx> make_upstream_context(const UpstreamRoots& roots) {
  UniqueSslCtx ctx(SSL_CTX_new(TLS_client_method()));
  if (!set_policy(ctx.get(), kUpstreamCiphers) ||
      // Here 0 is success.
      SSL_CTX_set_alpn_protos(ctx.get(), kAlpnHttp11, sizeof kAlpnHttp11 - 1) != 0) {
    return openssl_error(Code::internal, "cannot set up TLS towards providers");
  }
  SSL_CTX_set_verify(ctx.get(), SSL_VERIFY_PEER, nullptr);
  if (!roots.system && roots.files.empty()) {
    return Error{Code::not_found, "no roots: no provider could be verified"};
  }
  if (roots.system) {
    auto added = add_system_roots(ctx.get());
    // Roots of one's own are enough.
    if (!added && (added.error().code != Code::not_found || roots.files.empty()))
      return added.error();
  }
  for (const std::string& file : roots.files) {
    if (SSL_CTX_load_verify_file(ctx.get(), file.c_str()) != 1) {
      return openssl_error(Code::bad_argument, "cannot read certificates from " + file);
    }
  }
  STACK_OF(X509_OBJECT)* loaded = X509_STORE_get0_objects(SSL_CTX_get_cert_store(ctx.get()));
  for (int i = 0; i < sk_X509_OBJECT_num(loaded); ++i) {
    if (X509* root = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(loaded, i))) settle(root);
  }
  ERR_clear_error();  // of roots with odd extensions; they are judged when they are used
  return ctx;
}

Result<std::shared_ptr<const ClientIdentity>> ClientIdentity::load(const std::string& chain_file,
                                                                   const std::string& key_file) {
  const std::shared_ptr<ClientIdentity> identity(new ClientIdentity);
  char no_password[] = "";  // else OpenSSL asks at the terminal
  if (const UniqueBio bio(BIO_new_file(chain_file.c_str(), "r")); bio) {
    identity->certificate_.reset(PEM_read_bio_X509(bio.get(), nullptr, nullptr, no_password));
    identity->chain_ = sk_X509_new_null();
    while (identity->chain_ != nullptr) {
      UniqueX509 next(PEM_read_bio_X509(bio.get(), nullptr, nullptr, no_password));
      if (!next) break;
      if (X509_add_cert(identity->chain_, next.get(), X509_ADD_FLAG_UP_REF) != 1) break;
    }
  }
  if (!identity->certificate_ || identity->chain_ == nullptr) {
    return openssl_error(Code::bad_argument, "cannot read a certificate from " + chain_file);
  }
  ERR_clear_error();  // the end of the file is an entry, too
  if (const UniqueBio bio(BIO_new_file(key_file.c_str(), "r")); bio) {
    identity->key_.reset(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, no_password));
  }
  if (!identity->key_) {
    return openssl_error(Code::bad_argument, "cannot read a key without password from " + key_file);
  }
  if (X509_check_private_key(identity->certificate_.get(), identity->key_.get()) != 1) {
    return openssl_error(Code::bad_argument, key_file + " is not the key of " + chain_file);
  }
  return std::shared_ptr<const ClientIdentity>(identity);
}

ClientIdentity::~ClientIdentity() { sk_X509_pop_free(chain_, X509_free); }

Result<void> ClientIdentity::install(SSL* ssl) const {
  if (SSL_use_cert_and_key(ssl, certificate_.get(), key_.get(), chain_, 1) != 1) {
    return openssl_error(Code::internal, "cannot install a client certificate");
  }
  return {};
}

Result<UniqueSsl> new_upstream(SSL_CTX* ctx, const UpstreamName& name) {
  const std::string host(without_trailing_dot(name.host));
  if (host.empty()) return Error{Code::bad_argument, "no host name to verify the provider by"};
  UniqueSsl ssl(SSL_new(ctx));
  if (!ssl) return openssl_error(Code::resource, "cannot make a TLS connection");
  SSL_set_connect_state(ssl.get());
  SSL_set_hostflags(ssl.get(),
                    X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  const bool named =
      address_octets(host)
          ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl.get()), host.c_str()) == 1
          : SSL_set1_host(ssl.get(), host.c_str()) == 1 &&
                SSL_set_tlsext_host_name(ssl.get(), host.c_str()) == 1;
  if (!named) return openssl_error(Code::bad_argument, "the provider's name cannot be verified");
  if (name.require_tls13 && SSL_set_min_proto_version(ssl.get(), TLS1_3_VERSION) != 1) {
    return openssl_error(Code::internal, "cannot require TLS 1.3");
  }
  if (name.identity) {
    if (auto installed = name.identity->install(ssl.get()); !installed) return installed.error();
  }
  return ssl;
}

}  // namespace llmrec::tls
