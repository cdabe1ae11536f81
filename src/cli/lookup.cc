#include "cli/lookup.h"

#include <algorithm>
#include <optional>

#include "base/limits.h"
#include "record/codec.h"

namespace llmrec::cli {
namespace {

using record::Record;
using Records = std::vector<Record>;

bool newer(const Record& a, const Record& b) { return a.request_id > b.request_id; }

Result<void> load(const store::Store& from, const RecordId& id, Records& into) {
  const auto row = from.get(id);
  if (!row) return row.error();
  if (!row->has_value()) return {};  // it went between two looks
  auto decoded = record::decode((*row)->blob);
  if (!decoded) return Error{decoded.error().code, id.text() + ": " + decoded.error().detail};
  into.push_back(*std::move(decoded));
  return {};
}

Result<Records> newest(const store::Store& from) {
  std::optional<RecordId> id;
  const auto scanned = from.scan({}, [&id](const RecordId& key, Bytes) {
    id = key;
    return false;
  });
  if (!scanned) return scanned.error();
  const auto open = from.open_rows();
  if (!open) return open.error();
  for (const store::Row& row : *open) {
    if (!id || row.key > *id) id = row.key;
  }
  Records out;
  if (!id) return out;
  if (auto ok = load(from, *id, out); !ok) return ok.error();
  return out;
}

// Final records by the index, running ones by a look at each.
Result<Records> by_any_id(const store::Store& from, Bytes id) {
  Records out;
  const auto candidates = from.find_by_id_value(id);
  if (!candidates) return candidates.error();
  for (const RecordId& key : *candidates) {
    if (auto ok = load(from, key, out); !ok) return ok.error();
  }
  const auto open = from.open_rows();
  if (!open) return open.error();
  for (const store::Row& row : *open) {
    auto decoded = record::decode(row.blob);
    if (decoded) out.push_back(*std::move(decoded));
  }
  out.erase(
      std::remove_if(out.begin(), out.end(), [id](const Record& r) { return !has_id(r, id); }),
      out.end());
  std::sort(out.begin(), out.end(), newer);
  // A call may have ended between the two looks.
  out.erase(
      std::unique(out.begin(), out.end(),
                  [](const Record& a, const Record& b) { return a.request_id == b.request_id; }),
      out.end());
  return out;
}

}  // namespace

bool has_id(const Record& r, Bytes id) {
  if (id.empty()) return false;
  return r.client_request_id == id || r.provider_request_id == id || r.response_id == id ||
         r.trace_id == id ||
         std::any_of(r.tool_calls.begin(), r.tool_calls.end(),
                     [id](const record::ToolCall& call) { return call.id == id; });
}

Result<Records> find_records(const store::Store& from, const std::string& id) {
  if (id == "last") return newest(from);
  Records out;
  if (const auto whole = RecordId::from_text(id)) {
    if (auto ok = load(from, *whole, out); !ok) return ok.error();
    if (!out.empty()) return out;
  }
  auto named = by_any_id(from, id);
  if (!named || !named->empty()) return named;
  const auto range = record_id_prefix(id);
  if (!range) return out;
  const auto keys = from.find_in_range(*range, limits::kStoreFindMax);
  if (!keys) return keys.error();
  for (const RecordId& key : *keys) {
    if (auto ok = load(from, key, out); !ok) return ok.error();
  }
  std::sort(out.begin(), out.end(), newer);
  return out;
}

}  // namespace llmrec::cli
