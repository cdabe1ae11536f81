#include "tap/answer.h"

namespace llmrec::tap {
namespace {

using dialect::DocumentKind;
using wire::DecodeStatus;
using wire::JsonState;

constexpr Bytes kDone = "[DONE]";
constexpr Bytes kErrorField = "error:";

bool media_type_is(Bytes content_type, Bytes wanted) {
  content_type = content_type.substr(0, content_type.find(';'));
  while (!content_type.empty() && content_type.back() == ' ') content_type.remove_suffix(1);
  return equals_ignoring_case(content_type, wanted);
}

std::string_view reason(DecodeStatus status) {
  switch (status) {
    case DecodeStatus::limit:
      return "body_over_limit";
    case DecodeStatus::window:
      return "decode_window_over_limit";
    default:
      return "content_decoding_failed";
  }
}

}  // namespace

void AnswerReader::begin(int status, Bytes content_type, Bytes content_encoding) {
  status_ = status;
  typed_sse_ = media_type_is(content_type, "text/event-stream");
  typed_json_ = media_type_is(content_type, "application/json");
  labelled_ = !content_encoding.empty();
  if (!labelled_) return;
  coding_settled_ = true;
  Bytes unknown;
  decoder_ = wire::DecoderChain::make(content_encoding, unknown);
  if (!decoder_) lose("content_encoding_unknown");
}

void AnswerReader::lose(std::string_view why) {
  if (lost_) return;
  lost_ = true;
  json_.reset();
  decoder_.reset();
  events_.on_content_lost(why);
}

void AnswerReader::feed(Bytes coded) {
  if (lost_ || finished_ || coded.empty()) return;
  if (!coding_settled_) sniff_coding(coded);
  if (coding_settled_ && !lost_) feed_decoder(coded);
}

// Some gateways send gzip and do not say so.
void AnswerReader::sniff_coding(Bytes& coded) {
  if (!held_1f_ && coded.front() == '\x1f') {
    if (coded.size() == 1) {
      held_1f_ = true;
      return;
    }
  } else if (!held_1f_) {
    coding_settled_ = true;
    return;
  }
  const char second = held_1f_ ? coded[0] : coded[1];
  coding_settled_ = true;
  if (second == '\x8b') {
    Bytes unknown;
    decoder_ = wire::DecoderChain::make("gzip", unknown);
    if (!decoder_) return lose("out_of_memory");
    events_.on_unlabelled_coding();
  }
  if (held_1f_) feed_decoder("\x1f");
}

void AnswerReader::feed_decoder(Bytes coded) {
  if (lost_) return;
  if (!decoder_) return on_bytes(coded);
  const DecodeStatus status = decoder_->feed(coded, *this);
  if (wire::failed(status)) lose(reason(status));
}

void AnswerReader::on_bytes(Bytes plain) {
  if (undecided()) {
    const auto first = plain.find_first_not_of(" \t\r\n");
    if (first == Bytes::npos) return;
    plain.remove_prefix(first);
    decide(plain.front());
  }
  if (framing_ == Framing::sse) {
    sse_.feed(plain, *this);
  } else if (framing_ == Framing::json) {
    feed_json(plain);
  }
}

// The label alone is not believed: Google sends JSON errors as text/event-stream, DeepSeek as
// application/octet-stream, Azure without any type.
void AnswerReader::decide(char first) {
  const bool looks_json = first == '{' || first == '[';
  const bool looks_sse =
      first == 'd' || first == 'e' || first == 'i' || first == 'r' || first == ':';
  if (looks_json) {
    framing_ = dialect_.knows_content() ? Framing::json : Framing::opaque;
  } else if (typed_sse_ || (looks_sse && !typed_json_)) {
    framing_ = Framing::sse;
  } else {
    framing_ = Framing::opaque;
  }
  if (framing_ == Framing::json) {
    begin_document(status_ >= 400 ? DocumentKind::error_body : DocumentKind::answer);
  }
}

void AnswerReader::begin_document(DocumentKind kind) {
  if (!json_) {
    json_ = std::make_unique<wire::JsonReader>(dialect_.answer_paths(), dialect_);
  } else {
    json_->reset();
  }
  dialect_.begin_document(kind);
}

void AnswerReader::feed_json(Bytes octets) {
  if (!json_) return;
  if (json_->feed(octets) == JsonState::too_deep) {
    // What this document said is not known; a stream goes on with its next event.
    events_.on_content_lost("json_too_deep");
  }
}

void AnswerReader::on_data(Bytes part) {
  stray_ = Stray::start;  // what began outside an event ends before the next one
  if (data_ == Data::start) {
    while (!part.empty() && sentinel_at_ < kDone.size() && part.front() == kDone[sentinel_at_]) {
      ++sentinel_at_;
      part.remove_prefix(1);
    }
    if (sentinel_at_ == kDone.size()) {
      data_ = Data::sentinel;
    } else if (!part.empty()) {
      data_ = Data::json;
      if (dialect_.knows_content()) begin_document(DocumentKind::event);
      feed_json(kDone.substr(0, sentinel_at_));
    }
  }
  if (data_ == Data::json) feed_json(part);
}

// Old builds of llama.cpp send a field `error:` with the error object, Google a bare JSON object
// over several lines.
void AnswerReader::on_other(Bytes part) {
  if (!dialect_.knows_content() || data_ != Data::start || sentinel_at_ != 0) return;
  if (part.empty()) return;
  if (stray_ == Stray::start) {
    stray_at_ = 0;
    stray_ = part.front() == '{' ? Stray::json : Stray::line;
    if (stray_ == Stray::json) begin_document(DocumentKind::event);
  }
  if (stray_ == Stray::line) {
    while (!part.empty() && stray_at_ < kErrorField.size() &&
           part.front() == kErrorField[stray_at_]) {
      ++stray_at_;
      part.remove_prefix(1);
    }
    if (stray_at_ == kErrorField.size()) {
      stray_ = Stray::json;
      begin_document(DocumentKind::error_body);
    } else if (!part.empty()) {
      stray_ = Stray::skip;
    }
  }
  if (stray_ == Stray::json) feed_json(part);
}

void AnswerReader::on_other_end() {
  if (stray_ != Stray::json) {
    stray_ = Stray::start;
    return;
  }
  feed_json("\n");
  const JsonState state = json_->state();
  const bool one_line = stray_at_ != 0;
  if (state == JsonState::done) events_.on_stray_document(dialect_.end_document({}));
  if (state != JsonState::more || one_line) stray_ = Stray::start;
}

void AnswerReader::on_event(const wire::SseEvent& event) {
  if (event.data_bytes == 0) {
    events_.on_ping();  // `data:` and nothing more, as keep-alive
  } else {
    end_event(event.name, false);
  }
  data_ = Data::start;
  sentinel_at_ = 0;
}

void AnswerReader::end_event(Bytes name, bool tail) {
  if (data_ == Data::sentinel) return events_.on_sentinel(tail);
  if (!dialect_.knows_content()) {
    if (!tail) events_.on_unread_event(name);
    return;
  }
  if (data_ == Data::start && sentinel_at_ != 0) {  // a piece of "[DONE]" and no more
    if (!tail) events_.on_bad_document(name);
    return;
  }
  if (data_ != Data::json || !json_) return;
  switch (json_->finish()) {
    case JsonState::done:
      events_.on_document(dialect_.end_document(name), name, tail);
      break;
    case JsonState::too_deep:
      break;
    default:
      if (!tail) events_.on_bad_document(name);  // cut JSON at the very end counts nothing
      break;
  }
}

void AnswerReader::finish() {
  if (lost_ || finished_) return;
  if (held_1f_ && !coding_settled_) {
    coding_settled_ = true;
    feed_decoder("\x1f");
  }
  if (framing_ == Framing::sse) {
    if (sse_.finish(*this)) end_event(sse_.tail().name, true);
  } else if (framing_ == Framing::json && json_ && json_->finish() == JsonState::done) {
    events_.on_document(dialect_.end_document({}), {}, false);
  }
  finished_ = true;
}

}  // namespace llmrec::tap
