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
enum class Logged : std::uint8_t { nothing, records };  // on standard output

struct ServeOptions {
  std::string listen = "127.0.0.1:8790";  // HOST:PORT or [V6]:PORT, port 0: any free one
  std::string store;                      // directory, never empty after parsing
  std::string ca_dir;                     // directory, or "none": in memory; never empty either
  std::string ca_bundle_out;              // empty: not written
  std::vector<std::string> upstream_ca;   // PEM files, added to the system's roots
  std::vector<std::string> connect_to;    // HOST:PORT:ADDR:PORT
  std::vector<std::string> record;        // HOST[:PORT][=DIALECT]
  std::vector<std::string> reverse;       // LISTEN=URL
  std::vector<std::string> transparent;   // LISTEN
  std::string upstream_proxy;             // URL, or "env"; empty: none
  std::vector<std::string> no_proxy;      // lists of hosts
  std::vector<std::string> client_cert;   // HOST=CERT:KEY
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
  std::string admin;       // HOST:PORT of the dashboard, likewise
  bool admin_notes = false;
  Logged logged = Logged::nothing;
  LogLevel log_level = LogLevel::info;

  // Edits, see edit/pipe.h.
  bool ensure_usage = false;
  bool strip_usage_frame = false;
  bool request_id_header = false;

  std::size_t store_map_bytes = limits::kStoreMapBytes;
  std::optional<std::int64_t> retain_ns;
  std::optional<std::uint64_t> retain_records;
  std::optional<std::uint64_t> retain_bytes;
  std::string prices;  // file; empty: the built-in list
};

enum class Color : std::uint8_t { automatic, always, never };

// How a reading command draws.
struct View {
  Color color = Color::automatic;
  bool ascii = false;
  bool utc = false;
  bool no_pager = false;
};

struct RunOptions {
  ServeOptions serve;          // of the recorder that is started
  bool default_store = false;  // not of --store; serve.store is empty where there is no home
  std::vector<std::string> command;
  bool base_urls = false;
  bool quiet = false;
  bool json = false;
  View view;
};

struct ShowOptions {
  std::string id;
  std::string store;
  bool json = false;
  View view;
};

enum class Output : std::uint8_t { table, wide, json, jsonl, csv };

// Which records a command is about. All that are set have to fit.
struct Filter {
  std::optional<std::int64_t> since_unix_ms;
  std::optional<std::int64_t> until_unix_ms;
  std::string status;    // "": any; else one of record::name(Status)
  std::string stage;     // likewise
  std::string error;     // likewise
  std::string provider;  // whole name, case ignored
  std::string model;     // glob, asked or answered
  std::vector<std::pair<std::string, std::string>> tags;  // all of them
  std::optional<std::int64_t> slow_ns;                    // took at least so long
};

struct LsOptions : Filter {
  std::string store;
  Output output = Output::table;
  std::optional<std::size_t> count;  // 0: no limit; nullopt: kListedByDefault or kFollowedByDefault
  bool follow = false;
  View view;
};

struct StatsOptions : Filter {
  std::string store;
  std::vector<std::string> by;  // "provider", "tag:KEY", ...; empty: what most people ask
  bool json = false;
  View view;
};

struct ExportOptions : Filter {
  std::string store;
  std::string after;  // a request_id; "": from the oldest on
  bool unsettled = false;
};

struct RetrySafeOptions {
  std::string id;
  std::string store;
};

struct NoteOptions {
  std::string id;
  std::string store;
  std::vector<std::pair<std::string, std::string>> facts;
};

enum class DbAction : std::uint8_t { stat, verify, prune, compact };

struct DbOptions {
  DbAction action = DbAction::stat;
  std::string store;
  bool json = false;  // stat
  std::optional<std::int64_t> retain_ns;
  std::optional<std::uint64_t> retain_records;
  std::optional<std::uint64_t> retain_bytes;
};

enum class CaAction : std::uint8_t { init, show, env, bundle };
enum class EnvForm : std::uint8_t { sh, fish, dotenv, k8s };

struct CaOptions {
  CaAction action = CaAction::show;
  ServeOptions serve;  // hosts, store and ca_dir, as serve would have them
  EnvForm form = EnvForm::sh;
  std::string bundle;  // the file that apps are told, or that is written
};

// `config check`: `serve` is what the environment and the file say.
struct ConfigOptions {
  ServeOptions serve;
  std::string file;  // "": none was named
};

struct DoctorOptions {
  ServeOptions serve;  // hosts, store and ca_dir
  std::string bundle;  // "": what the variables say
  std::vector<std::string> hosts;
  std::optional<std::uint64_t> pid;  // whose environment; nullopt: our own
  View view;
};

enum class CaptureEnd : std::uint8_t { close_notify, fin, reset, client };

struct TapOptions {
  std::string request;  // files
  std::string response;
  std::string host;  // "": from the request
  CaptureEnd end = CaptureEnd::close_notify;
  std::size_t split = 0;  // octets at a time; 0: whole
  std::string prices;     // file; empty: the built-in list
};

}  // namespace llmrec::cli
