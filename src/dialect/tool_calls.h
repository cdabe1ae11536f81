// The tool calls of one answer: which began, how many octets of arguments passed, and whether those
// are one whole JSON value yet. Arguments go through a content-free JSON state and are not kept.
// Pieces of a document are staged first and only then committed, because a cut document counts
// nothing and because `index` may stand behind the arguments that it belongs to. Owned by a
// dialect; pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "wire/json_shape.h"

namespace llmrec::dialect {

struct ToolCallState {
  std::uint32_t choice = 0;
  std::uint32_t index = 0;
  std::string id;
  std::string name;
  std::uint64_t arguments_bytes = 0;
  wire::JsonShape shape;
  bool shape_known = true;  // false: arguments could not be followed; then never called complete
  bool ended = false;       // the dialect's own end marker came
  bool object = false;      // arguments came as a JSON object inside a whole document
  bool free_text = false;   // a custom tool: its input is no JSON, only the end marker tells
  bool cut = false;         // the provider says so itself, whatever the arguments look like

  // One whole JSON value; no arguments at all count as {}, once the provider says that is all.
  bool arguments_whole() const {
    if (cut) return false;
    if (object) return true;
    if (free_text) return ended;
    return shape_known && (shape.empty() ? ended : shape.complete());
  }
  // Started, not whole, and its end marker has not come.
  bool open() const { return !ended && !arguments_whole(); }
};

class ToolCalls {
 public:
  // Staging, within one document. A piece is one element that speaks of one call.
  void begin_piece(std::uint32_t choice, std::uint32_t position);
  void set_index(std::uint32_t index);
  void add_id(Bytes part);
  void add_name(Bytes part);
  void add_arguments(Bytes part);
  void set_arguments_object(std::uint64_t bytes);  // whole arguments given as an object
  void add_free_text(Bytes part);                  // a custom tool's input
  void set_ended();
  void set_cut();
  void drop_piece();  // the newest was none of the client's calls after all
  bool staged() const { return staged_ != 0; }
  std::size_t staged_count() const { return staged_; }
  // A choice's own index may stand behind its pieces: moves those staged since `from` to it.
  void set_choice_from(std::size_t from, std::uint32_t choice);

  void commit();   // the document was whole
  void discard();  // it was not

  void end_call(std::uint32_t choice, std::uint32_t index);  // the dialect's end marker
  void cut_call(std::uint32_t choice, std::uint32_t index);  // the provider says it is not whole
  void end_all();  // the answer's own finish said that the calls are all there

  const std::vector<ToolCallState>& calls() const { return calls_; }
  std::uint32_t not_kept() const { return not_kept_; }
  bool any_open() const;
  bool any_whole() const;

 private:
  struct Piece {
    std::uint32_t choice = 0;
    std::uint32_t position = 0;
    std::optional<std::uint32_t> index;
    std::string id;
    std::string name;
    std::string held;  // arguments that came before the index, while they are few
    std::uint64_t arguments_bytes = 0;
    wire::JsonShape fresh;     // as if these were the first arguments of the call
    wire::JsonShape followed;  // continued from the call that `index` names
    bool following = false;
    std::size_t followed_call = 0;  // its position, and how much of it there was then
    std::uint64_t followed_bytes = 0;
    bool overflow = false;  // held is not all of it
    bool object = false;
    bool free_text = false;
    bool ended = false;
    bool cut = false;
  };

  Piece& piece() { return pieces_[staged_ - 1]; }
  ToolCallState* find(std::uint32_t choice, std::uint32_t index);
  void commit(const Piece&);
  bool followed_from(const Piece&, const ToolCallState&) const;

  std::vector<ToolCallState> calls_;  // at most limits::kToolCallsMax, in order of appearance
  std::vector<Piece> pieces_;         // reused; the first staged_ are of this document
  std::size_t staged_ = 0;
  std::uint32_t not_kept_ = 0;
};

}  // namespace llmrec::dialect
