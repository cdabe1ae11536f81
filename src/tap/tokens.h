// How many tokens passed, where nobody said: an estimate from characters, with bounds. It is of
// what was seen to pass; reasoning that stayed with the provider is not in it. Whole numbers only,
// so the same calls give the same estimates everywhere. llmrec-record(5) says how good they are.
// Knows no text, no clock and no provider; learns a ratio for each model from calls that did say.
// A value with one owner; whoever shares it between threads has to lock it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "record/record.h"

namespace llmrec::tap {

struct Estimate {
  std::int64_t tokens = 0;
  std::int64_t low = 0;   // about four of five calls in English lie between
  std::int64_t high = 0;  // these two, ends included
  friend bool operator==(const Estimate&, const Estimate&) = default;
};

// What passed of an answer, all choices together.
struct Passed {
  std::uint64_t text_chars = 0;  // code points of text and refusals
  std::uint64_t reasoning_chars = 0;
  std::uint64_t tool_argument_bytes = 0;
  std::uint64_t tool_calls = 0;
};
Passed passed(const record::Record&);

// What a request held, as far as it was read.
struct Prompt {
  std::uint64_t text_chars = 0;
  std::uint64_t attachment_bytes = 0;
  std::uint64_t messages = 0;
  std::uint64_t tools = 0;
};

class TokenModel {
 public:
  // `model` is the provider's name of it, with or without a vendor before it.
  Estimate output(std::string_view model, const Passed&) const;
  Estimate input(std::string_view model, const Prompt&) const;

  // A call that ended well and said what it cost, in comparable usage. What does not fit visible
  // text is left alone: unread content, few tokens, reasoning in an unknown share.
  void learn(std::string_view model, const Passed&, const record::Usage& usage);
  // The same from a finished record.
  void learn(const record::Record&);

  std::size_t models() const { return learned_.size(); }

 private:
  // The last ratios of tokens reported to tokens estimated by default, in thousandths.
  struct Learned {
    std::string model;
    std::array<std::uint16_t, limits::kTokenRatios> ratios{};
    std::size_t count = 0;  // up to all of them
    std::size_t next = 0;
    std::uint64_t used = 0;
  };
  const Learned* find(std::string_view model) const;
  Learned& find_or_add(std::string_view model);

  std::vector<Learned> learned_;  // at most limits::kTokenModels
  std::uint64_t uses_ = 0;
};

}  // namespace llmrec::tap
