// One side's TLS: cipher octets in, plain octets out, and back. Sans I/O: it reads from the
// caller's span and writes to the caller's buffers, so that an idle connection holds no buffers.
// Knows neither sockets nor the clock nor policy (tls/context.h). Owner: one end of a session.
// One thread. After `failed` it takes and gives nothing more.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/limits.h"
#include "tls/openssl.h"

namespace llmrec::tls {

// A growing buffer that is used again and again: clear() keeps the memory. The loop owns one of
// each kind and lends it to every engine call. Past its hard mark it refuses.
class OctetBuffer {
 public:
  explicit OctetBuffer(std::size_t hard_mark_octets) : hard_mark_(hard_mark_octets) {}

  Bytes view() const { return {data_.get(), size_}; }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  std::size_t room() const { return hard_mark_ - size_; }  // up to the hard mark
  void clear() { size_ = 0; }

  bool append(const char*, std::size_t);  // false, and nothing appended, past the hard mark
  // Space for `octets` behind the end; nullptr past the hard mark. commit() makes them count.
  char* prepare(std::size_t octets);
  void commit(std::size_t octets) { size_ += octets; }

 private:
  std::unique_ptr<char[]> data_;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
  std::size_t hard_mark_;
};

class CipherOut final : public OctetBuffer {
 public:
  explicit CipherOut(std::size_t hard_mark = limits::kTlsBufferOctets) : OctetBuffer(hard_mark) {}
};
class PlainOut final : public OctetBuffer {
 public:
  explicit PlainOut(std::size_t hard_mark = limits::kTlsBufferOctets) : OctetBuffer(hard_mark) {}
};

enum class Role { client_facing, upstream };

// Of several, the last in this order wins; the facts below tell the others.
enum class EngineStatus {
  ok,              // wants more input
  handshake_done,  // once: the handshake was completed in this call
  closed,          // close_notify has come; writing still works
  truncated,       // the peer's FIN came without close_notify; writing still works
  failed,          // `out` may hold an alert that is owed to the peer
};

class Engine {
 public:
  Engine(UniqueSsl, Role);
  Engine(Engine&&) noexcept = default;
  Engine& operator=(Engine&&) noexcept = default;

  // Upstream role: appends the ClientHello. Client-facing: nothing to do, ok.
  EngineStatus start(CipherOut& out);

  // Takes all of `cipher`. Appends what it decrypts to `plain`: at most cipher.size() plus one
  // record (16 KiB) of which the beginning came earlier. Appends what TLS itself has to say
  // (handshake, alert, KeyUpdate) to `out`. What comes after close_notify is dropped (RFC 8446
  // §6.1).
  EngineStatus feed(Bytes cipher, PlainOut& plain, CipherOut& out);

  // The peer's FIN: closed after close_notify, else truncated; failed stays failed.
  EngineStatus feed_eof();

  // Encrypts all of `plain`. False: not connected yet, close_notify sent, failed, or past the hard
  // mark of `out` (then the stream is damaged and the engine failed). Upstream, nothing is ever
  // encrypted before the peer is verified.
  bool write(Bytes plain, CipherOut& out);
  // What write() may append at most.
  static constexpr std::size_t cipher_octets_for(std::size_t plain_octets) {
    return plain_octets + (plain_octets / kRecordOctets + 1) * kRecordOverhead + kRecordOverhead;
  }

  void close_notify(CipherOut& out);  // idempotent; nothing before the handshake or after a failure

  // A fatal alert in clear, for a client to which nothing has been sent yet.
  static void append_clear_alert(int description, CipherOut& out);

  bool handshake_complete() const { return facts_.handshake_complete; }
  bool received_close_notify() const { return facts_.received_close_notify; }
  bool sent_close_notify() const { return facts_.sent_close_notify; }
  bool failed() const { return failed_; }

  // RFC 8446 names ("unknown_ca"), empty where there was none. close_notify does not count.
  std::string alert_received() const;
  std::string alert_sent() const;
  // The peer said that it does not trust our certificate (bad_certificate, unknown_ca, ...).
  bool peer_distrusts_us() const;

  long verify_result() const;             // X509_V_OK where nothing failed or was verified
  std::string verify_error_name() const;  // "X509_V_OK", "X509_V_ERR_HOSTNAME_MISMATCH"
  // OpenSSL's fixed text for what failed ("wrong version number"); empty unless failed.
  std::string_view failure() const { return failure_; }

  std::string_view version() const;  // "TLSv1.3"
  std::string_view cipher() const;   // "TLS_AES_128_GCM_SHA256"
  std::string_view alpn() const;     // "http/1.1", empty where none was agreed
  bool client_certificate_requested() const { return facts_.client_certificate_requested; }

  // KeyUpdate messages of the peer, for the session to bound.
  std::uint64_t key_updates() const { return facts_.key_updates; }

 private:
  static constexpr std::size_t kRecordOctets = 16384;
  static constexpr std::size_t kRecordOverhead = 64;  // header, nonce, tag; a KeyUpdate reply

  struct Facts {
    bool handshake_complete = false;
    bool received_close_notify = false;
    bool sent_close_notify = false;
    bool client_certificate_requested = false;
    int alert_received = -1;
    int alert_sent = -1;
    std::uint64_t key_updates = 0;
  };
  class Call;

  static void on_message(int write_p, int version, int content_type, const void* buf,
                         std::size_t size, SSL*, void* arg) noexcept;
  EngineStatus after(int ret, const Call&);  // of an SSL call that did not succeed
  EngineStatus fail(std::string_view why);

  UniqueSsl ssl_;
  Role role_;
  bool failed_ = false;
  std::string_view failure_;  // static text
  Facts facts_;
};

}  // namespace llmrec::tls
