#include "cli/walk.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace llmrec::cli {
namespace {

using record::Summary;

// '*' stands for any characters, also none. Iterative: the time is bounded by the product.
bool glob(Bytes pattern, Bytes text) {
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = Bytes::npos;
  std::size_t resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && ascii_lower(pattern[p]) == ascii_lower(text[t])) {
      ++p;
      ++t;
    } else if (star != Bytes::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  return pattern.substr(p).find_first_not_of('*') == Bytes::npos;
}

store::ScanOptions scan_options(const Filter& f) {
  store::ScanOptions scan;
  if (!f.status.empty()) {
    const auto status = record::value_by_name<record::Status>(f.status);
    if (status) scan.status = static_cast<std::uint8_t>(*status);
    const auto stage = record::value_by_name<record::Stage>(f.stage);
    if (status && stage && !f.stage.empty()) scan.stage = static_cast<std::uint8_t>(*stage);
  }
  if (f.since_unix_ms && *f.since_unix_ms > 0) {
    // An id is never older than its call, so this leaves nothing out.
    RecordIdRange range{id_at(*f.since_unix_ms), {}};
    range.last.octets.fill(0xff);
    scan.range = range;
  }
  return scan;
}

class NewestFirst {
 public:
  NewestFirst(const Filter& filter, const OnFound& found) : filter_(filter), found_(found) {}

  Result<Walked> run(const store::Store& from) {
    const std::string_view open = record::name(record::Status::open);
    if (filter_.status.empty() || filter_.status == open) {
      auto rows = from.open_rows();
      if (!rows) return rows.error();
      open_ = *std::move(rows);
      std::sort(open_.begin(), open_.end(),
                [](const store::Row& a, const store::Row& b) { return a.key < b.key; });
    }
    if (filter_.status != open) {
      const auto scanned = from.scan(
          scan_options(filter_),
          [this](const RecordId& key, Bytes blob) { return open_until(key) && offer(blob); });
      if (!scanned) return scanned.error();
    }
    while (going_ && !open_.empty()) offer_open();
    return walked_;
  }

 private:
  bool open_until(const RecordId& key) {
    while (going_ && !open_.empty() && open_.back().key > key) offer_open();
    if (!open_.empty() && open_.back().key == key) open_.pop_back();  // it has ended since
    return going_;
  }
  void offer_open() {
    const store::Row row = std::move(open_.back());
    open_.pop_back();
    offer(row.blob);
  }
  bool offer(Bytes blob) {
    const Summary* summary = reader_.read(blob);
    if (summary == nullptr) {
      ++walked_.unreadable;
    } else if (fits(*summary, filter_)) {
      going_ = found_(*summary, blob);
    }
    return going_;
  }

  const Filter& filter_;
  const OnFound& found_;
  record::SummaryReader reader_;
  std::vector<store::Row> open_;  // the newest last
  Walked walked_;
  bool going_ = true;
};

}  // namespace

bool fits(const Summary& s, const Filter& f) {
  if (f.since_unix_ms && s.started_at_us / 1000 < *f.since_unix_ms) return false;
  if (f.until_unix_ms && s.started_at_us / 1000 >= *f.until_unix_ms) return false;
  if (!f.status.empty() && record::name(s.status) != f.status) return false;
  if (!f.stage.empty() && record::name(s.failure_stage) != f.stage) return false;
  if (!f.error.empty() && record::name(s.error_type) != f.error) return false;
  if (!f.provider.empty() && !equals_ignoring_case(s.provider, f.provider)) return false;
  if (!f.model.empty() && !glob(f.model, s.model) && !glob(f.model, s.response_model)) return false;
  if (f.slow_ns && s.duration_ns.value_or(0) < *f.slow_ns) return false;
  return std::all_of(f.tags.begin(), f.tags.end(), [&s](const auto& wanted) {
    return std::any_of(s.tags.begin(), s.tags.end(), [&wanted](const auto& tag) {
      return tag.first == wanted.first && tag.second == wanted.second;
    });
  });
}

Result<Walked> walk_newest_first(const store::Store& from, const Filter& filter,
                                 const OnFound& found) {
  return NewestFirst(filter, found).run(from);
}

Result<Walked> walk_oldest_first(const store::Store& from, const Filter& filter,
                                 const RecordId& after, const RecordId& end, const OnFound& found) {
  store::ScanOptions scan = scan_options(filter);
  scan.order = store::Order::oldest_first;
  if (!after.empty()) scan.after = after;
  Walked walked;
  record::SummaryReader reader;
  const auto scanned = from.scan(scan, [&](const RecordId& key, Bytes blob) {
    if (!end.empty() && key >= end) return false;
    const Summary* summary = reader.read(blob);
    if (summary == nullptr) {
      ++walked.unreadable;
      return true;
    }
    return !fits(*summary, filter) || found(*summary, blob);
  });
  if (!scanned) return scanned.error();
  return walked;
}

RecordId id_at(std::int64_t unix_ms) {
  RecordId id;
  for (std::size_t i = 0; i < 6; ++i) {
    id.octets[i] = static_cast<std::uint8_t>(unix_ms >> (8 * (5 - i)));
  }
  return id;
}

}  // namespace llmrec::cli
