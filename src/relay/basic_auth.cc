#include "relay/basic_auth.h"

#include <cstddef>
#include <cstdint>

#include "base/bytes.h"

namespace llmrec::relay {
namespace {

constexpr std::size_t kUserOctets = 64;
constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int base64_value(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+' || c == '-') return 62;
  if (c == '/' || c == '_') return 63;
  return -1;
}

}  // namespace

std::string basic_user(std::string_view credentials) {
  const std::size_t space = credentials.find(' ');
  if (space == std::string_view::npos) return {};
  if (!equals_ignoring_case(credentials.substr(0, space), "basic")) return {};
  credentials.remove_prefix(space);
  while (credentials.starts_with(' ')) credentials.remove_prefix(1);
  std::string user;
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : credentials) {
    const int v = base64_value(c);
    if (v < 0) return {};
    bits = (bits << 6) | static_cast<std::uint32_t>(v);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    const char decoded = static_cast<char>((bits >> count) & 0xff);
    if (decoded == ':') return user;  // here the password begins: nothing of it is decoded
    if (!is_printable_ascii(decoded) || user.size() >= kUserOctets) return {};
    user += decoded;
  }
  return {};
}

std::string basic_credentials(std::string_view text) {
  std::string out = "Basic ";
  for (std::size_t at = 0; at < text.size(); at += 3) {
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      bits = (bits << 8) | (at + i < text.size() ? static_cast<std::uint8_t>(text[at + i]) : 0U);
    }
    for (std::size_t i = 0; i < 4; ++i) {
      const bool padding = at + i > text.size();
      out += padding ? '=' : kAlphabet[(bits >> (18 - 6 * i)) & 63];
    }
  }
  return out;
}

}  // namespace llmrec::relay
