// Finds records in a store by whatever a person has in hand.
#pragma once

#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/id.h"
#include "base/result.h"
#include "record/record.h"
#include "store/store.h"

namespace llmrec::cli {

// True where this text is an id of the record: of the client, the provider, the response, the
// trace, or of one of its tool calls.
bool has_id(const record::Record&, Bytes id);

// `id`: a request_id or the beginning of one, "last", or any text for has_id. Newest first; empty:
// nothing fits. A whole id goes before a beginning. At most limits::kStoreFindMax.
// Errors are the store's, or those of a record that cannot be read.
Result<std::vector<record::Record>> find_records(const store::Store&, const std::string& id);

}  // namespace llmrec::cli
