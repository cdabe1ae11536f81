#include "tls/openssl.h"

#include <openssl/crypto.h>
#include <openssl/err.h>

#include "base/limits.h"

namespace llmrec::tls {

bool init_secure_heap() {
  if (CRYPTO_secure_malloc_initialized() == 1) return true;
  return CRYPTO_secure_malloc_init(limits::kSecureHeapOctets, 32) == 1;
}

std::string_view take_reason() {
  const char* text = ERR_reason_error_string(ERR_peek_error());
  ERR_clear_error();
  return text == nullptr ? std::string_view() : std::string_view(text);
}

Error openssl_error(Code code, std::string_view what) {
  std::string detail(what);
  if (const auto reason = take_reason(); !reason.empty()) {
    detail += ": ";
    detail += reason;
  }
  return {code, std::move(detail)};
}

std::string verify_error_name(long code) {
#define NAME(x) \
  case x:       \
    return #x
  // clang-format off
  switch (code) {
      NAME(X509_V_OK);
      NAME(X509_V_ERR_UNSPECIFIED);
      NAME(X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT);
      NAME(X509_V_ERR_UNABLE_TO_GET_CRL);
      NAME(X509_V_ERR_UNABLE_TO_DECRYPT_CERT_SIGNATURE);
      NAME(X509_V_ERR_UNABLE_TO_DECRYPT_CRL_SIGNATURE);
      NAME(X509_V_ERR_UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY);
      NAME(X509_V_ERR_CERT_SIGNATURE_FAILURE);
      NAME(X509_V_ERR_CRL_SIGNATURE_FAILURE);
      NAME(X509_V_ERR_CERT_NOT_YET_VALID);
      NAME(X509_V_ERR_CERT_HAS_EXPIRED);
      NAME(X509_V_ERR_CRL_NOT_YET_VALID);
      NAME(X509_V_ERR_CRL_HAS_EXPIRED);
      NAME(X509_V_ERR_ERROR_IN_CERT_NOT_BEFORE_FIELD);
      NAME(X509_V_ERR_ERROR_IN_CERT_NOT_AFTER_FIELD);
      NAME(X509_V_ERR_ERROR_IN_CRL_LAST_UPDATE_FIELD);
      NAME(X509_V_ERR_ERROR_IN_CRL_NEXT_UPDATE_FIELD);
      NAME(X509_V_ERR_OUT_OF_MEM);
      NAME(X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT);
      NAME(X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN);
      NAME(X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY);
      NAME(X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE);
      NAME(X509_V_ERR_CERT_CHAIN_TOO_LONG);
      NAME(X509_V_ERR_CERT_REVOKED);
      NAME(X509_V_ERR_NO_ISSUER_PUBLIC_KEY);
      NAME(X509_V_ERR_PATH_LENGTH_EXCEEDED);
      NAME(X509_V_ERR_INVALID_PURPOSE);
      NAME(X509_V_ERR_CERT_UNTRUSTED);
      NAME(X509_V_ERR_CERT_REJECTED);
      NAME(X509_V_ERR_SUBJECT_ISSUER_MISMATCH);
      NAME(X509_V_ERR_AKID_SKID_MISMATCH);
      NAME(X509_V_ERR_AKID_ISSUER_SERIAL_MISMATCH);
      NAME(X509_V_ERR_KEYUSAGE_NO_CERTSIGN);
      NAME(X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER);
      NAME(X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION);
      NAME(X509_V_ERR_KEYUSAGE_NO_CRL_SIGN);
      NAME(X509_V_ERR_UNHANDLED_CRITICAL_CRL_EXTENSION);
      NAME(X509_V_ERR_INVALID_NON_CA);
      NAME(X509_V_ERR_PROXY_PATH_LENGTH_EXCEEDED);
      NAME(X509_V_ERR_KEYUSAGE_NO_DIGITAL_SIGNATURE);
      NAME(X509_V_ERR_PROXY_CERTIFICATES_NOT_ALLOWED);
      NAME(X509_V_ERR_INVALID_EXTENSION);
      NAME(X509_V_ERR_INVALID_POLICY_EXTENSION);
      NAME(X509_V_ERR_NO_EXPLICIT_POLICY);
      NAME(X509_V_ERR_DIFFERENT_CRL_SCOPE);
      NAME(X509_V_ERR_UNSUPPORTED_EXTENSION_FEATURE);
      NAME(X509_V_ERR_UNNESTED_RESOURCE);
      NAME(X509_V_ERR_PERMITTED_VIOLATION);
      NAME(X509_V_ERR_EXCLUDED_VIOLATION);
      NAME(X509_V_ERR_SUBTREE_MINMAX);
      NAME(X509_V_ERR_APPLICATION_VERIFICATION);
      NAME(X509_V_ERR_UNSUPPORTED_CONSTRAINT_TYPE);
      NAME(X509_V_ERR_UNSUPPORTED_CONSTRAINT_SYNTAX);
      NAME(X509_V_ERR_UNSUPPORTED_NAME_SYNTAX);
      NAME(X509_V_ERR_CRL_PATH_VALIDATION_ERROR);
      NAME(X509_V_ERR_PATH_LOOP);
      NAME(X509_V_ERR_SUITE_B_INVALID_VERSION);
      NAME(X509_V_ERR_SUITE_B_INVALID_ALGORITHM);
      NAME(X509_V_ERR_SUITE_B_INVALID_CURVE);
      NAME(X509_V_ERR_SUITE_B_INVALID_SIGNATURE_ALGORITHM);
      NAME(X509_V_ERR_SUITE_B_LOS_NOT_ALLOWED);
      NAME(X509_V_ERR_SUITE_B_CANNOT_SIGN_P_384_WITH_P_256);
      NAME(X509_V_ERR_HOSTNAME_MISMATCH);
      NAME(X509_V_ERR_EMAIL_MISMATCH);
      NAME(X509_V_ERR_IP_ADDRESS_MISMATCH);
      NAME(X509_V_ERR_DANE_NO_MATCH);
      NAME(X509_V_ERR_EE_KEY_TOO_SMALL);
      NAME(X509_V_ERR_CA_KEY_TOO_SMALL);
      NAME(X509_V_ERR_CA_MD_TOO_WEAK);
      NAME(X509_V_ERR_INVALID_CALL);
      NAME(X509_V_ERR_STORE_LOOKUP);
      NAME(X509_V_ERR_NO_VALID_SCTS);
      NAME(X509_V_ERR_PROXY_SUBJECT_NAME_VIOLATION);
      NAME(X509_V_ERR_OCSP_VERIFY_NEEDED);
      NAME(X509_V_ERR_OCSP_VERIFY_FAILED);
      NAME(X509_V_ERR_OCSP_CERT_UNKNOWN);
      NAME(X509_V_ERR_UNSUPPORTED_SIGNATURE_ALGORITHM);
      NAME(X509_V_ERR_SIGNATURE_ALGORITHM_MISMATCH);
      NAME(X509_V_ERR_SIGNATURE_ALGORITHM_INCONSISTENCY);
      NAME(X509_V_ERR_INVALID_CA);
      NAME(X509_V_ERR_PATHLEN_INVALID_FOR_NON_CA);
      NAME(X509_V_ERR_PATHLEN_WITHOUT_KU_KEY_CERT_SIGN);
      NAME(X509_V_ERR_KU_KEY_CERT_SIGN_INVALID_FOR_NON_CA);
      NAME(X509_V_ERR_ISSUER_NAME_EMPTY);
      NAME(X509_V_ERR_SUBJECT_NAME_EMPTY);
      NAME(X509_V_ERR_MISSING_AUTHORITY_KEY_IDENTIFIER);
      NAME(X509_V_ERR_MISSING_SUBJECT_KEY_IDENTIFIER);
      NAME(X509_V_ERR_EMPTY_SUBJECT_ALT_NAME);
      NAME(X509_V_ERR_EMPTY_SUBJECT_SAN_NOT_CRITICAL);
      NAME(X509_V_ERR_CA_BCONS_NOT_CRITICAL);
      NAME(X509_V_ERR_AUTHORITY_KEY_IDENTIFIER_CRITICAL);
      NAME(X509_V_ERR_SUBJECT_KEY_IDENTIFIER_CRITICAL);
      NAME(X509_V_ERR_CA_CERT_MISSING_KEY_USAGE);
      NAME(X509_V_ERR_EXTENSIONS_REQUIRE_VERSION_3);
      NAME(X509_V_ERR_EC_KEY_EXPLICIT_PARAMS);
  }
  // clang-format on
#undef NAME
  return "X509_V_ERR_" + std::to_string(code);
}

std::string alert_name(int description) {
  // IANA's TLS Alerts registry; the retired ones only as far as TLS 1.2 peers still send them.
  switch (description) {
    case 0:
      return "close_notify";
    case 10:
      return "unexpected_message";
    case 20:
      return "bad_record_mac";
    case 21:
      return "decryption_failed";
    case 22:
      return "record_overflow";
    case 30:
      return "decompression_failure";
    case 40:
      return "handshake_failure";
    case 41:
      return "no_certificate";
    case 42:
      return "bad_certificate";
    case 43:
      return "unsupported_certificate";
    case 44:
      return "certificate_revoked";
    case 45:
      return "certificate_expired";
    case 46:
      return "certificate_unknown";
    case 47:
      return "illegal_parameter";
    case 48:
      return "unknown_ca";
    case 49:
      return "access_denied";
    case 50:
      return "decode_error";
    case 51:
      return "decrypt_error";
    case 60:
      return "export_restriction";
    case 70:
      return "protocol_version";
    case 71:
      return "insufficient_security";
    case 80:
      return "internal_error";
    case 86:
      return "inappropriate_fallback";
    case 90:
      return "user_canceled";
    case 100:
      return "no_renegotiation";
    case 109:
      return "missing_extension";
    case 110:
      return "unsupported_extension";
    case 111:
      return "certificate_unobtainable";
    case 112:
      return "unrecognized_name";
    case 113:
      return "bad_certificate_status_response";
    case 114:
      return "bad_certificate_hash_value";
    case 115:
      return "unknown_psk_identity";
    case 116:
      return "certificate_required";
    case 120:
      return "no_application_protocol";
    case 121:
      return "ech_required";
    default:
      return "alert_" + std::to_string(description);
  }
}

}  // namespace llmrec::tls
