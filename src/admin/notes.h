// POST /records/ID/notes: facts that only the app knows, on their way to the writer. Pure but for
// being pushed by somebody else; any thread.
#pragma once

#include "base/result.h"
#include "record/record.h"
#include "store/writer.h"

namespace llmrec::admin {

// {"message_persisted": true, "order": "A-17"}: one flat object of texts, whole numbers and
// booleans. bad_argument says what is wrong, without quoting any of it.
Result<record::Facts> parse_notes(Bytes json);

// Adds the notes to the final record of this id, or to none.
class NotePayload final : public store::Payload {
 public:
  NotePayload(const RecordId&, record::Facts);
  bool is_amendment() const override { return true; }
  store::Entry encode() override { return {}; }
  std::optional<store::Entry> amend(const store::Row&) override;

 private:
  record::Facts facts_;
};

}  // namespace llmrec::admin
