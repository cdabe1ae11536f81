// The heads that strangers send before a relay begins: to the proxy port, and from a proxy.
// Octets: 0 which, 1 the cut, then the head.
#include "relay/connect.h"

#include "base/limits.h"
#include "fuzz/fuzz.h"
#include "relay/destination.h"
#include "relay/proxy_answer.h"

using namespace llmrec;
using namespace llmrec::relay;

namespace {

void check(const Authority& to) {
  LLMREC_PROMISE(!to.host.empty() && to.port != 0);
  for (const std::string& host : {to.host, to.dial_host}) {
    LLMREC_PROMISE(host.find_first_of(Bytes("\r\n\0 @/?#[]%\\", 11)) == std::string::npos);
  }
  LLMREC_PROMISE(to.host_is_ip == parse_ip_literal(to.host).has_value());
  LLMREC_PROMISE(!is_odd_address_literal(to.host));
  Authority again;
  LLMREC_PROMISE(parse_authority(to.text(), 0, again).empty());
  LLMREC_PROMISE(again.host == to.host && again.port == to.port);
}

std::string connect(Bytes octets, fuzz::Cut how) {
  ConnectParser parser;
  ConnectState state = ConnectState::need_more;
  std::size_t used = 0;
  fuzz::in_pieces(octets, how, [&](Bytes piece) {
    std::size_t consumed = 0;
    const bool over = state != ConnectState::need_more;
    state = parser.feed(piece, consumed);
    LLMREC_PROMISE(consumed <= piece.size() && (!over || consumed == 0));
    used += consumed;
  });
  LLMREC_PROMISE(used <= limits::kConnectHeadOctets + 1);
  LLMREC_PROMISE((state == ConnectState::refuse) == (parser.refuse_status() != 0));
  std::string out = std::to_string(static_cast<int>(state)) + " " + std::to_string(used) + " " +
                    std::to_string(parser.refuse_status()) + std::string(parser.refuse_reason());
  if (state == ConnectState::ready) {
    check(parser.request().to);
    LLMREC_PROMISE(parser.request().user.size() <= 64);
    LLMREC_PROMISE(octets.substr(0, used).ends_with('\n'));
    out += parser.request().to.text() + parser.request().to.dial_host + parser.request().user +
           std::to_string(parser.request().minor_version);
  }
  if (state == ConnectState::forward) LLMREC_PROMISE(parser.head() == octets.substr(0, used));
  return out;
}

std::string answer(Bytes octets, fuzz::Cut how) {
  ProxyAnswer parser;
  ProxyAnswer::State state = ProxyAnswer::State::need_more;
  std::size_t used = 0;
  fuzz::in_pieces(octets, how, [&](Bytes piece) {
    if (state != ProxyAnswer::State::need_more) return;
    std::size_t consumed = 0;
    state = parser.feed(piece, consumed);
    LLMREC_PROMISE(consumed <= piece.size());
    LLMREC_PROMISE(state != ProxyAnswer::State::need_more || consumed == piece.size());
    used += consumed;
  });
  const bool refused = state == ProxyAnswer::State::refused;
  if (refused) LLMREC_PROMISE(parser.status() >= 300 && parser.status() <= 599);
  return std::to_string(static_cast<int>(state)) + " " +
         (state == ProxyAnswer::State::granted ? std::to_string(used) : "") + " " +
         (refused ? std::to_string(parser.status()) : "");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(fuzz::bytes(data, size));
  const bool of_proxy = (input.byte() & 1U) != 0;
  const fuzz::Cut cut = input.byte();
  fuzz::same_in_every_cut(cut, [&](fuzz::Cut how) {
    return of_proxy ? answer(input.rest(), how) : connect(input.rest(), how);
  });
  return 0;
}
