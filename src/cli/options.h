// What the user asked for: one plain struct per command. Texts are as given, already checked for
// form; values.h takes them apart. Durations are nanoseconds, nullopt: no such limit.
// Made by app.h, then read only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/limits.h"

namespace llmrec::cli {

enum class H2 : std::uint8_t { tunnel, refuse };
enum class LogLevel : std::uint8_t { error, warn, info, debug };

struct ServeOptions {
  std::string listen = "127.0.0.1:8790";  // HOST:PORT or [V6]:PORT, port 0: any free one
  std::string store;                      // directory, never empty after parsing
  std::string ca_dir;                     // directory, or "none": in memory; never empty either
  std::string ca_bundle_out;              // empty: not written
  std::vector<std::string> upstream_ca;   // PEM files, added to the system's roots
  std::vector<std::string> connect_to;    // HOST:PORT:ADDR:PORT
  std::vector<std::string> record;        // HOST[:PORT][=DIALECT]
  bool no_default_hosts = false;
  bool deny_unlisted = false;
  bool tunnel_untrusting = false;
  std::vector<std::pair<std::string, std::string>> tags;
  H2 h2 = H2::tunnel;

  std::int64_t connect_timeout_ns = 10 * kNsPerSecond;
  std::optional<std::int64_t> headers_timeout_ns;
  std::optional<std::int64_t> first_token_timeout_ns;
  std::optional<std::int64_t> idle_timeout_ns;
  std::optional<std::int64_t> total_timeout_ns;
  bool enforce_timeouts = false;
  std::int64_t drain_ns = 25 * kNsPerSecond;

  std::size_t loops = 1;
  std::string ready_file;  // empty: none
  LogLevel log_level = LogLevel::info;

  std::size_t store_map_bytes = limits::kStoreMapBytes;
  std::optional<std::int64_t> retain_ns;
  std::optional<std::uint64_t> retain_records;
  std::optional<std::uint64_t> retain_bytes;
};

enum class Color : std::uint8_t { automatic, always, never };

// How a reading command draws.
struct View {
  Color color = Color::automatic;
  bool ascii = false;
  bool utc = false;
};

struct ShowOptions {
  std::string id;
  std::string store;
  bool json = false;
  View view;
};

enum class Output : std::uint8_t { table, wide, json, jsonl, csv };

struct LsOptions {
  std::string store;
  Output output = Output::table;
  std::optional<std::int64_t> since_unix_ms;
  std::optional<std::int64_t> until_unix_ms;
  std::string status;    // "": any; else one of record::name(Status)
  std::string stage;     // likewise
  std::string error;     // likewise
  std::string provider;  // whole name, case ignored
  std::string model;     // glob, asked or answered
  std::vector<std::pair<std::string, std::string>> tags;  // all of them
  std::optional<std::int64_t> slow_ns;                    // took at least so long
  std::size_t count = 50;                                 // 0: no limit
  View view;
};

enum class CaptureEnd : std::uint8_t { close_notify, fin, reset, client };

struct TapOptions {
  std::string request;  // files
  std::string response;
  std::string host;  // "": from the request
  CaptureEnd end = CaptureEnd::close_notify;
  std::size_t split = 0;  // octets at a time; 0: whole
};

}  // namespace llmrec::cli
