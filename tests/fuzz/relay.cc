// Two applications, a relay between them, and a clock that only the events move. The octets, and
// past them a generator that they seed, decide everything: what each application sends and when,
// how much a read brings, how much a socket takes, who stops reading and for how long, and who ends
// how. What must hold whatever happens:
//   - what an application receives is what the other one sent, from its first octet on
//   - without a reset it is all of it, and the ends come as they were said: close_notify at its
//     place in the stream, FIN behind everything, and the other direction open until its own end
//   - a reset is passed on behind what was read before it, and nobody hears an end nobody said
//   - a queue is no longer than its mark and one read
//   - an application that takes nothing before it has sent all can still send all, as the other one
//     takes what it sends
//   - it is over once both applications have ended
#include "relay/relay.h"

#include <algorithm>
#include <array>
#include <functional>
#include <optional>
#include <queue>
#include <string>
#include <tuple>
#include <vector>

#include "base/clock.h"
#include "base/limits.h"
#include "fuzz/fuzz.h"

using namespace llmrec;
using relay::Action;
using relay::other;
using relay::Relay;
using relay::Side;

namespace {

constexpr std::array<Side, 2> kSides{Side::client, Side::upstream};

class Choices {
 public:
  explicit Choices(Bytes octets) : input_(octets), random_(hash(octets)) {}
  std::size_t below(std::size_t n) {
    std::uint64_t share = random_.next() >> 40;  // 24 bits of it; an octet decides the highest
    if (!input_.empty())
      share = (share & 0xffffU) | static_cast<std::uint64_t>(input_.byte()) << 16;
    return static_cast<std::size_t>(share * n >> 24);
  }
  bool one_in(std::size_t n) { return below(n) == 0; }

 private:
  static std::uint64_t hash(Bytes octets) {
    std::uint64_t h = 0xcbf29ce484222325U;
    for (const char c : octets) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
    return h;
  }
  fuzz::Input input_;
  fuzz::Random random_;
};

// The octet at a place of a side's stream: an octet that is lost, doubled or swapped shows.
char octet_at(Side side, std::size_t at) {
  const std::uint64_t n = (at + 1) * 0x9e3779b97f4a7c15U + static_cast<unsigned>(side);
  return static_cast<char>(n >> 33 & 0xffU);
}

// What lies between an application and the relay, in either direction: octets, then maybe marks.
struct Stream {
  std::string octets;
  std::optional<std::size_t> notify_at;  // counted from the first octet ever
  std::size_t begin = 0;                 // place of octets[0]
  bool fin = false;
  std::size_t end() const { return begin + octets.size(); }
  void drop(std::size_t n) {
    octets.erase(0, n);
    begin += n;
  }
};

struct App {
  std::size_t to_send = 0;  // octets that it still has
  std::size_t sent = 0;
  bool notifies = false;      // says close_notify before its FIN
  bool resets = false;        // ends with RST, not FIN
  bool writes_first = false;  // reads nothing before it has sent all
  bool notified = false;
  bool finished = false;
  bool reset = false;
  // What it hears.
  std::size_t received = 0;
  std::optional<std::size_t> heard_notify;
  bool heard_fin = false;
  bool heard_reset = false;
  std::size_t takes = 0;  // octets that its socket has room for
};

struct Peer {                 // the relay's end
  Stream in;                  // arrived, not read yet
  bool rst = false;           // arrived
  Stream out;                 // queued
  std::size_t passed_on = 0;  // octets read from this side
  bool notified = false;      // the relay knows of its close_notify
  bool write_failed = false;
  bool closed = false;
};

enum class What : std::uint8_t { send, room, read, write };
struct Event {
  Instant at;
  std::uint64_t order;
  What what;
  Side side;
  bool operator>(const Event& o) const { return std::tie(at, order) > std::tie(o.at, o.order); }
};

class World {
 public:
  explicit World(Bytes octets) : choices_(octets) {
    for (const Side s : kSides) {
      App& a = app(s);
      constexpr std::array<std::size_t, 6> kSizes{0, 1, 300, 20'000, 200'000, 600'000};
      const std::size_t most = kSizes[choices_.below(kSizes.size())];
      a.to_send = most == 0 ? 0 : 1 + choices_.below(most);
      a.notifies = choices_.one_in(2);
      a.resets = choices_.one_in(4);
      slow_[index(s)] = choices_.one_in(3);
      // Two such applications may wait for each other without a relay, too.
      a.writes_first = choices_.one_in(8) && !app(other(s)).writes_first;
      later(What::send, s);
      later(What::room, s);
    }
  }

  void run() {
    std::size_t steps = 0;
    while (!events_.empty()) {
      const Event e = events_.top();
      events_.pop();
      LLMREC_PROMISE(e.at >= now_);
      now_ = e.at;
      LLMREC_PROMISE(++steps < 200'000);
      happen(e);
      check_always();
    }
    check_end();
  }

 private:
  static std::size_t index(Side s) { return static_cast<std::size_t>(s); }
  App& app(Side s) { return apps_[index(s)]; }
  Peer& peer(Side s) { return peers_[index(s)]; }

  void later(What what, Side side) {
    // Mostly soon, now and then after all else.
    const std::size_t ns = choices_.one_in(16) ? 1'000'000'000 : choices_.below(1000);
    events_.push({now_ + static_cast<std::int64_t>(ns), ++order_, what, side});
  }

  void happen(const Event& e) {
    switch (e.what) {
      case What::send:
        return send(e.side);
      case What::room:
        return make_room(e.side);
      case What::read:
        reading_[index(e.side)] = false;
        return read(e.side);
      case What::write:
        writing_[index(e.side)] = false;
        return write(e.side);
    }
  }

  // --- the applications

  void send(Side s) {
    App& a = app(s);
    Peer& p = peer(s);
    if (a.finished || a.reset) return;
    if (p.closed) return;  // what it would send meets nobody
    // A direct connection would hold no more either: it waits for room, as TCP has it.
    const std::size_t room = kWindow - std::min(kWindow, p.in.octets.size());
    const std::size_t n = std::min({a.to_send, room, 1 + choices_.below(40'000)});
    for (std::size_t i = 0; i < n; ++i) p.in.octets += octet_at(s, a.sent + i);
    a.sent += n;
    a.to_send -= n;
    const bool early = n != 0 && choices_.one_in(200);  // it dies in the middle
    if (a.to_send == 0 || early) {
      if (a.resets || early) {
        a.reset = true;
        p.rst = true;
        // An RST may overtake what the other kernel holds.
        if (choices_.one_in(2)) p.in.octets.clear();
      } else if (a.notifies && !a.notified) {
        a.notified = true;
        p.in.notify_at = a.sent;
        later(What::send, s);
      } else {
        a.finished = true;
        p.in.fin = true;
      }
    } else {
      later(What::send, s);
    }
    wake();
  }

  void make_room(Side s) {
    App& a = app(s);
    if (a.reset || peer(s).closed || a.heard_fin) return;
    if (a.takes < kWindow && !(a.writes_first && a.to_send != 0)) {
      a.takes += slow_[index(s)] ? choices_.below(700) : choices_.below(60'000);
    }
    later(What::room, s);
    wake();
  }

  // --- the shell: sockets that tell when they can be read and written

  bool readable(Side s) {
    const Peer& p = peer(s);
    const bool notify = p.in.notify_at.has_value();
    return !p.closed && (!p.in.octets.empty() || notify || p.in.fin || p.rst);
  }
  bool writable(Side s) { return !peer(s).closed && (app(s).takes != 0 || peer(s).rst); }

  void wake() {
    if (relay_.over()) return;
    for (const Side s : kSides) {
      // What a session does when poll() says that a socket is broken.
      Peer& p = peer(s);
      if (p.rst && !relay_.ended(s) && !relay_.wants_read(s) &&
          (s == Side::client || p.write_failed)) {
        gone(s);
      }
      if (!reading_[index(s)] && readable(s) && relay_.wants_read(s)) {
        reading_[index(s)] = true;
        later(What::read, s);
      }
      if (!writing_[index(s)] && !p.out.octets.empty() && writable(s)) {
        writing_[index(s)] = true;
        later(What::write, s);
      }
    }
  }

  void read(Side s) {
    Peer& p = peer(s);
    if (relay_.over() || !readable(s) || !relay_.wants_read(s)) return wake();
    const std::size_t most = 1 + choices_.below(limits::kReadOctets);
    const std::size_t n = std::min({p.in.octets.size(), most, limits::kReadOctets});
    if (n != 0) {
      // Octets and a mark may come in one read, as close_notify behind data does.
      pass_on(s, p.in.octets.substr(0, n));
      p.in.drop(n);
    }
    if (p.in.octets.empty() && (n == 0 || choices_.one_in(2))) {
      if (p.in.notify_at) {
        p.in.notify_at.reset();
        p.notified = true;
        relay_.on_notify(s);
      } else if (p.rst) {
        gone(s);
      } else if (p.in.fin) {
        p.in.fin = false;
        relay_.on_fin(s);
      }
    }
    take_steps();
    wake();
  }

  void pass_on(Side from, const std::string& octets) {
    const Side s = other(from);
    Peer& sink = peer(s);
    peer(from).passed_on += octets.size();
    if (!sink.write_failed) {
      sink.out.octets += octets;
      flush(s);
    }
    relay_.on_queue(s, sink.out.octets.size());
  }

  void gone(Side s) {
    Peer& p = peer(s);
    p.out.drop(p.out.octets.size());
    p.write_failed = true;
    p.in = {};
    relay_.on_reset(s);
    take_steps();
  }

  // False: the write failed.
  bool flush(Side s) {
    Peer& p = peer(s);
    App& a = app(s);
    if (p.rst) {
      p.write_failed = true;
      p.out.drop(p.out.octets.size());
      relay_.on_write_failed(s);
      return false;
    }
    std::size_t n = std::min(p.out.octets.size(), a.takes);
    if (n != 0 && choices_.one_in(2)) n = 1 + choices_.below(n);  // a short write
    for (std::size_t i = 0; i < n; ++i) {
      LLMREC_PROMISE(p.out.octets[i] == octet_at(other(s), a.received + i));
    }
    LLMREC_PROMISE(n == 0 || !a.heard_fin);
    a.received += n;
    a.takes -= n;
    p.out.drop(n);
    if (p.out.notify_at && p.out.begin >= *p.out.notify_at) {
      LLMREC_PROMISE(p.out.begin == *p.out.notify_at);
      a.heard_notify = a.received;
      p.out.notify_at.reset();
    }
    return true;
  }

  void write(Side s) {
    if (relay_.over() || peer(s).closed) return;
    flush(s);
    relay_.on_queue(s, peer(s).out.octets.size());
    take_steps();
    wake();
  }

  void take_steps() {
    while (true) {
      const relay::Step step = relay_.poll();
      Peer& p = peer(step.side);
      App& a = app(step.side);
      switch (step.action) {
        case Action::none:
          return;
        case Action::send_notify:
          LLMREC_PROMISE(app(other(step.side)).notified);
          LLMREC_PROMISE(!a.heard_fin && !a.heard_notify && !p.out.notify_at);
          p.out.notify_at = p.out.end();
          if (!p.write_failed) flush(step.side);
          relay_.on_queue(step.side, p.out.octets.size());
          break;
        case Action::send_fin:
          LLMREC_PROMISE(app(other(step.side)).finished);
          LLMREC_PROMISE(p.out.octets.empty() && !p.out.notify_at);
          LLMREC_PROMISE(!a.heard_fin);
          a.heard_fin = true;
          break;
        case Action::reset:
          LLMREC_PROMISE(app(other(step.side)).reset);
          LLMREC_PROMISE(p.out.octets.empty());
          a.heard_reset = !a.reset;  // else its own was quicker
          close();
          return;
        case Action::close:
          close();
          return;
      }
    }
  }

  void close() {
    for (Peer& p : peers_) p.closed = true;
  }

  // --- what must hold

  void check_always() {
    for (const Side s : kSides) {
      LLMREC_PROMISE(peer(s).out.octets.size() < limits::kQueueHighOctets + limits::kReadOctets);
      LLMREC_PROMISE(app(s).received <= peer(other(s)).passed_on);
      LLMREC_PROMISE(peer(s).passed_on <= app(s).sent);
      // Said at once, and not only when a FIN follows.
      const Peer& sink = peer(other(s));
      const bool hears = !relay_.over() && !sink.write_failed && sink.out.octets.empty();
      if (peer(s).notified && hears) LLMREC_PROMISE(app(other(s)).heard_notify.has_value());
    }
  }

  void check_end() {
    LLMREC_PROMISE(relay_.over());  // both have ended, so nobody may be left waiting
    const bool reset = app(Side::client).reset || app(Side::upstream).reset;
    for (const Side s : kSides) {
      const App& from = app(other(s));
      const App& to = app(s);
      if (to.heard_reset) LLMREC_PROMISE(from.reset && !to.reset);
      if (to.heard_fin) LLMREC_PROMISE(from.finished && to.received == from.sent);
      if (to.heard_notify) LLMREC_PROMISE(*to.heard_notify == to.received && from.notified);
      if (to.heard_fin) LLMREC_PROMISE(to.heard_notify.has_value() == from.notified);
      if (!reset) {
        LLMREC_PROMISE(to.heard_fin);
        LLMREC_PROMISE(to.received == from.sent);
        continue;
      }
      // It was told of the reset, unless it was gone itself; and it has all that was read.
      if (from.reset && !to.reset) {
        LLMREC_PROMISE(to.heard_reset);
        LLMREC_PROMISE(to.received == peer(other(s)).passed_on);
      }
    }
  }

  static constexpr std::size_t kWindow = 100'000;  // of a socket's buffer

  Choices choices_;
  Relay relay_;
  std::array<App, 2> apps_;
  std::array<Peer, 2> peers_;
  std::array<bool, 2> slow_{};
  std::array<bool, 2> reading_{};
  std::array<bool, 2> writing_{};
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  Instant now_;
  std::uint64_t order_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  World(fuzz::bytes(data, size)).run();
  return 0;
}
