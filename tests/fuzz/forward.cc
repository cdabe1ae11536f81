// Clear HTTP through us, as a session drives it. Octets: 0 the kind, 1 the cut, 2 and 3 the size of
// the answers, then the answers, then the requests. What goes out must not depend on the cut, must
// never hold what was meant for the proxy, and must be framed as another parser frames it.
#include <optional>

#include "base/limits.h"
#include "fuzz/fuzz.h"
#include "relay/http_leg.h"
#include "relay/rewrite.h"
#include "wire/http1.h"

using namespace llmrec;
using namespace llmrec::relay;

namespace {

constexpr Bytes kHost = "api.openai.com:8443";
constexpr Bytes kAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

class Counter final : public wire::Http1Handler {
 public:
  void on_message_begin() override { ++begun; }
  bool wants_field(Bytes name) override {
    return name == "host" || name == "proxy-authorization" || name == "proxy-connection";
  }
  void on_field(Bytes name, Bytes value) override {
    if (name == "host") {
      host = value;
    } else {
      for_proxy = true;
    }
  }
  wire::BodyRule on_head(const wire::Http1Head& h) override {
    ++heads;
    target = h.target;
    return wire::BodyRule::by_framing;
  }
  void on_body(Bytes) override {}
  void on_message_complete() override { ++complete; }
  std::size_t begun = 0;
  std::size_t heads = 0;
  std::size_t complete = 0;
  bool for_proxy = false;
  std::string host;
  std::string target;
};

struct Rewritten {
  std::string out;
  std::size_t requests = 0;
  bool switches = false;
  bool refused = false;
};

Rewritten rewrite(RequestRewriter::Kind kind, Bytes octets, fuzz::Cut how) {
  RequestRewriter rewriter(kind, kind == RequestRewriter::Kind::reverse ? std::string(kHost) : "");
  Rewritten r;
  fuzz::in_pieces(octets, how, [&](Bytes piece) {
    while (true) {
      const Bytes before = piece;
      const RequestRewriter::Step step = rewriter.next(piece);
      if (step.found == RequestRewriter::Found::more) {
        LLMREC_PROMISE(piece.empty());
        return;
      }
      if (step.found == RequestRewriter::Found::refused) {
        LLMREC_PROMISE(rewriter.refuse_status() == 400 || rewriter.refuse_status() == 431);
        r.refused = true;
        return;
      }
      if (step.found == RequestRewriter::Found::request) {
        ++r.requests;
        r.switches = r.switches || rewriter.request().switches;
      } else {
        LLMREC_PROMISE(!step.octets.empty() || piece.size() < before.size());
        r.out += step.octets;
      }
    }
  });
  return r;
}

// What went out, read by somebody else. A request that asks for another protocol is where the two
// may part: what follows it depends on an answer.
void check_framing(RequestRewriter::Kind kind, const Rewritten& r) {
  if (r.switches) return;
  Counter counter;
  wire::Http1Parser parser(wire::Http1Kind::request, counter);
  parser.feed(r.out);
  const bool forward = kind == RequestRewriter::Kind::forward;
  if (forward) LLMREC_PROMISE(!counter.for_proxy);
  if (parser.error() != wire::Http1Error::none || parser.upgraded()) return;
  LLMREC_PROMISE(counter.heads == r.requests || (!forward && counter.heads >= r.requests));
  if (counter.heads == 0) return;
  if (forward) LLMREC_PROMISE(counter.target.starts_with('/') || counter.target == "*");
  // HTTP/1.0 may leave it out, and what is not there is not edited.
  const bool all = !r.refused && counter.heads == r.requests;
  if (!forward && all) LLMREC_PROMISE(counter.host.empty() || counter.host == kHost);
}

// Answers come when nothing else goes on, so that their place does not depend on the cut.
std::string drive(HttpLeg::Kind kind, Bytes requests, Bytes answers, fuzz::Cut how) {
  HttpLeg leg(kind, kind == HttpLeg::Kind::reverse ? std::string(kHost) : "");
  std::string log;
  std::string sent;
  std::string held;
  bool over = false;
  const auto event = [&](const std::string& what) {
    if (!sent.empty()) log += "send " + sent + "\n";
    sent.clear();
    if (!what.empty()) log += what + "\n";
  };
  // One of the answers, up to a blank octet 0.
  const auto answer = [&] {
    if (answers.empty()) {
      leg.answered(kAnswer);
      return;
    }
    const std::size_t end = std::min(answers.find('\0'), answers.size());
    leg.answered(answers.substr(0, end));
    answers.remove_prefix(std::min(end + 1, answers.size()));
  };
  fuzz::in_pieces(requests, how, [&](Bytes piece) {
    held += piece;
    Bytes input = held;
    int waited = 0;
    while (!over) {
      const HttpLeg::Step step = leg.next(input);
      if (step.next == HttpLeg::Next::send) {
        sent += step.octets;
      } else if (step.next == HttpLeg::Next::route) {
        event("route " + leg.request().to.text() + (leg.request().https ? " https " : " ") +
              leg.request().user);
        LLMREC_PROMISE(leg.idle());
        leg.routed();
      } else if (step.next == HttpLeg::Next::more) {
        if (leg.wants_more()) {
          LLMREC_PROMISE(input.empty());
          break;
        }
        // Answers that never end a call keep the client waiting for ever; that is right.
        if (++waited > 300) {
          over = true;
          event("waits");
        }
        answer();
      } else {
        over = true;
        event(step.next == HttpLeg::Next::refuse ? "refuse" : "give up");
      }
    }
    held = std::string(input);
  });
  event("");
  return log;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(fuzz::bytes(data, size));
  const auto kind = (input.byte() & 1U) != 0 ? HttpLeg::Kind::reverse : HttpLeg::Kind::forward;
  const fuzz::Cut cut = input.byte();
  const Bytes answers = input.take(input.number());
  fuzz::same_in_every_cut(cut, [&](fuzz::Cut how) {
    const Rewritten r = rewrite(kind, input.rest(), how);
    check_framing(kind, r);
    return r.out + "\n" + std::to_string(r.requests) + std::to_string(r.refused);
  });
  fuzz::same_in_every_cut(cut,
                          [&](fuzz::Cut how) { return drive(kind, input.rest(), answers, how); });
  return 0;
}
