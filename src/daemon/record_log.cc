#include "daemon/record_log.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <utility>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "net/shared.h"
#include "record/json.h"

namespace llmrec::daemon {
namespace {

// What a line can do without, the least useful first. False: there is nothing more to leave out.
bool shrink(record::Record& r) {
  constexpr std::size_t kFew = 4;
  if (r.tool_calls.size() > kFew) {
    r.tool_calls.resize(r.tool_calls.size() / 2);
    if (r.cut_tool_call && *r.cut_tool_call >= r.tool_calls.size()) r.cut_tool_call.reset();
    return true;
  }
  if (r.finish_reasons.size() > kFew) {
    r.finish_reasons.resize(r.finish_reasons.size() / 2);
    return true;
  }
  for (record::Facts* facts : {&r.notes, &r.tags}) {
    if (facts->empty()) continue;
    facts->resize(facts->size() / 2);
    return true;
  }
  for (std::string* text : {&r.user_agent, &r.trace_id, &r.client_request_id, &r.model,
                            &r.response_model, &r.error_detail, &r.last_event}) {
    if (text->size() <= kFew) continue;
    text->clear();
    return true;
  }
  if (r.tool_calls.empty()) return false;
  r.tool_calls.pop_back();
  r.cut_tool_call.reset();
  return true;
}

}  // namespace

std::string record_line(const record::Record& whole) {
  std::string line = record::to_json(whole);
  if (line.size() >= limits::kRecordLineOctets) {
    record::Record r = whole;
    while (line.size() >= limits::kRecordLineOctets && shrink(r)) line = record::to_json(r);
  }
  line += '\n';
  return line;
}

RecordLog::RecordLog(int fd) : fd_(fd), thread_([this] { run(); }) {}

RecordLog::~RecordLog() { stop(); }

void RecordLog::push(const record::Record& record) noexcept {
  try {
    auto copy = std::make_unique<record::Record>(record);
    const std::lock_guard lock(mutex_);
    if (!stopping_ && queue_.size() < limits::kRecordLinesQueued) {
      queue_.push_back(std::move(copy));
      if (!busy_) wake_.notify_one();
      busy_ = true;
      return;
    }
  } catch (const std::bad_alloc&) {
    // Counted below.
  }
  dropped_.fetch_add(1, std::memory_order_relaxed);
}

void RecordLog::stop() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void RecordLog::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    busy_ = !queue_.empty();
    wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    if (queue_.empty()) return;
    const auto record = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    bool done = false;
    try {
      done = !broken_ && write_line(record_line(*record));
    } catch (const std::bad_alloc&) {
      // Counted like any other.
    }
    (done ? written_ : dropped_).fetch_add(1, std::memory_order_relaxed);
    lock.lock();
  }
}

// A pipe that has room takes PIPE_BUF octets without blocking; a write that could block would keep
// us from stopping. The descriptor itself stays as it is: others share it.
bool RecordLog::write_line(std::string line) {
  Bytes rest = line;
  while (!rest.empty()) {
    if (!wait_for_room()) return false;
    const ssize_t n = ::write(fd_, rest.data(), std::min(rest.size(), limits::kRecordLineWrite));
    if (n > 0) {
      rest.remove_prefix(static_cast<std::size_t>(n));
    } else if (n < 0 && errno != EINTR && errno != EAGAIN && errno != EWOULDBLOCK) {
      log::warn("records",
                std::string("standard output takes no more records: ") + std::strerror(errno));
      broken_ = true;
      return false;
    }
  }
  return true;
}

bool RecordLog::wait_for_room() {
  constexpr int kLookMs = 200;  // whether to stop
  std::int64_t give_up_ns = 0;
  while (true) {
    pollfd one{fd_, POLLOUT, 0};
    const int ready = ::poll(&one, 1, kLookMs);
    if (ready > 0 || (ready < 0 && errno != EINTR)) return true;  // an error: write() tells which
    if (!stopping_) continue;
    const std::int64_t now = net::monotonic_now().ns;
    if (give_up_ns == 0) give_up_ns = now + limits::kRecordLineDrainNs;
    if (now >= give_up_ns) {
      broken_ = true;
      return false;
    }
  }
}

}  // namespace llmrec::daemon
