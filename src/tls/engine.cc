#include "tls/engine.h"

#include <openssl/bio.h>
#include <openssl/err.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace llmrec::tls {
namespace {

constexpr std::size_t kFirstCapacity = 64 * 1024;
constexpr std::uint8_t kCertificateRequest = 13;
constexpr std::uint8_t kKeyUpdate = 24;

// What the BIO reads and writes during one call. Between calls it has nothing.
struct Io {
  Bytes in;
  CipherOut* out;
  bool over_mark = false;
};

int bio_read(BIO* bio, char* data, std::size_t size, std::size_t* read) noexcept {
  BIO_clear_retry_flags(bio);
  auto* io = static_cast<Io*>(BIO_get_data(bio));
  if (io == nullptr || io->in.empty()) {
    BIO_set_retry_read(bio);
    return 0;
  }
  *read = std::min(size, io->in.size());
  std::memcpy(data, io->in.data(), *read);
  io->in.remove_prefix(*read);
  return 1;
}

int bio_write(BIO* bio, const char* data, std::size_t size, std::size_t* written) noexcept {
  BIO_clear_retry_flags(bio);
  auto* io = static_cast<Io*>(BIO_get_data(bio));
  if (io == nullptr || io->out == nullptr) return 0;
  if (!io->out->append(data, size)) {
    io->over_mark = true;
    return 0;
  }
  *written = size;
  return 1;
}

long bio_ctrl(BIO*, int command, long, void*) noexcept { return command == BIO_CTRL_FLUSH ? 1 : 0; }

int bio_create(BIO* bio) noexcept {
  BIO_set_init(bio, 1);
  return 1;
}

const BIO_METHOD* bio_method() {
  using UniqueMethod = std::unique_ptr<BIO_METHOD, Freed<BIO_meth_free>>;
  static const UniqueMethod method = [] {
    UniqueMethod m(BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "llmrec spans"));
    if (m) {
      BIO_meth_set_read_ex(m.get(), bio_read);
      BIO_meth_set_write_ex(m.get(), bio_write);
      BIO_meth_set_ctrl(m.get(), bio_ctrl);
      BIO_meth_set_create(m.get(), bio_create);
    }
    return m;
  }();
  return method.get();
}

}  // namespace

bool OctetBuffer::append(const char* data, std::size_t octets) {
  char* space = prepare(octets);
  if (space == nullptr) return false;
  std::memcpy(space, data, octets);
  commit(octets);
  return true;
}

char* OctetBuffer::prepare(std::size_t octets) {
  if (octets > room()) return nullptr;
  if (octets > capacity_ - size_) {
    const std::size_t wanted =
        std::min(hard_mark_, std::max({kFirstCapacity, capacity_ * 2, size_ + octets}));
    std::unique_ptr<char[]> larger(new (std::nothrow) char[wanted]);
    if (!larger) return nullptr;
    if (size_ > 0) std::memcpy(larger.get(), data_.get(), size_);
    data_ = std::move(larger);
    capacity_ = wanted;
  }
  return data_.get() + size_;
}

// Lends the caller's buffers and our facts to OpenSSL for the time of one call.
class Engine::Call {
 public:
  Call(Engine& engine, Bytes in, CipherOut* out) : engine_(engine), io_{in, out} {
    BIO_set_data(SSL_get_rbio(engine.ssl_.get()), &io_);
    SSL_set_msg_callback_arg(engine.ssl_.get(), &engine.facts_);
    ERR_clear_error();
  }
  ~Call() {
    BIO_set_data(SSL_get_rbio(engine_.ssl_.get()), nullptr);
    SSL_set_msg_callback_arg(engine_.ssl_.get(), nullptr);
  }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  bool over_mark() const { return io_.over_mark; }
  std::size_t unread() const { return io_.in.size(); }

 private:
  Engine& engine_;
  Io io_;
};

Engine::Engine(UniqueSsl ssl, Role role) : ssl_(std::move(ssl)), role_(role) {
  BIO* bio = bio_method() == nullptr ? nullptr : BIO_new(bio_method());
  if (!ssl_ || bio == nullptr) {
    fail("out of memory");
    return;
  }
  SSL_set_bio(ssl_.get(), bio, bio);
  SSL_set_msg_callback(ssl_.get(), on_message);
}

// Alerts and handshake messages as they pass, in clear: OpenSSL has no other place that tells the
// alert that was received, or that a client certificate was asked for when there is one.
void Engine::on_message(int write_p, int, int content_type, const void* buf, std::size_t size, SSL*,
                        void* arg) noexcept {
  auto* facts = static_cast<Facts*>(arg);
  const auto* octets = static_cast<const unsigned char*>(buf);
  if (facts == nullptr) return;
  if (content_type == SSL3_RT_ALERT && size == 2 && octets[1] != SSL_AD_CLOSE_NOTIFY) {
    (write_p != 0 ? facts->alert_sent : facts->alert_received) = octets[1];
  }
  if (content_type == SSL3_RT_HANDSHAKE && size > 0 && write_p == 0) {
    if (octets[0] == kCertificateRequest) facts->client_certificate_requested = true;
    if (octets[0] == kKeyUpdate) ++facts->key_updates;
  }
}

EngineStatus Engine::fail(std::string_view why) {
  if (!failed_) failure_ = why.empty() ? "TLS failed" : why;
  failed_ = true;
  ERR_clear_error();
  return EngineStatus::failed;
}

EngineStatus Engine::after(int ret, const Call& call) {
  switch (SSL_get_error(ssl_.get(), ret)) {
    case SSL_ERROR_WANT_READ:
      return EngineStatus::ok;
    case SSL_ERROR_ZERO_RETURN:
      facts_.received_close_notify = true;
      return EngineStatus::closed;
    default:
      break;
  }
  if (call.over_mark()) return fail("the output is over its mark");
  return fail(take_reason());
}

EngineStatus Engine::start(CipherOut& out) {
  if (failed_) return EngineStatus::failed;
  if (role_ == Role::client_facing || facts_.handshake_complete) return EngineStatus::ok;
  const Call call(*this, {}, &out);
  return after(SSL_do_handshake(ssl_.get()), call);
}

EngineStatus Engine::feed(Bytes cipher, PlainOut& plain, CipherOut& out) {
  if (failed_) return EngineStatus::failed;
  if (facts_.received_close_notify) return EngineStatus::closed;
  const Call call(*this, cipher, &out);
  auto done = EngineStatus::ok;
  if (!facts_.handshake_complete) {
    if (const int ret = SSL_do_handshake(ssl_.get()); ret != 1) return after(ret, call);
    facts_.handshake_complete = true;
    done = EngineStatus::handshake_done;
  }
  while (true) {
    // A record gives at most this much, and SSL_read never more than one record.
    const std::size_t space = std::min(kRecordOctets, plain.room());
    char beyond = 0;  // a full buffer is an error only if there is more to come
    char* into = space > 0 ? plain.prepare(space) : &beyond;
    if (into == nullptr) return fail("out of memory");
    std::size_t n = 0;
    ERR_clear_error();
    const int ret = SSL_read_ex(ssl_.get(), into, std::max<std::size_t>(space, 1), &n);
    if (ret != 1) {
      const EngineStatus status = after(ret, call);
      return status == EngineStatus::ok ? done : status;
    }
    if (space == 0) return fail("the plain text is over its mark");
    plain.commit(n);
    // Another SSL_read would only find that there is nothing left.
    if (call.unread() == 0 && SSL_has_pending(ssl_.get()) == 0) return done;
  }
}

// OpenSSL is not told: it would answer with an alert and refuse to write any more, while the other
// direction may well go on. Its words for the case changed between versions, too.
EngineStatus Engine::feed_eof() {
  if (failed_) return EngineStatus::failed;
  return facts_.received_close_notify ? EngineStatus::closed : EngineStatus::truncated;
}

bool Engine::write(Bytes plain, CipherOut& out) {
  if (failed_ || !facts_.handshake_complete || facts_.sent_close_notify) return false;
  const Call call(*this, {}, &out);
  while (!plain.empty()) {
    std::size_t n = 0;
    ERR_clear_error();
    if (const int ret = SSL_write_ex(ssl_.get(), plain.data(), plain.size(), &n); ret != 1) {
      // The BIO never asks to wait, so every status but a success is a failure.
      if (after(ret, call) != EngineStatus::failed) fail("a write was not taken");
      return false;
    }
    plain.remove_prefix(n);
  }
  return true;
}

void Engine::close_notify(CipherOut& out) {
  if (failed_ || !facts_.handshake_complete || facts_.sent_close_notify) return;
  const Call call(*this, {}, &out);
  facts_.sent_close_notify = true;
  if (SSL_shutdown(ssl_.get()) < 0)
    fail(call.over_mark() ? "the output is over its mark" : take_reason());
}

void Engine::append_clear_alert(int description, CipherOut& out) {
  // RFC 8446 §5.1, §6: alert, legacy_record_version 1.2, two octets, fatal.
  const char record[] = {21, 3, 3, 0, 2, 2, static_cast<char>(description)};
  out.append(record, sizeof record);
}

std::string Engine::alert_received() const {
  return facts_.alert_received < 0 ? std::string() : alert_name(facts_.alert_received);
}

std::string Engine::alert_sent() const {
  return facts_.alert_sent < 0 ? std::string() : alert_name(facts_.alert_sent);
}

bool Engine::peer_distrusts_us() const {
  switch (facts_.alert_received) {
    case SSL_AD_BAD_CERTIFICATE:
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
    case SSL_AD_CERTIFICATE_EXPIRED:
    case SSL_AD_CERTIFICATE_UNKNOWN:
    case SSL_AD_UNKNOWN_CA:
      return true;
    default:
      return false;
  }
}

long Engine::verify_result() const { return ssl_ ? SSL_get_verify_result(ssl_.get()) : X509_V_OK; }

std::string Engine::verify_error_name() const { return tls::verify_error_name(verify_result()); }

std::string_view Engine::version() const { return ssl_ ? SSL_get_version(ssl_.get()) : ""; }

std::string_view Engine::cipher() const {
  const char* name = ssl_ ? SSL_get_cipher_name(ssl_.get()) : nullptr;
  return name == nullptr || !facts_.handshake_complete ? std::string_view() : name;
}

std::string_view Engine::alpn() const {
  const unsigned char* name = nullptr;
  unsigned int size = 0;
  if (ssl_) SSL_get0_alpn_selected(ssl_.get(), &name, &size);
  return {reinterpret_cast<const char*>(name), size};
}

}  // namespace llmrec::tls
