#include "admin/vitals.h"

#include <doctest/doctest.h>

#include "support/metrics_format.h"

using namespace llmrec;
using namespace llmrec::admin;

namespace {

Vitals some() {
  Vitals v;
  v.version = "1.2.3\"";
  v.listening = {"listen 127.0.0.1:8790"};
  v.started_unix_ms = 1'782'814'361'120;
  v.now_unix_ms = v.started_unix_ms + 61'000;
  v.connections = 12;
  v.connections_open = 3;
  v.calls_running = 2;
  v.rows_dropped = 5;
  v.logs_records = true;
  v.lines_dropped = 4;
  v.process = read_process();
  v.process.cpu_ns = 1'250'000'000;
  return v;
}

support::Scrape scrape(const Vitals& v, bool open) {
  Exposition to(open ? MetricsFormat::open_metrics : MetricsFormat::text);
  write(v, to);
  return support::read_metrics(to.done(), open);
}

}  // namespace

TEST_CASE("vitals: as metrics") {
  CHECK(scrape(some(), true).faults == std::vector<std::string>{});
  const support::Scrape s = scrape(some(), false);
  CHECK(s.faults == std::vector<std::string>{});
  CHECK(s.values.at("llmrec_connections_total") == 12);
  CHECK(s.values.at("llmrec_connections_open") == 3);
  CHECK(s.values.at("llmrec_calls_running") == 2);
  CHECK(s.values.at("llmrec_records_dropped_total") == 5);
  CHECK(s.values.at("llmrec_log_lines_dropped_total") == 4);
  CHECK(s.values.at("process_cpu_seconds_total") == 1.25);
  CHECK(s.values.at("process_start_time_seconds") == 1782814361.12);
  CHECK(s.values.at("process_open_fds") > 0);
  Vitals v = some();
  v.logs_records = false;
  v.process = {};
  CHECK(scrape(v, false).faults.empty());
  CHECK(scrape(v, false).values.count("llmrec_log_lines_dropped_total") == 0);
  CHECK(scrape(v, false).values.count("process_open_fds") == 0);
}

TEST_CASE("vitals: as JSON") {
  Vitals v = some();
  CHECK(
      to_json(v).starts_with("{\"status\":\"ok\",\"version\":\"1.2.3\\\"\",\"listening\":[\"listen "
                             "127.0.0.1:8790\"],\"uptime_s\":61,\"connections_open\":3,"));
  v.draining = true;
  CHECK(to_json(v).starts_with("{\"status\":\"draining\","));
  v.stuck = "loop 0 has not turned for 12 s";
  CHECK(to_json(v).starts_with(
      "{\"status\":\"stuck\",\"stuck\":\"loop 0 has not turned for 12 s\","));
}
