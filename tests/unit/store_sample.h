// Directories, entries and child processes for the tests of the store.
#pragma once

#include <doctest/doctest.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>
#include <utility>

#include "base/id.h"
#include "store/store.h"

namespace llmrec::store::sample {

class TempDir {
 public:
  TempDir() {
    const char* base = std::getenv("TMPDIR");
    std::string name = std::string(base != nullptr ? base : "/tmp") + "/llmrec-store-XXXXXX";
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string store() const { return path_ + "/store"; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// A small file system in memory; not mounted where this process may not.
class Tmpfs {
 public:
  Tmpfs(std::string at, const char* size) : at_(std::move(at)) {
    std::filesystem::create_directory(at_);
    std::filesystem::permissions(at_, std::filesystem::perms::owner_all);
    mounted_ = ::mount("tmpfs", at_.c_str(), "tmpfs", 0, size) == 0;
    if (!mounted_) MESSAGE("skipped: cannot mount a tmpfs here");
  }
  Tmpfs(const Tmpfs&) = delete;
  Tmpfs& operator=(const Tmpfs&) = delete;
  ~Tmpfs() {
    if (mounted_) ::umount2(at_.c_str(), MNT_DETACH);
  }
  bool mounted() const { return mounted_; }
  bool make_read_only() const {
    return ::mount(nullptr, at_.c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr) == 0;
  }

 private:
  std::string at_;
  bool mounted_ = false;
};

// Ascending ids, one per second from 1'700'000'000'000 ms on.
inline RecordId id_of(std::uint64_t n) {
  RecordId id;
  const std::uint64_t ms = 1'700'000'000'000 + n * 1000;
  for (std::size_t i = 0; i < 6; ++i) {
    id.octets[i] = static_cast<std::uint8_t>(ms >> (8 * (5 - i)));
  }
  for (std::size_t i = 0; i < 8; ++i) {
    id.octets[8 + i] = static_cast<std::uint8_t>(n >> (8 * (7 - i)));
  }
  return id;
}

inline Entry entry_of(std::uint64_t n, Kind kind = Kind::final, std::size_t bytes = 900) {
  Entry e;
  e.key = id_of(n);
  e.kind = kind;
  e.blob = "blob-" + std::to_string(n) + "-";
  if (e.blob.size() < bytes) e.blob.resize(bytes, static_cast<char>('a' + n % 26));
  if (kind == Kind::final) {
    e.ids = {{0, "client-" + std::to_string(n)}, {1, "provider-" + std::to_string(n / 2)}};
    e.status = static_cast<std::uint8_t>(1 + n % 3);
    e.stage = static_cast<std::uint8_t>(n % 4);
  }
  return e;
}

inline WriterOptions options_in(const TempDir& dir, std::size_t map_bytes = 64 * 1024 * 1024) {
  WriterOptions o;
  o.dir = dir.store();
  o.map_bytes = map_bytes;
  o.hmac_key.fill(7);
  o.now_ms = 1'700'000'000'000;
  return o;
}

// Runs `body` in a child; its result is the exit status. Fork before anything is opened.
inline pid_t start_child(const std::function<int()>& body) {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    int status = 99;
    try {
      status = body();
    } catch (...) {
    }
    ::_exit(status);
  }
  return child;
}

inline int wait_for(pid_t child) {
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

inline int in_child(const std::function<int()>& body) { return wait_for(start_child(body)); }

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace llmrec::store::sample
