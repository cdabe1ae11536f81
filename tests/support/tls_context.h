// Makes OpenSSL contexts for both ends of a test connection. Throws std::runtime_error.
#pragma once

#include <string>
#include <vector>

#include "support/handles.h"
#include "support/test_ca.h"

namespace llmrec::support {

struct ServerTls {
  Leaf leaf = {};
  int min_version = TLS1_2_VERSION;  // below TLS 1.2 the security level is lowered as well
  int max_version = TLS1_3_VERSION;
  std::vector<std::string> alpn = {"http/1.1"};  // in order of preference; empty: no ALPN
  bool refuse_other_alpn = false;                // alert no_application_protocol (RFC 7301 §3.2)
  enum class ClientCertificate { no, wanted, required } client_certificate = ClientCertificate::no;
  std::string client_ca_pem = {};  // who must have issued the client's
};

struct ClientTls {
  std::string ca_file = {};  // empty: whoever answers is believed
  std::string name = {};     // SNI, and the name that is verified; empty: neither
  std::vector<std::string> alpn = {"http/1.1"};
  int min_version = TLS1_2_VERSION;
  int max_version = TLS1_3_VERSION;
  std::string certificate_file = {};  // of the client
  std::string key_file = {};
};

// The length-prefixed list of RFC 7301 §3.1.
std::string alpn_wire(const std::vector<std::string>&);

// What a Conn learns from callbacks; it is the app data of its SSL.
struct TlsFacts {
  std::string sni;                        // server side: what the client asked for
  std::vector<std::string> alpn_offered;  // server side
  std::string alpn;                       // what was agreed
  std::string version;                    // "TLSv1.3"
  std::string client_certificate;         // server side: the subject's CN
  int alert_received = -1;                // the last alert but close_notify; -1: none
  int alert_sent = -1;
};

// On the heap, because the callbacks of the context hold its address.
struct ServerContext {
  std::string alpn;
  bool refuse_other_alpn = false;
  SslCtxPtr context;
};
std::unique_ptr<ServerContext> make_server_context(const ServerTls&);
SslCtxPtr make_client_context(const ClientTls&);

}  // namespace llmrec::support
