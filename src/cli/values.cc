#include "cli/values.h"

#include <array>
#include <charconv>
#include <cmath>
#include <ctime>
#include <limits>
#include <optional>

#include "base/clock.h"
#include "base/limits.h"

namespace llmrec::cli {
namespace {

Error bad(Bytes text, std::string_view what) {
  return {Code::bad_argument, "'" + std::string(text) + "' is not " + std::string(what)};
}

template <class T>
std::optional<T> digits(Bytes text) {
  T value{};
  const char* end = text.data() + text.size();
  if (text.empty() || text[0] < '0' || text[0] > '9') return std::nullopt;
  const auto [at, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || at != end) return std::nullopt;
  return value;
}

struct Unit {
  std::string_view name;
  std::int64_t size;
};

// "1.5h" as a whole number of the smallest unit; the number and the unit may not be missing.
std::optional<std::int64_t> measure(Bytes text, const Unit* begin, const Unit* end) {
  const std::size_t split = text.find_first_not_of("0123456789.");
  const Bytes number = text.substr(0, split);
  const Bytes unit = split == Bytes::npos ? Bytes() : text.substr(split);
  for (const Unit* u = begin; u != end; ++u) {
    if (!equals_ignoring_case(u->name, unit)) continue;
    if (const auto whole = digits<std::int64_t>(number)) {
      if (*whole > std::numeric_limits<std::int64_t>::max() / u->size) return std::nullopt;
      return *whole * u->size;
    }
    const auto fraction = digits<double>(number);
    if (!fraction || number.back() == '.') return std::nullopt;
    const double product = *fraction * static_cast<double>(u->size);
    if (!(product < 9e18)) return std::nullopt;
    return static_cast<std::int64_t>(std::llround(product));
  }
  return std::nullopt;
}

constexpr std::array<Unit, 8> kDurations = {{{"ns", 1},
                                             {"us", kNsPerUs},
                                             {"ms", kNsPerMs},
                                             {"s", kNsPerSecond},
                                             {"m", 60 * kNsPerSecond},
                                             {"min", 60 * kNsPerSecond},
                                             {"h", 3600 * kNsPerSecond},
                                             {"d", 24 * 3600 * kNsPerSecond}}};
constexpr std::array<Unit, 9> kSizes = {{{"", 1},
                                         {"B", 1},
                                         {"KiB", 1LL << 10},
                                         {"MiB", 1LL << 20},
                                         {"GiB", 1LL << 30},
                                         {"TiB", 1LL << 40},
                                         {"k", 1'000},
                                         {"MB", 1'000'000},
                                         {"GB", 1'000'000'000}}};

// Takes `size` digits off the front.
std::optional<int> take(Bytes& text, std::size_t size) {
  const auto value = digits<int>(text.substr(0, size));
  if (!value || text.size() < size) return std::nullopt;
  text.remove_prefix(size);
  return value;
}

bool take_char(Bytes& text, std::string_view any_of) {
  if (text.empty() || any_of.find(text[0]) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

// The offset of RFC 3339 in seconds; nullopt where there is none.
std::optional<std::int64_t> take_offset(Bytes& text) {
  if (take_char(text, "Zz")) return 0;
  if (text.empty() || (text[0] != '+' && text[0] != '-')) return std::nullopt;
  const std::int64_t sign = text[0] == '-' ? -1 : 1;
  Bytes rest = text.substr(1);
  const auto hours = take(rest, 2);
  if (!hours || !take_char(rest, ":")) return std::nullopt;
  const auto minutes = take(rest, 2);
  if (!minutes || *hours > 23 || *minutes > 59) return std::nullopt;
  text = rest;
  return sign * (*hours * 3600 + *minutes * 60);
}

struct Calendar {
  std::tm parts{};
  std::int64_t ms = 0;
};

bool take_clock(Bytes& text, Calendar& out) {
  const auto hour = take(text, 2);
  if (!hour || !take_char(text, ":")) return false;
  const auto minute = take(text, 2);
  if (!minute || *hour > 23 || *minute > 59) return false;
  out.parts.tm_hour = *hour;
  out.parts.tm_min = *minute;
  if (!take_char(text, ":")) return true;
  const auto second = take(text, 2);
  if (!second || *second > 60) return false;
  out.parts.tm_sec = *second;
  if (!take_char(text, ".")) return true;
  std::int64_t place = 100;
  bool any = false;
  for (; !text.empty() && text[0] >= '0' && text[0] <= '9'; text.remove_prefix(1), place /= 10) {
    out.ms += (text[0] - '0') * place;
    any = true;
  }
  return any;
}

std::optional<std::int64_t> calendar_time(Bytes text) {
  Calendar at;
  const auto year = take(text, 4);
  if (!year || !take_char(text, "-")) return std::nullopt;
  const auto month = take(text, 2);
  if (!month || !take_char(text, "-")) return std::nullopt;
  const auto day = take(text, 2);
  if (!day || *month < 1 || *month > 12 || *day < 1 || *day > 31) return std::nullopt;
  at.parts.tm_year = *year - 1900;
  at.parts.tm_mon = *month - 1;
  at.parts.tm_mday = *day;
  at.parts.tm_isdst = -1;
  std::optional<std::int64_t> offset;
  if (!text.empty()) {
    if (!take_char(text, "Tt ") || !take_clock(text, at)) return std::nullopt;
    offset = take_offset(text);
    if (!text.empty()) return std::nullopt;
  }
  std::tm normal = at.parts;
  const std::time_t seconds = offset ? timegm(&normal) - *offset : mktime(&normal);
  if (normal.tm_mday != at.parts.tm_mday) return std::nullopt;  // 31 February
  return std::int64_t{seconds} * 1000 + at.ms;
}

// Splits "[V6]:rest" or "host:rest" after the host.
std::optional<std::string> take_host(Bytes& text) {
  std::string host;
  if (!text.empty() && text[0] == '[') {
    const std::size_t end = text.find(']');
    if (end == Bytes::npos || end == 1) return std::nullopt;
    host = text.substr(1, end - 1);
    if (host.find_first_not_of("0123456789abcdefABCDEF:.%") != std::string::npos) {
      return std::nullopt;
    }
    text.remove_prefix(end + 1);
  } else {
    host = text.substr(0, text.find(':'));
    text.remove_prefix(host.size());
  }
  if (host.find_first_of(" \t/@\"'") != std::string::npos) return std::nullopt;
  if (!take_char(text, ":")) return std::nullopt;
  return host;
}

std::optional<std::uint16_t> port(Bytes text) { return digits<std::uint16_t>(text); }

}  // namespace

Result<std::int64_t> parse_duration(Bytes text) {
  const auto ns = measure(text, kDurations.begin(), kDurations.end());
  if (!ns) return bad(text, "a duration such as 250ms, 10s, 5m, 1h or 7d");
  return *ns;
}

Result<std::uint64_t> parse_size(Bytes text) {
  const auto size = measure(text, kSizes.begin(), kSizes.end());
  if (!size) return bad(text, "a size such as 64KiB, 512MiB or 1GiB");
  return static_cast<std::uint64_t>(*size);
}

Result<std::uint64_t> parse_count(Bytes text) {
  const auto count = digits<std::uint64_t>(text);
  if (!count) return bad(text, "a number");
  return *count;
}

Result<bool> parse_switch(Bytes text) {
  for (const Bytes yes : {"true", "1", "yes", "on"}) {
    if (equals_ignoring_case(text, yes)) return true;
  }
  for (const Bytes no : {"false", "0", "no", "off"}) {
    if (equals_ignoring_case(text, no)) return false;
  }
  return bad(text, "true or false");
}

Result<std::int64_t> parse_time(Bytes text, std::int64_t now_unix_ms) {
  if (const auto ago = measure(text, kDurations.begin(), kDurations.end())) {
    return now_unix_ms - *ago / kNsPerMs;
  }
  if (const auto at = calendar_time(text)) return *at;
  return bad(text, "a time such as 1h (ago), 2026-06-30, '2026-06-30 10:12' or RFC 3339");
}

Result<Endpoint> parse_endpoint(Bytes text) {
  Bytes rest = text;
  const auto host = take_host(rest);
  const auto number = port(rest);
  if (!host || host->empty() || !number) {
    return bad(text, "an address such as 127.0.0.1:8790 or [::1]:8790");
  }
  return Endpoint{*host, *number};
}

Result<void> check_connect_to(Bytes text) {
  const auto fail = [text] { return bad(text, "HOST:PORT:ADDR:PORT"); };
  Bytes rest = text;
  if (!take_host(rest)) return fail();
  const std::size_t colon = rest.find(':');
  if (colon == Bytes::npos) return fail();
  const Bytes from_port = rest.substr(0, colon);
  rest.remove_prefix(colon + 1);
  if (!take_host(rest)) return fail();
  if (!from_port.empty() && !port(from_port)) return fail();
  if (!rest.empty() && !port(rest)) return fail();
  return {};
}

Result<void> check_record_entry(Bytes text) {
  const std::size_t equals = text.find('=');
  const Bytes where = text.substr(0, equals);
  const std::string_view what = "HOST[:PORT][=DIALECT]";
  if (where.empty() || where.find_first_of(" \t/@,") != Bytes::npos) return bad(text, what);
  if (equals != Bytes::npos && equals + 1 == text.size()) return bad(text, what);
  const std::size_t colon = where.front() == '[' ? where.find("]:") : where.find(':');
  if (colon == Bytes::npos) return {};
  const auto number = port(where.substr(colon + (where.front() == '[' ? 2 : 1)));
  if (colon == 0 || !number || *number == 0) return bad(text, what);
  return {};
}

Result<std::pair<std::string, std::string>> parse_tag(Bytes text) {
  const std::size_t equals = text.find('=');
  if (equals == Bytes::npos || equals == 0) return bad(text, "a tag such as route=checkout");
  const Bytes key = text.substr(0, equals);
  const Bytes value = text.substr(equals + 1);
  if (key.size() > limits::kFactKeyMax || value.size() > limits::kFactValueMax) {
    return bad(text, "a tag of at most " + std::to_string(limits::kFactKeyMax) + " and " +
                         std::to_string(limits::kFactValueMax) + " characters");
  }
  return std::pair<std::string, std::string>(key, value);
}

}  // namespace llmrec::cli
