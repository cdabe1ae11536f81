#include "admin/metrics.h"

#include <algorithm>

#include "record/summary.h"
#include "report/stats.h"

namespace llmrec::admin {
namespace {

using record::Record;
using record::Status;
using record::TapState;

constexpr std::int64_t kSecond = 1'000'000'000;

// As far as reasoning models make one wait.
constexpr std::array<std::string_view, 13> kTokenText = {"0.05", "0.1",   "0.2",  "0.4",  "0.8",
                                                         "1.5",  "3.0",   "6.0",  "12.0", "25.0",
                                                         "50.0", "100.0", "200.0"};
constexpr std::array<std::int64_t, 13> kTokenNs = {
    kSecond / 20,    kSecond / 10,  kSecond / 5,  kSecond * 2 / 5, kSecond * 4 / 5,
    kSecond * 3 / 2, kSecond * 3,   kSecond * 6,  kSecond * 12,    kSecond * 25,
    kSecond * 50,    kSecond * 100, kSecond * 200};
constexpr Bounds kToken{kTokenText, kTokenNs};

constexpr std::array<std::string_view, 14> kCallText = {"0.1",   "0.25",  "0.5",   "1.0",   "2.5",
                                                        "5.0",   "10.0",  "20.0",  "40.0",  "60.0",
                                                        "120.0", "300.0", "600.0", "1800.0"};
constexpr std::array<std::int64_t, 14> kCallNs = {
    kSecond / 10,  kSecond / 4,   kSecond / 2,   kSecond,       kSecond * 5 / 2,
    kSecond * 5,   kSecond * 10,  kSecond * 20,  kSecond * 40,  kSecond * 60,
    kSecond * 120, kSecond * 300, kSecond * 600, kSecond * 1800};
constexpr Bounds kCall{kCallText, kCallNs};
static_assert(kTokenText.size() < limits::kMetricBuckets);
static_assert(kCallText.size() < limits::kMetricBuckets);

constexpr std::string_view kOther = "other";

std::uint64_t number(const record::Count& n) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(0, n.value_or(0)));
}

void add(std::atomic<std::uint64_t>& to, std::uint64_t n) {
  if (n != 0) to.fetch_add(n, std::memory_order_relaxed);
}

std::uint64_t get(const std::atomic<std::uint64_t>& of) {
  return of.load(std::memory_order_relaxed);
}

template <class E>
std::string_view label_of(E e) {
  const std::string_view name = record::name(e);
  return name.empty() ? "none" : name;
}

}  // namespace

void Histogram::observe(const Bounds& bounds, std::int64_t ns) {
  if (ns < 0) return;
  const auto at = std::lower_bound(bounds.ns.begin(), bounds.ns.end(), ns);
  add(counts_[static_cast<std::size_t>(at - bounds.ns.begin())], 1);
  add(sum_ns_, static_cast<std::uint64_t>(ns));
}

void Histogram::write(Exposition& to, Labels labels, const Bounds& bounds) const {
  std::array<std::uint64_t, limits::kMetricBuckets> counts{};
  for (std::size_t i = 0; i < counts.size(); ++i) counts[i] = get(counts_[i]);
  to.sample_histogram(labels, bounds.printed, std::span(counts).first(bounds.ns.size() + 1),
                      get(sum_ns_));
}

std::string_view Metrics::Names::known(const std::string& name, bool may_add) {
  const std::string_view wanted = name.empty() ? std::string_view("unknown") : name;
  const auto found = names_.find(wanted);
  if (found != names_.end()) return *found;
  if (!may_add || names_.size() >= most_) return kOther;
  return *names_.emplace(wanted).first;
}

Metrics::Places Metrics::find(const Record& r) {
  const std::lock_guard lock(mutex_);
  const std::string_view provider = providers_.known(r.provider, true);
  const std::string_view dialect = dialects_.known(r.dialect, true);
  // A model is what a request says: only one that was answered gets a series of its own.
  const bool exists = r.http_status && *r.http_status >= 200 && *r.http_status < 300;
  const std::string_view model = models_.known(r.model, exists);
  Places places;
  const FlowKey flow{provider, dialect};
  const bool room = flows_.size() < limits::kMetricFlows || flows_.contains(flow);
  places.flow = &flows_[room ? flow : FlowKey{kOther, kOther}];
  const WorkKey work{provider, model, r.status};
  const bool work_room = work_.size() < limits::kMetricWork || work_.contains(work);
  places.work = &work_[work_room ? work : WorkKey{kOther, kOther, r.status}];
  if (r.status == Status::failed || r.status == Status::aborted) {
    const FailureKey failure{provider, r.failure_stage, r.error_type};
    const bool failure_room =
        failures_.size() < limits::kMetricFailures || failures_.contains(failure);
    places.failure =
        &failures_[failure_room ? failure : FailureKey{kOther, r.failure_stage, r.error_type}];
  }
  return places;
}

void Metrics::observe(const Record& r) {
  const Places places = find(r);
  const record::Summary summary = record::summary_of(r);
  const bool answered = report::has_answer(summary);
  if (places.failure != nullptr) add(*places.failure, 1);
  Flow& flow = *places.flow;
  add(flow.calls[static_cast<std::size_t>(r.status)], 1);
  if (r.http_status && *r.http_status >= 100 && *r.http_status < 600) {
    add(flow.answers[static_cast<std::size_t>(*r.http_status / 100)], 1);
  }
  add(flow.interrupted, report::is_interrupted(summary) ? 1 : 0);
  const bool retry = r.attempt > 1 || !r.retry_of.empty();
  add(flow.retries, retry ? 1 : 0);
  add(flow.retries_ok, retry && r.status == Status::ok ? 1 : 0);
  add(flow.answered, answered ? 1 : 0);
  add(flow.usage_missing, answered && !r.usage_available ? 1 : 0);
  add(flow.chunks, r.chunks_received);
  add(flow.request_octets, r.request_bytes);
  add(flow.response_octets, r.response_bytes);
  add(flow.tap[static_cast<std::size_t>(r.tap)], 1);
  if (r.time_to_first_token_ns) flow.first_token.observe(kToken, *r.time_to_first_token_ns);
  if (r.duration_ns) flow.duration.observe(kCall, *r.duration_ns);
  if (r.max_gap_ns) flow.max_gap.observe(kCall, *r.max_gap_ns);
  for (std::size_t i = 0; i < budgets_passed_.size(); ++i) {
    add(budgets_passed_[i], r.timeouts_exceeded.contains(static_cast<record::Budget>(i)) ? 1 : 0);
  }
  Work& work = *places.work;
  add(work.calls, 1);
  if (r.usage.input) {
    add(work.input_reported, number(r.usage.input));
  } else if (answered) {
    add(work.input_estimated, number(r.input_tokens_estimated));
  }
  if (r.usage.output) {
    add(work.output_reported, number(r.usage.output));
  } else {
    add(work.output_estimated, number(r.actual_output_tokens));
  }
  if (r.cost_nano_usd) {
    add(r.cost_source == record::CostSource::estimated ? work.cost_estimated : work.cost_reported,
        number(r.cost_nano_usd));
  } else {
    add(work.cost_unknown, answered ? 1 : 0);
  }
}

template <class Key, class Series>
std::vector<std::pair<Key, const Series*>> Metrics::all(const Table<Key, Series>& table) const {
  const std::lock_guard lock(mutex_);
  std::vector<std::pair<Key, const Series*>> out;
  out.reserve(table.size());
  for (const auto& [key, series] : table) out.emplace_back(key, &series);
  return out;
}

void Metrics::write_flows(Exposition& to) const {
  const auto flows = all(flows_);
  // One family after the other, each with all its series.
  const auto each = [&](auto write) {
    for (const auto& [key, flow] : flows) write(key.first, key.second, *flow);
  };
  to.counter("llmrec_requests_total", "Calls that have ended, by how.");
  each([&](Bytes provider, Bytes dialect, const Flow& f) {
    for (const Status s : {Status::ok, Status::failed, Status::aborted}) {
      to.sample({{"provider", provider}, {"dialect", dialect}, {"status", record::name(s)}},
                get(f.calls[static_cast<std::size_t>(s)]));
    }
  });
  to.counter("llmrec_responses_total", "Response heads, by the class of their status.");
  constexpr std::array<std::string_view, 6> kClasses = {"", "1xx", "2xx", "3xx", "4xx", "5xx"};
  each([&](Bytes provider, Bytes dialect, const Flow& f) {
    for (std::size_t i = 1; i < kClasses.size(); ++i) {
      if (get(f.answers[i]) == 0 && i != 2) continue;
      to.sample({{"provider", provider}, {"dialect", dialect}, {"code", kClasses[i]}},
                get(f.answers[i]));
    }
  });
  const auto plain = [&](std::string_view name, std::string_view help, Count Flow::*member,
                         std::string_view unit = {}) {
    to.counter(name, help, unit);
    each([&](Bytes provider, Bytes dialect, const Flow& f) {
      to.sample({{"provider", provider}, {"dialect", dialect}}, get(f.*member));
    });
  };
  plain("llmrec_interrupted_total", "Calls that failed in the middle of an answer.",
        &Flow::interrupted);
  plain("llmrec_retries_total", "Calls that try an earlier one again.", &Flow::retries);
  plain("llmrec_retries_ok_total", "Those of them that ended well.", &Flow::retries_ok);
  plain("llmrec_answered_total", "Calls with an answer that the tap could read.", &Flow::answered);
  plain("llmrec_missing_usage_total", "Those of them without final usage.", &Flow::usage_missing);
  plain("llmrec_chunks_received_total", "Data events of streams.", &Flow::chunks);
  plain("llmrec_request_bytes_total", "Bytes of requests.", &Flow::request_octets, "bytes");
  plain("llmrec_response_bytes_total", "Bytes of responses.", &Flow::response_octets, "bytes");
  to.counter("llmrec_taps_total", "Calls by how much of them the tap could read.");
  each([&](Bytes provider, Bytes dialect, const Flow& f) {
    for (std::size_t i = 0; i < f.tap.size(); ++i) {
      to.sample({{"provider", provider},
                 {"dialect", dialect},
                 {"tap", record::name(static_cast<TapState>(i))}},
                get(f.tap[i]));
    }
  });
  const auto spread = [&](std::string_view name, std::string_view help, Histogram Flow::*member,
                          const Bounds& bounds) {
    to.histogram(name, help, "seconds");
    each([&](Bytes provider, Bytes dialect, const Flow& f) {
      (f.*member).write(to, {{"provider", provider}, {"dialect", dialect}}, bounds);
    });
  };
  spread("llmrec_time_to_first_token_seconds",
         "From the request to the first text, reasoning or tool call of a stream.",
         &Flow::first_token, kToken);
  spread("llmrec_request_duration_seconds", "From the first to the last byte of a call.",
         &Flow::duration, kCall);
  spread("llmrec_max_gap_seconds", "The longest silence in each stream.", &Flow::max_gap, kCall);
}

void Metrics::write_work(Exposition& to) const {
  const auto works = all(work_);
  const auto each = [&](auto write) {
    for (const auto& [key, work] : works) {
      write(std::get<0>(key), std::get<1>(key), record::name(std::get<2>(key)), *work);
    }
  };
  to.counter("llmrec_model_requests_total", "Calls that have ended, by model.");
  each([&](Bytes provider, Bytes model, Bytes status, const Work& w) {
    to.sample({{"provider", provider}, {"model", model}, {"status", status}}, get(w.calls));
  });
  to.counter("llmrec_tokens_total",
             "Tokens, as the provider reported them or as estimated where it did not.");
  each([&](Bytes provider, Bytes model, Bytes status, const Work& w) {
    const auto put = [&](std::string_view direction, std::string_view source, const Count& n) {
      to.sample({{"provider", provider},
                 {"model", model},
                 {"status", status},
                 {"direction", direction},
                 {"source", source}},
                get(n));
    };
    put("input", "reported", w.input_reported);
    put("input", "estimated", w.input_estimated);
    put("output", "reported", w.output_reported);
    put("output", "estimated", w.output_estimated);
  });
  to.counter("llmrec_cost_dollars_total",
             "Cost of calls in US dollars; what failed or was aborted is money for nothing.");
  each([&](Bytes provider, Bytes model, Bytes status, const Work& w) {
    const auto put = [&](std::string_view source, const Count& n) {
      to.sample_billionths(
          {{"provider", provider}, {"model", model}, {"status", status}, {"source", source}},
          get(n));
    };
    put("reported", w.cost_reported);
    put("estimated", w.cost_estimated);
  });
  to.counter("llmrec_cost_unknown_total", "Answered calls whose cost is not known.");
  each([&](Bytes provider, Bytes model, Bytes status, const Work& w) {
    to.sample({{"provider", provider}, {"model", model}, {"status", status}}, get(w.cost_unknown));
  });
}

void Metrics::write(Exposition& to) const {
  write_flows(to);
  to.counter("llmrec_failures_total", "Failed and aborted calls, by where and why.");
  for (const auto& [key, count] : all(failures_)) {
    to.sample({{"provider", std::get<0>(key)},
               {"stage", label_of(std::get<1>(key))},
               {"error_type", label_of(std::get<2>(key))}},
              get(*count));
  }
  write_work(to);
  to.counter("llmrec_budgets_passed_total", "Calls that passed a time-out budget.");
  for (std::size_t i = 0; i < budgets_passed_.size(); ++i) {
    to.sample({{"budget", record::name(static_cast<record::Budget>(i))}}, get(budgets_passed_[i]));
  }
}

}  // namespace llmrec::admin
