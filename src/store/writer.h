// The way from the traffic to the disk: a bounded mailbox and one thread that commits in groups.
// Knows nothing of records: a payload encodes itself, on the writer's thread.
// push() is for any thread and never waits for the disk. Owner: the daemon; stopped after the
// loops. The thread sleeps on a condition variable: nothing happens, nothing wakes.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/id.h"
#include "store/store.h"

namespace llmrec::store {

// Something that will be a row. Made on a loop thread, encoded once on the writer's thread.
class Payload {
 public:
  // `bytes`: about what it holds in memory, counted against limits::kMailboxBytes.
  Payload(const RecordId& key, Kind kind, std::size_t bytes)
      : key_(key), kind_(kind), bytes_(bytes) {}
  virtual ~Payload() = default;
  Payload(const Payload&) = delete;
  Payload& operator=(const Payload&) = delete;

  // Of the key and kind given above. May throw: the payload is then dropped and counted.
  virtual Entry encode() = 0;
  // An amendment changes a record that may be stored already (a note, a tool call seen executed).
  // Instead of encode(), gets the newest blob of its key, stored or in the same batch, with its
  // kind; nullopt: nothing to change, or no longer there.
  virtual bool is_amendment() const { return false; }
  // Of an amendment that does not know its record's key but an id of it: that id. The newest record
  // that has it, and that amend() does not decline, is the one. The payload's own key is then
  // unused.
  virtual Bytes subject() const { return {}; }
  virtual std::optional<Entry> amend(const Row&) { return std::nullopt; }

  const RecordId& key() const { return key_; }
  Kind kind() const { return kind_; }
  std::size_t bytes() const { return bytes_; }

 private:
  RecordId key_;
  Kind kind_;
  std::size_t bytes_;
};

enum class Level : std::uint8_t { info, warn, error };

struct WriterHooks {
  std::function<Instant()> now;                 // monotonic; any thread
  std::function<std::int64_t()> unix_ms;        // calendar; any thread
  std::function<void(Level, std::string)> log;  // writer's thread; may be empty
  // Writer's thread, after each commit, with the counters as they are then; may be empty.
  std::function<void()> after_commit;
};

struct WriterCounters {          // a snapshot; each number by itself is exact
  std::uint64_t committed = 0;   // entries on disk
  std::uint64_t dropped = 0;     // entries lost, for any reason; `loss` lists the final ones
  std::uint64_t superseded = 0;  // open entries that a later one replaced before a commit
  std::uint64_t pruned = 0;
  std::uint64_t batches = 0;   // commits that succeeded
  std::uint64_t failures = 0;  // commits that failed, a successful retry included
  std::int64_t last_commit_ns = 0;
  std::uint64_t wakeups = 0;  // times that the thread looked for work
  std::size_t queue_depth = 0;
  std::size_t queue_bytes = 0;
};

class Writer {
 public:
  // Starts the thread. The store is the writer's until stop(); others only read from it.
  Writer(Store&, WriterHooks);
  ~Writer();  // stop()
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  // False: dropped (the mailbox is full, or the writer has stopped). Entries of one key are stored
  // in the order of their pushes.
  bool push(std::unique_ptr<Payload>) noexcept;

  // Everything pushed before this call is on disk or counted as dropped; false: not within `wait`.
  bool flush(std::chrono::milliseconds wait);

  // Commits what is queued and ends the thread. Blocks as long as the disk does. Idempotent.
  void stop();

  WriterCounters counters() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace llmrec::store
