#include "probe.h"

#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <utility>

namespace llmrec::bench {
namespace {

std::vector<std::filesystem::path> threads_of(pid_t pid) {
  std::vector<std::filesystem::path> threads;
  std::error_code ec;
  const auto tasks = std::filesystem::path("/proc") / std::to_string(pid) / "task";
  for (const auto& task : std::filesystem::directory_iterator(tasks, ec)) {
    threads.push_back(task.path());
  }
  return threads;
}

std::uint64_t status_value(const std::filesystem::path& proc, std::string_view name) {
  std::ifstream status(proc / "status");
  for (std::string line; std::getline(status, line);) {
    if (line.compare(0, name.size(), name) == 0) return std::stoull(line.substr(name.size()));
  }
  return 0;
}

net::UniqueFd syscall_counter(pid_t thread) {
  perf_event_attr attr{};
  attr.size = sizeof attr;
  attr.type = PERF_TYPE_TRACEPOINT;
  for (const char* root : {"/sys/kernel/tracing", "/sys/kernel/debug/tracing"}) {
    std::ifstream id(std::string(root) + "/events/raw_syscalls/sys_enter/id");
    if (id >> attr.config) {
      return net::UniqueFd(static_cast<int>(
          ::syscall(SYS_perf_event_open, &attr, thread, -1, -1, PERF_FLAG_FD_CLOEXEC)));
    }
  }
  return {};
}

}  // namespace

Probe::Probe(pid_t pid, bool count_syscalls) : pid_(pid) {
  if (!count_syscalls) return;
  for (const auto& thread : threads_of(pid)) {
    net::UniqueFd fd = syscall_counter(std::stoi(thread.filename()));
    if (!fd) {
      counters_.clear();  // part of the threads would be a wrong number
      return;
    }
    counters_.push_back(std::move(fd));
  }
}

Usage Probe::read() const {
  Usage usage;
  for (const auto& thread : threads_of(pid_)) {
    std::uint64_t ns = 0;
    if (std::ifstream(thread / "schedstat") >> ns) usage.cpu_ns += ns;
    usage.voluntary += status_value(thread, "voluntary_ctxt_switches:");
    usage.involuntary += status_value(thread, "nonvoluntary_ctxt_switches:");
  }
  usage.anonymous_kib =
      status_value(std::filesystem::path("/proc") / std::to_string(pid_), "RssAnon:");
  for (const net::UniqueFd& counter : counters_) {
    std::uint64_t n = 0;
    if (::read(counter.get(), &n, sizeof n) == sizeof n) {
      usage.syscalls = usage.syscalls.value_or(0) + n;
    }
  }
  return usage;
}

}  // namespace llmrec::bench
