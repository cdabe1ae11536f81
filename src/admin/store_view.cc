#include "admin/store_view.h"

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include "admin/notes.h"
#include "admin/receipt_page.h"
#include "base/limits.h"
#include "cli/lookup.h"
#include "cli/note.h"
#include "cli/values.h"
#include "cli/walk.h"
#include "record/codec.h"
#include "record/json.h"
#include "report/format.h"
#include "report/sentence.h"
#include "report/stats.h"
#include "report/stats_json.h"

namespace llmrec::admin {
namespace {

using record::json_quoted;
using record::Record;
using record::Status;

constexpr std::chrono::milliseconds kNoteWait{5000};
constexpr const char* kDefaultSince = "24h";

Response store_trouble(const Error& error) {
  Response r = json_error(503, error.detail);
  r.retry_after_s = 1;
  return r;
}

Response whole(std::string json) {
  Response r;
  r.content_type = "application/json";
  r.body = std::move(json) + "\n";
  return r;
}

std::string utc(std::int64_t unix_ms) {
  const std::string ms = std::to_string(1000 + unix_ms % 1000).substr(1);
  return report::local_time(unix_ms * 1000, true, "%FT%T") + '.' + ms + 'Z';
}

// One row of the dashboard's list.
std::string failure_row(const Record& r) {
  const auto sentences = report::verdict(r);
  std::string out = "{\"request_id\":" + json_quoted(r.request_id.text());
  const auto text = [&out](std::string_view key, Bytes value) {
    out += ",\"";
    out += key;
    out += "\":";
    out += value.empty() ? "null" : json_quoted(value);
  };
  text("started_at", utc(r.started_at_us / 1000));
  text("status", record::name(r.status));
  text("failure_stage", record::name(r.failure_stage));
  text("error_type", record::name(r.error_type));
  text("fault", record::name(r.fault));
  text("provider", r.provider);
  text("model", r.model);
  text("operation", r.operation);
  text("retry_safety", record::name(r.retry_safety));
  text("verdict", sentences.empty() ? "" : sentences.front());
  return out + '}';
}

struct Looked {
  report::Figures figures;
  std::string failures = "[";
  bool complete = true;
};

Result<Looked> look(const store::Store& from, const cli::Filter& filter) {
  Looked out;
  report::Stats stats;
  std::size_t seen = 0;
  std::size_t listed = 0;
  const auto walked =
      cli::walk_newest_first(from, filter, [&](const record::Summary& s, Bytes blob) {
        if (seen == limits::kAdminStatsRecords) {
          out.complete = false;
          return false;
        }
        ++seen;
        stats.add(s);
        const bool bad = s.status == Status::failed || s.status == Status::aborted;
        if (bad && listed < limits::kNewestFailures) {
          if (const auto r = record::decode(blob)) {
            out.failures += (listed++ == 0 ? "" : ",") + failure_row(*r);
          }
        }
        return true;
      });
  if (!walked) return walked.error();
  for (std::size_t i = 0; i < walked->unreadable; ++i) stats.add_unreadable();
  out.figures = stats.finish();
  out.failures += ']';
  return out;
}

Response several(const std::vector<Record>& found) {
  Response r;
  r.status = 300;
  r.content_type = "application/json";
  r.body = "{\"error\":\"the id fits several records\",\"request_ids\":[";
  const std::size_t shown = std::min(found.size(), limits::kCandidatesShown);
  for (std::size_t i = 0; i < shown; ++i) {
    r.body += (i == 0 ? "" : ",") + json_quoted(found[i].request_id.text());
  }
  r.body += "]}\n";
  return r;
}

}  // namespace

Response StoreView::stats(const std::string& since, const Vitals& vitals) const {
  const std::string asked = since.empty() ? kDefaultSince : since;
  const auto from = cli::parse_time(asked, vitals.now_unix_ms);
  if (!from) return json_error(400, "since: 1h, 24h, 7d or a time such as 2026-06-30T10:12:41Z");
  cli::Filter filter;
  filter.since_unix_ms = *from;
  const auto looked = look(store_, filter);
  if (!looked) return store_trouble(looked.error());
  std::string json = report::to_json(looked->figures);
  json.pop_back();  // more members follow
  json += ",\"since\":" + json_quoted(utc(*from)) +
          ",\"generated_at\":" + json_quoted(utc(vitals.now_unix_ms)) +
          ",\"complete\":" + (looked->complete ? "true" : "false") +
          ",\"newest_failures\":" + looked->failures + ",\"recorder\":" + to_json(vitals) + '}';
  return whole(std::move(json));
}

Response StoreView::record(const std::string& id, bool html) const {
  const auto found = cli::find_records(store_, id);
  if (!found) return store_trouble(found.error());
  if (found->empty()) {
    return html ? missing_page() : json_error(404, "no record has this id; it may be too old");
  }
  if (found->size() > 1) return html ? choice_page(*found) : several(*found);
  return html ? receipt_page(found->front()) : whole(record::to_json(found->front()));
}

Response StoreView::note(const std::string& id, Bytes json, store::Writer& writer) const {
  auto facts = parse_notes(json);
  if (!facts) return json_error(400, facts.error().detail);
  const auto found = cli::find_records(store_, id);
  if (!found) return store_trouble(found.error());
  if (found->empty()) return json_error(404, "no record has this id; it may be too old");
  if (found->size() > 1) return several(*found);
  Record expected = found->front();
  if (expected.status == Status::open) {
    Response r = json_error(503, "the call still runs: try again when it has ended");
    r.retry_after_s = 1;
    return r;
  }
  if (auto added = cli::add_notes(expected, *facts); !added) {
    return json_error(400, added.error().detail);
  }
  const RecordId key = expected.request_id;
  const bool taken = writer.push(std::make_unique<NotePayload>(key, *std::move(facts)));
  if (!taken || !writer.flush(kNoteWait)) {
    Response r = json_error(503, "the store is too busy");
    r.retry_after_s = 1;
    return r;
  }
  const auto stored = store_.get(key);
  if (!stored) return store_trouble(stored.error());
  const auto now = *stored ? record::decode((*stored)->blob)
                           : Result<Record>(Error{Code::not_found, "the record has gone"});
  if (!now) return json_error(503, now.error().detail);
  // Of two who write at once, both find what they wrote.
  for (const auto& note : expected.notes) {
    const bool there = std::any_of(now->notes.begin(), now->notes.end(),
                                   [&note](const auto& n) { return n.first == note.first; });
    if (!there) return json_error(503, "the notes could not be stored");
  }
  return whole(record::to_json(*now));
}

}  // namespace llmrec::admin
