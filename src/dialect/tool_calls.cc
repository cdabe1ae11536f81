#include "dialect/tool_calls.h"

#include <algorithm>

#include "base/limits.h"

namespace llmrec::dialect {
namespace {

void append_cut(std::string& to, Bytes part, std::size_t max) {
  if (to.size() < max) to.append(part.substr(0, max - to.size()));
}

}  // namespace

void ToolCalls::begin_piece(std::uint32_t choice, std::uint32_t position) {
  if (staged_ == limits::kToolPiecesMax) {
    // The document speaks of more calls than are followed; the last place takes the rest.
    ++not_kept_;
  } else if (++staged_ > pieces_.size()) {
    pieces_.emplace_back();
  }
  Piece& p = piece();
  p.choice = choice;
  p.position = position;
  p.index.reset();
  p.id.clear();
  p.name.clear();
  p.held.clear();
  p.arguments_bytes = 0;
  p.fresh = {};
  p.followed = {};
  p.following = p.overflow = p.object = p.free_text = p.ended = p.cut = false;
}

void ToolCalls::set_choice_from(std::size_t from, std::uint32_t choice) {
  for (std::size_t i = from; i < staged_; ++i) {
    Piece& p = pieces_[i];
    if (p.choice == choice) continue;
    p.choice = choice;
    p.following = false;  // it followed a call of the wrong choice; fresh and held still stand
  }
}

void ToolCalls::set_index(std::uint32_t index) {
  Piece& p = piece();
  p.index = index;
  if (p.arguments_bytes != 0) return;  // arguments came first: settled at the commit
  if (const ToolCallState* call = find(p.choice, index)) {
    p.followed = call->shape;
    p.following = true;
    p.followed_call = static_cast<std::size_t>(call - calls_.data());
    p.followed_bytes = call->arguments_bytes;
  }
}

void ToolCalls::add_id(Bytes part) { append_cut(piece().id, part, limits::kRecordIdTextMax); }
void ToolCalls::add_name(Bytes part) { append_cut(piece().name, part, limits::kToolNameMax); }

void ToolCalls::add_arguments(Bytes part) {
  if (part.empty()) return;
  Piece& p = piece();
  p.arguments_bytes = saturating_add(p.arguments_bytes, part.size());
  p.fresh.feed(part);
  if (p.following) p.followed.feed(part);
  // Held even while a call is followed: the choice's own index may still correct it.
  if (p.overflow || p.held.size() + part.size() > limits::kToolArgumentsHeldMax) {
    p.overflow = true;
    p.held.clear();
  } else {
    p.held.append(part);
  }
}

void ToolCalls::set_arguments_object(std::uint64_t bytes) {
  piece().object = true;
  piece().arguments_bytes = bytes;
}

void ToolCalls::add_free_text(Bytes part) {
  piece().free_text = true;
  piece().arguments_bytes = saturating_add(piece().arguments_bytes, part.size());
}

void ToolCalls::set_ended() { piece().ended = true; }
void ToolCalls::set_cut() { piece().cut = true; }

void ToolCalls::drop_piece() {
  if (staged_ != 0) --staged_;
}

ToolCallState* ToolCalls::find(std::uint32_t choice, std::uint32_t index) {
  // The newest first: a provider that gives every call index 0 means the last one.
  const auto it = std::find_if(calls_.rbegin(), calls_.rend(), [&](const ToolCallState& c) {
    return c.choice == choice && c.index == index;
  });
  return it == calls_.rend() ? nullptr : &*it;
}

// A piece of the same document may have changed the call since, or begun another in its place.
bool ToolCalls::followed_from(const Piece& p, const ToolCallState& call) const {
  return p.following && p.followed_call == static_cast<std::size_t>(&call - calls_.data()) &&
         p.followed_bytes == call.arguments_bytes;
}

void ToolCalls::commit(const Piece& p) {
  const std::uint32_t index = p.index.value_or(p.position);
  ToolCallState* call = find(p.choice, index);
  // Gemini's compatible endpoint gives all its parallel calls index 0; a new id, or a name where
  // the call before is whole, begins another call.
  const bool another =
      call != nullptr && ((!p.id.empty() && !call->id.empty() && p.id != call->id) ||
                          (p.id.empty() && !p.name.empty() && !call->name.empty() &&
                           call->arguments_bytes != 0 && call->arguments_whole()));
  if (call == nullptr || another) {
    if (calls_.size() == limits::kToolCallsMax) {
      ++not_kept_;
      return;
    }
    call = &calls_.emplace_back();
    call->choice = p.choice;
    call->index = index;
  }
  if (call->id.empty()) call->id = p.id;
  if (call->name.empty()) call->name = p.name;
  const bool first_arguments = call->arguments_bytes == 0;
  const bool followed = followed_from(p, *call);
  call->arguments_bytes = saturating_add(call->arguments_bytes, p.arguments_bytes);
  if (p.object) {
    call->object = true;
  } else if (p.free_text) {
    call->free_text = true;
  } else if (p.arguments_bytes != 0) {
    if (first_arguments && call->shape_known) {
      call->shape = p.fresh;
    } else if (followed) {
      call->shape = p.followed;
    } else if (!p.overflow) {
      call->shape.feed(p.held);
    } else {
      call->shape_known = false;
    }
  }
  call->ended = call->ended || p.ended;
  call->cut = call->cut || p.cut;
}

void ToolCalls::commit() {
  for (std::size_t i = 0; i < staged_; ++i) commit(pieces_[i]);
  staged_ = 0;
}

void ToolCalls::discard() { staged_ = 0; }

void ToolCalls::end_call(std::uint32_t choice, std::uint32_t index) {
  if (ToolCallState* call = find(choice, index)) call->ended = true;
}

void ToolCalls::cut_call(std::uint32_t choice, std::uint32_t index) {
  if (ToolCallState* call = find(choice, index)) call->cut = true;
}

void ToolCalls::end_all() {
  for (ToolCallState& call : calls_) call.ended = true;
}

bool ToolCalls::any_open() const {
  return std::any_of(calls_.begin(), calls_.end(), [](const ToolCallState& c) { return c.open(); });
}

bool ToolCalls::any_whole() const {
  return std::any_of(calls_.begin(), calls_.end(),
                     [](const ToolCallState& c) { return c.arguments_whole(); });
}

}  // namespace llmrec::dialect
