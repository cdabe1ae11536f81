// Every state that a relay can reach, found by walking: what may come, in any order, and what is
// done about it.
#include "relay/relay.h"

#include <doctest/doctest.h>

#include <array>
#include <cstddef>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "base/limits.h"

using namespace llmrec;
using namespace llmrec::relay;

namespace {

constexpr std::array<Side, 2> kSides{Side::client, Side::upstream};
// Enough of a queue to tell the states apart.
constexpr std::array<std::size_t, 6> kQueues{0,
                                             1,
                                             limits::kQueueLowOctets + 1,
                                             limits::kQueueHighOctets - 1,
                                             limits::kQueueHighOctets,
                                             limits::kQueueFloodOctets};
static_assert(limits::kQueueLowOctets >= 1 &&
              limits::kQueueLowOctets + 1 < limits::kQueueHighOctets - 1 &&
              limits::kQueueHighOctets + limits::kReadOctets < limits::kQueueFloodOctets);

// What has happened at one side, kept beside the relay and not asked of it.
struct End {
  bool notify = false;
  bool fin = false;
  bool reset = false;
  bool broken = false;  // writing failed
  bool notify_sent = false;
  bool fin_sent = false;
  bool full = false;  // between the two marks the last one passed decides
  bool flooded = false;
  std::size_t queued = 0;
  auto operator<=>(const End&) const = default;
};

struct World {
  Relay relay;
  std::array<End, 2> ends;
  int resets = 0;
  int closes = 0;
  std::string path;  // how it came about, for whoever reads a failure

  End& at(Side s) { return ends[static_cast<std::size_t>(s)]; }
  const End& at(Side s) const { return ends[static_cast<std::size_t>(s)]; }
  bool over() const { return resets + closes != 0; }
  auto key() const { return std::make_tuple(ends, resets, closes); }
};

std::string name(Side s) { return s == Side::client ? "client" : "upstream"; }

bool wants_read(const World& w, Side s) {
  return !w.over() && !w.at(s).fin && !w.at(s).reset && !w.at(s).flooded && !w.at(other(s)).full;
}

// One side is done for when nothing will come from it and nothing can be told to it.
bool done(const World& w, Side source) {
  return w.at(source).fin && (w.at(other(source)).fin_sent || w.at(other(source)).broken);
}

void take(World& w, const Step& step) {
  End& to = w.at(step.side);
  const End& from = w.at(other(step.side));
  CHECK(!w.over());
  switch (step.action) {
    case Action::send_notify:
      CHECK(from.notify);
      CHECK(!to.notify_sent);
      CHECK(!to.fin_sent);
      CHECK(!to.broken);
      to.notify_sent = true;
      break;
    case Action::send_fin:
      CHECK(from.fin);
      CHECK(!to.fin_sent);
      CHECK(!to.broken);
      CHECK(to.queued == 0);
      CHECK(to.notify_sent == from.notify);  // whatever was said before came first
      to.fin_sent = true;
      break;
    case Action::reset:
      CHECK(from.reset);
      CHECK(!to.reset);  // somebody is there to be told
      CHECK(to.queued == 0);
      ++w.resets;
      break;
    case Action::close:
      CHECK(((done(w, Side::client) && done(w, Side::upstream)) || (from.reset && to.reset)));
      ++w.closes;
      break;
    case Action::none:
      FAIL("none is no step");
  }
}

void settle(World& w) {
  for (int i = 0; i < 10; ++i) {
    const Step step = w.relay.poll();
    if (step.action == Action::none) return;
    take(w, step);
  }
  FAIL("never comes to rest");
}

// After every step: what can be passed on has been, and reading goes on where it may.
void check(const World& w) {
  CHECK(w.relay.over() == w.over());
  for (const Side s : kSides) {
    const End& from = w.at(s);
    const End& to = w.at(other(s));
    CHECK(w.relay.ended(s) == (from.fin || from.reset));
    CHECK(w.relay.wants_read(s) == wants_read(w, s));
    if (w.over()) continue;
    if (from.notify && !to.broken) CHECK(to.notify_sent);
    if (to.queued != 0) continue;
    CHECK(!from.reset);  // it would be over
    if (from.fin && !to.broken) CHECK(to.fin_sent);
  }
}

// All that can happen next, in a world where nothing comes from a side that has ended.
std::vector<World> next(const World& w) {
  std::vector<World> out;
  const auto add = [&](const std::string& what, auto&& change) {
    World n = w;
    n.path += (n.path.empty() ? "" : ", ") + what;
    change(n);
    settle(n);
    out.push_back(std::move(n));
  };
  for (const Side s : kSides) {
    const End& end = w.at(s);
    if (end.reset) continue;
    if (!end.fin && !end.notify) {
      add(name(s) + " notify", [s](World& n) {
        n.at(s).notify = true;
        n.relay.on_notify(s);
      });
    }
    if (!end.fin) {
      add(name(s) + " fin", [s](World& n) {
        n.at(s).fin = true;
        n.relay.on_fin(s);
      });
    }
    add(name(s) + " reset", [s](World& n) {
      n.at(s).reset = n.at(s).broken = true;
      n.at(s).queued = 0;
      n.at(s).full = n.at(s).flooded = false;
      n.relay.on_reset(s);
    });
    if (end.broken) continue;
    add(name(s) + " write failed", [s](World& n) {
      n.at(s).broken = true;
      n.at(s).queued = 0;
      n.at(s).full = n.at(s).flooded = false;
      n.relay.on_write_failed(s);
    });
    for (const std::size_t octets : kQueues) {
      if (octets == end.queued) continue;
      // A queue grows by what its source sends; what has said FIN gets nothing more.
      if (octets > end.queued && (w.at(other(s)).reset || end.fin_sent)) continue;
      add(name(s) + " queue " + std::to_string(octets), [s, octets](World& n) {
        End& e = n.at(s);
        e.queued = octets;
        if (octets >= limits::kQueueHighOctets) e.full = true;
        if (octets >= limits::kQueueFloodOctets) e.flooded = true;
        if (octets <= limits::kQueueLowOctets) e.full = e.flooded = false;
        n.relay.on_queue(s, octets);
      });
    }
  }
  return out;
}

// Whatever happened: once both sides have ended and all queues are empty, it is over.
void check_ends(World w) {
  for (const Side s : kSides) {
    if (!w.at(s).fin && !w.at(s).reset) {
      w.at(s).fin = true;
      w.relay.on_fin(s);
    }
  }
  for (const Side s : kSides) {
    if (w.at(s).broken) continue;
    w.at(s).queued = 0;
    w.relay.on_queue(s, 0);
  }
  settle(w);
  CHECK(w.over());
}

}  // namespace

TEST_CASE("relay: a walk over all states") {
  std::map<decltype(World{}.key()), bool> seen;
  std::deque<World> todo;
  todo.emplace_back();
  seen[todo.front().key()] = true;
  std::size_t transitions = 0;
  std::size_t overs = 0;
  while (!todo.empty()) {
    const World w = std::move(todo.front());
    todo.pop_front();
    INFO(w.path);
    check(w);
    if (w.over()) {
      ++overs;
      Relay relay = w.relay;  // whatever still comes, nothing is done about it
      relay.on_fin(Side::client);
      relay.on_reset(Side::upstream);
      relay.on_queue(Side::client, 0);
      CHECK(relay.poll().action == Action::none);
      CHECK(!relay.wants_read(Side::client));
      continue;
    }
    check_ends(w);
    for (World& n : next(w)) {
      ++transitions;
      if (!seen.emplace(n.key(), true).second) continue;
      todo.push_back(std::move(n));
    }
  }
  MESSAGE(seen.size(), " states, ", transitions, " transitions, ", overs, " ends");
  CHECK(seen.size() > 1000);
  CHECK(overs > 10);
}

TEST_CASE("relay: one end after the other, in words") {
  Relay relay;
  const auto step = [&relay] { return relay.poll(); };
  CHECK(step().action == Action::none);
  relay.on_queue(Side::client, 500);
  relay.on_notify(Side::upstream);
  Step s = step();
  CHECK(s.action == Action::send_notify);  // in order with the data, so at once
  CHECK(s.side == Side::client);
  relay.on_fin(Side::upstream);
  CHECK(step().action == Action::none);  // the client has yet to take its octets
  relay.on_queue(Side::client, 0);
  s = step();
  CHECK(s.action == Action::send_fin);
  CHECK(s.side == Side::client);
  CHECK(relay.wants_read(Side::client));  // a half-close: the other direction goes on
  CHECK(!relay.wants_read(Side::upstream));
  relay.on_fin(Side::client);
  s = step();
  CHECK(s.action == Action::send_fin);
  CHECK(s.side == Side::upstream);
  CHECK(step().action == Action::close);
  CHECK(relay.over());
  CHECK(step().action == Action::none);
}

TEST_CASE("relay: a reset goes out after everything that came before it") {
  Relay relay;
  relay.on_queue(Side::client, 10);
  relay.on_reset(Side::upstream);
  CHECK(relay.poll().action == Action::none);
  CHECK(!relay.over());
  relay.on_queue(Side::client, 0);
  const Step s = relay.poll();
  CHECK(s.action == Action::reset);
  CHECK(s.side == Side::client);
  CHECK(relay.over());
}

TEST_CASE("relay: reading stops at the high mark and goes on at the low one") {
  for (const Side slow : kSides) {
    Relay relay;
    const auto reads = [&] {
      CHECK(relay.wants_read(slow));  // what it sends is another matter
      return relay.wants_read(other(slow));
    };
    CHECK(reads());
    relay.on_queue(slow, limits::kQueueHighOctets - 1);
    CHECK(reads());
    relay.on_queue(slow, limits::kQueueHighOctets);
    CHECK(!reads());
    relay.on_queue(slow, limits::kQueueLowOctets + 1);
    CHECK(!reads());
    relay.on_queue(slow, limits::kQueueLowOctets);
    CHECK(reads());
    relay.on_queue(slow, limits::kQueueHighOctets - 1);
    CHECK(reads());
    relay.on_queue(slow, limits::kQueueHighOctets);
    relay.on_write_failed(slow);  // nobody waits for it any more
    CHECK(reads());
    relay.on_queue(slow, limits::kQueueHighOctets);
    CHECK(reads());
  }
}

TEST_CASE("relay: a side that sends without reading can send all of it") {
  // It reads once it has sent: stopping it because its queue is long would stop it for ever.
  Relay relay;
  relay.on_queue(Side::client, limits::kQueueHighOctets + limits::kReadOctets);
  CHECK(!relay.wants_read(Side::upstream));
  CHECK(relay.wants_read(Side::client));
}

TEST_CASE("relay: our own answers to a side do not pile up") {
  for (const Side side : kSides) {
    Relay relay;
    relay.on_queue(side, limits::kQueueFloodOctets - 1);
    CHECK(relay.wants_read(side));
    relay.on_queue(side, limits::kQueueFloodOctets);
    CHECK(!relay.wants_read(side));
    relay.on_queue(side, limits::kQueueLowOctets + 1);
    CHECK(!relay.wants_read(side));
    relay.on_queue(side, limits::kQueueLowOctets);
    CHECK(relay.wants_read(side));
    CHECK(relay.wants_read(other(side)));
  }
}

TEST_CASE("relay: to a side that takes nothing more nothing is said") {
  Relay relay;
  relay.on_write_failed(Side::client);
  relay.on_notify(Side::upstream);
  relay.on_fin(Side::upstream);
  CHECK(relay.poll().action == Action::none);
  CHECK(relay.wants_read(Side::client));  // what it sent before may still be read
  relay.on_fin(Side::client);
  CHECK(relay.poll().action == Action::send_fin);
  CHECK(relay.poll().action == Action::close);
}
