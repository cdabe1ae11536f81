#include "wire/lines.h"

namespace llmrec::wire {

void LineSplitter::feed(Bytes octets, LineHandler& handler) {
  while (!octets.empty()) {
    const auto lf = octets.find('\n');
    take(octets.substr(0, lf), handler);
    if (lf == Bytes::npos) return;
    octets.remove_prefix(lf + 1);
    held_cr_ = false;
    if (!in_line_) continue;
    in_line_ = false;
    ++lines_;
    handler.on_line_end();
  }
}

void LineSplitter::take(Bytes part, LineHandler& handler) {
  if (!in_line_) {
    const auto first = part.find_first_not_of(" \t\r");
    if (first == Bytes::npos) return;
    part.remove_prefix(first);
    in_line_ = true;
  }
  if (part.empty()) return;
  if (held_cr_) handler.on_line("\r");
  held_cr_ = part.back() == '\r';
  if (held_cr_) part.remove_suffix(1);
  if (!part.empty()) handler.on_line(part);
}

bool LineSplitter::finish(LineHandler& handler) {
  if (held_cr_) handler.on_line("\r");
  held_cr_ = false;
  return in_line_;
}

}  // namespace llmrec::wire
