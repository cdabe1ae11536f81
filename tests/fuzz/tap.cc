// The whole tap. Octets: 0 the connection, 1 the cut, then blocks: a byte that says what it is, and
// for octets two more with their number. See Block.
//
// Whatever comes: nothing is thrown, memory stays bounded, every call gets one record, the records
// do not depend on the cut or on who looks at the calls while they run, and none is ok before its
// terminal condition.
#include "tap/tap.h"

#include <algorithm>
#include <array>
#include <vector>

#include "base/limits.h"
#include "fuzz/fuzz.h"
#include "record/codec.h"
#include "record/json.h"
#include "tap/prices.h"
#include "tap/tokens.h"

using namespace llmrec;
using record::CloseHow;
using record::Record;
using record::Status;
using tap::Dir;

namespace {

constexpr std::array<const char*, 8> kHosts{
    "api.openai.com", "api.anthropic.com",
    "llm.internal",   "bedrock-runtime.us-east-1.amazonaws.com",
    "openrouter.ai",  "generativelanguage.googleapis.com",
    "api.mistral.ai", "api.cohere.com"};

// Bit 0: of the answer. Bit 1: to be made a chunk of a chunked body, so that what changes a body
// need not know its length. Bits 2 to 4: an end instead of octets, see CloseHow. Bits 5 to 7: when.
struct Block {
  Dir dir = Dir::request;
  CloseHow end = CloseHow::none;
  std::int64_t wait_ns = 0;
  std::string octets;
};

std::vector<Block> blocks_of(fuzz::Input input) {
  constexpr std::array<std::int64_t, 8> kWaits{0,
                                               kNsPerMs,
                                               30 * kNsPerMs,
                                               400 * kNsPerMs,
                                               3 * kNsPerSecond,
                                               25 * kNsPerSecond,
                                               kNsPerUs,
                                               700 * kNsPerSecond};
  std::vector<Block> out;
  std::array<bool, 2> ended{};  // no octets come behind an end
  while (!input.empty() && out.size() < 512) {
    const std::uint8_t what = input.byte();
    Block block;
    block.dir = (what & 1U) != 0 ? Dir::response : Dir::request;
    block.wait_ns = kWaits[what >> 5];
    const unsigned end = what >> 2 & 7U;
    if (end != 0 && end <= static_cast<unsigned>(CloseHow::timeout)) {
      block.end = static_cast<CloseHow>(end);
      ended[what & 1U] = true;
    } else {
      const Bytes octets = input.take(input.number());
      if ((what & 2U) != 0) {
        char size[16];
        std::snprintf(size, sizeof size, "%zx\r\n", octets.size());
        block.octets = size + std::string(octets) + "\r\n";
      } else {
        block.octets = octets;
      }
      if (ended[what & 1U]) continue;
    }
    out.push_back(std::move(block));
  }
  return out;
}

class Host final : public tap::TapHost {
 public:
  RecordId mint(Instant) override { return minted.emplace_back(ids_.mint(1'780'000'000'000)); }
  void on_finished(Record&& r) override { records.push_back(std::move(r)); }
  std::vector<RecordId> minted;
  std::vector<Record> records;

 private:
  RecordIdMint ids_{1};
};

tap::ConnFacts facts(std::uint8_t options) {
  static const tap::TokenModel tokens;
  tap::ConnFacts f;
  f.upstream_tls = (options & 1U) == 0;
  f.host = kHosts[options >> 1 & 7U];
  f.port = 443;
  f.wall.unix_us = 1'780'000'000'000'000;
  f.time_to_connect_ns = 12 * kNsPerMs;
  f.time_to_tls_ns = 31 * kNsPerMs;
  if ((options & 16U) != 0) {
    f.budgets = {.connect_ns = 10 * kNsPerMs,
                 .headers_ns = kNsPerSecond,
                 .first_token_ns = 2 * kNsPerSecond,
                 .idle_ns = kNsPerSecond,
                 .total_ns = 10 * kNsPerSecond};
  }
  if ((options & 32U) == 0) {
    f.prices = &tap::PriceTable::built_in();
    f.tokens = &tokens;
  }
  return f;
}

struct Played {
  std::vector<Record> records;
  std::size_t grew = 0;  // the heap, at most
};

// `looks`: calls are looked at while they run, as checkpoints and budgets do.
Played play(std::uint8_t options, const std::vector<Block>& blocks, fuzz::Cut how, bool looks,
            bool takes_all) {
  Played p;
  Host host;
  Instant now;
  std::uint64_t seen = 0;
  const std::size_t before = fuzz::heap_in_use();
  {
    tap::Tap tapped(facts(options), host);
    bool upstream_ended = false;
    for (const Block& block : blocks) {
      now = now + block.wait_ns;
      fuzz::in_pieces(block.octets, how, [&](Bytes piece) {
        tapped.on_bytes(block.dir, piece, now);
        if (block.dir == Dir::response) seen += piece.size();
        if (takes_all) tapped.on_accepted(seen, now);
        if (!looks) return;
        tapped.has_news();
        tapped.overdue(now);
        tapped.each_running([&](tap::Exchange& exchange) {
          const Record r = exchange.snapshot(now);
          LLMREC_PROMISE(r.status == Status::open);
        });
      });
      const std::size_t heap = fuzz::heap_in_use();
      p.grew = std::max(p.grew, heap > before ? heap - before : 0);
      if (block.end == CloseHow::none) continue;
      const bool reset = block.end == CloseHow::reset;
      if (block.dir == Dir::request && reset && !upstream_ended) tapped.on_upstream_cancelled();
      upstream_ended = upstream_ended || block.dir == Dir::response;
      tapped.on_end(block.dir, {block.end, {}}, now);
    }
    tapped.on_over(tap::End::none, now);
    LLMREC_PROMISE(tapped.running() == 0);
  }
  // One record for each call, in any order.
  std::vector<RecordId> ids;
  for (const Record& r : host.records) ids.push_back(r.request_id);
  std::sort(ids.begin(), ids.end());
  LLMREC_PROMISE(ids == host.minted);
  p.records = std::move(host.records);
  return p;
}

void check(const Record& r) {
  LLMREC_PROMISE(r.status != Status::open);
  LLMREC_PROMISE((r.status == Status::ok) == (r.failure_stage == record::Stage::none));
  LLMREC_PROMISE((r.status == Status::ok) == (r.error_type == record::ErrorType::none));
  LLMREC_PROMISE((r.status == Status::ok) == (r.fault == record::Fault::none));
  if (r.status == Status::ok) {
    LLMREC_PROMISE(r.http_status && *r.http_status < 400);
    LLMREC_PROMISE(r.terminal_missing.empty());
    LLMREC_PROMISE(!r.error_event_received);
    // Nothing else says that it is whole: then something in it did.
    if (r.body_complete != true) {
      LLMREC_PROMISE(!r.finish_reasons.empty() || r.done_event_received || r.usage_available ||
                     r.finish_class != record::FinishClass::none);
    }
  }
  LLMREC_PROMISE(r.content_chunks <= r.chunks_received);
  LLMREC_PROMISE(r.tool_calls.size() <= limits::kToolCallsMax);
  LLMREC_PROMISE(r.finish_reasons.size() <= limits::kFinishReasonsMax);
  LLMREC_PROMISE(!r.cut_tool_call || *r.cut_tool_call < r.tool_calls.size());
  LLMREC_PROMISE(r.chunk_timeline.counts.size() <= limits::kTimelineBuckets);
  LLMREC_PROMISE(!r.bytes_to_client ||
                 *r.bytes_to_client <= static_cast<std::int64_t>(r.response_bytes));
  for (const auto& ns : {r.time_to_request_sent_ns, r.time_to_headers_ns, r.time_to_first_byte_ns,
                         r.time_to_first_token_ns, r.last_chunk_ns, r.stream_duration_ns,
                         r.duration_ns, r.max_gap_ns}) {
    LLMREC_PROMISE(!ns || *ns >= 0);
    LLMREC_PROMISE(!ns || !r.duration_ns || *ns <= *r.duration_ns);
  }
  LLMREC_PROMISE(!r.cost_nano_usd || *r.cost_nano_usd >= 0);
  const auto stored = record::decode(record::encode(r));
  LLMREC_PROMISE(stored.has_value());
  LLMREC_PROMISE(record::decode(record::encode(*stored)).value() == *stored);
}

std::string text(const std::vector<Record>& records) {
  std::string out;
  for (const Record& r : records) out += record::to_json(r) + "\n";
  return out;
}

// The same with the answer broken off: no fact of progress may come from what was not there.
void check_cut_answer(std::uint8_t options, const std::vector<Block>& blocks, fuzz::Random random,
                      const Record& whole) {
  std::size_t size = 0;
  for (const Block& b : blocks) size += b.dir == Dir::response ? b.octets.size() : 0;
  std::size_t left = random.below(size + 1);
  const bool reset = random.one_in(2);
  std::vector<Block> cut;
  for (const Block& b : blocks) {
    if (b.end != CloseHow::none) continue;
    cut.push_back(b);
    if (b.dir == Dir::request) continue;
    cut.back().octets.resize(std::min(left, b.octets.size()));
    left -= cut.back().octets.size();
  }
  Block end;
  end.dir = Dir::response;
  end.end = reset ? CloseHow::reset : CloseHow::fin;
  cut.push_back(end);
  const std::vector<Record> records = play(options, cut, fuzz::kWhole, false, true).records;
  if (records.size() != 1) return;
  check(records[0]);
  LLMREC_PROMISE(records[0].chunks_received <= whole.chunks_received);
  LLMREC_PROMISE(records[0].output_chars_received <= whole.output_chars_received);
  LLMREC_PROMISE(records[0].tool_calls.size() <= whole.tool_calls.size());
}

bool holds(const std::vector<Block>& blocks, Bytes word) {
  return std::any_of(blocks.begin(), blocks.end(), [word](const Block& b) {
    return std::search(b.octets.begin(), b.octets.end(), word.begin(), word.end(),
                       [](char x, char y) { return ascii_lower(x) == ascii_lower(y); }) !=
           b.octets.end();
  });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(fuzz::bytes(data, size));
  const std::uint8_t options = input.byte();
  const fuzz::Cut cut = input.byte();
  const bool takes_all = (options & 64U) == 0;
  const std::vector<Block> blocks = blocks_of(input);
  play(options, {}, fuzz::kWhole, false, true);  // tables that are made once

  const Played whole = play(options, blocks, fuzz::kWhole, false, takes_all);
  // Codings bring windows of their own.
  const bool coded = holds(blocks, "br") || holds(blocks, "zstd");
  LLMREC_PROMISE(whole.grew < (coded ? 52U : 3U) * 1024 * 1024);
  for (const Record& r : whole.records) check(r);

  // How much the library for br hands out before it notices damage depends on the cut.
  const bool damaged_br =
      holds(blocks, "br") &&
      std::any_of(whole.records.begin(), whole.records.end(),
                  [](const Record& r) { return r.tap_reason == "content_decoding_failed"; });
  if (damaged_br) return 0;
  const Played octets = play(options, blocks, fuzz::kOctets, false, takes_all);
  fuzz::expect_same(text(octets.records), text(whole.records), "octet by octet as in one piece");
  const Played pieces = play(options, blocks, cut + 2, true, takes_all);
  fuzz::expect_same(text(pieces.records), text(whole.records), "in pieces as in one piece");
  LLMREC_PROMISE(octets.records == whole.records && pieces.records == whole.records);

  if (whole.records.size() == 1 && takes_all) {
    check_cut_answer(options, blocks, fuzz::Random(cut + size), whole.records[0]);
  }
  return 0;
}
