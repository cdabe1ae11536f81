// A change to one stored record, made by a process that is not the recorder, such as a note from
// the command line. Beside a living writer: LMDB lets one writing transaction in at a time and
// this one is short, so neither waits for long.
// One thread; not in a process that has the same store open.
#pragma once

#include <functional>
#include <string>

#include "base/id.h"
#include "base/result.h"
#include "store/store.h"

namespace llmrec::store {

// Gets the row as it is inside the transaction, so that nothing between a look and a write is lost.
// An error leaves everything as it was, and is passed on.
using Amend = std::function<Result<Entry>(const Row&)>;

// not_found: no such record. in_use: the call still runs; its recorder would write over the change.
// bad_argument: the entry is of another key, or not final.
Result<void> amend_final(const std::string& dir, const RecordId&, const Amend&);

}  // namespace llmrec::store
