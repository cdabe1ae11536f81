#include "cli/show.h"

#include "base/limits.h"
#include "cli/lookup.h"
#include "record/json.h"
#include "report/format.h"
#include "report/listing.h"
#include "report/receipt.h"
#include "store/store.h"

namespace llmrec::cli {
namespace {

void list_candidates(const ShowOptions& o, std::vector<record::Record> found, Streams& streams) {
  const bool capped = found.size() >= limits::kStoreFindMax;
  complain("'" + report::clean(o.id) + "' fits " + (capped ? "at least " : "") +
               std::to_string(found.size()) + " records; the newest:",
           streams);
  if (found.size() > limits::kCandidatesShown) found.resize(limits::kCandidatesShown);
  View plain = o.view;
  plain.color = Color::never;
  print(report::listing(found, style_of(plain, streams), streams.now_unix_ms * 1000), false,
        streams.err);
}

}  // namespace

int show(const ShowOptions& o, Streams& streams) {
  const auto from = store::Store::open_reader(o.store);
  if (!from) return complain_of_store(from.error(), streams);
  auto found = find_records(*from, o.id);
  if (!found) return complain_of_store(found.error(), streams);
  if (found->empty()) {
    complain(o.id == "last" ? "there are no records in " + o.store
                            : "no record fits '" + report::clean(o.id) + "' in " + o.store,
             streams);
    return kFailed;
  }
  if (found->size() > 1) {
    list_candidates(o, *std::move(found), streams);
    return kFailed;
  }
  const record::Record& r = found->front();
  if (o.json) {
    streams.out << record::to_json(r) << '\n';
    return kDone;
  }
  print(report::receipt(r, style_of(o.view, streams)), use_color(o.view, streams), streams.out);
  return kDone;
}

}  // namespace llmrec::cli
