// `llmrec serve` as a child process, the way a person starts it: on a free port, with a store, a CA
// and a bundle below a directory of the test's. Its records are read from the store. The program is
// the one that the environment variable LLMREC names.
// Everything waits for conditions, with deadlines; what fails is a failed assertion of the test, so
// use it on the test's own thread only.
#pragma once

#include <csignal>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "record/record.h"
#include "support/patience.h"
#include "support/process.h"

namespace llmrec::integration {

inline constexpr std::int64_t kPatienceMs =
    20'000 * support::kSlowness;  // of a test for what has to happen

// Looks again and again until the condition holds; false at the deadline. For what sends no event:
// files of another process, its descriptors, its memory.
bool eventually(const std::function<bool()>& condition, std::int64_t timeout_ms = kPatienceMs);

std::string llmrec_program();
// Runs a command of it to its end.
support::Finished run_llmrec(const std::vector<std::string>& arguments);
// A child of ours must not see what the person who runs the tests has set.
support::ProcessOptions program_options(std::vector<std::string> arguments);

struct RecorderOptions {
  std::filesystem::path home;           // exists; store, CA, bundle and ready file go there
  std::string upstream_ca = {};         // PEM file
  std::vector<std::string> flags = {};  // behind ours
  std::string listen = "127.0.0.1:0";
  std::string limit = {};  // what sh's ulimit is told first, such as "-n 200"
};

class Recorder {
 public:
  explicit Recorder(RecorderOptions);  // returns when it listens
  ~Recorder();                         // stops it; it must end in order
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  std::uint16_t port() const { return port_; }
  // Of its other listeners, by what the ready file calls them ("reverse", "transparent").
  std::uint16_t port_of(const std::string& door, std::size_t number = 0) const;
  pid_t pid() const { return process_->pid(); }
  std::string log() const { return process_->err(); }
  bool running() { return process_->running(); }
  support::Process& process() { return *process_; }

  std::string store() const { return (options_.home / "store").string(); }
  std::string bundle() const { return (options_.home / "bundle.crt").string(); }
  std::string ca_dir() const { return (options_.home / "ca").string(); }

  void signal(int number) { process_->signal(number); }
  // Sends SIGTERM and waits; its exit status has to be 0.
  void stop();
  void kill();     // SIGKILL
  void restart();  // after stop() or kill(): the same directories, another port
  std::optional<support::ExitStatus> wait(std::int64_t timeout_ms = kPatienceMs) {
    return process_->wait(timeout_ms);
  }

  // What the store holds, oldest first.
  std::vector<record::Record> records() const;
  std::vector<record::Record> open_records() const;
  // The same once there are so many; a failed assertion where more or fewer stay.
  std::vector<record::Record> wait_for_records(std::size_t count);
  record::Record only_record() { return wait_for_records(1).front(); }

  // nullopt: the kernel does not let us look, as we are not root and it is not dumpable.
  std::optional<std::size_t> open_descriptors() const;
  std::uint64_t anonymous_memory() const;  // RssAnon, octets

 private:
  void start();
  void check_log() const;

  RecorderOptions options_;
  std::unique_ptr<support::Process> process_;
  std::uint16_t port_ = 0;
  std::string ready_;   // the content of the ready file
  bool ended_ = false;  // and that was the test's wish
};

}  // namespace llmrec::integration
