// Texts that are compared with files of golden/. LLMREC_UPDATE_GOLDENS=1 writes the files instead:
// read the difference before you keep it.
#pragma once

#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

namespace llmrec::golden {

inline std::string read(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline void check(const std::string& name, const std::string& text) {
  const std::string path = std::string(LLMREC_GOLDEN_DIR) + "/" + name;
  if (std::getenv("LLMREC_UPDATE_GOLDENS") != nullptr) {
    std::ofstream(path, std::ios::binary) << text;
  }
  INFO(path);
  CHECK(text == read(path));
}

}  // namespace llmrec::golden
