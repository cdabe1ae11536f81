// A captured or made-up exchange as blocks of octets with their instants, played to a tap. The
// file format is described in tests/fixtures/exchange.py.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "record/record.h"
#include "tap/tap.h"

namespace llmrec::replay {

struct Block {
  Instant at;
  tap::Dir dir = tap::Dir::request;
  std::string octets;
  record::CloseHow end = record::CloseHow::none;  // this instead of octets
};

using Exchange = std::vector<Block>;

// Throws std::runtime_error where it is not such a file.
Exchange parse(Bytes file);
std::string read_file(const std::string& path);
// The files of a folder with this ending, in order.
std::vector<std::string> files(const std::string& folder, const std::string& ending);

std::size_t octets_of(const Exchange&);
std::string octets_of(const Exchange&, tap::Dir);

// What the tap makes of it when the octets, counted over both directions in their order, come cut
// at these places (sorted). The client's socket takes everything at once.
std::vector<record::Record> play(const Exchange&, const std::vector<std::size_t>& cuts = {});

// The first `count` octets of the answer, then this end.
Exchange truncated(const Exchange&, std::size_t count, tap::Dir who, record::CloseHow how);

// --- twins: other octets that say the same
// --------------------------------------------------------

// The one request and the one whole answer of an exchange; `whole` is false where there are not
// just these.
struct Parts {
  bool whole = false;
  std::string request;
  int status = 0;
  std::string type;
  std::string coding;
  std::string body;
};
Parts parts(const Exchange&);
// The same at three instants, with the body in one chunk.
Exchange build(const Parts&);

std::string with_line_ends(const std::string& stream, const std::string& eol);  // given with "\n"
// The members of all objects in the JSON of a stream's events, or of a plain text, in another
// order.
std::string shuffled_events(const std::string& stream, std::uint64_t seed);
std::string shuffled(const std::string& json, std::uint64_t seed);

// Without what only counts octets on the wire.
record::Record without_sizes(record::Record);

}  // namespace llmrec::replay
