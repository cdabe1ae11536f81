#include "edit/pipe.h"

#include <algorithm>
#include <utility>

#include "base/limits.h"
#include "dialect/dialect.h"

namespace llmrec::edit {

using What = Cutter::What;

namespace {

// An assignment would keep the memory.
void free_text(std::string& text) { std::string().swap(text); }

}  // namespace

Pipe::Pipe(Options options, std::string_view host, std::string_view dialect)
    : options_(options), host_(host), dialect_(dialect) {}

void Pipe::name_call(const RecordId& id) {
  for (Call& call : calls_) {
    if (call.id || call.over) continue;
    call.id = id;
    return;
  }
}

bool Pipe::ensured(const RecordId& id) const {
  return std::any_of(calls_.begin(), calls_.end(),
                     [&id](const Call& call) { return call.id == id && call.ensured; });
}

Outcome Pipe::take(const RecordId& id) {
  Outcome out;
  const auto call =
      std::find_if(calls_.begin(), calls_.end(), [&id](const Call& c) { return c.id == id; });
  if (call == calls_.end()) return out;
  const auto note = [&out](const char* key, std::string_view said, std::string_view skipped) {
    if (!said.empty()) out.notes.emplace_back(key, said);
    if (said.empty() && !skipped.empty())
      out.notes.emplace_back(key, "skipped:" + std::string(skipped));
  };
  if (options_.ensure_usage) note("ensure_usage", call->ensure_note, call->skipped);
  if (options_.strip_usage_frame) note("strip_usage_frame", call->strip_note, call->not_stripped);
  out.ensured = call->ensured;
  out.against_client = call->refused;
  out.answer_grew = call->grew;
  call->id.reset();
  call->over = call->answered = true;
  // A call whose request or answer is still passing keeps its place.
  while (!calls_.empty() && calls_.front().over && &calls_.front() != answering_ &&
         !(in_request_ && calls_.size() == 1)) {
    calls_.pop_front();
  }
  return out;
}

// From here on all passes. What is held goes ahead of the next octets of its direction.
void Pipe::stop() {
  stopped_ = true;
  requests_.set_opaque();
}

// --- requests

Bytes Pipe::request(Bytes octets) {
  if (requests_.is_opaque() && !holds_) return octets;
  to_upstream_.clear();
  if (stopped_) release_request();
  for (;;) {
    const Cutter::Piece piece = requests_.next(octets);
    if (!in_request_ && (requests_.begun() || piece.what == What::head)) {
      in_request_ = true;
      calls_.emplace_back();
    }
    if (piece.what == What::more) return to_upstream_;
    request_piece(piece);
    if (calls_.size() > 2 * limits::kPipelineMax && !stopped_) stop();
  }
}

Bytes Pipe::end_of_requests() {
  to_upstream_.clear();
  release_request();
  to_upstream_ += requests_.take_held();
  return to_upstream_;
}

void Pipe::request_piece(const Cutter::Piece& piece) {
  switch (piece.what) {
    case What::head:
      return request_head(piece.octets);
    case What::data:
      return request_data(piece.octets);
    case What::end:
      return request_end();
    case What::opaque:
      stopped_ = true;
      release_request();
      [[fallthrough]];
    default:
      to_upstream_.append(piece.octets);
      return;
  }
}

// OpenAI's own, and what speaks like it. (Its Responses bring usage with every stream.)
bool Pipe::relevant(const Head& head) const {
  if (!options_.ensure_usage && !options_.strip_usage_frame) return false;
  if (head.method != "POST") return false;
  Bytes path = head.target.substr(0, head.target.find('?'));
  if (const auto scheme = path.find("://"); scheme != Bytes::npos) {
    const auto slash = path.find('/', scheme + 3);
    path = slash == Bytes::npos ? Bytes("/") : path.substr(slash);
  }
  const dialect::Target target{.method = head.method,
                               .host = host_,
                               .path = path,
                               .query = {},
                               .content_type = head.content_type};
  std::unique_ptr<dialect::Dialect> speaks;
  if (!dialect_.empty()) speaks = dialect::make_by_name(dialect_, target);
  if (!speaks) speaks = dialect::choose(target);
  return speaks->name() == "openai.chat" || speaks->name() == "openai.completions";
}

std::string_view Pipe::unreadable(const Head& head) const {
  if (head.coded) return "compressed";
  if (head.length.value_or(0) > limits::kEditBodyOctets) return "over_limit";
  return {};
}

std::string_view Pipe::unchangeable(const Head& head) const {
  if (head.chunked) return "chunked";
  if (head.expects_answer) return "expect_continue";  // the body comes when the head is through
  if (head.signed_body) return "signed_body";
  // It sends usage to everybody, and may refuse what it does not know.
  if (dialect::provider_by_host(host_).always_usage == dialect::Known::yes) return "always_sent";
  return {};
}

void Pipe::request_head(Bytes text) {
  const auto head = read_request_head(text);
  if (!head) {
    requests_.set_opaque();
    stopped_ = true;
    to_upstream_.append(text);
    return;
  }
  requests_.follow(head->chunked ? Body::chunked : Body::length, head->length.value_or(0));
  Call& call = calls_.back();
  call.head = head->method == "HEAD";
  call.connect = head->method == "CONNECT";
  call.relevant = relevant(*head);
  copies_body_ = holds_ = false;
  if (call.relevant) {
    call.skipped = unreadable(*head);
    copies_body_ = call.skipped.empty();
    if (call.skipped.empty() && options_.ensure_usage) {
      call.skipped = unchangeable(*head);
      holds_ = call.skipped.empty();
    }
  }
  if (!holds_) {
    to_upstream_.append(text);
    return;
  }
  head_.assign(text);
  length_at_ = head->length_at;
  length_size_ = head->length_size;
}

void Pipe::request_data(Bytes octets) {
  if (!holds_) to_upstream_.append(octets);
  if (!copies_body_) return;
  if (body_.size() + octets.size() > limits::kEditBodyOctets) {  // of a chunked one
    copies_body_ = false;
    free_text(body_);
    calls_.back().skipped = "over_limit";
    return;
  }
  body_.append(octets);
}

void Pipe::request_end() {
  Call& call = calls_.back();
  in_request_ = false;
  if (copies_body_) {
    const UsageAsk ask = read_usage_ask(body_);
    call.streams = ask.is == UsageAsk::Is::asked || ask.is == UsageAsk::Is::unasked;
    if (ask.is != UsageAsk::Is::unreadable) call.asked = ask.is == UsageAsk::Is::asked;
    if (ask.is == UsageAsk::Is::unreadable) call.skipped = ask.why;
    if (ask.is == UsageAsk::Is::not_streaming) call.skipped = "not_streaming";
    if (ask.is == UsageAsk::Is::asked) call.skipped = {};
    if (holds_ && ask.is == UsageAsk::Is::unasked) {
      call.ensured = true;
      call.refused = ask.refused;
      call.ensure_note = ask.refused ? "replaced" : "added";
      send_edited(ask);
    }
  }
  release_request();
  copies_body_ = false;
  free_text(body_);
}

void Pipe::send_edited(const UsageAsk& ask) {
  const std::string length = std::to_string(body_.size() - ask.size + ask.text.size());
  head_.replace(length_at_, length_size_, length);
  to_upstream_.append(head_);
  to_upstream_.append(body_, 0, ask.at).append(ask.text);
  to_upstream_.append(body_, ask.at + ask.size);
  free_text(head_);
  free_text(body_);
  holds_ = false;
}

void Pipe::release_request() {
  if (!holds_) return;
  to_upstream_.append(head_).append(body_);
  free_text(head_);
  free_text(body_);
  holds_ = copies_body_ = false;
}

// --- answers

Bytes Pipe::answer(Bytes octets) {
  if (answers_.is_opaque() && !stream_) return octets;
  to_client_.clear();
  for (;;) {
    const Cutter::Piece piece = answers_.next(octets);
    if (piece.what == What::more) return to_client_;
    answer_piece(piece);
  }
}

Bytes Pipe::end_of_answers() {
  to_client_.clear();
  end_stream();
  to_client_ += answers_.take_held();
  return to_client_;
}

Pipe::Call* Pipe::open_call() {
  for (Call& call : calls_) {
    if (!call.answered) return &call;
  }
  return nullptr;
}

void Pipe::answer_piece(const Cutter::Piece& piece) {
  if (piece.what == What::head) return answer_head(piece.octets);
  if (piece.what == What::opaque) {
    end_stream();
    if (!stopped_) stop();
  } else if (stream_ && piece.what != What::end) {
    const std::size_t before = to_client_.size();
    stream_->piece(piece, to_client_);
    if (answering_ != nullptr) {
      answering_->grew += static_cast<std::int64_t>(to_client_.size() - before) -
                          static_cast<std::int64_t>(piece.octets.size());
    }
    return;
  }
  to_client_.append(piece.octets);
  if (piece.what != What::end) return;
  end_stream();
  if (answering_ != nullptr && !interim_) answering_->answered = true;
  if (!interim_) answering_ = nullptr;
}

void Pipe::end_stream() {
  if (!stream_) return;
  const std::size_t before = to_client_.size();
  stream_->finish(to_client_);
  if (answering_ != nullptr) {
    answering_->grew += static_cast<std::int64_t>(to_client_.size() - before);
    using Did = StreamEdit::Did;
    if (stream_->did() == Did::dropped) answering_->strip_note = "dropped";
    if (stream_->did() == Did::blanked) answering_->strip_note = "blanked";
  }
  stream_.reset();
}

void Pipe::answer_head(Bytes text) {
  const auto head = read_response_head(text);
  if (!head) {
    answers_.set_opaque();
    to_client_.append(text);
    return stop();
  }
  interim_ = head->status < 200 && head->status != 101;
  Call* call = stopped_ ? nullptr : open_call();
  if (!interim_) answering_ = call;
  begin_body(*head, call);
  if (interim_ || call == nullptr || !call->id || !options_.request_id_header) {
    to_client_.append(text);
    return;
  }
  const std::string field = "X-Llmrec-Request-Id: " + call->id->text() + "\r\n";
  to_client_.append(text.substr(0, text.size() - 2)).append(field).append("\r\n");
  call->grew += static_cast<std::int64_t>(field.size());
}

void Pipe::begin_body(const Head& head, Call* call) {
  const bool tunnel =
      head.status == 101 || (call != nullptr && call->connect && head.status / 100 == 2);
  if (tunnel) {
    answers_.set_opaque();
    requests_.set_opaque();
    return;
  }
  const bool none = head.status / 100 == 1 || head.status == 204 || head.status == 304 ||
                    (call != nullptr && call->head);
  const Body body = none           ? Body::none
                    : head.chunked ? Body::chunked
                    : head.length  ? Body::length
                                   : Body::until_close;
  answers_.follow(body, head.length.value_or(0));
  if (call != nullptr && body != Body::none && to_be_stripped(head, *call)) {
    stream_ = std::make_unique<StreamEdit>(body);
  }
}

bool Pipe::to_be_stripped(const Head& head, Call& call) const {
  if (!options_.strip_usage_frame || !call.relevant || head.status != 200) return false;
  if (!head.is_event_stream()) return false;
  if (!call.asked) {
    call.not_stripped = "request_unread";
  } else if (head.coded && !*call.asked) {
    call.not_stripped = "compressed";
  } else {
    return call.streams && !*call.asked;
  }
  return false;
}

}  // namespace llmrec::edit
