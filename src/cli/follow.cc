#include "cli/follow.h"

#include <poll.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <utility>

#include "base/limits.h"
#include "cli/walk.h"
#include "record/codec.h"
#include "record/json.h"
#include "report/listing.h"

namespace llmrec::cli {
namespace {

using record::Record;

std::int64_t unix_ms_now() {
  std::timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return std::int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

// Wakes when the store's file is written to, and ends on a signal.
class Alarm {
 public:
  explicit Alarm(const std::string& dir) {
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    sigprocmask(SIG_BLOCK, &ends, &before_);
    signals_ = ::signalfd(-1, &ends, SFD_CLOEXEC | SFD_NONBLOCK);
    changes_ = ::inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (changes_ >= 0) ::inotify_add_watch(changes_, (dir + "/data.mdb").c_str(), IN_MODIFY);
  }
  Alarm(const Alarm&) = delete;
  Alarm& operator=(const Alarm&) = delete;
  ~Alarm() {
    drain(signals_);
    if (signals_ >= 0) ::close(signals_);
    if (changes_ >= 0) ::close(changes_);
    sigprocmask(SIG_SETMASK, &before_, nullptr);
  }

  // False: it is time to end. Without a change it returns after limits::kFollowIdleMs; a burst of
  // changes is one.
  bool wait() {
    if (!poll_for(signals_, changes_, limits::kFollowIdleMs)) return false;
    if (!poll_for(signals_, -1, limits::kFollowPauseMs)) return false;
    drain(changes_);
    return true;
  }

 private:
  static bool poll_for(int signals, int changes, int ms) {
    std::array<pollfd, 2> on{{{signals, POLLIN, 0}, {changes, POLLIN, 0}}};
    return ::poll(on.data(), on.size(), ms) < 0 || on[0].revents == 0;
  }
  static void drain(int fd) {
    alignas(8) std::array<char, 4096> octets{};
    while (fd >= 0 && ::read(fd, octets.data(), octets.size()) > 0) {
    }
  }

  sigset_t before_{};
  int signals_ = -1;
  int changes_ = -1;
};

class FollowPrinter {
 public:
  FollowPrinter(const LsOptions& o, Streams& streams)
      : o_(o), streams_(streams), style_(style_of(o.view, streams)) {}
  void head() {
    if (o_.output == Output::csv) streams_.out << report::csv_head();
    if (o_.output == Output::table) line(report::followed_head(style_));
  }
  bool take(Record&& r) {
    switch (o_.output) {
      case Output::csv:
        streams_.out << report::csv_row(r);
        break;
      case Output::table:
        line(report::followed(r, style_));
        break;
      case Output::wide:
        line(report::wide_listing({std::move(r)}, style_).back());
        break;
      default:
        streams_.out << record::to_json(r) << '\n';
    }
    return static_cast<bool>(streams_.out.flush());
  }

 private:
  void line(const report::Line& one) {
    print({one}, use_color(o_.view, streams_), streams_.out);
    streams_.out.flush();
  }
  const LsOptions& o_;
  Streams& streams_;
  report::Style style_;
};

}  // namespace

Result<RecordId> Follower::oldest_unsettled(std::int64_t now_unix_ms) const {
  RecordId oldest = id_at(now_unix_ms - limits::kSettledMs);
  const auto open = from_.open_rows();
  if (!open) return open.error();
  for (const store::Row& row : *open) oldest = std::min(oldest, row.key);
  return oldest;
}

void Follower::forget_before(const RecordId& id) {
  low_ = std::max(low_, id);
  if (seen_.size() > limits::kFollowedIds) {
    low_ = std::max(low_, *std::next(seen_.begin(), limits::kFollowedIds / 2));
  }
  seen_.erase(seen_.begin(), seen_.lower_bound(low_));
}

Result<std::vector<Record>> Follower::begin(std::size_t most, std::int64_t now_unix_ms) {
  const auto oldest = oldest_unsettled(now_unix_ms);
  if (!oldest) return oldest.error();
  low_ = *oldest;
  std::vector<Record> out;
  record::SummaryReader reader;
  // One walk for both, so that a record is either shown here or new later.
  const auto scanned = from_.scan({}, [&](const RecordId& key, Bytes blob) {
    const bool full = most != 0 && out.size() >= most;
    if (key >= low_) seen_.insert(key);
    if (key < low_ && full) return false;
    const record::Summary* summary = full ? nullptr : reader.read(blob);
    if (summary == nullptr || !fits(*summary, filter_)) return true;
    if (auto decoded = record::decode(blob)) out.push_back(*std::move(decoded));
    return out.size() < limits::kListedRecords;
  });
  if (!scanned) return scanned.error();
  std::reverse(out.begin(), out.end());
  return out;
}

Result<void> Follower::look(std::int64_t now_unix_ms, const OnRecord& take) {
  const auto oldest = oldest_unsettled(now_unix_ms);  // before the scan: what ends now is seen
  if (!oldest) return oldest.error();
  store::ScanOptions scan;
  scan.order = store::Order::oldest_first;
  scan.range = RecordIdRange{low_, {}};
  scan.range->last.octets.fill(0xff);
  record::SummaryReader reader;
  const auto scanned = from_.scan(scan, [&](const RecordId& key, Bytes blob) {
    if (!seen_.insert(key).second) return true;
    const record::Summary* summary = reader.read(blob);
    auto decoded = record::decode(blob);
    if (summary == nullptr || !decoded) {
      ++unreadable_;
      return true;
    }
    return !fits(*summary, filter_) || take(*std::move(decoded));
  });
  if (!scanned) return scanned.error();
  forget_before(*oldest);
  return {};
}

int follow(const LsOptions& o, Streams& streams) {
  const auto from = store::Store::open_reader(o.store);
  if (!from) return complain_of_store(from.error(), streams);
  Alarm alarm(o.store);
  Follower follower(*from, o);
  auto begun = follower.begin(o.count.value_or(limits::kFollowedByDefault), unix_ms_now());
  if (!begun) return complain_of_store(begun.error(), streams);
  FollowPrinter printer(o, streams);
  printer.head();
  for (Record& r : *begun) printer.take(std::move(r));
  while (streams.out.good() && alarm.wait()) {
    const auto looked =
        follower.look(unix_ms_now(), [&printer](Record&& r) { return printer.take(std::move(r)); });
    if (!looked) return complain_of_store(looked.error(), streams);
  }
  complain_of_unreadable(follower.unreadable(), streams);
  return kDone;
}

}  // namespace llmrec::cli
