#include "report/stats_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "report/bar.h"
#include "report/format.h"
#include "report/table.h"

namespace llmrec::report {
namespace {

using record::Stage;

constexpr std::size_t kLabel = 28;  // "incomplete_tool_arguments" is the longest
constexpr std::size_t kNumber = 9;
constexpr std::size_t kBar = 24;
constexpr std::size_t kGroupsShown = 10;
constexpr std::size_t kErrorsShown = 8;

std::string percent(std::uint64_t part, std::uint64_t of) {
  if (of == 0) return "-";
  return fmt::format("{:.1f} %", 100 * static_cast<double>(part) / static_cast<double>(of));
}

double share(std::uint64_t part, std::uint64_t of) {
  return of == 0 ? 0 : static_cast<double>(part) / static_cast<double>(of);
}

std::string dollars(std::uint64_t nano) {
  return money(static_cast<std::int64_t>(std::min<std::uint64_t>(nano, INT64_MAX)));
}

// "842ms", "5.2s": the largest unit alone, as in a listing.
std::string short_time(const std::optional<std::uint64_t>& us) {
  if (!us) return "-";
  std::string text = duration(
      static_cast<std::int64_t>(std::min<std::uint64_t>(*us, INT64_MAX / kNsPerUs)) * kNsPerUs);
  const std::size_t unit = text.find(' ');
  text.resize(text.compare(unit + 1, 2, "ms") == 0 ? unit + 3 : unit + 2);
  return text.erase(unit, 1);
}

// "5 min", "4 h", "7 d": periods are round.
std::string period_text(std::int64_t ms) {
  const std::int64_t minutes = ms / 60'000;
  if (minutes % (24 * 60) == 0) return fmt::format("{} d", minutes / (24 * 60));
  return minutes % 60 == 0 ? fmt::format("{} h", minutes / 60) : fmt::format("{} min", minutes);
}

Span label(std::string_view text) { return {Role::dim, padded("  " + std::string(text), kLabel)}; }

Line title(std::string_view text, std::string_view more = {}) {
  Line out{{Role::strong, std::string(text)}};
  if (!more.empty()) out.push_back({Role::dim, "  " + std::string(more)});
  return out;
}

class Page {
 public:
  Page(const Figures& f, const Style& style) : f_(f), style_(style) {}
  Lines run() {
    head();
    totals();
    over_time();
    failures();
    errors();
    chunks();
    for (const Breakdown& b : f_.breakdowns) breakdown(b);
    return std::move(out_);
  }

 private:
  void blank() { out_.emplace_back(); }
  void head();
  void totals();
  void over_time();
  void failures();
  void errors();
  void chunks();
  void breakdown(const Breakdown&);
  void text(std::string_view name, const std::string& value) {
    bool first = true;
    for (std::string& line : wrapped(value, style_.width - kLabel)) {
      out_.push_back({label(first ? name : ""), {Role::plain, std::move(line)}});
      first = false;
    }
  }
  // A name, a number, its share of `of`, and a bar against `highest`.
  void row(std::string_view name, std::uint64_t n, std::uint64_t of, double length, Role role) {
    out_.push_back({label(name),
                    {role, padded_left(grouped(n), kNumber)},
                    {Role::dim, padded_left(percent(n, of), kNumber) + "  "},
                    {role, bar(length, kBar, style_)}});
  }
  std::string when(std::int64_t unix_us, bool date) const {
    return local_time(unix_us, style_.utc, date ? "%F %H:%M" : "%H:%M");
  }

  const Figures& f_;
  const Style& style_;
  Lines out_;
};

void Page::head() {
  std::string first = counted(f_.total.calls, "call");
  if (f_.total.calls > 0) {
    const bool one_day =
        local_time(f_.first_us, style_.utc, "%F") == local_time(f_.last_us, style_.utc, "%F");
    const std::string from = when(f_.first_us, true);
    first += ", " + from;
    if (when(f_.last_us, true) != from) first += " to " + when(f_.last_us, !one_day);
    first += ' ' + (style_.utc ? std::string("UTC") : local_time(f_.last_us, false, "%Z"));
  }
  if (f_.running > 0) first += "; " + grouped(f_.running) + " still running";
  out_.push_back(title(first));
}

void Page::totals() {
  const Tally& t = f_.total;
  if (t.calls == 0) return;
  blank();
  row("failed", t.failed, t.calls, share(t.failed, t.calls), Role::bad);
  row("interrupted", t.interrupted, t.calls, share(t.interrupted, t.calls), Role::bad);
  row("client left", t.aborted, t.calls, share(t.aborted, t.calls), Role::warn);
  row("answers without usage", t.usage_missing, t.answered, share(t.usage_missing, t.answered),
      Role::warn);
  if (t.first_token_us.count() > 0) {
    text("first token", "p50 " + short_time(t.first_token_us.at(0.5)) + ", p95 " +
                            short_time(t.first_token_us.at(0.95)) + ", p99 " +
                            short_time(t.first_token_us.at(0.99)) + " (" +
                            counted(t.first_token_us.count(), "call") + ")");
  }
  if (f_.retries > 0) {
    text("retries", counted(f_.retries, "retry", "retries") + ", " + grouped(f_.retries_ok) +
                        " went well (" + percent(f_.retries_ok, f_.retries) + ")");
  }
  std::string tokens = grouped(t.input_tokens) + " in, " + grouped(t.output_tokens) + " out";
  if (t.input_tokens_estimated + t.output_tokens_estimated > 0) {
    tokens += "; without usage about " + grouped(t.input_tokens_estimated) + " in, " +
              grouped(t.output_tokens_estimated) + " out";
  }
  text("tokens", tokens);
  std::string cost = dollars(t.cost);
  if (t.cost_estimated > 0) cost += ", " + dollars(t.cost_estimated) + " of it estimated";
  if (t.cost_unknown_calls > 0) {
    cost += "; not known for " + counted(t.cost_unknown_calls, "answer");
  }
  text("cost", t.cost == 0 && t.cost_unknown_calls > 0 ? "not known" : cost);
  if (t.cost_wasted > 0) {
    text("- for nothing", dollars(t.cost_wasted) + ": " + dollars(t.cost_cut) + " cut or left, " +
                              dollars(t.cost_retried) + " tried again");
  }
}

void Page::over_time() {
  if (f_.periods.size() < 2) return;
  blank();
  out_.push_back(title("Over time", "one column is " + period_text(f_.period_ms)));
  const auto line = [this](std::string_view name, std::uint64_t Period::*count, Role role) {
    std::vector<std::uint64_t> values;
    for (const Period& p : f_.periods) values.push_back(p.*count);
    const std::uint64_t highest = *std::max_element(values.begin(), values.end());
    if (highest == 0) return;
    const std::size_t name_width = 16;
    std::string drawn = columns_of(values, highest, style_);
    out_.push_back({{Role::dim, padded("  " + std::string(name), name_width)}, {role, drawn}});
    out_.back().push_back({Role::dim, ""});
    if (name_width + values.size() + 12 <= style_.width) {
      out_.back().back().text = " at most " + grouped(highest);
    }
  };
  line("calls", &Period::calls, Role::plain);
  line("failed", &Period::failed, Role::bad);
  line("client left", &Period::aborted, Role::warn);
}

void Page::failures() {
  const std::uint64_t failed = f_.total.failed;
  if (failed + f_.total.aborted == 0) return;
  blank();
  out_.push_back(title("Where calls failed"));
  row("before first token", f_.failed_before_first_token, failed,
      share(f_.failed_before_first_token, failed), Role::bad);
  row("after first token", f_.failed_after_first_token, failed,
      share(f_.failed_after_first_token, failed), Role::bad);
  const std::uint64_t highest = *std::max_element(f_.stages.begin() + 1, f_.stages.end());
  blank();
  for (std::size_t i = 1; i < f_.stages.size(); ++i) {
    if (f_.stages[i] == 0) continue;
    row(record::name(static_cast<Stage>(i)), f_.stages[i], f_.total.calls,
        share(f_.stages[i], highest), Role::plain);
  }
}

void Page::errors() {
  std::vector<std::pair<std::uint64_t, std::size_t>> all;
  for (std::size_t i = 1; i < f_.errors.size(); ++i) {
    if (f_.errors[i] > 0) all.emplace_back(f_.errors[i], i);
  }
  if (all.empty()) return;
  std::stable_sort(all.begin(), all.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  blank();
  out_.push_back(title("Errors"));
  for (std::size_t i = 0; i < std::min(all.size(), kErrorsShown); ++i) {
    row(record::name(static_cast<record::ErrorType>(all[i].second)), all[i].first, f_.total.calls,
        share(all[i].first, all[0].first), Role::plain);
  }
  if (all.size() > kErrorsShown) {
    text("", counted(all.size() - kErrorsShown, "more kind", "more kinds") + "; --json has all");
  }
}

void Page::chunks() {
  if (f_.chunks_interrupted.count() == 0) return;
  blank();
  out_.push_back(title("Chunks before an interruption",
                       "half of them at most " + grouped(*f_.chunks_interrupted.at(0.5))));
  const auto& all = f_.chunks_before_interruption;
  const std::uint64_t highest = *std::max_element(all.begin(), all.end());
  std::size_t first = 0;
  std::size_t last = kChunkClasses - 1;
  while (all[first] == 0) ++first;
  while (all[last] == 0) --last;
  for (std::size_t i = first; i <= last; ++i) {
    const std::uint64_t from = chunk_class_begin(i);
    const std::uint64_t to = i + 1 < kChunkClasses ? chunk_class_begin(i + 1) - 1 : 0;
    std::string name = grouped(from);
    if (i + 1 == kChunkClasses) name += " and more";
    if (to > from) name += " to " + grouped(to);
    row(name, all[i], f_.chunks_interrupted.count(), share(all[i], highest), Role::plain);
  }
}

void Page::breakdown(const Breakdown& b) {
  if (b.groups.empty()) return;
  // One group without a name says what the totals said.
  if (b.groups.size() == 1 && !b.groups[0].name && b.by != "provider") return;
  std::vector<Row> rows;
  double highest = 0;
  for (const Group& g : b.groups) highest = std::max(highest, share(g.tally.failed, g.tally.calls));
  const auto add = [&](const std::string& name, const Tally& t) {
    const Role role = t.failed > 0 ? Role::bad : Role::plain;
    rows.push_back({{name},
                    {grouped(t.calls)},
                    {percent(t.failed, t.calls), role},
                    {bar(highest > 0 ? share(t.failed, t.calls) / highest : 0, 6, style_), role},
                    {grouped(t.interrupted)},
                    {short_time(t.first_token_us.at(0.5))},
                    {short_time(t.first_token_us.at(0.95))},
                    {short_time(t.first_token_us.at(0.99))},
                    {t.cost > 0 ? dollars(t.cost) : "-"}});
  };
  std::size_t hidden = 0;
  std::uint64_t hidden_calls = b.other.calls;
  for (const Group& g : b.groups) {
    if (rows.size() < kGroupsShown) {
      add(g.name ? clean(*g.name) : "(none)", g.tally);
    } else {
      ++hidden;
      hidden_calls += g.tally.calls;
    }
  }
  blank();
  out_.push_back(title("By " + clean(b.by)));
  const Lines lines = table({{"NAME", false, 6, 32},
                             {"CALLS", true},
                             {"FAILED", true},
                             {"", false, 0, 6},
                             {"CUT", true},
                             {"P50", true},
                             {"P95", true},
                             {"P99", true},
                             {"COST", true}},
                            rows, style_.width, {0, 3}, style_, 2);
  out_.insert(out_.end(), lines.begin(), lines.end());
  if (hidden_calls > 0) {
    out_.push_back({{Role::dim, "  and " + counted(hidden_calls, "call") + " of " +
                                    (b.other.calls > 0 ? "more than " : "") +
                                    counted(std::max<std::size_t>(hidden, 1), "other") +
                                    "; --json has more"}});
  }
}

}  // namespace

Lines stats_text(const Figures& f, const Style& style) { return Page(f, style).run(); }

}  // namespace llmrec::report
