// A plain, incremental reader of HTTP/1.x messages (RFC 9112) for transcripts and assertions. It is
// written apart from the program's own parser, so that the two can disagree.
// Strict about what it understands, and says in broken() what it did not. Knows nothing of sockets.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "support/digest.h"

namespace llmrec::support {

struct HttpMessage {
  enum class Framing { none, length, chunked, until_close };

  std::string head;  // raw, from the start line to the blank line
  std::string start_line;
  std::string method, target, version;  // version: "HTTP/1.1"
  int status = 0;                       // of a response
  std::vector<std::pair<std::string, std::string>> headers;
  Framing framing = Framing::none;
  std::string body;  // de-chunked, still coded; at most the reader's cap
  std::uint64_t body_bytes = 0;
  std::string body_sha256;                 // of the whole body, once it is complete
  std::vector<std::uint64_t> chunk_sizes;  // without the last, empty one
  std::string trailers;                    // raw lines
  bool complete = false;

  // The first of that name, in any case; empty when there is none.
  std::string header(Bytes name) const;
  bool has_header(Bytes name) const;
  bool keeps_alive() const;
};

class HttpReader {
 public:
  enum class Kind { request, response };
  static constexpr std::size_t kHeadCap = 1u << 20;
  static constexpr std::size_t kChunkSizesCap = 1u << 20;

  explicit HttpReader(Kind kind, std::size_t body_cap = 64u << 20)
      : kind_(kind), body_cap_(body_cap) {}

  // Responses only: the method of the request that the next final answer belongs to.
  void expect(std::string method) { methods_.push_back(std::move(method)); }
  void feed(Bytes);
  void end();  // the stream is over: completes a body that is delimited by its close

  // Complete messages, oldest first; 1xx answers are messages of their own. Take them from here.
  std::deque<HttpMessage>& ready() { return ready_; }
  // A message whose head is read and whose body is not; null when there is none.
  const HttpMessage* current() const { return in_body_ ? &message_ : nullptr; }
  // Octets of a head that is not complete, or behind the last message.
  bool idle() const { return !in_body_ && buffer_.empty(); }
  bool broken() const { return !why_.empty(); }
  const std::string& why() const { return why_; }

 private:
  enum class State { head, length, chunk_size, chunk_data, chunk_end, trailers, until_close };

  bool step();
  bool read_head();
  bool parse_head();
  bool choose_framing();
  bool read_chunk_size();
  bool read_trailer();
  std::optional<std::string> take_line();
  void take_body(std::uint64_t most);
  void finish();
  bool fail(std::string why);

  Kind kind_;
  std::size_t body_cap_;
  State state_ = State::head;
  std::string buffer_;
  HttpMessage message_;
  Sha256 digest_;
  bool in_body_ = false;
  std::uint64_t left_ = 0;
  std::deque<std::string> methods_;
  std::deque<HttpMessage> ready_;
  std::string why_;
};

// All messages in some bytes; the last one may be incomplete. `methods` belong to the answers.
struct ParsedHttp {
  std::vector<HttpMessage> messages;
  std::string broken;  // why reading stopped; empty: it did not
  bool whole = false;  // ended on a message boundary
};
ParsedHttp parse_http(HttpReader::Kind, Bytes, bool ended, std::vector<std::string> methods = {});

}  // namespace llmrec::support
