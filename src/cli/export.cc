#include "cli/export.h"

#include <algorithm>

#include "base/limits.h"
#include "cli/walk.h"
#include "record/codec.h"
#include "record/json.h"
#include "store/store.h"

namespace llmrec::cli {
namespace {

// The first id that may still be followed by an older one: of the oldest call that runs, or of a
// call that began just now and is not in the store yet.
Result<RecordId> first_unsettled(const store::Store& from, std::int64_t now_unix_ms) {
  RecordId end = id_at(now_unix_ms - limits::kExportSettledMs);
  const auto open = from.open_rows();
  if (!open) return open.error();
  for (const store::Row& row : *open) end = std::min(end, row.key);
  return end;
}

}  // namespace

int export_records(const ExportOptions& o, Streams& streams) {
  const auto from = store::Store::open_reader(o.store);
  if (!from) return complain_of_store(from.error(), streams);
  const RecordId after = RecordId::from_text(o.after).value_or(RecordId{});
  RecordId end;
  if (!o.unsettled) {
    const auto first = first_unsettled(*from, streams.now_unix_ms);
    if (!first) return complain_of_store(first.error(), streams);
    end = *first;
  }
  std::size_t unreadable = 0;
  const auto walked = walk_oldest_first(*from, o, after, end, [&](const auto&, Bytes blob) {
    const auto decoded = record::decode(blob);
    if (decoded) streams.out << record::to_json(*decoded) << '\n';
    unreadable += decoded ? 0U : 1U;
    return streams.out.good();
  });
  if (!walked) return complain_of_store(walked.error(), streams);
  complain_of_unreadable(unreadable + walked->unreadable, streams);
  return kDone;
}

}  // namespace llmrec::cli
