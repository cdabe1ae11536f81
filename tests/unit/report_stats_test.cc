#include "report/stats.h"

#include <doctest/doctest.h>

#include <numeric>

#include "base/limits.h"
#include "stats_sample.h"

using namespace llmrec;
using namespace llmrec::report;
using record::CostSource, record::TapState;
using record::Record, record::Status, record::Stage, record::ErrorType, record::Progress;
namespace sample = report::sample;

namespace {

Record call(Status status, Stage stage = Stage::none, ErrorType error = ErrorType::none) {
  static RecordIdMint mint(9);
  Record r = llmrec::record::sample::typical();
  r.request_id = mint.mint(r.started_at_us / 1000);
  r.status = status;
  r.failure_stage = stage;
  r.error_type = error;
  if (status == Status::ok) return r;
  r.usage_available = false;
  r.usage = {};
  r.progress = Progress::first_token;
  return r;
}

std::uint64_t calls_in(const Breakdown& b) {
  return std::accumulate(b.groups.begin(), b.groups.end(), b.other.calls,
                         [](std::uint64_t n, const Group& g) { return n + g.tally.calls; });
}

}  // namespace

TEST_CASE("nothing at all") {
  const Figures f = sample::figures_of({});
  CHECK(f.total.calls == 0);
  CHECK(f.first_us == 0);
  CHECK(f.periods.empty());
  CHECK_FALSE(f.total.first_token_us.at(0.5));
  REQUIRE(f.breakdowns.size() == 3);
  CHECK(f.breakdowns[0].groups.empty());
}

TEST_CASE("every ended call is in one status, in every breakdown once, and in one period") {
  const auto records = sample::day();
  const Figures f = sample::figures_of(records);
  CHECK(f.running == 1);
  CHECK(f.total.calls + f.running == records.size());
  CHECK(f.total.ok + f.total.failed + f.total.aborted == f.total.calls);
  CHECK(f.failed_before_first_token + f.failed_after_first_token == f.total.failed);
  for (const Breakdown& b : f.breakdowns) CHECK(calls_in(b) == f.total.calls);
  std::uint64_t in_periods = 0;
  for (const Period& p : f.periods) in_periods += p.calls;
  CHECK(in_periods == f.total.calls);
  CHECK(std::accumulate(f.stages.begin(), f.stages.end(), std::uint64_t{0}) == f.total.calls);
  CHECK(std::accumulate(f.errors.begin(), f.errors.end(), std::uint64_t{0}) == f.total.calls);
  CHECK(f.first_us == records.front().started_at_us);
}

TEST_CASE("interrupted: in the middle of the answer, not before and not after") {
  const auto interrupted = [](Stage stage, ErrorType error) {
    return sample::figures_of({call(Status::failed, stage, error)}).total.interrupted == 1;
  };
  CHECK(interrupted(Stage::after_first_token, ErrorType::upstream_reset));
  CHECK(interrupted(Stage::during_tool_call, ErrorType::incomplete_tool_arguments));
  CHECK(interrupted(Stage::after_finish_reason, ErrorType::stream_interrupted));
  CHECK_FALSE(interrupted(Stage::after_finish_reason, ErrorType::missing_usage));
  CHECK_FALSE(interrupted(Stage::before_first_token, ErrorType::upstream_reset));
  CHECK_FALSE(interrupted(Stage::request_rejected, ErrorType::rate_limit));
  CHECK(sample::figures_of({call(Status::aborted, Stage::client_aborted)}).total.interrupted == 0);
}

TEST_CASE("chunks before an interruption fall into classes") {
  std::vector<Record> records;
  for (const std::uint64_t chunks : {0U, 1U, 2U, 3U, 4U, 7U, 8U, 2047U, 2048U, 1U << 30}) {
    records.push_back(call(Status::failed, Stage::after_first_token));
    records.back().chunks_received = chunks;
  }
  records.push_back(call(Status::ok));
  const Figures f = sample::figures_of(records);
  const std::array<std::uint64_t, kChunkClasses> expected{1, 1, 2, 2, 1, 0, 0, 0, 0, 0, 0, 1, 2};
  CHECK(f.chunks_before_interruption == expected);
  CHECK(chunk_class_begin(0) == 0);
  CHECK(chunk_class_begin(12) == 2048);
}

TEST_CASE("usage is missing only where an answer could have had it") {
  Record blind = call(Status::failed, Stage::after_first_token);
  blind.tap = TapState::blind;
  Record rejected = call(Status::failed, Stage::request_rejected);
  rejected.progress = Progress::headers;
  const Figures f = sample::figures_of(
      {blind, rejected, call(Status::ok), call(Status::failed, Stage::after_first_token)});
  CHECK(f.total.answered == 2);
  CHECK(f.total.usage_missing == 1);
}

TEST_CASE("tokens and money: counted, estimated, cut and tried again") {
  Record ok = call(Status::ok);
  ok.usage.input = 100;
  ok.usage.output = 10;
  ok.cost_nano_usd = 1000;
  ok.cost_source = CostSource::reported;
  Record cut = call(Status::failed, Stage::after_first_token);
  cut.input_tokens_estimated = 50;
  cut.actual_output_tokens = 5;
  cut.cost_nano_usd = 300;
  cut.cost_source = CostSource::estimated;
  Record again = call(Status::ok);
  again.usage = {};
  again.input_tokens_estimated = {};
  again.actual_output_tokens = {};
  again.retry_of = cut.request_id;
  again.cost_nano_usd = {};
  Record third = call(Status::ok);
  third.retry_of = ok.request_id;  // the answer was not good enough
  third.usage = {};
  third.input_tokens_estimated = third.actual_output_tokens = {};
  third.cost_nano_usd = 1;
  const Figures f = sample::figures_of({ok, cut, again, third});
  CHECK(f.total.input_tokens == 100);
  CHECK(f.total.output_tokens == 10);
  CHECK(f.total.input_tokens_estimated == 50);
  CHECK(f.total.output_tokens_estimated == 5);
  CHECK(f.total.cost == 1301);
  CHECK(f.total.cost_estimated == 300);
  CHECK(f.total.cost_cut == 300);
  CHECK(f.total.cost_retried == 1300);
  CHECK(f.total.cost_wasted == 1300);
  CHECK(f.total.cost_unknown_calls == 1);
  CHECK(f.retries == 2);
  CHECK(f.retries_ok == 2);
  CHECK(f.retried == 2);
}

TEST_CASE("a retry that still runs marks the earlier call, and counts no result") {
  Record first = call(Status::failed, Stage::before_first_token);
  Record second = call(Status::open);
  second.retry_of = first.request_id;
  second.attempt = 2;
  const Figures f = sample::figures_of({first, second});
  CHECK(f.retried == 1);
  CHECK(f.retries == 0);
  CHECK(f.running == 1);
}

TEST_CASE("an attempt number alone makes a retry") {
  Record r = call(Status::ok);
  r.attempt = 3;
  const Figures f = sample::figures_of({r});
  CHECK(f.retries == 1);
  CHECK(f.retried == 0);
}

TEST_CASE("groups: by any word, most calls first, without a name too") {
  CHECK(is_breakdown("tag:team"));
  CHECK_FALSE(is_breakdown("tag:"));
  CHECK_FALSE(is_breakdown("colour"));
  std::vector<Record> records;
  for (int i = 0; i < 3; ++i) records.push_back(call(Status::ok));
  records[0].tags = {{"team", "a"}, {"route", "r"}};
  records[1].tags = {{"team", "a"}};
  records[2].tags = {};
  records[1].model = "";
  records[1].response_model = "answered";
  const Figures f =
      sample::figures_of(records, {"tag:team", "route", "model", "host", "operation"});
  REQUIRE(f.breakdowns.size() == 5);
  REQUIRE(f.breakdowns[0].groups.size() == 2);
  CHECK(f.breakdowns[0].groups[0].name == "a");
  CHECK(f.breakdowns[0].groups[0].tally.calls == 2);
  CHECK_FALSE(f.breakdowns[0].groups[1].name);
  CHECK_FALSE(f.breakdowns[1].groups[0].name);
  CHECK(f.breakdowns[1].groups[1].name == "r");
  CHECK(f.breakdowns[2].groups[1].name == "answered");
  CHECK(f.breakdowns[3].groups[0].name == "api.openai.com");
  CHECK(f.breakdowns[4].groups[0].name == "chat.completions.stream");
}

TEST_CASE("names without end share one group") {
  std::vector<Record> records;
  for (std::size_t i = 0; i < limits::kStatsGroups + 50; ++i) {
    records.push_back(call(Status::ok));
    records.back().model = "model-" + std::to_string(i);
  }
  const Figures f = sample::figures_of(records, {"model"});
  CHECK(f.breakdowns[0].groups.size() == limits::kStatsGroups);
  CHECK(f.breakdowns[0].other.calls == 50);
}

TEST_CASE("periods grow until all fit, lose nothing, and have no gaps") {
  const std::int64_t day_us = 24LL * 3600 * 1'000'000;
  for (const std::int64_t span_us :
       std::initializer_list<std::int64_t>{0, 30LL * 60'000'000, 3600LL * 1'000'000, day_us,
                                           31 * day_us, 3650 * day_us, 9'000'000'000'000'000'000}) {
    CAPTURE(span_us);
    std::vector<Record> records;
    for (int i = 0; i <= 100; ++i) {
      records.push_back(call(Status::ok));
      records.back().started_at_us = 100'000'000 + span_us / 100 * i;
    }
    const Figures f = sample::figures_of(records);
    CHECK(f.periods.size() <= limits::kStatsPeriods);
    std::uint64_t calls = 0;
    for (std::size_t i = 0; i < f.periods.size(); ++i) {
      calls += f.periods[i].calls;
      CHECK(f.periods[i].start_ms % f.period_ms == 0);
      if (i > 0) CHECK(f.periods[i].start_ms == f.periods[i - 1].start_ms + f.period_ms);
    }
    CHECK(calls == 101);
    CHECK(f.periods.front().calls > 0);
    CHECK(f.periods.back().calls > 0);
  }
}
