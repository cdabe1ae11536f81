#include "store/compact.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "store/directory.h"
#include "store/tables.h"

namespace llmrec::store {
namespace {

// A directory of its own for the copy, as LMDB wants it; gone with the object.
class Workplace {
 public:
  explicit Workplace(std::string dir) : dir_(std::move(dir)) {
    clear();
    error_ = ::mkdir(dir_.c_str(), 0700) == 0 ? 0 : errno;
  }
  Workplace(const Workplace&) = delete;
  Workplace& operator=(const Workplace&) = delete;
  ~Workplace() { clear(); }
  int error() const { return error_; }
  const std::string& dir() const { return dir_; }
  std::string data() const { return dir_ + "/data.mdb"; }

 private:
  void clear() {
    ::unlink(data().c_str());
    ::unlink((dir_ + "/lock.mdb").c_str());
    ::rmdir(dir_.c_str());
  }
  std::string dir_;
  int error_ = 0;
};

std::uint64_t size_of(const std::string& path) {
  struct stat st {};
  return ::stat(path.c_str(), &st) == 0 ? static_cast<std::uint64_t>(st.st_size) : 0;
}

int sync_path(const std::string& path, int flags) {
  const int fd = ::open(path.c_str(), flags | O_RDONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  const int rc = ::fsync(fd) == 0 ? 0 : errno;
  ::close(fd);
  return rc;
}

// LMDB holds a shared lock on the first octet of lock.mdb as long as it is open, and takes the
// whole of it to set it up: who has it all knows that nobody is in, and nobody comes in.
class NobodyElse {
 public:
  explicit NobodyElse(const std::string& dir)
      : fd_(::open((dir + "/lock.mdb").c_str(), O_RDWR | O_CLOEXEC)) {
    struct flock whole {};
    whole.l_type = F_WRLCK;
    whole.l_whence = SEEK_SET;
    whole.l_len = 1;
    held_ = fd_ >= 0 && ::fcntl(fd_, F_SETLK, &whole) == 0;
  }
  NobodyElse(const NobodyElse&) = delete;
  NobodyElse& operator=(const NobodyElse&) = delete;
  ~NobodyElse() {
    if (fd_ >= 0) ::close(fd_);
  }
  bool held() const { return held_; }

 private:
  int fd_;
  bool held_ = false;
};

}  // namespace

Result<Compacted> compact(const std::string& dir, const IntactBlob& intact) {
  const auto file = inspect(dir);
  if (!file) return file.error();
  if (!file->exists) return store_error(ENOENT, "compact", dir);
  const auto lock = WriterLock::take(dir);
  if (!lock) return lock.error();
  const Workplace copy(dir + "/compact.tmp");
  if (copy.error() != 0) return store_error(copy.error(), "compact", dir);
  {
    const auto tables = Tables::open_for_reading(dir);
    if (!tables) return tables.error();
    const int rc = mdb_env_copy2(tables->env.get(), copy.dir().c_str(), MDB_CP_COMPACT);
    if (rc != MDB_SUCCESS) return store_error(rc, "compact", dir);
  }
  const auto check = check_store(copy.dir(), intact);
  if (!check) return check.error();
  if (!check->sound()) return store_error(MDB_CORRUPTED, "compact", dir);

  const NobodyElse alone(dir);
  if (!alone.held()) {
    return Error{Code::in_use, "somebody reads the store in " + dir + ": try again"};
  }
  Compacted out{size_of(dir + "/data.mdb"), size_of(copy.data())};
  int rc = sync_path(copy.data(), 0);
  if (rc == 0) rc = ::rename(copy.data().c_str(), (dir + "/data.mdb").c_str()) == 0 ? 0 : errno;
  if (rc == 0) rc = sync_path(dir, O_DIRECTORY);
  if (rc != 0) return store_error(rc, "compact", dir);
  return out;
}

}  // namespace llmrec::store
