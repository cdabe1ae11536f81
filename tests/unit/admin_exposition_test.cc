#include "admin/exposition.h"

#include <doctest/doctest.h>

#include <array>
#include <string>

#include "support/metrics_format.h"

using namespace llmrec;
using namespace llmrec::admin;

namespace {

constexpr std::array<std::string_view, 2> kBounds = {"0.5", "1.0"};
constexpr std::array<std::uint64_t, 3> kCounts = {2, 0, 1};

std::string example(MetricsFormat format, Bytes value) {
  Exposition to(format);
  to.counter("llmrec_things_total", "Things.");
  to.sample({{"name", value}, {"kind", "a"}}, 7);
  to.gauge("llmrec_size_bytes", "Size.", "bytes");
  to.sample_signed({}, -3);
  to.histogram("llmrec_wait_seconds", "Waits.", "seconds");
  to.sample_histogram({{"name", value}}, kBounds, kCounts, 2'500'000'000);
  return to.done();
}

}  // namespace

TEST_CASE("exposition: text and OpenMetrics, to the letter") {
  CHECK(example(MetricsFormat::text, "x") ==
        "# HELP llmrec_things_total Things.\n"
        "# TYPE llmrec_things_total counter\n"
        "llmrec_things_total{name=\"x\",kind=\"a\"} 7\n"
        "# HELP llmrec_size_bytes Size.\n"
        "# TYPE llmrec_size_bytes gauge\n"
        "llmrec_size_bytes -3\n"
        "# HELP llmrec_wait_seconds Waits.\n"
        "# TYPE llmrec_wait_seconds histogram\n"
        "llmrec_wait_seconds_bucket{name=\"x\",le=\"0.5\"} 2\n"
        "llmrec_wait_seconds_bucket{name=\"x\",le=\"1.0\"} 2\n"
        "llmrec_wait_seconds_bucket{name=\"x\",le=\"+Inf\"} 3\n"
        "llmrec_wait_seconds_sum{name=\"x\"} 2.5\n"
        "llmrec_wait_seconds_count{name=\"x\"} 3\n");
  const std::string open = example(MetricsFormat::open_metrics, "x");
  CHECK(open.find("# TYPE llmrec_things counter\nllmrec_things_total{") != std::string::npos);
  CHECK(open.find("# UNIT llmrec_size_bytes bytes\n") != std::string::npos);
  CHECK(open.ends_with("\n# EOF\n"));
}

TEST_CASE("exposition: whatever a label holds, it is read back or harmless") {
  const std::string hostile[] = {"\"} 1\nllmrec_evil 2\n",
                                 "\\",
                                 "a\\nb",
                                 "\n\r\t\0x",
                                 "\xff\xfe",
                                 "\xc3",
                                 "\xed\xa0\x80 \xf5",
                                 "日本語",
                                 std::string(3, '\0'),
                                 "",
                                 "\x7f\x1b[31m",
                                 "\"\"\\\\"};
  for (const std::string& value : hostile) {
    for (const bool open : {false, true}) {
      const std::string text =
          example(open ? MetricsFormat::open_metrics : MetricsFormat::text, value);
      const support::Scrape scrape = support::read_metrics(text, open);
      CAPTURE(text);
      CHECK(scrape.faults == std::vector<std::string>{});
      CHECK(scrape.values.size() == 7);
    }
  }
  const support::Scrape scrape = support::read_metrics(example(MetricsFormat::text, "a\"\\\nb"));
  bool seen = false;
  for (const auto& [series, labels] : scrape.labels) {
    if (!series.starts_with("llmrec_things_total")) continue;
    seen = true;
    CHECK(labels.at("name") == "a\"\\\nb");
  }
  CHECK(seen);
}

TEST_CASE("exposition: the checker of these tests sees faults") {
  const std::string good = example(MetricsFormat::text, "x");
  const auto faults = [&good](std::string_view what, std::string_view by) {
    std::string text = good;
    const std::size_t at = text.find(what);
    REQUIRE(at != std::string::npos);
    text.replace(at, what.size(), by);
    return support::read_metrics(text).faults.size();
  };
  CHECK(faults("} 7", "} x") == 1);
  CHECK(faults("kind=\"a\"", "kind=\"a") == 1);
  CHECK(faults("kind=\"a\"", "name=\"a\"") == 1);
  CHECK(faults("} 7\n", "} 7\nllmrec_things_total{name=\"x\",kind=\"a\"} 7\n") == 1);
  CHECK(faults("le=\"1.0\"} 2", "le=\"1.0\"} 1") == 1);
  CHECK(faults("le=\"+Inf\"} 3", "le=\"+Inf\"} 4") == 1);
  CHECK(faults("# TYPE llmrec_size_bytes gauge\n", "") >= 1);
  CHECK(faults("# HELP llmrec_size_bytes Size.", "# HELP llmrec_size_bytes") >= 1);
  CHECK(support::read_metrics(good, true).faults.size() >= 1);
}
