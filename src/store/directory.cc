#include "store/directory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "store/lmdb.h"

namespace llmrec::store {
namespace {

// linux/magic.h has these two from 5.16 on.
constexpr long kCifsMagic = 0xff534d42;
constexpr long kSmb2Magic = 0xfe534d42;
// Less than this free is a full disk even when the code says EIO, as LMDB does for a short write.
constexpr std::uint64_t kDiskFullBelow = 256 * 1024;

bool is_network_file_system(const std::string& dir) {
  struct statfs fs {};
  if (::statfs(dir.c_str(), &fs) != 0) return false;
  const auto type = static_cast<long>(fs.f_type) & 0xffffffffL;
  return type == NFS_SUPER_MAGIC || type == SMB_SUPER_MAGIC || type == kCifsMagic ||
         type == kSmb2Magic;
}

bool disk_is_full(const std::string& dir) {
  struct statvfs fs {};
  if (::statvfs(dir.c_str(), &fs) != 0) return false;
  return std::uint64_t{fs.f_bavail} * fs.f_frsize < kDiskFullBelow;
}

// The meta page of LMDB 0.9 on a machine of 64 bits (mdb.c: MDB_page, MDB_meta).
constexpr std::size_t kMagicAt = 16;
constexpr std::size_t kVersionAt = 20;
constexpr std::size_t kPageSizeAt = 16 + 24;
constexpr std::size_t kLastPageAt = 16 + 24 + 2 * 48;
constexpr std::size_t kTxnIdAt = kLastPageAt + 8;
constexpr std::size_t kMetaBytes = kTxnIdAt + 8;
constexpr std::uint32_t kMagic = 0xbeefc0de;
constexpr std::uint32_t kVersion = 1;

template <class T>
T load(Bytes from, std::size_t at) {
  T v{};
  if (at + sizeof v <= from.size()) std::memcpy(&v, from.data() + at, sizeof v);
  return v;
}

class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) {}
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

Error not_ours(const std::string& path, Bytes what) {
  return {Code::corrupt, fmt::format("{} {}: move it away and a new store is made", path, what)};
}

}  // namespace

Error store_error(int code, Bytes doing, const std::string& dir) {
  const auto say = [&](Code kind, Bytes why) {
    return Error{kind, fmt::format("cannot {} the store in {}: {}", doing, dir, why)};
  };
  switch (code) {
    case MDB_MAP_FULL:
    case MDB_TXN_FULL:
      return say(Code::full, "it has reached its size limit: keep less, or give it a larger one");
    case MDB_INVALID:
      return say(Code::corrupt, "data.mdb is no LMDB 0.9 file or is damaged: move it away");
    case MDB_VERSION_MISMATCH:
      return say(Code::unsupported, "data.mdb or lock.mdb is of another LMDB version");
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_PANIC:
      return say(Code::corrupt, "data.mdb is damaged: move it away and a new one is made");
    case MDB_READERS_FULL:
      return say(Code::resource, "too many processes read it at once: end some of them");
    case ENOSPC:
      return say(Code::full, "the disk is full");
    case EDQUOT:
      return say(Code::full, "the disk quota is used up");
    case EFBIG:
      return say(Code::full, "a file size limit (ulimit -f) is reached");
    case EIO:
      if (disk_is_full(dir)) return say(Code::full, "the disk is full");
      return say(Code::io, "the disk reports an error (EIO): see the kernel's log");
    case EROFS:
      return say(Code::permission, "the file system is read-only");
    case EACCES:
    case EPERM:
      return say(Code::permission,
                 fmt::format("user {} may not write in it: readers need that too, for lock.mdb; "
                             "be the user that owns it",
                             ::geteuid()));
    case EAGAIN:
      return say(Code::permission,
                 "lock.mdb cannot be locked: check its owner and mode, and that the file system is "
                 "local");
    case ENOENT:
      return say(Code::not_found, "there is none: `llmrec serve` makes one");
    case ENOMEM:
      return say(Code::resource, "not enough memory or address space");
    case EMFILE:
    case ENFILE:
      return say(Code::resource, "too many open files");
    default:
      return say(Code::io, mdb_strerror(code));
  }
}

Result<void> make_directory(const std::string& dir) {
  const std::filesystem::path path(dir);
  std::error_code failed;
  if (!std::filesystem::is_directory(path, failed)) {
    const auto parent = path.has_filename() ? path.parent_path() : path.parent_path().parent_path();
    failed.clear();
    if (!parent.empty()) std::filesystem::create_directories(parent, failed);
    if (!failed && ::mkdir(dir.c_str(), 0700) != 0 && errno != EEXIST) {
      failed = std::error_code(errno, std::generic_category());
    }
    if (!failed && !std::filesystem::is_directory(path, failed) && !failed) {
      failed = std::make_error_code(std::errc::not_a_directory);
    }
    if (failed) {
      const bool denied =
          failed == std::errc::permission_denied || failed == std::errc::read_only_file_system;
      const bool full = failed == std::errc::no_space_on_device;
      return Error{denied ? Code::permission
                   : full ? Code::full
                          : Code::io,
                   fmt::format("cannot make the directory {}: {}", dir, failed.message())};
    }
  }
  if (is_network_file_system(dir)) {
    return Error{Code::unsupported,
                 fmt::format("{} is on a network file system: the store needs a local disk", dir)};
  }
  return {};
}

Result<WriterLock> WriterLock::take(const std::string& dir) {
  const std::string path = dir + "/writer.lock";
  Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (fd.get() < 0) return store_error(errno, "open", dir);
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return store_error(errno, "lock", dir);
    std::array<char, 16> pid{};
    const auto n = ::pread(fd.get(), pid.data(), pid.size(), 0);
    Bytes text(pid.data(), n > 0 ? static_cast<std::size_t>(n) : 0);
    text = text.substr(0, text.find_first_not_of("0123456789"));
    return Error{Code::in_use,
                 fmt::format("the store in {} is in use by another llmrec (process {}): stop that "
                             "one, or use another directory",
                             dir, text.empty() ? "unknown" : text)};
  }
  const std::string pid = fmt::format("{}\n", ::getpid());
  // Only the message to a second writer needs the number: on a full disk the lock holds without it.
  if (::ftruncate(fd.get(), 0) == 0) {
    [[maybe_unused]] const auto n = ::pwrite(fd.get(), pid.data(), pid.size(), 0);
  }
  return WriterLock(fd.release());
}

WriterLock::WriterLock(WriterLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
WriterLock& WriterLock::operator=(WriterLock&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}
WriterLock::~WriterLock() {
  if (fd_ >= 0) ::close(fd_);
}

int living_writer(const std::string& dir) {
  const Fd fd(::open((dir + "/writer.lock").c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0 || ::flock(fd.get(), LOCK_SH | LOCK_NB) == 0) return 0;
  std::array<char, 16> text{};
  const auto n = ::pread(fd.get(), text.data(), text.size() - 1, 0);
  const int pid = n > 0 ? std::atoi(text.data()) : 0;
  return pid > 0 ? pid : -1;
}

Result<DataFile> inspect(const std::string& dir) {
  const std::string path = dir + "/data.mdb";
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0) {
    if (errno == ENOENT) return DataFile{};
    return store_error(errno, "read", dir);
  }
  struct stat st {};
  if (::fstat(fd.get(), &st) != 0) return store_error(errno, "read", dir);
  DataFile file;
  file.bytes = static_cast<std::uint64_t>(st.st_size);
  if (file.bytes == 0) return file;

  std::array<char, kMetaBytes> page{};
  const auto read_meta = [&](std::uint64_t at) {
    const auto n = ::pread(fd.get(), page.data(), page.size(), static_cast<off_t>(at));
    return Bytes(page.data(), n > 0 ? static_cast<std::size_t>(n) : 0);
  };
  Bytes meta = read_meta(0);
  if (load<std::uint32_t>(meta, kMagicAt) != kMagic) {
    for (std::size_t at = 0; at + 4 <= meta.size(); at += 4) {
      if (load<std::uint32_t>(meta, at) != kMagic) continue;
      return Error{Code::unsupported,
                   path +
                       " was written by another version of LMDB (1.0 or later, or of 32 bits), "
                       "which LMDB 0.9 cannot read: use another directory"};
    }
    return not_ours(path, "is no LMDB file or is damaged");
  }
  if (load<std::uint32_t>(meta, kVersionAt) != kVersion) {
    return Error{Code::unsupported, path +
                                        " was written by another version of LMDB than 0.9: use "
                                        "another directory"};
  }
  file.page_bytes = load<std::uint32_t>(meta, kPageSizeAt);
  if (meta.size() < kMetaBytes || file.page_bytes < 512 || file.page_bytes > 65536 ||
      (file.page_bytes & (file.page_bytes - 1)) != 0) {
    return not_ours(path, "is damaged");
  }
  const std::array<std::uint64_t, 2> txns{
      load<std::uint64_t>(meta, kTxnIdAt),
      load<std::uint64_t>(read_meta(file.page_bytes), kTxnIdAt)};
  meta = read_meta(txns[1] > txns[0] ? file.page_bytes : 0);
  file.pages = load<std::uint64_t>(meta, kLastPageAt) + 1;
  // A file may end a little early, where the last pages were given back before they were written;
  // one that has lost more than an eighth would be SIGBUS for whoever maps it.
  if (file.bytes < 2 * file.page_bytes ||
      file.bytes / file.page_bytes < file.pages - file.pages / 8) {
    return not_ours(path, "has been cut short");
  }
  file.exists = true;
  return file;
}

bool is_read_only_file_system(const std::string& dir) {
  struct statvfs fs {};
  return ::statvfs(dir.c_str(), &fs) == 0 && (fs.f_flag & ST_RDONLY) != 0;
}

}  // namespace llmrec::store
