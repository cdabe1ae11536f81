// The two-tier certificate authority: a root that signs one intermediate and whose key is then
// destroyed, and the intermediate, held by critical name constraints to the recorded hosts, so that
// a stolen key signs for nobody else (profile: constrained roots are ignored by Java, constrained
// intermediates by none of nine clients).
// Does not know which hosts are recorded, nor the clock: seconds since 1970 come as arguments.
// An Authority does not change; const use from any thread. Files are the caller's at start-up.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "tls/openssl.h"

namespace llmrec::tls {

class Authority {
 public:
  // `hosts`: names and globs. "api.openai.com" permits itself and what is below it; "*.x.y" and
  // "a*.x.y" permit x.y and below. `ip_literals`: addresses without brackets, each permitted alone;
  // without one, all addresses of that family are excluded. bad_argument where a glob would permit
  // a whole top-level domain, or where nothing is left to permit.
  static Result<Authority> create(const std::vector<std::string>& hosts,
                                  const std::vector<std::string>& ip_literals,
                                  std::int64_t unix_seconds);

  // not_found: no CA there yet. permission: somebody else can read it (the text says what to do).
  // corrupt: the files do not belong together, e.g. after a crash in save().
  static Result<Authority> load(const std::string& dir);

  // Makes `dir` (0700) where it is missing; intermediate.key 0600; each file by O_EXCL and rename,
  // the list of hosts last.
  Result<void> save(const std::string& dir) const;

  // load(), or create() and save() where there is none, it is damaged or expired, or it was made
  // for another list: what `llmrec serve` does at start. Two processes that start together agree on
  // one CA (a lock on the directory). `created` may be null.
  static Result<Authority> open(const std::string& dir, const std::vector<std::string>& hosts,
                                const std::vector<std::string>& ip_literals,
                                std::int64_t unix_seconds, bool* created);

  // Made for exactly these hosts: a changed list, narrower ones too, asks for a new CA.
  bool made_for(const std::vector<std::string>& hosts,
                const std::vector<std::string>& ip_literals) const;
  // A leaf for this name or address literal would pass the constraints.
  bool permits(std::string_view host) const;
  bool valid_at(std::int64_t unix_seconds) const;
  std::int64_t expires_at() const;  // seconds since 1970; the first of the two to expire
  // Sorted: "dns:api.openai.com", "ip:10.0.0.7".
  const std::vector<std::string>& permitted() const { return permitted_; }

  std::string root_pem() const;
  std::string chain_pem() const;         // the intermediate, then the root
  std::string root_fingerprint() const;  // SHA-256, "AB:CD:..."

  X509* root() const { return root_.get(); }
  X509* intermediate() const { return intermediate_.get(); }
  EVP_PKEY* intermediate_key() const { return key_.get(); }

 private:
  Authority() = default;

  UniqueX509 root_;
  UniqueX509 intermediate_;
  UniqueKey key_;
  std::vector<std::string> permitted_;
};

// The system's bundle of roots: `ssl_cert_file` (the value of SSL_CERT_FILE) where it is not empty,
// else the first that exists of the places of Debian, Fedora, Alpine, macOS. Empty: none found.
std::string find_system_bundle(std::string_view ssl_cert_file);

// The union of the system's roots and ours, 0644, in place at once or not at all.
// An empty `system_bundle_path` leaves ours alone in the file.
Result<void> write_bundle(const std::string& path, const std::string& system_bundle_path,
                          std::string_view root_pem);

}  // namespace llmrec::tls
