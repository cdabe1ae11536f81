#include "cli/ls.h"

#include <algorithm>
#include <functional>
#include <vector>

#include "base/bytes.h"
#include "base/limits.h"
#include "record/codec.h"
#include "record/json.h"
#include "report/listing.h"
#include "store/store.h"

namespace llmrec::cli {
namespace {

using record::Record;

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

// Hands out final and running records in one order, newest first, until `take` says false.
class Walk {
 public:
  Walk(const LsOptions& o, std::function<bool(Record&&)> take) : o_(o), take_(std::move(take)) {}

  Result<void> run(const store::Store& from) {
    if (o_.status.empty() || o_.status == record::name(record::Status::open)) {
      auto rows = from.open_rows();
      if (!rows) return rows.error();
      open_ = *std::move(rows);
      std::sort(open_.begin(), open_.end(),
                [](const store::Row& a, const store::Row& b) { return a.key < b.key; });
    }
    const bool finals = o_.status != record::name(record::Status::open);
    if (finals) {
      const auto scanned = from.scan(scan_options(), [this](const RecordId& key, Bytes blob) {
        return open_until(key) && offer(blob);
      });
      if (!scanned) return scanned.error();
    }
    while (going_ && !open_.empty()) offer_open();
    return {};
  }
  std::size_t unreadable() const { return unreadable_; }

 private:
  store::ScanOptions scan_options() const {
    store::ScanOptions scan;
    if (!o_.status.empty()) {
      const auto status = record::value_by_name<record::Status>(o_.status);
      if (status) scan.status = static_cast<std::uint8_t>(*status);
      const auto stage = record::value_by_name<record::Stage>(o_.stage);
      if (status && stage && !o_.stage.empty()) scan.stage = static_cast<std::uint8_t>(*stage);
    }
    if (o_.since_unix_ms && *o_.since_unix_ms > 0) {
      // An id is never older than its call, so this leaves nothing out.
      RecordIdRange range;
      range.last.octets.fill(0xff);
      for (std::size_t i = 0; i < 6; ++i) {
        range.first.octets[i] = static_cast<std::uint8_t>(*o_.since_unix_ms >> (8 * (5 - i)));
      }
      scan.range = range;
    }
    return scan;
  }
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
    auto decoded = record::decode(blob);
    if (!decoded) {
      ++unreadable_;
    } else if (fits(*decoded, o_)) {
      going_ = take_(*std::move(decoded));
    }
    return going_;
  }

  const LsOptions& o_;
  std::function<bool(Record&&)> take_;
  std::vector<store::Row> open_;  // the newest last
  std::size_t unreadable_ = 0;
  bool going_ = true;
};

// Prints as records come, but for tables, which have to see them all.
class Printer {
 public:
  Printer(const LsOptions& o, Streams& streams) : o_(o), streams_(streams) {
    if (o_.output == Output::csv) streams_.out << report::csv_head();
    if (o_.output == Output::json) streams_.out << '[';
  }
  bool take(Record&& r) {
    ++count_;
    switch (o_.output) {
      case Output::jsonl:
        streams_.out << record::to_json(r) << '\n';
        break;
      case Output::csv:
        streams_.out << report::csv_row(r);
        break;
      case Output::json:
        streams_.out << (count_ == 1 ? "\n" : ",\n") << record::to_json(r);
        break;
      default:
        kept_.push_back(std::move(r));
        if (kept_.size() == limits::kListedRecords) return false;
    }
    return streams_.out.good() && (o_.count == 0 || count_ < o_.count);
  }
  void finish() {
    if (o_.output == Output::json) streams_.out << (count_ == 0 ? "]\n" : "\n]\n");
    if (kept_.empty()) return;
    const report::Style style = style_of(o_.view, streams_);
    print(o_.output == Output::wide ? report::wide_listing(kept_, style)
                                    : report::listing(kept_, style, streams_.now_unix_ms * 1000),
          use_color(o_.view, streams_), streams_.out);
    if (kept_.size() == limits::kListedRecords && o_.count != kept_.size()) {
      complain("only the newest " + std::to_string(kept_.size()) + " are shown; -o jsonl has all",
               streams_);
    }
  }
  std::size_t count() const { return count_; }

 private:
  const LsOptions& o_;
  Streams& streams_;
  std::vector<Record> kept_;
  std::size_t count_ = 0;
};

}  // namespace

bool fits(const Record& r, const LsOptions& o) {
  if (o.since_unix_ms && r.started_at_us / 1000 < *o.since_unix_ms) return false;
  if (o.until_unix_ms && r.started_at_us / 1000 >= *o.until_unix_ms) return false;
  if (!o.status.empty() && record::name(r.status) != o.status) return false;
  if (!o.stage.empty() && record::name(r.failure_stage) != o.stage) return false;
  if (!o.error.empty() && record::name(r.error_type) != o.error) return false;
  if (!o.provider.empty() && !equals_ignoring_case(r.provider, o.provider)) return false;
  if (!o.model.empty() && !glob(o.model, r.model) && !glob(o.model, r.response_model)) return false;
  if (o.slow_ns && r.duration_ns.value_or(0) < *o.slow_ns) return false;
  return std::all_of(o.tags.begin(), o.tags.end(), [&r](const auto& wanted) {
    return std::find(r.tags.begin(), r.tags.end(), wanted) != r.tags.end();
  });
}

int ls(const LsOptions& o, Streams& streams) {
  const auto from = store::Store::open_reader(o.store);
  if (!from) return complain_of_store(from.error(), streams);
  Printer printer(o, streams);
  Walk walk(o, [&printer](Record&& r) { return printer.take(std::move(r)); });
  const auto walked = walk.run(*from);
  printer.finish();
  if (!walked) return complain_of_store(walked.error(), streams);
  if (walk.unreadable() > 0) {
    complain("records left out because they are damaged or of a newer llmrec: " +
                 std::to_string(walk.unreadable()),
             streams);
  }
  if (printer.count() > 0) return kDone;
  complain("no record fits in " + o.store, streams);
  return kFailed;
}

}  // namespace llmrec::cli
