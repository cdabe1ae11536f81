#include "edit/stream_edit.h"

#include <algorithm>

#include "base/limits.h"

namespace llmrec::edit {
namespace {

std::string hexadecimal(std::uint64_t n) {
  std::string out;
  for (; n != 0; n /= 16) out.insert(out.begin(), "0123456789abcdef"[n % 16]);
  return out.empty() ? "0" : out;
}

}  // namespace

void StreamEdit::piece(const Cutter::Piece& piece, std::string& out) {
  using What = Cutter::What;
  switch (piece.what) {
    case What::chunk_line:
      if (chunks_.size() == limits::kEditHeldChunks) usage_.give_up();
      chunks_.push_back({.line = std::string(piece.octets), .data = {}, .end = {}, .begin = at_});
      chunks_.back().announced = piece.size;
      chunks_.back().rigid = usage_.settled() || piece.size > limits::kEditHeldOctets;
      break;
    case What::data:
      at_hand().data.append(piece.octets);
      at_hand().original += piece.octets.size();
      at_ += piece.octets.size();
      usage_.feed(piece.octets);
      apply();
      break;
    case What::chunk_end:
      chunks_.back().end.assign(piece.octets);
      chunks_.back().closed = true;
      break;
    default:  // what comes behind the last chunk
      finish(out);
      out.append(piece.octets);
      return;
  }
  emit(out);
}

void StreamEdit::finish(std::string& out) {
  usage_.finish();
  apply();
  for (Chunk& chunk : chunks_) emit_whole(chunk, out);
  chunks_.clear();
}

// A body without chunks is one that has no line and no end.
StreamEdit::Chunk& StreamEdit::at_hand() {
  if (chunks_.empty() && body_ != Body::chunked) {
    chunks_.push_back({.line = {}, .data = {}, .end = {}, .begin = at_});
    chunks_.back().rigid = true;
  }
  return chunks_.back();
}

void StreamEdit::apply() {
  if (!usage_.found() || did_ != Did::nothing) return;
  const Range range = *usage_.found();
  // Without any framing there is no size that stands.
  const bool stands = body_ != Body::until_close &&
                      std::any_of(chunks_.begin(), chunks_.end(), [&range](const Chunk& c) {
                        const bool touches =
                            c.begin < range.end && c.begin + c.data.size() > range.begin;
                        return touches && c.rigid;
                      });
  did_ = stands ? Did::blanked : Did::dropped;
  stands ? blank(range) : remove(range);
}

void StreamEdit::remove(const Range& range) {
  for (Chunk& c : chunks_) {
    const std::uint64_t end = c.begin + c.data.size();
    if (c.begin >= range.end || end <= range.begin) continue;
    const std::uint64_t from = std::max(c.begin, range.begin) - c.begin;
    const std::uint64_t to = std::min(end, range.end) - c.begin;
    c.data.erase(static_cast<std::size_t>(from), static_cast<std::size_t>(to - from));
  }
}

void StreamEdit::blank(const Range& range) {
  std::uint64_t text_end = range.begin;  // behind it stand only the ends of its last lines
  for (const Chunk& c : chunks_) {
    for (std::size_t i = 0; i < c.data.size(); ++i) {
      const std::uint64_t at = c.begin + i;
      const bool inside = at >= range.begin && at < range.end;
      if (inside && c.data[i] != '\r' && c.data[i] != '\n') text_end = at + 1;
    }
  }
  for (Chunk& c : chunks_) {
    for (std::size_t i = 0; i < c.data.size(); ++i) {
      const std::uint64_t at = c.begin + i;
      if (at >= range.begin && at < text_end) c.data[i] = at == range.begin ? ':' : ' ';
    }
  }
}

void StreamEdit::emit_whole(Chunk& c, std::string& out) {
  const bool resized = !c.rigid && c.data.size() != c.original;
  if (resized && c.data.empty() && c.closed) return;  // a chunk of size 0 would be the last one
  if (resized) {
    const std::size_t digits = c.line.find_first_not_of("0123456789abcdefABCDEF");
    if (!c.line.empty())
      c.line.replace(0, digits, hexadecimal(c.announced - (c.original - c.data.size())));
  }
  out.append(c.line).append(c.data).append(c.end);
}

void StreamEdit::emit(std::string& out) {
  const std::uint64_t decided = usage_.decided();
  while (!chunks_.empty()) {
    Chunk& c = chunks_.front();
    if (!c.rigid) {
      if (!c.closed || c.begin + c.original > decided) return;
      emit_whole(c, out);
    } else {
      out.append(c.line);
      c.line.clear();
      const auto n = static_cast<std::size_t>(
          std::min<std::uint64_t>(c.data.size(), decided > c.begin ? decided - c.begin : 0));
      out.append(c.data, 0, n);
      c.data.erase(0, n);
      c.begin += n;
      if (!c.closed || !c.data.empty()) return;
      out.append(c.end);
    }
    chunks_.pop_front();
  }
}

}  // namespace llmrec::edit
