#include "report/picture.h"

#include <algorithm>
#include <array>
#include <string>

#include "base/clock.h"
#include "report/format.h"

namespace llmrec::report {
namespace {

using record::Record;
using record::Status;

// Shorter gaps are the rhythm of a stream, not a silence.
constexpr std::int64_t kSilenceNs = 100 * kNsPerMs;
constexpr std::size_t kTimeColumns = 12;
// No call runs for a month; a damaged record must not overflow the arithmetic below.
constexpr std::int64_t kLongestCallNs = 31LL * 24 * 3600 * kNsPerSecond;

Span label(std::string_view text) {
  return {Role::dim, padded("  " + std::string(text), kLabelColumns)};
}

Role verdict_role(const Record& r) {
  switch (r.status) {
    case Status::ok:
      return Role::good;
    case Status::failed:
      return Role::bad;
    default:
      return Role::warn;
  }
}

// A bar between two places of an axis, both in eighths of a column.
std::string bar(std::int64_t from, std::int64_t to, const Style& style) {
  static constexpr std::array<const char*, 8> kEighths = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  const std::int64_t first = from / 8;
  std::string out(static_cast<std::size_t>(first), ' ');
  const std::int64_t length = to - first * 8;
  if (!style.unicode) {
    return out + std::string(static_cast<std::size_t>(std::max<std::int64_t>(1, length / 8)), '=');
  }
  for (std::int64_t i = 0; i < length / 8; ++i) out += "█";
  return out +
         (length < 8 && length % 8 == 0 ? "▏" : kEighths[static_cast<std::size_t>(length % 8)]);
}

struct Milestone {
  std::string_view name;
  std::int64_t at_ns;
};

std::vector<Milestone> milestones(const Record& r) {
  std::vector<Milestone> out;
  const auto add = [&out](std::string_view name, const record::Nanos& at) {
    if (!at || *at < 0 || *at > kLongestCallNs) return;
    out.push_back({name, out.empty() ? *at : std::max(*at, out.back().at_ns)});
  };
  add("request sent", r.time_to_request_sent_ns);
  add("headers", r.time_to_headers_ns);
  if (r.time_to_first_token_ns) {
    add("first token", r.time_to_first_token_ns);
  } else {
    add("first byte", r.time_to_first_byte_ns);
  }
  if (r.last_chunk_ns && r.duration_ns && *r.duration_ns - *r.last_chunk_ns >= 100 * kNsPerMs) {
    add("last chunk", r.last_chunk_ns);
  }
  add(r.status == Status::open ? "so far" : "end", r.duration_ns);
  return out;
}

std::string connection(const Record& r) {
  std::string out;
  if (r.time_to_connect_ns) out = "connect " + duration(*r.time_to_connect_ns);
  if (r.time_to_tls_ns) {
    if (!out.empty()) out += ", ";
    out += "TLS " + duration(*r.time_to_tls_ns);
  }
  if (!out.empty()) return out;
  return r.progress >= record::Progress::request_sent ? "was already open" : "";
}

// The sparkline's raster: whole buckets of the record, one or more to a column.
struct Raster {
  std::int64_t column_ns = 0;
  std::int64_t span_ns = 0;
  std::vector<std::uint64_t> counts;
};

Raster raster_of(const Record& r, std::size_t columns_max) {
  Raster raster;
  const std::int64_t bucket = r.chunk_timeline.bucket_ns;
  const auto& counts = r.chunk_timeline.counts;
  if (counts.empty() || bucket <= 0 || bucket > kLongestCallNs || columns_max == 0) return raster;
  const auto known = static_cast<std::int64_t>(counts.size()) * bucket;
  raster.span_ns =
      std::clamp(r.stream_duration_ns.value_or(known), std::int64_t{1}, kLongestCallNs);
  const std::int64_t buckets =
      std::max(static_cast<std::int64_t>(counts.size()), (raster.span_ns + bucket - 1) / bucket);
  const auto width = static_cast<std::int64_t>(columns_max);
  const std::int64_t per_column = (buckets + width - 1) / width;
  raster.column_ns = per_column * bucket;
  raster.counts.resize(static_cast<std::size_t>((buckets + per_column - 1) / per_column));
  for (std::size_t i = 0; i < counts.size(); ++i) {
    raster.counts[i / static_cast<std::size_t>(per_column)] += counts[i];
  }
  return raster;
}

std::string spark(std::uint64_t count, std::uint64_t highest, const Style& style) {
  static constexpr std::array<const char*, 8> kBlocks = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  static constexpr std::array<const char*, 8> kAscii = {".", ":", "-", "=", "+", "*", "#", "@"};
  if (count == 0) return style.unicode ? "·" : "_";
  const auto level = static_cast<std::size_t>((count * 8 + highest - 1) / highest - 1);
  return style.unicode ? kBlocks[level] : kAscii[level];
}

std::string gap_place(const Record& r) {
  if (!r.max_gap_at_chunk) return {};
  const auto at = static_cast<std::uint64_t>(*r.max_gap_at_chunk);
  return at > r.chunks_received ? ", after the last chunk" : ", before chunk " + grouped(at);
}

// Where the longest silence ended, from the first body octet on.
std::int64_t gap_end(const Record& r, const Raster& raster) {
  const auto at = static_cast<std::uint64_t>(r.max_gap_at_chunk.value_or(0));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < r.chunk_timeline.counts.size(); ++i) {
    seen += r.chunk_timeline.counts[i];
    if (seen >= at) return static_cast<std::int64_t>(i) * r.chunk_timeline.bucket_ns;
  }
  return raster.span_ns;
}

// Below the sparkline: a bracket under the longest silence, with its length beside it.
Line gap_line(const Record& r, const Raster& raster, const Style& style) {
  const std::int64_t gap = r.max_gap_ns.value_or(0);
  if (gap < kSilenceNs || gap < 2 * raster.column_ns || gap > kLongestCallNs) return {};
  const std::int64_t end = std::max(gap, gap_end(r, raster));
  const auto last =
      std::min(raster.counts.size() - 1,
               static_cast<std::size_t>(std::max<std::int64_t>(0, end - 1) / raster.column_ns));
  const auto first = std::min(
      last, static_cast<std::size_t>(std::max<std::int64_t>(0, end - gap) / raster.column_ns));
  std::string bracket = style.unicode ? "╰" : "`";
  for (std::size_t i = first + 1; i < last; ++i) bracket += style.unicode ? "─" : "-";
  if (last > first) bracket += style.unicode ? "╯" : "'";
  const std::string text = ' ' + duration(gap) + " of silence" + gap_place(r);
  const bool fits = last + 1 + text.size() <= style.width - kLabelColumns;
  bracket.insert(0, first, ' ');
  return {label(""), {Role::warn, bracket + (fits ? text : "")}};
}

}  // namespace

Lines waterfall(const Record& r, const Style& style) {
  Lines out;
  if (const std::string text = connection(r); !text.empty()) {
    out.push_back({label("connection"), {Role::plain, text}});
  }
  const std::vector<Milestone> all = milestones(r);
  if (all.empty()) return out;
  const std::int64_t whole = std::max<std::int64_t>(1, all.back().at_ns);
  const auto axis = static_cast<double>((style.width - kLabelColumns - kTimeColumns) * 8);
  const auto place = [&](std::int64_t ns) {
    return static_cast<std::int64_t>(static_cast<double>(ns) / static_cast<double>(whole) * axis);
  };
  std::int64_t before = 0;
  for (const Milestone& m : all) {
    const bool last = &m == &all.back();
    // The last column belongs to the axis, also for a bar that begins at its end.
    const std::int64_t from = std::min(place(before), static_cast<std::int64_t>(axis) - 8);
    out.push_back(
        {label(m.name),
         {Role::plain, padded(padded_left(duration(m.at_ns), kTimeColumns - 3), kTimeColumns)},
         {last ? verdict_role(r) : Role::dim, bar(from, std::max(from, place(m.at_ns)), style)}});
    before = m.at_ns;
  }
  return out;
}

Lines arrivals(const Record& r, const Style& style) {
  Lines out;
  const Raster raster = raster_of(r, style.width - kLabelColumns - 1);
  if (raster.counts.empty()) return out;
  const std::uint64_t highest = *std::max_element(raster.counts.begin(), raster.counts.end());
  if (highest == 0) return out;
  std::string line;
  for (const std::uint64_t count : raster.counts) line += spark(count, highest, style);
  Line first{label("chunks"), {Role::plain, line}};
  const bool ok = r.status == Status::ok;
  if (r.status != Status::open) {
    first.push_back({verdict_role(r), style.unicode ? (ok ? "✓" : "✗") : (ok ? "|" : "x")});
  }
  out.push_back(std::move(first));
  Line gap = gap_line(r, raster, style);
  const bool told = !gap.empty() && gap.back().text.back() != (style.unicode ? "╯"[2] : '\'');
  if (!gap.empty()) out.push_back(std::move(gap));
  std::string legend =
      "one column is " + duration(raster.column_ns) + ", the highest " + counted(highest, "chunk");
  if (!told && r.max_gap_ns) {
    legend += "; longest gap " + duration(*r.max_gap_ns) + gap_place(r);
  }
  for (const std::string& part : wrapped(legend, style.width - kLabelColumns)) {
    out.push_back({label(""), {Role::dim, part}});
  }
  if (r.gap_had_pings.value_or(false)) {
    out.push_back({label(""), {Role::dim, "pings came during the longest gap"}});
  }
  return out;
}

}  // namespace llmrec::report
