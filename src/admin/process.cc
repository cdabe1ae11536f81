#include "admin/process.h"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <memory>

namespace llmrec::admin {
namespace {

struct CloseDirectory {
  void operator()(DIR* d) const { ::closedir(d); }
};
struct CloseFile {
  void operator()(std::FILE* f) const { std::fclose(f); }
};

std::optional<std::uint64_t> count_descriptors() {
  const std::unique_ptr<DIR, CloseDirectory> directory(::opendir("/proc/self/fd"));
  if (!directory) return std::nullopt;
  std::uint64_t n = 0;
  while (const dirent* entry = ::readdir(directory.get())) n += entry->d_name[0] == '.' ? 0U : 1U;
  return n > 0 ? n - 1 : n;  // the directory's own
}

std::uint64_t in_ns(const timeval& t) {
  return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000'000U +
         static_cast<std::uint64_t>(t.tv_usec) * 1000U;
}

}  // namespace

ProcessFigures read_process() {
  ProcessFigures out;
  out.open_descriptors = count_descriptors();
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0) out.max_descriptors = files.rlim_cur;
  const std::unique_ptr<std::FILE, CloseFile> statm(std::fopen("/proc/self/statm", "re"));
  unsigned long long total = 0;
  unsigned long long resident = 0;
  if (statm && std::fscanf(statm.get(), "%llu %llu", &total, &resident) == 2) {
    const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    out.virtual_octets = total * page;
    out.resident_octets = resident * page;
  }
  rusage usage{};
  if (::getrusage(RUSAGE_SELF, &usage) == 0) {
    out.cpu_ns = in_ns(usage.ru_utime) + in_ns(usage.ru_stime);
  }
  return out;
}

}  // namespace llmrec::admin
