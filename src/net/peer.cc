#include "net/peer.h"

#include "net/loop.h"

namespace llmrec::net {

using tls::EngineStatus;

bool Peer::send_raw(Bytes octets) {
  if (write_failed || !socket_.is_open()) return false;
  if (queue_.empty() && !octets.empty()) {
    const IoResult r = socket_.send(octets);
    if (r.io == Io::reset) {
      write_failed = true;
      return false;
    }
    octets.remove_prefix(r.octets);
  }
  if (!octets.empty()) queue_.append(octets);
  return true;
}

bool Peer::send_plain(Bytes octets) {
  if (!tls_) return send_raw(octets);
  tls::CipherOut& out = loop_.cipher_scratch();
  out.clear();
  if (!tls_->write(octets, out)) return false;
  return send_raw(out.view());
}

bool Peer::flush() {
  while (!queue_.empty()) {
    const IoResult r = socket_.send(queue_.front());
    if (r.io == Io::again) return true;
    if (r.io == Io::reset) {
      write_failed = true;
      queue_.clear();
      return false;
    }
    queue_.drop(r.octets);
  }
  return true;
}

void Peer::send_notify() {
  if (!tls_) return;
  tls::CipherOut& out = loop_.cipher_scratch();
  out.clear();
  tls_->close_notify(out);
  if (!out.empty()) send_raw(out.view());
}

bool Peer::start_tls() {
  tls::CipherOut& out = loop_.cipher_scratch();
  out.clear();
  return tls_->start(out) != EngineStatus::failed && send_raw(out.view());
}

Peer::Plain Peer::decrypt(Bytes cipher) {
  tls::CipherOut& out = loop_.cipher_scratch();
  tls::PlainOut& plain = loop_.plain_scratch();
  out.clear();
  plain.clear();
  Plain result;
  result.status = tls_->feed(cipher, plain, out);
  if (!out.empty()) result.sent = send_raw(out.view());
  result.octets = plain.view();
  return result;
}

}  // namespace llmrec::net
