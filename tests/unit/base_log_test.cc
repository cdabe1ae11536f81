#include "base/log.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <array>
#include <functional>
#include <string>

using namespace llmrec;

namespace {

// What `act` writes to stderr, through a pipe in its place.
std::string stderr_of(const std::function<void()>& act) {
  std::array<int, 2> ends{};
  REQUIRE(::pipe(ends.data()) == 0);
  const int saved = ::dup(STDERR_FILENO);
  REQUIRE(::dup2(ends[1], STDERR_FILENO) >= 0);
  ::close(ends[1]);
  act();
  REQUIRE(::dup2(saved, STDERR_FILENO) >= 0);
  ::close(saved);
  std::string out;
  std::array<char, 4096> piece{};
  for (ssize_t n = 0; (n = ::read(ends[0], piece.data(), piece.size())) > 0;) {
    out.append(piece.data(), static_cast<std::size_t>(n));
  }
  ::close(ends[0]);
  return out;
}

}  // namespace

TEST_CASE("a line has a time, a level and who speaks") {
  const std::string line = stderr_of([] { log::warn("store", "disk full"); });
  CHECK(line.size() > 24);
  CHECK(line.substr(4, 1) == "-");
  CHECK(line.substr(23) == "Z warn store: disk full\n");
}

TEST_CASE("what is below the level is not written") {
  CHECK(stderr_of([] { log::debug("tap", "nobody asked"); }).empty());
  log::set_level(log::Level::debug);
  CHECK(stderr_of([] { log::debug("tap", "now they did"); }).ends_with("tap: now they did\n"));
  log::set_level(log::Level::error);
  CHECK(stderr_of([] { log::warn("tap", "not bad enough"); }).empty());
  log::set_level(log::Level::info);
}

TEST_CASE("a stranger's octets cannot begin a line of their own") {
  const std::string line = stderr_of([] { log::info("connect", "a\nb\x1b[2Jc"); });
  CHECK(line.find('\n') == line.size() - 1);
  CHECK(line.find('\x1b') == std::string::npos);
}

TEST_CASE("an endless text is cut") {
  const std::string line = stderr_of([] { log::info("connect", std::string(100'000, 'x')); });
  CHECK(line.size() < 1200);
}

TEST_CASE("what repeats itself is said once per pause, and then how often") {
  log::Limited limited(1000);
  const std::string lines = stderr_of([&] {
    limited.write(log::Level::warn, "store", "slow", 0);
    limited.write(log::Level::warn, "store", "slow", 10);
    limited.write(log::Level::warn, "store", "slow", 999);
    limited.write(log::Level::warn, "store", "slow", 1000);
  });
  const auto second = lines.find('\n') + 1;
  CHECK(lines.substr(0, second).ends_with("store: slow\n"));
  CHECK(lines.substr(second).ends_with("store: slow (and 2 like it before)\n"));
}
