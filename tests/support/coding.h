// Content codings for test bodies: encodes piece by piece, each flushed so that a reader can decode
// it at once (as servers do for event streams), and decodes with the system's libraries.
// Throws std::runtime_error. One thread per object.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace llmrec::support {

enum class Coding { identity, gzip, deflate, br, zstd };

const char* name_of(Coding);  // as in Content-Encoding (RFC 9110 §8.4.1); "identity"
std::optional<Coding> coding_named(Bytes);

// One coded piece per plain piece; the last also holds the end of the coded stream.
std::vector<std::string> encode(Coding, const std::vector<std::string>& pieces);

struct Decoded {
  std::string text;
  bool complete = false;  // the end of the coded stream was seen
  bool broken = false;    // these are not the bytes of that coding
};
Decoded decode(Coding, Bytes);

}  // namespace llmrec::support
