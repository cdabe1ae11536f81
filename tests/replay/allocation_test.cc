// What happens when memory runs out, at every place where it can: this program's operator new
// refuses the Nth allocation, for all N. Nothing may escape a tap, and nothing may leak.
#include <doctest/doctest.h>

#include <cstdlib>
#include <new>
#include <string>
#include <vector>

#include "record/json.h"
#include "replay/exchange.h"

using namespace llmrec;
using namespace llmrec::replay;

namespace {

struct Allocations {
  bool counting = false;
  long live = 0;            // allocated and not freed while counting
  long until_failure = -1;  // -1: none fails
  long failures = 0;
} allocations;

void* allocate(std::size_t size) {
  if (allocations.counting && allocations.until_failure >= 0 && allocations.until_failure-- == 0) {
    ++allocations.failures;
    throw std::bad_alloc();
  }
  void* p = std::malloc(size == 0 ? 1 : size);
  if (p == nullptr) throw std::bad_alloc();
  if (allocations.counting) ++allocations.live;
  return p;
}

void release(void* p) noexcept {
  if (p != nullptr && allocations.counting) --allocations.live;
  std::free(p);
}

class Sink final : public tap::TapHost {
 public:
  RecordId mint(Instant) override { return ids_.mint(1'780'000'000'000); }
  void on_finished(record::Record&& r) override {
    records.push_back(std::move(r));  // may fail too
  }
  std::vector<record::Record> records;

 private:
  RecordIdMint ids_{1};
};

struct Outcome {
  bool made = false;  // the tap itself could be made
  std::size_t records = 0;
  long live = 0;
  long failures = 0;
};

// Plays the exchange in pieces of a few hundred octets, with the Nth allocation failing.
Outcome run(const Exchange& exchange, const tap::ConnFacts& facts, long nth) {
  Outcome out;
  allocations = {true, 0, nth, 0};
  {
    Sink sink;
    try {
      tap::Tap tapped(facts, sink);
      out.made = true;
      std::uint64_t accepted = 0;
      Instant now;
      for (const Block& block : exchange) {
        now = block.at;
        for (Bytes rest = block.octets; !rest.empty();) {
          const Bytes piece = rest.substr(0, 300);
          rest.remove_prefix(piece.size());
          tapped.on_bytes(block.dir, piece, now);
          if (block.dir == tap::Dir::response) tapped.on_accepted(accepted += piece.size(), now);
          tapped.each_running([now](tap::Exchange& e) { (void)e.snapshot(now); });
        }
        if (block.end != record::CloseHow::none) {
          tapped.on_end(block.dir, {block.end, {}}, now);
        }
      }
      tapped.on_over(tap::End::none, now);
      out.records = sink.records.size();
    } catch (const std::bad_alloc&) {
      // Only the making of a tap may say so: its functions are noexcept.
    }
  }
  allocations.counting = false;
  out.live = allocations.live;
  out.failures = allocations.failures;
  return out;
}

}  // namespace

void* operator new(std::size_t size) { return allocate(size); }
void* operator new[](std::size_t size) { return allocate(size); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  try {
    return allocate(size);
  } catch (...) {
    return nullptr;
  }
}
void* operator new[](std::size_t size, const std::nothrow_t& tag) noexcept {
  return operator new(size, tag);
}
void operator delete(void* p) noexcept { release(p); }
void operator delete[](void* p) noexcept { release(p); }
void operator delete(void* p, std::size_t) noexcept { release(p); }
void operator delete[](void* p, std::size_t) noexcept { release(p); }
void operator delete(void* p, const std::nothrow_t&) noexcept { release(p); }
void operator delete[](void* p, const std::nothrow_t&) noexcept { release(p); }

TEST_CASE("replay: every allocation fails once, and nobody is hurt") {
  long failures = 0;
  for (const char* name :
       {"usage", "parallel-tools", "json-tools", "json-429", "gzip", "br", "zstd", "pipelined",
        "cut-in-tool-call", "client-half-close", "chunk-size-broken", "100-continue",
        "google-raw-error", "two-choices"}) {
    const Exchange exchange = parse(read_file(std::string(LLMREC_GOLDEN_DIR) + "/openai-chat/" +
                                              std::string(name) + ".replay"));
    tap::ConnFacts facts;
    facts.host = "api.openai.com";
    facts.tags = {{"route", "checkout"}};
    run(exchange, facts, -1);  // what is made once for the whole program
    const Outcome whole = run(exchange, facts, -1);
    CHECK(whole.records >= 1);
    CHECK(whole.live == 0);
    long nth = 0;
    for (;; ++nth) {
      INFO(name, ", allocation ", nth);
      const Outcome out = run(exchange, facts, nth);
      REQUIRE(out.live == 0);
      if (out.failures == 0) break;
      ++failures;
    }
    CHECK(nth > 10);
  }
  MESSAGE(failures, " allocations failed");
}
