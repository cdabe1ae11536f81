#include "support/process.h"

#include <doctest/doctest.h>
#include <signal.h>

#include <filesystem>

#include "support/temp_dir.h"

using namespace llmrec::support;

TEST_CASE("support process: output, status and standard input") {
  const auto done = run({.argv = {"sh", "-c", "cat; echo to-err >&2; exit 7"},
                         .stdin_text = std::string(300'000, 'x')});
  REQUIRE(done.status.has_value());
  CHECK(*done.status == ExitStatus{7, 0});
  CHECK(done.out == std::string(300'000, 'x'));
  CHECK(done.err == "to-err\n");
}

TEST_CASE("support process: a signal ends it and is told apart from an exit") {
  Process process(
      {.argv = {"sh", "-c",
                "trap 'echo caught; exit 3' TERM; echo up; while :; do sleep 0.02; done"}});
  REQUIRE(process.wait_for_line(Process::Stream::out, "up", 10'000) == "up");
  process.signal(SIGTERM);
  CHECK(process.wait(10'000) == ExitStatus{3, 0});
  CHECK(process.wait_for_line(Process::Stream::out, "caught", 10'000).has_value());

  Process other({.argv = {"sleep", "1000"}});
  CHECK(other.running());
  CHECK_FALSE(other.wait(1).has_value());
  other.signal(SIGKILL);
  CHECK(other.wait(10'000) == ExitStatus{-1, SIGKILL});
  CHECK_FALSE(other.running());
}

TEST_CASE("support process: the environment is what was asked for") {
  const ProcessOptions clean{.argv = {"/usr/bin/env"}, .env = {{"ONE", "1"}}, .clean_env = true};
  CHECK(run(clean).out == "ONE=1\n");
  const ProcessOptions less{
      .argv = {"sh", "-c", "echo ${HOME-none}$TWO"}, .env = {{"TWO", "2"}}, .unset = {"HOME"}};
  CHECK(run(less).out == "none2\n");
}

TEST_CASE("support process: a missing program throws, a silent one gives no line") {
  CHECK_THROWS(Process({.argv = {"/no/such/program"}}));
  Process quiet({.argv = {"true"}});
  CHECK_FALSE(quiet.wait_for_line(Process::Stream::out, "x", 10'000).has_value());
}

TEST_CASE("support process: a grandchild that holds the pipes does not hold the destructor") {
  // The grandchild ends when the pipe of its own standard input does; it is not ours to kill.
  TempDir dir;
  const auto fifo = dir.file("fifo");
  REQUIRE(run({.argv = {"mkfifo", fifo}}).status == ExitStatus{0, 0});
  {
    Process process({.argv = {"sh", "-c", "cat " + fifo + " & echo started"}});
    CHECK(process.wait_for_line(Process::Stream::out, "started", 10'000).has_value());
  }
  write_file(fifo, "");
}

TEST_CASE("support temp_dir: private, and gone with its content") {
  std::filesystem::path path;
  {
    const TempDir dir;
    path = dir.path();
    write_file(dir.file("a"), std::string("a\0b", 3));
    CHECK(read_file(dir.file("a")) == std::string("a\0b", 3));
    CHECK((std::filesystem::status(path).permissions() & std::filesystem::perms::group_all) ==
          std::filesystem::perms::none);
  }
  CHECK_FALSE(std::filesystem::exists(path));
  CHECK_THROWS(read_file(path / "a"));
}
