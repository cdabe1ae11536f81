#include "netns.h"

#include <doctest/doctest.h>
#include <sched.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "support/process.h"
#include "support/temp_dir.h"

namespace llmrec::integration {
namespace {

constexpr int kSkipped = 77;

[[noreturn]] void skip(const char* why) {
  std::fprintf(stderr, "skipped: %s\n", why);
  std::exit(kSkipped);
}

bool runs(const std::vector<std::string>& argv, const std::string& input = {}) {
  try {
    support::ProcessOptions options;
    options.argv = argv;
    options.stdin_text = input;
    return support::run(options).status == support::ExitStatus{0, 0};
  } catch (const std::exception&) {
    return false;  // not installed
  }
}

}  // namespace

void enter_own_network() {
  static bool inside = false;
  if (inside) return;
  if (::unshare(CLONE_NEWNET | CLONE_NEWNS) != 0) skip("needs root, for a network of its own");
  if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) skip("cannot mount");
  if (!runs({"ip", "link", "set", "lo", "up"})) skip("ip of iproute2 is missing");
  if (!runs({"nft", "-f", "-"}, "table inet probe { chain c { type nat hook output priority -100; "
                                "} }\n")) {
    skip("nft of nftables is missing, or the kernel has no NAT");
  }
  inside = true;
}

void add_rules(const std::string& rules) { REQUIRE(runs({"nft", "-f", "-"}, rules)); }

void set_hosts(const std::string& content) {
  static const support::TempDir dir;
  support::write_file(dir.path() / "hosts", content);
  static const bool mounted =
      ::mount(dir.file("hosts").c_str(), "/etc/hosts", nullptr, MS_BIND, nullptr) == 0;
  REQUIRE(mounted);
}

AsUser::AsUser(unsigned uid) : before_(static_cast<unsigned>(::setfsuid(uid))) {}

AsUser::~AsUser() { ::setfsuid(before_); }

}  // namespace llmrec::integration
