// `llmrec note`: facts that only the app knows, added to a record that is stored.
#pragma once

#include <functional>

#include "base/result.h"
#include "cli/options.h"
#include "cli/terminal.h"
#include "record/record.h"
#include "store/store.h"

namespace llmrec::cli {

// How a record becomes a row, with the names by which it can be found.
using ToEntry = std::function<store::Entry(const record::Record&)>;

// The exit status: kFailed where nothing or more than one record fits, or the call still runs.
int note(const NoteOptions&, const ToEntry&, Streams&);

// bad_argument: more notes than limits::kFactsMax. A key that is there gets the new value.
Result<void> add_notes(record::Record&, const record::Facts&);

}  // namespace llmrec::cli
