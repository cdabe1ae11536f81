#include "support/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace llmrec::support {
namespace {

[[noreturn]] void fail(const std::string& what, int error) {
  throw std::runtime_error(what + ": " + std::strerror(error));
}

std::pair<UniqueFd, UniqueFd> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) fail("pipe", errno);
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

UniqueFd stdin_with(const std::string& text) {
  if (text.empty()) return UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  UniqueFd fd(::memfd_create("stdin", MFD_CLOEXEC));
  if (::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
      ::lseek(fd.get(), 0, SEEK_SET) != 0) {
    fail("stdin", errno);
  }
  return fd;
}

std::vector<std::string> environment(const ProcessOptions& options) {
  std::map<std::string, std::string> all;
  for (char** e = options.clean_env ? nullptr : environ; e != nullptr && *e != nullptr; ++e) {
    const std::string entry = *e;
    const auto eq = entry.find('=');
    if (eq != std::string::npos) all[entry.substr(0, eq)] = entry.substr(eq + 1);
  }
  for (const auto& name : options.unset) all.erase(name);
  for (const auto& [name, value] : options.env) all[name] = value;
  std::vector<std::string> out;
  for (const auto& [name, value] : all) out.push_back(name + "=" + value);
  return out;
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> out;
  for (auto& s : strings) out.push_back(s.data());
  out.push_back(nullptr);
  return out;
}

// posix_spawn and not fork: the tests have threads, and between fork and exec hardly any function
// may be called then.
pid_t spawn(const ProcessOptions& options, int in, int out, int err) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  posix_spawn_file_actions_adddup2(&actions, in, 0);
  posix_spawn_file_actions_adddup2(&actions, out, 1);
  posix_spawn_file_actions_adddup2(&actions, err, 2);
  if (!options.cwd.empty()) posix_spawn_file_actions_addchdir_np(&actions, options.cwd.c_str());
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);

  auto argv = options.argv;
  auto env = environment(options);
  pid_t pid = -1;
  const int error = ::posix_spawnp(&pid, argv.at(0).c_str(), &actions, &attributes,
                                   pointers(argv).data(), pointers(env).data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (error != 0) fail("cannot start " + argv[0], error);
  return pid;
}

}  // namespace

Process::Process(const ProcessOptions& options) {
  auto [out_read, out_write] = make_pipe();
  auto [err_read, err_write] = make_pipe();
  const UniqueFd in = stdin_with(options.stdin_text);
  stop_fd_ = UniqueFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  pid_ = spawn(options, in.get(), out_write.get(), err_write.get());
  pid_fd_ = UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  out_fd_ = std::move(out_read);
  err_fd_ = std::move(err_read);
  collector_ = std::thread([this] { collect(); });
}

Process::~Process() {
  if (!status_) {
    ::kill(pid_, SIGKILL);
    reap(-1);
  }
  const std::uint64_t one = 1;
  if (::write(stop_fd_.get(), &one, sizeof one) < 0) std::abort();
  collector_.join();
}

std::string Process::text(Stream s) const {
  const std::lock_guard lock(mutex_);
  return captured(s).text;
}

bool Process::running() { return !status_ && !reap(0); }

void Process::signal(int number) {
  if (running()) ::kill(pid_, number);
}

// False when the time is over first. The descriptor names this very process even if its number
// were used again.
bool Process::reap(int timeout_ms) {
  pollfd p{pid_fd_.get(), POLLIN, 0};
  int n = 0;
  do {
    n = ::poll(&p, 1, timeout_ms);
  } while (n < 0 && errno == EINTR);
  if (n == 0) return false;
  int raw = 0;
  if (::waitpid(pid_, &raw, 0) != pid_) fail("waitpid", errno);
  status_ = WIFEXITED(raw) ? ExitStatus{WEXITSTATUS(raw), 0} : ExitStatus{-1, WTERMSIG(raw)};
  return true;
}

void Process::collect() {
  std::array<char, 65536> buffer{};
  const auto drain = [&](UniqueFd& fd, Captured& into) {
    const ssize_t n = ::read(fd.get(), buffer.data(), buffer.size());
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) return;
    const std::lock_guard lock(mutex_);
    if (n <= 0) {
      into.ended = true;
      fd.reset();
    } else {
      const auto room = kOutputCap - std::min(kOutputCap, into.text.size());
      into.text.append(buffer.data(), std::min(room, static_cast<std::size_t>(n)));
    }
    changed_.notify_all();
  };
  while (out_fd_ || err_fd_) {
    std::array<pollfd, 3> p{
        {{out_fd_.get(), POLLIN, 0}, {err_fd_.get(), POLLIN, 0}, {stop_fd_.get(), POLLIN, 0}}};
    if (::poll(p.data(), p.size(), -1) < 0) continue;
    if (p[0].revents != 0) drain(out_fd_, out_);
    if (p[1].revents != 0) drain(err_fd_, err_);
    if (p[2].revents != 0) return;  // a grandchild may hold the pipes open for ever
  }
}

std::optional<std::string> Process::wait_for_line(Stream s, Bytes part, std::int64_t timeout_ms) {
  std::unique_lock lock(mutex_);
  std::optional<std::string> found;
  const auto search = [&] {
    const std::string& all = captured(s).text;
    for (std::size_t at = 0; !found && at < all.size();) {
      const auto end = all.find('\n', at);
      if (end == std::string::npos) break;
      const Bytes line = Bytes(all).substr(at, end - at);
      if (line.find(part) != Bytes::npos) found = std::string(line);
      at = end + 1;
    }
    return found.has_value() || captured(s).ended;
  };
  changed_.wait_for(lock, std::chrono::milliseconds(timeout_ms), search);
  return found;
}

std::optional<ExitStatus> Process::wait(std::int64_t timeout_ms) {
  if (!status_ && !reap(static_cast<int>(timeout_ms))) return std::nullopt;
  // What the child itself wrote is in the pipes by now; only a surviving grandchild delays the end.
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, std::chrono::seconds(5), [this] { return out_.ended && err_.ended; });
  return status_;
}

Finished run(const ProcessOptions& options, std::int64_t timeout_ms) {
  Process process(options);
  Finished done;
  done.status = process.wait(timeout_ms);
  done.out = process.out();
  done.err = process.err();
  return done;
}

}  // namespace llmrec::support
