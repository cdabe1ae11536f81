#include "daemon/process.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "base/limits.h"

namespace llmrec::daemon {

std::size_t prepare_process() {
  ::prctl(PR_SET_DUMPABLE, 0);
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  // A peer that left, and a file size limit, are errors of a call, not of the process.
  // Cannot fail: both signals exist and may be ignored.
  static_cast<void>(std::signal(SIGPIPE, SIG_IGN));
  static_cast<void>(std::signal(SIGXFSZ, SIG_IGN));
  // Read by libuv when its pool starts; an operator's own choice stays.
  ::setenv("UV_THREADPOOL_SIZE", std::to_string(limits::kResolverThreads).c_str(), 0);
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0) return 1024;
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
  ::getrlimit(RLIMIT_NOFILE, &files);
  return files.rlim_cur;
}

Result<void> random_octets(void* into, std::size_t octets) {
  auto* at = static_cast<unsigned char*>(into);
  while (octets != 0) {
    const ssize_t n = ::getrandom(at, octets, 0);
    if (n < 0 && errno != EINTR) {
      return Error{Code::io,
                   std::string("the kernel gives no random octets: ") + std::strerror(errno)};
    }
    if (n > 0) {
      at += n;
      octets -= static_cast<std::size_t>(n);
    }
  }
  return {};
}

Result<void> write_file(const std::string& path, const std::string& text) {
  const std::string fresh = path + "." + std::to_string(::getpid());
  const auto failed = [&](const char* what) {
    const int error = errno;
    ::unlink(fresh.c_str());
    return Error{Code::io,
                 std::string("cannot ") + what + " " + path + ": " + std::strerror(error)};
  };
  const int fd = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (fd < 0) return failed("create");
  const ssize_t n = ::write(fd, text.data(), text.size());
  const bool whole = n == static_cast<ssize_t>(text.size());
  if (::close(fd) != 0 || !whole) return failed("write");
  if (::rename(fresh.c_str(), path.c_str()) != 0) return failed("replace");
  return {};
}

}  // namespace llmrec::daemon
