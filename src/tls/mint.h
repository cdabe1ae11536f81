// Leaf certificates by host, signed by the Authority: one P-256 key for the life of the process,
// leaves of 24 hours (from one hour ago), made again at half life and after a jump of the clock,
// kept in a cache of limits::kMintCachedLeaves.
// Does not decide what may be opened; refuses what the Authority's constraints do not permit.
// Thread safe. Owner: the daemon.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/result.h"
#include "tls/ca.h"
#include "tls/openssl.h"

namespace llmrec::tls {

class Mint {
 public:
  static Result<std::unique_ptr<Mint>> create(Authority);

  // Installs leaf, key and chain on a client-facing SSL that has not begun its handshake.
  // `host`: a name (upper case and a trailing dot do not matter) or an address without brackets.
  // bad_argument: outside the constraints. A cached leaf costs 2 us, a new one 0.4 ms, under a
  // lock.
  Result<void> apply(SSL*, std::string_view host, std::int64_t unix_seconds);

  // The same leaf by itself, for tests and `llmrec ca show`.
  Result<UniqueX509> leaf(std::string_view given, std::int64_t unix_seconds);

  const Authority& authority() const { return authority_; }
  std::uint64_t minted() const;  // so far

 private:
  struct Leaf {
    std::string host;
    UniqueX509 certificate;
    std::int64_t minted_at = 0;
  };
  Mint(Authority, UniqueKey, STACK_OF(X509) *);
  Result<UniqueX509> mint(const std::string& host, std::int64_t unix_seconds) const;

  struct FreeStack {
    void operator()(STACK_OF(X509) * stack) const noexcept;
  };

  const Authority authority_;
  const UniqueKey key_;
  const std::unique_ptr<STACK_OF(X509), FreeStack> chain_;

  mutable std::mutex mutex_;
  std::list<Leaf> leaves_;  // the most recently used in front
  std::unordered_map<std::string_view, std::list<Leaf>::iterator> by_host_;  // keys: Leaf::host
  std::uint64_t minted_ = 0;
};

}  // namespace llmrec::tls
