#include "cli/pager.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <map>
#include <ostream>

#include "base/limits.h"
#include "cli_temp.h"

using namespace llmrec;
using namespace llmrec::cli;

namespace {

struct File {
  TempDir dir;
  std::string path = dir.path + "/out";
  int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  ~File() { ::close(fd); }
  std::string content() const {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
  }
};

std::string lines(int n) {
  std::string out;
  for (int i = 0; i < n; ++i) out += "line " + std::to_string(i) + "\n";
  return out;
}

}  // namespace

TEST_CASE("which pager") {
  std::map<std::string, std::string> variables;
  const auto get = [&variables](const std::string& name) -> std::optional<std::string> {
    const auto at = variables.find(name);
    if (at == variables.end()) return std::nullopt;
    return at->second;
  };
  CHECK(pager_command(get) == "less");
  variables["PAGER"] = "more";
  CHECK(pager_command(get) == "more");
  variables["LLMREC_PAGER"] = "less -S";
  CHECK(pager_command(get) == "less -S");
  variables["LLMREC_PAGER"] = "";
  CHECK(pager_command(get).empty());
  variables["LLMREC_PAGER"] = "cat";
  CHECK(pager_command(get).empty());
}

TEST_CASE("what fits the screen is printed as it is") {
  const File file;
  Pager pager("sed s/^/paged:/", 10, file.fd);
  std::ostream out(&pager);
  out << lines(9);
  CHECK(file.content().empty());
  CHECK(pager.finish());
  CHECK(file.content() == lines(9));
}

TEST_CASE("what does not fit goes through the pager, all of it") {
  const File file;
  Pager pager("sed s/^/paged:/", 10, file.fd);
  std::ostream out(&pager);
  for (int i = 0; i < 2000; ++i) out << "x" << '\n';
  CHECK(out.good());
  CHECK(pager.finish());
  std::string expected;
  for (int i = 0; i < 2000; ++i) expected += "paged:x\n";
  CHECK(file.content() == expected);
}

TEST_CASE("a long line counts too, and no pager at all prints at once") {
  const File file;
  Pager pager("", 10, file.fd);
  std::ostream out(&pager);
  out << std::string(limits::kPagerHeldOctets, 'x');
  CHECK(file.content().size() == limits::kPagerHeldOctets);
  out << "y";
  CHECK(pager.finish());
  CHECK(file.content().back() == 'y');
}

TEST_CASE("a pager that is not there does not swallow the text") {
  const File file;
  Pager pager("no-such-pager -x", 2, file.fd);
  std::ostream out(&pager);
  out << lines(5);
  CHECK(pager.finish());
  CHECK(file.content() == lines(5));
}

TEST_CASE("who leaves the pager early ends the output, not the program") {
  const File file;
  Pager pager("true", 2, file.fd);
  std::ostream out(&pager);
  for (int i = 0; i < 100'000 && out.good(); ++i) out << lines(10);
  CHECK_FALSE(out.good());
  CHECK(pager.finish());
}
