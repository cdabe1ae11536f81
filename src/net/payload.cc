#include "net/payload.h"

#include <utility>

#include "record/codec.h"

namespace llmrec::net {
namespace {

enum IdKind : std::uint8_t { client_request, provider_request, response, trace, tool_call };

}  // namespace

RecordPayload::RecordPayload(record::Record&& record, store::Kind kind)
    : Payload(record.request_id, kind, sizeof(record::Record)), record_(std::move(record)) {}

store::Entry RecordPayload::encode() { return to_entry(record_, kind()); }

ToolResultSeen::ToolResultSeen(std::string call_id)
    : Payload({}, store::Kind::final, sizeof(ToolResultSeen) + call_id.size()),
      call_id_(std::move(call_id)) {}

std::optional<store::Entry> ToolResultSeen::amend(const store::Row& row) {
  auto record = record::decode(row.blob);
  if (!record) return std::nullopt;
  for (record::ToolCall& call : record->tool_calls) {
    if (call.id != call_id_ || call.execution_observed) continue;
    call.execution_observed = true;
    if (!call.arguments_completed) {
      record->warnings.insert(record::Warning::executed_incomplete);
    }
    return to_entry(*record, row.kind);
  }
  return std::nullopt;
}

store::Entry to_entry(const record::Record& r, store::Kind kind) {
  store::Entry entry;
  entry.key = r.request_id;
  entry.kind = kind;
  entry.blob = record::encode(r);
  entry.status = static_cast<std::uint8_t>(r.status);
  entry.stage = static_cast<std::uint8_t>(r.failure_stage);
  if (kind == store::Kind::open) return entry;
  const auto add = [&entry](IdKind id, const std::string& value) {
    if (!value.empty()) entry.ids.push_back({id, value});
  };
  add(client_request, r.client_request_id);
  add(provider_request, r.provider_request_id);
  add(response, r.response_id);
  add(trace, r.trace_id);
  for (const record::ToolCall& call : r.tool_calls) add(tool_call, call.id);
  return entry;
}

}  // namespace llmrec::net
