#include "tap/document.h"

#include "base/limits.h"

namespace llmrec::tap {

using dialect::DocumentKind;
using wire::JsonState;

void DocumentReader::begin(DocumentKind kind) {
  kind_ = kind;
  held_.clear();
  holding_ = !dialect_->knows_content();
  if (!json_) {
    json_ = std::make_unique<wire::JsonReader>(dialect_->answer_paths(), *dialect_);
  } else {
    json_->reset();
  }
  dialect_->begin_document(kind);
}

void DocumentReader::feed(Bytes octets) {
  if (!json_) return;
  if (holding_) {
    hold(octets);
    return;
  }
  if (json_->feed(octets) == JsonState::too_deep && dialect_->knows_content()) {
    // What this document said is not known; a stream goes on with its next event.
    events_.on_content_lost("json_too_deep");
  }
}

void DocumentReader::hold(Bytes octets) {
  if (held_.size() + octets.size() > limits::kSniffMax) {
    const std::size_t room = limits::kSniffMax - held_.size();
    const Bytes rest = octets.substr(room);
    held_.append(octets.substr(0, room));
    json_->feed(octets.substr(0, room));
    if (dialect_->recognised().empty()) {
      holding_ = false;
      json_.reset();  // it tells too late; the next document may tell sooner
      return;
    }
    adopt();
    feed(rest);
    return;
  }
  held_.append(octets);
  json_->feed(octets);
  if (!dialect_->recognised().empty()) adopt();
}

void DocumentReader::adopt() {
  holding_ = false;
  json_.reset();
  dialect::Dialect* found = events_.on_recognised(dialect_->recognised());
  if (found == nullptr || !found->knows_content()) {
    sniffed_ = limits::kSniffDocuments;
    return;
  }
  dialect_ = found;
  const std::string held = std::move(held_);
  begin(kind_);
  feed(held);
}

void DocumentReader::end_event(Bytes name, bool tail) {
  if (!dialect_->knows_content()) {
    if (sniffed_ < limits::kSniffDocuments) ++sniffed_;
    if (!reads()) json_.reset();
    if (!tail) events_.on_unread_event(name);
    return;
  }
  if (!json_) return;
  switch (json_->finish()) {
    case JsonState::done:
      events_.on_document(dialect_->end_document(name), name, tail);
      break;
    case JsonState::too_deep:
      break;
    default:
      if (!tail) events_.on_bad_document(name);  // cut JSON at the very end counts nothing
      break;
  }
}

void DocumentReader::end_answer() {
  if (!json_ || !dialect_->knows_content() || json_->finish() != JsonState::done) return;
  events_.on_document(dialect_->end_document({}), {}, false);
}

bool DocumentReader::end_stray() {
  if (!json_) return true;
  json_->feed("\n");
  const JsonState state = json_->state();
  if (state == JsonState::done) events_.on_stray_document(dialect_->end_document({}));
  return state != JsonState::more;
}

}  // namespace llmrec::tap
