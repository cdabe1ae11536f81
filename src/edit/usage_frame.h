// Finds the usage chunk at the end of an event stream of OpenAI's shape: an event whose choices are
// an empty array and whose usage is an object, behind which only [DONE] or the end comes. Octets of
// the body go in as they come; what comes out are offsets: up to where all is decided, and the one
// range that is to go. Azure's first event has no choices either, and some servers send running
// totals: both have no [DONE] behind them and stay.
// Does not know framing or coding. Pure; one thread. The result does not depend on how the input is
// cut. Keeps no text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>

#include "base/bytes.h"
#include "wire/json.h"
#include "wire/sse.h"

namespace llmrec::edit {

struct Range {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

class UsageFrame final : private wire::SseHandler, private wire::JsonSink {
 public:
  UsageFrame();

  void feed(Bytes body);
  void finish();  // no more octets
  void give_up() { settled_ = true; }

  // Of the octets before this offset all is known.
  std::uint64_t decided() const;
  bool settled() const { return settled_; }  // nothing more will be found
  const std::optional<Range>& found() const { return found_; }

 private:
  static constexpr std::uint64_t kAll = std::numeric_limits<std::uint64_t>::max();

  void on_data(Bytes part) override;
  void on_event(const wire::SseEvent&) override { event_ = true; }
  void on_enter(std::uint16_t slot, std::uint32_t position) override;
  void on_string(std::uint16_t slot, Bytes part, bool last) override;
  void on_int(std::uint16_t slot, std::int64_t) override { on_scalar(slot); }
  void on_double(std::uint16_t slot, double) override { on_scalar(slot); }
  void on_bool(std::uint16_t slot, bool) override { on_scalar(slot); }
  void on_null(std::uint16_t slot) override { on_scalar(slot); }

  void on_scalar(std::uint16_t slot);
  void end_line(bool of_crlf);
  void end_block();
  void drop();
  bool too_far() const;
  bool innocent() const;

  wire::SseTokenizer sse_;
  wire::JsonReader json_;
  std::uint64_t at_ = 0;
  std::uint64_t block_ = 0;  // where the event at hand begins
  std::optional<Range> candidate_;
  std::optional<Range> found_;
  std::uint64_t data_octets_ = 0;
  std::uint8_t done_matched_ = 0;  // octets of [DONE]
  bool event_ = false;             // the line that just ended was an event's last
  bool line_empty_ = true;
  bool after_cr_ = false;
  bool block_ended_at_cr_ = false;
  bool choices_ = false;  // of the event at hand
  bool choice_ = false;
  bool usage_ = false;
  bool settled_ = false;
};

}  // namespace llmrec::edit
