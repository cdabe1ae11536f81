// Values of flags, taken apart: durations, sizes, times, addresses. Pure but for local times, which
// ask the process's time zone. Errors (bad_argument) say what is wrong and what would be right.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "base/bytes.h"
#include "base/result.h"

namespace llmrec::cli {

Result<std::int64_t> parse_duration(Bytes);  // "250ms", "10s", "5m", "1.5h", "7d"; nanoseconds
Result<std::uint64_t> parse_size(Bytes);     // "64KiB", "512MiB", "1GiB", "4096"; octets
Result<std::uint64_t> parse_count(Bytes);    // decimal digits
Result<bool> parse_switch(Bytes);            // "true", "1", "yes", "on" and their contraries
// "10m", "1h", "7d" before now; RFC 3339; "2026-06-30" or "2026-06-30 10:12[:41]" in local time.
Result<std::int64_t> parse_time(Bytes, std::int64_t now_unix_ms);  // Unix milliseconds

struct Endpoint {
  std::string host;  // a name, an IPv4 literal, or an IPv6 literal without brackets
  std::uint16_t port = 0;
  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};
Result<Endpoint> parse_endpoint(Bytes);  // "HOST:PORT", "[V6]:PORT"; port 0 is allowed

// "HOST:PORT:ADDR:PORT" as curl has it: all but the colons may be missing. Form only.
Result<void> check_connect_to(Bytes);
// "HOST[:PORT][=DIALECT]": form only; whether there is such a dialect is not known here.
Result<void> check_record_entry(Bytes);
Result<std::pair<std::string, std::string>> parse_tag(Bytes);  // "key=value"

}  // namespace llmrec::cli
