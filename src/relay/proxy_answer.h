// The head of a proxy's answer to our CONNECT (RFC 9110 §9.3.6): whether the way is free, and where
// the tunnel's octets begin. Any split of the input gives the same result. Keeps the status alone.
// Owner: whoever dials through a proxy. Pure; one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/bytes.h"

namespace llmrec::relay {

class ProxyAnswer {
 public:
  enum class State : std::uint8_t { need_more, granted, refused, malformed };
  // `consumed`: octets of the head; what follows them is the tunnel's. 1xx heads are passed over.
  State feed(Bytes, std::size_t& consumed);
  int status() const { return status_; }  // refused: 300 to 599

 private:
  State take(char);

  std::string line_;
  std::size_t octets_ = 0;
  int status_ = 0;
  State state_ = State::need_more;
  bool has_status_ = false;
};

}  // namespace llmrec::relay
