#include "admin/metrics.h"

#include <doctest/doctest.h>

#include <string>
#include <thread>
#include <vector>

#include "record_sample.h"
#include "report_samples.h"
#include "support/metrics_format.h"

using namespace llmrec;
using namespace llmrec::admin;
using record::Record;

namespace {

support::Scrape scrape(const Metrics& metrics, bool open = false) {
  Exposition to(open ? MetricsFormat::open_metrics : MetricsFormat::text);
  metrics.write(to);
  return support::read_metrics(to.done(), open);
}

// The sum over all series of a name.
double total(const support::Scrape& s, const std::string& name) {
  double sum = 0;
  for (const auto& [series, value] : s.values) {
    if (series.substr(0, series.find('{')) == name) sum += value;
  }
  return sum;
}

}  // namespace

TEST_CASE("metrics: a call is in every family that it belongs to") {
  Metrics metrics;
  const Record ok = record::sample::typical();
  metrics.observe(ok);
  metrics.observe(report::sample::tool_call_cut());
  const support::Scrape s = scrape(metrics);
  CHECK(s.faults == std::vector<std::string>{});
  const std::string of = "{provider=\"openai\",dialect=\"openai_chat\"";
  CHECK(s.values.at("llmrec_requests_total" + of + ",status=\"ok\"}") == 1);
  CHECK(s.values.at("llmrec_requests_total" + of + ",status=\"failed\"}") == 1);
  CHECK(s.values.at("llmrec_requests_total" + of + ",status=\"aborted\"}") == 0);
  CHECK(s.values.at("llmrec_responses_total" + of + ",code=\"2xx\"}") == 2);
  CHECK(s.values.at("llmrec_failures_total{provider=\"openai\",stage=\"during_tool_call\","
                    "error_type=\"incomplete_tool_arguments\"}") == 1);
  CHECK(s.values.at("llmrec_interrupted_total" + of + "}") == 1);
  CHECK(s.values.at("llmrec_answered_total" + of + "}") == 2);
  CHECK(s.values.at("llmrec_missing_usage_total" + of + "}") == 1);
  CHECK(s.values.at("llmrec_chunks_received_total" + of + "}") ==
        static_cast<double>(ok.chunks_received + 37));
  CHECK(s.values.at("llmrec_time_to_first_token_seconds_count" + of + "}") == 2);
  CHECK(s.values.at("llmrec_request_duration_seconds_bucket" + of + ",le=\"+Inf\"}") == 2);
  CHECK(s.values.at("llmrec_request_duration_seconds_bucket" + of + ",le=\"0.1\"}") == 0);
  const std::string work = "{provider=\"openai\",model=\"gpt-4o-mini\",status=";
  CHECK(s.values.at("llmrec_tokens_total" + work +
                    "\"ok\",direction=\"output\",source=\"reported\"}") ==
        static_cast<double>(*ok.usage.output));
  CHECK(s.values.at("llmrec_tokens_total" + work +
                    "\"failed\",direction=\"output\",source=\"estimated\"}") == 461);
  CHECK(s.values.at("llmrec_cost_dollars_total" + work + "\"ok\",source=\"reported\"}") ==
        static_cast<double>(*ok.cost_nano_usd) / 1e9);
  CHECK(scrape(metrics, true).faults == std::vector<std::string>{});
}

TEST_CASE("metrics: every kind of end, and records that use every field, make a good scrape") {
  Metrics metrics;
  std::size_t n = 0;
  for (const auto& [name, r] : report::sample::all()) {
    if (r.status == record::Status::open) continue;
    metrics.observe(r);
    ++n;
  }
  const support::Scrape s = scrape(metrics);
  CHECK(s.faults == std::vector<std::string>{});
  CHECK(total(s, "llmrec_requests_total") == static_cast<double>(n));
  CHECK(total(s, "llmrec_model_requests_total") == static_cast<double>(n));
  CHECK(scrape(metrics, true).faults == std::vector<std::string>{});
}

TEST_CASE("metrics: hostile names cannot break a line") {
  Metrics metrics;
  Record r = record::sample::typical();
  r.provider = "evil\"} 1\nllmrec_x 1\n\\";
  r.model = "\xff\xfe\n\"\\ \x01";
  r.dialect = "d\"";
  metrics.observe(r);
  for (const bool open : {false, true}) {
    const support::Scrape s = scrape(metrics, open);
    CHECK(s.faults == std::vector<std::string>{});
    CHECK(total(s, "llmrec_x") == 0);
    CHECK(total(s, "llmrec_requests_total") == 1);
  }
}

TEST_CASE("metrics: series are bounded, whatever things are called") {
  Metrics metrics;
  constexpr std::size_t kMany = 5000;
  Record r = record::sample::typical();
  for (std::size_t i = 0; i < kMany; ++i) {
    r.provider = "p" + std::to_string(i);
    r.dialect = "d" + std::to_string(i % 100);
    r.model = "m" + std::to_string(i);
    r.status = i % 2 == 0 ? record::Status::ok : record::Status::failed;
    r.failure_stage = static_cast<record::Stage>(i % record::kCount<record::Stage>);
    r.error_type = static_cast<record::ErrorType>(i % record::kCount<record::ErrorType>);
    metrics.observe(r);
  }
  const support::Scrape s = scrape(metrics);
  CHECK(s.faults == std::vector<std::string>{});
  CHECK(s.values.size() < 12'000);
  CHECK(total(s, "llmrec_requests_total") == kMany);
  CHECK(total(s, "llmrec_model_requests_total") == kMany);
  CHECK(total(s, "llmrec_failures_total") == kMany / 2);
  CHECK(
      s.values.at("llmrec_model_requests_total{provider=\"other\",model=\"other\",status=\"ok\"}") >
      1000);
}

TEST_CASE("metrics: a model that no provider knows gets no series of its own") {
  Metrics metrics;
  Record r = record::sample::typical();
  r.model = "gpt-typo";
  r.status = record::Status::failed;
  r.http_status = 404;
  metrics.observe(r);
  CHECK(scrape(metrics).values.count("llmrec_model_requests_total{provider=\"openai\",model=\"gpt-"
                                     "typo\",status=\"failed\"}") == 0);
  r.status = record::Status::ok;
  r.http_status = 200;
  metrics.observe(r);
  r.status = record::Status::failed;
  r.http_status = 500;
  metrics.observe(r);
  CHECK(scrape(metrics).values.at("llmrec_model_requests_total{provider=\"openai\",model=\"gpt-"
                                  "typo\",status=\"failed\"}") == 1);
}

TEST_CASE("metrics: threads that count while somebody reads") {
  Metrics metrics;
  constexpr int kEach = 2000;
  const auto count = [&metrics](const std::string& provider) {
    Record r = record::sample::typical();
    r.provider = provider;
    for (int i = 0; i < kEach; ++i) {
      r.model = "m" + std::to_string(i % 40);
      metrics.observe(r);
    }
  };
  std::thread a([&] { count("a"); });
  std::thread b([&] { count("b"); });
  for (int i = 0; i < 20; ++i) CHECK(scrape(metrics).faults.empty());
  a.join();
  b.join();
  CHECK(total(scrape(metrics), "llmrec_requests_total") == 2 * kEach);
}
