#include "cli/reading_commands.h"

#include "base/id.h"
#include "base/limits.h"
#include "cli/setters.h"
#include "report/stats.h"

namespace llmrec::cli {
namespace {

void add_filter(std::vector<Option>& options, Filter& f, std::int64_t now_unix_ms) {
  const auto time = [now_unix_ms](const std::string& t) { return parse_time(t, now_unix_ms); };
  options.push_back({"since", 0, "TIME", "Begun at or after: 1h (ago), 2026-06-30, RFC 3339",
                     keep(f.since_unix_ms, time)});
  options.push_back({"until", 0, "TIME", "Begun before", keep(f.until_unix_ms, time)});
  options.push_back(
      word_option<record::Status>("status", "ok, failed, aborted or open", f.status, "a status"));
  options.push_back(word_option<record::Stage>("stage", "This failure_stage", f.stage, "a stage"));
  options.push_back(
      word_option<record::ErrorType>("error", "This error_type", f.error, "an error_type"));
  options.push_back({"provider", 0, "NAME", "This provider, such as openai", text(f.provider)});
  options.push_back(
      {"model", 0, "GLOB", "This model, asked for or answered; '*' is a wildcard", text(f.model)});
  Option with_tag{"tag", 0, "KEY=VALUE", "With this tag; may be repeated: all of them",
                  tag(f.tags)};
  with_tag.many = true;
  options.push_back(std::move(with_tag));
  options.push_back({"slow", 0, "TIME", "Took at least so long", duration(f.slow_ns)});
}

}  // namespace

Command show_command(ShowOptions& o) {
  Command c;
  c.name = "show";
  c.about = "Show one record as a receipt";
  c.description =
      "ID is a request_id or a unique beginning of one, 'last', or any id that the record holds: "
      "of the client, of the provider, of the response, of a tool call, of the trace.";
  c.positional = "ID";
  c.set_positional = text(o.id);
  c.options = {help_option(),
               {"json", 0, "", "The whole record as JSON", flag(o.json)},
               store_option(o.store)};
  add_view(c.options, o.view);
  return c;
}

Command ls_command(LsOptions& o, std::int64_t now_unix_ms) {
  Command c;
  c.name = "ls";
  c.about = "List records, newest first";
  c.options = {
      help_option(),
      choice_option<Output>("output", 'o', "FORM", "table (the default), wide, json, jsonl or csv",
                            o.output,
                            {{"table", Output::table},
                             {"wide", Output::wide},
                             {"json", Output::json},
                             {"jsonl", Output::jsonl},
                             {"csv", Output::csv}}),
      {"count", 'n', "N", "At most so many; 0 is all (default: 50, with -f 10)",
       keep(o.count, [](const std::string& t) { return parse_count(t); })},
      {"follow", 'f', "", "Oldest first, then each record as its call ends, until interrupted",
       flag(o.follow)}};
  add_filter(c.options, o, now_unix_ms);
  c.options.push_back(store_option(o.store));
  add_view(c.options, o.view);
  return c;
}

Command stats_command(StatsOptions& o, std::int64_t now_unix_ms) {
  Command c;
  c.name = "stats";
  c.about = "Show what fails where, how long the first token takes, what it costs";
  Option by{"by", 0, "KEY",
            "Break down by provider, model, route, host, operation or tag:KEY; may be repeated "
            "(default: the first three)",
            [&o](const std::string& given) -> Result<void> {
              if (!report::is_breakdown(given)) {
                return Error{Code::bad_argument, "'" + given + "' is none of " +
                                                     std::string(report::breakdowns_in_words())};
              }
              if (o.by.size() == limits::kStatsBreakdowns) {
                return Error{Code::bad_argument,
                             "at most " + std::to_string(limits::kStatsBreakdowns) + " of them"};
              }
              o.by.push_back(given);
              return {};
            }};
  by.many = true;
  by.words = {"provider", "model", "route", "host", "operation", "tag:"};
  c.options = {help_option(),
               std::move(by),
               {"json", 0, "", "All figures as one JSON document", flag(o.json)}};
  add_filter(c.options, o, now_unix_ms);
  c.options.push_back(store_option(o.store));
  add_view(c.options, o.view);
  return c;
}

Command export_command(ExportOptions& o, std::int64_t now_unix_ms) {
  Command c;
  c.name = "export";
  c.about = "Print records as JSONL, oldest first, for pipelines";
  c.description =
      "Take the request_id of the last line as ID of the next run: no record comes twice and none "
      "is left out. For this, records that began after a call that still runs are held back until "
      "it has ended.";
  c.options = {
      help_option(),
      {"after", 0, "ID", "Begin after this request_id",
       [&o](const std::string& given) -> Result<void> {
         if (!RecordId::from_text(given)) {
           return Error{Code::bad_argument, "'" + given +
                                                "' is not a whole request_id such as "
                                                "req_01JZ0T0M3V6Q3C1B4W0V7W9K2D"};
         }
         o.after = given;
         return {};
       }},
      {"unsettled", 0, "", "Hold nothing back: a later run may miss records", flag(o.unsettled)}};
  add_filter(c.options, o, now_unix_ms);
  c.options.push_back(store_option(o.store));
  return c;
}

Command retry_safe_command(RetrySafeOptions& o) {
  Command c;
  c.name = "retry-safe";
  c.about = "Say whether a call may be tried again, in words and as exit status";
  c.description =
      "The exit status is 0 for safe, 1 for unsafe (also: the output would come twice), 2 for "
      "unknown, 3 for a store that cannot be read. ID is any id that 'llmrec show' takes.";
  c.positional = "ID";
  c.set_positional = text(o.id);
  c.options = {help_option(), store_option(o.store)};
  return c;
}

Command note_command(NoteOptions& o) {
  Command c;
  c.name = "note";
  c.about = "Add facts that only the app knows to a record";
  c.description =
      "ID is any id that 'llmrec show' takes. A key that the record already has gets the new "
      "value. Notes are metadata: never put a prompt or an output into one.";
  c.positional = "ID KEY=VALUE...";
  c.positionals_min = 2;
  c.positionals_max = 1 + limits::kFactsMax;
  c.set_positional = [&o](const std::string& given) -> Result<void> {
    if (o.id.empty()) {
      if (given.empty()) return Error{Code::bad_argument, "the value is empty"};
      o.id = given;
      return {};
    }
    auto fact = parse_tag(given);
    if (fact) o.facts.push_back(*std::move(fact));
    return fact
               ? Result<void>()
               : Error{Code::bad_argument,
                       "'" + given + "' is not a note such as message_persisted=true, of at most " +
                           std::to_string(limits::kFactKeyMax) + " and " +
                           std::to_string(limits::kFactValueMax) + " characters"};
  };
  c.options = {help_option(), store_option(o.store)};
  return c;
}

Command tap_command(TapOptions& o) {
  Command c;
  c.name = "tap";
  c.about = "Make a record of a captured request and response, as JSON";
  c.description = "The files hold the octets of one HTTP/1.1 exchange as they were on the wire.";
  c.options = {
      help_option(),
      {"request", 0, "FILE", "The octets that the client sent", text(o.request)},
      {"response", 0, "FILE", "The octets that the provider sent", text(o.response)},
      {"host", 0, "HOST", "The provider's host (default: the request's Host)", text(o.host)},
      choice_option<CaptureEnd>("end", 0, "HOW",
                                "How the connection ended: close_notify (the default), fin, reset, "
                                "or client (it reset the connection)",
                                o.end,
                                {{"close_notify", CaptureEnd::close_notify},
                                 {"fin", CaptureEnd::fin},
                                 {"reset", CaptureEnd::reset},
                                 {"client", CaptureEnd::client}}),
      {"split", 0, "N", "Read N octets at a time; the record does not depend on it",
       [&o](const std::string& given) -> Result<void> {
         auto n = parse_count(given);
         if (!n) return n.error();
         if (*n == 0) return Error{Code::bad_argument, "pieces have at least 1 octet"};
         o.split = static_cast<std::size_t>(*n);
         return {};
       }},
      prices_option(o.prices)};
  return c;
}

}  // namespace llmrec::cli
