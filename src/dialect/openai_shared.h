// What all OpenAI-like dialects read alike: the many shapes of their errors, and usage. Each is a
// reader of its own paths that a dialect puts beside its own and passes values to. Knows no stream
// and keeps words for one document only. Owned by a dialect; pure.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "dialect/dialect.h"
#include "dialect/text.h"
#include "wire/json.h"

namespace llmrec::dialect {

// Slots of a dialect's own paths lie below these.
inline constexpr std::uint16_t kOpenaiErrorSlots = 1000;
inline constexpr std::uint16_t kOpenaiUsageSlots = 1100;

wire::JsonPaths join(std::initializer_list<std::span<const wire::JsonPath>> parts);

class OpenaiErrors {
 public:
  static std::span<const wire::JsonPath> paths();
  static bool owns(std::uint16_t slot) {
    return slot >= kOpenaiErrorSlots && slot < kOpenaiUsageSlots;
  }

  void clear();  // a new document
  void on_enter(std::uint16_t slot, Delta&);
  void on_string(std::uint16_t slot, Bytes part, bool last, Delta&);
  void on_int(std::uint16_t slot, std::int64_t value, Delta&);
  // The document is whole. The body of a rejection is an error whatever it says.
  void finish(DocumentKind, Delta&);

 private:
  Word object_;
  Word top_type_;
  Word word_;  // Google's status word, TGI's error_type
  std::string top_code_;
  std::string reason_;  // more exact than the code beside it
  Word delay_;
};

class OpenaiUsage {
 public:
  // usage, x_groq.usage (Groq without include_usage) and choices[].usage (Moonshot).
  static std::span<const wire::JsonPath> paths();
  // Of the Responses API, whose numbers have other names: in its events and in a whole answer.
  static std::span<const wire::JsonPath> responses_paths();
  static bool owns(std::uint16_t slot) { return slot >= kOpenaiUsageSlots; }

  static void on_int(std::uint16_t slot, std::int64_t value, Delta&);
  static void on_double(std::uint16_t slot, double value, Delta&);
};

// US dollars to nano dollars; none where it can be no bill.
std::optional<std::int64_t> nano_usd(double usd);

// "34s", "1.5s": Google's way to write a time; none for anything else.
std::optional<std::int64_t> seconds_ns(Bytes text);

}  // namespace llmrec::dialect
