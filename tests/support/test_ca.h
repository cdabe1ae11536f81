// A certificate authority for tests, made anew at each start: checked-in certificates expire.
// P-256 throughout. The extensions are those that the strictest client in use (Python 3.13 with
// VERIFY_X509_STRICT) asks for: SKI, AKI, critical basicConstraints and keyUsage (RFC 5280 §4.2.1).
// Knows nothing of sockets. One thread. Throws std::runtime_error when OpenSSL fails.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "support/handles.h"

namespace llmrec::support {

enum class LeafKind {
  good,
  expired,        // ended an hour ago
  not_yet_valid,  // begins in a day
  wrong_host,     // fine, but for wrong.invalid
  self_signed,    // right names, its own issuer
  untrusted,      // right names, issued by a CA of the same name that nobody trusts
  client_only,    // extendedKeyUsage clientAuth: no server may show it; good as a client's
  bad_issuer,     // issued by a leaf (CA:FALSE) that is in the chain
};

struct Leaf {
  std::string chain_pem;  // the leaf first; never the root
  std::string key_pem;
};

class TestCa {
 public:
  // Writes DIR/ca.pem, the root's certificate. The key never touches the disk.
  explicit TestCa(std::filesystem::path dir);

  const std::string& pem() const { return pem_; }
  std::string file() const { return (dir_ / "ca.pem").string(); }

  // Names become DNS or, where they are address literals, IP subject alternative names.
  Leaf leaf(LeafKind, const std::vector<std::string>& names) const;

  struct Files {
    std::string chain, key;
  };
  Files write(const Leaf&, const std::string& stem) const;  // DIR/STEM.pem, DIR/STEM.key (0600)

 private:
  std::filesystem::path dir_;
  PkeyPtr key_;
  X509Ptr certificate_;
  std::string pem_;
};

}  // namespace llmrec::support
