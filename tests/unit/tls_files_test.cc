#include "tls/files.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "tls_pair.h"

using namespace llmrec;
using namespace llmrec::tls;
using namespace llmrec::tls::test;

namespace {

mode_t mode_of(const std::string& path) {
  struct stat st = {};
  REQUIRE(::stat(path.c_str(), &st) == 0);
  return st.st_mode & 07777;
}

std::size_t entries(const std::string& dir) {
  std::size_t n = 0;
  for (const auto& e : std::filesystem::directory_iterator(dir)) n += !e.path().empty();
  return n;
}

}  // namespace

TEST_CASE("a file is replaced at once, with the mode that was asked for") {
  const TemporaryDirectory dir;
  const mode_t old = ::umask(077);
  REQUIRE(replace_file(dir.file("f"), "one", 0644).has_value());
  ::umask(old);
  CHECK(slurp(dir.file("f")) == "one");
  CHECK(mode_of(dir.file("f")) == 0644);
  REQUIRE(replace_file(dir.file("f"), "two", 0600).has_value());
  CHECK(slurp(dir.file("f")) == "two");
  CHECK(mode_of(dir.file("f")) == 0600);
  CHECK(entries(dir.path()) == 1);
  SUBCASE("a reader of the old one keeps it") {
    std::ifstream reader(dir.file("f"));
    REQUIRE(replace_file(dir.file("f"), "three", 0600).has_value());
    std::string seen;
    reader >> seen;
    CHECK(seen == "two");
  }
  SUBCASE("a link is replaced, not followed") {
    spill(dir.file("elsewhere"), "mine");
    std::filesystem::create_symlink("elsewhere", dir.file("link"));
    REQUIRE(replace_file(dir.file("link"), "x", 0600).has_value());
    CHECK(slurp(dir.file("elsewhere")) == "mine");
  }
  SUBCASE("what cannot be leaves nothing behind") {
    std::filesystem::create_directory(dir.file("d"));
    spill(dir.file("d/x"), "x");
    const auto r = replace_file(dir.file("d"), "x", 0600);
    CHECK_FALSE(r.has_value());
    CHECK(entries(dir.path()) == 2);
    CHECK(replace_file(dir.file("nowhere/f"), "x", 0600).error().code == Code::not_found);
    CHECK(replace_file(dir.path() + "/", "x", 0600).error().code == Code::bad_argument);
  }
}

TEST_CASE("reads are bounded and say why not") {
  const TemporaryDirectory dir;
  spill(dir.file("f"), std::string(100'000, 'x'));
  CHECK(must(read_file(dir.file("f"), 100'000)).size() == 100'000);
  CHECK(read_file(dir.file("f"), 99'999).error().code == Code::full);
  const auto missing = read_file(dir.file("g"), 10);
  CHECK(missing.error().code == Code::not_found);
  CHECK(missing.error().detail.find("g: No such file") != std::string::npos);
  CHECK(read_file(dir.path(), 10).error().code == Code::io);
}

TEST_CASE("private directories and private files") {
  const TemporaryDirectory dir;
  const std::string path = dir.file("deep/er/ca");
  {
    const Fd made = must(make_private_directory(path));
    CHECK(mode_of(path) == 0700);
    CHECK(must(make_private_directory(path)).ok());
    spill(path + "/k", "key");
    REQUIRE(::chmod((path + "/k").c_str(), 0640) == 0);
    const auto r = read_file_at(made, path, "k", 100, Secrecy::owner_only);
    CHECK(r.error().code == Code::permission);
    CHECK(r.error().detail.find("chmod 600") != std::string::npos);
    CHECK(must(read_file_at(made, path, "k", 100, Secrecy::open_to_all)) == "key");
    REQUIRE(::chmod((path + "/k").c_str(), 0600) == 0);
    CHECK(must(read_file_at(made, path, "k", 100, Secrecy::owner_only)) == "key");
    std::filesystem::create_symlink("k", path + "/l");
    CHECK(read_file_at(made, path, "l", 100, Secrecy::owner_only).error().code == Code::permission);
  }
  for (const mode_t mode : {0750U, 0701U, 0777U}) {
    REQUIRE(::chmod(path.c_str(), mode) == 0);
    const auto r = open_private_directory(path);
    REQUIRE_FALSE(r.has_value());
    CHECK(r.error().code == Code::permission);
    CHECK(r.error().detail.find("chmod 700 " + path) != std::string::npos);
  }
  spill(dir.file("file"), "x");
  CHECK_FALSE(open_private_directory(dir.file("file")).has_value());
  CHECK(open_private_directory(dir.file("none")).error().code == Code::not_found);
  if (::geteuid() == 0) {  // only root can give a directory away
    REQUIRE(::chmod(path.c_str(), 0700) == 0);
    REQUIRE(::chown(path.c_str(), 65534, 65534) == 0);
    CHECK(open_private_directory(path).error().code == Code::permission);
  }
}
