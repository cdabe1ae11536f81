#include "cli/ls.h"

#include <utility>

#include "base/limits.h"
#include "cli/follow.h"
#include "cli/walk.h"
#include "record/codec.h"
#include "record/json.h"
#include "report/listing.h"
#include "store/store.h"

namespace llmrec::cli {

using record::Record;

Printer::Printer(const LsOptions& o, Streams& streams, std::size_t most)
    : o_(o), streams_(streams), most_(most) {
  if (o_.output == Output::csv) streams_.out << report::csv_head();
  if (o_.output == Output::json) streams_.out << '[';
}

bool Printer::take(Record&& r) {
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
  return streams_.out.good() && (most_ == 0 || count_ < most_);
}

void Printer::finish() {
  if (o_.output == Output::json) streams_.out << (count_ == 0 ? "]\n" : "\n]\n");
  if (kept_.empty()) return;
  const report::Style style = style_of(o_.view, streams_);
  print(o_.output == Output::wide ? report::wide_listing(kept_, style)
                                  : report::listing(kept_, style, streams_.now_unix_ms * 1000),
        use_color(o_.view, streams_), streams_.out);
  if (kept_.size() == limits::kListedRecords && most_ != kept_.size()) {
    complain("only the newest " + std::to_string(kept_.size()) + " are shown; -o jsonl has all",
             streams_);
  }
}

int ls(const LsOptions& o, Streams& streams) {
  if (o.follow) return follow(o, streams);
  const auto from = store::Store::open_reader(o.store);
  if (!from) return complain_of_store(from.error(), streams);
  Printer printer(o, streams, o.count.value_or(limits::kListedByDefault));
  std::size_t unreadable = 0;
  const auto walked = walk_newest_first(*from, o, [&](const record::Summary&, Bytes blob) {
    auto decoded = record::decode(blob);
    if (decoded) return printer.take(*std::move(decoded));
    ++unreadable;
    return true;
  });
  printer.finish();
  if (!walked) return complain_of_store(walked.error(), streams);
  complain_of_unreadable(unreadable + walked->unreadable, streams);
  if (printer.count() > 0) return kDone;
  complain("no record fits in " + o.store, streams);
  return kFailed;
}

}  // namespace llmrec::cli
