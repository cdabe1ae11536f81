// What a two-way relay has to do about ends and back-pressure. It sees counts and ends, never
// octets: the shell moves those. Pull interface: tell it what happened, then take actions until
// there are none.
//
// Each direction has a source side and a sink side. What ended on the source is passed on to the
// sink in the same words, after everything that was read before it was handed to the sink's socket:
//   close_notify -> close_notify, at once and in order with the data
//   FIN          -> FIN, once the sink's queue is empty; the other direction stays open
//   reset        -> reset, once the sink's queue is empty; then the session is over
// Does not know TLS, sockets, time. Owned by a session; pure.
#pragma once

#include <cstddef>
#include <cstdint>

namespace llmrec::relay {

enum class Side : std::uint8_t { client, upstream };

constexpr Side other(Side s) { return s == Side::client ? Side::upstream : Side::client; }

enum class Action : std::uint8_t {
  none,
  send_notify,  // TLS close_notify to `side`
  send_fin,     // shut down writing to `side`
  reset,        // `side` gets an RST; nothing follows
  close,        // both directions are over and delivered
};

struct Step {
  Action action = Action::none;
  Side side = Side::client;
};

class Relay {
 public:
  // `side` has this many octets queued that its socket did not take yet.
  void on_queue(Side side, std::size_t octets);
  void on_notify(Side side);  // close_notify came from `side`
  void on_fin(Side side);     // FIN came from `side`
  // `side` is gone: RST, a fatal alert, or a write that failed with nothing left to read.
  void on_reset(Side side);
  // Writing to `side` failed; what it sent before may still be read. Its queue is void.
  void on_write_failed(Side side);

  // Whether octets of `side` should be read now: it has not ended, the other side's queue is short,
  // and its own is no longer than what was relayed to it can make it (TLS answers of our own must
  // not pile up). A side that does not read is read from: it may be one that sends first.
  bool wants_read(Side side) const;

  Step poll();

  bool over() const { return over_; }
  bool ended(Side side) const { return half(side).fin || half(side).reset; }

 private:
  struct Half {           // one side
    bool notify = false;  // came in
    bool fin = false;
    bool reset = false;
    bool notify_sent = false;  // went out
    bool fin_sent = false;
    bool write_failed = false;
    bool choked = false;   // its queue is long: hysteresis between the two marks
    bool flooded = false;  // and longer than its source can have made it
    std::size_t queued = 0;
  };
  Half& half(Side s) { return halves_[static_cast<std::size_t>(s)]; }
  const Half& half(Side s) const { return halves_[static_cast<std::size_t>(s)]; }

  Half halves_[2];
  bool over_ = false;
};

}  // namespace llmrec::relay
