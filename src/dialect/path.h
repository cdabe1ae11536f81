// What a request's target says beside its name: percent-encoding (RFC 3986 section 2.1) undone, the
// value of a query field, the model and method of Google's paths. Pure; any thread.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/limits.h"

namespace llmrec::dialect {

inline int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = ascii_lower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// A '%' that begins no escape stands for itself.
inline std::string percent_decoded(Bytes text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const int high = text[i] == '%' && i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
    const int low = high >= 0 ? hex_digit(text[i + 2]) : -1;
    if (low >= 0) {
      out += static_cast<char>(high * 16 + low);
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

// Of the first field of that name, decoded; nullopt where there is none.
inline std::optional<std::string> query_value(Bytes query, Bytes name) {
  while (!query.empty()) {
    const auto end = query.find('&');
    const Bytes field = query.substr(0, end);
    const auto equals = field.find('=');
    if (percent_decoded(field.substr(0, equals)) == name) {
      return equals == Bytes::npos ? std::string() : percent_decoded(field.substr(equals + 1));
    }
    if (end == Bytes::npos) break;
    query.remove_prefix(end + 1);
  }
  return std::nullopt;
}

// ".../models/{model}:{method}", as Google writes it.
struct GoogleMethod {
  std::string prefix;  // what stands before the model's collection, decoded, with its last '/'
  std::string model;   // "gemini-3-pro", "tunedModels/t1", "endpoints/12"
  std::string method;  // "streamGenerateContent"
};

inline GoogleMethod google_method(Bytes raw_path) {
  const std::string path = percent_decoded(raw_path);
  GoogleMethod out;
  const auto colon = path.rfind(':');
  if (colon == std::string::npos || path.find('/', colon) != std::string::npos) return out;
  out.method = path.substr(colon + 1);
  const std::string rest = path.substr(0, colon);
  const auto slash = rest.rfind('/');
  if (slash == std::string::npos) return out;
  const auto before = slash == 0 ? std::string::npos : rest.rfind('/', slash - 1);
  const auto collection = before == std::string::npos ? 0 : before + 1;
  // A plain model needs no collection to be known by; a tuned one is not found without it.
  const bool plain = rest.compare(collection, slash - collection, "models") == 0;
  out.prefix = rest.substr(0, collection);
  out.model = rest.substr(plain ? slash + 1 : collection).substr(0, limits::kRecordModelMax);
  return out;
}

}  // namespace llmrec::dialect
