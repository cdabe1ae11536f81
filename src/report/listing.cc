#include "report/listing.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "report/format.h"
#include "report/table.h"

namespace llmrec::report {
namespace {

using record::Record;
using record::Status;

constexpr std::size_t kIdDigits = 26;
constexpr std::size_t kIdDigitsMin = 12;
// Digits of each id, without "req_", as many as tell them apart.
std::vector<std::string> short_ids(const std::vector<Record>& records) {
  std::vector<std::string> all;
  all.reserve(records.size());
  for (const Record& r : records) all.push_back(r.request_id.text().substr(4));
  std::vector<std::string> sorted = all;
  std::sort(sorted.begin(), sorted.end());
  std::size_t digits = kIdDigitsMin;
  for (std::size_t i = 1; i < sorted.size(); ++i) {
    const auto [a, b] = std::mismatch(sorted[i].begin(), sorted[i].end(), sorted[i - 1].begin());
    digits = std::max(digits, static_cast<std::size_t>(a - sorted[i].begin()) + 1);
  }
  for (std::string& id : all) id.resize(std::min(digits, kIdDigits));
  return all;
}

Role role_of(const Record& r) {
  switch (r.status) {
    case Status::ok:
      return r.truncated.value_or(false) ? Role::warn : Role::good;
    case Status::failed:
      return Role::bad;
    default:
      return Role::warn;
  }
}

Cell result(const Record& r) {
  if (r.status == Status::open) return {"open", Role::warn};
  if (r.status == Status::ok) {
    const bool cut = r.truncated.value_or(false) && r.finish_class != record::FinishClass::none;
    return {cut ? "ok (" + std::string(record::name(r.finish_class)) + ')' : "ok", role_of(r)};
  }
  const auto error = record::name(r.error_type);
  return {std::string(error.empty() ? record::name(r.status) : error), role_of(r)};
}

std::string model(const Record& r) { return clean(r.model.empty() ? r.response_model : r.model); }

std::string time_or_dash(const record::Nanos& ns) { return ns ? duration(*ns) : "-"; }

// "842ms", "5.2s", "12m", "2h", "3d": the largest unit alone.
std::string short_time(const record::Nanos& ns) {
  if (!ns) return "-";
  std::string text = duration(*ns);
  const std::size_t unit = text.find(' ');
  const std::size_t end = text.compare(unit + 1, 2, "ms") == 0 ? unit + 3 : unit + 2;
  text.resize(end);
  return text.erase(unit, 1);
}

std::string count_or_dash(const record::Count& n) {
  return n ? grouped(static_cast<std::uint64_t>(std::max<std::int64_t>(0, *n))) : "-";
}

std::string text_or_dash(std::string_view text) { return text.empty() ? "-" : clean(text); }

}  // namespace

Lines listing(const std::vector<Record>& records, const Style& style, std::int64_t now_unix_us) {
  const std::string today = local_time(now_unix_us, style.utc, "%F");
  const bool all_today = std::all_of(records.begin(), records.end(), [&](const Record& r) {
    return local_time(r.started_at_us, style.utc, "%F") == today;
  });
  const std::vector<std::string> ids = short_ids(records);
  std::vector<Row> rows;
  for (std::size_t i = 0; i < records.size(); ++i) {
    const Record& r = records[i];
    rows.push_back(
        {{local_time(r.started_at_us, style.utc, all_today ? "%T" : "%m-%d %H:%M"), Role::dim},
         {ids[i]},
         result(r),
         {model(r)},
         {short_time(r.time_to_first_token_ns)},
         {short_time(r.duration_ns)}});
  }
  // Models first, ids never: they are there to be copied.
  return table({{"TIME"},
                {"ID"},
                {"RESULT", false, 8},
                {"MODEL", false, 4},
                {"TOKEN", true},
                {"TOTAL", true}},
               rows, style.width, {3, 2}, style);
}

namespace {

Line followed_line(const std::array<Cell, 6>& cells, const Style& style) {
  constexpr std::array<std::size_t, 5> kWidths{8, kIdDigitsMin, 25, 6, 6};
  Line out;
  std::size_t used = 0;
  for (std::size_t i = 0; i < kWidths.size(); ++i) {
    const std::string text = shortened(cells[i].text, kWidths[i], style);
    const bool number = i >= 3;
    out.push_back({cells[i].role,
                   (number ? padded_left(text, kWidths[i]) : padded(text, kWidths[i])) + "  "});
    used += kWidths[i] + 2;
  }
  out.push_back({cells[5].role, shortened(cells[5].text, style.width - used, style)});
  return out;
}

}  // namespace

Line followed_head(const Style& style) {
  return followed_line({{{"TIME", Role::dim},
                         {"ID", Role::dim},
                         {"RESULT", Role::dim},
                         {"TOKEN", Role::dim},
                         {"TOTAL", Role::dim},
                         {"MODEL", Role::dim}}},
                       style);
}

Line followed(const Record& r, const Style& style) {
  return followed_line({{{local_time(r.started_at_us, style.utc, "%T"), Role::dim},
                         {r.request_id.text().substr(4, kIdDigitsMin)},
                         result(r),
                         {short_time(r.time_to_first_token_ns)},
                         {short_time(r.duration_ns)},
                         {model(r)}}},
                       style);
}

Lines wide_listing(const std::vector<Record>& records, const Style& style) {
  std::vector<Row> rows;
  for (const Record& r : records) {
    std::string tags;
    for (const auto& [key, value] : r.tags) {
      tags += (tags.empty() ? "" : ",") + clean(key) + '=' + clean(value);
    }
    rows.push_back({{local_time(r.started_at_us, style.utc), Role::dim},
                    {r.request_id.text()},
                    {std::string(record::name(r.status)), role_of(r)},
                    {text_or_dash(record::name(r.failure_stage))},
                    {text_or_dash(record::name(r.error_type)), role_of(r)},
                    {text_or_dash(record::name(r.fault))},
                    {r.http_status ? std::to_string(*r.http_status) : "-"},
                    {text_or_dash(r.provider)},
                    {text_or_dash(r.operation)},
                    {text_or_dash(model(r))},
                    {time_or_dash(r.time_to_first_token_ns)},
                    {time_or_dash(r.duration_ns)},
                    {grouped(r.chunks_received)},
                    {grouped(r.output_chars_received)},
                    {count_or_dash(r.usage.input)},
                    {count_or_dash(r.usage.output)},
                    {r.cost_nano_usd ? money(*r.cost_nano_usd) : "-"},
                    {std::to_string(r.attempt)},
                    {tags.empty() ? "-" : tags}});
  }
  return table({{"STARTED"},
                {"ID"},
                {"STATUS"},
                {"STAGE"},
                {"ERROR"},
                {"FAULT"},
                {"HTTP"},
                {"PROVIDER"},
                {"OPERATION"},
                {"MODEL"},
                {"TOKEN", true},
                {"TOTAL", true},
                {"CHUNKS", true},
                {"CHARS", true},
                {"IN", true},
                {"OUT", true},
                {"COST", true},
                {"TRY", true},
                {"TAGS"}},
               rows, static_cast<std::size_t>(-1), {}, style);
}

namespace {

std::string utc(std::int64_t unix_us) {
  if (unix_us <= 0) return {};
  return local_time(unix_us, true, "%FT%T") + fmt::format(".{:03}Z", unix_us / 1000 % 1000);
}

std::string ms(const record::Nanos& ns) {
  return ns && *ns >= 0 ? fmt::format("{}.{:03}", *ns / 1'000'000, *ns / 1000 % 1000) : "";
}

template <class T>
std::string number(const T& n) {
  return n ? std::to_string(*n) : std::string();
}

std::string yes_no(const std::optional<bool>& b) { return !b ? "" : *b ? "true" : "false"; }

struct CsvColumn {
  const char* name;
  std::string (*value)(const Record&);
};

constexpr std::array<CsvColumn, 27> kCsv = {{
    {"started_at", [](const Record& r) { return utc(r.started_at_us); }},
    {"request_id", [](const Record& r) { return r.request_id.text(); }},
    {"status", [](const Record& r) { return std::string(record::name(r.status)); }},
    {"failure_stage", [](const Record& r) { return std::string(record::name(r.failure_stage)); }},
    {"error_type", [](const Record& r) { return std::string(record::name(r.error_type)); }},
    {"error_detail", [](const Record& r) { return r.error_detail; }},
    {"fault", [](const Record& r) { return std::string(record::name(r.fault)); }},
    {"http_status", [](const Record& r) { return number(r.http_status); }},
    {"provider", [](const Record& r) { return r.provider; }},
    {"host", [](const Record& r) { return r.host; }},
    {"operation", [](const Record& r) { return r.operation; }},
    {"model", [](const Record& r) { return r.model; }},
    {"response_model", [](const Record& r) { return r.response_model; }},
    {"finish_reason",
     [](const Record& r) { return r.finish_reasons.empty() ? "" : r.finish_reasons.front(); }},
    {"time_to_headers_ms", [](const Record& r) { return ms(r.time_to_headers_ns); }},
    {"time_to_first_token_ms", [](const Record& r) { return ms(r.time_to_first_token_ns); }},
    {"duration_ms", [](const Record& r) { return ms(r.duration_ns); }},
    {"max_gap_ms", [](const Record& r) { return ms(r.max_gap_ns); }},
    {"chunks_received", [](const Record& r) { return std::to_string(r.chunks_received); }},
    {"output_chars_received",
     [](const Record& r) { return std::to_string(r.output_chars_received); }},
    {"input_tokens", [](const Record& r) { return number(r.usage.input); }},
    {"output_tokens", [](const Record& r) { return number(r.usage.output); }},
    {"cost_usd",
     [](const Record& r) {
       if (!r.cost_nano_usd || *r.cost_nano_usd < 0) return std::string();
       return fmt::format("{}.{:09}", *r.cost_nano_usd / 1'000'000'000,
                          *r.cost_nano_usd % 1'000'000'000);
     }},
    {"retryable", [](const Record& r) { return yes_no(r.retryable); }},
    {"retry_safety", [](const Record& r) { return std::string(record::name(r.retry_safety)); }},
    {"closed_by", [](const Record& r) { return std::string(record::name(r.closed_by)); }},
    {"provider_request_id", [](const Record& r) { return r.provider_request_id; }},
}};

std::string csv_cell(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) {
    out += c;
    if (c == '"') out += c;
  }
  return out + '"';
}

}  // namespace

std::string csv_head() {
  std::string out;
  for (const CsvColumn& column : kCsv) out += (out.empty() ? "" : ",") + std::string(column.name);
  return out + '\n';
}

std::string csv_row(const Record& r) {
  std::string out;
  for (const CsvColumn& column : kCsv) {
    if (&column != kCsv.begin()) out += ',';
    out += csv_cell(column.value(r));
  }
  return out + '\n';
}

}  // namespace llmrec::report
