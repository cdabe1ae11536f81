// What a fake provider plays on a connection: a Script is a list of steps, and an Answer builds the
// usual ones. Knows HTTP/1.1 framing and nothing of providers, sockets or TLS.
//
//   handler = [](const Request&) { return cut_at(play(answer), 700, How::rst); };
//
// A script that runs out leaves the connection open for the next request, unless it (or the
// request) ended it. Pure; any thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "support/coding.h"

namespace llmrec::support {

struct Send {
  std::string bytes = {};  // one TLS record (per 16 KiB) and one write of its own
};
struct SendBulk {  // digest.h's deterministic content
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
};
struct Delay {  // a part of the scenario; to synchronise use WaitFor
  std::int64_t ms = 0;
};
struct WaitFor {  // until the test opens the gate of that name
  std::string gate = {};
};
struct ReadRequest {};  // until one more request is complete; the handler is not asked
struct Raw {};          // from here on the client's bytes are no HTTP (after a 101)
struct ReadRaw {        // until so many bytes have come since Raw, or before TLS since the accept
  std::uint64_t bytes = 0;
};
struct ReadHead {};  // before TLS: a CONNECT head, kept in the log; makes a proxy of the provider
struct ReadUntilEof {};  // until the client said close_notify, FIN or RST; what it sends is logged
struct Reading {         // off: bytes pile up in the kernel and the client's writes come to a halt
  bool on = true;
};
struct CloseNotify {};  // the TLS end alone; TCP stays open
struct Fin {};          // TCP FIN without close_notify: a truncation to TLS
struct Rst {};          // once everything sent was acknowledged; ends the script
struct Close {};        // close_notify and FIN
struct Loop {};         // ends the script; the next request may come

using Step = std::variant<Send, SendBulk, Delay, WaitFor, ReadRequest, Raw, ReadRaw, ReadHead,
                          ReadUntilEof, Reading, CloseNotify, Fin, Rst, Close, Loop>;
using Script = std::vector<Step>;

enum class How { fin, rst, close_notify };  // close_notify: followed by a FIN, as servers do
Step ending(How);

// The script up to exactly `offset` bytes of what it sends (the head counts), then the ending.
// Longer than the script: all of it, then the ending.
Script cut_at(const Script&, std::uint64_t offset, How);

std::uint64_t bytes_sent_by(const Script&);
std::string text_sent_by(const Script&);  // bulk content included

enum class Framing { chunked, length, close };

struct Answer {
  int status = 200;
  std::string reason = {};                                        // empty: the usual one
  std::vector<std::pair<std::string, std::string>> headers = {};  // framing and coding are added
  std::vector<std::string> body =
      {};  // pieces: each is flushed by the coding, sent alone, one chunk
  Framing framing = Framing::chunked;
  Coding coding = Coding::identity;
  std::vector<std::size_t> chunk_sizes = {};  // not empty: the coded body is cut anew, in turn
  std::vector<std::string> trailers = {};     // "name: value", chunked only
  std::vector<std::string> interim = {};      // whole 1xx heads, sent before
  bool head_only = false;                     // HEAD and 304: the head as if there were a body
  bool close = false;                         // says Connection: close and does so
  bool at_once = false;                       // head and body in a single step
  std::int64_t delay_ms = 0;                  // before every piece but the first
  std::map<std::size_t, Script> before = {};  // more steps before piece N (0-based, as sent)
};

struct Reply {
  Script script;
  std::uint64_t head_bytes = 0;           // the interim heads count
  std::vector<std::uint64_t> piece_ends;  // offset behind each piece as sent
};
Reply build(const Answer&);
Script play(const Answer&);

// The bytes that framing alone makes of an answer's body, before chunking: coded, joined.
std::string coded_body(const Answer&);

// `length` bytes of bulk content with their SHA-256 in the header x-bulk-sha256.
Script bulk(std::uint64_t length, Framing, std::size_t chunk = 65536);

Answer json(std::string body, int status = 200);
Answer events(std::vector<std::string> pieces);  // text/event-stream, chunked

const char* reason_of(int status);

}  // namespace llmrec::support
