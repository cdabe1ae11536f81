// What /metrics tells of calls: counters and histograms, added up as records finish, so that a
// scrape never reads the store. Labels are bounded whatever providers and models are called: names
// beyond a cap share "other".
// observe() is for any loop thread: one short lock to find the series, then atomics. write() is for
// any thread. Owned by the daemon; outlives the loops.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "admin/exposition.h"
#include "base/limits.h"
#include "record/record.h"

namespace llmrec::admin {

// Classes of seconds; the last class is what lies above the last bound.
struct Bounds {
  std::span<const std::string_view> printed;
  std::span<const std::int64_t> ns;
};

class Histogram {
 public:
  void observe(const Bounds&, std::int64_t ns);
  void write(Exposition&, Labels, const Bounds&) const;

 private:
  std::array<std::atomic<std::uint64_t>, limits::kMetricBuckets> counts_{};
  std::atomic<std::uint64_t> sum_ns_{0};
};

class Metrics {
 public:
  // A record that has got its verdict.
  void observe(const record::Record&);
  void write(Exposition&) const;

 private:
  using Count = std::atomic<std::uint64_t>;
  // Names that came first, at most so many; all further ones are "other".
  class Names {
   public:
    explicit Names(std::size_t most) : most_(most) {}
    std::string_view known(const std::string& name, bool may_add);

   private:
    std::size_t most_;
    std::set<std::string, std::less<>> names_;  // nodes stay where they are
  };
  // Series are made once and stay: their addresses are good without the lock.
  template <class Key, class Series>
  using Table = std::map<Key, Series>;
  template <class Key, class Series>
  std::vector<std::pair<Key, const Series*>> all(const Table<Key, Series>&) const;

  struct Flow {  // of one provider and dialect
    std::array<Count, record::kCount<record::Status>> calls{};
    std::array<Count, 6> answers{};  // by the first digit of the HTTP status
    Count interrupted{0};
    Count retries{0};
    Count retries_ok{0};
    Count answered{0};
    Count usage_missing{0};
    Count chunks{0};
    Count request_octets{0};
    Count response_octets{0};
    std::array<Count, record::kCount<record::TapState>> tap{};
    Histogram first_token;
    Histogram duration;
    Histogram max_gap;
  };
  struct Work {  // of one provider, model and status
    Count calls{0};
    Count input_reported{0};
    Count input_estimated{0};
    Count output_reported{0};
    Count output_estimated{0};
    Count cost_reported{0};  // billionths of a dollar
    Count cost_estimated{0};
    Count cost_unknown{0};  // calls
  };
  using FlowKey = std::pair<std::string_view, std::string_view>;
  using FailureKey = std::tuple<std::string_view, record::Stage, record::ErrorType>;
  using WorkKey = std::tuple<std::string_view, std::string_view, record::Status>;
  struct Places {
    Flow* flow = nullptr;
    Work* work = nullptr;
    Count* failure = nullptr;
  };
  Places find(const record::Record&);
  void write_flows(Exposition&) const;
  void write_work(Exposition&) const;

  mutable std::mutex mutex_;  // guards the tables and the names, not the numbers
  Names providers_{limits::kMetricProviders};
  Names models_{limits::kMetricModels};
  Names dialects_{limits::kMetricDialects};
  Table<FlowKey, Flow> flows_;
  Table<FailureKey, Count> failures_;
  Table<WorkKey, Work> work_;
  std::array<Count, record::kCount<record::Budget>> budgets_passed_{};
};

}  // namespace llmrec::admin
