#include "cli/db.h"

#include <fmt/format.h>

#include <string>

#include "base/clock.h"
#include "record/codec.h"
#include "record/json.h"
#include "report/format.h"
#include "store/compact.h"
#include "store/directory.h"
#include "store/store.h"
#include "store/verify.h"

namespace llmrec::cli {
namespace {

// A walk over the largest store that fits a default map takes seconds.
constexpr int kVerifyMs = 10 * 60 * 1000;

std::string size_text(std::uint64_t octets) {
  if (octets < 1024 * 1024) return fmt::format("{} KiB", octets / 1024);
  return fmt::format("{:.1f} MiB", static_cast<double>(octets) / (1024 * 1024));
}

std::string utc(std::int64_t unix_ms) {
  return report::local_time(unix_ms * 1000, true, "%FT%T") + fmt::format(".{:03}Z", unix_ms % 1000);
}

std::string stat_json(const store::Stat& s, int writer) {
  const auto id = [](const std::optional<RecordId>& r) {
    return r ? record::json_quoted(r->text()) : std::string("null");
  };
  std::string losses;
  for (const store::Loss& loss : s.losses) {
    losses += fmt::format(R"({}{{"reason":"{}","count":{},"first":"{}","last":"{}"}})",
                          losses.empty() ? "" : ",", store::name(loss.reason), loss.count,
                          utc(loss.first_ms), utc(loss.last_ms));
  }
  return fmt::format(
      R"({{"schema":1,"records":{},"open":{},"oldest":{},"newest":{},"created":"{}",)"
      R"("file_bytes":{},"used_bytes":{},"pinned_bytes":{},"map_bytes":{},"readers":{},)"
      R"("writer_pid":{},"losses":[{}]}})",
      s.records, s.open_rows, id(s.oldest), id(s.newest), utc(s.created_ms), s.file_bytes,
      s.used_bytes, s.pinned_bytes, s.map_bytes, s.readers,
      writer > 0 ? std::to_string(writer) : "null", losses);
}

void put(Streams& streams, std::string_view name, const std::string& value) {
  std::string_view label = name;
  for (const std::string& line : report::wrapped(value, 80 - 14)) {
    streams.out << report::padded(label, 14) << line << '\n';
    label = "";
  }
}

std::string time_of(const RecordId& id) { return report::local_time(id.unix_ms() * 1000, false); }

int stat(const DbOptions& o, Streams& streams) {
  const auto from = store::Store::open_reader(o.store);
  if (!from) return complain_of_store(from.error(), streams);
  const auto stat = from->stat();
  if (!stat) return complain_of_store(stat.error(), streams);
  const int writer = store::living_writer(o.store);
  if (o.json) {
    streams.out << stat_json(*stat, writer) << '\n';
    return kDone;
  }
  put(streams, "store", o.store);
  put(streams, "recorder",
      writer > 0    ? "process " + std::to_string(writer)
      : writer != 0 ? "running"
                    : "not running");
  std::string records = report::grouped(stat->records);
  if (stat->open_rows > 0) records += ", and " + report::grouped(stat->open_rows) + " still open";
  put(streams, "records", records);
  if (stat->oldest) put(streams, "oldest", time_of(*stat->oldest));
  if (stat->newest) put(streams, "newest", time_of(*stat->newest));
  const std::uint64_t map = stat->map_bytes == 0 ? 1 : stat->map_bytes;
  put(streams, "used",
      fmt::format("{} of {}, {} %", size_text(stat->used_bytes), size_text(stat->map_bytes),
                  stat->used_bytes * 100 / map));
  put(streams, "file", size_text(stat->file_bytes));
  if (stat->pinned_bytes > 0) {
    put(streams, "held", size_text(stat->pinned_bytes) + " by readers, or until the next commits");
  }
  for (const store::Loss& loss : stat->losses) {
    put(streams, &loss == &stat->losses.front() ? "lost" : "",
        report::counted(loss.count, "record") + ", " + std::string(store::name(loss.reason)) +
            ", " + report::local_time(loss.first_ms * 1000, false) + " to " +
            report::local_time(loss.last_ms * 1000, false));
  }
  if (stat->losses.empty()) put(streams, "lost", "nothing");
  return kDone;
}

int verify(const DbOptions& o, Streams& streams) {
  const bool beside_writer = store::living_writer(o.store) != 0;
  const auto checked = store::check_in_child(
      o.store, record::intact, kVerifyMs, beside_writer ? store::Depth::rows : store::Depth::whole);
  const store::Check& check = checked.check;
  switch (checked.verdict) {
    case store::Verdict::sound:
      streams.out << "sound: " << report::counted(check.records, "record") << ", "
                  << report::grouped(check.open_rows) << " open"
                  << (beside_writer ? "; indexes not looked at, a recorder is running" : "")
                  << '\n';
      return kDone;
    case store::Verdict::damaged:
      streams.out << "damaged: of " << report::counted(check.records + check.open_rows, "row")
                  << ' ' << check.damaged_rows << " cannot be read, " << check.missing_index
                  << " index rows are missing, " << check.stray_index << " are stray\n";
      complain("stop the recorder and move " + o.store +
                   "/data.mdb away; it makes a new one at its start",
               streams);
      return kFailed;
    case store::Verdict::unknown:
      complain(
          "the store in " + o.store + " could not be walked: not enough time, memory or rights",
          streams);
      return kFailed;
    default:
      break;
  }
  const auto from = store::Store::open_reader(o.store);  // says it in words
  if (!from) return complain_of_store(from.error(), streams);
  complain("the store in " + o.store + " changed while it was looked at: try again", streams);
  return kFailed;
}

int refused(const Error& error, Streams& streams) {
  if (error.code != Code::in_use) return complain_of_store(error, streams);
  complain(error.detail, streams);
  return kFailed;
}

int prune(const DbOptions& o, Streams& streams) {
  std::size_t map_bytes = 0;
  {
    const auto from = store::Store::open_reader(o.store);
    if (!from) return complain_of_store(from.error(), streams);
    const auto stat = from->stat();
    if (!stat) return complain_of_store(stat.error(), streams);
    map_bytes = static_cast<std::size_t>(stat->map_bytes);
  }
  store::WriterOptions w;
  w.dir = o.store;
  w.map_bytes = map_bytes;
  w.now_ms = streams.now_unix_ms;
  if (o.retain_ns) w.retention.age_ms = *o.retain_ns / kNsPerMs;
  w.retention.records = o.retain_records;
  w.retention.bytes = o.retain_bytes;
  auto writer = store::Store::open_writer(w);
  if (!writer) return refused(writer.error(), streams);
  const auto pruned = writer->prune(streams.now_unix_ms);
  if (!pruned) return complain_of_store(pruned.error(), streams);
  streams.out << report::counted(*pruned, "record") << " deleted\n";
  return kDone;
}

int compact(const DbOptions& o, Streams& streams) {
  const auto done = store::compact(o.store, record::intact);
  if (!done) return refused(done.error(), streams);
  streams.out << size_text(done->bytes_before) << " before, " << size_text(done->bytes_after)
              << " now\n";
  return kDone;
}

}  // namespace

int db(const DbOptions& o, Streams& streams) {
  switch (o.action) {
    case DbAction::stat:
      return stat(o, streams);
    case DbAction::verify:
      return verify(o, streams);
    case DbAction::prune:
      return prune(o, streams);
    case DbAction::compact:
      return compact(o, streams);
  }
  return kFailed;
}

}  // namespace llmrec::cli
