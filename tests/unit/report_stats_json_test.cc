#include "report/stats_json.h"

#include <doctest/doctest.h>

#include "golden.h"
#include "stats_sample.h"

using namespace llmrec::report;

TEST_CASE("all figures as JSON") {
  llmrec::golden::check("stats.json", to_json(sample::figures_of(sample::day())) + "\n");
}

TEST_CASE("nothing to divide by is null, and names of strangers are escaped") {
  const std::string empty = to_json(sample::figures_of({}));
  CHECK(empty.find("\"failure_rate\":null") != std::string::npos);
  CHECK(empty.find("\"first_started_at\":null") != std::string::npos);
  CHECK(empty.find("\"p50\":null") != std::string::npos);
  auto records = sample::day();
  records.resize(1);
  records[0].model = "a\"b\n\xff";
  records[0].tags = {{"k\"", "v"}};
  const std::string odd = to_json(sample::figures_of(records, {"model", "tag:k\""}));
  CHECK(odd.find(R"("name":"a\"b\n)"
                 "\xef\xbf\xbd"
                 R"(")") != std::string::npos);
  CHECK(odd.find(R"("tag:k\"":{)") != std::string::npos);
}
