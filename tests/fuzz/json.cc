// JSON at paths, beside the shape of the same text: two parsers that share no code must agree on
// what is JSON. Octets: 0 the paths, 1 the cut, then the text.
#include "wire/json.h"

#include <array>
#include <span>

#include "fuzz/fuzz.h"
#include "wire/json_shape.h"

using namespace llmrec;
using namespace llmrec::wire;

namespace {

class Log final : public JsonSink {
 public:
  void on_enter(std::uint16_t slot, std::uint32_t position) override {
    add(slot, "enter " + std::to_string(position));
    ++depth;
    LLMREC_PROMISE(depth <= limits::kJsonDepthMax);
  }
  void on_leave(std::uint16_t slot) override {
    add(slot, "leave");
    LLMREC_PROMISE(depth-- > 0);
  }
  void on_string(std::uint16_t slot, Bytes part, bool last) override {
    LLMREC_PROMISE(last || !part.empty());
    text += part;
    if (!last) return;
    add(slot, "\"" + text);
    text.clear();
  }
  void on_int(std::uint16_t slot, std::int64_t n) override { add(slot, std::to_string(n)); }
  void on_double(std::uint16_t slot, double d) override {
    LLMREC_PROMISE(d - d == 0);  // finite
    char shown[40];
    std::snprintf(shown, sizeof shown, "%a", d);
    add(slot, shown);
  }
  void on_bool(std::uint16_t slot, bool b) override { add(slot, b ? "true" : "false"); }
  void on_null(std::uint16_t slot) override { add(slot, "null"); }
  void on_key(std::uint16_t slot, Bytes key) override {
    LLMREC_PROMISE(key.size() <= limits::kJsonKeyMax);
    add(slot, "key " + std::string(key));
  }

  std::string out;
  std::string text;  // of a string that has not ended
  std::size_t depth = 0;

 private:
  void add(std::uint16_t slot, const std::string& what) {
    out += std::to_string(slot) + " " + what + "\n";
  }
};

const JsonPath kEverywhere[] = {{"", 1},     {"*", 2},   {"[]", 3},   {"*.*", 4},
                                {"[].*", 5}, {"*[]", 6}, {"[][]", 7}, {"*.*[]", 8}};
const JsonPath kNamed[] = {{"a", 1},       {"a.b", 2},     {"a[]", 3}, {"a[].b", 4}, {"a.*", 5},
                           {"a.b.c[]", 6}, {"ab", 7},      {"b", 8},   {"b[].a", 8}, {"a", 9},
                           {"[].a", 10},   {"[][].a", 11}, {"", 12}};
const JsonPath kLikeOpenai[] = {{"choices[].delta.content", 1},
                                {"choices[].index", 2},
                                {"choices[]", 3},
                                {"usage", 4},
                                {"usage.prompt_tokens", 5},
                                {"choices[].delta.tool_calls[].id", 6},
                                {"error", 7},
                                {"error.*", 8},
                                {"model", 9}};

const JsonPaths& paths(std::uint8_t which) {
  static const JsonPaths kAll[] = {JsonPaths(kEverywhere), JsonPaths(kNamed),
                                   JsonPaths(kLikeOpenai), JsonPaths({})};
  return kAll[which % std::size(kAll)];
}

std::string shape_text(const JsonShape& s) {
  return std::to_string(s.complete()) + std::to_string(s.invalid()) + std::to_string(s.too_deep()) +
         std::to_string(s.empty()) + std::to_string(s.in_string()) + std::to_string(s.depth());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(fuzz::bytes(data, size));
  const JsonPaths& chosen = paths(input.byte());
  const fuzz::Cut cut = input.byte();

  JsonShape shape;
  shape.feed(input.rest());
  fuzz::same_in_every_cut(cut, [&](fuzz::Cut how) {
    JsonShape pieces;
    fuzz::in_pieces(input.rest(), how, [&](Bytes piece) { pieces.feed(piece); });
    LLMREC_PROMISE(pieces.depth() <= static_cast<int>(limits::kJsonDepthMax));
    return shape_text(pieces);
  });

  JsonState state = JsonState::more;
  fuzz::same_in_every_cut(cut, [&](fuzz::Cut how) {
    Log log;
    JsonReader reader(chosen, log);
    // What an earlier text left behind must not show.
    if (how != fuzz::kWhole) {
      Log before;
      reader.feed("{\"a\":[\"\\ud83d");
      log = Log();
      reader.reset();
    }
    fuzz::in_pieces(input.rest(), how, [&](Bytes piece) { reader.feed(piece); });
    const JsonState fed = reader.state();
    state = reader.finish();
    LLMREC_PROMISE(state != JsonState::more);
    LLMREC_PROMISE(fed != JsonState::done || state == JsonState::done);
    if (state == JsonState::done) LLMREC_PROMISE(log.depth == 0 && log.text.empty());
    // Where it broke off, how much of the last string came before may depend on the cut.
    return log.out + std::to_string(static_cast<int>(state)) + std::to_string(reader.empty());
  });
  LLMREC_PROMISE((state == JsonState::done) == shape.complete());
  LLMREC_PROMISE((state == JsonState::too_deep) == shape.too_deep());
  return 0;
}
