// Levelled lines on stderr: `2026-06-30T10:12:41.120Z warn store: disk full`. One write(2) per
// line, so that lines of several threads do not mix. Callers never pass payload, keys or query
// strings. Any thread.
#pragma once

#include <cstdint>
#include <string_view>

namespace llmrec::log {

enum class Level : std::uint8_t { error, warn, info, debug };

void set_level(Level level);
bool enabled(Level level);
// `part`: which part of the program speaks ("store", "listener"). Cut at 1,024 octets; control
// characters become spaces.
void write(Level level, std::string_view part, std::string_view text);

inline void error(std::string_view part, std::string_view text) { write(Level::error, part, text); }
inline void warn(std::string_view part, std::string_view text) { write(Level::warn, part, text); }
inline void info(std::string_view part, std::string_view text) { write(Level::info, part, text); }
inline void debug(std::string_view part, std::string_view text) { write(Level::debug, part, text); }

// At most one line per `pause_ns` from one place; what was held back is counted and said later.
class Limited {
 public:
  explicit Limited(std::int64_t pause_ns) : pause_ns_(pause_ns) {}
  void write(Level level, std::string_view part, std::string_view text, std::int64_t now_ns);

 private:
  std::int64_t pause_ns_;
  std::int64_t next_ns_ = 0;
  std::uint64_t held_back_ = 0;
};

}  // namespace llmrec::log
