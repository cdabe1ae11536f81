// A directory that goes with the test, and streams that a test reads.
#pragma once

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <sstream>
#include <string>

#include "cli/terminal.h"

namespace llmrec::cli {

struct TempDir {
  TempDir() {
    std::string name = (std::filesystem::temp_directory_path() / "llmrec-test.XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  std::string path;
};

struct Captured {
  std::ostringstream out;
  std::ostringstream err;
  std::map<std::string, std::string> variables;
  Streams streams{out, err, false,
                  [this](const std::string& name) -> std::optional<std::string> {
                    const auto at = variables.find(name);
                    if (at == variables.end()) return std::nullopt;
                    return at->second;
                  },
                  1'782'820'000'000};
};

}  // namespace llmrec::cli
