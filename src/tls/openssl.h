// Owners for OpenSSL's objects, and OpenSSL's codes in words.
// Knows no policy. Any thread; the error queue is OpenSSL's, one per thread.
#pragma once

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace llmrec::tls {

template <auto F>
struct Freed {
  template <class T>
  void operator()(T* p) const noexcept {
    F(p);
  }
};

using UniqueSslCtx = std::unique_ptr<SSL_CTX, Freed<SSL_CTX_free>>;
using UniqueSsl = std::unique_ptr<SSL, Freed<SSL_free>>;
using UniqueX509 = std::unique_ptr<X509, Freed<X509_free>>;
using UniqueKey = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using UniqueMdCtx = std::unique_ptr<EVP_MD_CTX, Freed<EVP_MD_CTX_free>>;
using UniqueBio = std::unique_ptr<BIO, Freed<BIO_free_all>>;

// Once, before any key is made: a locked, guarded heap of limits::kSecureHeapOctets for private
// keys. False where the system grants none (RLIMIT_MEMLOCK); keys then live in the ordinary heap.
bool init_secure_heap();

// The reason text of the oldest entry of this thread's queue, static; clears the queue.
std::string_view take_reason();

// Takes the oldest entry of this thread's queue and clears the rest. `what` begins the sentence.
// Only OpenSSL's fixed reason texts, never data of a peer.
Error openssl_error(Code, std::string_view what);

// "X509_V_ERR_CERT_HAS_EXPIRED"; "X509_V_ERR_<number>" for one that this list does not have.
std::string verify_error_name(long);

// RFC 8446 §6, RFC 5246 §7.2: "unknown_ca"; "alert_<number>" for the unassigned.
std::string alert_name(int description);

}  // namespace llmrec::tls
