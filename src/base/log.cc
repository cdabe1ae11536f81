#include "base/log.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <string>

namespace llmrec::log {
namespace {

std::atomic<Level> level_now{Level::info};

constexpr std::array<std::string_view, 4> kNames{"error", "warn", "info", "debug"};
constexpr std::size_t kLineMax = 1024;

std::string timestamp() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
  const std::time_t seconds = static_cast<std::time_t>(ms / 1000);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  std::array<char, 40> text{};
  const int n = std::snprintf(text.data(), text.size(), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ",
                              utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour,
                              utc.tm_min, utc.tm_sec, static_cast<int>(ms % 1000));
  return std::string(text.data(), static_cast<std::size_t>(std::max(n, 0)));
}

}  // namespace

void set_level(Level level) { level_now.store(level, std::memory_order_relaxed); }

bool enabled(Level level) { return level <= level_now.load(std::memory_order_relaxed); }

void write(Level level, std::string_view part, std::string_view text) {
  if (!enabled(level)) return;
  std::string line = timestamp();
  line += ' ';
  line += kNames[static_cast<std::size_t>(level)];
  line += ' ';
  line += part;
  line += ": ";
  line += text.substr(0, kLineMax);
  std::replace_if(
      line.begin(), line.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
  line += '\n';
  // Nobody is left to tell where stderr itself fails.
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
}

void Limited::write(Level level, std::string_view part, std::string_view text,
                    std::int64_t now_ns) {
  if (now_ns < next_ns_) {
    ++held_back_;
    return;
  }
  next_ns_ = now_ns + pause_ns_;
  std::string line(text);
  if (held_back_ != 0) line += " (and " + std::to_string(held_back_) + " like it before)";
  held_back_ = 0;
  log::write(level, part, line);
}

}  // namespace llmrec::log
