// A ClientHello as it comes, and the same message in records of another size. Octets: 0 the cut,
// 1 the size of the records, then what a client sends.
#include "relay/hello.h"

#include "base/limits.h"
#include "fuzz/fuzz.h"

using namespace llmrec;
using namespace llmrec::relay;

namespace {

std::string text(const ClientHello& h) {
  std::string out = h.sni + " ";
  for (const std::string& name : h.alpn) out += name + ",";
  for (const bool b :
       {h.has_sni, h.has_alpn, h.alpn_http1, h.alpn_h2, h.ech, h.tls13, h.tls13_only}) {
    out += b ? '1' : '0';
  }
  return out + " " + std::to_string(h.legacy_version);
}

void check(const ClientHello& h) {
  LLMREC_PROMISE(h.alpn.size() <= limits::kHelloAlpnNames);
  LLMREC_PROMISE(h.sni.size() <= 255);
  for (const char c : h.sni) LLMREC_PROMISE(is_printable_ascii(c) && c == ascii_lower(c));
  for (const std::string& name : h.alpn) {
    for (const char c : name) LLMREC_PROMISE(is_printable_ascii(c));
  }
  why_not_ours(h, "api.openai.com");
}

struct Look {
  HelloState state = HelloState::need_more;
  std::string hello;
  std::size_t wire = 0;
};

Look look(Bytes octets, fuzz::Cut how) {
  HelloPeek peek;
  Look l;
  std::size_t seen = 0;
  fuzz::in_pieces(octets, how, [&](Bytes piece) {
    if (l.state != HelloState::need_more) return;
    // The octets lie in another place every time, as in a buffer that grows.
    const std::string so_far(octets.substr(0, seen += piece.size()));
    l.state = peek.look(so_far);
  });
  if (l.state == HelloState::ready) {
    check(peek.hello());
    l.hello = text(peek.hello());
    l.wire = peek.wire_octets();
    LLMREC_PROMISE(l.wire <= octets.size() && l.wire <= limits::kClientHelloOctets);
  }
  return l;
}

// The handshake octets of the records up to `wire`, in records of `size`.
std::string again(Bytes octets, std::size_t size) {
  std::string message;
  for (Bytes rest = octets; rest.size() >= 5;) {
    const std::size_t n = static_cast<std::size_t>(static_cast<unsigned char>(rest[3])) << 8 |
                          static_cast<unsigned char>(rest[4]);
    message += rest.substr(5, n);
    rest.remove_prefix(std::min(5 + n, rest.size()));
  }
  std::string out;
  for (Bytes rest = message; !rest.empty();) {
    const Bytes part = rest.substr(0, size);
    rest.remove_prefix(part.size());
    out += std::string("\x16\x03\x01") + static_cast<char>(part.size() >> 8) +
           static_cast<char>(part.size() & 0xffU);
    out += part;
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(fuzz::bytes(data, size));
  const fuzz::Cut cut = input.byte();
  const std::size_t record = 1 + input.byte();
  // Every look sees all so far, so the sum is quadratic here as it is not on a wire.
  const Bytes octets = input.rest().substr(0, 4096);
  Look whole;
  fuzz::same_in_every_cut(cut, [&](fuzz::Cut how) {
    const Look l = look(octets, how);
    if (how == fuzz::kWhole) whole = l;
    return std::to_string(static_cast<int>(l.state)) + " " + std::to_string(l.wire) + l.hello;
  });
  if (whole.state != HelloState::ready) return 0;
  const Look other = look(again(octets.substr(0, whole.wire), record), cut + 2);
  LLMREC_PROMISE(other.state == HelloState::ready);
  fuzz::expect_same(other.hello, whole.hello, "the same in records of another size");
  return 0;
}
