#include "netns.h"

#include <doctest/doctest.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <set>
#include <vector>

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
  if (!runs({"nft", "-f", "-"},
            "table inet probe {\n  chain c {\n    type nat hook output priority -100;\n  }\n}\n")) {
    skip("nft of nftables is missing, or the kernel has no NAT");
  }
  inside = true;
}

void set_rules(const std::string& hook, const std::string& rule) {
  REQUIRE(runs({"nft", "-f", "-"}, "flush ruleset\ntable inet t {\n  chain c {\n    type " + hook +
                                       ";\n    " + rule + "\n  }\n}\n"));
}

namespace {

void replace(const std::string& file, const std::string& content) {
  static const support::TempDir dir;
  static std::set<std::string> mounted;
  const std::string name = file.substr(file.rfind('/') + 1);
  support::write_file(dir.path() / name, content);
  if (!mounted.insert(file).second) return;
  REQUIRE(::mount(dir.file(name).c_str(), file.c_str(), nullptr, MS_BIND, nullptr) == 0);
}

}  // namespace

void set_hosts(const std::string& content) { replace("/etc/hosts", content); }

void set_silent_resolver(int seconds) {
  replace("/etc/resolv.conf",
          "nameserver 127.0.0.9\noptions attempts:1 timeout:" + std::to_string(seconds) + "\n");
  set_rules("filter hook input priority 0", "udp dport 53 drop");
}

}  // namespace llmrec::integration
