#include "store/directory.h"

#include <doctest/doctest.h>
#include <lmdb.h>
#include <sys/stat.h>

#include <cerrno>
#include <fstream>

#include "store_sample.h"

using namespace llmrec::store;
using llmrec::Code;
using sample::contains;

TEST_CASE("a directory is made with its parents, for its owner only") {
  const sample::TempDir dir;
  const std::string deep = dir.path() + "/a/b/store";
  REQUIRE(make_directory(deep));
  struct stat st {};
  REQUIRE(::stat(deep.c_str(), &st) == 0);
  CHECK((st.st_mode & 07777) == 0700);
  CHECK(make_directory(deep));         // again
  CHECK(make_directory(deep + "2/"));  // with a slash
}

TEST_CASE("a file in the way of the directory is named") {
  const sample::TempDir dir;
  std::ofstream(dir.path() + "/file") << "x";
  const auto made = make_directory(dir.path() + "/file");
  REQUIRE_FALSE(made);
  CHECK(contains(made.error().detail, dir.path() + "/file"));
  CHECK_FALSE(make_directory(dir.path() + "/file/store"));
}

TEST_CASE("a second writer is refused and told who the first is") {
  const sample::TempDir dir;
  auto first = WriterLock::take(dir.path());
  REQUIRE(first);
  const auto second = WriterLock::take(dir.path());
  REQUIRE_FALSE(second);
  CHECK(second.error().code == Code::in_use);
  CHECK(contains(second.error().detail, "process " + std::to_string(::getpid())));
  {
    const WriterLock moved = *std::move(first);
    CHECK_FALSE(WriterLock::take(dir.path()));
  }
  CHECK(WriterLock::take(dir.path()));
}

TEST_CASE("whether a writer lives, without becoming one") {
  const sample::TempDir dir;
  CHECK(living_writer(dir.path()) == 0);
  {
    const auto lock = WriterLock::take(dir.path());
    REQUIRE(lock);
    CHECK(living_writer(dir.path()) == ::getpid());
  }
  CHECK(living_writer(dir.path()) == 0);
}

TEST_CASE("data.mdb is looked at before it is mapped") {
  const sample::TempDir dir;
  const std::string path = dir.path() + "/data.mdb";
  REQUIRE(inspect(dir.path()));
  CHECK_FALSE(inspect(dir.path())->exists);

  std::ofstream(path, std::ios::trunc) << "";
  REQUIRE(inspect(dir.path()));
  CHECK_FALSE(inspect(dir.path())->exists);

  std::ofstream(path, std::ios::trunc) << std::string(9000, 'x');
  auto seen = inspect(dir.path());
  REQUIRE_FALSE(seen);
  CHECK(seen.error().code == Code::corrupt);

  std::string later(8192, '\0');  // the magic of LMDB lies elsewhere in other layouts
  later.replace(24, 4, "\xde\xc0\xef\xbe");
  std::ofstream(path, std::ios::trunc) << later;
  seen = inspect(dir.path());
  REQUIRE_FALSE(seen);
  CHECK(seen.error().code == Code::unsupported);
  CHECK(contains(seen.error().detail, "LMDB"));

  std::string version(8192, '\0');
  version.replace(16, 4, "\xde\xc0\xef\xbe");
  version[20] = 2;
  std::ofstream(path, std::ios::trunc) << version;
  seen = inspect(dir.path());
  REQUIRE_FALSE(seen);
  CHECK(seen.error().code == Code::unsupported);
}

TEST_CASE("errors say what to do") {
  const sample::TempDir dir;
  const struct {
    int code;
    Code kind;
    const char* words;
  } rows[] = {{MDB_MAP_FULL, Code::full, "size limit"},
              {ENOSPC, Code::full, "disk is full"},
              {EDQUOT, Code::full, "quota"},
              {EFBIG, Code::full, "ulimit -f"},
              {EROFS, Code::permission, "read-only"},
              {EACCES, Code::permission, "user"},
              {EAGAIN, Code::permission, "lock.mdb"},
              {MDB_INVALID, Code::corrupt, "LMDB 0.9"},
              {MDB_PAGE_NOTFOUND, Code::corrupt, "damaged"},
              {MDB_VERSION_MISMATCH, Code::unsupported, "version"},
              {MDB_READERS_FULL, Code::resource, "read"},
              {ENOENT, Code::not_found, "llmrec serve"},
              {EIO, Code::io, "EIO"},
              {MDB_BAD_TXN, Code::io, "MDB_BAD_TXN"}};
  for (const auto& row : rows) {
    const auto error = store_error(row.code, "open", dir.path());
    CAPTURE(error.detail);
    CHECK(error.code == row.kind);
    CHECK(contains(error.detail, row.words));
    CHECK(contains(error.detail, dir.path()));
    CHECK_FALSE(contains(error.detail, "\n"));
  }
}
