// Small helpers that several dialects need: words that are kept up to a cap, words that come in
// parts, and the lists of an Asked. They know no provider. Pure; any thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>

#include "base/bytes.h"
#include "base/limits.h"
#include "dialect/dialect.h"

namespace llmrec::dialect {

// Words from the network are kept up to `max` octets; the rest is dropped.
inline void append_cut(std::string& to, Bytes part, std::size_t max) {
  if (to.size() < max) to.append(part.substr(0, std::min(part.size(), max - to.size())));
}

// A word of a document that comes in parts. True when it is whole and says something; `word` then
// holds it until the next part of another value begins.
class Word {
 public:
  explicit Word(std::size_t max = limits::kRecordNameMax) : max_(max) {}

  bool add(Bytes part, bool last) {
    if (whole_) clear();
    append_cut(text_, part, max_);
    whole_ = last;
    return last && !text_.empty();
  }
  void clear() {
    text_.clear();
    whole_ = false;
  }
  const std::string& text() const { return text_; }
  bool is(Bytes word) const { return whole_ && text_ == word; }

 private:
  std::string text_;
  std::size_t max_;
  bool whole_ = false;
};

// The id of a tool call whose result the request carries; the last ones are kept, because an agent
// sends its whole history with every call.
inline void add_tool_result_id(Asked& asked, const std::string& id) {
  if (id.empty()) return;
  if (asked.tool_result_ids.size() >= limits::kToolResultIdsMax) {
    asked.tool_result_ids.erase(asked.tool_result_ids.begin());
  }
  asked.tool_result_ids.push_back(id);
}

// The error of a document; made where it is not there yet.
inline ErrorEvent& error_of(Delta& delta) {
  if (!delta.error) delta.error.emplace();
  return *delta.error;
}

inline void count_one(record::Count& count) { count = count.value_or(0) + 1; }

// A chars or bytes sum that stays where it is rather than wrap.
inline void add_chars(std::uint64_t& sum, Bytes part) {
  sum = saturating_add(sum, code_points(part));
}

inline void add_bytes(std::uint64_t& sum, Bytes part) { sum = saturating_add(sum, part.size()); }

}  // namespace llmrec::dialect
