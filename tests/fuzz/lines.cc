// Lines of NDJSON, beside a reading of the whole text. Octets: 0 the cut, then the text.
#include "wire/lines.h"

#include <algorithm>

#include "fuzz/fuzz.h"

using namespace llmrec;
using namespace llmrec::wire;

namespace {

class Log final : public LineHandler {
 public:
  void on_line(Bytes part) override {
    LLMREC_PROMISE(!part.empty());
    out += part;
  }
  void on_line_end() override { out += "|\n"; }
  std::string out;
};

std::string model(Bytes text) {
  std::string out;
  while (!text.empty()) {
    const auto lf = text.find('\n');
    Bytes line = text.substr(0, lf);
    text.remove_prefix(lf == Bytes::npos ? text.size() : lf + 1);
    line.remove_prefix(std::min(line.find_first_not_of(" \t\r"), line.size()));
    if (line.empty()) continue;
    if (lf != Bytes::npos && line.ends_with('\r')) line.remove_suffix(1);
    out += line;
    out += lf == Bytes::npos ? "!" : "|\n";
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(fuzz::bytes(data, size));
  const fuzz::Cut cut = input.byte();
  const std::string expected = model(input.rest());
  fuzz::same_in_every_cut(cut, [&](fuzz::Cut how) {
    Log log;
    LineSplitter splitter;
    fuzz::in_pieces(input.rest(), how, [&](Bytes piece) { splitter.feed(piece, log); });
    if (splitter.finish(log)) log.out += "!";
    fuzz::expect_same(log.out, expected, "as a reading of the whole text");
    return log.out + std::to_string(splitter.lines());
  });
  return 0;
}
