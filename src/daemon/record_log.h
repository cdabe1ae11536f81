// `--log records`: one line of JSON per finished record on standard output, for whoever collects
// the logs of containers. Written by a thread of its own from a bounded queue: an output that
// takes nothing costs lines, which are counted, and never a byte of traffic.
// push() is for any thread. Owned by the daemon.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "record/record.h"

namespace llmrec::daemon {

// With its line end, at most limits::kRecordLineOctets: a record that is larger loses the end of
// its longest lists.
std::string record_line(const record::Record&);

class RecordLog {
 public:
  explicit RecordLog(int fd);  // stays the caller's
  ~RecordLog();                // stop()
  RecordLog(const RecordLog&) = delete;
  RecordLog& operator=(const RecordLog&) = delete;

  void push(const record::Record&) noexcept;
  // Writes what is queued, as long as the output takes it.
  void stop();

  std::uint64_t written() const { return written_.load(std::memory_order_relaxed); }
  std::uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

 private:
  void run();
  bool write_line(std::string line);
  bool wait_for_room();

  const int fd_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::unique_ptr<record::Record>> queue_;
  bool busy_ = false;  // the thread is awake, or has been woken
  std::atomic<bool> stopping_{false};
  bool broken_ = false;  // the thread's own: nobody reads any more
  std::atomic<std::uint64_t> written_{0};
  std::atomic<std::uint64_t> dropped_{0};
  std::thread thread_;
};

}  // namespace llmrec::daemon
