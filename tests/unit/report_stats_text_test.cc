#include "report/stats_text.h"

#include <doctest/doctest.h>

#include <sstream>

#include "golden.h"
#include "report/format.h"
#include "stats_sample.h"

using namespace llmrec;
using namespace llmrec::report;

namespace {

Style utc(bool unicode = true) {
  Style style;
  style.utc = true;
  style.unicode = unicode;
  return style;
}

}  // namespace

TEST_CASE("a day of calls") {
  const Figures f = sample::figures_of(sample::day());
  golden::check("stats.txt", sample::plain_text(stats_text(f, utc())));
  golden::check("stats_ascii.txt", sample::plain_text(stats_text(f, utc(false))));
}

TEST_CASE("one good call, and none") {
  auto records = sample::day();
  records.resize(1);
  golden::check("stats_one.txt",
                sample::plain_text(stats_text(sample::figures_of(records), utc())));
  CHECK(sample::plain_text(stats_text(sample::figures_of({}), utc())) == "0 calls\n");
}

TEST_CASE("never wider than the screen, whatever strangers are called") {
  auto records = sample::day();
  for (std::size_t i = 0; i < records.size(); ++i) {
    records[i].model = std::string(200, 'm') + std::to_string(i);
    records[i].cost_nano_usd = 9'000'000'000'000'000'000;
    records[i].provider = "\x1b[31m\n" + std::string(70, 'p');
  }
  const Figures f =
      sample::figures_of(records, {"model", "provider", "tag:" + std::string(64, 'k')});
  for (const std::size_t width : {80U, 200U}) {
    Style style = utc();
    style.width = width;
    std::istringstream in(sample::plain_text(stats_text(f, style)));
    for (std::string line; std::getline(in, line);) {
      INFO(line);
      CHECK(columns(line) <= width);
      CHECK(line.find('\x1b') == std::string::npos);
    }
  }
}
