#include "cli/stats.h"

#include "cli/walk.h"
#include "report/stats.h"
#include "report/stats_json.h"
#include "report/stats_text.h"
#include "store/store.h"

namespace llmrec::cli {

int stats(const StatsOptions& o, Streams& streams) {
  const auto from = store::Store::open_reader(o.store);
  if (!from) return complain_of_store(from.error(), streams);
  report::Stats stats(o.by);
  const auto walked = walk_newest_first(*from, o, [&stats](const record::Summary& summary, Bytes) {
    stats.add(summary);
    return true;
  });
  if (!walked) return complain_of_store(walked.error(), streams);
  for (std::size_t i = 0; i < walked->unreadable; ++i) stats.add_unreadable();
  const report::Figures figures = stats.finish();
  const bool any = figures.total.calls + figures.running > 0;
  if (o.json) {
    streams.out << report::to_json(figures) << '\n';
  } else if (any) {
    print(report::stats_text(figures, style_of(o.view, streams)), use_color(o.view, streams),
          streams.out);
  }
  complain_of_unreadable(walked->unreadable, streams);
  if (any) return kDone;
  complain("no record fits in " + o.store, streams);
  return kFailed;
}

}  // namespace llmrec::cli
