// Files that hold keys or that others read while we write them: private directories, bounded reads,
// writes that are in place at once or not at all.
// Does not know what is in them. Start-up and CLI only: everything here blocks. Any thread.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

namespace llmrec::tls {

class Fd {
 public:
  explicit Fd(int fd = -1) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  Fd& operator=(Fd&&) = delete;
  ~Fd();
  int get() const { return fd_; }
  bool ok() const { return fd_ >= 0; }

 private:
  int fd_;
};

// "cannot open X: No such file or directory"; the code follows from errno.
Error errno_error(std::string_view what, std::string_view path);

// permission: it belongs to somebody else, or group or others may enter it.
Result<Fd> open_private_directory(const std::string& path);
// Makes the last component (0700) and what is missing above it, then opens it.
Result<Fd> make_private_directory(const std::string& path);

enum class Secrecy { open_to_all, owner_only };

// not_found, permission (owner_only and others can read it), full (over the cap).
Result<std::string> read_file_at(const Fd& directory, const std::string& directory_path,
                                 const std::string& name, std::size_t cap_octets, Secrecy);
// A new file (O_EXCL) beside it, synced, renamed over it.
Result<void> replace_file_at(const Fd& directory, const std::string& directory_path,
                             const std::string& name, std::string_view content, mode_t mode);

// The same for a path anywhere.
Result<std::string> read_file(const std::string& path, std::size_t cap_octets);
Result<void> replace_file(const std::string& path, std::string_view content, mode_t mode);

}  // namespace llmrec::tls
