// An event stream, beside a plain reading of WHATWG HTML §9.2.6 that has all lines before it.
// Octets: 0 the cut, then the stream.
#include "wire/sse.h"

#include <algorithm>
#include <vector>

#include "fuzz/fuzz.h"

using namespace llmrec;
using namespace llmrec::wire;

namespace {

class Log final : public SseHandler {
 public:
  void on_data(Bytes part) override {
    LLMREC_PROMISE(!part.empty());
    data += part;
  }
  void on_event(const SseEvent& e) override {
    LLMREC_PROMISE(e.data_bytes == data.size());
    LLMREC_PROMISE(e.name.size() <= limits::kSseEventNameMax);
    out += "event " + std::string(e.name) + ": " + data + "\n";
    data.clear();
  }
  void on_discard() override { out += "discard\n"; }
  void on_comment() override { out += "comment\n"; }
  void on_other(Bytes part) override { other += part; }
  void on_other_end() override {
    out += "other " + other + "\n";
    other.clear();
  }
  std::string out;
  std::string data;
  std::string other;
};

std::vector<Bytes> lines_of(Bytes text) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  std::vector<Bytes> out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of("\r\n"), text.size());
    out.push_back(text.substr(0, end));
    const std::size_t ends = end == text.size() ? 0 : text.substr(end).starts_with("\r\n") ? 2 : 1;
    text.remove_prefix(end + ends);
  }
  return out;
}

std::string model(Bytes text) {
  std::string out;
  std::string name;
  std::string data;
  bool has_data = false;
  for (const Bytes line : lines_of(text)) {
    if (line.empty()) {
      if (has_data) {
        out += "event " + name + ": " + data + "\n";
      } else if (!name.empty()) {
        out += "discard\n";
      }
      name.clear();
      data.clear();
      has_data = false;
      continue;
    }
    const auto colon = line.find(':');
    const Bytes field = line.substr(0, colon);
    Bytes value = colon == Bytes::npos ? Bytes() : line.substr(colon + 1);
    if (value.starts_with(' ')) value.remove_prefix(1);
    if (colon == 0) {
      out += "comment\n";
    } else if (field == "data") {
      if (has_data) data += '\n';
      data += value;
      has_data = true;
    } else if (field == "event") {
      name = value.substr(0, limits::kSseEventNameMax);
    } else if (field != "id" && field != "retry") {
      out += "other " + std::string(line) + "\n";
    }
  }
  out += has_data ? "tail " + name + ": " + data : "end";
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(fuzz::bytes(data, size));
  const fuzz::Cut cut = input.byte();
  std::string seen;
  fuzz::same_in_every_cut(cut, [&](fuzz::Cut how) {
    Log log;
    SseTokenizer tokenizer;
    fuzz::in_pieces(input.rest(), how, [&](Bytes piece) { tokenizer.feed(piece, log); });
    const bool tail = tokenizer.finish(log);
    seen = log.out;
    seen += tail ? "tail " + std::string(tokenizer.tail().name) + ": " + log.data : "end";
    LLMREC_PROMISE(log.other.empty());
    const SseCounters& c = tokenizer.counters();
    return seen + std::to_string(c.events) + "," + std::to_string(c.discards) + "," +
           std::to_string(c.comments) + "," + std::to_string(c.others) + "," +
           std::to_string(c.ids) + "," + std::to_string(c.retries) + "," + std::to_string(c.bom) +
           std::to_string(c.lf) + std::to_string(c.crlf) + std::to_string(c.cr) +
           std::to_string(tokenizer.has_last_event_id());
  });
  fuzz::expect_same(seen, model(input.rest()), "as WHATWG reads it");
  return 0;
}
