// What Prometheus reads: the text format 0.0.4, and OpenMetrics 1.0 where it asks for that.
// Families and samples in, text out. Label values may be any octets of a stranger's: they are made
// valid UTF-8 and escaped. Names are ours. Pure; one thread.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/bytes.h"

namespace llmrec::admin {

enum class MetricsFormat : std::uint8_t { text, open_metrics };
std::string_view content_type(MetricsFormat);

using Label = std::pair<std::string_view, Bytes>;
using Labels = std::initializer_list<Label>;

class Exposition {
 public:
  explicit Exposition(MetricsFormat format) : format_(format) {}

  // A family's samples follow it, before the next family. `name` of a counter ends in _total. A
  // unit is the last word of the name before that: seconds, bytes; or empty.
  void counter(std::string_view name, std::string_view help, std::string_view unit = {});
  void gauge(std::string_view name, std::string_view help, std::string_view unit = {});
  void histogram(std::string_view name, std::string_view help, std::string_view unit = {});

  void sample(Labels labels, std::uint64_t value);
  void sample_signed(Labels labels, std::int64_t value);
  void sample_billionths(Labels labels, std::uint64_t value);  // 1'500'000'000 is 1.5
  // `bounds`: upper ends as they are printed, "+Inf" left out; `counts`: one more than bounds, each
  // of its own class alone. The sum is in billionths.
  void sample_histogram(Labels labels, std::span<const std::string_view> bounds,
                        std::span<const std::uint64_t> counts, std::uint64_t sum);

  std::string done();  // once

 private:
  void family(std::string_view type, std::string_view name, std::string_view help,
              std::string_view unit);
  void line(std::string_view suffix, Labels labels, const Label* last, std::string_view value);

  MetricsFormat format_;
  std::string name_;
  std::string out_;
};

// A label value as it stands between its quotes.
std::string escaped_label(Bytes);

}  // namespace llmrec::admin
