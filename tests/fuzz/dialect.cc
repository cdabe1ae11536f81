// Octets: 0 the side and the kind, 1 the target, 2 the cut, then a line for each document; a line
// that begins with '!' names the event of the next one. Every document has its own end, whether it
// is JSON or not, and what it said must not depend on how it was cut.
#include "fuzz/dialect.h"

#include <algorithm>
#include <array>
#include <memory>

#include "base/limits.h"
#include "fuzz/fuzz.h"

namespace llmrec::fuzz {
namespace {

using namespace dialect;

constexpr std::array<Target, 8> kTargets{{
    {"POST", "api.openai.com", "/v1/chat/completions", "", "application/json"},
    {"POST", "bedrock-runtime.us-east-1.amazonaws.com",
     "/model/us.anthropic.claude-sonnet-4/invoke-with-response-stream", "", "application/json"},
    {"POST", "bedrock-runtime.eu-west-1.amazonaws.com",
     "/model/arn%3Aaws%3Abedrock%3Aeu-west-1%3A1%3Ainference-profile%2Fx/invoke", "", ""},
    {"POST", "generativelanguage.googleapis.com",
     "/v1beta/models/gemini-2.5-flash:streamGenerateContent", "alt=sse", "application/json"},
    {"POST", "bedrock-runtime.us-west-2.amazonaws.com", "/model/amazon.nova-lite-v1:0/invoke", "",
     ""},
    {"POST", "bedrock-runtime.us-west-2.amazonaws.com",
     "/model/meta.llama3-8b-instruct-v1:0/invoke-with-response-stream", "", ""},
    {"GET", "", "/", "", ""},
    {"POST", "openrouter.ai", "/api/v1/chat/completions", "", ""},
}};

std::string text(const record::Count& c) { return c ? std::to_string(*c) : "-"; }
std::string text(const record::Usage& u) {
  std::string out = "usage";
  for (const auto& c : {u.input, u.output, u.total, u.cached_input, u.cache_write, u.reasoning}) {
    out += " " + text(c);
  }
  return out + "\n";
}

std::string text(const Delta& d) {
  std::string out = std::to_string(d.text_chars) + "/" + std::to_string(d.reasoning_chars) + "/" +
                    std::to_string(d.refusal_chars) + " ";
  for (const bool b : {d.tool_piece, d.ping, d.done, d.finish_signal, d.usage_final, d.sequence_gap,
                       d.content()}) {
    out += b ? '1' : '0';
  }
  for (const auto c : d.choices) out += " c" + std::to_string(c);
  for (const Finish& f : d.finishes) {
    out +=
        " f" + std::to_string(f.choice) + f.reason + "," + std::to_string(static_cast<int>(f.cls));
  }
  out += " " + text(d.cost_nano_usd) + " " + text(d.retry_after_ns);
  if (d.error) {
    out += " e" + d.error->type + "," + d.error->code + "," + std::to_string(d.error->status);
  }
  return out + " " + d.response_id + " " + d.model + " " + text(d.usage);
}

std::string text(const ToolCalls& tools) {
  std::string out = "tools " + std::to_string(tools.not_kept()) + std::to_string(tools.any_open()) +
                    std::to_string(tools.any_whole());
  for (const ToolCallState& call : tools.calls()) {
    out += "\n " + std::to_string(call.choice) + "." + std::to_string(call.index) + " " + call.id +
           " " + call.name + " " + std::to_string(call.arguments_bytes) +
           std::to_string(call.arguments_whole()) + std::to_string(call.open());
  }
  return out + "\n";
}

std::string text(const Asked& a) {
  std::string out = "asked " + a.model + " " + (a.stream ? std::to_string(*a.stream) : "-") + " " +
                    text(a.message_count) + " " + text(a.tool_count) + " " +
                    text(a.max_output_tokens) + " " +
                    (a.usage_requested ? std::to_string(*a.usage_requested) : "-") + " " +
                    std::to_string(a.text_chars) + " " + std::to_string(a.attachment_bytes);
  for (const std::string& id : a.tool_result_ids) out += " " + id;
  return out;
}

// What a document may leave behind, however large it was.
void check(const Delta& d) {
  LLMREC_PROMISE(d.choices.size() <= 2 * limits::kChoicesMax);
  LLMREC_PROMISE(d.finishes.size() <= 2 * limits::kChoicesMax);
  for (const Finish& f : d.finishes) LLMREC_PROMISE(f.reason.size() <= limits::kRecordNameMax);
  LLMREC_PROMISE(d.response_id.size() <= limits::kRecordIdTextMax);
  LLMREC_PROMISE(d.model.size() <= limits::kRecordModelMax);
  if (!d.error) return;
  LLMREC_PROMISE(d.error->type.size() <= limits::kRecordNameMax);
  LLMREC_PROMISE(d.error->code.size() <= limits::kRecordNameMax);
}

void check(const ToolCalls& tools) {
  LLMREC_PROMISE(tools.calls().size() <= limits::kToolCallsMax);
  for (const ToolCallState& call : tools.calls()) {
    LLMREC_PROMISE(call.id.size() <= limits::kRecordIdTextMax);
    LLMREC_PROMISE(call.name.size() <= limits::kToolNameMax);
  }
}

void check(const Asked& a) {
  LLMREC_PROMISE(a.model.size() <= limits::kRecordModelMax);
  LLMREC_PROMISE(a.tool_result_ids.size() <= limits::kToolResultIdsMax);
  for (const std::string& id : a.tool_result_ids) {
    LLMREC_PROMISE(id.size() <= limits::kRecordIdTextMax);
  }
}

template <class Each>
void each_document(Bytes octets, Each&& each) {
  Bytes name;
  while (!octets.empty()) {
    const std::size_t end = std::min(octets.find('\n'), octets.size());
    const Bytes line = octets.substr(0, end);
    octets.remove_prefix(std::min(end + 1, octets.size()));
    if (line.starts_with('!')) {
      name = line.substr(1);
    } else {
      each(line, name);
      name = {};
    }
  }
}

std::string answer(const Entry& entry, const Target& target, DocumentKind kind, Bytes octets,
                   Cut how) {
  const std::unique_ptr<Dialect> dialect = entry.make(target);
  Asked asked;
  const Provider& provider = provider_by_host(target.host);
  wire::JsonReader reader(dialect->answer_paths(), *dialect);
  std::string out;
  const std::size_t before = heap_in_use();
  each_document(octets, [&](Bytes document, Bytes name) {
    dialect->begin_document(kind);
    reader.reset();
    in_pieces(document, how, [&](Bytes piece) { reader.feed(piece); });
    // As the tap does: what is not whole is taken back, and the next document begins.
    if (reader.finish() != wire::JsonState::done) {
      out += "not whole\n";
      return;
    }
    const Delta& delta = dialect->end_document(name);
    check(delta);
    check(dialect->tools());
    out += text(delta);
    out += text(dialect->comparable(provider, delta.usage));
  });
  LLMREC_PROMISE(heap_in_use() < before + 3 * out.capacity() + 1024 * 1024);
  out += text(dialect->tools());
  const Owes owes = dialect->owes(provider, asked);
  out += std::to_string(owes.finish) + std::to_string(owes.done) + std::to_string(owes.usage);
  dialect->end_tool_calls();
  return out + text(dialect->tools()) + std::string(dialect->recognised());
}

std::string request(const Entry& entry, const Target& target, Bytes octets, Cut how) {
  const std::unique_ptr<Dialect> dialect = entry.make(target);
  std::string out;
  each_document(octets, [&](Bytes document, Bytes) {
    Asked asked;
    const std::unique_ptr<wire::JsonSink> sink = dialect->request_sink(asked);
    if (sink == nullptr) return;
    wire::JsonReader reader(dialect->request_paths(), *sink);
    in_pieces(document, how, [&](Bytes piece) { reader.feed(piece); });
    const wire::JsonState state = reader.finish();
    check(asked);
    if (state == wire::JsonState::done) out += text(asked);
    out += std::to_string(static_cast<int>(state)) + "\n";
  });
  return out;
}

}  // namespace

void run_dialect(const Entry& entry, Bytes octets) {
  Input input(octets);
  const std::uint8_t side = input.byte();
  const Target& target = kTargets[input.byte() % kTargets.size()];
  const Cut cut = input.byte();
  entry.claims(target);
  const auto kind = static_cast<DocumentKind>(side / 2 % 3);
  same_in_every_cut(cut, [&](Cut how) {
    return side % 2 == 0 ? answer(entry, target, kind, input.rest(), how)
                         : request(entry, target, input.rest(), how);
  });
}

}  // namespace llmrec::fuzz
