// A record on its way to the writer: encoded there, off the loops. The one place where records meet
// the store's keys. Made on a loop, used on the writer's thread.
#pragma once

#include "record/record.h"
#include "store/writer.h"

namespace llmrec::net {

class RecordPayload final : public store::Payload {
 public:
  RecordPayload(record::Record&& record, store::Kind kind);
  store::Entry encode() override;

 private:
  record::Record record_;
};

// A later request carried the result of a tool call: the record of the call learns that it was
// executed, and is flagged where its arguments had not been whole.
class ToolResultSeen final : public store::Payload {
 public:
  explicit ToolResultSeen(std::string call_id);
  bool is_amendment() const override { return true; }
  Bytes subject() const override { return call_id_; }
  store::Entry encode() override { return {}; }
  std::optional<store::Entry> amend(const store::Row&) override;

 private:
  std::string call_id_;
};

// What the store keeps of a record, with all the names by which it can be found.
store::Entry to_entry(const record::Record& record, store::Kind kind);

}  // namespace llmrec::net
