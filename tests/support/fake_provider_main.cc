// fake-provider: the tests' provider as a program, for tries by hand, other languages' clients and
// benchmarks. Plays what the request's x-fake header asks for until SIGTERM or SIGINT.
#include <fmt/format.h>
#include <signal.h>

#include <charconv>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "support/fake_provider.h"
#include "support/fake_scenes.h"
#include "support/temp_dir.h"
#include "support/test_ca.h"

namespace {

using namespace llmrec::support;

constexpr int kUsageError = 2;

struct Flags {
  std::uint16_t port = 0;
  bool plain = false;
  bool help = false;
  std::string ca_dir, ready_file;
  std::vector<std::string> hosts;
};

void print_help() {
  fmt::print(
      "fake-provider [--port N] [--plain] [--ca-dir DIR] [--host NAME]... [--ready-file FILE]\n"
      "\n"
      "Listens on 127.0.0.1 and prints `listening 127.0.0.1:PORT ca DIR/ca.pem` (with --plain:\n"
      "`listening 127.0.0.1:PORT plain`). Serves until SIGTERM.\n"
      "\n"
      "  --port N           0, the default: any free port\n"
      "  --plain            HTTP without TLS\n"
      "  --ca-dir DIR       where ca.pem is written; default: a directory that is gone at the end\n"
      "  --host NAME        for the certificate, beside localhost and 127.0.0.1; may be repeated;\n"
      "                     default: api.openai.com\n"
      "  --ready-file FILE  the same line, written once connections are accepted\n"
      "\n"
      "The request header `x-fake: key=value; key=value` chooses the answer. Without it a body "
      "that\n"
      "asks \"stream\": true gets a text stream, any other request a JSON answer.\n"
      "\n"
      "{}",
      scene_help());
}

// nullopt: not understood, and said so.
std::optional<Flags> parse(int argc, char** argv) {
  Flags flags;
  for (int i = 1; i < argc; ++i) {
    const std::string flag = argv[i];
    if (flag == "--help" || flag == "-h") {
      flags.help = true;
      continue;
    }
    if (flag == "--plain") {
      flags.plain = true;
      continue;
    }
    const bool known =
        flag == "--port" || flag == "--ca-dir" || flag == "--host" || flag == "--ready-file";
    if (!known || i + 1 == argc) {
      fmt::print(stderr, "fake-provider: {} {}; see --help\n", flag,
                 known ? "needs a value" : "is not a flag");
      return std::nullopt;
    }
    const std::string value = argv[++i];
    if (flag == "--ca-dir") flags.ca_dir = value;
    if (flag == "--ready-file") flags.ready_file = value;
    if (flag == "--host") flags.hosts.push_back(value);
    if (flag != "--port") continue;
    const auto [end, error] =
        std::from_chars(value.data(), value.data() + value.size(), flags.port);
    if (error != std::errc{} || end != value.data() + value.size()) {
      fmt::print(stderr, "fake-provider: --port {} is not a port\n", value);
      return std::nullopt;
    }
  }
  if (flags.hosts.empty()) flags.hosts = {"api.openai.com"};
  return flags;
}

void announce(const Flags& flags, const std::string& line) {
  fmt::print("{}\n", line);
  std::fflush(stdout);
  if (flags.ready_file.empty()) return;
  // Renamed into place, so that who sees the file sees the whole line.
  write_file(flags.ready_file + ".new", line + "\n");
  std::filesystem::rename(flags.ready_file + ".new", flags.ready_file);
}

int serve(const Flags& flags) {
  // Blocked before any thread exists: the threads inherit the mask and only sigwait sees them.
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);

  std::optional<TempDir> own_dir;
  std::optional<TestCa> ca;
  ProviderOptions options;
  if (!flags.plain) {
    std::filesystem::path dir = flags.ca_dir;
    if (dir.empty()) dir = own_dir.emplace().path();
    std::filesystem::create_directories(dir);
    ca.emplace(dir);
    auto names = flags.hosts;
    names.insert(names.end(), {"localhost", "127.0.0.1"});
    options = provider_with(*ca, LeafKind::good, names);
  }
  options.port = flags.port;
  options.keep_logs = false;
  options.limit_ms = 24 * 3600 * 1000LL;
  FakeProvider provider(std::move(options));
  announce(flags, fmt::format("listening 127.0.0.1:{} {}", provider.port(),
                              ca ? "ca " + ca->file() : "plain"));
  int signal = 0;
  sigwait(&ends, &signal);
  provider.stop();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const auto flags = parse(argc, argv);
    if (!flags) return kUsageError;
    if (!flags->help) return serve(*flags);
    print_help();
    return 0;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "fake-provider: %s\n", e.what());
    return 1;
  }
}
