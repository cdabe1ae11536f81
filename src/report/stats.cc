#include "report/stats.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "base/limits.h"

namespace llmrec::report {
namespace {

using record::ErrorType;
using record::Progress;
using record::Stage;
using record::Status;
using record::Summary;

bool is_retry(const Summary& s) { return s.attempt > 1 || !s.retry_of.empty(); }

void add_count(std::uint64_t& to, const record::Count& n) {
  if (n && *n > 0) to = saturating_add(to, static_cast<std::uint64_t>(*n));
}

struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const {
    return std::hash<std::string_view>()(text);
  }
};

struct IdHash {  // an id ends in 80 random bits
  std::size_t operator()(const RecordId& id) const {
    std::size_t out = 0;
    std::memcpy(&out, id.octets.data() + 8, sizeof out);
    return out;
  }
};

constexpr std::string_view kTag = "tag:";

using WordOf = Bytes (*)(const Summary&);
struct Word {
  std::string_view name;
  WordOf of;
};
constexpr std::array<Word, 5> kWords = {{
    {"provider", [](const Summary& s) { return s.provider; }},
    {"model", [](const Summary& s) { return s.model.empty() ? s.response_model : s.model; }},
    {"route", [](const Summary& s) { return s.tag("route"); }},
    {"host", [](const Summary& s) { return s.host; }},
    {"operation", [](const Summary& s) { return s.operation; }},
}};

}  // namespace

bool is_breakdown(std::string_view by) {
  if (by.substr(0, kTag.size()) == kTag) return by.size() > kTag.size();
  return std::any_of(kWords.begin(), kWords.end(), [by](const Word& w) { return w.name == by; });
}

std::string_view breakdowns_in_words() {
  return "provider, model, route, host, operation or tag:KEY";
}

bool is_interrupted(const Summary& s) {
  if (s.status != Status::failed) return false;
  if (s.failure_stage == Stage::after_finish_reason) {  // else all of the text had come
    return s.error_type == ErrorType::stream_interrupted ||
           s.error_type == ErrorType::upstream_reset;
  }
  return s.failure_stage == Stage::after_first_token || s.failure_stage == Stage::during_tool_call;
}

bool has_answer(const Summary& s) {
  return s.tap != record::TapState::blind &&
         (s.status == Status::ok || s.progress >= Progress::first_token);
}

void Tally::add(const Summary& s, bool retried) {
  ++calls;
  const bool cut = s.status != Status::ok;
  ok += s.status == Status::ok ? 1U : 0U;
  failed += s.status == Status::failed ? 1U : 0U;
  aborted += s.status == Status::aborted ? 1U : 0U;
  interrupted += is_interrupted(s) ? 1U : 0U;
  const bool is_answered = has_answer(s);
  if (is_answered) {
    ++answered;
    usage_missing += s.usage_available ? 0U : 1U;
  }
  add_count(
      s.usage_input ? input_tokens : input_tokens_estimated,
      s.usage_input ? s.usage_input : (is_answered ? s.input_tokens_estimated : record::Count()));
  add_count(s.usage_output ? output_tokens : output_tokens_estimated,
            s.usage_output ? s.usage_output : s.actual_output_tokens);
  if (s.cost_nano_usd) {
    add_count(cost, s.cost_nano_usd);
    if (s.cost_source == record::CostSource::estimated) add_count(cost_estimated, s.cost_nano_usd);
    if (cut) add_count(cost_cut, s.cost_nano_usd);
    if (retried) add_count(cost_retried, s.cost_nano_usd);
    if (cut || retried) add_count(cost_wasted, s.cost_nano_usd);
  } else if (is_answered) {
    ++cost_unknown_calls;
  }
  if (s.time_to_first_token_ns && *s.time_to_first_token_ns >= 0) {
    first_token_us.add(static_cast<std::uint64_t>(*s.time_to_first_token_ns / 1000));
  }
}

class Stats::By {
 public:
  explicit By(const std::string& by) {
    out_.by = by;
    if (by.substr(0, kTag.size()) == kTag) {
      tag_ = by.substr(kTag.size());
      return;
    }
    for (const Word& word : kWords) {
      if (word.name == by) of_ = word.of;
    }
  }
  void add(const Summary& s, bool retried) {
    find(of_ != nullptr ? of_(s) : s.tag(tag_)).add(s, retried);
  }
  Breakdown finish() {
    std::stable_sort(out_.groups.begin(), out_.groups.end(), [](const Group& a, const Group& b) {
      if (a.tally.calls != b.tally.calls) return a.tally.calls > b.tally.calls;
      return a.name < b.name;
    });
    return std::move(out_);
  }

 private:
  Tally& find(Bytes name) {
    if (name == last_name_ && last_ < out_.groups.size()) return out_.groups[last_].tally;
    const auto known = places_.find(name);
    std::size_t place = 0;
    if (known != places_.end()) {
      place = known->second;
    } else if (out_.groups.size() == limits::kStatsGroups) {
      return out_.other;
    } else {
      place = out_.groups.size();
      out_.groups.emplace_back();
      if (!name.empty()) out_.groups.back().name = std::string(name);
      places_.emplace(std::string(name), place);
    }
    last_name_ = name;
    last_ = place;
    return out_.groups[place].tally;
  }

  Breakdown out_;
  WordOf of_ = nullptr;
  std::string tag_;
  std::unordered_map<std::string, std::size_t, TextHash, std::equal_to<>> places_;
  std::string last_name_;  // calls of one kind come in rows
  std::size_t last_ = static_cast<std::size_t>(-1);
};

// Ids that a later attempt names, until the earlier attempt comes by.
class Stats::Chains {
 public:
  bool was_retried(const RecordId& id) { return !waiting_.empty() && waiting_.erase(id) == 1; }
  bool wait_for(const RecordId& id) {
    if (waiting_.size() == limits::kStatsChains) return false;
    waiting_.insert(id);
    return true;
  }

 private:
  std::unordered_set<RecordId, IdHash> waiting_;
};

// Counts per period; the periods grow where the records reach further back than the picture can.
class Stats::Clock {
 public:
  void add(const Summary& s) {
    const std::int64_t ms = std::max<std::int64_t>(0, s.started_at_us / 1000);
    first_ = empty_ ? ms : std::min(first_, ms);
    last_ = empty_ ? ms : std::max(last_, ms);
    empty_ = false;
    while (last_ / width() - first_ / width() >= std::int64_t{limits::kStatsPeriods}) widen();
    Period& p = at(ms);
    ++p.calls;
    p.failed += s.status == Status::failed ? 1U : 0U;
    p.aborted += s.status == Status::aborted ? 1U : 0U;
  }
  void finish(Figures& out) const {
    if (empty_) return;
    out.period_ms = width();
    for (std::int64_t n = first_ / width(); n <= last_ / width(); ++n) {
      const auto p = periods_.find(n);
      out.periods.push_back(p == periods_.end() ? Period() : p->second);
      out.periods.back().start_ms = n * width();
    }
  }

 private:
  static constexpr std::int64_t kMinute = 60'000;
  static constexpr std::int64_t kDay = 24 * 60 * kMinute;
  // Each divides the next, so that periods can be joined.
  static constexpr std::array<std::int64_t, 8> kWidths = {
      kMinute, 5 * kMinute, 15 * kMinute, 60 * kMinute, 240 * kMinute, kDay, 7 * kDay, 28 * kDay};

  std::int64_t width() const { return width_; }
  void widen() {
    ++step_;
    width_ = step_ < kWidths.size() ? kWidths[step_] : width_ * 2;
    std::map<std::int64_t, Period> wider;
    const std::int64_t before = step_ <= kWidths.size() - 1 ? kWidths[step_ - 1] : width_ / 2;
    for (const auto& [n, p] : periods_) {
      Period& to = wider[n / (width_ / before)];
      to.calls += p.calls;
      to.failed += p.failed;
      to.aborted += p.aborted;
    }
    periods_ = std::move(wider);
    cached_ = nullptr;
  }
  Period& at(std::int64_t ms) {
    const std::int64_t n = ms / width();
    if (cached_ == nullptr || cached_number_ != n) {
      cached_ = &periods_[n];
      cached_number_ = n;
    }
    return *cached_;
  }

  bool empty_ = true;
  std::int64_t first_ = 0;
  std::int64_t last_ = 0;
  std::size_t step_ = 0;
  std::int64_t width_ = kMinute;
  std::map<std::int64_t, Period> periods_;
  Period* cached_ = nullptr;
  std::int64_t cached_number_ = 0;
};

Stats::Stats(const std::vector<std::string>& by)
    : chains_(std::make_unique<Chains>()), clock_(std::make_unique<Clock>()) {
  const std::vector<std::string> usual = {"provider", "model", "route"};
  for (const std::string& one : by.empty() ? usual : by) {
    if (by_.size() < limits::kStatsBreakdowns) by_.push_back(std::make_unique<By>(one));
  }
}

Stats::~Stats() = default;

void Stats::add(const Summary& s) {
  Figures& f = figures_;
  if (!s.retry_of.empty() && !chains_->wait_for(s.retry_of)) ++f.not_followed;
  if (s.status == Status::open) {
    ++f.running;
    return;
  }
  const bool retried = chains_->was_retried(s.request_id);
  f.first_us = f.total.calls == 0 ? s.started_at_us : std::min(f.first_us, s.started_at_us);
  f.last_us = f.total.calls == 0 ? s.started_at_us : std::max(f.last_us, s.started_at_us);
  f.total.add(s, retried);
  for (const auto& by : by_) by->add(s, retried);
  clock_->add(s);
  f.retried += retried ? 1U : 0U;
  if (is_retry(s)) {
    ++f.retries;
    f.retries_ok += s.status == Status::ok ? 1U : 0U;
  }
  ++f.stages[static_cast<std::size_t>(s.failure_stage)];
  ++f.errors[static_cast<std::size_t>(s.error_type)];
  if (s.status == Status::failed) {
    ++(s.progress >= Progress::first_token ? f.failed_after_first_token
                                           : f.failed_before_first_token);
  }
  if (is_interrupted(s)) {
    const auto number = static_cast<std::size_t>(std::bit_width(s.chunks_received));
    ++f.chunks_before_interruption[std::min(number, kChunkClasses - 1)];
    f.chunks_interrupted.add(s.chunks_received);
  }
}

Figures Stats::finish() {
  for (const auto& by : by_) figures_.breakdowns.push_back(by->finish());
  clock_->finish(figures_);
  return std::move(figures_);
}

}  // namespace llmrec::report
