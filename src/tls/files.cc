#include "tls/files.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

namespace llmrec::tls {
namespace {

Code code_of(int error) {
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return Code::not_found;
    case EACCES:
    case EPERM:
    case EROFS:
    case ELOOP:
      return Code::permission;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return Code::full;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
      return Code::resource;
    default:
      return Code::io;
  }
}

std::string joined(const std::string& directory, const std::string& name) {
  return directory.empty() || directory.back() == '/' ? directory + name : directory + "/" + name;
}

Result<std::string> read_all(const Fd& fd, const std::string& path, std::size_t cap_octets) {
  std::string content;
  char block[16384];
  while (true) {
    const ssize_t n = ::read(fd.get(), block, sizeof block);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_error("cannot read", path);
    if (n == 0) break;
    content.append(block, static_cast<std::size_t>(n));
    if (content.size() > cap_octets) {
      return Error{Code::full, path + " is larger than " + std::to_string(cap_octets) + " octets"};
    }
  }
  OPENSSL_cleanse(block, sizeof block);
  return content;
}

Result<void> write_all(const Fd& fd, const std::string& path, std::string_view content) {
  while (!content.empty()) {
    const ssize_t n = ::write(fd.get(), content.data(), content.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_error("cannot write", path);
    content.remove_prefix(static_cast<std::size_t>(n));
  }
  if (::fsync(fd.get()) != 0) return errno_error("cannot sync", path);
  return {};
}

Result<std::string> random_suffix() {
  unsigned char octets[8];
  if (RAND_bytes(octets, sizeof octets) != 1) return Error{Code::internal, "no random octets"};
  std::string text = ".new.";
  for (const unsigned char o : octets) {
    text += "0123456789abcdef"[o >> 4];
    text += "0123456789abcdef"[o & 15];
  }
  return text;
}

}  // namespace

Fd::~Fd() {
  if (fd_ >= 0) ::close(fd_);
}

Error errno_error(std::string_view what, std::string_view path) {
  const int error = errno;
  return {code_of(error), std::string(what) + " " + std::string(path) + ": " +
                              std::generic_category().message(error)};
}

Result<Fd> open_private_directory(const std::string& path) {
  Fd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.ok()) return errno_error("cannot open", path);
  struct stat st = {};
  if (::fstat(fd.get(), &st) != 0) return errno_error("cannot look at", path);
  if (st.st_uid != ::geteuid()) {
    return Error{Code::permission, path + " belongs to user " + std::to_string(st.st_uid) +
                                       ", not to us (" + std::to_string(::geteuid()) +
                                       "): it must not hold our key; name another directory"};
  }
  if ((st.st_mode & 077) != 0) {
    return Error{Code::permission, path + " is open to other users: chmod 700 " + path +
                                       ", or name a directory below it that can be made"};
  }
  return fd;
}

Result<Fd> make_private_directory(const std::string& path) {
  const auto parent = std::filesystem::path(path).parent_path();
  std::error_code ec;
  if (!parent.empty() && !std::filesystem::exists(parent, ec)) {
    std::filesystem::create_directories(parent, ec);
    if (ec) {
      errno = ec.value();
      return errno_error("cannot make", parent.string());
    }
  }
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return errno_error("cannot make", path);
  return open_private_directory(path);
}

Result<std::string> read_file_at(const Fd& directory, const std::string& directory_path,
                                 const std::string& name, std::size_t cap_octets, Secrecy secrecy) {
  const std::string path = joined(directory_path, name);
  const Fd fd(::openat(directory.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd.ok()) return errno_error("cannot open", path);
  struct stat st = {};
  if (::fstat(fd.get(), &st) != 0) return errno_error("cannot look at", path);
  if (secrecy == Secrecy::owner_only && (st.st_mode & 077) != 0) {
    return Error{Code::permission, path +
                                       " can be read by other users, so its key may be known: "
                                       "remove it and a new CA is made, or chmod 600 it"};
  }
  return read_all(fd, path, cap_octets);
}

Result<void> replace_file_at(const Fd& directory, const std::string& directory_path,
                             const std::string& name, std::string_view content, mode_t mode) {
  auto suffix = random_suffix();
  if (!suffix) return suffix.error();
  const std::string temporary = name + *suffix;
  const std::string path = joined(directory_path, name);
  const Fd fd(::openat(directory.get(), temporary.c_str(),
                       O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd.ok()) return errno_error("cannot write", path);
  auto done = write_all(fd, path, content);
  // The umask may have taken something away, or O_CREAT's 0600 be too little.
  if (done && ::fchmod(fd.get(), mode) != 0) done = errno_error("cannot set the mode of", path);
  if (done && ::renameat(directory.get(), temporary.c_str(), directory.get(), name.c_str()) != 0) {
    done = errno_error("cannot replace", path);
  }
  if (!done) {
    ::unlinkat(directory.get(), temporary.c_str(), 0);
    return done;
  }
  if (::fsync(directory.get()) != 0) return errno_error("cannot sync", directory_path);
  return {};
}

Result<std::string> read_file(const std::string& path, std::size_t cap_octets) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.ok()) return errno_error("cannot open", path);
  return read_all(fd, path, cap_octets);
}

Result<void> replace_file(const std::string& path, std::string_view content, mode_t mode) {
  const std::filesystem::path p(path);
  if (p.filename().empty()) return Error{Code::bad_argument, path + " does not name a file"};
  const std::string parent = p.has_parent_path() ? p.parent_path().string() : ".";
  const Fd directory(::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.ok()) return errno_error("cannot open", parent);
  return replace_file_at(directory, parent, p.filename().string(), content, mode);
}

}  // namespace llmrec::tls
