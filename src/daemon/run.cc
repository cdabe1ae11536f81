#include "daemon/run.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "cli/run.h"
#include "daemon/serve.h"
#include "store/store.h"
#include "tls/files.h"

namespace llmrec::daemon {
namespace {

constexpr int kCannotStart = 1;
constexpr int kNoStore = 3;
constexpr int kNotRunnable = 126;
constexpr int kNotFound = 127;
constexpr int kSignalled = 128;

int exit_status_of(int raw) {
  return WIFSIGNALED(raw) ? kSignalled + WTERMSIG(raw) : WEXITSTATUS(raw);
}

// For the bundle, and for the store where there is no other.
class PrivateDirectory {
 public:
  PrivateDirectory() {
    const char* parent = std::getenv("TMPDIR");
    path_ =
        std::string(parent != nullptr && *parent == '/' ? parent : "/tmp") + "/llmrec-run-XXXXXX";
    if (::mkdtemp(path_.data()) == nullptr) path_.clear();
  }
  ~PrivateDirectory() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(keep_store_ ? bundle() : path_, ignored);
  }
  PrivateDirectory(const PrivateDirectory&) = delete;
  PrivateDirectory& operator=(const PrivateDirectory&) = delete;

  bool ok() const { return !path_.empty(); }
  std::string bundle() const { return path_ + "/bundle.crt"; }
  std::string store() const { return path_ + "/store"; }
  void keep_store() { keep_store_ = true; }

 private:
  std::string path_;
  bool keep_store_ = false;
};

struct Pipe {
  int read_end = -1;
  int write_end = -1;

  Pipe() {
    std::array<int, 2> ends{-1, -1};
    if (::pipe2(ends.data(), O_CLOEXEC) == 0)
      std::tie(read_end, write_end) = std::pair(ends[0], ends[1]);
  }
  ~Pipe() {
    close_reading();
    close_writing();
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  bool ok() const { return read_end >= 0; }
  void close_reading() {
    if (read_end >= 0) ::close(std::exchange(read_end, -1));
  }
  void close_writing() {
    if (write_end >= 0) ::close(std::exchange(write_end, -1));
  }
  // What the other process wrote until it closed its end.
  std::string read_all() {
    close_writing();
    std::string out;
    std::array<char, 512> piece{};
    for (;;) {
      const ssize_t n = ::read(read_end, piece.data(), piece.size());
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return out;
      out.append(piece.data(), static_cast<std::size_t>(n));
    }
  }
  void write(const void* octets, std::size_t size) const {
    const auto* at = static_cast<const char*>(octets);
    while (size != 0) {
      const ssize_t n = ::write(write_end, at, size);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return;  // nobody waits any more
      at += n;
      size -= static_cast<std::size_t>(n);
    }
  }
};

// What we hear of while the command runs; blocked, and taken by sigwaitinfo().
sigset_t watched_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGCHLD, SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2}) {
    sigaddset(&set, number);
  }
  return set;
}

// In the child. What the terminal says to the command is not for the recorder, which has to see the
// command's last calls end; when we are killed it ends by itself.
[[noreturn]] void be_recorder(const cli::ServeOptions& options, Pipe& ready, pid_t parent,
                              const sigset_t& mask) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != parent) ::_exit(kCannotStart);
  // As a background group of a terminal it may write to it all the same.
  for (const int number : {SIGTTOU, SIGTTIN, SIGTSTP}) {
    static_cast<void>(::signal(number, SIG_IGN));
  }
  sigprocmask(SIG_SETMASK, &mask, nullptr);
  ready.close_reading();
  // Whoever reads the command's output waits for everybody who could still write to it.
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null >= 0) {
    ::dup2(null, STDIN_FILENO);
    ::dup2(null, STDOUT_FILENO);
  }
  int status = kCannotStart;
  try {
    status = serve(options, [&ready](const std::string& listeners) {
      ready.write(listeners.data(), listeners.size());
      ready.close_writing();
    });
  } catch (const std::exception& e) {
    std::fprintf(stderr, "llmrec: %s\n", e.what());
  }
  ::_exit(status);
}

struct Recorder {
  pid_t pid = -1;  // -1: it did not start
  std::string listeners;
  int exit_status = kCannotStart;
};

Recorder start_recorder(const cli::ServeOptions& options, const sigset_t& mask) {
  Recorder recorder;
  Pipe ready;
  const pid_t parent = ::getpid();
  const pid_t pid = ready.ok() ? ::fork() : -1;
  if (pid == 0) be_recorder(options, ready, parent, mask);
  if (pid < 0) {
    std::fprintf(stderr, "llmrec: cannot start the recorder: %s\n", std::strerror(errno));
    return recorder;
  }
  recorder.listeners = ready.read_all();
  if (!recorder.listeners.empty()) {
    recorder.pid = pid;
    return recorder;
  }
  int raw = 0;
  while (::waitpid(pid, &raw, 0) < 0 && errno == EINTR) {
  }
  recorder.exit_status = exit_status_of(raw);
  return recorder;
}

// Ours stands last, as `llmrec doctor` looks for it there.
Result<void> add_named_bundles(const std::string& bundle, cli::Streams& streams) {
  std::string all;
  for (const std::string& file : cli::named_bundles(streams.get)) {
    auto roots = tls::read_file(file, limits::kSystemBundleOctets);
    if (!roots) {
      cli::complain(roots.error().detail + ": left out of the bundle", streams);
      continue;
    }
    all += *roots;
    if (!all.empty() && all.back() != '\n') all += '\n';
  }
  if (all.empty()) return {};
  auto ours = tls::read_file(bundle, 2 * limits::kSystemBundleOctets);
  if (!ours) return std::move(ours).error();
  return tls::replace_file(bundle, all + *ours, 0644);
}

std::vector<std::string> environment_with(const std::vector<cli::Variable>& variables) {
  std::map<std::string, std::string> all;
  for (char** e = environ; *e != nullptr; ++e) {
    const std::string entry = *e;
    const auto equals = entry.find('=');
    if (equals != std::string::npos) all[entry.substr(0, equals)] = entry.substr(equals + 1);
  }
  for (const auto& [name, value] : variables) all[name] = value;
  std::vector<std::string> out;
  for (const auto& [name, value] : all) out.push_back(name + "=" + value);
  return out;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (std::string& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

struct Started {
  pid_t pid = -1;
  int error = 0;  // why there is none
};

Started start_command(std::vector<std::string> command, std::vector<std::string> environment,
                      const sigset_t& mask) {
  Started started;
  Pipe failed;
  const std::vector<char*> arguments = pointers(command);
  const std::vector<char*> variables = pointers(environment);
  started.pid = failed.ok() ? ::fork() : -1;
  if (started.pid == 0) {
    sigprocmask(SIG_SETMASK, &mask, nullptr);
    ::execvpe(arguments.front(), arguments.data(), variables.data());
    const int error = errno;
    failed.write(&error, sizeof error);
    ::_exit(error == ENOENT ? kNotFound : kNotRunnable);
  }
  if (started.pid < 0) {
    started.error = errno;
    return started;
  }
  const std::string error = failed.read_all();
  if (error.size() != sizeof started.error) return started;
  std::memcpy(&started.error, error.data(), error.size());
  while (::waitpid(started.pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  started.pid = -1;
  return started;
}

void pass_on(const siginfo_t& info, pid_t command) {
  // The terminal has told the whole group already.
  if (info.si_code != SI_KERNEL) ::kill(command, info.si_signo);
}

// The raw status of the command. `recorder` becomes -1 where it has ended before.
int wait_for_command(pid_t command, pid_t& recorder) {
  const sigset_t watched = watched_signals();
  for (;;) {
    siginfo_t info{};
    if (::sigwaitinfo(&watched, &info) < 0) continue;  // interrupted by a stop and its end
    if (info.si_signo != SIGCHLD) {
      pass_on(info, command);
      continue;
    }
    int raw = 0;
    while (const pid_t pid = ::waitpid(-1, &raw, WNOHANG | WUNTRACED)) {
      if (pid < 0) break;
      if (pid == recorder && !WIFSTOPPED(raw)) {
        recorder = -1;
        std::fprintf(stderr,
                     "llmrec: the recorder has ended with status %d; calls fail from here on\n",
                     exit_status_of(raw));
      }
      if (pid != command) continue;
      if (!WIFSTOPPED(raw)) return raw;
      // The terminal's stops reach us as well. This one was for the command alone, and whoever
      // waits for us has to see it.
      if (WSTOPSIG(raw) == SIGSTOP) {
        ::raise(SIGSTOP);
        ::kill(command, SIGCONT);
      }
    }
  }
}

void stop_recorder(pid_t recorder) {
  if (recorder < 0) return;
  ::kill(recorder, SIGTERM);
  while (::waitpid(recorder, nullptr, 0) < 0 && errno == EINTR) {
  }
}

class Run {
 public:
  Run(const cli::RunOptions& options, cli::Streams& streams)
      : options_(options), streams_(streams) {}

  int to_the_end() {
    if (!directory_.ok()) {
      cli::complain(
          std::string("cannot make a directory for temporary files: ") + std::strerror(errno),
          streams_);
      return kCannotStart;
    }
    // Blocked from here on, so that none is missed before sigwaitinfo() is there; an inherited
    // SIG_IGN would reap our children for us.
    static_cast<void>(::signal(SIGCHLD, SIG_DFL));
    const sigset_t watched = watched_signals();
    sigprocmask(SIG_BLOCK, &watched, &mask_);
    if (!start()) return recorder_.exit_status;
    const int status = run_command();
    stop_recorder(recorder_.pid);
    if (ran_ && !options_.quiet) print();
    return status;
  }

 private:
  // With the store that everybody else uses where that can be, else with one of our own.
  bool start() {
    options_.serve.ca_bundle_out = directory_.bundle();
    if (options_.serve.upstream_proxy.empty() && names_proxy()) {
      options_.serve.upstream_proxy = "env";
    }
    if (!options_.serve.store.empty()) {
      if (const auto from = store::Store::open_reader(options_.serve.store)) {
        if (const auto last = from->last_id(); last && *last) newest_before_ = **last;
      }
      recorder_ = start_recorder(options_.serve, mask_);
      if (recorder_.pid >= 0) return true;
      if (!options_.default_store || recorder_.exit_status != kNoStore) return false;
    }
    options_.default_store = false;
    options_.serve.store = directory_.store();
    newest_before_ = {};
    cli::complain("the records of this run go to " + options_.serve.store, streams_);
    recorder_ = start_recorder(options_.serve, mask_);
    own_store_ = recorder_.pid >= 0;
    return own_store_;
  }

  // A proxy that the command was to go through stays on the way.
  bool names_proxy() const {
    for (const char* name : {"https_proxy", "HTTPS_PROXY"}) {
      if (!streams_.get(name).value_or("").empty()) return true;
    }
    return false;
  }

  int run_command() {
    if (auto added = add_named_bundles(directory_.bundle(), streams_); !added) {
      cli::complain(added.error().detail, streams_);
      return kCannotStart;
    }
    const auto variables = cli::run_variables(options_, cli::listeners_of(recorder_.listeners),
                                              directory_.bundle(), streams_.get);
    const Started command = start_command(options_.command, environment_with(variables), mask_);
    if (command.pid < 0) {
      cli::complain("cannot run " + options_.command.front() + ": " + std::strerror(command.error),
                    streams_);
      return command.error == ENOENT ? kNotFound : kNotRunnable;
    }
    ran_ = true;
    return exit_status_of(wait_for_command(command.pid, recorder_.pid));
  }

  void print() {
    cli::Streams to_err{streams_.err, streams_.err, ::isatty(STDERR_FILENO) == 1, streams_.get,
                        streams_.now_unix_ms};
    const auto from = store::Store::open_reader(options_.serve.store);
    if (!from) return cli::complain(from.error().detail, to_err);
    const auto printed = cli::print_receipts(options_, *from, newest_before_, to_err);
    if (!printed) return cli::complain(printed.error().detail, to_err);
    if (own_store_ && *printed != 0) directory_.keep_store();
    if (*printed == 0 && !options_.json) {
      cli::complain("no call to a recorded host came by; 'llmrec doctor' finds out why", to_err);
    }
  }

  cli::RunOptions options_;
  cli::Streams& streams_;
  PrivateDirectory directory_;
  Recorder recorder_;
  RecordId newest_before_;
  sigset_t mask_{};  // as we were started
  bool own_store_ = false;
  bool ran_ = false;
};

}  // namespace

int run(const cli::RunOptions& options, cli::Streams& streams) {
  // What is in them would be written by each process once more.
  streams.out.flush();
  streams.err.flush();
  return Run(options, streams).to_the_end();
}

}  // namespace llmrec::daemon
