#include "store/writer.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <new>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "base/check.h"

namespace llmrec::store {
namespace {

constexpr std::size_t kReasons = 7;

// A ring of a fixed size, so that nothing is allocated under the lock.
class Mailbox {
 public:
  Mailbox() : slots_(limits::kMailboxEntries) {}

  std::size_t count() const { return count_; }
  std::size_t bytes() const { return bytes_; }
  bool has_a_commit() const {
    return count_ >= limits::kCommitRecords || bytes_ >= limits::kCommitBytes;
  }
  bool has_room(std::size_t bytes) const {
    return count_ < slots_.size() && bytes <= limits::kMailboxBytes - bytes_;
  }
  void put(std::unique_ptr<Payload> p) {
    bytes_ += p->bytes();
    slots_[(first_ + count_++) % slots_.size()] = std::move(p);
  }
  // At most one commit's worth; `to` has room for it.
  void take(std::vector<std::unique_ptr<Payload>>& to) {
    for (std::size_t taken = 0; count_ > 0 && to.size() < limits::kCommitRecords &&
                                (to.empty() || taken < limits::kCommitBytes);) {
      to.push_back(std::move(slots_[first_]));
      taken += to.back()->bytes();
      bytes_ -= to.back()->bytes();
      first_ = (first_ + 1) % slots_.size();
      --count_;
    }
  }

 private:
  std::vector<std::unique_ptr<Payload>> slots_;
  std::size_t first_ = 0;
  std::size_t count_ = 0;
  std::size_t bytes_ = 0;
};

// What was lost and is not yet written down, by reason.
class LossBook {
 public:
  void add(LossReason reason, std::uint64_t count, std::int64_t now_ms) {
    Loss& loss = losses_[static_cast<std::size_t>(reason)];
    if (loss.count == 0) loss.first_ms = now_ms;
    loss.reason = reason;
    loss.count = saturating_add(loss.count, count);
    loss.last_ms = std::max(now_ms, loss.first_ms);
  }
  void add(const LossBook& other) {
    for (const Loss& loss : other.losses_) {
      if (loss.count == 0) continue;
      add(loss.reason, loss.count, loss.first_ms);
      Loss& mine = losses_[static_cast<std::size_t>(loss.reason)];
      mine.first_ms = std::min(mine.first_ms, loss.first_ms);
      mine.last_ms = std::max(mine.last_ms, loss.last_ms);
    }
  }
  std::vector<Loss> rows() const {
    std::vector<Loss> rows;
    for (const Loss& loss : losses_) {
      if (loss.count > 0) rows.push_back(loss);
    }
    return rows;
  }
  void clear() { losses_ = {}; }

 private:
  std::array<Loss, kReasons> losses_{};
};

}  // namespace

struct Writer::Impl {
  Impl(Store& s, WriterHooks h) : store(s), hooks(std::move(h)) {
    taken.reserve(limits::kCommitRecords);
    entries.reserve(limits::kCommitRecords);
  }

  void run() noexcept;
  bool wait_for_work();  // false: stopped, and nothing is left
  void commit_taken() noexcept;
  void encode_taken();
  void encode_one(Payload&);
  std::vector<RecordId> subjects(const Payload&) const;
  std::optional<Row> newest(const RecordId&) const;
  Result<PutResult> put();
  void lose(LossReason, std::uint64_t count, std::uint64_t final_ones);
  void lose_entries(LossReason);
  void say(Level, LossReason, std::string text);

  Store& store;
  const WriterHooks hooks;

  std::mutex mutex;  // guards what follows, up to the next blank line
  std::condition_variable work;
  std::condition_variable done;
  Mailbox mailbox;
  LossBook dropped_at_the_door;
  std::uint64_t accepted = 0;
  std::uint64_t finished = 0;
  std::size_t flushing = 0;
  bool stopping = false;

  // The thread's own.
  std::vector<std::unique_ptr<Payload>> taken;
  std::vector<Entry> entries;
  LossBook losses;
  std::array<std::optional<Instant>, kReasons> last_said;

  std::atomic<std::uint64_t> committed{0};
  std::atomic<std::uint64_t> dropped{0};
  std::atomic<std::uint64_t> superseded{0};
  std::atomic<std::uint64_t> pruned{0};
  std::atomic<std::uint64_t> batches{0};
  std::atomic<std::uint64_t> failures{0};
  std::atomic<std::int64_t> last_commit_ns{0};
  std::atomic<std::uint64_t> wakeups{0};

  std::thread thread;
};

Writer::Writer(Store& store, WriterHooks hooks)
    : impl_(std::make_unique<Impl>(store, std::move(hooks))) {
  LLMREC_REQUIRE(impl_->hooks.now && impl_->hooks.unix_ms);
  // Signals are for the thread that waits for them; a file size limit must be EFBIG here, not
  // death.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  impl_->thread = std::thread([impl = impl_.get()] { impl->run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

Writer::~Writer() { stop(); }

bool Writer::push(std::unique_ptr<Payload> payload) noexcept {
  if (LLMREC_FAILS(payload != nullptr)) return false;
  Impl& i = *impl_;
  const Kind kind = payload->kind();
  bool wake = false;
  bool taken = false;
  {
    const std::lock_guard lock(i.mutex);
    if (!i.stopping && i.mailbox.has_room(payload->bytes())) {
      const bool was_full = i.mailbox.has_a_commit();
      wake = i.mailbox.count() == 0;
      i.mailbox.put(std::move(payload));
      ++i.accepted;
      taken = true;
      wake = wake || (!was_full && i.mailbox.has_a_commit());
    }
  }
  if (wake) i.work.notify_one();
  if (taken) return true;
  // Rare, so the clock may be read and the lock taken again.
  i.dropped.fetch_add(1, std::memory_order_relaxed);
  if (kind == Kind::open) return false;
  const std::int64_t now_ms = i.hooks.unix_ms();
  const std::lock_guard lock(i.mutex);
  i.dropped_at_the_door.add(LossReason::queue_full, 1, now_ms);
  return false;
}

bool Writer::flush(std::chrono::milliseconds wait) {
  Impl& i = *impl_;
  std::unique_lock lock(i.mutex);
  const std::uint64_t target = i.accepted;
  if (i.finished >= target) return true;
  ++i.flushing;
  i.work.notify_one();
  const bool all = i.done.wait_for(lock, wait, [&] { return i.finished >= target; });
  --i.flushing;
  return all;
}

void Writer::stop() {
  Impl& i = *impl_;
  {
    const std::lock_guard lock(i.mutex);
    i.stopping = true;
  }
  i.work.notify_one();
  if (i.thread.joinable()) i.thread.join();
}

WriterCounters Writer::counters() const {
  Impl& i = *impl_;
  WriterCounters c;
  c.committed = i.committed;
  c.dropped = i.dropped;
  c.superseded = i.superseded;
  c.pruned = i.pruned;
  c.batches = i.batches;
  c.failures = i.failures;
  c.last_commit_ns = i.last_commit_ns;
  c.wakeups = i.wakeups;
  const std::lock_guard lock(i.mutex);
  c.queue_depth = i.mailbox.count();
  c.queue_bytes = i.mailbox.bytes();
  return c;
}

bool Writer::Impl::wait_for_work() {
  std::unique_lock lock(mutex);
  const auto wake = [&](auto&& awaited) {
    wakeups.fetch_add(1, std::memory_order_relaxed);
    return awaited();
  };
  work.wait(lock, [&] { return wake([&] { return mailbox.count() > 0 || stopping; }); });
  const auto full = [&] { return mailbox.has_a_commit() || stopping || flushing > 0; };
  // The window of a group opens with its first entry.
  if (!full()) {
    work.wait_for(lock, std::chrono::nanoseconds(limits::kCommitWindowNs),
                  [&] { return wake(full); });
  }
  mailbox.take(taken);
  losses.add(dropped_at_the_door);
  dropped_at_the_door.clear();
  return !taken.empty() || !stopping;
}

void Writer::Impl::run() noexcept {
  while (wait_for_work()) {
    const std::size_t n = taken.size();
    commit_taken();
    taken.clear();  // payloads are destroyed outside the lock
    entries.clear();
    {
      const std::lock_guard lock(mutex);
      finished += n;
    }
    done.notify_all();
    if (hooks.after_commit) hooks.after_commit();
  }
  if (!losses.rows().empty()) commit_taken();  // losses that no later commit would carry
}

void Writer::Impl::commit_taken() noexcept {
  try {
    encode_taken();
    if (entries.empty() && losses.rows().empty()) return;
    const Instant begun = hooks.now();
    auto result = put();
    last_commit_ns = hooks.now() - begun;
    if (result) {
      committed += result->stored;
      dropped += result->too_large;
      pruned += result->pruned;
      ++batches;
      losses.clear();
      return;
    }
    const LossReason reason = store.failure_reason();
    lose_entries(reason);
    say(Level::error, reason, result.error().detail + "; traffic goes on, records are lost");
  } catch (const std::exception&) {  // no memory: the transaction was aborted
    lose_entries(LossReason::write_failed);
  }
}

Result<PutResult> Writer::Impl::put() {
  const std::vector<Loss> rows = losses.rows();
  auto first = store.put_batch(entries, hooks.unix_ms(), rows);
  if (first) return first;
  failures.fetch_add(1, std::memory_order_relaxed);
  if (store.failure_reason() == LossReason::map_full) {
    const auto room = store.prune(hooks.unix_ms());
    if (room) pruned += *room;
  }
  auto second = store.put_batch(entries, hooks.unix_ms(), rows);
  if (!second) failures.fetch_add(1, std::memory_order_relaxed);
  return second;
}

void Writer::Impl::encode_taken() {
  // From the newest on: an open entry with a later one of its key is not worth encoding. Amendments
  // need what they amend.
  std::set<RecordId> later;
  std::vector<bool> skip(taken.size(), false);
  for (std::size_t at = taken.size(); at-- > 0;) {
    const Payload& p = *taken[at];
    if (p.is_amendment()) {
      later.erase(p.key());
    } else if (p.kind() == Kind::open && later.contains(p.key())) {
      skip[at] = true;
    } else {
      later.insert(p.key());
    }
  }
  for (std::size_t at = 0; at < taken.size(); ++at) {
    if (skip[at]) {
      superseded.fetch_add(1, std::memory_order_relaxed);
    } else {
      encode_one(*taken[at]);
    }
  }
}

void Writer::Impl::encode_one(Payload& p) {
  try {
    if (!p.is_amendment()) {
      entries.push_back(p.encode());
      return;
    }
    for (const RecordId& key : subjects(p)) {
      const auto row = newest(key);
      if (!row) continue;
      if (auto amended = p.amend(*row)) {
        entries.push_back(*std::move(amended));
        return;
      }
    }
  } catch (const std::exception&) {
    lose(LossReason::not_encodable, 1, p.kind() == Kind::final ? 1 : 0);
    say(Level::error, LossReason::not_encodable, "a record could not be encoded and is lost");
  }
}

std::vector<RecordId> Writer::Impl::subjects(const Payload& p) const {
  const Bytes id = p.subject();
  if (id.empty()) return {p.key()};
  std::vector<RecordId> found;
  for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
    const bool has = std::any_of(entry->ids.begin(), entry->ids.end(),
                                 [&id](const auto& named) { return named.value == id; });
    if (has) found.push_back(entry->key);
  }
  if (auto stored = store.find_by_id_value(id)) {
    found.insert(found.end(), stored->begin(), stored->end());
  }
  return found;
}

std::optional<Row> Writer::Impl::newest(const RecordId& key) const {
  for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
    if (entry->key == key) return Row{key, entry->kind, entry->blob};
  }
  auto stored = store.get(key);
  return stored ? *std::move(stored) : std::nullopt;
}

void Writer::Impl::lose(LossReason reason, std::uint64_t count, std::uint64_t final_ones) {
  dropped.fetch_add(count, std::memory_order_relaxed);
  if (final_ones > 0) losses.add(reason, final_ones, hooks.unix_ms());
}

void Writer::Impl::lose_entries(LossReason reason) {
  const auto final_ones = std::count_if(entries.begin(), entries.end(),
                                        [](const Entry& e) { return e.kind == Kind::final; });
  lose(reason, entries.size(), static_cast<std::uint64_t>(final_ones));
}

void Writer::Impl::say(Level level, LossReason reason, std::string text) {
  auto& last = last_said[static_cast<std::size_t>(reason)];
  const Instant now = hooks.now();
  if (!hooks.log || (last && now - *last < limits::kStoreLogPauseNs)) return;
  last = now;
  hooks.log(level, std::move(text));
}

}  // namespace llmrec::store
