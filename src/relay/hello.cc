#include "relay/hello.h"

#include <algorithm>
#include <bitset>

#include "base/limits.h"
#include "relay/destination.h"

namespace llmrec::relay {
namespace {

constexpr std::size_t kRecordHeader = 5;
constexpr std::size_t kHandshakeHeader = 4;
constexpr std::size_t kRecordFragment = 16384;  // RFC 8446 §5.1
constexpr std::uint8_t kHandshake = 22;
constexpr std::uint8_t kClientHello = 1;

enum Extension : std::uint16_t {
  kServerName = 0,
  kAlpn = 16,
  kSupportedVersions = 43,
  kEncryptedClientHello = 0xfe0d,
};

std::uint8_t octet(Bytes b, std::size_t i) { return static_cast<std::uint8_t>(b[i]); }

// Reads vectors as RFC 8446 §3.4 writes them; once something is missing it stays failed.
class Reader {
 public:
  explicit Reader(Bytes b) : rest_(b) {}

  bool ok() const { return ok_; }
  bool at_end() const { return rest_.empty(); }
  std::uint32_t number(std::size_t octets) {
    std::uint32_t n = 0;
    for (const char c : take(octets)) n = (n << 8) | static_cast<std::uint8_t>(c);
    return n;
  }
  Bytes take(std::size_t n) {
    if (n > rest_.size()) {
      ok_ = false;
      rest_ = {};
      return {};
    }
    const Bytes b = rest_.substr(0, n);
    rest_.remove_prefix(n);
    return b;
  }
  Bytes vector(std::size_t length_octets) { return take(number(length_octets)); }

 private:
  Bytes rest_;
  bool ok_ = true;
};

bool read_server_name(Bytes body, ClientHello& out) {
  Reader r(body);
  Reader list(r.vector(2));
  if (!r.ok() || !r.at_end()) return false;
  const auto type = list.number(1);
  Bytes name = list.vector(2);
  // RFC 6066 §3: one name of each type, and host_name is the only type there is.
  if (!list.ok() || !list.at_end() || type != 0) return false;
  if (name.size() > 1 && name.back() == '.') name.remove_suffix(1);
  if (!is_hostname(name)) return false;
  out.sni.assign(name);
  for (char& c : out.sni) c = ascii_lower(c);
  out.has_sni = true;
  return true;
}

bool read_alpn(Bytes body, ClientHello& out) {
  Reader r(body);
  Reader list(r.vector(2));
  if (!r.ok() || !r.at_end() || list.at_end()) return false;  // RFC 7301 §3.1: at least one
  out.has_alpn = true;
  while (!list.at_end()) {
    const Bytes name = list.vector(1);
    if (!list.ok() || name.empty()) return false;
    if (name == "http/1.1" || name == "http/1.0") out.alpn_http1 = true;
    if (name == "h2") out.alpn_h2 = true;
    if (out.alpn.size() < limits::kHelloAlpnNames &&
        std::all_of(name.begin(), name.end(), is_printable_ascii)) {
      out.alpn.emplace_back(name);
    }
  }
  return true;
}

bool read_versions(Bytes body, ClientHello& out) {
  Reader r(body);
  Reader list(r.vector(1));
  if (!r.ok() || !r.at_end() || list.at_end()) return false;
  bool older = false;
  while (!list.at_end()) {
    const auto version = list.number(2);
    if (!list.ok()) return false;
    if (version == 0x0304) out.tls13 = true;
    if (version >= 0x0300 && version <= 0x0303) older = true;
  }
  out.tls13_only = out.tls13 && !older;
  return true;
}

bool read_extension(std::uint16_t type, Bytes body, ClientHello& out) {
  switch (type) {
    case kServerName:
      return read_server_name(body, out);
    case kAlpn:
      return read_alpn(body, out);
    case kSupportedVersions:
      return read_versions(body, out);
    case kEncryptedClientHello:
      out.ech = true;
      return true;
    default:
      return true;
  }
}

// `message` is the body behind the handshake header, complete.
bool read_hello(Bytes message, ClientHello& out) {
  Reader r(message);
  out.legacy_version = static_cast<std::uint16_t>(r.number(2));
  r.take(32);
  const Bytes session_id = r.vector(1);
  const Bytes suites = r.vector(2);
  const Bytes compressions = r.vector(1);
  if (!r.ok() || session_id.size() > 32 || suites.empty() || suites.size() % 2 != 0 ||
      compressions.empty()) {
    return false;
  }
  if (r.at_end()) return true;  // RFC 5246 §7.4.1.2: no extensions at all
  Reader extensions(r.vector(2));
  if (!r.ok() || !r.at_end()) return false;
  std::bitset<65536> seen;
  while (!extensions.at_end()) {
    const auto type = static_cast<std::uint16_t>(extensions.number(2));
    const Bytes body = extensions.vector(2);
    // Two of one kind could be read differently by us and by whoever gets the hello.
    if (!extensions.ok() || seen.test(type)) return false;
    seen.set(type);
    if (!read_extension(type, body, out)) return false;
  }
  return true;
}

}  // namespace

std::string_view why_not_ours(const ClientHello& hello, std::string_view host) {
  if (!hello.offers_http1()) return "http2";
  if (!hello.has_sni || hello.sni == host) return {};
  return hello.ech ? "ech" : "sni_mismatch";
}

HelloState HelloPeek::look(Bytes all) {
  if (state_ == HelloState::need_more) state_ = walk(all);
  return state_;
}

HelloState HelloPeek::walk(Bytes all) {
  while (true) {
    const Bytes record = all.size() > next_record_ ? all.substr(next_record_) : Bytes();
    const auto wrong = next_record_ == 0 ? HelloState::not_tls : HelloState::malformed;
    if (!record.empty() && octet(record, 0) != kHandshake) return wrong;
    if (record.size() > 1 && octet(record, 1) != 3) return wrong;
    if (record.size() < kRecordHeader) return HelloState::need_more;
    const std::size_t fragment = octet(record, 3) * std::size_t{256} + octet(record, 4);
    if (fragment == 0 || fragment > kRecordFragment) return wrong;
    if (next_record_ + kRecordHeader + fragment > limits::kClientHelloOctets) {
      return HelloState::malformed;
    }
    // The handshake header is judged as soon as it is there, not when its record is complete: a
    // peer that sends something else need not be waited for.
    const Bytes here = record.substr(kRecordHeader, fragment);
    for (std::size_t i = message_octets_; i < kHandshakeHeader; ++i) {
      if (i - message_octets_ >= here.size()) break;
      header_[i] = octet(here, i - message_octets_);
      if (i == 0 && header_[0] != kClientHello) return HelloState::malformed;
      if (i == 3) {
        message_size_ = kHandshakeHeader + header_[1] * std::size_t{65536} +
                        header_[2] * std::size_t{256} + header_[3];
        if (message_size_ > limits::kClientHelloOctets) return HelloState::malformed;
      }
    }
    if (here.size() < fragment) return HelloState::need_more;
    message_octets_ += fragment;
    next_record_ += kRecordHeader + fragment;
    if (message_size_ == 0 || message_octets_ < message_size_) continue;
    // RFC 8446 §5.1: nothing may follow the hello in its record, the client waits for an answer.
    if (message_octets_ > message_size_) return HelloState::malformed;

    std::string message;
    message.reserve(message_octets_);
    for (std::size_t at = 0; at < next_record_;) {
      const std::size_t n = octet(all, at + 3) * std::size_t{256} + octet(all, at + 4);
      message.append(all.substr(at + kRecordHeader, n));
      at += kRecordHeader + n;
    }
    return read_hello(Bytes(message).substr(kHandshakeHeader), hello_) ? HelloState::ready
                                                                       : HelloState::malformed;
  }
}

}  // namespace llmrec::relay
