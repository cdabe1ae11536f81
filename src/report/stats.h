// Figures over many records: what fails where, how long the first token takes, what was paid for
// nothing. Records in, numbers out; the terminal, the JSON and the dashboard show the same ones.
// Knows no store and no terminal. Pure; one thread. Memory is bounded whatever the records say.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "record/summary.h"
#include "report/quantiles.h"

namespace llmrec::report {

// Of calls that have ended, unless another word stands there. Money is in billionths of a dollar.
struct Tally {
  std::uint64_t calls = 0;  // ok + failed + aborted
  std::uint64_t ok = 0;
  std::uint64_t failed = 0;
  std::uint64_t aborted = 0;      // the client left
  std::uint64_t interrupted = 0;  // failed in the middle of an answer
  std::uint64_t answered = 0;     // ended well or reached a first token, and the tap could read it
  std::uint64_t usage_missing = 0;  // answered, and no final usage came
  std::uint64_t input_tokens = 0;   // as the provider counts
  std::uint64_t output_tokens = 0;
  std::uint64_t input_tokens_estimated = 0;  // of calls without usage
  std::uint64_t output_tokens_estimated = 0;
  std::uint64_t cost = 0;
  std::uint64_t cost_estimated = 0;      // part of cost: no usage came
  std::uint64_t cost_cut = 0;            // part of cost: failed or aborted
  std::uint64_t cost_retried = 0;        // part of cost: tried again afterwards
  std::uint64_t cost_wasted = 0;         // part of cost: either of the two
  std::uint64_t cost_unknown_calls = 0;  // answered, and no price or no count is known
  Quantiles first_token_us;

  void add(const record::Summary&, bool retried);
};

struct Group {
  std::optional<std::string> name;  // nullopt: records that have no such word
  Tally tally;
};

struct Breakdown {
  std::string by;             // "provider", "tag:team"
  std::vector<Group> groups;  // most calls first; at most limits::kStatsGroups
  Tally other;                // the records of all further groups
};

struct Period {
  std::int64_t start_ms = 0;  // Unix time
  std::uint64_t calls = 0;
  std::uint64_t failed = 0;
  std::uint64_t aborted = 0;
};

// Classes of chunk counts: 0, 1, 2 to 3, 4 to 7, ..., 2048 and more.
inline constexpr std::size_t kChunkClasses = 13;
constexpr std::uint64_t chunk_class_begin(std::size_t i) { return i == 0 ? 0 : 1ULL << (i - 1); }

struct Figures {
  std::int64_t first_us = 0;  // begin of the oldest and the newest call; 0: there is none
  std::int64_t last_us = 0;
  std::uint64_t running = 0;     // not in any other figure
  std::uint64_t unreadable = 0;  // damaged, or of a newer llmrec; likewise
  Tally total;
  std::array<std::uint64_t, record::kCount<record::Stage>> stages{};
  std::array<std::uint64_t, record::kCount<record::ErrorType>> errors{};
  std::uint64_t failed_before_first_token = 0;
  std::uint64_t failed_after_first_token = 0;
  std::array<std::uint64_t, kChunkClasses> chunks_before_interruption{};
  Quantiles chunks_interrupted;
  std::uint64_t retries = 0;  // calls that try an earlier one again
  std::uint64_t retries_ok = 0;
  std::uint64_t retried = 0;       // calls that were tried again
  std::uint64_t not_followed = 0;  // retries whose earlier call was not looked for: too many
  std::vector<Breakdown> breakdowns;
  std::int64_t period_ms = 0;
  std::vector<Period> periods;  // oldest first, without gaps; at most limits::kStatsPeriods
};

// Failed in the middle of an answer, which the client has a part of.
bool is_interrupted(const record::Summary&);
// Ended well or reached a first token, and the tap could read it: usage was to be expected.
bool has_answer(const record::Summary&);

// What records can be broken down by: provider, model, route, host, operation, tag:KEY.
bool is_breakdown(std::string_view by);
// "provider, model, ...": for a message.
std::string_view breakdowns_in_words();

class Stats {
 public:
  // Empty: provider, model and route. Further ones than limits::kStatsBreakdowns are left out.
  explicit Stats(const std::vector<std::string>& by = {});
  Stats(const Stats&) = delete;
  Stats& operator=(const Stats&) = delete;
  ~Stats();

  // The newest first: else an attempt is not seen to have been tried again.
  void add(const record::Summary&);
  void add_unreadable() { ++figures_.unreadable; }
  Figures finish();  // once

 private:
  class By;
  class Chains;
  class Clock;

  Figures figures_;
  std::vector<std::unique_ptr<By>> by_;
  std::unique_ptr<Chains> chains_;
  std::unique_ptr<Clock> clock_;
};

}  // namespace llmrec::report
