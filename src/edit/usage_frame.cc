#include "edit/usage_frame.h"

#include <algorithm>
#include <array>

#include "base/limits.h"

namespace llmrec::edit {
namespace {

using wire::JsonPath;
using wire::JsonPaths;

constexpr Bytes kDone = "[DONE]";

enum Slot : std::uint16_t { kChoices, kChoice, kUsage };

constexpr std::array kPaths = std::to_array<JsonPath>({
    {"choices", kChoices},
    {"choices[]", kChoice},
    {"usage", kUsage},
});

const JsonPaths& paths() {
  static const JsonPaths table{kPaths};
  return table;
}

}  // namespace

UsageFrame::UsageFrame() : json_(paths(), static_cast<wire::JsonSink&>(*this)) {}

// In pieces that end with a line, so that it is known where an event ended.
void UsageFrame::feed(Bytes body) {
  while (!body.empty() && !settled_) {
    const std::size_t cut = body.find_first_of("\r\n");
    const std::size_t n = cut == Bytes::npos ? body.size() : cut + 1;
    const bool of_crlf = after_cr_ && body.front() == '\n';
    after_cr_ = body[n - 1] == '\r';
    if (cut != 0) line_empty_ = false;
    sse_.feed(body.substr(0, n), *this);
    at_ += n;
    body.remove_prefix(n);
    if (cut != Bytes::npos) end_line(of_crlf);
    if (candidate_ && too_far()) candidate_.reset();
  }
}

void UsageFrame::end_line(bool of_crlf) {
  if (of_crlf) {
    if (!block_ended_at_cr_) return;
    if (candidate_ && candidate_->end == block_) candidate_->end = at_;
    block_ = at_;
  } else if (line_empty_) {
    end_block();
  }
  block_ended_at_cr_ = after_cr_ && line_empty_;
  line_empty_ = true;
}

void UsageFrame::end_block() {
  if (event_) {
    const bool done = data_octets_ == kDone.size() && done_matched_ == kDone.size();
    const bool too_large = at_ - block_ > limits::kEditFrameOctets;
    const bool usage = !done && !too_large && json_.finish() == wire::JsonState::done && choices_ &&
                       !choice_ && usage_;
    if (candidate_ && done && !too_far()) return drop();
    candidate_.reset();
    if (done) settled_ = true;
    if (usage) candidate_ = Range{block_, at_};
  }
  block_ = at_;
  event_ = choices_ = choice_ = usage_ = false;
  data_octets_ = 0;
  done_matched_ = 0;
  json_.reset();
}

void UsageFrame::drop() {
  found_ = candidate_;
  candidate_.reset();
  settled_ = true;
}

void UsageFrame::finish() {
  if (candidate_ && !settled_) drop();
  settled_ = true;
}

bool UsageFrame::too_far() const { return at_ - candidate_->begin > limits::kEditHeldOctets; }

// Whatever else the event at hand says, it is not the one.
bool UsageFrame::innocent() const {
  if (choice_ || at_ - block_ > limits::kEditFrameOctets) return true;
  return data_octets_ != 0 && json_.state() == wire::JsonState::bad;
}

std::uint64_t UsageFrame::decided() const {
  if (settled_) return kAll;
  if (candidate_) return candidate_->begin;
  return innocent() ? at_ : block_;
}

void UsageFrame::on_data(Bytes part) {
  for (std::size_t i = 0; i < part.size() && done_matched_ == data_octets_ + i; ++i) {
    if (done_matched_ == kDone.size() || part[i] != kDone[done_matched_]) break;
    ++done_matched_;
  }
  data_octets_ += part.size();
  json_.feed(part);
}

void UsageFrame::on_enter(std::uint16_t slot, std::uint32_t) {
  if (slot == kChoices) choices_ = true;
  if (slot == kChoice) choice_ = true;
  if (slot == kUsage) usage_ = true;
}

void UsageFrame::on_string(std::uint16_t slot, Bytes, bool last) {
  if (last) on_scalar(slot);
}

// An element that is no object, or a value where an array has to be: no shape that we know.
void UsageFrame::on_scalar(std::uint16_t slot) {
  if (slot != kUsage) choice_ = true;
}

}  // namespace llmrec::edit
