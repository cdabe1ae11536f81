// A JSON array cut into its elements. Octets: 0 the cut, then the text.
#include "wire/json_array.h"

#include "fuzz/fuzz.h"
#include "wire/json_shape.h"

using namespace llmrec;
using namespace llmrec::wire;

namespace {

class Log final : public JsonArrayHandler {
 public:
  void on_element_begin() override {
    LLMREC_PROMISE(!open);
    open = true;
    element.clear();
  }
  void on_element(Bytes part) override {
    LLMREC_PROMISE(open && !part.empty());
    element += part;
  }
  void on_element_end() override {
    LLMREC_PROMISE(open && !element.empty());
    open = false;
    JsonShape shape;
    shape.feed(element);
    all_json = all_json && shape.complete();
    if (count++ != 0) joined += ',';
    joined += element;
  }
  bool open = false;
  bool all_json = true;
  std::uint64_t count = 0;
  std::string element;
  std::string joined = "[";
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(fuzz::bytes(data, size));
  const fuzz::Cut cut = input.byte();
  JsonShape shape;
  shape.feed(input.rest());
  const auto first = input.rest().find_first_not_of(" \t\r\n");
  const bool array = first != Bytes::npos && input.rest()[first] == '[' && shape.complete();
  fuzz::same_in_every_cut(cut, [&](fuzz::Cut how) {
    Log log;
    JsonArraySplitter splitter;
    fuzz::in_pieces(input.rest(), how, [&](Bytes piece) { splitter.feed(piece, log); });
    LLMREC_PROMISE(log.open == splitter.in_element());
    LLMREC_PROMISE(log.count == splitter.elements());
    if (array) {
      LLMREC_PROMISE(splitter.state() == JsonArraySplitter::State::done);
      LLMREC_PROMISE(log.all_json);
      JsonShape again;
      again.feed(log.joined + "]");
      LLMREC_PROMISE(again.complete());
    }
    return log.joined + (log.open ? " open " + log.element : "") +
           std::to_string(static_cast<int>(splitter.state()));
  });
  return 0;
}
