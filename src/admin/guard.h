// Who may ask: a web page that somebody opens must not be able to read this port or to write to it,
// neither by a name of its own that leads here (DNS rebinding) nor by a form. Pure; any thread.
#pragma once

#include <string>

#include "admin/http.h"
#include "relay/destination.h"

namespace llmrec::admin {

class Guard {
 public:
  // `listen`: the address that we listen on.
  explicit Guard(const relay::IpAddress& listen);

  // Whether the Host field is one that leads here: localhost, a loopback address or the one that we
  // listen on, with any port, as ports get forwarded. Where we listen on all addresses every
  // address will do: a name is what rebinding needs.
  bool knows_host(Bytes host) const;

  // Whether a request that changes something comes from no page, or from ours.
  static bool may_write(const Request&);

 private:
  relay::IpAddress listen_;
  bool any_ = false;
};

}  // namespace llmrec::admin
