#include "admin/exposition.h"

#include <fmt/format.h>

#include "record/json.h"

namespace llmrec::admin {
namespace {

std::string billionths(std::uint64_t n) {
  std::string text = fmt::format("{}.{:09}", n / 1'000'000'000, n % 1'000'000'000);
  text.resize(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text += '0';
  return text;
}

}  // namespace

std::string_view content_type(MetricsFormat format) {
  return format == MetricsFormat::open_metrics
             ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
             : "text/plain; version=0.0.4; charset=utf-8";
}

// A JSON string is valid UTF-8 with these three escapes and more; what more there is are controls,
// which nobody wants on a screen.
std::string escaped_label(Bytes value) {
  const std::string json = record::json_quoted(value);
  std::string out;
  for (std::size_t i = 1; i + 1 < json.size(); ++i) {
    if (json[i] != '\\') {
      out += json[i];
      continue;
    }
    const char escape = json[++i];
    if (escape == '\\' || escape == '"' || escape == 'n') {
      out += '\\';
      out += escape;
    } else {
      out += ' ';
      if (escape == 'u') i += 4;
    }
  }
  return out;
}

void Exposition::family(std::string_view type, std::string_view name, std::string_view help,
                        std::string_view unit) {
  name_ = name;
  std::string_view declared = name;
  constexpr std::string_view kTotal = "_total";
  // OpenMetrics names a counter's family without the suffix of its samples.
  if (format_ == MetricsFormat::open_metrics && type == "counter" && name.ends_with(kTotal)) {
    declared.remove_suffix(kTotal.size());
  }
  out_ += fmt::format("# HELP {} {}\n# TYPE {} {}\n", declared, help, declared, type);
  if (format_ == MetricsFormat::open_metrics && !unit.empty()) {
    out_ += fmt::format("# UNIT {} {}\n", declared, unit);
  }
}

void Exposition::counter(std::string_view name, std::string_view help, std::string_view unit) {
  family("counter", name, help, unit);
}
void Exposition::gauge(std::string_view name, std::string_view help, std::string_view unit) {
  family("gauge", name, help, unit);
}
void Exposition::histogram(std::string_view name, std::string_view help, std::string_view unit) {
  family("histogram", name, help, unit);
}

void Exposition::line(std::string_view suffix, Labels labels, const Label* last,
                      std::string_view value) {
  out_ += name_;
  out_ += suffix;
  char before = '{';
  const auto add = [&](const Label& label) {
    out_ += before;
    before = ',';
    out_ += label.first;
    out_ += "=\"";
    out_ += escaped_label(label.second);
    out_ += '"';
  };
  for (const Label& label : labels) add(label);
  if (last != nullptr) add(*last);
  if (before == ',') out_ += '}';
  out_ += ' ';
  out_ += value;
  out_ += '\n';
}

void Exposition::sample(Labels labels, std::uint64_t value) {
  line("", labels, nullptr, std::to_string(value));
}
void Exposition::sample_signed(Labels labels, std::int64_t value) {
  line("", labels, nullptr, std::to_string(value));
}
void Exposition::sample_billionths(Labels labels, std::uint64_t value) {
  line("", labels, nullptr, billionths(value));
}

void Exposition::sample_histogram(Labels labels, std::span<const std::string_view> bounds,
                                  std::span<const std::uint64_t> counts, std::uint64_t sum) {
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    below += counts[i];
    const Label le{"le", i < bounds.size() ? bounds[i] : std::string_view("+Inf")};
    line("_bucket", labels, &le, std::to_string(below));
  }
  line("_sum", labels, nullptr, billionths(sum));
  line("_count", labels, nullptr, std::to_string(below));
}

std::string Exposition::done() {
  if (format_ == MetricsFormat::open_metrics) out_ += "# EOF\n";
  return std::move(out_);
}

}  // namespace llmrec::admin
