#include "cli/retry_safe.h"

#include <string>

#include "cli/lookup.h"
#include "report/format.h"
#include "store/store.h"

namespace llmrec::cli {
namespace {

using record::Record;
using record::RetrySafety;

enum Answer : int { kSafe = 0, kUnsafe = 1, kUnknown = 2 };

int say(Answer answer, const std::string& why, Streams& streams) {
  const char* word = answer == kSafe ? "safe" : answer == kUnsafe ? "unsafe" : "unknown";
  streams.out << word << ": " << why << '\n';
  return answer;
}

std::string complete_calls(const Record& r) {
  std::string names;
  for (const record::ToolCall& call : r.tool_calls) {
    if (!call.arguments_completed) continue;
    const std::string name = call.name.empty() ? call.id : call.name;
    names += (names.empty() ? "" : ", ") + (name.empty() ? std::string("?") : report::clean(name));
  }
  return names;
}

std::string delivered(const Record& r) {
  const std::uint64_t chars =
      r.output_chars_received + r.reasoning_chars_received + r.refusal_chars_received;
  std::string out =
      report::counted(r.chunks_received, "chunk") + ", " + report::counted(chars, "character");
  if (r.chunks_received == 0 && chars == 0) out = report::octets(r.response_bytes);
  return out;
}

int judge(const Record& r, Streams& streams) {
  if (r.status == record::Status::open) return say(kUnknown, "the call still runs", streams);
  switch (r.retry_safety) {
    case RetrySafety::safe:
      return say(kSafe, "nothing of an answer had reached the client", streams);
    case RetrySafety::duplicates_output:
      return say(kUnsafe,
                 "it would duplicate output: " + delivered(r) +
                     " had reached the client; safe where the client discards them",
                 streams);
    case RetrySafety::unsafe: {
      const std::string calls = complete_calls(r);
      return say(kUnsafe,
                 "a complete tool call" + (calls.empty() ? "" : " (" + calls + ")") +
                     " had reached the client and may have run",
                 streams);
    }
    case RetrySafety::unknown:
      break;
  }
  if (r.tap != record::TapState::complete) {
    return say(kUnknown, "the recorder could not read all of the answer", streams);
  }
  return say(kUnknown, "the record does not say what had reached the client", streams);
}

}  // namespace

int retry_safe(const RetrySafeOptions& o, Streams& streams) {
  const auto from = store::Store::open_reader(o.store);
  if (!from) return complain_of_store(from.error(), streams);
  const auto found = find_records(*from, o.id);
  if (!found) return complain_of_store(found.error(), streams);
  if (found->empty()) {
    return say(kUnknown, "no record fits '" + report::clean(o.id) + "' in " + o.store, streams);
  }
  if (found->size() > 1) {
    return say(kUnknown,
               "'" + report::clean(o.id) + "' fits " + std::to_string(found->size()) +
                   " records: llmrec show lists them",
               streams);
  }
  return judge(found->front(), streams);
}

}  // namespace llmrec::cli
