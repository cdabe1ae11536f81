// A child process: started with an environment, its output collected while it runs, awaited with a
// deadline. Ends only the process it started, by its id. Knows nothing of what the program does.
// A thread of its own empties the pipes, so that a talkative child never blocks; the methods may be
// called from any one thread. Output beyond kOutputCap is read and dropped.
#pragma once

#include <sys/types.h>

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/bytes.h"
#include "support/handles.h"

namespace llmrec::support {

struct ProcessOptions {
  std::vector<std::string> argv = {};           // argv[0] is searched in PATH
  std::map<std::string, std::string> env = {};  // added to ours, or replacing
  std::vector<std::string> unset = {};          // names of ours that the child must not see
  bool clean_env = false;                       // nothing of ours, only env
  std::string cwd = {};                         // empty: ours
  std::string stdin_text = {};
};

struct ExitStatus {
  int code = -1;   // -1: ended by a signal
  int signal = 0;  // 0: exited by itself
  friend bool operator==(const ExitStatus&, const ExitStatus&) = default;
};

class Process {
 public:
  static constexpr std::size_t kOutputCap = 64u << 20;
  enum class Stream { out, err };

  explicit Process(const ProcessOptions&);  // throws std::runtime_error if it cannot be started
  ~Process();                               // SIGKILL if it still runs, then reaped
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }
  std::string out() const { return text(Stream::out); }
  std::string err() const { return text(Stream::err); }
  bool running();
  void signal(int number);

  // The first whole line that holds `part`, waiting for it up to the deadline; nullopt also when
  // the stream ended without one.
  std::optional<std::string> wait_for_line(Stream, Bytes part, std::int64_t timeout_ms);
  // The exit status, with all output collected; nullopt at the deadline (the child goes on).
  std::optional<ExitStatus> wait(std::int64_t timeout_ms);

 private:
  struct Captured {
    std::string text;
    bool ended = false;
  };

  std::string text(Stream) const;
  const Captured& captured(Stream s) const { return s == Stream::out ? out_ : err_; }
  void collect();
  bool reap(int timeout_ms);

  pid_t pid_ = -1;
  std::optional<ExitStatus> status_;
  UniqueFd pid_fd_, out_fd_, err_fd_, stop_fd_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Captured out_, err_;
  std::thread collector_;
};

struct Finished {
  std::optional<ExitStatus> status;  // nullopt: still running at the deadline, then killed
  std::string out, err;
};
Finished run(const ProcessOptions&, std::int64_t timeout_ms = 30'000);

}  // namespace llmrec::support
