#include "store/verify.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <exception>

#include "store/directory.h"
#include "store/rows.h"
#include "store/tables.h"

namespace llmrec::store {
namespace {

constexpr int kSetAsideMax = 1000;

class Checker {
 public:
  Checker(const Tables& t, const lmdb::Txn& txn, const IntactBlob& intact)
      : t_(t), txn_(txn), intact_(intact) {}
  int run(Check& out) {
    int rc = walk(txn_, {t_.records, {}, Order::oldest_first, {}, {}},
                  [&](const RecordId& id, Bytes value) { return record(id, value), true; });
    if (rc == MDB_SUCCESS) {
      rc =
          walk(txn_, {t_.open, {}, Order::oldest_first, {}, {}}, [&](const RecordId&, Bytes value) {
            ++check_.open_rows;
            const auto parsed = parse_value(value);
            if (!parsed || !intact_(parsed->blob)) ++check_.damaged_rows;
            return true;
          });
    }
    // Every index row that a record names was found; what is left over belongs to nobody.
    const std::uint64_t rows = txn_.entries(t_.ids) + txn_.entries(t_.status);
    check_.stray_index = rows - std::min(rows, indexed_);
    out = check_;
    return rc;
  }

 private:
  void record(const RecordId& id, Bytes value) {
    ++check_.records;
    const auto parsed = parse_value(value);
    if (!parsed || !intact_(parsed->blob)) {
      ++check_.damaged_rows;
      if (!parsed) return;
    }
    expect(t_.status, status_row(parsed->status, parsed->stage, id));
    for (const std::uint64_t hash : parsed->hashes) expect(t_.ids, id_row(hash, id));
  }
  void expect(MDB_dbi dbi, const std::string& key) {
    Bytes nothing;
    if (txn_.get(dbi, key, nothing) == MDB_SUCCESS) {
      ++indexed_;
    } else {
      ++check_.missing_index;
    }
  }

  const Tables& t_;
  const lmdb::Txn& txn_;
  const IntactBlob& intact_;
  Check check_;
  std::uint64_t indexed_ = 0;
};

Verdict verdict_of(const Error& error) {
  switch (error.code) {
    case Code::not_found:
      return Verdict::absent;
    case Code::unsupported:
      return Verdict::not_ours;
    case Code::permission:
    case Code::resource:
    case Code::full:
      return Verdict::unknown;
    default:
      return Verdict::damaged;  // a broken page makes LMDB answer with almost any code
  }
}

Result<Check> check_rows(const std::string& dir, const IntactBlob& intact) {
  const auto store = Store::open_reader(dir);
  if (!store) return store.error();
  Check check;
  const auto scanned = store->scan({}, [&](const RecordId&, Bytes blob) {
    ++check.records;
    if (!intact(blob)) ++check.damaged_rows;
    return true;
  });
  if (!scanned) return scanned.error();
  const auto open = store->open_rows();
  if (!open) return open.error();
  for (const Row& row : *open) {
    ++check.open_rows;
    if (!intact(row.blob)) ++check.damaged_rows;
  }
  return check;
}

[[noreturn]] void run_child(const std::string& dir, const IntactBlob& intact, Depth depth,
                            int figures) noexcept {
  // A damaged page ends in SIGBUS, SIGSEGV or abort(): no handler, no core, no words of LMDB's.
  for (const int sig : {SIGBUS, SIGSEGV, SIGABRT, SIGFPE, SIGILL}) {
    static_cast<void>(::signal(sig, SIG_DFL));  // the numbers are right
  }
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  const rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const int null = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (null >= 0) ::dup2(null, STDERR_FILENO);
  Verdict verdict = Verdict::damaged;
  try {
    const auto check = depth == Depth::whole ? check_store(dir, intact) : check_rows(dir, intact);
    verdict =
        check ? (check->sound() ? Verdict::sound : Verdict::damaged) : verdict_of(check.error());
    if (check && ::write(figures, &*check, sizeof *check) != sizeof *check) {
      verdict = Verdict::unknown;
    }
  } catch (const std::exception&) {
    verdict = Verdict::unknown;
  }
  ::_exit(static_cast<int>(verdict));
}

}  // namespace

Result<Check> check_store(const std::string& dir, const IntactBlob& intact) {
  auto tables = Tables::open_for_reading(dir);
  if (!tables) return tables.error();
  lmdb::Txn txn;
  Check check;
  int rc = tables->begin_reading(txn);
  if (rc == MDB_SUCCESS) rc = Checker(*tables, txn, intact).run(check);
  if (rc != MDB_SUCCESS) return store_error(rc, "read", dir);
  return check;
}

Verdict verify_in_child(const std::string& dir, const IntactBlob& intact, int wait_ms) {
  return check_in_child(dir, intact, wait_ms, Depth::whole).verdict;
}

Checked check_in_child(const std::string& dir, const IntactBlob& intact, int wait_ms, Depth depth) {
  Checked out;
  std::array<int, 2> pipe{};  // carries the figures; end of file on it: the child is gone
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) return out;
  const pid_t child = ::fork();
  if (child == 0) run_child(dir, intact, depth, pipe[1]);
  ::close(pipe[1]);
  if (child < 0) {
    ::close(pipe[0]);
    return out;
  }
  pollfd ready_or_gone{pipe[0], POLLIN, 0};
  int ready = 0;
  do {
    ready = ::poll(&ready_or_gone, 1, wait_ms);
  } while (ready < 0 && errno == EINTR);
  Check check;
  const bool whole = ready > 0 && ::read(pipe[0], &check, sizeof check) == sizeof check;
  ::close(pipe[0]);
  if (ready <= 0) ::kill(child, SIGKILL);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (ready <= 0) return out;
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : static_cast<int>(Verdict::damaged);
  out.verdict =
      code <= static_cast<int>(Verdict::unknown) ? static_cast<Verdict>(code) : Verdict::damaged;
  if (whole) out.check = check;
  return out;
}

Result<std::string> set_aside(const std::string& dir) {
  const auto lock = WriterLock::take(dir);
  if (!lock) return lock.error();
  const std::string from = dir + "/data.mdb";
  for (int n = 1; n <= kSetAsideMax; ++n) {
    const std::string to = fmt::format("{}.damaged-{}", from, n);
    // link() refuses to replace an older piece of evidence, rename() would not.
    if (::link(from.c_str(), to.c_str()) != 0) {
      if (errno == EEXIST) continue;
      return store_error(errno, "set aside", dir);
    }
    if (::unlink(from.c_str()) != 0) return store_error(errno, "set aside", dir);
    ::unlink((dir + "/lock.mdb").c_str());
    return to;
  }
  return Error{Code::full,
               fmt::format("{} holds {} damaged files: remove some", dir, kSetAsideMax)};
}

}  // namespace llmrec::store
