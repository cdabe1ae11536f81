// A private directory (0700) under $TMPDIR or /tmp that is gone, with its content, when its owner
// is.
#pragma once

#include <filesystem>
#include <string>

#include "base/bytes.h"

namespace llmrec::support {

class TempDir {
 public:
  TempDir();  // throws std::runtime_error
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::string file(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

void write_file(const std::filesystem::path&, Bytes content);  // throws std::runtime_error
std::string read_file(const std::filesystem::path&);           // throws std::runtime_error

}  // namespace llmrec::support
