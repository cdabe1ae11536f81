#include "tap/answer.h"

namespace llmrec::tap {
namespace {

using dialect::DocumentKind;
using wire::DecodeStatus;

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

AnswerReader::Type AnswerReader::type_of(Bytes content_type) {
  static constexpr std::pair<Bytes, Type> kTypes[] = {
      {"text/event-stream", Type::sse},
      {"application/json", Type::json},
      {"application/x-ndjson", Type::lines},
      {"application/ndjson", Type::lines},
      {"application/jsonl", Type::lines},
      {"application/stream+json", Type::lines},  // Cohere v1
      {"application/vnd.amazon.eventstream", Type::event_stream},
  };
  for (const auto& [name, type] : kTypes) {
    if (media_type_is(content_type, name)) return type;
  }
  return Type::other;
}

void AnswerReader::begin(int status, Bytes content_type, Bytes content_encoding) {
  status_ = status;
  typed_ = type_of(content_type);
  labelled_ = !content_encoding.empty();
  if (!labelled_) return;
  coding_settled_ = true;
  Bytes unknown;
  decoder_ = wire::DecoderChain::make(content_encoding, unknown);
  if (!decoder_) lose("content_encoding_unknown");
}

bool AnswerReader::stream() const {
  switch (framing_) {
    case Framing::sse:
    case Framing::lines:
    case Framing::event_stream:
      return true;
    case Framing::array:
      return !refused();
    case Framing::undecided:
      return typed_ == Type::sse ||
             (!refused() && (typed_ == Type::lines || typed_ == Type::event_stream));
    default:
      return false;
  }
}

// A stream may come as one JSON array, and then its type says nothing.
bool AnswerReader::nothing_said() const {
  const bool may_stream = documents_.dialect().framing() == dialect::Framing::json_array;
  return undecided() && !lost_ && (typed_ != Type::json || (may_stream && !refused()));
}

void AnswerReader::lose(std::string_view why) {
  if (lost_) return;
  lost_ = true;  // may be said from within the decoder, which must outlive its own call
  documents_.drop();
  events_.on_content_lost(why);
}

void AnswerReader::feed(Bytes coded) {
  if (lost_ || finished_ || coded.empty()) return;
  if (!coding_settled_) sniff_coding(coded);
  if (coding_settled_ && !lost_) feed_decoder(coded);
  if (lost_) {
    decoder_.reset();
    messages_.reset();
  }
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
  if (lost_) return;
  if (undecided()) {
    if (typed_ == Type::event_stream && !refused()) {
      framing_ = Framing::event_stream;
      messages_ = std::make_unique<wire::EventStreamReader>();
    } else {
      const auto first = plain.find_first_not_of(" \t\r\n");
      if (first == Bytes::npos) return;
      plain.remove_prefix(first);
      decide(plain.front());
    }
  }
  switch (framing_) {
    case Framing::sse:
      sse_.feed(plain, *this);
      break;
    case Framing::lines:
      lines_.feed(plain, *this);
      break;
    case Framing::array:
      array_.feed(plain, *this);
      break;
    case Framing::event_stream:
      if (!messages_->feed(plain, *this)) lose(messages_->bad_reason());
      break;
    case Framing::json:
      documents_.feed(plain);
      break;
    default:
      break;
  }
}

// The label alone is not believed: Google sends JSON errors as text/event-stream, DeepSeek as
// application/octet-stream, Azure without any type.
void AnswerReader::decide(char first) {
  const dialect::Framing usual = documents_.dialect().framing();
  const bool looks_json = first == '{' || first == '[';
  const bool looks_sse =
      first == 'd' || first == 'e' || first == 'i' || first == 'r' || first == ':';
  if (looks_json) {
    const bool lines =
        !refused() && first == '{' &&
        (typed_ == Type::lines || (typed_ == Type::other && usual == dialect::Framing::ndjson));
    const bool array = first == '[' && (refused() || usual == dialect::Framing::json_array);
    framing_ = lines                ? Framing::lines
               : array              ? Framing::array
               : documents_.reads() ? Framing::json
                                    : Framing::opaque;
  } else if (typed_ == Type::sse || (looks_sse && typed_ != Type::json)) {
    framing_ = Framing::sse;
  } else {
    framing_ = Framing::opaque;
  }
  if (framing_ == Framing::json) {
    documents_.begin(refused() ? DocumentKind::error_body : DocumentKind::answer);
  }
}

// --- NDJSON

void AnswerReader::on_line(Bytes part) {
  if (!in_line_ && documents_.reads()) documents_.begin(DocumentKind::event);
  in_line_ = true;
  documents_.feed(part);
}

void AnswerReader::on_line_end() {
  in_line_ = false;
  documents_.end_event({}, false);
}

// --- a JSON array

void AnswerReader::on_element_begin() {
  if (documents_.reads()) {
    documents_.begin(refused() ? DocumentKind::error_body : DocumentKind::event);
  }
}

void AnswerReader::on_element_end() { documents_.end_event({}, false); }

// --- an AWS event stream

void AnswerReader::on_message_begin(const wire::EventStreamHead& head) {
  message_name_ = head.name();
  if (documents_.reads()) {
    documents_.begin(head.is_error() ? DocumentKind::error_body : DocumentKind::event);
    if (head.payload_bytes == 0) documents_.feed("{}");  // an error says all in its head
  }
}

void AnswerReader::on_message_end(bool crc_ok) {
  if (crc_ok) documents_.end_event(message_name_, false);
}

// --- SSE

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
      if (documents_.reads()) documents_.begin(DocumentKind::event);
      documents_.feed(kDone.substr(0, sentinel_at_));
    }
  }
  if (data_ == Data::json) documents_.feed(part);
}

// Old builds of llama.cpp send a field `error:` with the error object, Google a bare JSON object
// over several lines.
void AnswerReader::on_other(Bytes part) {
  if (!documents_.dialect().knows_content() || data_ != Data::start || sentinel_at_ != 0) return;
  if (part.empty()) return;
  if (stray_ == Stray::start) {
    stray_at_ = 0;
    stray_ = part.front() == '{' ? Stray::json : Stray::line;
    if (stray_ == Stray::json) documents_.begin(DocumentKind::event);
  }
  if (stray_ == Stray::line) {
    while (!part.empty() && stray_at_ < kErrorField.size() &&
           part.front() == kErrorField[stray_at_]) {
      ++stray_at_;
      part.remove_prefix(1);
    }
    if (stray_at_ == kErrorField.size()) {
      stray_ = Stray::json;
      documents_.begin(DocumentKind::error_body);
    } else if (!part.empty()) {
      stray_ = Stray::skip;
    }
  }
  if (stray_ == Stray::json) documents_.feed(part);
}

void AnswerReader::on_other_end() {
  if (stray_ != Stray::json) {
    stray_ = Stray::start;
    return;
  }
  const bool one_line = stray_at_ != 0;
  if (documents_.end_stray() || one_line) stray_ = Stray::start;
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
  if (data_ == Data::json) return documents_.end_event(name, tail);
  if (sentinel_at_ == 0 || tail) return;
  // A piece of "[DONE]" and no more.
  if (documents_.dialect().knows_content()) {
    events_.on_bad_document(name);
  } else {
    events_.on_unread_event(name);
  }
}

void AnswerReader::finish() {
  if (lost_ || finished_) return;
  if (held_1f_ && !coding_settled_) {
    coding_settled_ = true;
    feed_decoder("\x1f");
  }
  switch (framing_) {
    case Framing::sse:
      if (sse_.finish(*this)) end_event(sse_.tail().name, true);
      break;
    case Framing::lines:
      // A last line without its end counts where it is whole; where it was cut it says nothing.
      if (lines_.finish(*this)) documents_.end_answer();
      break;
    case Framing::json:
      documents_.end_answer();
      break;
    default:
      break;
  }
  finished_ = true;
}

}  // namespace llmrec::tap
