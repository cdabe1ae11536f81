#include "admin/vitals.h"

#include <algorithm>

#include "record/json.h"

namespace llmrec::admin {
namespace {

constexpr std::uint64_t kNsPerMs = 1'000'000;

void counter(Exposition& to, std::string_view name, std::string_view help, std::uint64_t value) {
  to.counter(name, help);
  to.sample({}, value);
}
void gauge(Exposition& to, std::string_view name, std::string_view help, std::uint64_t value,
           std::string_view unit = {}) {
  to.gauge(name, help, unit);
  to.sample({}, value);
}

void write_process(const Vitals& v, Exposition& to) {
  const ProcessFigures& p = v.process;
  to.counter("process_cpu_seconds_total", "User and system CPU time.", "seconds");
  to.sample_billionths({}, p.cpu_ns);
  to.gauge("process_start_time_seconds", "When the process started, as Unix time.", "seconds");
  to.sample_billionths(
      {}, static_cast<std::uint64_t>(std::max<std::int64_t>(0, v.started_unix_ms)) * kNsPerMs);
  if (p.open_descriptors) {
    gauge(to, "process_open_fds", "Open file descriptors.", *p.open_descriptors);
  }
  if (p.max_descriptors) {
    gauge(to, "process_max_fds", "How many there may be.", *p.max_descriptors);
  }
  if (p.resident_octets) {
    gauge(to, "process_resident_memory_bytes", "Resident memory.", *p.resident_octets, "bytes");
  }
  if (p.virtual_octets) {
    gauge(to, "process_virtual_memory_bytes", "Virtual memory.", *p.virtual_octets, "bytes");
  }
}

}  // namespace

void write(const Vitals& v, Exposition& to) {
  to.gauge("llmrec_build_info", "1, with the version as a label.");
  to.sample({{"version", v.version}}, 1);
  gauge(to, "llmrec_draining", "1 while running calls end before it stops.", v.draining ? 1 : 0);
  counter(to, "llmrec_connections_total", "Connections of clients.", v.connections);
  gauge(to, "llmrec_connections_open", "Those that are open.", v.connections_open);
  gauge(to, "llmrec_connections_max", "How many may be: more wait.", v.connections_max);
  gauge(to, "llmrec_calls_running", "Calls that have begun and not ended.", v.calls_running);
  counter(to, "llmrec_tunnels_total", "Connections passed on unopened.", v.tunnels_blind);
  counter(to, "llmrec_refused_total", "Connections and requests that llmrec itself refused.",
          v.refused);
  counter(to, "llmrec_accept_pauses_total", "Times that no more connections could be taken.",
          v.accept_pauses);
  gauge(to, "llmrec_queue_records", "Records on their way to the store.", v.queue_entries);
  gauge(to, "llmrec_queue_bytes", "The same in bytes.", v.queue_octets, "bytes");
  counter(to, "llmrec_records_written_total", "Records and checkpoints written to the store.",
          v.rows_written);
  counter(to, "llmrec_records_dropped_total",
          "Records and checkpoints lost on their way to the store.", v.rows_dropped);
  counter(to, "llmrec_records_pruned_total", "Old records removed to keep the store in bounds.",
          v.rows_pruned);
  counter(to, "llmrec_store_commits_total", "Commits of the store.", v.commits);
  counter(to, "llmrec_store_commit_failures_total", "Commits that failed.", v.commit_failures);
  gauge(to, "llmrec_store_used_bytes", "Pages of the store in use.", v.store_octets, "bytes");
  gauge(to, "llmrec_store_max_bytes", "What the store may grow to.", v.store_max_octets, "bytes");
  gauge(to, "llmrec_store_records", "Records in the store.", v.store_records);
  if (v.logs_records) {
    counter(to, "llmrec_log_lines_written_total", "Records written to standard output.",
            v.lines_written);
    counter(to, "llmrec_log_lines_dropped_total",
            "Records that standard output did not take in time.", v.lines_dropped);
  }
  counter(to, "llmrec_failed_checks_total", "Broken invariants: please report any.",
          v.failed_checks);
  write_process(v, to);
}

std::string to_json(const Vitals& v) {
  std::string out = "{\"status\":";
  out += !v.stuck.empty() ? "\"stuck\"" : v.draining ? "\"draining\"" : "\"ok\"";
  const auto add = [&out](std::string_view key, const std::string& json) {
    out += ",\"";
    out += key;
    out += "\":" + json;
  };
  const auto number = [&add](std::string_view key, std::uint64_t n) {
    add(key, std::to_string(n));
  };
  if (!v.stuck.empty()) add("stuck", record::json_quoted(v.stuck));
  add("version", record::json_quoted(v.version));
  std::string listening = "[";
  for (const std::string& one : v.listening) {
    listening += (listening.size() == 1 ? "" : ",") + record::json_quoted(one);
  }
  add("listening", listening + ']');
  number("uptime_s", static_cast<std::uint64_t>(
                         std::max<std::int64_t>(0, v.now_unix_ms - v.started_unix_ms) / 1000));
  number("connections_open", v.connections_open);
  number("calls_running", v.calls_running);
  number("tunnels", v.tunnels_blind);
  number("queue_records", v.queue_entries);
  number("records_dropped", v.rows_dropped);
  number("store_commit_failures", v.commit_failures);
  number("store_used_bytes", v.store_octets);
  number("store_max_bytes", v.store_max_octets);
  return out + '}';
}

}  // namespace llmrec::admin
