// Runs a target over files, or over numbers, without libFuzzer.
//   fuzz-NAME FILE-OR-DIRECTORY...     each file once
//   fuzz-NAME --seeds N [--from S]     N inputs of 8 octets that the numbers from S on draw
#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "fuzz/fuzz.h"

namespace {

void run(const std::string& octets) {
  // Its own allocation, so that a sanitizer sees the end.
  const std::vector<std::uint8_t> copy(octets.begin(), octets.end());
  LLVMFuzzerTestOneInput(copy.data(), copy.size());
}

std::string current;

// What stood on the screen last must name the input that broke something.
void say_which(int) {
  std::fputs(("with " + current + "\n").c_str(), stderr);
  std::fflush(stderr);
  std::signal(SIGABRT, SIG_DFL);
  std::abort();
}

bool parse(const char* text, std::uint64_t& out) {
  const char* end = text + std::strlen(text);
  const auto [at, error] = std::from_chars(text, end, out);
  return error == std::errc() && at == end;
}

int run_seeds(std::uint64_t count, std::uint64_t from) {
  for (std::uint64_t seed = from; seed != from + count; ++seed) {
    current = "--seeds 1 --from " + std::to_string(seed);
    const std::uint64_t drawn = llmrec::fuzz::Random(seed).next();
    std::string octets;
    for (int i = 0; i < 8; ++i) octets += static_cast<char>(drawn >> (8 * i) & 0xffU);
    run(octets);
  }
  std::printf("%llu seeds\n", static_cast<unsigned long long>(count));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGABRT, say_which);
  if (argc > 1 && std::strcmp(argv[1], "--seeds") == 0) {
    std::uint64_t count = 0;
    std::uint64_t from = 0;
    const bool with_from = argc == 5 && std::strcmp(argv[3], "--from") == 0;
    if ((argc == 3 || with_from) && parse(argv[2], count) && (!with_from || parse(argv[4], from))) {
      return run_seeds(count, from);
    }
    std::fprintf(stderr, "usage: %s --seeds N [--from S]\n", argv[0]);
    return 2;
  }
  std::vector<std::string> paths;
  for (int i = 1; i < argc; ++i) {
    if (!std::filesystem::is_directory(argv[i])) {
      paths.emplace_back(argv[i]);
      continue;
    }
    for (const auto& entry : std::filesystem::directory_iterator(argv[i])) {
      paths.push_back(entry.path().string());
    }
  }
  std::sort(paths.begin(), paths.end());
  for (const std::string& path : paths) {
    current = path;
    std::ifstream in(path, std::ios::binary);
    if (!in) {
      std::fprintf(stderr, "cannot read %s\n", path.c_str());
      return 2;
    }
    run({std::istreambuf_iterator<char>(in), {}});
  }
  std::printf("%zu inputs\n", paths.size());
  return paths.empty() ? 2 : 0;  // a corpus that went missing is no pass
}
