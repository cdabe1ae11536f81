#include "relay/http_leg.h"

#include <utility>

namespace llmrec::relay {

void AnswerWatch::feed(Bytes octets) {
  if (!lost() && !switched()) parser_.feed(octets);
}

wire::BodyRule AnswerWatch::on_head(const wire::Http1Head& head) {
  interim_ = head.status / 100 == 1 && head.status != 101;
  if (interim_ || expected_.empty()) return wire::BodyRule::by_framing;
  if (expected_.front().connect && head.status / 100 == 2) return wire::BodyRule::tunnel;
  return expected_.front().head ? wire::BodyRule::none : wire::BodyRule::by_framing;
}

void AnswerWatch::on_message_complete() {
  if (!interim_ && !expected_.empty()) expected_.pop_front();
}

HttpLeg::HttpLeg(Kind kind, std::string host)
    : rewriter_(kind, std::move(host)), watch_(std::make_unique<AnswerWatch>()), kind_(kind) {}

HttpLeg::Step HttpLeg::wait() {
  waits_ = true;
  return {};
}

HttpLeg::Step HttpLeg::next(Bytes& input) {
  waits_ = false;
  if (switching_ && rewriter_.between_requests()) {
    if (!watch_->idle() && !watch_->lost()) return wait();
    switching_ = false;
  }
  if (found_) {
    if (kind_ == Kind::forward && (!routed_ || !origin_.goes_to(request()))) {
      if (watch_->lost()) return {Next::give_up, {}};
      return watch_->idle() ? Step{Next::route, {}} : wait();
    }
    if (!opaque_ && watch_->full()) return wait();
    found_ = false;
    if (!opaque_) watch_->expect(request());
    switching_ = request().switches;
  }
  const RequestRewriter::Step step = rewriter_.next(input);
  switch (step.found) {
    case RequestRewriter::Found::more:
      return {};
    case RequestRewriter::Found::octets:
      return {Next::send, step.octets};
    case RequestRewriter::Found::request:
      found_ = true;
      return next(input);
    case RequestRewriter::Found::refused:
      if (watch_->lost()) return {Next::give_up, {}};
      return watch_->idle() ? Step{Next::refuse, {}} : wait();
  }
  return {};
}

void HttpLeg::routed() {
  if (kind_ == Kind::forward) origin_ = request();
  routed_ = true;
  watch_ = std::make_unique<AnswerWatch>();
}

void HttpLeg::answered(Bytes octets) {
  watch_->feed(octets);
  if (!watch_->switched() || opaque_) return;
  opaque_ = true;
  switching_ = false;
  rewriter_.set_opaque();
}

}  // namespace llmrec::relay
