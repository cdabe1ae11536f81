// A thread for what may wait for a disk, with a bounded queue. Jobs run one after the other, in
// order. post() is for any thread and never waits. Knows nothing of what the jobs are.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace llmrec::admin {

class Worker {
 public:
  using Job = std::function<void()>;  // must not throw

  explicit Worker(std::size_t most);
  ~Worker();  // waits for the job that runs; those that wait are dropped
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  bool post(Job);  // false: the queue is full

 private:
  void run();

  const std::size_t most_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Job> jobs_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace llmrec::admin
