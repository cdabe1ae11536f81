#include "cli/note.h"

#include <algorithm>

#include "base/limits.h"
#include "cli/lookup.h"
#include "record/codec.h"
#include "report/format.h"
#include "store/amend.h"

namespace llmrec::cli {
namespace {

int failed(const Error& error, Streams& streams) {
  complain(error.detail, streams);
  switch (error.code) {
    case Code::bad_argument:
    case Code::in_use:
    case Code::full:
      return kFailed;
    default:
      return kNoStore;
  }
}

}  // namespace

Result<void> add_notes(record::Record& r, const record::Facts& facts) {
  for (const auto& fact : facts) {
    const auto same = std::find_if(r.notes.begin(), r.notes.end(),
                                   [&fact](const auto& n) { return n.first == fact.first; });
    if (same != r.notes.end()) {
      same->second = fact.second;
    } else if (r.notes.size() == limits::kFactsMax) {
      return Error{Code::bad_argument,
                   "a record has room for " + std::to_string(limits::kFactsMax) + " notes"};
    } else {
      r.notes.push_back(fact);
    }
  }
  return {};
}

int note(const NoteOptions& o, const ToEntry& to_entry, Streams& streams) {
  RecordId id;
  {  // closed before it is written to: a process has a store open once
    const auto from = store::Store::open_reader(o.store);
    if (!from) return complain_of_store(from.error(), streams);
    const auto found = find_records(*from, o.id);
    if (!found) return complain_of_store(found.error(), streams);
    if (found->size() != 1) {
      const std::string what = "'" + report::clean(o.id) + "'";
      complain(found->empty() ? "no record fits " + what + " in " + o.store
                              : what + " fits " + std::to_string(found->size()) +
                                    " records: llmrec show lists them",
               streams);
      return kFailed;
    }
    id = found->front().request_id;
  }
  const auto done =
      store::amend_final(o.store, id, [&](const store::Row& row) -> Result<store::Entry> {
        auto record = record::decode(row.blob);
        if (!record) return record.error();
        if (auto added = add_notes(*record, o.facts); !added) return added.error();
        return to_entry(*record);
      });
  return done ? kDone : failed(done.error(), streams);
}

}  // namespace llmrec::cli
