#include "cli/pager.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <utility>

#include "base/limits.h"

namespace llmrec::cli {

std::string pager_command(
    const std::function<std::optional<std::string>(const std::string&)>& get) {
  for (const char* name : {"LLMREC_PAGER", "PAGER"}) {
    const auto value = get(name);
    if (value) return *value == "cat" ? "" : *value;  // set and empty: none
  }
  return "less";
}

bool Pager::write_all(int fd, std::string_view octets) {
  while (!octets.empty()) {
    const ssize_t n = ::write(fd, octets.data(), octets.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    octets.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

// By a shell, as PAGER may hold arguments. 127 of it means that there is no such program.
bool Pager::start() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return false;
  ::signal(SIGPIPE, SIG_IGN);  // who leaves the pager early ends the command, not by a signal
  child_ = ::fork();
  if (child_ == 0) {
    ::signal(SIGPIPE, SIG_DFL);
    ::dup2(ends[0], STDIN_FILENO);
    if (out_ != STDOUT_FILENO) ::dup2(out_, STDOUT_FILENO);
    // The same that git sets: colours pass, a short text ends at once, the screen stays.
    ::setenv("LESS", "FRX", 0);
    // A missing pager must not swallow the text.
    const std::string command = "command -v " + command_.substr(0, command_.find(' ')) +
                                " >/dev/null 2>&1 || exec cat; exec " + command_;
    ::execl("/bin/sh", "sh", "-c", command.c_str(), static_cast<char*>(nullptr));
    ::_exit(127);
  }
  ::close(ends[0]);
  if (child_ < 0) {
    ::close(ends[1]);
    return false;
  }
  pipe_ = ends[1];
  return true;
}

bool Pager::take(std::string_view octets) {
  if (pipe_ >= 0) return write_all(pipe_, octets);
  if (direct_) return write_all(out_, octets);
  held_ += octets;
  lines_ += static_cast<std::size_t>(std::count(octets.begin(), octets.end(), '\n'));
  if (lines_ < rows_ && held_.size() < limits::kPagerHeldOctets) return true;
  direct_ = command_.empty() || !start();
  const std::string all = std::exchange(held_, {});
  return write_all(direct_ ? out_ : pipe_, all);
}

Pager::int_type Pager::overflow(int_type octet) {
  if (traits_type::eq_int_type(octet, traits_type::eof())) return traits_type::not_eof(octet);
  const char c = traits_type::to_char_type(octet);
  return take({&c, 1}) ? octet : traits_type::eof();
}

std::streamsize Pager::xsputn(const char* octets, std::streamsize n) {
  return take({octets, static_cast<std::size_t>(n)}) ? n : 0;
}

bool Pager::finish() {
  bool good = true;
  if (!held_.empty()) good = write_all(out_, std::exchange(held_, {}));
  if (pipe_ >= 0) ::close(std::exchange(pipe_, -1));
  if (child_ > 0) {
    while (::waitpid(child_, nullptr, 0) < 0 && errno == EINTR) {
    }
    child_ = -1;
  }
  return good;
}

}  // namespace llmrec::cli
