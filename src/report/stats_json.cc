#include "report/stats_json.h"

#include <fmt/format.h>

#include "record/json.h"
#include "report/format.h"

namespace llmrec::report {
namespace {

constexpr int kSchema = 1;

// Members of an object, one after the other.
class Object {
 public:
  Object& raw(std::string_view key, std::string_view json) {
    text_ += text_.size() == 1 ? "" : ",";
    fmt::format_to(std::back_inserter(text_), "\"{}\":{}", key, json);
    return *this;
  }
  Object& count(std::string_view key, std::uint64_t n) { return raw(key, std::to_string(n)); }
  Object& share(std::string_view key, std::uint64_t part, std::uint64_t of) {
    if (of == 0) return raw(key, "null");
    return raw(key, fmt::format("{:.6f}", static_cast<double>(part) / static_cast<double>(of)));
  }
  Object& ms(std::string_view key, const std::optional<std::uint64_t>& us) {
    return raw(key, us ? fmt::format("{}.{:03}", *us / 1000, *us % 1000) : "null");
  }
  Object& usd(std::string_view key, std::uint64_t nano) {
    return raw(key, fmt::format("{}.{:09}", nano / 1'000'000'000, nano % 1'000'000'000));
  }
  Object& time(std::string_view key, std::int64_t unix_us) {
    if (unix_us <= 0) return raw(key, "null");
    return raw(key, fmt::format("\"{}.{:03}Z\"", local_time(unix_us, true, "%FT%T"),
                                unix_us / 1000 % 1000));
  }
  std::string done() { return std::move(text_ += '}'); }

 private:
  std::string text_ = "{";
};

template <class List, class ToJson>
std::string array(const List& list, ToJson to_json) {
  std::string out = "[";
  for (const auto& item : list) out += (out.size() == 1 ? "" : ",") + to_json(item);
  return out + ']';
}

void put(Object& o, const Tally& t) {
  o.count("calls", t.calls)
      .count("ok", t.ok)
      .count("failed", t.failed)
      .count("aborted", t.aborted)
      .count("interrupted", t.interrupted)
      .share("failure_rate", t.failed, t.calls)
      .share("client_abort_rate", t.aborted, t.calls)
      .share("interruption_rate", t.interrupted, t.calls)
      .count("answered", t.answered)
      .count("usage_missing", t.usage_missing)
      .share("missing_usage_rate", t.usage_missing, t.answered);
  o.raw("time_to_first_token_ms", Object()
                                      .count("calls", t.first_token_us.count())
                                      .ms("p50", t.first_token_us.at(0.5))
                                      .ms("p95", t.first_token_us.at(0.95))
                                      .ms("p99", t.first_token_us.at(0.99))
                                      .done());
  o.raw("tokens", Object()
                      .count("input", t.input_tokens)
                      .count("output", t.output_tokens)
                      .count("input_estimated", t.input_tokens_estimated)
                      .count("output_estimated", t.output_tokens_estimated)
                      .done());
  o.raw("cost_usd", Object()
                        .usd("total", t.cost)
                        .usd("estimated", t.cost_estimated)
                        .usd("cut", t.cost_cut)
                        .usd("retried", t.cost_retried)
                        .usd("wasted", t.cost_wasted)
                        .count("unknown_calls", t.cost_unknown_calls)
                        .done());
}

std::string of_group(const Group& g) {
  Object o;
  o.raw("name", g.name ? record::json_quoted(*g.name) : "null");
  put(o, g.tally);
  return o.done();
}

std::string of_breakdown(const Breakdown& b) {
  Object other;
  put(other, b.other);
  return Object()
      .raw("groups", array(b.groups, of_group))
      .raw("other", b.other.calls == 0 ? "null" : other.done())
      .done();
}

template <class E, class Counts>
std::string by_name(const Counts& counts) {
  Object o;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const auto name = record::name(static_cast<E>(i));
    if (!name.empty() && counts[i] > 0) o.count(name, counts[i]);
  }
  return o.done();
}

std::string chunks(const Figures& f) {
  std::string classes = "[";
  for (std::size_t i = 0; i < kChunkClasses; ++i) {
    Object o;
    o.count("from", chunk_class_begin(i));
    if (i + 1 < kChunkClasses) {
      o.count("to", chunk_class_begin(i + 1) - 1);
    } else {
      o.raw("to", "null");
    }
    classes += (i == 0 ? "" : ",") + o.count("calls", f.chunks_before_interruption[i]).done();
  }
  const auto number = [](const std::optional<std::uint64_t>& n) {
    return n ? std::to_string(*n) : std::string("null");
  };
  return Object()
      .count("calls", f.chunks_interrupted.count())
      .raw("p50", number(f.chunks_interrupted.at(0.5)))
      .raw("p95", number(f.chunks_interrupted.at(0.95)))
      .raw("classes", classes + ']')
      .done();
}

}  // namespace

std::string to_json(const Figures& f) {
  Object o;
  o.count("schema", kSchema)
      .time("first_started_at", f.first_us)
      .time("last_started_at", f.last_us)
      .count("running", f.running)
      .count("unreadable", f.unreadable);
  put(o, f.total);
  o.raw("failures", Object()
                        .count("before_first_token", f.failed_before_first_token)
                        .count("after_first_token", f.failed_after_first_token)
                        .done())
      .raw("failure_stages", by_name<record::Stage>(f.stages))
      .raw("error_types", by_name<record::ErrorType>(f.errors))
      .raw("chunks_before_interruption", chunks(f))
      .raw("retries", Object()
                          .count("calls", f.retries)
                          .count("ok", f.retries_ok)
                          .share("success_rate", f.retries_ok, f.retries)
                          .count("retried", f.retried)
                          .count("not_followed", f.not_followed)
                          .done());
  Object by;
  for (const Breakdown& b : f.breakdowns) {
    const std::string key = record::json_quoted(b.by);
    by.raw(std::string_view(key).substr(1, key.size() - 2), of_breakdown(b));
  }
  o.raw("by", by.done());
  return o
      .raw("over_time", Object()
                            .count("period_ms", static_cast<std::uint64_t>(f.period_ms))
                            .raw("periods", array(f.periods,
                                                  [](const Period& p) {
                                                    return Object()
                                                        .time("started_at", p.start_ms * 1000)
                                                        .count("calls", p.calls)
                                                        .count("failed", p.failed)
                                                        .count("aborted", p.aborted)
                                                        .done();
                                                  }))
                            .done())
      .done();
}

}  // namespace llmrec::report
