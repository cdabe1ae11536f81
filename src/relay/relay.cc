#include "relay/relay.h"

#include <initializer_list>

#include "base/limits.h"

namespace llmrec::relay {

void Relay::on_queue(Side side, std::size_t octets) {
  Half& h = half(side);
  h.queued = h.write_failed ? 0 : octets;
  if (h.queued >= limits::kQueueHighOctets) h.choked = true;
  if (h.queued >= limits::kQueueFloodOctets) h.flooded = true;
  if (h.queued <= limits::kQueueLowOctets) h.choked = h.flooded = false;
}

void Relay::on_notify(Side side) { half(side).notify = true; }

void Relay::on_fin(Side side) { half(side).fin = true; }

void Relay::on_reset(Side side) {
  half(side).reset = true;
  on_write_failed(side);
}

void Relay::on_write_failed(Side side) {
  Half& h = half(side);
  h.write_failed = true;
  h.queued = 0;
  h.choked = h.flooded = false;
}

bool Relay::wants_read(Side side) const {
  const Half& h = half(side);
  return !over_ && !h.fin && !h.reset && !h.flooded && !half(other(side)).choked;
}

Step Relay::poll() {
  if (over_) return {};
  for (const Side source : {Side::upstream, Side::client}) {
    Half& from = half(source);
    const Side sink = other(source);
    Half& to = half(sink);
    if (from.notify && !to.notify_sent && !to.fin_sent && !to.write_failed) {
      to.notify_sent = true;
      return {Action::send_notify, sink};
    }
    if (from.reset && to.queued == 0) {
      over_ = true;
      // Nobody is left to be told where the other side is gone too.
      return to.reset ? Step{Action::close, sink} : Step{Action::reset, sink};
    }
    if (from.fin && !to.fin_sent && to.queued == 0 && !to.write_failed) {
      to.fin_sent = true;
      return {Action::send_fin, sink};
    }
  }
  const Half& client = half(Side::client);
  const Half& upstream = half(Side::upstream);
  const bool client_done = client.fin && (upstream.fin_sent || upstream.write_failed);
  const bool upstream_done = upstream.fin && (client.fin_sent || client.write_failed);
  if (client_done && upstream_done) {
    over_ = true;
    return {Action::close, Side::client};
  }
  return {};
}

}  // namespace llmrec::relay
